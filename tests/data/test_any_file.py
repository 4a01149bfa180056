"""Whatever a file holds: every row is right or has a reason, and nothing but a `ValueError` comes out."""

import csv
import gzip
import io
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdkit import Chem

from modeling_finemoltex.data import MoleculeFile
from modeling_finemoltex.data.identifiers import try_parse

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".smi", ".cxsmiles", ".sdf", ".mol", ".jsonl", ".json")
BINARY_SUFFIXES = (".parquet", ".xlsx", ".csv.gz", ".smi.bz2", ".sdf.zst", ".jsonl.xz")
SMILES = ("CCO", "N", "C[C@H](N)O", "F/C=C/F", "[2H]C", "[Na+].[Cl-]", "c1ccccc1", "[NH3]->[Cu]", "InChI=1S/CH4/h1H4")
PIECES = (
    *(*SMILES, "smiles", "SMILES", "name", "text", "CID", "id", ",", "\t", ";", "|", " ", "\n", "\r\n", "\r", '"'),
    *('""', "'", "#", "$$$$", "$$$$\n", "M  END\n", "> <id>\n", ">", "<", "{", "}", "[", "]", ":", '{"smiles": "CC"}'),
    *(
        "\\u",
        "\\ud800",
        "\\",
        "|$R1$|",
        "|&1:1|",
        "sep=;\n",
        "\0",
        "\ufeff",
        "\xa0",
        "\u2028",
        "\x1c",
        "\x85",
        "1e999",
    ),
    *("V3000", "  3  2  0  0  0  0  0  0  0  0999 V2000\n", "    1.0    0.0    0.0 C   0  0\n", "NaN", "null"),
    *("1e999", "-" * 50, "e\u0301", "\U0001f600", "\ud800"),
)
HEADS = ["", "smiles\n", "smiles,id\n", "smiles\tid\n", "CCO a\n", '{"smiles": "N"}\n']
LETTERS = "ab09 ,;|\"'<>$#-_.\u00e9\u03b1\u2212\U0001f600"
QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SOUP = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
CELL = st.text(LETTERS, max_size=12)


def read(path, **options):
    """Read all rows; `None` if the file as a whole is refused."""
    try:
        source = MoleculeFile(path, **options)
        rows = list(source)
    except ValueError as error:
        assert str(error)
        return None
    for row in rows:
        assert row.value is None or isinstance(row.value, str)
        assert row.id is None or isinstance(row.id, str)
        f"{row.value}{row.id}{row.problem}".encode()  # can be written down
        if row.problem is None and row.value is not None and source.to_smiles is not None:
            try:
                assert isinstance(source.to_smiles(row.value), str)
            except ValueError as error:
                assert str(error)
    return rows


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES)
@QUICK
@given(text=SOUP, head=st.sampled_from(HEADS))
def test_any_text(tmp_path, suffix, text, head):
    (tmp_path / f"a{suffix}").write_bytes((head + text).encode("utf-8", "surrogatepass"))
    read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", TEXT_SUFFIXES + BINARY_SUFFIXES)
@QUICK
@given(content=st.binary(max_size=300), start=st.sampled_from([b"", b"smiles\n", b"\xff\xfe", b"PAR1", b"PK\x03\x04"]))
def test_any_bytes(tmp_path, suffix, content, start):
    (tmp_path / f"a{suffix}").write_bytes(start + content)
    read(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("suffix", [".parquet", ".xlsx", ".csv.gz"])
@QUICK
@given(place=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_file(tmp_path, suffix, place, byte, cut):
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table({"smiles": ["CCO"] * 50, "id": list(range(50))}), path)
    elif suffix == ".xlsx":
        workbook = pytest.importorskip("openpyxl").Workbook()
        for row in [("smiles", "id"), ("CCO", 1), ("N", 2.5)]:
            workbook.active.append(row)
        workbook.save(path)
    else:
        path.write_bytes(gzip.compress(b"smiles,id\n" + b"CCO,1\n" * 50))
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] = byte
    path.write_bytes(content[: int(place * len(content))] if cut else content)
    read(path)


