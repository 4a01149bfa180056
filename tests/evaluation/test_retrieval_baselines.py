"""Lexical baselines find what words give away, and are scored like a model."""

import sys

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex.evaluation import (
    FragmentWordEncoder,
    NearestTextEncoder,
    RidgeEncoder,
    evaluate_retrieval,
)
from modeling_finemoltex.evaluation.retrieval_baselines import FRAGMENT_WORDS

pytest.importorskip("sklearn")
PAIRS = {
    "Clc1ccccc1": "a chlorobenzene",
    "CCO": "an alcohol, hydroxyethane",
    "c1ccncc1": "a pyridine",
    "CC(=O)O": "a carboxylic acid",
    "N#CC": "a nitrile",
    "c1ccsc1": "the thiophene",
}


def test_every_pattern_is_smarts():
    assert all(Chem.MolFromSmarts(smarts) is not None for smarts in FRAGMENT_WORDS.values())


def test_fragment_words_find_named_groups():
    encoder = FragmentWordEncoder()
    molecules, texts = encoder.encode_molecules(list(PAIRS)), encoder.encode_texts(list(PAIRS.values()))
    scores = (molecules @ texts.T).toarray()
    assert (scores.argmax(axis=0) == np.arange(len(PAIRS))).all()


def test_wordless_items_are_zero_not_an_error():
    encoder = FragmentWordEncoder()
    assert encoder.encode_molecules(["not a molecule", "CCO"])[0].nnz == 0
    assert encoder.encode_texts(["nothing here", "pyridine"])[0].nnz == 0


def test_nearest_text_borrows_from_the_most_similar_molecule():
    encoder = NearestTextEncoder([*PAIRS, "unparseable("], [*PAIRS.values(), "left out"])
    molecules = encoder.encode_molecules(["Clc1ccccc1Cl", "CCCO", "c1ccncc1C", "?"])
    nearest = (molecules @ encoder.encode_texts(list(PAIRS.values())).T).toarray()
    assert nearest[:3].argmax(axis=1).tolist() == [0, 1, 2] and not nearest[3].any()


def test_the_ridge_reads_fingerprints_off_letters():
    encoder = RidgeEncoder([*PAIRS, "unparseable("], [*PAIRS.values(), "left out"])
    molecules = encoder.encode_molecules([*PAIRS, "?"])
    scores = molecules @ encoder.encode_texts(["chlorobenzene", "pyridines", "thiophenes"]).T
    assert scores[:-1].argmax(axis=0).tolist() == [0, 2, 5] and not molecules[-1].any()
    np.testing.assert_allclose(np.linalg.norm(molecules[:-1], axis=1), 1, rtol=1e-5)
    assert encoder.encode_texts(["%%%"]).any() == 0  # no letter that was met


def test_bad_training_pairs_are_explained():
    with pytest.raises(ValueError, match="Of the 2 training molecules, 1 can be parsed: two are needed"):
        RidgeEncoder(["C", "("], ["a", "b"])
    with pytest.raises(ValueError, match="got 1 molecules and 2 texts"):
        RidgeEncoder(["C"], ["a", "b"])
    with pytest.raises(ValueError, match="got 1 molecules and 2 texts"):
        NearestTextEncoder(["C"], ["a", "b"])
    with pytest.raises(ValueError, match="None of the 1 training molecules"):
        NearestTextEncoder(["("], ["a"])


@pytest.mark.parametrize(
    "build",
    [FragmentWordEncoder, lambda: NearestTextEncoder(["C"], ["methane"]), lambda: RidgeEncoder(["C"], ["methane"])],
)
def test_the_missing_extra_is_named(build, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(ImportError, match=r"finemoltex\[retrieval\]"):
        build()


def test_baselines_are_scored_like_embeddings():
    encoder = FragmentWordEncoder()
    sides = encoder.encode_molecules(list(PAIRS)), encoder.encode_texts(list(PAIRS.values()))
    metrics = evaluate_retrieval(*sides, "p", choose_from=(4,), hits_at=(1,))
    assert metrics["p/t2m_hits@1"] == 1.0 and metrics["p/chance_hits@1"] == pytest.approx(1 / 6)
