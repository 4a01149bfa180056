"""A folder from before there were rare features learns to tell molecules apart, and to leave the others alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from modeling_finemoltex import FineMolTexModel, MoleculeTextEncoder

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "seed_rare_features.py"


def test_isotopes_get_vectors_of_their_own(change_config, processor, tmp_path, run_file):
    torch.manual_seed(0)
    FineMolTexModel(change_config(graph_config={"rare_feature_sizes": []})).save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    smiles = ["CCO", "C[13CH2]O", "c1ccccc1", "F[C@H]1CC[C@H](F)CC1", "F[C@H]1CC[C@@H](F)CC1"]
    before = MoleculeTextEncoder.from_pretrained(tmp_path).encode_molecules(smiles)
    assert (before[0] == before[1]).all() and (before[3] == before[4]).all()
    run_file(SCRIPT, "--folder", tmp_path)
    after = MoleculeTextEncoder.from_pretrained(tmp_path).encode_molecules(smiles)
    np.testing.assert_allclose(after[[0, 2]], before[[0, 2]], atol=1e-6)
    assert abs(after[0] - after[1]).max() > 1e-3 and abs(after[3] - after[4]).max() > 1e-3
    with pytest.raises(SystemExit, match="already"):
        run_file(SCRIPT, "--folder", tmp_path)
