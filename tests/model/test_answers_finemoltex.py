"""Which molecules answer which queries, and what is no negative."""

import torch

from modeling_finemoltex import Molecules, PairBatch
from modeling_finemoltex.model.answers_finemoltex import find_answers, mark_answers

FACTS = torch.tensor([[1, 0], [2, 3], [0, 1], [-1, -1]])  # of four molecules, the last not counted
CONDITIONS = torch.tensor(
    [
        [[0, 1, 127], [-1, -1, -1]],  # has the first
        [[0, 1, 127], [1, 0, 0]],  # has the first without the second
        [[1, 3, 3], [-1, -1, -1]],  # exactly three of the second
        [[-1, -1, -1], [-1, -1, -1]],  # no query
    ]
)


def test_all_conditions_of_a_query_must_hold():
    answers, is_known = find_answers(FACTS, CONDITIONS)
    assert answers.tolist() == [
        [True, True, False, False],
        [True, False, False, False],
        [False, True, False, False],
        [False, False, False, False],
    ]
    assert is_known.tolist() == [[True, True, True, False]] * 3 + [[False] * 4]


def test_pairs_fit_and_what_is_unknown_or_equal_is_excluded(processor):
    smiles, texts = ["C", "CC", "CCC", "CCCC"], ["a", "b", "c", "d"]
    tensors = processor(smiles=smiles, text=texts, padding=True, return_tensors="pt")
    words = {name: tensors.pop(name) for name in ("input_ids", "attention_mask")}
    batch = PairBatch(
        Molecules.from_tensors(**tensors),
        **words,
        seeds=torch.arange(4),
        molecule_ids=torch.tensor([0, 1, 2, 1]),
        fact_counts=FACTS,
        conditions=CONDITIONS,
    )
    fits, excluded = mark_answers(batch)
    assert fits.diagonal().all()
    assert fits[0].tolist() == [True, True, False, False]
    assert excluded[0].tolist() == [False, False, False, True]  # of the last molecule nothing is known
    assert excluded[3].tolist() == [False, True, False, False]  # no query: the same molecule is no negative
    assert not (fits & excluded).any()
