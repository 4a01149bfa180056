"""One spelling for every text, and the way back to the original."""

import random

import pytest

from modeling_finemoltex.processors.text_normalization_finemoltex import normalize_text

PLAIN = [
    "",
    "N-(2,4-dichlorophenyl)acetamide, mp 120-122 C; IC50 < 5 nM & p > 0.05",
    "a<b and b>c, 5 < x; R&D; AT&T; x <- y -> z <5>",
    "line one\nline two\twith a tab\r\n",
    "pH=7.4 {x} [y] ~ ` ^ \\ | @ # $ %",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_stays_as_it_is(text):
    found = normalize_text(text)
    assert found.text == text and found.offsets is None and found.locate(2, 4) == (2, 4)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\u03b3-aminobutyric acid", "gamma-aminobutyric acid"),
        ("\u0394\u2079-tetrahydrocannabinol", "Delta9-tetrahydrocannabinol"),
        ("\u03c9\u20113 fatty acid, \u03c2 bond, \u03bb max", "omega-3 fatty acid, sigma bond, lambda max"),
        ("\U0001d6fc-\u03ac", "alpha-alpha"),
        ("a \u00b5-opioid agonist at 3 \u00b5M (\u03bcg/ml)", "a mu-opioid agonist at 3 uM (ug/ml)"),
        ("3<em>H</em>-indole and H<sub>2</sub>SO<SUB>4</SUB>", "3H-indole and H2SO4"),
        ('<span class="name" id="x">urea</span><!-- note -->', "urea"),
        ("<jats:p>one</jats:p>two<br/>three", " one two three"),
        ("2 &lt; 3 &amp;&nbsp;&#946;&#x3B3; &Delta;", "2 < 3 & betagamma Delta"),
        ("&amp;beta;-carotene and &unknown; &", "beta-carotene and &unknown; &"),
        ("SO\u2084\u00b2\u207b, x\u00b3, Ca\u00b2\u207a", "SO42-, x3, Ca2+"),
        ("\uff21\uff22\uff0d\uff11\uff12\u3000ok", "AB-12 ok"),
        ("cis\u2013trans \u2014 \u2212\u2010\u2011", "cis-trans - ---"),
        ("5\u2032-O, 3\u2033, \u2018a\u2019 \u201cb\u201d \u00abc\u00bb \u00b4", "5'-O, 3'', 'a' \"b\" \"c\" '"),
        ("zero\u200bwidth\ufeff so\u00adft\u2060 a\ufe0fb", "zerowidth soft ab"),
        ("a\u00a0b\u2009c\u202fd\u2028e", "a b c d e"),
        ("bell\x07 nul\x00 \ud800surrogate", "bell nul surrogate"),
        ("\ufb01rst o\ufb00er \u2026 10 \u2103 \u00bd", "first offer ... 10 \u00b0C 1/2"),
        ("caf\u00e9 Gr\u00f6\u00dfe e\u0301", "caf\u00e9 Gr\u00f6\u00dfe \u00e9"),
        ("\u00b1 \u2265 \u2264 \u00d7 \u2192", "+/- >= <= x ->"),
    ],
)
def test_spellings(text, plain):
    found = normalize_text(text)
    assert found.text == plain
    assert normalize_text(found.text) == (plain, None)  # once is enough
    assert len(found.offsets) == len(plain)
    assert all(0 <= start < end <= len(text) for start, end in found.offsets)
    assert [start for start, _ in found.offsets] == sorted(start for start, _ in found.offsets)


def test_offsets_point_into_the_original():
    text = "the <i>\u03b2</i>-lactam of CO\u2082 &amp; 2\u2032"
    found = normalize_text(text)
    pieces = {"beta": "\u03b2", "lactam": "lactam", "CO2": "CO\u2082", "&": "&amp;", "'": "\u2032"}
    for word, original in pieces.items():
        start = found.text.index(word)
        place = found.locate(start, start + len(word))
        assert text[slice(*place)] == original, word
    start = found.text.index("beta-lactam")
    assert text[slice(*found.locate(start, start + 11))] == "\u03b2</i>-lactam"


def test_random_texts_are_normalised_once():
    generator = random.Random(0)
    ranges = [(0x20, 0x7F), (0xA0, 0x300), (0x370, 0x400), (0x2000, 0x2300), (0x1F00, 0x2000), (0xFE00, 0x10000)]
    for _ in range(3000):
        text = "".join(chr(generator.randrange(*generator.choice(ranges))) for _ in range(12))
        found = normalize_text(text)
        assert normalize_text(found.text).text == found.text, ascii(text)
        assert found.offsets is None or len(found.offsets) == len(found.text)
