"""`finemoltex` itself: help, version, completion and usage errors, without loading what they do not need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import modeling_finemoltex
from modeling_finemoltex.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    *("pretrain", "vocab", "embed", "index", "search", "predict", "edit", "caption", "explain"),
    *("convert", "export", "push", "info"),
)
HEAVY = ("torch", "transformers", "rdkit", "numpy", "modeling_finemoltex")


@pytest.fixture
def start(tmp_path):
    """Function that starts the command line in a new process under its installed name."""
    (tmp_path / "finemoltex_cli").symlink_to(ROOT / "modeling_finemoltex" / "cli")

    def start(*words: str, **variables: str) -> subprocess.CompletedProcess:
        code = (
            "import atexit, sys; from finemoltex_cli.main import app; sys.argv[0] = 'finemoltex';"
            f"atexit.register(lambda: print('loaded', [name for name in {HEAVY} if name in sys.modules]));"
            "app()"
        )
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), **variables}
        words = [sys.executable, "-c", code, *words]
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)

    return start


@pytest.mark.parametrize("words", [["--help"], ["search", "--help"], ["edit", "--help"]])
def test_help_loads_no_heavy_library(start, words):
    done = start(*words)
    assert done.returncode == 0, done.stderr
    assert "Usage: finemoltex" in done.stdout and done.stdout.rstrip().endswith("loaded []")


def test_usage_errors_load_no_heavy_library(start):
    for words, message in ((["embed"], "Missing argument"), (["search", "index", "x", "-k", "ten"], "-k")):
        done = start(*words)
        assert done.returncode == 2 and message in done.stderr
        assert done.stdout.rstrip().endswith("loaded []")


SHIPPED = {"embed": True, "search": True, "explain": True, "info": True, "predict": False, "edit": False}


@pytest.mark.parametrize(("name", "has_default"), SHIPPED.items())
def test_the_help_says_where_the_shipped_model_is_taken(run, name, has_default):
    assert ("the shipped model" in " ".join(run(name, "--help").stdout.split())) == has_default


def test_completion_loads_no_heavy_library(start):
    done = start(_FINEMOLTEX_COMPLETE="complete_bash", COMP_WORDS="finemoltex se", COMP_CWORD="1")
    assert done.stdout.splitlines() == ["search", "loaded []"], done.stderr


def test_without_a_command_it_prints_the_help(run):
    done = run(code=2)
    assert all(name in done.output for name in COMMANDS) and "Embed molecules and texts" in done.output


def test_the_commands_stand_in_the_order_of_the_work():
    assert [info.callback.__name__ for info in app.registered_commands] == list(COMMANDS)


def test_the_version_is_that_of_the_package(run):
    assert run("--version").stdout == f"finemoltex {modeling_finemoltex.__version__}\n"


def test_the_module_is_the_command_line(forked_python, tmp_path):
    code = "import runpy; runpy.run_module('modeling_finemoltex.cli', run_name='__main__', alter_sys=True)"
    done = forked_python.run(code, "--version", cwd=tmp_path, path=[ROOT])
    assert done.stdout == f"finemoltex {modeling_finemoltex.__version__}\n", done.stderr
