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
