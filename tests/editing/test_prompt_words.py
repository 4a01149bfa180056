"""Prompts that say nothing to a model are told from those that do; named properties are recognised."""

import pytest

from modeling_finemoltex import MoleculeTextEncoder, default_model
from modeling_finemoltex.editing.prompt_words import find_named_properties, has_known_word
from modeling_finemoltex.editing.text_guide import split_clauses
from modeling_finemoltex.evaluation import PROMPTS


@pytest.fixture(scope="module")
def tokenizer():
    """Of the shipped model."""
    return MoleculeTextEncoder.from_pretrained(default_model()).processor.tokenizer


def test_no_published_prompt_is_refused(tokenizer):
    texts = [text for prompt in PROMPTS.values() for text in (prompt.text, prompt.opposite) if text is not None]
    assert all(has_known_word(tokenizer, clause) for text in texts for clause in split_clauses(text))


@pytest.mark.parametrize(
    "text", ["more polar", "aspirin", "less toxic", "It binds to kinases.", "replace the chlorine by a fluorine"]
)
def test_words_of_chemistry_are_known(tokenizer, text):
    assert has_known_word(tokenizer, text)


@pytest.mark.parametrize(
    "text",
    [
        "This molecule is blorpish.",
        "asdf qwer zxcv",
        "asdf qwerty",
        "This molecule.",
        "make it better",
        "This molecule is nice.",
        "It is a good one.",
        "\u4e2d\u6587",
        "This molecule is very very.",
        "I love you",
    ],
)
def test_what_says_nothing_is_not_known(tokenizer, text):
    assert not has_known_word(tokenizer, text)


def test_named_properties():
    assert find_named_properties("It is insoluble in water and has low permeability.") == ["MolLogP", "TPSA"]
    assert find_named_properties("This molecule is like a drug.") == ["qed"]
    assert find_named_properties("It has more hydrogen bond acceptors.") == ["NumHAcceptors"]
    assert find_named_properties("It looks like aspirin.") == []
