"""Figures of captions: bounds, hand-counted values, and how false statements are counted."""

import pytest

from modeling_finemoltex.evaluation import count_false_statements, format_caption_table, score_captions, split_caption

REFERENCES = ["The molecule is a primary alcohol.", "It is an arene with one ring."]


def test_words_are_lower_case_and_marks_stand_alone():
    assert split_caption("The (2R)-Acid, new.") == ["the", "(", "2r", ")", "-", "acid", ",", "new", "."]


@pytest.fixture
def metrics():
    pytest.importorskip("nltk")
    pytest.importorskip("rouge_score")


def test_equal_captions_have_the_best_figures_and_strangers_none(metrics):
    best = score_captions([one.upper() for one in REFERENCES], REFERENCES)
    assert {"bleu_2", "bleu_4", "rouge_l"} < set(best) and best["bleu_4"] == best["rouge_l"] == pytest.approx(1.0)
    worst = score_captions(["xx yy zz", "xx yy zz"], REFERENCES)
    assert worst["bleu_2"] == pytest.approx(0.0, abs=1e-9) and worst["rouge_l"] == 0.0
    (name,) = set(best) - {"bleu_2", "bleu_4", "rouge_l"}
    assert name in ("meteor", "meteor_without_synonyms") and best[name] > 0.95 and worst[name] == 0.0


def test_figures_are_those_counted_by_hand(metrics):
    scores = score_captions(["a b c e"], ["a b c d"])  # 3 of 4 words, 2 of 3 pairs, longest common sequence of 3
    assert scores["bleu_2"] == pytest.approx((3 / 4 * 2 / 3) ** 0.5) and scores["rouge_l"] == pytest.approx(0.75)


def test_an_empty_caption_is_worth_nothing_and_no_captions_are_refused(metrics):
    assert score_captions(["", REFERENCES[1]], REFERENCES)["rouge_l"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="got 0 captions and 0 references"):
        score_captions([], [])
    with pytest.raises(ValueError, match="got 1 captions and 2 references"):
        score_captions(["one"], REFERENCES)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nltk.translate.bleu_score", None)
    with pytest.raises(ImportError, match=r'pip install "finemoltex\[captioning\]"'):
        score_captions(["one"], ["one"])


def test_false_statements_are_counted():
    figures = count_false_statements(["CCO", "c1ccccc1"], ["It is an alcohol and a ketone.", "It smells."])
    assert figures == {"num_statements": 2, "num_false": 1, "false_share": 0.5, "captions_with_false_share": 0.5}
    with pytest.raises(ValueError, match="'C1CC' is no molecule"):
        count_false_statements(["C1CC"], ["It is an alcohol."])


def test_a_table_has_a_row_for_each_writer():
    table = format_caption_table({"model": {"bleu_2": 0.25, "num_false": 1}, "people": {"num_false": 0}})
    assert table.splitlines()[2:] == ["| model | 0.250 | 1 |", "| people |  | 0 |"]
