"""What a caption says about structure is compared with the molecule, place by place."""

import pytest
from rdkit import Chem

from modeling_finemoltex.data import check_caption

ASPIRIN = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")


def verdicts(caption, molecule=ASPIRIN):
    return {one.text: one.verdict for one in check_caption(molecule, caption)}


def test_a_planted_false_statement_is_marked_and_a_true_one_is_left():
    caption = "The molecule is a carboxylic acid. It is an ester and a sulfonamide. It has a role as an analgesic."
    found = check_caption(ASPIRIN, caption)
    assert [(one.text, one.verdict) for one in found if one.verdict != "not checked"] == [
        ("carboxylic acid", "true"),
        ("ester", "true"),
        ("sulfonamide", "false"),
    ]
    assert all(caption[one.start : one.end] == one.text for one in found)
    wrong = next(one for one in found if one.verdict == "false")
    assert caption[wrong.start : wrong.end] == "sulfonamide" and wrong.meaning == "sulfonamide"
    assert "It has a role as an analgesic" in [one.text for one in found]


def test_numbers_are_the_least_that_must_be_there():
    assert verdicts("It has two oxygen atoms.") == {"oxygen atoms": "true"}  # there are four
    assert verdicts("It has five oxygen atoms.") == {"oxygen atoms": "false"}


def test_denials_and_alternatives():
    assert verdicts("It is without a chlorine atom.") == {"chlorine atom": "true"}
    assert verdicts("It is without an ester.") == {"ester": "false"}
    assert list(verdicts("It is a ketone or an ester.").values()) == ["true"]


@pytest.mark.parametrize(
    "caption",
    [
        "It derives from a sulfonamide.",
        "It is a conjugate base of an amine.",
        "It is obtained by condensation of a ketone with an amine.",
        "It is a compound in which the nitro group has been replaced by an amino group.",
        "It is a member of isoquinolines.",
        "It is a member of the class of 1-benzofurans.",
        "",
    ],
)
def test_what_is_said_of_another_molecule_is_not_checked(caption):
    assert set(verdicts(caption).values()) <= {"not checked"}


def test_the_acid_in_the_name_of_an_ion_is_not_asked_for():
    assert set(verdicts("It is a carboxylic acid anion.", Chem.MolFromSmiles("CC(=O)[O-]")).values()) == {"true"}
    assert "false" in verdicts("It is a carboxylic acid anion.").values()  # it has no charge


def test_positions_hold_in_a_text_with_letters_that_are_normalised():
    caption = "It\u00a0is a \u03b2\u2010lactam, and an ester."
    found = check_caption(ASPIRIN, caption)
    assert all(caption[one.start : one.end] == one.text for one in found)
    assert {one.text: one.verdict for one in found}["ester"] == "true"
