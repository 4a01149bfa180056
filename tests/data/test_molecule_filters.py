import pytest

from modeling_finemoltex import MoleculeFilter
from modeling_finemoltex.data.identifiers import try_parse
from modeling_finemoltex.data.molecule_filters import parse_range

ASPIRIN, BENZENE = try_parse("CC(=O)Oc1ccccc1C(=O)O"), try_parse("c1ccccc1")


def test_every_condition_must_hold():
    assert MoleculeFilter().accepts(BENZENE)
    aromatic_acid = MoleculeFilter(smarts=("c1ccccc1", "C(=O)[OH]"))
    assert aromatic_acid.accepts(ASPIRIN) and not aromatic_acid.accepts(BENZENE)
    no_ester = MoleculeFilter(smarts=("c1ccccc1",), exclude_smarts=("C(=O)Oc",))
    assert no_ester.accepts(BENZENE) and not no_ester.accepts(ASPIRIN)


def test_bounds_belong_to_the_range():
    assert MoleculeFilter(ranges={"HeavyAtomCount": (6, 6)}).accepts(BENZENE)
    assert MoleculeFilter(ranges={"MolWt": (180, 181), "NumHDonors": (1, None)}).accepts(ASPIRIN)
    assert not MoleculeFilter(ranges={"MolWt": (None, 180)}).accepts(ASPIRIN)
    assert not MoleculeFilter(ranges={"TPSA": (1, None)}).accepts(BENZENE)


FOREIGN = ["CCO ethanol", "CCO\tCCN", "CCO\x00", "CCO\u200b", "CCO |a:1|"]


@pytest.mark.parametrize("pattern", ["", "c1ccccc", "(((", None, *FOREIGN])
def test_bad_patterns_are_refused_at_construction(pattern):
    for place in ("smarts", "exclude_smarts"):
        with pytest.raises(ValueError, match="is not a SMARTS pattern"):
            MoleculeFilter(**{place: (pattern,)})


def test_a_single_string_is_not_a_sequence_of_patterns():
    with pytest.raises(ValueError, match="`smarts` must be a sequence of patterns, got the string 'CCO'"):
        MoleculeFilter(smarts="CCO")


def test_unknown_descriptors_come_with_near_ones():
    with pytest.raises(ValueError, match="Unknown descriptor 'molwt'; near are MolWt"):
        MoleculeFilter(ranges={"molwt": (0, 1)})
    with pytest.raises(ValueError, match="'LogP'; near are .*MolLogP"):
        MoleculeFilter(ranges={"LogP": (0, 1)})
    with pytest.raises(ValueError, match="near are none"):
        MoleculeFilter(ranges={"!!": (0, 1)})


@pytest.mark.parametrize("bounds", [(1,), 5, ("a", "b"), (float("nan"), 1), None])
def test_ranges_of_another_form_are_refused(bounds):
    with pytest.raises(ValueError, match=r"The range of MolWt must be \(low, high\)"):
        MoleculeFilter(ranges={"MolWt": bounds})


def test_empty_ranges_are_refused():
    with pytest.raises(ValueError, match="MolWt holds nothing: 500 is above 200"):
        MoleculeFilter(ranges={"MolWt": (500, 200)})


def test_ranges_are_read_as_they_are_typed():
    assert parse_range("MolWt:200:500") == ("MolWt", (200.0, 500.0))
    assert parse_range("MolLogP:-1.5:") == ("MolLogP", (-1.5, None))
    for text in ("MolWt", "MolWt:1", "MolWt:1:2:3", "MolWt:a:b"):
        with pytest.raises(ValueError, match="A range is NAME:LOW:HIGH"):
            parse_range(text)
