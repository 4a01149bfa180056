"""Groups that are added, removed and replaced by name."""

import pytest
from rdkit import Chem

from modeling_finemoltex.data.named_groups import known_groups
from modeling_finemoltex.editing import read_named_change

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def edits(prompt: str, smiles: str) -> list[str]:
    return [proposal.smiles for proposal in read_named_change(prompt).propose(Chem.MolFromSmiles(smiles))]


@pytest.mark.parametrize(
    ("prompt", "removed", "added"),
    [
        ("Add a hydroxy group.", None, "alcoholic or phenolic hydroxy group"),
        ("please add a hydroxyl to the molecule CCO", None, "alcoholic or phenolic hydroxy group"),
        ("Introduce another cyano substituent", None, "nitrile"),
        ("Modify the molecule CCO by adding a benzene_ring.", None, "benzene"),
        ("remove the nitro group", "nitro compound", None),
        ("Delete one of the methyl groups from this molecule.", "methyl substituent", None),
        ("replace the chlorine by a fluorine", "chlorine atom", "fluorine atom"),
        ("Substitute a fluorine for the chlorine", "chlorine atom", "fluorine atom"),
        ("Please substitute a nitro in the molecule CCO by thiol.", "nitro compound", "thiol"),
        ("change the CF3 group to a methyl group", "trifluoromethyl substituent", "methyl substituent"),
        ("replace Cl with F", "chlorine atom", "fluorine atom"),
    ],
)
def test_prompts_that_name_groups_are_read(prompt, removed, added):
    change = read_named_change(prompt)
    assert (change.removed and change.removed.name, change.added and change.added.name) == (removed, added)


@pytest.mark.parametrize(
    "prompt",
    [
        *("This molecule is soluble in water.", "make it more soluble", "add solubility", "", "remove"),
        *("add two hydroxy groups", "add a hydroxy group and a methyl group", "remove the hydroxyl groups"),
        *("add a steroid", "replace the hydrogen by fluorine", "This molecule has more hydroxyl groups."),
    ],
)
def test_other_prompts_are_not(prompt):
    assert read_named_change(prompt) is None


def test_every_position_is_proposed_once_up_to_symmetry():
    assert sorted(edits("add a fluorine", "Cc1ccccc1")) == sorted(
        map(Chem.CanonSmiles, ("FCc1ccccc1", "Cc1ccccc1F", "Cc1cccc(F)c1", "Cc1ccc(F)cc1"))
    )
    assert edits("add a hydroxy group", "c1ccccc1") == ["Oc1ccccc1"]


def test_an_acid_is_no_hydroxy_group():
    made = edits("add a hydroxy group", "O=Cc1ccccc1")
    assert "O=C(O)c1ccccc1" not in made and len(made) == 3


def test_the_group_goes_and_the_rest_stays_with_its_stereo():
    assert edits("remove the chlorine", "C[C@H](N)c1ccc(Cl)cc1") == ["C[C@H](N)c1ccccc1"]
    assert edits("replace the hydroxy group by a fluorine", "C[C@@H](O)CC") == [Chem.CanonSmiles("C[C@@H](F)CC")]
    assert edits("remove the carboxylic acid", ASPIRIN) == ["CC(=O)Oc1ccccc1"]
    assert edits("remove the nitro group", ASPIRIN) == []
    assert edits("remove the ketone", "CC1CCCCC1=O") == ["CC1CCCCC1"]
    assert "c1ccc(-c2ccccc2)cc1" in edits("remove the ether", "c1ccc(Oc2ccccc2)cc1")


def test_positions_that_disturb_nothing_else_come_first():
    made = edits("add a hydroxy group", "C1CCNC1")
    assert made == ["OC1CCNC1", "OC1CCCN1"]  # the hemiaminal is last


def test_proposals_say_what_was_exchanged():
    (proposal,) = read_named_change("replace the bromine by a cyano group").propose(Chem.MolFromSmiles("Brc1ccccc1"))
    assert proposal.smiles == "N#Cc1ccccc1" and proposal.rule[:3] == ("group", "*Br", "*C#N")


@pytest.mark.parametrize("name", [name for name in known_groups() if name != "alcohol"])
def test_every_group_can_be_put_on_a_ring_and_taken_away(name):
    ring = "c1cnccn1"
    put = edits(f"add a {name}", ring)
    assert put and all(known_groups()[name].count(Chem.MolFromSmiles(one)) == 1 for one in put)
    assert any(ring in edits(f"remove the {name}", one) for one in put)
