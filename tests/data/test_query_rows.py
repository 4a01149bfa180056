"""Rows of structure queries, from a table of molecules to a batch that knows which molecule answers which query."""

import datasets
import numpy as np
import pytest

from modeling_finemoltex import featurize_pairs
from modeling_finemoltex.data.fact_counts import FactCounts
from modeling_finemoltex.data.query_rows import add_facts, restore_facts
from modeling_finemoltex.data.sources import PairSource, load_source
from modeling_finemoltex.model.answers_finemoltex import find_answers
from modeling_finemoltex.processors import FineMolTexDataCollator
from modeling_finemoltex.training.sampling import MixtureSampler, RowIds

SMILES = ["CCO", "CC(=O)Oc1ccccc1C(=O)O", "Clc1ccncc1", "OCC(O)CO", "NCC(=O)O", "C1CCNC1"]


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "molecules.csv"
    file.write_text("smiles\n" + "".join(f"{one}\n" for one in SMILES) + "no molecule\n")
    return str(file)


@pytest.fixture
def rows(table):
    return load_source(PairSource(table, queries=True, texts_per_molecule=6), on_error="skip", identify=True)


def test_rows_are_texts_with_their_conditions(rows):
    assert set(rows.column_names) == {"smiles", "text", "row", "skeletons", "facts", "conditions", "group_ids"}
    assert set(rows["smiles"]) <= set(SMILES) and 20 < len(rows) < 60
    for row in rows:
        counts = restore_facts(row["facts"])
        for fact, least, most in np.reshape(row["conditions"], (-1, 3)):
            assert least <= counts[fact] <= most, row


def test_an_unreadable_molecule_is_named(table):
    with pytest.raises(ValueError, match=r"row 6: RDKit cannot parse the SMILES 'no molecule'"):
        load_source(PairSource(table, queries=True), on_error="raise")


def test_queries_are_written_not_read(table):
    with pytest.raises(ValueError, match="the texts of `queries` are not read from a column"):
        PairSource(table, queries=True, text_column="smiles")


def test_a_batch_knows_the_answers(rows, processor):
    features = featurize_pairs(rows, processor, max_length=32)
    batch = FineMolTexDataCollator(processor)([features[number] for number in range(8)])
    answers, is_known = find_answers(batch["fact_counts"], batch["conditions"])
    assert is_known.all() and answers.diagonal().all()
    plain = {name: values for name, values in features[8].items() if name not in ("facts", "conditions", "group_ids")}
    mixed = FineMolTexDataCollator(processor)([features[0], plain | {"facts": None, "conditions": None}])
    answers, is_known = find_answers(mixed["fact_counts"], mixed["conditions"])
    assert is_known.tolist() == [[True, False], [False, False]]


def test_groups_are_drawn_together():
    group_ids = np.repeat(np.arange(20), 2)
    order = np.random.default_rng(0).permutation(40)
    sources = [PairSource("queries")]
    sampler = MixtureSampler(
        RowIds(np.zeros(40, int), group_ids[order]),
        sources,
        8,
        num_steps=5,
        num_epochs=1,
        seed=0,
        current_step=lambda: 0,
    )
    drawn = group_ids[order][list(sampler)]
    assert sorted(drawn) == sorted(group_ids) and (drawn[::2] == drawn[1::2]).all()


def test_facts_of_some_molecules_are_added_and_those_known_are_kept(processor):
    pairs = datasets.Dataset.from_dict({"smiles": [*SMILES, SMILES[0]], "text": ["a compound"] * (len(SMILES) + 1)})
    some = add_facts(pairs, 3, seed=1, num_proc=None)
    known = {one["smiles"]: one["facts"] for one in some if one["facts"] is not None}
    assert len(known) == 3
    truth = FactCounts.from_smiles(list(known))
    for number, facts in enumerate(known.values()):
        assert dict(np.reshape(facts, (-1, 2)).tolist()) == truth.row(number)
    every = add_facts(some, 99, seed=2, num_proc=None)
    assert all(one["facts"] is not None for one in every)
    assert all(one["facts"] == known[one["smiles"]] for one in every if one["smiles"] in known)

    batch = FineMolTexDataCollator(processor)(list(some))
    assert "conditions" not in batch
    is_known = (batch["fact_counts"] >= 0).all(1).tolist()
    assert is_known == [one["facts"] is not None for one in some]
    assert "fact_counts" not in FineMolTexDataCollator(processor)(list(pairs))