@QUICK
@given(
    rows=st.lists(st.tuples(st.sampled_from(SMILES), CELL, CELL), min_size=1, max_size=8),
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_tables_come_back(tmp_path, rows, separator, end, encoding, quoting):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerows([("smiles", "key", "note"), *rows])
    (tmp_path / "a.csv").write_bytes(text.getvalue().encode(encoding))
    found = read(tmp_path / "a.csv", id_column="key", keep_cells=True)
    assert [(row.value, *row.cells[1:]) for row in found] == rows and not any(row.problem for row in found)
    assert [row.id for row in found] == [key.strip(" \t") or None for _, key, _ in rows]
    assert [row.line for row in found] == list(range(2, len(rows) + 2))


@QUICK
@given(rows=st.lists(st.tuples(st.sampled_from(SMILES), CELL), min_size=1, max_size=8))
def test_typed_tables_come_back(tmp_path, rows):
    expected = [(smiles, key.strip(" \t") or None) for smiles, key in rows]
    objects = [{"smiles": smiles, "key": key} for smiles, key in rows]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in objects), encoding="utf-8")
    (tmp_path / "a.json").write_text(json.dumps(objects, ensure_ascii=False), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(objects), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.json", "a.parquet"):
        assert [(row.value, row.id) for row in read(tmp_path / name, id_column="key")] == expected, name


def is_key(key):
    """Between bars stands a CXSMILES extension."""
    return key and not key.startswith("|")


@QUICK
@given(rows=st.lists(st.tuples(st.sampled_from(SMILES), CELL.map(str.strip).filter(is_key)), min_size=1, max_size=8))
def test_lines_of_smiles_come_back(tmp_path, rows):
    (tmp_path / "a.smi").write_text("".join(f"{smiles}\t{key}\tmore\n" for smiles, key in rows), encoding="utf-8")
    assert [(row.value, row.id) for row in read(tmp_path / "a.smi")] == rows


@QUICK
@given(
    rows=st.lists(st.tuples(st.sampled_from(SMILES), CELL.filter(str.strip)), min_size=1, max_size=5),
    name=st.text(LETTERS, min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    is_v3000=st.booleans(),
)
def test_records_come_back(tmp_path, rows, name, end, is_v3000):
    write = Chem.MolToV3KMolBlock if is_v3000 else Chem.MolToMolBlock
    molecules = [try_parse(smiles) for smiles, _ in rows]
    records = [f"{write(one)}>  <{name}>\n{key}\n\n$$$$\n" for one, (_, key) in zip(molecules, rows, strict=True)]
    (tmp_path / "a.sdf").write_bytes("".join(records).replace("\n", end).encode())
    source = MoleculeFile(tmp_path / "a.sdf", id_column=name)
    found = [(source.to_smiles(row.value), row.id) for row in source]
    expected = [Chem.MolToSmiles(Chem.MolFromMolBlock(write(one))) for one in molecules]
    assert found == list(zip(expected, [key.strip(" \t") for _, key in rows], strict=True))


def mutate(line, generator):
    """Put something that does not belong there into a line, or cut it; line ends and quotation marks stay away."""
    place = generator.randrange(len(line) + 1)
    pieces = [piece for piece in PIECES if not set(piece) & set('"\n\r\ud800') and not piece.startswith("$$$$")]
    return line[:place] + generator.choice(pieces) + line[place + generator.randrange(3) :]


def make_line(suffix, number, generator):
    """Write a good line (or record) of a format."""
    smiles = generator.choice(SMILES[:-1])
    if suffix == ".jsonl":
        return json.dumps({"smiles": smiles, "key": f"k{number}"})
    if suffix == ".sdf":
        return f"{BLOCKS[smiles]}> <key>\nk{number}\n\n$$$$"
    return f"{smiles}{',' if suffix == '.csv' else chr(9)}k{number}"


BLOCKS = {smiles: Chem.MolToMolBlock(try_parse(smiles)) for smiles in SMILES}
LINES = 100_000


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".smi", ".jsonl", ".sdf"])
def test_a_hundred_thousand_lines_of_which_a_third_is_broken(tmp_path, suffix):
    generator, good, lines = random.Random(suffix), [], []
    for number in range(LINES):
        line = make_line(suffix, number, generator)
        if generator.random() < 1 / 3:
            line = mutate(line, generator)
        else:
            good.append(f"k{number}")
        lines.append(line)
    head = {".csv": ["smiles,key"], ".tsv": ["smiles\tkey"], ".txt": ["smiles\tkey"]}.get(suffix, [])
    (tmp_path / f"a{suffix}").write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    rows = read(tmp_path / f"a{suffix}", **({} if suffix == ".smi" else {"id_column": "key"}))
    ids = {row.id for row in rows if row.problem is None}
    lost = [key for key in good if key not in ids]
    assert not lost, f"{len(lost)} good rows are lost, such as {lost[:3]}"
    assert abs(len(rows) - LINES) <= LINES // 100  # a mutation may make a line blank
