"""The stages of the one folder: each goes on from the one before, and what is finished is not trained again."""

import importlib.util
from pathlib import Path

import pytest

from modeling_finemoltex import FineMolTexConfig

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """
preset: tiny
validation_size: 0
test_size: 0
max_text_length: 16
per_device_train_batch_size: 4
max_steps: 2
report_to: none
use_cpu: true
cpu_threads: 1
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The example, with two small recipes."""
    spec = importlib.util.spec_from_file_location("train_finemoltex", ROOT / "examples" / "train_finemoltex.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = [f"c1ccccc1{'C' * length}O,a ring and an oxygen {length} carbon atoms apart" for length in range(1, 31)]
    (tmp_path / "pairs.csv").write_text("\n".join(["smiles,text", *rows]))
    stages = {"encoders": RECIPE, "structure": f"{RECIPE}\nfreeze: [text_encoder]\n"}
    for name, recipe in stages.items():
        (tmp_path / f"{name}.yaml").write_text(recipe)
    monkeypatch.setattr(module, "STAGES", {name: tmp_path / f"{name}.yaml" for name in stages})
    return module


def test_the_second_stage_goes_on_from_the_first(script, tmp_path, capsys):
    words = ["--output_dir", str(tmp_path / "run"), "--dataset", str(tmp_path / "pairs.csv")]
    assert script.main(words) == 0
    first, second = (FineMolTexConfig.from_pretrained(tmp_path / "run" / name) for name in script.STAGES)
    assert first.text_config.vocab_size == second.text_config.vocab_size
    assert capsys.readouterr().out.count("Stage ") == 2
    assert script.main(words) == 0
    assert "Stage " not in capsys.readouterr().out
    (tmp_path / "run" / "structure" / script.FINISHED).unlink()
    assert script.main(words) == 0
    assert capsys.readouterr().out.count("Stage ") == 1
