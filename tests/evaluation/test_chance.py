"""Chance is what random vectors reach, equal ones for equal molecules and texts."""

import numpy as np
import pytest

from modeling_finemoltex.evaluation import RetrievalSetting, score_at_random, score_queries

ROWS, EXTRA = 36, 8
IDS = {
    "distinct": {},
    "texts": {"text_ids": np.arange(ROWS) % 7},
    "molecules": {"molecule_ids": np.concatenate([np.arange(ROWS) // 3, np.arange(EXTRA) % 4])},
    # Skewed, and pairs that share a text but not the molecule: some wrong rows are the same item as a right one.
    "both": {"molecule_ids": np.arange(ROWS) // 2, "text_ids": np.minimum(np.arange(ROWS) % 11, 4)},
}


def measure(setting, num_draws, num_extra):
    """Score random unit vectors: the mean over draws, and its standard error."""
    generator, draws = np.random.default_rng(1), []
    for _ in range(num_draws):
        sides = []
        for name, size in (("molecule_ids", ROWS + num_extra), ("text_ids", ROWS)):
            ids = getattr(setting, name)
            ids = np.arange(size) if ids is None else np.asarray(ids)
            ids = np.concatenate([ids, ids.max() + 1 + np.arange(size - len(ids))])[:size]
            sides.append(generator.normal(size=(ids.max() + 1, 12))[ids])
        molecules, texts = sides
        values = score_queries(molecules[:ROWS], texts, setting, molecules[ROWS:] if num_extra else None)
        draws.append({name: array.mean() for name, array in values.items()})
    return {
        name: (np.mean([draw[name] for draw in draws]), np.std([draw[name] for draw in draws]) / num_draws**0.5)
        for name in draws[0]
    }


@pytest.mark.parametrize("duplicates", ["right", "wrong"])
@pytest.mark.parametrize("kind", IDS)
def test_random_vectors_reach_it(kind, duplicates):
    num_extra = EXTRA if kind == "molecules" else 0
    setting = RetrievalSetting((2, 4), (1, 3, 10), duplicates=duplicates, in_batch=8, **IDS[kind])
    stated = score_at_random(setting, ROWS, num_extra)
    for name, (mean, error) in measure(setting, 100, num_extra).items():
        assert stated[name].shape == (ROWS,)
        assert stated[name].mean() == pytest.approx(mean, abs=4.5 * error + 1e-3), name


def test_fewer_texts_than_rows_are_easier_to_choose_among():
    """Two texts in equal parts: whoever draws lots between them is right half of the time, whatever T is."""
    setting = RetrievalSetting((4,), (1,), text_ids=np.arange(ROWS) % 2, directions=("m2t",))
    assert score_at_random(setting, ROWS)["m2t_choose_one_of_4"].tolist() == [0.5] * ROWS
    assert score_at_random(setting, ROWS)["m2t_hits@1"].tolist() == [0.5] * ROWS


def test_where_nothing_repeats_it_is_a_random_order():
    values = score_at_random(RetrievalSetting((4,), (1, 5), in_batch=4), 10, num_extra_texts=2)
    assert {name: round(float(array[0]), 6) for name, array in values.items() if np.ptp(array) == 0} == {
        "t2m_hits@1": 0.1,
        "t2m_hits@5": 0.5,
        "t2m_mrr": round(sum(1 / rank for rank in range(1, 11)) / 10, 6),
        "t2m_rank": 5.5,
        "t2m_choose_one_of_4": 0.25,
        "m2t_hits@1": round(1 / 12, 6),
        "m2t_hits@5": round(5 / 12, 6),
        "m2t_mrr": round(sum(1 / rank for rank in range(1, 13)) / 12, 6),
        "m2t_rank": 6.5,
        "m2t_choose_one_of_4": 0.25,
    }
    assert values["t2m_in_batch_4"].tolist() == [0.25] * 8 + [0.5] * 2  # the last batch is short


def test_equal_seeds_give_equal_figures():
    setting = RetrievalSetting((4,), (1, 5), **IDS["both"])
    first, second = (score_at_random(setting, ROWS) for _ in range(2))
    assert all(np.array_equal(array, second[name]) for name, array in first.items())
