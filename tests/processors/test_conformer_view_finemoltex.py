"""Conformers: the same for every spelling, plausible bond lengths, and molecules that have none."""

import random

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexDataCollator, FineMolTexFeatureExtractor, FineMolTexProcessor
from modeling_finemoltex.data import featurize_pairs
from modeling_finemoltex.data.feature_cache import count_missing_conformers
from modeling_finemoltex.model import relations_finemoltex as relations
from modeling_finemoltex.processors import conformer_view_finemoltex as conformers
from modeling_finemoltex.processors.motif_vocabulary_finemoltex import MotifVocabulary
from modeling_finemoltex.processors.smiles_finemoltex import parse_molecule

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
VIEWS = ["graph", "paths", "conformer"]


@pytest.fixture(scope="module")
def view():
    return conformers.ConformerView(MotifVocabulary())


@pytest.fixture
def without_conformers(monkeypatch):
    """RDKit finds no conformer of molecules with bromine."""
    embed = conformers.embed_atoms

    def fail(molecule):
        return None if "Br" in Chem.MolToSmiles(molecule) else embed(molecule)

    monkeypatch.setattr(conformers, "embed_atoms", fail)


def test_bonds_are_as_long_as_bonds(view):
    molecule = parse_molecule(ASPIRIN)
    positions = view.featurize(molecule)["atom_positions"] / conformers.UNITS_PER_ANGSTROM
    lengths = [
        np.linalg.norm(positions[one.GetBeginAtomIdx()] - positions[one.GetEndAtomIdx()])
        for one in molecule.GetBonds()
    ]
    assert positions.shape == (13, 3) and all(1.1 < length < 1.7 for length in lengths)
    assert np.abs(positions.mean(0)).max() < 1e-3


def test_the_same_molecule_has_the_same_conformer(view):
    molecule = parse_molecule(ASPIRIN)
    order = list(range(molecule.GetNumAtoms()))
    random.Random(1).shuffle(order)
    one, two = view.featurize(molecule), view.featurize(Chem.RenumberAtoms(molecule, order))
    assert (one["atom_positions"][order] == two["atom_positions"]).all()


def test_a_molecule_without_a_conformer_says_so(view, without_conformers):
    rows = [view.featurize(parse_molecule(smiles)) for smiles in ("CCO", "CBr", "C")]
    assert [conformers.has_conformer(row["atom_positions"]) for row in rows] == [True, False, True]
    batch = view.collate(rows)
    assert batch["has_conformer"].tolist() == [1, 0, 1] and batch["atom_positions"].shape == (6, 3)
    assert not batch["atom_positions"][3:5].any() and batch["atom_positions"][:3].any()


def test_attempts_and_sizes_are_bounded(monkeypatch):
    seen = []

    def fail(molecule, parameters):
        seen.append((parameters.maxIterations, parameters.timeout, parameters.useRandomCoords, parameters.randomSeed))
        return -1

    monkeypatch.setattr(conformers.rdDistGeom, "EmbedMolecule", fail)
    assert conformers.embed_atoms(parse_molecule("CCO")) is None
    bounds = (conformers.MOST_ATTEMPTS, conformers.MOST_SECONDS)
    assert seen == [(*bounds, False, conformers.SEED), (*bounds, True, conformers.SEED)]
    assert conformers.embed_atoms(parse_molecule("C" * (conformers.MOST_PLACED_ATOMS + 1))) is None and len(seen) == 2


def test_what_rdkit_cannot_place_is_no_error(view):
    for smiles in ("*", "[Fe+2]", "F[P-](F)(F)(F)(F)F", "[Na+].[Cl-]", "[H][H]"):
        molecule = parse_molecule(smiles)
        assert view.featurize(molecule)["atom_positions"].shape == (molecule.GetNumAtoms(), 3)


def test_the_cache_keeps_and_counts_them(without_conformers, tokenizer, caplog):
    import datasets

    processor = FineMolTexProcessor(FineMolTexFeatureExtractor(views=VIEWS), tokenizer)
    pairs = datasets.Dataset.from_dict({"smiles": ["CCO", "CBr", "CCBr", "CCC"], "text": ["a", "b", "c", "d"]})
    caplog.set_level("WARNING")
    rows = featurize_pairs(pairs, processor, max_length=8)
    assert "2 of 4 molecules have no conformer" in caplog.text and count_missing_conformers(rows) == 2
    collated = FineMolTexDataCollator(processor)([rows[place] for place in range(4)])
    direct = processor(smiles=pairs["smiles"][:])
    for name in ("atom_positions", "has_conformer", "path_lengths", "path_bonds"):
        assert (collated[name] == direct[name]).all(), name
    processor.use_conformers(False)
    assert processor.feature_extractor.views == ["graph", "paths"]
    assert count_missing_conformers(featurize_pairs(pairs, processor, max_length=8)) is None


def test_the_choice_of_views_is_saved(tokenizer, tmp_path):
    processor = FineMolTexProcessor(FineMolTexFeatureExtractor(views=["graph", "paths"]), tokenizer)
    processor.use_conformers(True)
    processor.use_conformers(True)
    processor.save_pretrained(tmp_path)
    again = FineMolTexProcessor.from_pretrained(tmp_path)
    assert again.feature_extractor.views == VIEWS and again(smiles="CCO")["has_conformer"].tolist() == [1]


def test_model_and_processor_agree_on_the_unit():
    assert relations.UNITS_PER_ANGSTROM == conformers.UNITS_PER_ANGSTROM
