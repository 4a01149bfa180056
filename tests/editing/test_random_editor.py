"""Chance: edits that ignore the prompt."""

import pytest

from modeling_finemoltex import EditConstraints
from modeling_finemoltex.editing import MotifSwaps, RandomEditor

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture(scope="module")
def proposers(processor):
    return [MotifSwaps(processor.feature_extractor)]


def test_the_text_does_not_count_but_the_seed_does(proposers, prompt):
    perturb, other = RandomEditor(proposers), RandomEditor(proposers, seed=1)
    drawn = perturb.edit(ASPIRIN, prompt, num_edits=5)
    assert drawn == perturb.edit(ASPIRIN, prompt, num_edits=5) != other.edit(ASPIRIN, prompt, num_edits=5)
    assert len(drawn) == 5 and all(edit.text_score is None for edit in drawn)


def test_with_constraints_all_draws_are_admissible(proposers, prompt):
    drawn = RandomEditor(proposers, EditConstraints(0.4), num_candidates=60).edit(ASPIRIN, prompt, num_edits=50)
    free = RandomEditor(proposers, num_candidates=60).edit(ASPIRIN, prompt, num_edits=60)
    assert 0 < len(drawn) < len(free) and min(edit.similarity for edit in drawn) >= 0.4
    assert {edit.smiles for edit in drawn} < {edit.smiles for edit in free}
    assert RandomEditor(proposers, EditConstraints()).edit("C", prompt) == []
