"""Whatever text comes in, a row comes out, or a reason; never anything else."""

import numpy as np
import pytest
from rdkit import Chem

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import strategies  # noqa: E402

from modeling_finemoltex import FineMolTexFeatureExtractor  # noqa: E402
from modeling_finemoltex.processors.atom_features_finemoltex import (  # noqa: E402
    ATOM_FEATURE_SIZES,
    BOND_FEATURE_SIZES,
    RARE_FEATURE_SIZES,
)
from modeling_finemoltex.processors.text_normalization_finemoltex import normalize_text  # noqa: E402

MOLECULES = "CCO c1ccc(N)cc1 C[C@H]1CC[C@@H](C)CC1 [13CH4] [Na+].[Cl-] F/C=C/F InChI=1S/CH4/h1H4".split()
# What RDKit would take for a name, an extension or a comment, and what nobody can see.
TAILS = (
    " name",
    "\tCCN",
    "\nCCN",
    "\x00",
    "\u200b",
    "\ufeff",
    "\u00a0N",
    "\u00ad",
    " |a:1|",
    " |$R$|",
    " CCN",
    "\u03b1",
    "\x1b",
)
CITATIONS = (
    "[A12, L34]",
    "[A12][L3]",
    "[FDA Label]",
    "(PMID: 12345678)",
    "PMID:1",
    "(ref. 4)",
    "[PubMed:1234]",
    "{ECO:1|PubMed:1}",
)
CHEMISTRY = (
    "[2H] [1,2-b] spiro[4.5] benzo[a]pyrene [18F]fluoro bicyclo[2.2.1]heptane N-[2-(x)] [3,4]-fused (L1210)".split()
)
PIECES = (
    *CITATIONS,
    *CHEMISTRY,
    *"toxic melts It. of [1] (see ) [ ] ( , ; : . &amp &#91 <b x=1> <b \u03b2 \u2013".split(),
)
few = hypothesis.settings(max_examples=60, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def extractor():
    return FineMolTexFeatureExtractor()


def check(extractor, text):
    """Featurise, and look at the row or at the reason."""
    try:
        row = extractor.featurize(text, 41)
    except ValueError as error:
        assert "41" in str(error)
        return
    number = row.atom_features.shape[0]
    assert (row.atom_features < np.array(ATOM_FEATURE_SIZES + RARE_FEATURE_SIZES) - 1).all()  # never [MASK]
    assert (row.edge_features < np.array(BOND_FEATURE_SIZES) - 1).all()
    assert number and (row.edge_index < number).all()
    assert sorted(set(row.atom_to_motif.tolist())) == list(range(len(row.motif_ids)))
    assert sorted(row.motif_positions.tolist()) == list(range(len(row.motif_ids)))


@few
@hypothesis.given(text=strategies.one_of(strategies.text(), strategies.text("CNOcn()[]=#@/\\123+-.% HI", max_size=30)))
def test_any_text(extractor, text):
    check(extractor, text)


@few
@hypothesis.given(
    value=strategies.one_of(strategies.none(), strategies.integers(), strategies.floats(), strategies.binary())
)
def test_any_value(extractor, value):
    with pytest.raises(ValueError, match="41"):
        extractor.featurize(value, 41)


@few
@hypothesis.given(
    molecule=strategies.sampled_from(MOLECULES), place=strategies.integers(0, 30), tail=strategies.sampled_from(TAILS)
)
def test_something_beside_a_molecule_is_refused(extractor, molecule, place, tail):
    with pytest.raises(ValueError, match="at index 41"):
        extractor.featurize(molecule + tail, 41)
    place = 1 + place % len(molecule)
    if tail.strip() and place < len(molecule):
        with pytest.raises(ValueError, match="at index 41"):
            extractor.featurize(molecule[:place] + tail + molecule[place:], 41)


@few
@hypothesis.given(molecule=strategies.sampled_from(MOLECULES), seed=strategies.integers(1, 2**20))
def test_spellings_give_the_same_atoms(extractor, molecule, seed):
    rows = extractor.featurize(molecule)
    parsed = Chem.MolFromInchi(molecule) if molecule.startswith("InChI") else Chem.MolFromSmiles(molecule)
    (other,) = Chem.MolToRandomSmilesVect(parsed, 1, randomSeed=seed)
    assert sorted(extractor.featurize(other).atom_features.tolist()) == sorted(rows.atom_features.tolist())


@few
@hypothesis.given(text=strategies.text())
def test_any_text_has_a_plain_spelling(text):
    plain = normalize_text(text)
    assert normalize_text(plain.text).text == plain.text
    for start in range(len(plain.text)):
        first, last = plain.locate(start, start + 1)
        assert 0 <= first < last <= len(text)


@few
@hypothesis.given(
    pieces=strategies.lists(
        strategies.tuples(strategies.sampled_from(PIECES), strategies.sampled_from(("", " ", "\n")))
    )
)
def test_citations_among_anything_go_once(pieces):
    text = "".join(piece + blank for piece, blank in pieces)
    plain = normalize_text(text)
    assert normalize_text(plain.text) == (plain.text, None)
    places = [plain.locate(place, place + 1) for place in range(len(plain.text))]
    assert places == sorted(places) and all(0 <= start < end <= len(text) for start, end in places)
    for character, (start, end) in zip(plain.text, places, strict=True):
        assert character == text[start:end] or {"&", "<", "\u03b2", "\u2013"} & set(text[start:end])
    assert bool(text.strip()) == bool(plain.text.strip()) or "<b" in text


WORDS = strategies.lists(
    strategies.sampled_from((*"drug toxic melts acid".split(), *CHEMISTRY)), min_size=1, max_size=6
)


@few
@hypothesis.given(sentences=strategies.lists(WORDS, min_size=1, max_size=5), data=strategies.data())
def test_a_description_reads_the_same_with_and_without_citations(sentences, data):
    cited = plain = ""
    for words in sentences:
        for number, word in enumerate(words):
            cited, plain = cited + " " * bool(number) + word, plain + " " * bool(number) + word
            if not word.startswith("[") and data.draw(strategies.booleans()):
                cited += " " + data.draw(strategies.sampled_from(CITATIONS))
        after, end = data.draw(strategies.sampled_from((". ", ".[A12] ", ". (L34, T5) ", " [L1, A22]. "))), ". "
        cited, plain = cited + after + "It is ", plain + end + "It is "
    assert normalize_text(plain).text == plain
    assert normalize_text(cited).text == plain
