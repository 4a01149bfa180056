"""Registration waits for Transformers, whoever imports it, and comes once."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = "import modeling_finemoltex._deferred as own; own._register = lambda: print('registered');"
CASES = {
    "never": ("import json; print('end')", ["end"]),
    "by a stranger": (
        "import transformers; print('end'); import transformers.models",
        ["imported", "registered", "end"],
    ),
    "by a module of ours": (
        "import modeling_finemoltex.early; print('end')",
        ["imported", "inner", "outer", "registered", "end"],
    ),
    "by one that fails": (
        "\ntry:\n    import modeling_finemoltex.broken\nexcept ValueError:\n    print('end')",
        ["imported", "registered", "end"],
    ),
}


@pytest.fixture
def run(tmp_path):
    """Function that runs code where a stand-in answers for Transformers, and the package has three more modules."""
    (tmp_path / "transformers").mkdir()
    (tmp_path / "transformers" / "__init__.py").write_text("print('imported')")
    (tmp_path / "transformers" / "models.py").write_text("")
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "early.py").write_text("from . import inner\nprint('outer')")
    (extra / "inner.py").write_text("import transformers\nprint('inner')")
    (extra / "broken.py").write_text("import transformers\nraise ValueError")

    def run(code: str) -> list[str]:
        path = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}];"
        grown = f"import modeling_finemoltex; modeling_finemoltex.__path__.append({str(extra)!r});"
        done = subprocess.run([sys.executable, "-c", path + grown + START + code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize(("code", "expected"), CASES.values(), ids=CASES)
def test_registration_comes_after_transformers_and_whole_modules(run, code, expected):
    assert run(code) == expected


def test_a_loaded_transformers_is_registered_with_at_once(run):
    assert run("import transformers; own.register_with_transformers()") == ["imported", "registered", "registered"]


def test_the_package_registers_whichever_is_imported_first(tmp_path):
    code = (
        "import sys; import modeling_finemoltex; assert 'torch' not in sys.modules and 'rdkit' not in sys.modules;"
        "from modeling_finemoltex.processors.feature_extraction_finemoltex import FineMolTexFeatureExtractor as own;"
        "from transformers import AutoConfig, AutoFeatureExtractor, AutoModel;"
        "config = AutoConfig.for_model('finemoltex'); print(AutoModel._model_mapping[type(config)].__name__);"
        "print(own._auto_class)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["FineMolTexModel", "AutoFeatureExtractor"], done.stderr
