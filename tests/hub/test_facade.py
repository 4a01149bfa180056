"""The public import path: complete, lazy where it can be, and the same from a wheel."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import modeling_finemoltex
from modeling_finemoltex.hub.shipped_model import SHIPPED_MODEL

ROOT = Path(__file__).resolve().parents[2]


def run_python(code: str, *words: str, cwd: Path, path: Path) -> subprocess.CompletedProcess:
    """Run `code` in a new interpreter that finds our packages under `path` only."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("name", modeling_finemoltex.__all__)
def test_every_public_name_resolves(name):
    assert getattr(modeling_finemoltex, name) is not None
    assert name in dir(modeling_finemoltex)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(
        AttributeError, match="no attribute 'FineMolTexForPoetry'; its public names are AutoModelForMoleculeEditing"
    ):
        _ = modeling_finemoltex.FineMolTexForPoetry


def test_processors_answer_under_one_name_only():
    classes = (modeling_finemoltex.FineMolTexProcessor, modeling_finemoltex.FineMolTexFeatureExtractor)
    assert {cls.__module__.rpartition(".")[0] for cls in classes} == {"modeling_finemoltex.processors"}


def test_import_takes_no_stranger_and_leaves_the_heavy_parts_alone(forked_python, tmp_path):
    """Run beside a top-level `processors` of somebody else, as other distributions install one."""
    stranger = tmp_path / "processors"
    stranger.mkdir()
    (stranger / "__init__.py").write_text("raise RuntimeError('a stranger was imported')")
    heavy = [*(f"modeling_finemoltex.{name}" for name in ("training", "data", "evaluation")), "sklearn", "datasets"]
    code = (
        "import sys; from modeling_finemoltex import FineMolTexProcessor; print(FineMolTexProcessor.__module__);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    result = forked_python.run(code, cwd=tmp_path, path=[tmp_path, ROOT])
    expected = ["modeling_finemoltex.processors.processing_finemoltex", "[]"]
    assert result.stdout.splitlines() == expected, result.stderr


def test_registration_is_idempotent():
    from transformers import AutoModel

    modeling_finemoltex.register()
    modeling_finemoltex.register()
    assert AutoModel._model_mapping[modeling_finemoltex.FineMolTexConfig] is modeling_finemoltex.FineMolTexModel


@pytest.fixture(scope="module")
def wheel_contents(tmp_path_factory) -> Path:
    """A folder that holds nothing but the installed wheel, which is built from a clean copy of the sources."""
    pytest.importorskip("setuptools", minversion="70.1")
    source, built = tmp_path_factory.mktemp("source") / "finemoltex", tmp_path_factory.mktemp("wheel")
    source.mkdir()
    for name in (
        "modeling_finemoltex",
        "processors",
        "hub_cards",
        "setup.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
    ):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    pip, installed = [sys.executable, "-m", "pip"], tmp_path_factory.mktemp("installed")
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", built, source]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = built.glob("finemoltex-*.whl")
    install = [*pip, "install", "--no-deps", "--no-index", "--no-compile", "--target", installed, wheel]
    subprocess.run(install, check=True, capture_output=True)
    return installed


@pytest.mark.parametrize("folder", ["modeling_finemoltex", "processors", "hub_cards"])
def test_wheel_holds_every_source_file(wheel_contents, folder):
    installed = wheel_contents / "modeling_finemoltex"
    installed = installed if folder == "modeling_finemoltex" else installed / folder
    suffixes = {".py", ".pyi", ".json", ".md", ".svg", ".png", ".typed", ".db"}
    sources = [
        path.relative_to(ROOT / folder)
        for path in (ROOT / folder).rglob("*")
        if (path.suffix in suffixes or path.name == "py.typed" or path.parent.name == "templates")
        and not any((parent / "config.json").is_file() for parent in path.parents)
    ]  # all but checkpoints, which belong on the Hub
    # A package with a folder `processors/` needs no file that leads to the one of the checkout.
    missing = [
        path
        for path in sources
        if not (installed / path).is_file() and not {"__pycache__", "cli"} & set(path.parts)  # `cli` lies beside it
    ]
    assert sources and not missing


def test_wheel_holds_the_shipped_model_whole_and_no_other_one(wheel_contents):
    cards = wheel_contents / "modeling_finemoltex" / "hub_cards"
    assert [path.parent for path in cards.rglob("config.json")] == [cards / SHIPPED_MODEL]
    assert {path.parent for path in wheel_contents.rglob("*.safetensors")} == {cards / SHIPPED_MODEL}
    for path in (ROOT / "hub_cards" / SHIPPED_MODEL).iterdir():
        assert path.is_dir() or (cards / SHIPPED_MODEL / path.name).read_bytes() == path.read_bytes()


def test_the_shipped_model_loads_from_the_wheel(wheel_contents, forked_python, tmp_path):
    folder = wheel_contents / "modeling_finemoltex" / "hub_cards" / SHIPPED_MODEL
    code = (
        "from transformers import AutoModel, AutoProcessor; import sys;"
        f"first = AutoModel.from_pretrained({str(folder)!r}, trust_remote_code=True);"
        "from modeling_finemoltex import default_model; print(default_model());"
        "model, processor = (auto.from_pretrained(default_model()) for auto in (AutoModel, AutoProcessor));"
        "print(type(first) is type(model), sys.modules[type(model).__module__].__file__);"
        "print(*model(**processor(text='an acid', return_tensors='pt')).text_embeds.shape)"
    )
    done = forked_python.run(code, cwd=tmp_path, path=[wheel_contents])
    assert done.returncode == 0, done.stderr[-3000:]
    module = wheel_contents / "modeling_finemoltex" / "model" / "modeling_finemoltex.py"
    assert done.stdout.splitlines() == [str(folder), f"True {module}", "1 516"]


MOLECULES = "smiles,name\nc1ccncc1,pyridine\nClc1ccncc1,chloropyridine\nClc1ccccc1,chlorobenzene\n"


def test_the_wheel_searches_a_file_at_once(wheel_contents, forked_python, tmp_path):
    pytest.importorskip("faiss")
    (tmp_path / "small.csv").write_text(MOLECULES)
    code = "import sys; from finemoltex_cli.main import app; app(sys.argv[1:], 'finemoltex')"
    words = ("search", "small.csv", "a chlorinated pyridine", "-k", "1", "--id_column", "name", "--json")
    done = forked_python.run(code, *words, cwd=tmp_path, path=[wheel_contents])
    assert done.returncode == 0, done.stderr[-3000:]
    (found,) = json.loads(done.stdout)
    assert [hit["id"] for hit in found["hits"]] == ["chloropyridine"]


@pytest.mark.slow
def test_the_installed_program_searches_from_an_empty_home(wheel_contents, tmp_path):
    pytest.importorskip("faiss")
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "small.csv").write_text(MOLECULES)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    environment = {**inherited, "HOME": str(home), "PYTHONPATH": str(wheel_contents), "HF_HUB_OFFLINE": "1"}
    command = [wheel_contents / "bin" / "finemoltex", "search", "small.csv", "a chlorinated pyridine", "-k", "1"]
    for said in ("embedded and indexed, once, into", "its index is in"):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.splitlines()[-1].split()[-1] == "Clc1ccncc1"
        assert f"small.csv: {said} {home / '.cache' / 'huggingface'}" in done.stderr


