"""What a newcomer copies from the README works as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modeling_finemoltex import FineMolTexForPreTraining

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEST_COMMAND = 'pip install -e ".[test]" && pytest'


@pytest.fixture(scope="module")
def folder(tmp_path_factory, config, processor) -> Path:
    """A model folder such as `examples/pretrain.py` writes."""
    folder = tmp_path_factory.mktemp("runs") / "demo"
    FineMolTexForPreTraining(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_continuous_integration_runs_the_command_of_the_readme():
    assert f"\n{TEST_COMMAND}\n" in README
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_quickstart_runs(folder, capsys):
    (quickstart,) = re.findall(r"## Quickstart\n\n```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(quickstart.strip().splitlines()) <= 10
    exec(quickstart.replace("runs/demo", str(folder)), {})
    assert re.match(r"tensor\(\[\[.*\],\n +\[.*\]\]\)", capsys.readouterr().out)


def test_every_local_link_leads_somewhere():
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]
    assert targets and all((ROOT / target).exists() for target in targets)


def test_embed_and_compare_prints_a_table(folder):
    script = ROOT / "examples" / "embed_and_compare.py"
    command = [sys.executable, script, "--model", folder, "--molecules", "CCO", "C", "--texts", "an alcohol", "a gas"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    first, second, _, header, *rows = done.stdout.rstrip().splitlines()
    assert (first, second, header.split()) == ("[1] an alcohol", "[2] a gas", ["[1]", "[2]"])
    assert [row.split()[0] for row in rows] == ["CCO", "C"]
    assert all(row.count("*") == 1 for row in rows)
