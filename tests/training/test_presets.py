"""Presets of published systems: killed, resumed, in two processes, and loaded where the package does not exist."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForPreTraining, AutoProcessor

from modeling_finemoltex.training.checkpoints import find_resumable_checkpoint

ROOT = Path(__file__).resolve().parents[2]
KILLED_RUN = Path(__file__).with_name("killed_run.py")
LAUNCH = "-m accelerate.commands.launch --cpu --num_processes 2 --num_machines 1 --mixed_precision no".split()
SMILES, TEXTS = ["CC(=O)Oc1ccccc1C(=O)O", "CCO"], ["an aspirin", "an alcohol"]
READ = """
import sys, torch
from transformers import AutoModelForPreTraining, AutoProcessor

folder, smiles, texts = sys.argv[1], sys.argv[2].split(), sys.argv[3].split(",")
model = AutoModelForPreTraining.from_pretrained(folder, trust_remote_code=True).eval()
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
with torch.no_grad():
    batch = processor(smiles=smiles, text=texts, padding=True, return_tensors="pt")
    print(model(**batch, seeds=torch.arange(2)).loss.item())
assert not any(name.split(".")[0] == "modeling_finemoltex" for name in sys.modules)
"""


def run(*words) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["momu", "memory_bank", "blend", "smiles"])
def test_a_preset_runs_resumes_and_loads_anywhere(preset, command, tmp_path, run_example, forked_python):
    words = [preset if word == "tiny" else word for word in command]
    words += "--max_steps 6 --save_steps 2 --eval_strategy no --load_best_model_at_end false".split()
    killed = run(KILLED_RUN, 4, *words)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    folder = tmp_path / "run"
    assert find_resumable_checkpoint(folder) == folder / "checkpoint-2"
    run_example([*words, "--resume_from_checkpoint"])

    alone = tmp_path / "alone"
    run_example([*words, "--output_dir", str(alone)])
    batch = AutoProcessor.from_pretrained(folder)(smiles=SMILES, text=TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        losses = [
            AutoModelForPreTraining.from_pretrained(one).eval()(**batch, seeds=torch.arange(2)).loss.item()
            for one in (folder, alone)
        ]
    assert losses[0] == losses[1]
    remote = forked_python.run(READ, folder, " ".join(SMILES), ",".join(TEXTS), cwd=tmp_path)
    assert remote.returncode == 0, remote.stderr[-2000:]
    assert float(remote.stdout) == pytest.approx(losses[0], abs=1e-6)

    together = run(*LAUNCH, ROOT / "examples" / "pretrain.py", *words, "--output_dir", tmp_path / "two")
    assert together.returncode == 0, together.stderr[-2000:]
    assert (tmp_path / "two" / "model.safetensors").is_file()
