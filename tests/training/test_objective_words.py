"""Objectives as words of the command line."""

import pytest

from modeling_finemoltex import OBJECTIVES
from modeling_finemoltex.training.objective_words import EXPLANATION, change_objectives


def test_options_are_read_as_yaml_and_new_objectives_come_last():
    given = {"contrastive": {}, "masked_modelling": {"word_weight": 0.1}}
    words = ["matching.weight=0.5", "contrastive.loss=ebm_nce", "masked_modelling.word_weight=1"]
    changed = change_objectives(given, words)
    assert list(changed.items()) == [
        ("contrastive", {"loss": "ebm_nce"}),
        ("masked_modelling", {"word_weight": 1}),
        ("matching", {"weight": 0.5}),
    ]
    assert given == {"contrastive": {}, "masked_modelling": {"word_weight": 0.1}}


def test_the_words_are_followed_in_order():
    assert change_objectives({}, ["matching.weight=2", "matching"]) == {"matching": {"weight": 2}}
    assert change_objectives({}, ["matching.weight=2", "matching=none", "matching"]) == {"matching": {}}
    assert change_objectives({"contrastive": {}}, ["matching=none"]) == {"contrastive": {}}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("triplet.weight=1", "there is no objective 'triplet', only contrastive"),
        ("contrastive.margin=1", "contrastive has no option 'margin', only weight, loss"),
        ("contrastive=1", "write `name.option=value`, `name` or `name=none`"),
        ("contrastive.loss", "write `name.option=value`, `name` or `name=none`"),
    ],
)
def test_other_words_are_refused(word, message):
    with pytest.raises(ValueError, match=message):
        change_objectives({"contrastive": {}}, [word])


def test_a_table_with_an_unknown_objective_is_refused():
    with pytest.raises(ValueError, match="There is no objective 'triplet', only contrastive"):
        change_objectives({"contrastive": {}, "triplet": {}}, [])


def test_the_help_names_every_objective():
    assert all(name in EXPLANATION for name in OBJECTIVES)
