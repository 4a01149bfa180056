"""The files of published protocols: what is read, and what is refused with the line."""

import pytest

from modeling_finemoltex.evaluation.protocol_files import (
    canonical_keys,
    read_atc_table,
    read_pool,
    read_tab_lines,
    split_sentences,
    stem_of,
)


def write(folder, name: str, *lines: str):
    file = folder / name
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_equal_molecules_have_equal_keys():
    assert canonical_keys(["OCC", "CCO", "C1CC"]).tolist() == ["CCO", "CCO", "C1CC"]
    assert stem_of("folder/pairs.csv.gz") == "pairs"


def test_every_name_of_a_drug_is_a_row(tmp_path):
    file = write(tmp_path, "atc.csv", "smiles,atc_name_1", "CCO,Skin;Blood;Skin", "C,")
    assert read_atc_table(file, "atc_name_1") == [("CCO", "Skin"), ("CCO", "Blood")]
    with pytest.raises(ValueError, match="needs the columns 'smiles' and 'atc_name_2'"):
        read_atc_table(file, "atc_name_2")


def test_lines_of_tabs_are_checked(tmp_path):
    assert read_tab_lines(write(tmp_path, "a.txt", "C\tan\ttext"), 2) == [["C", "an\ttext"]]
    with pytest.raises(ValueError, match="b.txt, line 2: expected 2 tab-separated cells, got 'CC'"):
        read_tab_lines(write(tmp_path, "b.txt", "C\ttext", "CC"), 2)
    with pytest.raises(ValueError, match="does not exist"):
        read_tab_lines(tmp_path / "c.txt", 2)


def test_a_pool_has_texts_everywhere_or_nowhere(tmp_path):
    plain = str(write(tmp_path, "plain.csv", "smiles", "C", "CC"))
    with_texts = str(write(tmp_path, "texts.csv", "smiles,text", "CCC,a gas"))
    assert read_pool([plain])["smiles"].tolist() == ["C", "CC"]
    assert read_pool([with_texts])["text"].tolist() == ["a gas"]
    with pytest.raises(ValueError, match="Some pool files have texts and some do not"):
        read_pool([plain, with_texts])
    with pytest.raises(ValueError, match="has no column named like smiles"):
        read_pool([str(write(tmp_path, "other.csv", "name", "ethanol"))])


def test_short_sentences_are_left_out():
    assert split_sentences("One two three. One two three four five. ") == ["One two three four five"]
