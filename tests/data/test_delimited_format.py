"""Tables of text: every separator, and broken rows that break nothing else."""

import pytest

from modeling_finemoltex.data import PairSource, delimited_format, load_pairs, load_source, load_table
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


def test_a_file_without_a_header_needs_names(tmp_path):
    text = "NCC;amine\nNO;other\n"
    rows = read(tmp_path / "a.csv", text, id_column="key", column_names=["smiles", "key"])
    assert [(row.value, row.id, row.line) for row in rows] == [("NCC", "amine", 1), ("NO", "other", 2)]
    with pytest.raises(ValueError, match="If its first line is a row already, name the columns with `column_names`"):
        read(tmp_path / "a.csv", text)
    rows = read(tmp_path / "a.txt", "NCC\nNO\n", column_names=["smiles"])
    assert [row.value for row in rows] == ["NCC", "NO"]
    table = load_table(MoleculeFile(tmp_path / "a.csv", column_names=["smiles", "key"]))
    assert table[:] == {"smiles": ["NCC", "NO"], "key": ["amine", "other"]}
    pairs = load_pairs(MoleculeFile(tmp_path / "a.csv", column_names=["smiles", "key"]), text_column="key")
    assert pairs["text"][:] == ["amine", "other"]
    source = PairSource(str(tmp_path / "a.csv"), text_column="text", column_names=["smiles", "text"], separator=";")
    assert load_source(source)["text"][:] == ["amine", "other"]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"separator": ";;"}, "one character"),
        ({"column_names": "smiles"}, "a list of names"),
        ({"column_names": ["a", "a"]}, "must differ"),
    ],
)
def test_a_layout_that_cannot_be_meant(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.csv", "smiles\nNCC\n", **options)
    (tmp_path / "a.smi").write_text("NCC\n")
    with pytest.raises(ValueError, match="are for .csv, .tsv, .txt files"):
        MoleculeFile(tmp_path / "a.smi", separator="tab")


def test_separators_beyond_the_header_and_lines_of_blanks_do_no_harm(tmp_path):
    rows = read(tmp_path / "a.csv", "smiles, key\nNCC, x ,\n   \nNO,y,,\nNS,z,w\n,,\n", id_column="key")
    assert [(row.value, row.id) for row in rows[:2]] == [("NCC", "x"), ("NO", "y")]
    assert rows[2].problem == "it has 3 cells, the header has 2" and (rows[3].value, rows[3].id) == ("", None)
    assert [row.value for row in read(tmp_path / "b.csv", "smiles\nNCC\n  \nNO\n")] == ["NCC", "NO"]
    rows = read(tmp_path / "c.tsv", "smiles\tkey\nNCC\tx\n\t\n", id_column="key")
    assert len(rows) == 2  # a row of empty cells is a row


def test_a_named_separator_that_is_not_recognised(tmp_path):
    rows = read(tmp_path / "a.csv", "smiles:key\nNCC:x\n", id_column="key", separator=":")
    assert rows[0].id == "x"
    rows = read(tmp_path / "b.csv", "smiles\tkey\nNCC\tx\n", id_column="key", separator="tab")
    assert rows[0].id == "x"


COMMENTS = "# exported on a Monday\n## 2 rows, name unknown yet\n\n#\n"


@pytest.mark.parametrize(
    ("header", "row"),
    [("smiles,key", "NCC,7"), ("key;mol", "7;NCC"), ("#SMILES\tkey", "NCC\t7"), ('"key","Smiles"', '"7","NCC"')],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_of_comment_above_the_header(tmp_path, header, row, end):
    text = f"{COMMENTS}{header}\n{row}\n".replace("\n", end)
    assert read(tmp_path / "a.csv", text, id_column="key") == [Row("NCC", "7", 6)]
    (tmp_path / "b.tsv").write_text(text, newline="")
    assert load_table(tmp_path / "b.tsv")["key"] == ["7"]


def test_what_is_no_comment_stays(tmp_path):
    assert read(tmp_path / "a.csv", "#,smiles\n1,NCC\n", id_column="#") == [Row("NCC", "1", 2)]
    assert read(tmp_path / "b.csv", "smiles,key\nNCC,#7\n#,x\n")[1].value == "#"
    names = {"column_names": ["smiles", "key"]}
    assert read(tmp_path / "c.csv", "# two columns\nNCC,7\n", **names) == [Row("NCC", None, 2)]
    with pytest.raises(ValueError, match=r"no column named like smiles.*it has \['# a', 'b'\]"):
        read(tmp_path / "d.csv", "# a,b\nx,y\n")
