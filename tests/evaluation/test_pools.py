"""Extra candidates, some queries only, batches, duplicates as errors, and re-ranked orders."""

import numpy as np
import pytest
import torch

from modeling_finemoltex.evaluation import RetrievalSetting, evaluate_retrieval, score_comparison, score_queries
from modeling_finemoltex.evaluation.pools import hits_ceiling


def embeds(rows: int, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width))


def cosines(queries, candidates):
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (queries, candidates)]
    return unit[0] @ unit[1].T


@pytest.mark.parametrize("block", [1, 1 << 23])
def test_extra_candidates_join_one_direction_each(block, monkeypatch):
    monkeypatch.setattr(score_comparison, "BLOCK_ELEMENTS", block)
    molecules, texts = embeds(30, seed=1), embeds(30, seed=2)
    more_molecules, more_texts = embeds(50, seed=3), embeds(7, seed=4)
    options = {"extra_molecule_embeds": more_molecules, "extra_text_embeds": torch.tensor(more_texts)}
    metrics = evaluate_retrieval(molecules, texts, "p", choose_from=(4,), hits_at=(1,), **options)
    for direction, queries, pool in (
        ("t2m", texts, np.concatenate([molecules, more_molecules])),
        ("m2t", molecules, np.concatenate([texts, more_texts])),
    ):
        scores = cosines(queries, pool)
        ranks = 1 + (scores > np.diag(scores)[:, None]).sum(axis=1)
        assert metrics[f"p/{direction}_mean_rank"] == pytest.approx(ranks.mean())
        assert metrics[f"p/chance_{direction}_hits@1"] == pytest.approx(1 / len(pool))
        assert metrics[f"p/chance_{direction}_choose_one_of_4"] == 0.25
    assert "p/chance_hits@1" not in metrics


def test_negatives_do_not_depend_on_extra_candidates():
    molecules, texts = embeds(30, seed=1), embeds(30, seed=2)
    plain = evaluate_retrieval(molecules, texts, "p")
    extra = evaluate_retrieval(molecules, texts, "p", extra_molecule_embeds=embeds(9))
    assert extra["p/t2m_choose_one_of_20"] == plain["p/t2m_choose_one_of_20"]
    assert extra["p/m2t_mean_rank"] == plain["p/m2t_mean_rank"]


@pytest.mark.parametrize(("duplicates", "hits"), [("right", 1.0), ("wrong", 0.75)])
def test_extra_copies_of_a_pairs_molecule(duplicates, hits):
    ids = {"molecule_ids": [0, 1, 0], "text_ids": [0, 1], "duplicates": duplicates}
    metrics = evaluate_retrieval(
        np.eye(2), np.eye(2), "p", choose_from=(), hits_at=(1,), extra_molecule_embeds=np.eye(2)[:1], **ids
    )
    assert metrics["p/t2m_hits@1"] == hits
    assert metrics["p/t2m_ceiling_hits@1"] == 0.75
    assert metrics["p/m2t_ceiling_hits@1"] == metrics["p/unique_text_share"] == 1.0


def test_ceiling_is_what_a_perfect_model_reaches():
    molecule_ids, text_ids = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 1, 2, 2, 2, 3])
    setting = RetrievalSetting(choose_from=(), hits_at=(1,), molecule_ids=molecule_ids, text_ids=text_ids)
    ceilings = hits_ceiling(setting, 6)
    assert ceilings["unique_text_share"] == 0.5
    # Texts 0 and 1 tie between two copies of molecule 0; three pairs share text 2, one of them can be first.
    assert ceilings["t2m_ceiling_hits@1"] == pytest.approx((0.5 + 0.5 + 1 + 1) / 6)
    assert ceilings["m2t_ceiling_hits@1"] == pytest.approx((1 + 1 / 3 + 1 / 3 + 1 / 3 + 1) / 6)
    wrong = RetrievalSetting(choose_from=(), hits_at=(1,), duplicates="wrong")
    space = np.eye(5)
    best_of_text = {0: 0, 1: 0, 2: 1, 3: 4}  # molecule that a text points at
    values = score_queries(space[molecule_ids], space[[best_of_text[text] for text in text_ids]], wrong)
    assert values["t2m_hits@1"].mean() == pytest.approx(ceilings["t2m_ceiling_hits@1"])
    assert hits_ceiling(wrong, 6) == {}


def test_some_queries_ask_all_are_candidates():
    molecules, texts = embeds(40, seed=1), embeds(40, seed=2)
    every = score_queries(molecules, texts, RetrievalSetting())
    some = score_queries(molecules, texts, RetrievalSetting(queries=[3, 30, 7], in_batch=2))
    for key, values in every.items():
        np.testing.assert_array_equal(some[key], values[[3, 30, 7]])
    assert some["t2m_in_batch_2"].tolist()[2] == 1.0  # alone in its batch