def test_wheel_assembles_a_folder_with_code_endpoint_and_card(wheel_contents, forked_python, tmp_path):
    source = ROOT / "hub_cards" / "finemoltex-small"
    code = (
        "from modeling_finemoltex.hub import assemble_folder, push_folder;"
        "from modeling_finemoltex.hub.publishing import check_folder;"
        f"folder = assemble_folder({str(source)!r}, 'finemoltex-small'); check_folder(folder);"
        "print(sorted(path.name for path in folder.glob('*.py')))"
    )
    result = forked_python.run(code, cwd=tmp_path, path=[wheel_contents])
    assert result.returncode == 0, result.stderr[-3000:]
    code_files = [
        *(ROOT / "modeling_finemoltex" / "model").glob("*_finemoltex.py"),
        *(ROOT / "processors").glob("*_finemoltex.py"),
    ]
    expected = sorted([*(file.name for file in code_files), "handler.py"])
    assert result.stdout.strip().splitlines()[-1] == str(expected)
    card = (tmp_path / "finemoltex-small" / "README.md").read_text(encoding="utf-8")
    assert card == (source / "README.md").read_text(encoding="utf-8")


def test_wheel_installs_the_package_and_the_command_line(wheel_contents):
    folders = {path.name for path in wheel_contents.iterdir() if path.is_dir() and path.suffix != ".dist-info"}
    assert folders == {"modeling_finemoltex", "finemoltex_cli", "bin"}
    names = {path.name for path in (wheel_contents / "finemoltex_cli").glob("*.py")}
    assert names == {path.name for path in (ROOT / "modeling_finemoltex" / "cli").glob("*.py")}
    assert not (wheel_contents / "modeling_finemoltex" / "cli").exists()
    (file,) = wheel_contents.glob("*.dist-info/entry_points.txt")
    assert "finemoltex = finemoltex_cli.main:app" in file.read_text()


@pytest.mark.parametrize("words", [["--help"], ["search", "--help"], ["--version"]])
def test_wheel_starts_the_command_line_without_pytorch(wheel_contents, tmp_path, words):
    code = (
        "import sys; from finemoltex_cli.main import app; app(sys.argv[1:], 'finemoltex', standalone_mode=False);"
        "print(sys.modules['finemoltex_cli'].__file__, [name for name in ('torch', 'rdkit') if name in sys.modules])"
    )
    result = run_python(code, *words, cwd=tmp_path, path=wheel_contents)
    assert result.returncode == 0, result.stderr
    *_, last = result.stdout.splitlines()
    assert last == f"{wheel_contents / 'finemoltex_cli' / '__init__.py'} []"
    assert "Usage: finemoltex" in result.stdout or f"finemoltex {modeling_finemoltex.__version__}" in result.stdout


def test_wheel_runs_the_module_of_the_command_line(wheel_contents, forked_python, tmp_path):
    code = "import runpy; runpy.run_module('finemoltex_cli', run_name='__main__', alter_sys=True)"
    result = forked_python.run(code, "--version", cwd=tmp_path, path=[wheel_contents])
    assert result.stdout == f"finemoltex {modeling_finemoltex.__version__}\n", result.stderr


def test_wheel_works_outside_the_checkout(wheel_contents, forked_python, tmp_path):
    code = (
        "import modeling_finemoltex as package; print(package.__file__);"
        "print(package.FineMolTexFeatureExtractor()('CCO')['motif_ids'].numel())"
    )
    result = forked_python.run(code, cwd=tmp_path, path=[wheel_contents])
    file, num_motifs = result.stdout.split() if result.returncode == 0 else pytest.fail(result.stderr)
    assert Path(file).is_relative_to(wheel_contents)
    assert int(num_motifs) >= 1
