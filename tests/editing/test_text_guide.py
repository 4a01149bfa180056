import numpy as np
import pytest

from modeling_finemoltex.editing import TextGuide
from modeling_finemoltex.editing.text_guide import BACKGROUND, SUBJECTS, split_clauses, vary_subject


def test_clauses_are_split_where_a_verb_follows():
    assert split_clauses("It is soluble in water and has more donors.") == [
        "It is soluble in water.",
        "It has more donors.",
    ]
    assert split_clauses("The compound is a dye, and it contains sulfur") == [
        "The compound is a dye.",
        "The compound contains sulfur.",
    ]
    for whole in ("This molecule is a drug and a dye.", "salts and has-beens", "Salt and is it?"):
        assert split_clauses(whole) == [whole]


def test_subjects_vary_and_other_sentences_stay():
    assert vary_subject("the molecule is blue.") == [f"{subject} is blue." for subject in SUBJECTS]
    assert vary_subject("Italy") == ["Italy"]


def test_a_direction_leads_from_the_opposite_to_the_prompt(encoder):
    guide = TextGuide(encoder, "an alcohol", "a salt")
    alcohol, salt = encoder.encode_texts(["an alcohol", "a salt"])
    background = encoder.encode_texts(BACKGROUND).mean(0)
    np.testing.assert_allclose(guide.directions, [alcohol - salt], atol=1e-6)
    scores = guide.score(np.stack([alcohol, salt]))[:, 0]
    np.testing.assert_allclose(scores, [one @ guide.directions[0] for one in (alcohol, salt)], atol=1e-5)
    assert scores[0] > scores[1]
    alone = TextGuide(encoder, "an alcohol")
    np.testing.assert_allclose(alone.directions[0], alcohol - background, atol=1e-6)


def test_clauses_pair_with_those_of_the_opposite(encoder):
    guide = TextGuide(encoder, "It is a salt and has a ring.", "It is a gas and has a bond.")
    first = TextGuide(encoder, "It is a salt.", "It is a gas.").directions[0]
    second = TextGuide(encoder, "It has a ring.", "It has a bond.").directions[0]
    np.testing.assert_allclose(guide.directions, [first, second], atol=1e-6)
    assert TextGuide(encoder, "It is a salt and has a ring.", "It is a gas.").directions.shape[0] == 2


@pytest.mark.parametrize(
    ("prompt", "opposite", "name"), [("", None, "prompt"), (" ", None, "prompt"), ("x", "", "opposite")]
)
def test_blank_sentences_are_refused(encoder, prompt, opposite, name):
    with pytest.raises(ValueError, match=f"The {name} is blank"):
        TextGuide(encoder, prompt, opposite)
