"""Every command and every code block of the README, the tutorial and the guides, as printed, in one folder.

Each runs on what those before it wrote, from pre-training on; only options that make it small are added.
"""

import csv
import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
# In the order in which one needs what another wrote. Guides on extending the package have tests of their own.
PAGES = (
    "README.md",
    "docs/tutorials/first_steps.md",
    "docs/guides/pretrain_on_your_pairs.md",
    "docs/guides/search_your_library.md",
    "docs/guides/scale.md",
    "docs/guides/edit.md",
    "docs/guides/evaluate.md",
    "docs/guides/explain.md",
    "docs/guides/predict_properties.md",
    "docs/guides/caption.md",
    "docs/guides/share.md",
    "docs/guides/convert.md",
    "docs/guides/deploy.md",
    "docs/guides/export.md",
)
TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
# What another test runs, or what no test can.
ELSEWHERE = {
    "pip install": "environments are made by .ci/run",
    "pytest": "this is it",
    "hf auth login": "asks for a password",
    "python hub_cards/space/app.py": "test_space.py",
    "finemoltex push": "test_push.py",
    "finemoltex info": "test_info.py",
    "finemoltex convert": "test_convert.py",
    "python examples/evaluate_captioning.py": "test_evaluate_captioning.py, which needs NLTK",
    "accelerate launch --config_file examples/accelerate_configs/ddp.yaml": "test_distributed.py",
    "python examples/benchmark_scale.py": "needs a large file of molecules",
}
GENERATOR = (
    "--hidden_size 48 --num_layers 1 --intermediate_size 96 --num_heads 4 --max_length 32 --batch_size 32 "
    "--num_latents 12 --learning_rate 2e-3 --max_steps 600 --noise 0.1 --num_held_out 4"
)
TINY = "--preset tiny --max_steps 2 --max_train_samples 300 --report_to none --use_cpu"
FEW_STEPS = "--max_steps 2 --per_device_train_batch_size 8 --split random --report_to none --use_cpu"
# Start of a command -> what makes it small.
SMALLER = {
    "accelerate launch examples/pretrain.py --output_dir": TINY,
    "python examples/embed_with_ray.py": "--workers 0",
    "python examples/plan_scale.py": "--output plan.json",
    "finemoltex vocab library.csv": "",
    "finemoltex vocab runs/demo": "",
    "finemoltex embed": "",
    "finemoltex index": "",
    "finemoltex search": "",
    "finemoltex edit": "",
    "finemoltex fragments": "",
    "python examples/generate_from_text.py": "--num_starts 20",
    "python examples/train_generator.py": GENERATOR,
    "python examples/train_editing_alignment.py": "--num_epochs 20",
    "python examples/evaluate_editing.py": "--num_candidates 10 --prompts 101 --similarities 0.4",
    "accelerate launch examples/pretrain.py --objectives": (
        f"{TINY} --per_device_train_batch_size 8 --mini_batch_size 3 --output_dir runs/large"
    ),
    "accelerate launch examples/pretrain.py --dataset": f"{TINY} --validation_size 8 --test_size 8 --split random",
    "finemoltex pretrain --preset momu --dataset": f"{FEW_STEPS} --validation_size 8 --test_size 8",
    "finemoltex pretrain --preset smiles --": f"{FEW_STEPS} --validation_size 8 --test_size 8",
    "accelerate launch examples/pretrain.py examples/recipes/smiles_reconstruction.yaml": (
        f"{FEW_STEPS} --validation_size 8 --test_size 8"
    ),
    "finemoltex pretrain --preset memory_bank --dataset": f"{FEW_STEPS} --validation_size 8 --test_size 8",
    "finemoltex pretrain --preset blend --dataset": f"{FEW_STEPS} --validation_size 8 --test_size 8",
    "finemoltex pretrain --dataset pairs.csv --count_config": (
        f"{FEW_STEPS} --count_config '{{size: 4}}' --validation_size 8 --test_size 8"
    ),
    "python examples/evaluate_retrieval.py": "--bootstrap 10",
    "python examples/simulate_chance.py": "",
    "python examples/benchmarks/run.py": "--smoke --only forward evaluate",
    "python examples/measure_overlap.py": "",
    "python examples/evaluate_alignment.py": "--bootstrap 10 --num_pairs 8 --generate",
    "finemoltex explain": "",
    "finemoltex export": "",
    "finemoltex evaluate structure-queries": "",
    "python examples/finetune_property.py": "--epochs 1",
    "python examples/evaluate_trust.py": "--seeds 0 --with_scrambled false",
    "python examples/evaluate_attribution.py": (
        "--model runs/demo --molecules library.csv --groups 'chlorine atom' --methods probe --num_explained 2 "
        "--num_orders 1"
    ),
    "finemoltex predict": "",
    "python examples/train_captioning.py": (
        "--pattern molecule --hidden_size 16 --num_layers 1 --intermediate_size 32 --max_steps 2 --save_steps 2 "
        "--num_held_out 4"
    ),
    "finemoltex caption": "",
}
# A generator of a few seconds writes molecules such as it was trained on.
WRITABLE = {"--editor latent": ("CC(=O)Oc1ccccc1C(=O)O", "Cc1ccc(O)cc1")}
GROUPS = ("C", "CC", "O", "N", "CO", "F", "Cl", "CN")
ARENES = sorted({f"{one}c1ccc({other})cc1" for one in GROUPS for other in GROUPS})
PYRIDINES = [f"{group}c1ccnc({end})c1" for group in ("C", "CC", "CCC", "CCCC", "CCCCC") for end in ("Cl", "CCCCl")]
# A chain of another length between two rings is another scaffold.
SCAFFOLDS = [f"{ring}{'C' * length}c1ccccc1" for length in range(1, 31) for ring in ("c1ccccc1", "c1ccncc1")]


