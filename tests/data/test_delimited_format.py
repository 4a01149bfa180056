"""Tables of text: every separator, and broken rows that break nothing else."""

import pytest

from modeling_finemoltex.data import delimited_format
from modeling_finemoltex.data.molecule_files import MoleculeFile, Row

QUOTE = "a quotation mark opens in it and does not close"


def read(path, content, **options):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(MoleculeFile(path, **options))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt"])
def test_separators_are_recognised(tmp_path, separator, suffix):
    lines = [["No", "Structure", "Canonical_SMILES"], ["7", "urea", "NC(N)=O"], ["8", "thiourea", "NC(N)=S"]]
    text = "".join(separator.join(cells) + "\n" for cells in lines)
    rows = read(tmp_path / f"a{suffix}", text, id_column="No")
    assert [(row.id, row.value) for row in rows] == [("7", "NC(N)=O"), ("8", "NC(N)=S")]


def test_the_columns_that_are_asked_for_decide_on_the_separator(tmp_path):
    text = "mol weight, g/mol;drug\n60;NC(N)=O\n"
    assert read(tmp_path / "a.csv", text, smiles_column="drug")[0].value == "NC(N)=O"
    with pytest.raises(ValueError, match=r"no column 'drugs'; it has \['mol weight', 'g/mol;drug'\]"):
        read(tmp_path / "a.csv", text, smiles_column="drugs")
    with pytest.raises(ValueError, match=r"no column 'x'; it has \['a', 'b'\]"):  # one cell by the usual one
        read(tmp_path / "b.csv", "a;b\n1;2\n", smiles_column="x")


def test_the_separator_can_be_named(tmp_path):
    assert read(tmp_path / "a.csv", "id:smiles\n7:NCC\n", separator=":")[0].value == "NCC"
    assert read(tmp_path / "b.csv", "sep=^\nid^smiles\n7^NCC\n", id_column="id") == [Row("NCC", "7", 3)]
    with pytest.raises(ValueError, match="`separator` must be one character.*got 'ab'"):
        MoleculeFile(tmp_path / "a.csv", separator="ab")


def test_headers_may_have_blanks_marks_and_capitals(tmp_path):
    rows = read(tmp_path / "a.csv", b"\xef\xbb\xbf ID , SMILES \nx,NCC\n", id_column="ID")
    assert rows == [Row("NCC", "x", 2)]
    (row,) = read(tmp_path / "b.tsv", "Smiles\tname\nNCC\tx\n".encode("utf-16"), id_column="name")
    assert row == Row("NCC", "x", 2)


@pytest.mark.parametrize(
    "body, problems",
    [
        ('NCC,"open\nNCCC,x\nNCCCC,y\n', [QUOTE, None, None]),
        ('NCC,x\nNCCC,"open\nNCCCC,"closed, really"\nNO,z\n', [None, QUOTE, None, None]),
        ('NCC,"open\nNCCC,"two\nlines"\nNO,z\n', [QUOTE, None, None]),
        ('NCC,x\nNCCC,"open', [None, QUOTE]),
        ('NCC,"one\ntwo\n\nthree"\nNCCC,"say ""hello"""\nNO,z\n', [None, None, None]),
        ('NCC,5" pipe\nNCCC,a "b" c\nNO,"d" e\n', [None, None, None]),
        ('"NCC","x"\r\n"NCCC","y"\r\n', [None, None]),
    ],
)
def test_a_quotation_mark_that_does_not_close_breaks_its_own_row_alone(tmp_path, body, problems):
    rows = read(tmp_path / "a.csv", "smiles,name\n" + body)
    assert [row.problem for row in rows] == problems
    lines = ("smiles,name\n" + body).splitlines()
    for row in rows:  # the value and the line are those of the row
        assert row.value.strip('"')[:2] == lines[row.line - 1].strip('"')[:2]


def test_an_open_quotation_mark_does_not_take_the_rest_of_a_long_file(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited_format, "MAX_RECORD_LINES", 100)
    body = "".join(f"{'N' * (1 + n % 5)}C,{'open' if n else chr(34) + 'open'}\n" for n in range(5000))
    rows = read(tmp_path / "a.csv", "smiles,name\n" + body)
    assert [row.line for row in rows] == list(range(2, 5002))
    assert [row.line for row in rows if row.problem] == [2]


def test_chunks_do_not_cut_rows(tmp_path):
    """Rows of several lines at every place relative to the blocks that are read."""
    body = "".join(f'{"C" * (1 + n % 7)}N,"note {n}\n{"x" * (n % 90)}"\n' for n in range(4000))
    rows = read(tmp_path / "a.csv", "smiles,name\n" + body, id_column="name")
    assert [row.problem for row in rows] == [None] * 4000
    assert [row.id for row in rows] == [f"note {n}\n{'x' * (n % 90)}" for n in range(4000)]
    assert [row.line for row in rows] == list(range(2, 8002, 2))


def test_huge_cells_and_faulty_bytes(tmp_path):
    rows = read(
        tmp_path / "a.csv", f'smiles,note\nNCC,"{"y" * 300_000}"\nNCCC,{"z" * 200_000}\nNO,ok\n', id_column="note"
    )
    assert [len(row.id) for row in rows] == [300_000, 200_000, 2] and not any(row.problem for row in rows)
    rows = read(tmp_path / "b.csv", b"smiles,note\nNCC,\xe9\nN\x00C,x\nNO,a\x00\nNS,ok\n", id_column="note")
    assert [row.problem for row in rows] == ["it is not valid UTF-8", *["it holds a NUL character"] * 2, None]
    assert [row.line for row in rows] == [2, 3, 4, 5] and rows[0].id == "\\xe9"
    for row in rows:
        f"{row.value}{row.id}".encode()  # can be written down


def test_rows_of_another_width(tmp_path):
    rows = read(tmp_path / "a.csv", 'smiles,a,b\nNCC\nNCC,1,"x, y"\nNCC,1,2,"3"\n', keep_cells=True)
    assert [row.problem for row in rows] == [
        "it has 1 cells, the header has 3",
        None,
        "it has 4 cells, the header has 3",
    ]
    assert [row.cells for row in rows] == [("NCC", "", ""), ("NCC", "1", "x, y"), ("NCC", "1", "2")]
    assert rows[2].value == 'NCC,1,2,"3"'


def test_marks_of_chebi20_are_no_quotation(tmp_path):
    text = 'CID\tSMILES\tdescription\n1\tNCC\t"open\n2\tNO\tclosed"\n'
    assert [row.value for row in read(tmp_path / "a.txt", text, text_column="description")] == ['"open', 'closed"']
