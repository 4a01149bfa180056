"""A source gives the texts it is asked for, once, and says what is wrong with it."""

import json

import pytest

from modeling_finemoltex.data import descriptor_captions, sources
from modeling_finemoltex.data.identifiers import skeletons
from modeling_finemoltex.data.sources import PairSource, is_molecule_name, load_molecules, load_source

TABLE = """id,smiles,name,synonyms,split
1,O,water,"0|18.010|H2O|InChI=1S/H2O/h1H2|XLYOFNOQVPJJNP-UHFFFAOYSA-N|[OH2]|Water|oxidane|dihydrogen oxide",train
2,CCO,ethanol,"EtOH|ethyl alcohol|OCC",test
3,C1CC,half a ring,,train
4,[Na+].[Cl-],sodium chloride,"NaCl|common salt|WURCS=2.0/1,1,0/|table salt",val
"""


@pytest.fixture
def file(tmp_path) -> str:
    (tmp_path / "names.csv").write_text(TABLE, encoding="utf-8")
    return str(tmp_path / "names.csv")


def texts_of(source: PairSource, **options) -> dict[str, list[str]]:
    """Load, and list the texts of each molecule."""
    texts: dict[str, list[str]] = {}
    for row in load_source(source, on_error="skip", **options):
        texts.setdefault(row["smiles"], []).append(row["text"])
    return texts


def test_one_column_is_read_as_load_pairs_reads_it(file):
    pairs = load_source(PairSource(file), on_error="skip")
    assert pairs["text"][:] == ["water", "ethanol", "sodium chloride"]
    assert pairs["row"][:] == [0, 1, 3]


def test_several_columns_and_joined_cells_give_several_texts(file):
    texts = texts_of(PairSource(file, text_column=["name", "synonyms"], text_separator="|"))
    assert texts["CCO"] == ["ethanol", "EtOH", "ethyl alcohol", "OCC"]
    assert texts["O"].count("water") == 1 and "Water" not in texts["O"]  # the same text but for case


def test_what_is_no_name_can_be_left_out(file):
    texts = texts_of(PairSource(file, text_column=["name", "synonyms"], text_separator="|", names_only=True))
    assert texts == {
        "O": ["water", "oxidane", "dihydrogen oxide"],
        "CCO": ["ethanol", "ethyl alcohol"],
        "[Na+].[Cl-]": ["sodium chloride", "common salt", "table salt"],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4-amino-3-hydroxybutanoate", True),
        ("carbamic acid, ion(1-)", True),
        ("N,N-dimethylmethanamine oxide", True),
        ("60.03212", False),
        ("-1", False),
        ("C12H13N3O2", False),
        ("TMAO", False),  # too short to be told from a code
        ("InChIKey=KXDHJXZQYSOELW-UHFFFAOYSA-M", False),
        ("KXDHJXZQYSOELW-UHFFFAOYSA-M", False),
        ("InChI=1S/CH3NO2/c2-1(3)4/h2H2,(H,3,4)/p-1", False),
        ("WURCS=2.0/1,1,0/[a111h-1x_1-4]/1/", False),
        ("CCCCCOC(C)=O", False),
        ("[H][Sn](CCCC)(CCCC)CCCC", False),
        ("STK366316", False),
    ],
)
def test_names_are_told_from_other_synonyms(text, expected):
    assert is_molecule_name(text) is expected


def test_a_limit_draws_by_the_seed(file):
    source = PairSource(file, text_column="synonyms", text_separator="|", texts_per_molecule=2)
    drawn = [texts_of(source, seed=seed)["O"] for seed in (0, 0, 1, 2)]
    assert all(len(texts) == 2 for texts in drawn)
    assert drawn[0] == drawn[1] and len(set(map(tuple, drawn))) > 1


def test_rows_are_chosen_by_value(file):
    assert list(texts_of(PairSource(file, where={"split": "test"}))) == ["CCO"]
    assert list(texts_of(PairSource(file, where={"split": ["test", "val"], "id": "4"}))) == ["[Na+].[Cl-]"]
    with pytest.raises(ValueError, match="no row with split .'dev'.: there are .'test', 'train', 'val'."):
        load_source(PairSource(file, where={"split": "dev"}))
    with pytest.raises(ValueError, match="no column 'part' for `where`; it has"):
        load_source(PairSource(file, where={"part": "a"}))


def test_molecules_can_be_described(file):
    texts = texts_of(PairSource(file, describe=True, texts_per_molecule=3), seed=4)
    assert texts["CCO"] == descriptor_captions.write_captions("CCO", 3, seed=4)
    about = texts_of(PairSource(file, describe="properties", texts_per_molecule=3), seed=4)
    assert about["CCO"] == descriptor_captions.write_captions("CCO", 3, 4, descriptor_captions.PROPERTY_TOPICS)
    assert not any("ethanol" in text or "hydroxy" in text for text in about["CCO"])


