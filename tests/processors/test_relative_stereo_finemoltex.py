"""Isomers that R/S and E/Z do not tell apart get different features, the same for every spelling."""

import gzip
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexFeatureExtractor, MoleculeTextEncoder
from modeling_finemoltex.data.identifiers import inchikey, molecule_key
from modeling_finemoltex.processors.relative_stereo_finemoltex import AND_GROUP, AXIS_M, AXIS_P, OR_GROUP

CAPTIONS = Path(__file__).resolve().parents[3] / "shared" / "data" / "captions" / "validation.jsonl.gz"
SHIPPED = Path(__file__).resolve().parents[2] / "hub_cards" / "finemoltex-small"
RELATIVE, ISOTOPE, GROUP = 9, 10, 11  # columns of the atom features
ISOMERS = {
    "cyclohexane": ("F[C@H]1CC[C@H](Cl)CC1", "F[C@H]1CC[C@@H](Cl)CC1"),
    "cyclobutane": ("N#C[C@H]1C[C@H](O)C1", "N#C[C@H]1C[C@@H](O)C1"),
    "decalin": ("C1CC[C@H]2CCCC[C@H]2C1", "C1CC[C@H]2CCCC[C@@H]2C1"),
    "three in a ring": ("F[C@@H]1C[C@H](F)C[C@H](F)C1", "F[C@H]1C[C@H](F)C[C@@H](F)C1"),
    "spiro, mirror images": ("F[C@H]1CC[C@@]2(CC[C@H](F)CC2)CC1", "F[C@H]1CC[C@]2(CC[C@H](F)CC2)CC1"),
    "axis, mirror images": ("C/C=C1/CC[C@@H](F)CC1", "C/C=C1/CC[C@H](F)CC1"),
    "two axes": ("C/C=C1/CC/C(=C/C)CC1", "C/C=C1/CC/C(=C\\C)CC1"),
    "oxime": ("F[C@@H]1CC/C(=N/O)CC1", "F[C@@H]1CC/C(=N\\O)CC1"),
    "rings that differ in stereo alone": (
        "O[C@](C)([C@H]1CC[C@@H](F)CC1)[C@H]1CC[C@H](F)CC1",
        "O[C@@](C)([C@H]1CC[C@@H](F)CC1)[C@H]1CC[C@H](F)CC1",
    ),
    "phosphorus": ("F[C@H]1CC[P@@](C)(=O)CC1", "F[C@H]1CC[P@](C)(=O)CC1"),
    "bridge": ("C1C[C@@H]2CC[C@@H]1CC2", "C1C[C@@H]2CC[C@H]1CC2"),
}


@pytest.fixture(scope="module")
def extractor():
    return FineMolTexFeatureExtractor()


def spell(smiles, count=8):
    """Other spellings of a molecule; RDKit's writer sometimes changes the molecule, which InChI notices."""
    found = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), count, randomSeed=7)
    return [smiles, *(other for other in found if inchikey(other) == inchikey(smiles))]


def summarize(extractor, smiles):
    """What a message-passing model can know at most: atoms, each with its surroundings, in any order."""
    row = extractor.featurize(smiles)
    classes = [hash(tuple(atom)) for atom in row.atom_features.tolist()]
    bonds = list(zip(row.edge_index.tolist(), map(tuple, row.edge_features.tolist()), strict=True))
    for _ in range(5):
        around = [[] for _ in classes]
        for (begin, end), kind in bonds:
            around[begin].append((kind, classes[end]))
            around[end].append((kind, classes[begin]))
        classes = [hash((own, *sorted(others))) for own, others in zip(classes, around, strict=True)]
    return sorted(classes)


@pytest.mark.parametrize("pair", ISOMERS.values(), ids=ISOMERS)
def test_isomers_differ_and_spellings_do_not(extractor, pair):
    known = []
    for smiles in pair:
        spellings = spell(smiles)
        summaries = [summarize(extractor, one) for one in spellings]
        assert all(one == summaries[0] for one in summaries), spellings
        assert len({molecule_key(one) for one in spellings}) == 1
        known.append((summaries[0], molecule_key(smiles), inchikey(smiles)))
    assert all(one != other for one, other in zip(*known, strict=True))


def test_the_nine_inositols(extractor):
    by_key = {}
    for marks in itertools.product(("@", "@@"), repeat=6):
        first, *others = (f"[C{mark}H]" for mark in marks)
        smiles = f"O{first}1{''.join(f'{one}(O)' for one in others[:4])}{others[4]}1O"
        by_key.setdefault(inchikey(smiles), []).append(summarize(extractor, smiles))
    assert len(by_key) == 9
    assert all(one == summaries[0] for summaries in by_key.values() for one in summaries)
    assert len({tuple(summaries[0]) for summaries in by_key.values()}) == 9


def test_marks_without_a_meaning_change_nothing(extractor):
    plain, marked = (extractor.featurize(one).atom_features for one in ("CC1CCCCC1(C)C", "CC1CCCC[C@]1(C)C"))
    assert (plain == marked).all()