def test_choice_in_batches_of_the_given_order():
    molecules, texts = embeds(10, seed=1), embeds(10, seed=2)
    metrics = evaluate_retrieval(molecules, texts, "p", choose_from=(), in_batch=4)
    right = []
    for start in (0, 4, 8):
        scores = cosines(molecules[start : start + 4], texts[start : start + 4])
        right += (scores.argmax(axis=1) == np.arange(len(scores))).tolist()
    assert metrics["p/m2t_in_batch_4"] == pytest.approx(np.mean(right))
    assert metrics["p/chance_in_batch_4"] == pytest.approx((4 * 0.25 + 4 * 0.25 + 2 * 0.5) / 10)


def test_reranking_reorders_the_best_and_keeps_the_rest():
    molecules, texts, extra = embeds(30, seed=1), embeds(30, seed=2), embeds(20, seed=3)
    asked = []

    def oracle(direction, queries, candidates):
        asked.append((direction, queries, candidates))
        return (candidates == queries[:, None]) * 1e-3  # a scale far below that of cosines

    options = {"choose_from": (4,), "hits_at": (1, 5), "bootstrap": 20, "extra_molecule_embeds": extra}
    metrics = evaluate_retrieval(molecules, texts, "p", rerank=oracle, rerank_top=5, **options)
    plain = evaluate_retrieval(molecules, texts, "p", **options)
    assert {key: metrics[key] for key in plain} == plain
    for direction in ("t2m", "m2t"):  # found among the five best, the pair comes first; elsewhere nothing changes
        assert metrics[f"p_reranked5/{direction}_hits@1"] == metrics[f"p/{direction}_hits@5"]
        assert metrics[f"p_reranked5/{direction}_choose_one_of_4"] == 1.0
        assert metrics[f"p_reranked5/{direction}_mrr"] >= metrics[f"p/{direction}_mrr"]
    found = [candidates for direction, _, candidates in asked if direction == "t2m" and candidates.shape[1] == 5]
    best = np.argsort(-cosines(texts, np.concatenate([molecules, extra])), axis=1)[:, :5]
    assert (np.sort(np.concatenate(found)) == np.sort(best)).all()
    ranks = [
        score_queries(molecules, texts, RetrievalSetting(), extra, rerank=rerank, rerank_top=5)["t2m_rank"]
        for rerank in (None, oracle)
    ]
    outside = ranks[0] > 5
    assert outside.any() and (ranks[1][outside] == ranks[0][outside]).all() and (ranks[1][~outside] == 1).all()


def test_a_reranker_without_opinion_ties_the_best():
    molecules, texts = embeds(30, seed=1), embeds(30, seed=2)
    setting = RetrievalSetting(choose_from=(), hits_at=(1, 5))
    plain = score_queries(molecules, texts, setting)["t2m_hits@5"]
    level = score_queries(
        molecules, texts, setting, rerank=lambda direction, queries, best: np.zeros(best.shape), rerank_top=5
    )
    assert level["t2m_hits@1"] == pytest.approx(plain / 5) and level["t2m_hits@5"] == pytest.approx(plain)


def test_sparse_rows_score_like_dense_ones():
    sparse = pytest.importorskip("scipy.sparse")
    pytest.importorskip("sklearn")
    sides = [np.maximum(embeds(30, 20, seed), 0) for seed in (1, 2, 3)]
    setting = RetrievalSetting(molecule_ids=np.arange(30) // 2)
    for normalize in (True, False):
        dense = score_queries(sides[0], sides[1], setting, sides[2], normalize=normalize)
        rows = [sparse.csr_matrix(side) for side in sides]
        for key, values in score_queries(rows[0], rows[1], setting, rows[2], normalize=normalize).items():
            np.testing.assert_allclose(values, dense[key])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duplicates": "half"}, "must be 'right' or 'wrong': got 'half'"),
        ({"directions": ("up",)}, "must be some of"),
        ({"in_batch": 1}, "at least 2"),
        ({"queries": [25]}, r"row numbers in \[0, 25\)"),
        ({"queries": []}, "at least one"),
        ({"extra_molecule_embeds": np.ones((4, 2))}, "same width: got 3 and 2"),
        ({"extra_text_embeds": np.full((4, 3), np.inf)}, "`extra_text_embeds` has NaN or infinite values in 4 of 4"),
        ({"extra_text_embeds": np.ones((4, 3)), "text_ids": [0] * 28}, "for 25 pairs, or those and 4 of the extra"),
        ({"rerank": lambda *given: np.zeros(3)}, "one finite score per candidate, shape"),
        ({"rerank": lambda d, q, c: np.full(c.shape, np.nan)}, "with NaN or infinite values"),
        ({"bootstrap": 1}, "at least 2"),
    ],
)
def test_bad_input_is_explained(change, message):
    with pytest.raises(ValueError, match=message):
        evaluate_retrieval(np.ones((25, 3)), np.ones((25, 3)), "p", **change)
