"""From a file of molecules to a generator, an editing folder, a benchmark and an evaluation, each tiny."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modeling_finemoltex import FineMolTexModel

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
GROUPS = ("C", "CC", "O", "N", "CO", "F")


def run(script: str, *words, code: int = 0) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    command = [sys.executable, EXAMPLES / script, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == code, done.stderr[-3000:]
    return done


@pytest.mark.slow
def test_the_whole_path_runs_without_outside_weights(tmp_path, config, processor):
    pytest.importorskip("selfies")
    base, generator, editing, results = (tmp_path / name for name in ("base", "generator", "editing", "results"))
    FineMolTexModel(config).save_pretrained(base)
    processor.save_pretrained(base)
    molecules = [f"{one}c1ccc({other})cc1" for one in GROUPS for other in GROUPS]
    file = tmp_path / "molecules.csv"
    file.write_text("\n".join(["smiles", *molecules]), encoding="utf-8")
    sizes = ("--hidden_size", 32, "--num_layers", 1, "--intermediate_size", 64, "--num_heads", 2, "--max_length", 32)
    schedule = ("--max_steps", 150, "--learning_rate", "5e-3", "--num_held_out", 3, "--noise", 0.1)
    words = ("--file", file, "--output_dir", generator, *sizes, *schedule)
    done = run("train_generator.py", *words)
    assert json.loads((generator / "generator_report.json").read_text())["num_steps"] == 150
    assert "reconstruction" in done.stdout
    assert "other values of seed" in run("train_generator.py", *words, "--seed", 1, code=1).stderr

    run("train_editing_alignment.py", file, "--model", base, "--generator", generator, "--output_dir", editing)
    assert json.loads((editing / "alignment_report.json").read_text())["num_left_out"] == 0
    wrong = ("--model", base, "--generator", base, "--output_dir", editing)
    assert "cannot be loaded as a generator" in run("train_editing_alignment.py", file, *wrong, code=1).stderr

    generated = tmp_path / "generated.json"
    asked = ("It is an acid.", file, "--model", editing, "--num_steps", 20, "--json", generated)
    assert "starts became another" in run("generate_from_text.py", *asked, "--num_starts", 30).stdout
    found = json.loads(generated.read_text())
    assert 0 < len(found["molecules"]) == found["num_distinct"] <= found["num_written"] <= found["num_starts"] == 30
    assert all(molecule["start"] in molecules and molecule["smiles"] for molecule in found["molecules"])
    assert "cannot be drawn from the 36" in run("generate_from_text.py", *asked, "--num_starts", 99, code=1).stderr

    measured = tmp_path / "measured"
    words = ("--smoke", "--only", "edit", "--model", base, "--editing_model", editing, "--molecules", file)
    run("benchmarks/run.py", *words, "--output", measured)
    case = json.loads((measured / "edit.json").read_text())["cases"]["latents as a batch"]
    assert case["figures"]["steps"] == 3 and case["ratio"]["median"] > 0

    sources = tmp_path / "sources.csv"
    sources.write_text("\n".join(["smiles", *molecules[:3]]), encoding="utf-8")
    asked = (sources, "--model", editing, "--output", results, "--num_candidates", 10, "--prompts", 101, 501)
    asked += ("--similarities", 0.4, "--filters", "with")
    editors = ("random", "latent", "latent_random", "latent_pca", "latent_variance")
    table = run("evaluate_editing.py", *asked, "--editors", *editors).stdout
    raw = results / "edits.jsonl"
    whole = raw.read_text()
    assert len(whole.splitlines()) == 6 * 2 * 3 and "latent, pca move" in table
    raw.write_text(
        "".join(f"{line}\n" for line in whole.splitlines()[:20]) + '{"editor": "lat'
    )  # killed while writing
    assert run("evaluate_editing.py", *asked, "--editors", *editors).stdout == table
    assert sorted(raw.read_text().splitlines()) == sorted(whole.splitlines())