def test_a_molecule_too_symmetric_to_search_is_soon_done(extractor):
    cage = "[C@H]12[C@@H]3[C@H]4[C@@H]5[C@H]([C@@H]1[C@@H]53)[C@H]24"
    row = extractor.featurize(".".join([cage] * 40))
    assert not row.atom_features[:, RELATIVE].any()  # all or nothing: a part would depend on the order of the atoms


@pytest.mark.parametrize(
    ("smiles", "rows"),
    [("[13CH4]", [12]), ("[12CH4]", [11]), ("[2H]C", [0, 12]), ("[14CH4]", [13]), ("[40CH4]", [22]), ("C", [0])],
)
def test_isotopes(extractor, smiles, rows):
    assert sorted(extractor.featurize(smiles).atom_features[:, ISOTOPE].tolist()) == rows


def test_isotopes_are_no_part_of_a_motif(extractor):
    labelled, plain = ([motif.label for motif in extractor.motifs(one)] for one in ("C[13CH2]c1ccccc1", "CCc1ccccc1"))
    assert labelled == plain
    assert molecule_key("C[13CH2]O") != molecule_key("CCO") and inchikey("C[13CH2]O") != inchikey("CCO")


def test_hindered_rotation_and_enhanced_stereo(extractor):
    coordinates = (
        "(-3.5,0.6,;-2.6,0.1,;-2.6,-0.9,;-1.7,-1.4,;-0.9,-0.9,;-0.9,0.1,;0.0,0.6,;-1.7,0.6,;-1.7,1.6,;-2.6,2.1,;"
        "-3.5,1.6,;-2.6,3.1,;-1.7,3.6,;-0.9,3.1,;-0.9,2.1,;0.0,1.6,)"
    )
    axes = [Chem.MolFromSmiles(f"Cc1cccc(O)c1-c1c(N)cccc1C |{coordinates},w{mark}:7.6|") for mark in "UD"]
    labels = [set(extractor.featurize(axis).atom_features[:, RELATIVE].tolist()) - {0} for axis in axes]
    assert labels in ([{AXIS_M}, {AXIS_P}], [{AXIS_P}, {AXIS_M}])
    assert len({molecule_key(axis) for axis in axes}) == 2

    racemate, mirror, either, one = (
        Chem.MolFromSmiles(text)
        for text in ("C[C@H](O)F |&1:1|", "C[C@@H](O)F |&1:1|", "C[C@H](O)F |o1:1|", "C[C@H](O)F")
    )
    rows = [extractor.featurize(molecule).atom_features[1] for molecule in (racemate, mirror, either, one)]
    assert [row[GROUP] for row in rows] == [AND_GROUP, AND_GROUP, OR_GROUP, 0]
    assert (rows[0] == rows[1]).all()  # a racemate may be drawn either way
    assert molecule_key(racemate) == molecule_key(mirror) != molecule_key(either) != molecule_key(one)


def ring_isomers():
    """Pairs of cis and trans, 200 molecules."""
    groups = ("C", "O", "N", "F", "Cl", "C#N", "OC", "C(=O)O", "NC(C)=O", "c2ccccc2")
    pairs = itertools.combinations_with_replacement(groups, 2)
    for (first, second), size in itertools.islice(itertools.product(pairs, (1, 2)), 100):
        path = "C" * size
        yield tuple(f"[C@H]1({first}){path}[C@{mark}H]({second}){path}1" for mark in ("", "@"))


def test_shipped_vectors_of_a_few_isomers():
    check_vectors(list(ISOMERS.values())[:3], 3)


@pytest.mark.slow
def test_shipped_vectors_of_200_isomers():
    pairs = list(ring_isomers())
    assert len({molecule_key(one) for pair in pairs for one in pair}) == 200
    check_vectors(pairs, 20)


@pytest.mark.slow
@pytest.mark.skipif(not CAPTIONS.is_file(), reason="the ChEBI-20 captions are not beside the checkout")
def test_molecules_without_rare_features_keep_their_vectors(extractor):
    with gzip.open(CAPTIONS, "rt", encoding="utf-8") as lines:
        smiles = [json.loads(line)["smiles"] for line in itertools.islice(lines, 300)]
    plain = [one for one in smiles if not extractor.featurize(one).atom_features[:, RELATIVE:].any()]
    assert len(plain) > 280
    encoder = MoleculeTextEncoder.from_pretrained(str(SHIPPED), device="cpu")
    vectors = encoder.encode_molecules(plain)
    encoder.model.graph_encoder.rare_embedding = None  # as before there were such features
    assert np.abs(encoder.encode_molecules(plain) - vectors).max() < 1e-6


def check_vectors(pairs, num_spellings):
    encoder = MoleculeTextEncoder.from_pretrained(str(SHIPPED), device="cpu")
    for pair in pairs:
        spellings = [spell(one, num_spellings) for one in pair]
        assert min(map(len, spellings)) > num_spellings // 2
        one, other = (encoder.encode_molecules(names) for names in spellings)
        assert max(np.abs(vectors - vectors[0]).max() for vectors in (one, other)) < 1e-5, pair
        assert np.abs(one[0] - other[0]).max() > 1e-3, pair
