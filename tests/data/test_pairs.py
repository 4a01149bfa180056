"""Every documented source of pairs, and every way it can be wrong."""

import json

import datasets
import pandas as pd
import pytest
from rdkit import Chem

from modeling_finemoltex.data import load_pairs

PAIRS = [("CCO", "ethanol"), ("c1ccccc1", "benzene, a ring"), ("O", "NA"), ("C", "nan"), ("N", "123")]


def frame(smiles: str = "smiles", text: str = "text") -> pd.DataFrame:
    table = pd.DataFrame(PAIRS, columns=[smiles, text])
    table.insert(0, "extra", range(len(table)))
    return table


def write(path, table: pd.DataFrame):
    suffix = path.name.removesuffix(".gz").rsplit(".")[-1]
    if suffix == "parquet":
        table.to_parquet(path)
    elif suffix == "jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_csv(path, index=False, sep="," if suffix == "csv" else "\t")
    return str(path)


def pairs(dataset) -> list[tuple[str, str]]:
    rows = list(dataset)
    assert [row["row"] for row in rows] == list(range(len(rows)))
    assert all(set(row) == {"smiles", "text", "row"} for row in rows)
    return [(row["smiles"], row["text"]) for row in rows]


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv", "a.tsv.gz", "a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_formats(tmp_path, name, streaming):
    loaded = load_pairs(write(tmp_path / name, frame()), streaming=streaming)
    assert isinstance(loaded, datasets.IterableDataset if streaming else datasets.Dataset)
    assert pairs(loaded) == PAIRS


@pytest.mark.parametrize(
    ("smiles", "text"),
    [("SMILES", "description"), ("canonical_smiles", "caption"), ("Smiles", "iupac_name"), ("smiles", "name")],
)
def test_usual_column_names(tmp_path, smiles, text):
    assert pairs(load_pairs(write(tmp_path / "a.csv", frame(smiles, text)))) == PAIRS


def test_named_columns_and_swapped_order(tmp_path):
    path = write(tmp_path / "a.csv", frame("structure", "note").loc[:, ["note", "extra", "structure"]])
    assert pairs(load_pairs(path, smiles_column="structure", text_column="note")) == PAIRS


def test_text_wins_over_name(tmp_path):
    table = frame().assign(name="the name")
    assert pairs(load_pairs(write(tmp_path / "a.parquet", table))) == PAIRS


def test_several_files_glob_and_folder_with_splits(tmp_path):
    for name in ("train-0.csv", "train-1.csv", "test.csv"):
        write(tmp_path / name, frame())
    (tmp_path / "README.md").write_text("notes")
    both = [str(tmp_path / "train-0.csv"), str(tmp_path / "train-1.csv")]
    for source in (both, str(tmp_path / "train-*.csv"), str(tmp_path)):
        assert pairs(load_pairs(source)) == PAIRS * 2
    assert pairs(load_pairs(str(tmp_path), split="test")) == PAIRS
    assert len(load_pairs(both[0], split="train[:2]")) == 2
    with pytest.raises(ValueError, match="has no split 'validation': found test, train"):
        load_pairs(str(tmp_path), split="validation")


