"""`finemoltex explain`, and the example that does the same and more."""

import json
from pathlib import Path

import pytest
import torch

from modeling_finemoltex import FineMolTexForPreTraining, MoleculeTextEncoder, MotifWordAligner

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "explain.py"
SMILES, TEXT = "c1ccccc1C#N", "a benzene with nitrile"


@pytest.fixture
def explain(run):
    return lambda *words, code=0: run("explain", SMILES, TEXT, *words, code=code)


def test_table_json_and_page(word_folder, tmp_path, explain):
    page = tmp_path / "pair.html"
    lines = explain("--model", word_folder, "--html", page).stdout.rstrip().splitlines()
    aligner = MotifWordAligner(MoleculeTextEncoder.from_pretrained(str(word_folder)))
    (expected,) = aligner.align([SMILES], [TEXT])
    assert [line.split()[1] for line in lines] == [motif.smiles for motif in expected.motifs]
    assert [line.split()[2] for line in lines] == [expected.best_words(place, 1)[0][0] for place in range(len(lines))]
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    found = json.loads(explain("--model", word_folder, "--json").stdout)
    assert found["text"] == TEXT and [word["text"] for word in found["words"]] == TEXT.split()
    assert found["similarity"][0][0] == pytest.approx(float(expected.similarity[0, 0]), abs=1e-3)


@pytest.fixture
def token_folder(change_config, processor, tmp_path):
    torch.manual_seed(0)
    model = FineMolTexForPreTraining(change_config(token_config={"size": 16, "levels": "both"}))
    model.save_pretrained(tmp_path / "tokens")
    processor.save_pretrained(tmp_path / "tokens")
    return tmp_path / "tokens"


def test_words_go_by_tokens_where_the_model_has_them(token_folder, tmp_path, run_file, explain):
    page = tmp_path / "pair.html"
    tokens, similarity = (
        explain("--model", token_folder, *words).stdout.rstrip().splitlines()
        for words in (("--html", page), ("--by", "similarity"))
    )
    assert "by tokens" in page.read_text(encoding="utf-8")
    aligner = MotifWordAligner(MoleculeTextEncoder.from_pretrained(str(token_folder)))
    (expected,) = aligner.align([SMILES], [TEXT])
    assert expected.tokens.any()
    for lines, kind in ((tokens, "tokens"), (similarity, "similarity")):
        for place, line in enumerate(lines):
            word, value = (expected.best_words(place, 1, kind) or [("-", 0.0)])[0]
            assert line.split()[2] == word and (word == "-" or line.split()[3] == f"{value:.2f}")
    assert tokens != similarity
    found = json.loads(explain("--model", token_folder, "--json").stdout)
    assert found["tokens"] == expected.to_dict()["tokens"]
    said = run_file(SCRIPT, SMILES, TEXT, "--model", token_folder).splitlines()
    assert [line.split(": ")[1].replace(",", " ") for line in said] == [line.split(None, 2)[2] for line in tokens]


def test_without_a_name_the_shipped_model_explains(run):
    found = json.loads(run("explain", "Clc1ccncc1", "a chlorinated pyridine", "--json").stdout)
    words, rows = [word["text"] for word in found["words"]], found["similarity"]
    assert [words[row.index(max(row))] for row in rows] == ["chlorinated", "pyridine"]


def test_errors_are_one_sentence(word_folder, tmp_path, explain):
    for words, message in (
        (("--model", tmp_path / "nowhere"), "cannot be loaded"),
        (("--model", word_folder, "--by", "luck"), "--by must be one of"),
        (("--model", word_folder, "--by", "tokens"), "'tokens' takes a model with a token score"),
        (("--model", word_folder, "--html", tmp_path / "pair.txt"), "give a file that ends in .html"),
    ):
        result = explain(*words, code=1)
        assert result.stderr.startswith("Error: ") and message in result.stderr and "Traceback" not in result.output


def test_the_example_explains_aligns_and_maps(word_folder, word_pairs, tmp_path, run_file):
    for name in ("matplotlib", "sklearn"):
        pytest.importorskip(name)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(
        "\n".join(["smiles,text", *(f"{smiles},{text}" for smiles, text in word_pairs)]), encoding="utf-8"
    )
    words = [SMILES, TEXT, "--model", word_folder, "--draw", tmp_path / "pair.html", tmp_path / "pair.matrix.svg"]
    words += ["--mask_motif", 0, "--mask_word", "nitrile", "--draw_masked", tmp_path / "bars.svg"]
    words += ["--map_pairs", pairs, "--draw_map", tmp_path / "map.svg"]
    said = run_file(SCRIPT, *words)
    assert said.startswith("motif 0") and "Masked motif" in said and "Masked word nitrile" in said
    for name in ("pair.html", "pair.matrix.svg", "bars.svg", "map.svg"):
        assert (tmp_path / name).stat().st_size > 1000
