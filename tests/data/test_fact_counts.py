"""Counts of facts, stored and counted when asked."""

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex.data import fact_counts
from modeling_finemoltex.data.fact_counts import FactCounts, count_columns
from modeling_finemoltex.data.structural_facts import count_facts

SMILES = ["CCO", "c1ccncc1Cl", "no molecule", "CC(=O)Nc1ccccc1", "CCO"]


@pytest.fixture(scope="module")
def stored():
    return FactCounts.from_smiles(SMILES)


def test_columns_are_the_counts(stored):
    rows = [Chem.MolFromSmiles(smiles) for smiles in SMILES if smiles != "no molecule"]
    dense = np.stack([count_facts(molecule) for molecule in rows])
    kept = np.array([0, 1, 3, 4])
    for fact in np.flatnonzero(dense.any(axis=0)).tolist():
        np.testing.assert_array_equal(stored.column(fact)[kept], dense[:, fact])
        assert stored.column(fact)[2] == 0
    assert stored.row(0) == {int(fact): int(dense[0, fact]) for fact in np.flatnonzero(dense[0])} and not stored.row(2)


def test_columns_counted_when_asked_are_the_stored_ones(stored):
    facts = [0, 1, 9]
    for fact, column in count_columns(SMILES, facts).items():
        np.testing.assert_array_equal(column, stored.column(fact))


def test_rows_can_be_dropped_and_appended(stored):
    kept = np.array([True, False, False, True, True])
    both = stored.select(kept) + stored
    assert len(both) == 8
    np.testing.assert_array_equal(both.column(0), [*stored.column(0)[kept], *stored.column(0)])


def test_bytes_come_back_and_another_vocabulary_does_not(stored, monkeypatch):
    content = stored.to_bytes()
    back = FactCounts.from_bytes(content)
    assert all(np.array_equal(getattr(back, name), getattr(stored, name)) for name in ("starts", "facts", "counts"))
    with pytest.raises(ValueError, match="structural facts cannot be read"):
        FactCounts.from_bytes(content[:-40])
    monkeypatch.setattr(fact_counts, "vocabulary_digest", lambda: "another")
    assert FactCounts.from_bytes(content) is None
