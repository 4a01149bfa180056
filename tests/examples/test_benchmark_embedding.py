"""The embedding benchmark on a tiny model."""

import json
import os
from pathlib import Path

import pytest

from modeling_finemoltex import FineMolTexModel

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "benchmark_embedding.py"


@pytest.fixture
def given_cores():
    """Give back the cores that the script leaves to others."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    yield
    if cores is not None:
        os.sched_setaffinity(0, cores)


@pytest.mark.parametrize("cores", ["1", "2"])
def test_figures_of_all_parts(config, processor, molecules, tmp_path, run_file, given_cores, cores):
    FineMolTexModel(config).save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    library = tmp_path / "library.csv"
    library.write_text("\n".join(["smiles", *molecules, "C1CC", *molecules]), encoding="utf-8")
    output = tmp_path / "results" / "figures.json"
    words = ["--model", tmp_path / "model", "--smiles_file", library, "--output", output, "--cores", cores]
    printed = run_file(SCRIPT, *words, "--rounds", 2)
    figures = json.loads(output.read_text())
    assert figures["num_molecules"] == 2 * len(molecules) and len(figures["rounds"]) == 2
    for kind in ("processor", "wall"):
        for name in ("featurize", "forward", "job"):
            assert figures[f"{name}_per_{kind}_second"] > 0
        assert figures[f"job_to_slower_part_{kind}"] > 0
    assert "the job reaches" in printed
