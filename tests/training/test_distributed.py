"""Two processes and one, with the same global batch, take the same steps; Accelerate knows the launch settings."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file

from .conftest import without_dropout

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "examples" / "accelerate_configs"
SCRIPT = Path(__file__).with_name("launched_training.py")


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_accelerate_knows_every_setting(file):
    config = load_config_from_file(str(file))  # refuses keys that it does not know
    assert config.num_processes == (1 if file.stem == "one_gpu" else 2)
    assert not config.use_cpu


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _train(folder: Path, *launcher: object) -> dict:
    """Run the script, and read what it recorded."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    words = [sys.executable, *launcher, SCRIPT, folder]
    done = subprocess.run(list(map(str, words)), env=environment, capture_output=True, text=True, timeout=900)
    assert not done.returncode, done.stderr[-3_000:]
    return torch.load(folder / f"record-{2 if launcher else 1}.pt", weights_only=True)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_processes_equal_one(rows, processor, config, tmp_path):
    rows.save_to_disk(str(tmp_path / "rows"))
    processor.save_pretrained(tmp_path / "processor")
    without_dropout(config).save_pretrained(tmp_path / "config")
    launcher = ("-m", "accelerate.commands.launch", "--config_file", CONFIGS / "ddp.yaml", "--mixed_precision", "no")
    one = _train(tmp_path)
    two = _train(tmp_path, *launcher, "--main_process_port", _free_port())
    assert len(one["losses"]) == len(two["losses"]) > 1
    assert two["losses"] == pytest.approx(one["losses"], rel=0, abs=1e-5)
    for step, (expected, actual) in enumerate(zip(one["gradients"], two["gradients"], strict=True)):
        assert expected.keys() == actual.keys()
        joined_expected = torch.cat([expected[name].flatten() for name in expected])
        joined_actual = torch.cat([actual[name].flatten() for name in expected])
        difference = (joined_actual - joined_expected).norm() / joined_expected.norm()
        assert difference < 1e-4, f"step {step}: relative difference {difference:.1e}"
