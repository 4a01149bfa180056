"""Every format gives the same rows, and every defect of a file is a problem of one row or one clear error."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rdkit import Chem

from modeling_finemoltex.data.molecule_files import MoleculeFile, Row, molecule_of_record

SMILES = ["CCO", "c1ccccc1", "C[C@H](N)C(=O)O", "[Na+].[Cl-]"]
IDS = ["ethanol", "benzene", "alanine", "salt"]


def write(path, text, compress=False):
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if compress else data)
    return path


def sdf_record(smiles, name, properties=""):
    molecule = Chem.MolFromSmiles(smiles)
    molecule.SetProp("_Name", name)
    return Chem.MolToMolBlock(molecule) + properties + "$$$$\n"


def make(path, suffix):
    """One file of SMILES and IDS in the format of `suffix`."""
    if suffix == ".parquet":
        pq.write_table(pa.table({"name": IDS, "smiles": SMILES}), path)
        return path
    separator = {".csv": ",", ".tsv": "\t", ".txt": "\t"}.get(suffix.removesuffix(".gz"))
    if separator:
        lines = [f"name{separator}smiles", *(f"{i}{separator}{s}" for s, i in zip(SMILES, IDS, strict=True))]
    elif ".smi" in suffix:
        lines = [f"{s} {i}" for s, i in zip(SMILES, IDS, strict=True)]
    else:
        return write(path, "".join(map(sdf_record, SMILES, IDS)), suffix.endswith(".gz"))
    return write(path, "\n".join(lines) + "\n", suffix.endswith(".gz"))


@pytest.mark.parametrize(
    "suffix", [".csv", ".csv.gz", ".tsv", ".txt", ".smi", ".smi.gz", ".sdf", ".sdf.gz", ".parquet"]
)
def test_formats_give_the_same_rows(tmp_path, suffix):
    named = suffix.split(".")[1] not in ("smi", "sdf")
    source = MoleculeFile(make(tmp_path / f"library{suffix}", suffix), id_column="name" if named else None)
    for _ in range(2):  # every iteration starts anew
        rows = list(source)
        values = [row.value if source.to_smiles is None else source.to_smiles(row.value) for row in rows]
        assert [Chem.CanonSmiles(value) for value in values] == [Chem.CanonSmiles(one) for one in SMILES]
        assert [row.id for row in rows] == IDS
        assert source.fraction_read == 1.0
    assert all(row.problem is None for row in rows)


def test_lines_count_from_one_across_blank_lines_and_quoted_breaks(tmp_path):
    file = write(tmp_path / "a.csv", '\nsmiles,note\n"CCO","two\nlines"\n\nC,x\r\nCC,"y"\n')
    assert [(row.value, row.line) for row in MoleculeFile(file)] == [("CCO", 3), ("C", 6), ("CC", 7)]


def test_row_of_another_width_is_a_problem_of_that_row(tmp_path):
    rows = list(MoleculeFile(write(tmp_path / "a.csv", "smiles,note\nCCO\nC,1,2\nCC,ok\n")))
    assert rows[0] == Row("CCO", None, 2, "it has 1 cells, the header has 2")
    assert rows[1].problem == "it has 3 cells, the header has 2"
    assert rows[2] == Row("CC", None, 4)


def test_bytes_that_are_not_utf8_are_a_problem_of_that_row(tmp_path):
    rows = list(MoleculeFile(write(tmp_path / "a.csv", b"\xef\xbb\xbfsmiles\nCCO\nC\xffC\nCC\n")))
    assert [row.problem for row in rows] == [None, "it is not valid UTF-8", None]
    assert rows[1].value == "C\\xffC"


def test_missing_column_names_those_there(tmp_path):
    file = write(tmp_path / "a.csv", "structure,name\nC,x\n")
    with pytest.raises(
        ValueError, match=r"no column named like smiles.*it has \['structure', 'name'\].*`smiles_column`"
    ):
        MoleculeFile(file)
    with pytest.raises(
        ValueError, match=r"no column 'caption'; it has \['structure', 'name'\]. Name one with `text_column`"
    ):
        MoleculeFile(file, text_column="caption")
    with pytest.raises(ValueError, match="no column 'cid'.*Name one with `id_column`"):
        MoleculeFile(file, smiles_column="structure", id_column="cid")
    with pytest.raises(ValueError, match="not both: got 'structure' and 'name'"):
        MoleculeFile(file, smiles_column="structure", text_column="name")
    assert next(iter(MoleculeFile(file, smiles_column="structure"))).value == "C"


@pytest.mark.parametrize("name, text", [("a.csv", ""), ("a.csv", "smiles\n"), ("a.smi", "\n\n"), ("a.sdf", "\n")])
def test_file_without_rows_is_an_error(tmp_path, name, text):
    with pytest.raises(ValueError, match=f"{name} is empty: it has no rows"):
        MoleculeFile(write(tmp_path / name, text))


def test_parquet_file_without_rows_is_an_error(tmp_path):
    pq.write_table(pa.table({"smiles": pa.array([], pa.string())}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="is empty"):
        MoleculeFile(tmp_path / "a.parquet")


def test_parquet_columns_must_hold_strings(tmp_path):
    pq.write_table(pa.table({"smiles": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="column 'smiles' must hold strings: it holds int64"):
        MoleculeFile(tmp_path / "a.parquet")


def test_parquet_ids_become_strings_and_nulls_stay(tmp_path):
    encoded = pa.array(["C", None]).dictionary_encode()
    pq.write_table(pa.table({"smiles": encoded, "cid": [7, None]}), tmp_path / "a.parquet")
    assert list(MoleculeFile(tmp_path / "a.parquet", id_column="cid")) == [Row("C", "7"), Row(None, None)]


def test_unknown_suffix_lists_the_known_ones(tmp_path):
    for name in ("a.pdf", "a.parquet.gz"):
        with pytest.raises(
            ValueError,
            match="unknown suffix: known are .csv, .tsv, .txt, .smi, .cxsmiles, .sdf, .*also with .gz, .bz2",
        ):
            MoleculeFile(write(tmp_path / name, "x"))
    with pytest.raises(ValueError, match="is no file"):
        MoleculeFile(tmp_path / "absent.csv")


def test_columns_of_files_without_columns_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`text_column` is 'x', but .*a.smi is a .smi file"):
        MoleculeFile(write(tmp_path / "a.smi", "C\n"), text_column="x")


def test_truncated_and_foreign_files_are_errors(tmp_path):
    whole = gzip.compress("".join(["smiles\n", *(f"{'C' * (1 + n % 97)}O{n}\n" for n in range(9000))]).encode())
    source = MoleculeFile(write(tmp_path / "a.csv.gz", whole[: len(whole) // 2]))
    with pytest.raises(ValueError, match=r"a.csv.gz cannot be read as csv after the row in line \d+: .*end"):
        list(source)
    for name in ("b.csv.gz", "b.parquet"):
        with pytest.raises(ValueError, match=f"{name} cannot be read as"):
            MoleculeFile(write(tmp_path / name, "smiles\nC\n"))


def test_sdf_properties_serve_as_texts_and_ids(tmp_path):
    properties = ">  <NOTE> (1)\nfirst line\nsecond\n\n> <CID>\n702\n\n"
    file = write(tmp_path / "a.sdf", sdf_record("CCO", "x", properties) + sdf_record("C", "y"))
    texts = list(MoleculeFile(file, text_column="NOTE", id_column="CID"))
    assert texts[0] == Row("first line\nsecond", "702", 1)
    assert (texts[1].value, texts[1].id, texts[1].problem) == (None, None, "the record has no property 'NOTE'")
    assert texts[1].line == file.read_text().splitlines().index("y") + 1


def test_bad_sdf_records_say_why(tmp_path):
    pentavalent = sdf_record("C", "x").replace("  1  0", "  1  0", 1)
    assert molecule_of_record(pentavalent) == "C"
    broken = Chem.MolToMolBlock(Chem.MolFromSmiles("C(C)(C)(C)(C)C", sanitize=False))
    with pytest.raises(ValueError, match="cannot read the SDF record: Explicit valence for atom # 0 C, 5"):
        molecule_of_record(broken)
    with pytest.raises(ValueError, match="not a valid mol block"):
        molecule_of_record("title\n\n\nnonsense")
    with pytest.raises(ValueError, match="no atoms"):
        molecule_of_record(Chem.MolToMolBlock(Chem.MolFromSmiles("")))


def test_reading_is_lazy(tmp_path):
    source = MoleculeFile(write(tmp_path / "a.smi", "CCO ethanol\n" * 50_000))
    rows = iter(source)
    next(rows)
    assert 0 < source.fraction_read < 0.1


def test_identity_is_that_of_the_contents(tmp_path):
    first, copy, other = (write(tmp_path / f"{name}.smi", text) for name, text in (("a", "C"), ("b", "C"), ("c", "N")))
    assert MoleculeFile(first).identity() == MoleculeFile(copy).identity() != MoleculeFile(other).identity()


@pytest.mark.parametrize("suffix", [".csv", ".tsv.gz", ".parquet", ".smi", ".sdf"])
def test_rows_keep_their_cells_on_request(tmp_path, suffix):
    file = make(tmp_path / f"library{suffix}", suffix)
    source = MoleculeFile(file, keep_cells=True)
    rows = list(source)
    is_table = suffix not in (".smi", ".sdf")
    assert source.header == (["name", "smiles"] if is_table else ["smiles", "id"])
    assert [row.cells for row in rows] == [
        (name, row.value) if is_table else (row.value, name) for row, name in zip(rows, IDS, strict=True)
    ]
    assert not any(row.cells for row in MoleculeFile(file))


def test_cells_of_bad_rows_are_as_many_as_the_header_and_can_be_written(tmp_path):
    file = write(tmp_path / "bad.csv", b"name,smiles,note\nx\na,CCO,\xff\na,b,c,d\n")
    cells = [row.cells for row in MoleculeFile(file, keep_cells=True)]
    assert cells == [("x", "", ""), ("a", "CCO", "\\xff"), ("a", "b", "c")]