def read_blocks(language: str) -> dict[str, list[str]]:
    """List the code blocks of each page."""
    return {page: re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL) for page, text in TEXTS.items()}


def read_commands() -> list[str]:
    """List the lines of the blocks, and the whole commands that the text names, without the installations."""
    blocks = [block for found in read_blocks("bash").values() for block in found]
    lines = [line.split(" && ")[-1] for block in blocks for line in block.splitlines() if line.strip()]
    vocab = [command for text in TEXTS.values() for command in re.findall(r"`(finemoltex vocab [^`]+)`", text)]
    return [*lines, *vocab]


def starts(command: str, names) -> str | None:
    return next((name for name in names if command.startswith(name)), None)


def write_table(file: Path, header: str, rows, separator: str = ",") -> None:
    opened = gzip.open(file, "wt", encoding="utf-8") if file.suffix == ".gz" else file.open("w", encoding="utf-8")
    with opened as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerow(header.split())
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with the files that the commands name."""
    for name in ("examples", "hub_cards"):
        (tmp_path / name).symlink_to(ROOT / name)
    smiles = [*ARENES, *PYRIDINES]
    texts = [f"a molecule number {row} with an aromatic ring" for row in range(len(smiles))]
    write_table(tmp_path / "library.csv", "smiles name", zip(smiles, texts, strict=True))
    pq.write_table(pa.table({"smiles": smiles, "name": texts}), tmp_path / "library.parquet")
    queries = [{"text": ["a chlorinated pyridine"], "all": ["c1ccncc1"]}, {"text": "an arene", "all": ["c1ccccc1F"]}]
    (tmp_path / "queries.json").write_text(json.dumps(queries))
    write_table(tmp_path / "pairs.csv", "smiles description", zip(smiles, texts, strict=True))
    write_table(tmp_path / "sources.csv", "smiles", [[one] for one in ARENES[:2]])
    write_table(tmp_path / "zinc250k.csv.gz", "smiles logP", [[one, 1.0] for one in ARENES])
    for name in ("chebi20", "moleculenet"):
        (tmp_path / name).mkdir()
    for part, name in enumerate(("train", "validation", "test")):
        rows = list(enumerate(zip(smiles, texts, strict=True)))[part::3]
        lines = [[number, one, text] for number, (one, text) in rows]
        write_table(tmp_path / "chebi20" / f"{name}.txt", "CID SMILES description", lines, "\t")
    labelled = [[row, "x", int("n" in one), one] for row, one in enumerate(SCAFFOLDS)]
    write_table(tmp_path / "moleculenet" / "bbbp.csv", "num name p_np smiles", labelled)
    return tmp_path


def run(command: str, folder: Path) -> str:
    """Run a line in a shell, against this checkout."""
    program = f'"{sys.executable}" -m modeling_finemoltex.cli'
    command = re.sub(r"^finemoltex\b", lambda _: program, command)
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": os.pathsep.join(paths)}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_every_guide_is_run():
    guides = {f"docs/guides/{path.name}" for path in (ROOT / "docs" / "guides").glob("*.md")}
    assert {page for page in guides - set(PAGES) if not Path(page).name.startswith("add_a")} == set()


def test_every_command_is_run_by_a_test():
    commands = read_commands()
    assert len(commands) > 20
    unknown = [one for one in commands if not starts(one, SMALLER) and not starts(one, ELSEWHERE)]
    assert unknown == []
    assert [name for name in SMALLER if not any(one.startswith(name) for one in commands)] == []
    for test in ELSEWHERE.values():
        assert not test.endswith(".py") or list((ROOT / "tests").rglob(test))


def run_python_blocks(folder: Path) -> None:
    """Run the blocks of each page in their order, as somebody types them; each page has a namespace of its own.

    One process for all pages, so that the package is imported once.
    """
    pages = {page: "\n".join(blocks) for page, blocks in read_blocks("python").items() if blocks}
    assert len(pages) >= 6
    script = (
        f"for page, code in {pages!r}.items():\n    exec(compile(code, page, 'exec'), {{'__name__': '__main__'}})\n"
    )
    (folder / "blocks.py").write_text(script, encoding="utf-8")
    run(f'"{sys.executable}" blocks.py', folder)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_every_command_and_every_block_runs(folder):
    for needed in ("chemicals", "faiss", "sklearn", "selfies", "matplotlib", "onnxscript", "onnxruntime", "lancedb"):
        pytest.importorskip(needed)
    for command in read_commands():
        start = starts(command, SMALLER)
        if start is None:
            continue
        for mark, (printed, writable) in WRITABLE.items():
            command = command.replace(printed, writable) if mark in command else command
        run(f"{command} {SMALLER[start]}", folder)
    run_python_blocks(folder)
    written = (
        *("runs/demo/README.md", "library-embeddings/metadata.json", "library-index/metadata.json", "hits.html"),
        *("edits.html", "runs/editing/alignment_report.json", "editing-results/table.txt", "runs/mine/README.md"),
        *("results.json", "chance.json", "overlap.json", "pair.html", "runs/bbbp/results.md", "predictions.csv"),
        *("vocab.json", "alignment.png"),
    )
    assert [name for name in written if not (folder / name).is_file()] == []
