"""Further queries of a batch: a function of seed and rows, laid out as the model reads them, and learned from."""

import numpy as np
import pytest
import torch
from datasets import Dataset
from rdkit import Chem

from modeling_finemoltex import FineMolTexForPreTraining
from modeling_finemoltex.data.query_rows import find_facts
from modeling_finemoltex.data.structural_facts import count_facts, structural_facts
from modeling_finemoltex.data.structural_queries import QueryWriter
from modeling_finemoltex.processors import FineMolTexDataCollator
from modeling_finemoltex.training.query_collator import QueryCollator

ROWS = [
    {"smiles": smiles, "text": "a compound", "pair_ids": number}
    for number, smiles in enumerate(("CCO", "Clc1ccncc1", "CC(=O)Nc1ccccc1"))
]


@pytest.fixture(scope="module")
def counts():
    return np.stack([count_facts(Chem.MolFromSmiles(row["smiles"])) for row in ROWS])


def build(processor, counts, seed=0):
    return QueryCollator(FineMolTexDataCollator(processor), QueryWriter(counts, seed), num_queries=7)


def test_queries_are_a_function_of_seed_and_rows(processor, counts):
    collator = build(processor, counts)
    batch, _, again = collator(ROWS), collator(ROWS[:1]), collator(ROWS)
    for name in ("query_input_ids", "query_attention_mask", "query_conditions"):
        assert torch.equal(batch[name], again[name]) and len(batch[name]) == 7
    assert torch.equal(build(processor, counts)(ROWS)["query_conditions"], batch["query_conditions"])
    others = build(processor, counts, seed=1)(ROWS), collator(ROWS[1:])
    assert all(not np.array_equal(one["query_input_ids"], batch["query_input_ids"]) for one in others)


def test_conditions_name_facts_of_the_molecules_or_their_absence(processor, counts):
    asked = build(processor, counts)(ROWS)["query_conditions"]
    facts, least, most = asked[asked[..., 0] >= 0].unbind(-1)
    assert (least <= most).all() and (facts < counts.shape[1]).all()
    assert (counts[:, facts] > 0).any(0).all()


def test_words_learn_from_them_without_any_row_that_is_a_query(processor, counts, change_config):
    sizes = {"size": 8, "num_concepts": len(structural_facts()), "num_text_layers": 1}
    objectives = {"grounding": {}, "contrastive": None, "masked_modelling": None}
    model = FineMolTexForPreTraining(change_config(objectives=objectives, token_config=sizes))
    batch = build(processor, counts)(ROWS)
    batch.pop("pair_ids")
    losses = model(**batch).losses
    assert losses["meaning"] > 0 and losses["concept"] == 0
    model(**batch).loss.backward()
    words = model.parts()["word_concepts"]
    assert any(one.grad is not None and one.grad.any() for one in words.parameters())


def test_facts_of_training_rows_are_found_once_a_molecule(counts):
    present = [np.flatnonzero(row) for row in counts]
    facts = [np.stack([at, row[at]], axis=1).reshape(-1).tolist() for at, row in zip(present, counts, strict=True)]
    rows = Dataset.from_dict({"facts": [*facts, facts[0], None], "molecule_ids": [5, 3, 9, 5, 2]})
    places, found = find_facts(rows)
    assert places.tolist() == [0, 1, 2] and np.array_equal(found, counts[places])


@pytest.mark.parametrize("columns", [{"molecule_ids": [1]}, {"molecule_ids": [1], "facts": [None]}])
def test_rows_without_facts_are_told_what_to_give(columns):
    with pytest.raises(ValueError, match=r"give `--fact_molecules`, `--query_molecules` or a source"):
        find_facts(Dataset.from_dict(columns))
