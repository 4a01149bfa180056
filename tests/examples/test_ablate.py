"""Ablation: every variant gets its run, finished runs are kept, and the table shows floors beside accuracies."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from modeling_finemoltex import FineMolTexConfig
from modeling_finemoltex.model.configuration_finemoltex import PAPER_OBJECTIVES, merge_fields
from modeling_finemoltex.model.presets_finemoltex import PRESETS
from modeling_finemoltex.model.pretraining_finemoltex import build_objectives
from modeling_finemoltex.training import format_ablation_table, option_words, parse_arguments

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


VARIANT_FILES = sorted((ROOT / "examples" / "ablations").glob("*.yaml"))
ROWS = [(file.stem, name) for file in VARIANT_FILES for name in yaml.safe_load(file.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("file", "name"), ROWS)
def test_every_row_of_the_comparisons_is_a_training(file, name):
    options = yaml.safe_load((ROOT / "examples" / "ablations" / f"{file}.yaml").read_text(encoding="utf-8"))[name]
    recipes = {"checkpoint": "finemoltex_small.yaml", "fine_grained": "captions_and_queries.yaml"}
    recipes["knowledge"] = "finemoltex.yaml"
    recipe = [str(ROOT / "examples" / "recipes" / recipes[file]), "--data_dir", "data"] if file in recipes else []
    base = recipe or ["--preset", "small", "--dataset", "pairs.csv"]
    model_args, _, _ = parse_arguments([*base, *option_words(options or {})])
    fields = model_args.change_config(merge_fields({"objectives": PAPER_OBJECTIVES}, PRESETS[model_args.preset]))
    build_objectives(FineMolTexConfig(**fields))


@pytest.fixture
def compare(monkeypatch):
    """Function that runs `examples/ablate.py` in this process."""
    spec = importlib.util.spec_from_file_location("ablate", ROOT / "examples" / "ablate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(*words) -> None:
        monkeypatch.setattr(sys, "argv", ["ablate", *map(str, words)])
        module.main()

    return run


def test_finished_runs_are_kept_and_structures_are_asked_if_wanted(compare, tmp_path):
    smiles = [f"C{'C' * length}{end}" for end in ("O", "N", "F") for length in range(12)]
    rows = [f"{one},a chain of {len(one)} letters that ends in {one[-1]}" for one in smiles]
    (tmp_path / "pairs.csv").write_text("\n".join(["smiles,text", *rows]))
    (tmp_path / "queries.json").write_text(json.dumps([{"text": "an alcohol", "all": ["[OX2H]"]}]))
    (tmp_path / "some.yaml").write_text("first: {objective: [masked_modelling=none, transport]}\nsecond: {}\n")
    words = ["--variants", tmp_path / "some.yaml", "--output_dir", tmp_path, "--steps", "1", "--seeds", "1"]
    words += ["--dataset", tmp_path / "pairs.csv", "--validation_size", "10", "--test_size", "0", "--split", "random"]
    words += ["--objective", "masked_modelling=none", "--preset", "tiny", "--use_cpu", "--disable_tqdm", "true"]
    compare(*words, "--only", "second")
    (first_run,) = json.loads((tmp_path / "some.json").read_text())["runs"]
    assert (first_run["variant"], first_run["seed"], first_run["steps"]) == ("second", 1, 1)
    structure = ["--structure_queries", tmp_path / "queries.json", "--structure_pool", tmp_path / "pairs.csv"]
    compare(*words, *structure, "--structure_limit", "35")
    report = json.loads((tmp_path / "some.json").read_text())
    assert [run["variant"] for run in report["runs"]] == ["second", "first"] and report["runs"][0] == first_run
    assert report["structure"] == {"molecules": 35, "queries": 1}
    assert report["summary"]["first"]["structure_single_p@10"]["seeds"] == 1
    assert "structure_single_p@10" not in report["summary"]["second"]
    assert report["summary"]["second"]["t2m_mrr"] == {"mean": first_run["metrics"]["t2m_mrr"], "seeds": 1}
    assert "| second | 1 | 1 |" in (tmp_path / "some.md").read_text()


def test_runs_with_other_options_are_not_mixed(compare, tmp_path):
    (tmp_path / "some.yaml").write_text("first: {}\n")
    (tmp_path / "some.json").write_text(json.dumps({"base": ["--preset", "tiny"], "runs": []}))
    with pytest.raises(SystemExit, match="holds runs with other options: --preset tiny. Now it is --preset small"):
        compare("--variants", tmp_path / "some.yaml", "--output_dir", tmp_path, "--preset", "small")


def test_the_objectives_are_compared_by_one_command(tmp_path):
    (tmp_path / "pairs.csv").write_text(
        "smiles,text\n" + "".join(f"C{'C' * size}O,alcohol {size}\n" for size in range(9))
    )
    words = ["--dataset", "pairs.csv", "--validation_size", "3", "--test_size", "0", "--split", "random", "--preset"]
    words += ["tiny", "--use_cpu", "--only", "memory bank", "--steps", "1", "--seeds", "4", "--disable_tqdm", "true"]
    command = [sys.executable, ROOT / "examples" / "compare_objectives.py", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]
    (run,) = json.loads((tmp_path / "runs" / "objectives" / "objectives.json").read_text())["runs"]
    assert (run["variant"], run["seed"], run["options"]["preset"]) == ("memory bank", 4, "memory_bank")
    assert "| memory bank | 1 | 1 |" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "third"], "--only 'third' is none of first"),
        (["--structure_pool", "pool.csv"], "belong together: give both, or neither"),
    ],
)
def test_options_that_make_no_sense_are_refused(compare, tmp_path, capsys, words, message):
    (tmp_path / "some.yaml").write_text("first: {}\n")
    with pytest.raises(SystemExit):
        compare("--variants", tmp_path / "some.yaml", *words)
    assert message in capsys.readouterr().err


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
