"""The prompts: published numbers, and checks that say what they mean."""

import pytest
from rdkit import Chem

from modeling_finemoltex.evaluation import PROMPTS
from modeling_finemoltex.evaluation.editing_prompts import DOWN, FAMILIES, QUANTITIES, UP, Check


def test_families_cover_all_prompts_once():
    numbers = [number for first, last in FAMILIES.values() for number in range(first, last + 1)]
    assert sorted(numbers) == list(PROMPTS) or set(numbers) == set(PROMPTS)
    assert len(PROMPTS) == 25 and all(number == prompt.number for number, prompt in PROMPTS.items())
    assert all(check.quantity in QUANTITIES for prompt in PROMPTS.values() for check in prompt.checks)


def test_opposites_ask_for_the_opposite():
    for one, other in ((101, 102), (103, 104), (105, 106)):
        assert PROMPTS[one].opposite == PROMPTS[other].text
        (first,), (second,) = PROMPTS[one].checks, PROMPTS[other].checks
        assert first.quantity == second.quantity and {first.direction, second.direction} == {UP, DOWN}


def test_a_check_needs_a_change_and_with_margin_a_large_one():
    check = Check("MolLogP", DOWN, 0.5)
    assert check.passes(1.0, 0.9) and not check.passes(1.0, 1.0) and not check.passes(1.0, 1.1)
    assert check.passes(1.0, 0.4, with_margin=True) and not check.passes(1.0, 0.6, with_margin=True)


@pytest.mark.parametrize(
    ("group", "smiles", "count"),
    [
        ("amino groups", "NCC(=O)N", 1),  # an amide is none
        ("benzene", "c1ccccc1c1ccccc1", 2),
        ("chlorine", "ClCCl", 2),
        ("hydroxyl groups", "OCc1ccc(O)cc1", 2),
        ("hydroxyl groups", "CC(=O)O", 0),  # an acid is none
    ],
)
def test_groups_are_counted(group, smiles, count):
    assert QUANTITIES[group](Chem.MolFromSmiles(smiles)) == count