def test_a_source_can_be_a_sample(file):
    few = PairSource(file, describe=True, where={"split": ["test", "val"]}, max_rows=1)
    every = texts_of(PairSource(file, describe=True, where={"split": ["test", "val"]}))
    sampled = {molecule for seed in range(8) for molecule in texts_of(few, seed=seed)}
    assert len(texts_of(few)) == 1 and sampled == set(every) and len(every) > 1


def test_the_data_folder_is_filled_in(file, tmp_path):
    assert len(load_source(PairSource("${data_dir}/names.csv"), str(tmp_path), on_error="skip")) == 3
    with pytest.raises(ValueError, match=r"needs \$\{data_dir\}: give the folder of the data with `data_dir`"):
        load_source(PairSource("${data_dir}/names.csv"))


def test_unreadable_molecules_stop_the_reading_or_are_left_out_and_counted(file, caplog):
    with pytest.raises(ValueError, match=r"row 2: RDKit cannot parse the SMILES 'C1CC'.*on_error='skip'"):
        load_source(PairSource(file))
    load_source(PairSource(file, "names"), on_error="skip")
    assert "names: skipped 1 of 4 rows" in caplog.text


def test_rows_are_kept_and_identified_on_request(file, monkeypatch):
    first = load_source(PairSource(file), on_error="skip", identify=True)
    assert first["skeletons"][:] == [skeletons(smiles) for smiles in first["smiles"]]
    monkeypatch.setattr(sources, "_write_pairs", lambda *args, **kwargs: pytest.fail("read twice"))
    renamed = PairSource(file, name="renamed", weight=3, molecules_per_text=2)
    again = load_source(renamed, on_error="skip", identify=True)
    assert again[:] == first[:]


def test_processes_and_samples_change_nothing_else(file):
    source = PairSource(file, text_column=["name", "synonyms"], text_separator="|")
    assert texts_of(source, num_proc=2, seed=9) == texts_of(source, seed=9)
    assert len(texts_of(source, max_rows=2)) in (1, 2)  # one row is unreadable


def test_evaluation_molecules_need_no_text(tmp_path):
    (tmp_path / "pool.csv").write_text("smiles,split\nCCO,test\nC,train\nC1CC,val\nCCN.Cl,val\n", encoding="utf-8")
    held_out = PairSource("${data_dir}/pool.csv", where={"split": ["test", "val"]})
    assert load_molecules(held_out, str(tmp_path))["skeletons"][:] == [skeletons("CCO"), None, skeletons("CCN.Cl")]


def test_weights_change_at_steps_or_shares_of_the_training():
    assert PairSource("a").weight_changes(100) == [(0, 1.0)]
    assert PairSource("a", weight={"0.5": 2, "0": 1, "90": 0}).weight_changes(100) == [(0, 1.0), (50, 2.0), (90, 0.0)]


def test_sources_are_read_from_json_or_a_path():
    assert PairSource.parse("pairs.csv") == PairSource("pairs.csv")
    text = json.dumps({"dataset": "a.csv", "text_column": ["x", "y"], "weight": {"0": 1, "0.3": 0}})
    assert PairSource.parse(text) == PairSource("a.csv", text_column=["x", "y"], weight={"0": 1, "0.3": 0})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"dataset": "a.csv", "wieght": 2}', "unknown key 'wieght'. Known keys: dataset, name"),
        ('{"name": "a"}', "has no `dataset`"),
        ('{"dataset": "a.csv"', "not valid JSON"),
        ('{"dataset": "a.csv", "weight": -1}', "weights and steps must be 0 or more: got -1"),
        ('{"dataset": "a.csv", "weight": "much"}', "`weight` must be a number, or a table"),
        ('{"dataset": "a.csv", "texts_per_molecule": 0}', "`texts_per_molecule` must be 1 or more: got 0"),
        ('{"dataset": "a.csv", "molecules_per_text": 0}', "`molecules_per_text` must be 1 or more: got 0"),
        ('{"dataset": "a.csv", "queries": true, "molecules_per_text": 4}', "would part queries from their near"),
        ('{"dataset": "a.csv", "max_rows": 0}', "`max_rows` must be 1 or more: got 0"),
        ('{"dataset": "a.csv", "describe": "rings"}', "`describe` must be true, false or 'properties': got 'rings'"),
        ('{"dataset": "a.csv", "describe": true, "text_column": "name"}', "of `describe` are not read from a column"),
        ('{"dataset": "chemicals", "names_only": true}', "of chemicals are not read from a column"),
        ('{"dataset": "chemicals", "describe": true}', "chemicals has names of its own"),
        ('{"dataset": "a.csv", "describe": true, "queries": true}', "give either `queries` or `describe`"),
    ],
)
def test_bad_sources_are_explained(text, message):
    with pytest.raises(ValueError, match=message):
        PairSource.parse(text)
