"""A pack trains by itself: the same pairs as the recipe would draw, files that are small, a model that loads."""

import json
import runpy
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch

from modeling_finemoltex import FineMolTexConfig, FineMolTexForPreTraining, FineMolTexModel
from modeling_finemoltex.training import pretrain

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """
preset: tiny
initial_model: {start}
max_text_length: 16
validation_size: 0
test_size: 0
sources:
  - name: alcohols
    dataset: {folder}/alcohols.csv
    similar_together: 2
  - name: acids
    dataset: {folder}/acids.csv
per_device_train_batch_size: 4
max_steps: 1
report_to: none
use_cpu: true
cpu_threads: 1
"""


@pytest.fixture
def run(tmp_path, processor, config) -> tuple[Path, Path]:
    """A recipe of two sources, and a run of it."""
    FineMolTexForPreTraining(FineMolTexConfig(**config.to_dict())).save_pretrained(tmp_path / "start")
    processor.save_pretrained(tmp_path / "start")
    for name, end in (("alcohols", "O"), ("acids", "C(=O)O")):
        rows = [f"{'C' * length}{end},{name} of {length} carbon atoms" for length in range(1, 13)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["smiles,text", *rows]))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(folder=tmp_path, start=tmp_path / "start"))
    pretrain([str(recipe), "--output_dir", str(tmp_path / "run")])
    return recipe, tmp_path / "run"


def test_a_pack_trains_and_goes_on(run, run_file, tmp_path):
    recipe, folder = run
    pack = tmp_path / "pack"
    words = ("--run", folder, "--recipe", recipe, "--output", pack, "--num_steps", 3, "--batch_size", 4)
    assert "There: python train.py" in run_file(ROOT / "examples" / "pack_training.py", *words)
    assert all(file.stat().st_size <= 16e6 for file in pack.rglob("*") if file.is_file())
    pairs = np.load(pack / "pairs.npz")
    assert pairs["order"].shape == (3, 4) and len(pairs["molecule"]) == len(np.unique(pairs["order"]))
    printed = run_file(pack / "train.py", "--device", "cpu", "--num_steps", 2)
    assert "step 2 of 2, loss" in printed
    printed = run_file(pack / "train.py", "--device", "cpu")
    assert "step 3 of 3, loss" in printed and "step 2" not in printed
    before, after = (FineMolTexModel.from_pretrained(one).state_dict() for one in (pack / "model", pack / "trained"))
    moved = [name for name, weight in after.items() if not torch.equal(weight, before[name])]
    assert any(name.startswith("graph_encoder") for name in moved)
    assert any(name.startswith("text_encoder") for name in moved)


def test_joined_molecules_are_those_of_the_processor(run, run_file, tmp_path, processor):
    recipe, folder = run
    pack = tmp_path / "pack"
    words = ("--run", folder, "--recipe", recipe, "--output", pack, "--num_steps", 8, "--batch_size", 4)
    run_file(ROOT / "examples" / "pack_training.py", *words)
    script = runpy.run_path(str(pack / "train.py"))
    rows = script["Rows"]("molecules")
    number = len(rows.ends["atom_features"])
    joined = script["join_molecules"](rows, np.arange(number), torch.device("cpu"))
    model = FineMolTexModel.from_pretrained(pack / "model").eval()
    smiles = [f"{'C' * length}{end}" for length in range(1, 13) for end in ("O", "C(=O)O")]
    expected = model.get_molecule_features(**processor(smiles=smiles, return_tensors="pt"))
    found = model.get_molecule_features(**joined)
    nearest = torch.cdist(found, expected).min(dim=1).values
    assert float(nearest.max()) < 1e-5
    assert json.loads((pack / "settings.json").read_text())["warmup_steps"] >= 0


def test_what_a_pack_cannot_hold_is_refused():
    refuse = runpy.run_path(str(ROOT / "examples" / "pack_training.py"))["refuse_views"]
    refuse(datasets.Dataset.from_dict({"atom_features": [[1]]}))
    with pytest.raises(SystemExit, match="has path_lengths beside the graphs .* Train it where the package"):
        refuse(datasets.Dataset.from_dict({"atom_features": [[1]], "path_lengths": [[1]]}))
