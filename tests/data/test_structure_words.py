"""Words of structure: the lexicon, and words that are put together."""

import pytest

from modeling_finemoltex.data.structural_facts import make_plural, nouns_of, structural_facts
from modeling_finemoltex.data.structure_words import PLAIN_FACTS, fact_numbers, key_of, lexicon, read_phrase, relate


def meaning(phrase: str) -> list[tuple[str, int, int | None]]:
    reading = read_phrase(key_of(phrase))
    return (
        []
        if reading is None
        else [(structural_facts()[fact].name, least, most) for fact, least, most in reading.terms]
    )


def test_every_noun_of_the_vocabulary_is_read_in_both_numbers():
    for fact in structural_facts():
        for noun in nouns_of(fact):
            singular, plural = lexicon()[key_of(noun)], lexicon()[key_of(make_plural(noun))]
            assert singular.terms == plural.terms, noun
            named = structural_facts()[singular.terms[0].fact]
            assert noun in nouns_of(named) or fact.name in PLAIN_FACTS, noun


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("difluoro", [("fluorine atom", 2, 2)]),
        ("tribromobenzene", [("bromobenzene", 3, None)]),
        ("dicarboxylic acid", [("carboxylic acid", 2, 2)]),
        ("2-amino-5-nitropyridine", []),
        ("amino-5-nitropyridine", [("aminopyridine", 1, None), ("nitropyridine", 1, None)]),
        ("cyclopropylamine", [("cyclopropane", 1, None), ("amine", 1, None)]),
        ("hydroxyquinoline", [("hydroxyquinoline", 1, None)]),
        ("sulphoxide", [("sulfoxide", 1, None)]),
        ("methylene", []),
        ("chloroform", []),
        ("acetylcholine", []),
        ("diamond", []),
    ],
)
def test_compound_words(phrase, expected):
    assert meaning(phrase) == expected


def test_a_substituent_and_a_ring_make_a_relation():
    numbers = fact_numbers()
    assert structural_facts()[relate(numbers["chlorine atom"], numbers["aromatic ring"])].name == "aryl chloride"
    assert structural_facts()[relate(numbers["phenol"], numbers["quinoline"])].name == "hydroxyquinoline"
    assert relate(numbers["ester"], numbers["piperidine"]) is None
