"""A blend: what its members see it learns, and where nothing can be learned it says the same of all."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from modeling_finemoltex.property_prediction import estimators
from modeling_finemoltex.property_prediction.blend import Blend, Member, answer_alike, fit_member
from modeling_finemoltex.property_prediction.estimators import ESTIMATORS, can_fit, make_estimator
from modeling_finemoltex.property_prediction.tempering import choose_temperature, temper


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(estimators, "NUM_TREES", 20)


@pytest.fixture
def blocks():
    generator = np.random.default_rng(0)
    return {"a": generator.normal(size=(90, 3)), "b": generator.integers(0, 5, (90, 4)).astype(np.uint8)}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_learns_classes_and_numbers(blocks, name):
    member = Member(name, ("a",))
    labels = (blocks["a"][:, :1] > 0).astype(float)
    labels[::7] = np.nan
    found = Blend([member], "binary", 1).fit(blocks, labels, 0).predict(blocks)
    known = ~np.isnan(labels)
    assert ((found > 0.5) == (labels == 1))[known].mean() > 0.9 and 0 <= found.min() <= found.max() <= 1
    numbers = 1000 + 50 * blocks["a"][:, :1]
    found = Blend([member], "regression", 1).fit(blocks, numbers, 0).predict(blocks)
    assert np.abs(found - numbers).mean() < 20
    classes = np.digitize(blocks["a"][:, :1], [-0.5, 0.5]).astype(float)
    found = Blend([member], "multiclass", 4).fit(blocks, classes, 0).predict(blocks)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    assert found.shape == (90, 4) and (found[:, 3] == 0).all()  # no molecule of the last class
    assert (found.argmax(1) == classes[:, 0]).mean() > 0.8


def test_members_are_averaged_and_read_their_own_blocks(blocks):
    labels = (blocks["a"][:, :1] > 0).astype(float)
    members = [Member("extra_trees", ("a",)), Member("forest", ("b",)), Member("svm", ("a", "b"))]
    blend = Blend(members, "binary", 1).fit(blocks, labels, seed=3)
    alone = [Blend([one], "binary", 1).fit(blocks, labels, seed=3).predict(blocks) for one in members]
    np.testing.assert_allclose(blend.predict(blocks), np.mean(alone, axis=0))
    other = {"a": blocks["a"], "b": 0 * blocks["b"]}
    np.testing.assert_allclose(blend.ask(0, other), alone[0])
    assert not np.allclose(blend.ask(1, other), alone[1]) and blend.blocks == ["a", "b"]


def test_a_seed_gives_the_same_trees(blocks):
    labels = (blocks["b"][:, :1] > 2).astype(float)
    first, again, other = (
        Blend([Member("forest", ("a",))], "binary", 1).fit(blocks, labels, seed).predict(blocks) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_tasks_with_nothing_to_learn(blocks):
    labels = np.full((90, 4), np.nan)
    labels[:, 1] = 1
    labels[:, 2] = np.arange(90) == 5  # one alone: too few for the folds of a support-vector machine
    labels[:, 3] = blocks["a"][:, 0] > 0
    members = [Member("forest", ("a",)), Member("svm", ("a",))]
    blend = Blend(members, "binary", 4).fit(blocks, labels, 0)
    assert [[one is None for one in fitted] for fitted in blend.fitted] == [
        [True, True, False, False],
        [True, True, True, False],
    ]
    found = blend.predict(blocks)
    assert (found[:, 0] == 0.5).all() and (found[:, 1] == 1).all() and np.isfinite(found).all()
    assert np.isnan(blend.ask(1, blocks)[:, :3]).all()
    np.testing.assert_array_equal(found[:, 2], blend.ask(0, blocks)[:, 2])  # the one that learned it, alone


def test_many_rows_go_without_the_support_vector_machine(blocks, monkeypatch):
    numbers = 1000 + 50 * blocks["a"][:, :1]
    members = [Member("forest", ("a",)), Member("svm", ("a",))]
    monkeypatch.setattr(estimators, "MAX_SVM_ROWS", 89)
    found = Blend(members, "regression", 1).fit(blocks, numbers, 0).predict(blocks)
    alone = Blend(members[:1], "regression", 1).fit(blocks, numbers, 0).predict(blocks)
    np.testing.assert_allclose(found, alone, rtol=1e-12)  # sums of trees round in any order
    monkeypatch.setattr(estimators, "MAX_SVM_ROWS", 90)  # at the limit it counts
    assert not np.allclose(Blend(members, "regression", 1).fit(blocks, numbers, 0).predict(blocks), found)


def test_answers_without_learning():
    assert answer_alike(np.array([[1.0, np.nan], [3.0, np.nan]]), "regression", 2) == [[2.0], [0.0]]
    assert answer_alike(np.array([[2.0], [0.0], [2.0], [np.nan]]), "multiclass", 3) == [[1 / 3, 0.0, 2 / 3]]
    assert answer_alike(np.full((2, 1), np.nan), "multiclass", 2) == [[0.5, 0.5]]
    assert not can_fit("forest", "regression", np.array([]))


def test_balanced_classes_raise_the_rare_one(blocks):
    labels = (blocks["a"][:, :1] > 1.2).astype(float)
    plain, balanced = (
        Blend([Member("svm", ("b",))], "binary", 1).fit(blocks, labels, 0, balance).predict(blocks)
        for balance in (False, True)
    )
    assert not np.allclose(plain, balanced)


def test_mistakes(blocks):
    with pytest.raises(ValueError, match="at least one member"):
        Blend([], "binary", 1)
    with pytest.raises(ValueError, match="Unknown estimator 'tree': choose among forest, extra_trees, boosting, svm"):
        make_estimator("tree", "binary", 10, 0)
    with pytest.raises(KeyError, match="size"):
        fit_member(Member("forest", ("size",)), blocks, np.arange(90.0)[:, None] % 2, "binary", 0)


@pytest.mark.parametrize("task_type", ["binary", "multiclass"])
def test_temperatures_keep_ranks_and_mend_confidence(task_type):
    generator = np.random.default_rng(0)
    sure = generator.uniform(size=(400, 1))
    labels = (generator.uniform(size=(400, 1)) < sure).astype(float)
    timid = 0.4 + 0.2 * sure
    predictions = timid if task_type == "binary" else np.hstack([1 - timid, timid])
    temperature = choose_temperature(predictions, labels, task_type)
    found = temper(predictions, temperature, task_type)
    assert temperature < 0.5 and np.abs(found[:, -1:] - sure).mean() < np.abs(timid - sure).mean()
    assert (np.diff(found[np.argsort(timid[:, 0]), -1]) >= 0).all()
    if task_type == "multiclass":
        np.testing.assert_allclose(found.sum(1), 1)


def test_numbers_have_no_temperature():
    numbers = np.array([[-3.0], [50.0]])
    assert choose_temperature(numbers, numbers, "regression") == 1.0
    assert temper(numbers, 2.0, "regression") is numbers
    assert choose_temperature(np.full((2, 1), 0.5), np.full((2, 1), np.nan), "binary") == 1.0
