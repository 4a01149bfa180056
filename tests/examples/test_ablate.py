"""Ablation: every variant gets its run, finished runs are kept, and the table shows floors beside accuracies."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modeling_finemoltex.training import format_ablation_table

ROOT = Path(__file__).resolve().parents[2]
VARIANTS = """
contrastive only: {objective: [masked_modelling=none]}
masked: {}
paper fragmentation: {fragmentation: paper}
"""


def ablate(folder: Path, *words) -> dict:
    command = [sys.executable, ROOT / "examples" / "ablate.py", "--preset", "tiny", "--use_cpu", "--num_proc", "1"]
    command += ["--dataset", folder / "pairs.csv", "--variants", folder / "variants.yaml", "--seconds", "1"]
    command += ["--validation_size", "10", "--test_size", "0", "--split", "random", "--output_dir", folder / "runs"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*map(str, command), *words], env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((folder / "runs" / "variants.json").read_text())


@pytest.mark.slow
def test_variants_are_run_once_and_tabulated(tmp_path):
    rows = [f"c1ccccc1{'C' * length}O,a ring and an oxygen {length} carbon atoms apart" for length in range(1, 31)]
    (tmp_path / "pairs.csv").write_text("\n".join(["smiles,text", *rows]))
    (tmp_path / "variants.yaml").write_text(VARIANTS)
    report = ablate(tmp_path, "--seeds", "0", "--max_text_length", "16", "--per_device_train_batch_size", "4")
    names = [run["variant"] for run in report["runs"]]
    assert names == ["contrastive only", "masked", "paper fragmentation"]
    assert "masked_motif_accuracy" not in report["runs"][0]["metrics"]
    assert {"motif_majority", "word_without_molecule"} <= set(report["runs"][1]["metrics"])
    folders = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert len(folders) == 2  # one preparation for the functional fragmentation, one for that of the paper
    table = (tmp_path / "runs" / "variants.md").read_text()
    assert table.count("\n") == 5 and "| masked | 1 |" in table

    again = ablate(tmp_path, "--seeds", "0", "--max_text_length", "16", "--per_device_train_batch_size", "4")
    assert again["runs"] == report["runs"]


def test_differences_are_paired_by_seed():
    ranks = {"plain": [0.20, 0.30, 0.25], "better": [0.22, 0.33, 0.26]}
    runs = [
        {"variant": name, "seed": seed, "steps": 10, "metrics": {"t2m_mrr": value}}
        for name, values in ranks.items()
        for seed, value in enumerate(values)
    ]
    plain, better = format_ablation_table(list(ranks), runs).splitlines()[2:]
    assert plain.endswith("| – |")
    assert better.endswith("| +2.0 [-0.5, +4.5] |")  # 2 ± 4.30 / sqrt(3), although the levels differ by 10
