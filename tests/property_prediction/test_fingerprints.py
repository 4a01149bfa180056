"""How near a molecule is to the training set."""

import pytest
from rdkit import DataStructs
from rdkit.Chem import AllChem, MolFromSmiles

from modeling_finemoltex.property_prediction import TrainingFingerprints
from modeling_finemoltex.property_prediction.fingerprints import FILE, compute_fingerprints

TRAINING = ["CCO", "c1ccccc1C", "CC(=O)O"]


def test_the_nearest_training_molecule_counts(tmp_path):
    near = TrainingFingerprints.from_smiles([*TRAINING, "CCO", "not a molecule"])
    assert len(near.fingerprints) == 3
    near.save(tmp_path)
    loaded = TrainingFingerprints.load(tmp_path)
    for smiles in ("CCCO", "c1ccccc1CC", "OCC"):
        pair = [AllChem.GetMorganFingerprintAsBitVect(MolFromSmiles(one), 2, 2048) for one in (smiles, *TRAINING)]
        expected = max(DataStructs.TanimotoSimilarity(pair[0], other) for other in pair[1:])
        assert near.similarity(smiles) == loaded.similarity(smiles) == expected
    assert near.similarity("C(") is None
    assert TrainingFingerprints([]).similarity("CCO") is None


def test_folders_without_or_with_other_fingerprints(tmp_path):
    assert TrainingFingerprints.load(tmp_path) is None
    (tmp_path / FILE).write_text("#FPS1\n#num_bits=166\n00ff\n")
    with pytest.raises(ValueError, match="other fingerprints than ECFP4 of 2048 bits"):
        TrainingFingerprints.load(tmp_path)


def test_arrays():
    assert compute_fingerprints(TRAINING).shape == (3, 2048)
    assert compute_fingerprints([]).shape == (0, 2048)
