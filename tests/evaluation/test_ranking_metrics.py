"""Retrieval metrics against a brute-force implementation and against chance."""

import itertools

import numpy as np
import pytest
import torch

from modeling_finemoltex.evaluation import evaluate_retrieval, format_retrieval_table, load_negatives, score_comparison
from modeling_finemoltex.evaluation.pools import count_correct, draw_negatives


def embeds(rows: int, width: int = 6, seed: int = 0, levels: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if levels:  # few distinct directions, so that scores tie
        return generator.normal(size=(levels, width))[generator.integers(levels, size=rows)]
    return generator.normal(size=(rows, width))


def brute_force(queries, candidates, correct, hits_at):
    """Average over every order of the tied candidates that best-first sorting allows."""
    scores = queries @ candidates.T / np.outer(np.linalg.norm(queries, axis=1), np.linalg.norm(candidates, axis=1))
    hits, reciprocal, ranks = {k: [] for k in hits_at}, [], []
    for row in range(len(queries)):
        best = max(scores[row, correct[row]])
        wrong = scores[row, ~correct[row]]
        better, equal = int((wrong > best + 1e-6).sum()), int((abs(wrong - best) <= 1e-6).sum())
        positions = [better + 1 + order for order in range(equal + 1)]
        for k in hits_at:
            hits[k].append(np.mean([position <= k for position in positions]))
        reciprocal.append(np.mean([1 / position for position in positions]))
        ranks.append(np.mean(positions))
    return {**{f"hits@{k}": np.mean(hits[k]) for k in hits_at}, "mrr": np.mean(reciprocal),
            "mean_rank": np.mean(ranks), "median_rank": np.median(ranks)}  # fmt: skip


@pytest.mark.parametrize("with_ids", [False, True])
@pytest.mark.parametrize("levels", [0, 5])
@pytest.mark.parametrize("block", [1, 7 * 40, 1 << 23])
def test_equals_brute_force(with_ids, levels, block, monkeypatch):
    monkeypatch.setattr(score_comparison, "BLOCK_ELEMENTS", block)
    rows, hits_at = 40, (1, 5, 10)
    molecules, texts = embeds(rows, seed=1, levels=levels), embeds(rows, seed=2, levels=levels)
    molecule_ids, text_ids = np.arange(rows) // 2, np.arange(rows) % 15
    correct = np.eye(rows, dtype=bool)
    if with_ids:
        correct = (molecule_ids[:, None] == molecule_ids) | (text_ids[:, None] == text_ids)
    ids = {"molecule_ids": molecule_ids, "text_ids": text_ids} if with_ids else {}
    metrics = evaluate_retrieval(molecules, texts, "p", choose_from=(4, 10), hits_at=hits_at, **ids)
    for direction, queries, candidates in (("t2m", texts, molecules), ("m2t", molecules, texts)):
        for name, value in brute_force(queries, candidates, correct, hits_at).items():
            assert metrics[f"p/{direction}_{name}"] == pytest.approx(value, abs=1e-9), (direction, name)


def test_equal_embeddings_give_exactly_chance():
    rows = 30
    same = np.tile(embeds(1, width=37), (rows, 1))
    metrics = evaluate_retrieval(same, same, "p")
    for key, chance in metrics.items():
        if "/chance_" in key:
            for direction in ("t2m", "m2t"):
                assert metrics[key.replace("chance", direction)] == pytest.approx(chance, abs=1e-12), key
    assert metrics["p/chance_hits@10"] == pytest.approx(10 / 30)
    assert metrics["p/chance_mrr"] == pytest.approx(sum(1 / rank for rank in range(1, 31)) / 30)
    assert metrics["p/chance_mean_rank"] == pytest.approx(15.5)
    assert metrics["p/chance_choose_one_of_20"] == 0.05


def test_random_embeddings_are_near_chance():
    metrics = evaluate_retrieval(embeds(800, 64, seed=3), embeds(800, 64, seed=4), "p")
    assert metrics["p/t2m_choose_one_of_4"] == pytest.approx(0.25, abs=0.05)
    assert metrics["p/m2t_choose_one_of_20"] == pytest.approx(0.05, abs=0.03)
    assert metrics["p/t2m_mean_rank"] == pytest.approx(400.5, rel=0.1)


def test_perfect_embeddings():
    molecules = torch.tensor(embeds(25, 32), dtype=torch.float32)
    metrics = evaluate_retrieval(molecules, 3 * molecules, "p")
    for direction, name in itertools.product(("t2m", "m2t"), ("hits@1", "mrr", "mean_rank", "choose_one_of_20")):
        assert metrics[f"p/{direction}_{name}"] == 1.0


def test_duplicates_of_the_molecule_are_right_answers():
    molecules, texts = np.eye(6), np.eye(6)
    molecules[1] = molecules[0]  # rows 0 and 1 are one molecule
    texts[1] = [1, 0.2, 0, 0, 0, 0]
    plain = evaluate_retrieval(molecules, texts, "p", choose_from=(4,))
    aware = evaluate_retrieval(molecules, texts, "p", choose_from=(4,), molecule_ids=[0, 0, 2, 3, 4, 5])
    assert plain["p/t2m_hits@1"] == pytest.approx((0.5 + 0.5 + 4) / 6)
    assert aware["p/t2m_hits@1"] == 1.0
    assert aware["p/t2m_choose_one_of_4"] == aware["p/m2t_choose_one_of_4"] == 1.0
    assert aware["p/chance_t2m_hits@1"] == pytest.approx(1 / 5)  # five molecules
    assert aware["p/chance_m2t_hits@1"] == pytest.approx((2 * 2 / 6 + 4 / 6) / 6)  # two are right for row 0


def test_negatives_are_seeded_nested_and_wrong():
    ids = [np.arange(50) // 2, np.arange(50) % 10]
    num_correct = count_correct(ids, 50)
    wrong = (ids[0][:, None] != ids[0]) & (ids[1][:, None] != ids[1])
    np.testing.assert_array_equal(num_correct, (~wrong).sum(axis=1))
    drawn = draw_negatives(ids, num_correct, 19, seed=0)
    assert np.take_along_axis(wrong, drawn, axis=1).all()
    assert all(len(set(row)) == 19 for row in drawn)
    np.testing.assert_array_equal(drawn, draw_negatives(ids, num_correct, 19, seed=0))
    assert (drawn != draw_negatives(ids, num_correct, 19, seed=1)).any()
    one = np.ones(50, dtype=np.int64)
    assert (draw_negatives([], one, 49, seed=0) != np.arange(50)[:, None]).all()


def test_choosing_is_harder_among_more():
    molecules = embeds(200, 16)
    metrics = evaluate_retrieval(molecules, molecules + 0.8 * embeds(200, 16, seed=9), "p")
    accuracies = [metrics[f"p/t2m_choose_one_of_{size}"] for size in (4, 10, 20)]
    assert accuracies == sorted(accuracies, reverse=True) and accuracies[0] > accuracies[-1]


def test_given_negatives(tmp_path):
    index = tmp_path / "index.txt"
    index.write_text("1,2,3\n2,3,0,1\n0,1,3\n0,1,2\n")
    negatives = load_negatives(index)
    assert negatives.tolist() == [[1, 2, 3], [2, 3, 0], [0, 1, 3], [0, 1, 2]]
    molecules, texts = np.eye(4), np.eye(4)
    texts[0] = [0.5, 0, 0, 1]  # wrong only when row 3 is among the candidates
    metrics = evaluate_retrieval(molecules, texts, "p", choose_from=(3, 4), negatives=negatives)
    assert metrics["p/t2m_choose_one_of_3"] == 1.0
    assert metrics["p/t2m_choose_one_of_4"] == 0.75
    tied = evaluate_retrieval(np.ones((4, 2)), np.ones((4, 2)), "p", choose_from=(3, 4), negatives=negatives)
    assert tied["p/m2t_choose_one_of_3"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("text", "message"), [("1,2\n1,x\n", "line 2: expected comma-separated"), ("", "is empty"), ("1\n\n", "line 2")]
)
def test_bad_negatives_file(tmp_path, text, message):
    index = tmp_path / "index.txt"
    index.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_negatives(index)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text_embeds": np.ones((24, 3))}, "one row per pair and the same width"),
        ({"text_embeds": np.ones((25, 4))}, "one row per pair and the same width"),
        ({"text_embeds": np.ones(25)}, "must be a matrix"),
        ({"molecule_embeds": np.full((25, 3), np.nan)}, "NaN or infinite values in 25 of 25 rows"),
        ({"choose_from": (26,)}, "needs 25 wrong candidates per row: row 0 has 24 in a pool of 25"),
        ({"molecule_ids": [0] * 20}, "`molecule_ids` must have one id per pair"),
        ({"text_ids": [0] * 25}, "row 0 has 0 in a pool of 25 rows"),
        ({"negatives": np.ones((25, 2), dtype=int)}, "at least 19 row numbers"),
        ({"negatives": np.full((25, 19), 25)}, "row 0 names row 25"),
        ({"negatives": np.zeros((25, 19), dtype=int)}, "row 0 names row 0"),
    ],
)
def test_bad_input_is_explained(change, message):
    arguments = {"molecule_embeds": np.ones((25, 3)), "text_embeds": np.ones((25, 3)), "protocol": "p", **change}
    with pytest.raises(ValueError, match=message):
        evaluate_retrieval(**arguments)


def test_table():
    metrics = evaluate_retrieval(np.eye(4), np.eye(4), "toy", choose_from=(4,), hits_at=(1,))
    lines = format_retrieval_table({**metrics, "epoch": 3.0}).splitlines()
    assert lines[0].split("  ")[0] == "protocol" and "chance" in lines[0]
    assert len(lines) == 6
    assert [cell for cell in lines[1].split("  ") if cell] == [
        "toy",
        "hits@1",
        " 100.00 %",
        " 100.00 %",
        "25.00 %",
    ] or ("100.00 %" in lines[1] and "25.00 %" in lines[1])
    assert lines[4].split()[-1] == "-"  # the median of a random order is not given