def test_chebi20_quotation_marks(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text('CID\tSMILES\tdescription\n1\tCCO\t"Spirit" of wine\n2\tC\t"open\n3\tO\twater\n')
    assert pairs(load_pairs(str(path))) == [("CCO", '"Spirit" of wine'), ("C", '"open'), ("O", "water")]


@pytest.mark.parametrize("structures", ["csv", "sdf"])
@pytest.mark.parametrize("subfolder", ["", "raw"])
def test_pubchemstm_layout(tmp_path, structures, subfolder, caplog):
    folder = tmp_path / subfolder
    folder.mkdir(exist_ok=True)
    texts = {"702": ["This molecule is a spirit.", "This molecule burns."], "962": ["water"], "5": ["absent"]}
    (folder / "CID2text.json").write_text(json.dumps(texts))
    if structures == "csv":
        pd.DataFrame({"CID": [702, 962], "SMILES": ["CCO", "O"]}).to_csv(folder / "CID2SMILES.csv")
    else:
        with Chem.SDWriter(str(folder / "molecules.sdf")) as writer:
            for cid, smiles in (("702", "CCO"), ("962", "O")):
                molecule = Chem.MolFromSmiles(smiles)
                molecule.SetProp("PUBCHEM_COMPOUND_CID", cid)
                writer.write(molecule)
    expected = [("CCO", texts["702"][0]), ("CCO", texts["702"][1]), ("O", "water")]
    assert pairs(load_pairs(str(tmp_path))) == expected
    assert pairs(load_pairs(str(tmp_path), streaming=True)) == expected
    assert "1 of 3 CIDs with texts have no structure" in caplog.text


def test_pubchemstm_layout_without_structures(tmp_path):
    (tmp_path / "CID2text.json").write_text('{"1": ["a text"]}')
    with pytest.raises(ValueError, match="neither CID2SMILES.csv nor molecules.sdf"):
        load_pairs(str(tmp_path))
    pd.DataFrame({"id": [1], "SMILES": ["C"]}).to_csv(tmp_path / "CID2SMILES.csv")
    with pytest.raises(ValueError, match="has no column 'CID'; it has .*'id', 'SMILES'"):
        load_pairs(str(tmp_path))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_missing_column_lists_what_is_there(tmp_path, name):
    path = write(tmp_path / name, frame("structure", "note"))
    with pytest.raises(
        ValueError, match=rf"{name} has no column named like smiles.*'structure', 'note'.*smiles_column"
    ):
        load_pairs(path)
    with pytest.raises(ValueError, match=r"has no column 'texts'; it has .*Name one with `text_column`"):
        load_pairs(path, smiles_column="structure", text_column="texts")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize(("column", "cell"), [("smiles", None), ("text", ""), ("text", "  ")])
def test_empty_cell_is_located(tmp_path, name, column, cell):
    table = frame()
    table[column] = table[column].astype(object)
    table.loc[3, column] = cell
    path = write(tmp_path / name, table)
    with pytest.raises(ValueError, match=rf"{name}, row 3, column '{column}' is empty"):
        load_pairs(path)
    with pytest.raises(ValueError, match=rf"{name}, row 3, column '{column}' is empty"):
        list(load_pairs(path, streaming=True))


def test_numbers_are_not_molecules(tmp_path):
    with pytest.raises(ValueError, match="column 'extra' must hold strings: it holds Value"):
        load_pairs(write(tmp_path / "a.parquet", frame()), smiles_column="extra")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.parquet", b"PAR0"), ("a.jsonl", b'{"smiles": "C", "text"'), ("a.csv.gz", b"no gzip"),
     ("a.csv", b"extra,smiles,text\n0,C,a\n0,C,a,b,c\n"), ("a.csv", b"extra,smiles,text\n0,C,\xff\xfe\n")],
)  # fmt: skip
def test_unreadable_file_is_named(tmp_path, name, content):
    good, bad = write(tmp_path / f"0{name}", frame()), tmp_path / name
    bad.write_bytes(content)
    with pytest.raises(ValueError, match=rf"/{name} cannot be read as"):
        load_pairs([good, str(bad)])


def test_empty_tables(tmp_path):
    for name in ("a.csv", "a.parquet"):
        with pytest.raises(ValueError, match=f"{name} is empty"):
            load_pairs(write(tmp_path / name, frame().head(0)))


def test_sources_that_are_not_there(tmp_path):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(ValueError, match=r"No file matches .*none.csv; .* holds \['notes.md'\]"):
        load_pairs(str(tmp_path / "none.csv"))
    with pytest.raises(ValueError, match="No data source: got None"):
        load_pairs(None)
    with pytest.raises(ValueError, match="no table among"):
        load_pairs(str(tmp_path))
    with pytest.raises(ValueError, match="'someone/some-pairs' is no local file or folder"):
        load_pairs("someone/some-pairs")
    with pytest.raises(ValueError, match="one known format"):
        load_pairs([write(tmp_path / "a.csv", frame()), write(tmp_path / "a.parquet", frame())])


@pytest.mark.parametrize("streaming", [False, True])
def test_unquoted_separators_are_not_cut_silently(tmp_path, streaming):
    path = tmp_path / "a.csv"
    path.write_text("smiles,text\nC,methane, a gas\nO,water, a liquid\n")
    with pytest.raises(
        ValueError, match="a.csv cannot be read as csv: line 2: it has 3 cells, the header has 2.*quotation marks"
    ):
        load_pairs(str(path), streaming=streaming)


def test_second_run_reads_the_cache(tmp_path):
    path = write(tmp_path / "a.csv", frame())
    first, second = load_pairs(path), load_pairs(path)
    assert first.cache_files and first.cache_files == second.cache_files
    assert first._fingerprint == second._fingerprint  # what the cache of features is keyed by
