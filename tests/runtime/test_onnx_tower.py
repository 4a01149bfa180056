"""One graph: what it cannot take is refused before ONNX Runtime sees it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from modeling_finemoltex.runtime.onnx_tower import OnnxTower  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tower(onnx_export):
    return OnnxTower(onnx_export / "text.onnx", {"input_ids": 16})


def words(rows: int, length: int) -> dict[str, np.ndarray]:
    ids = np.full((rows, length), 7)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


@pytest.mark.parametrize("shape", [(1, 1), (1, 16), (5, 3)])
def test_axes_are_of_any_length(tower, shape):
    found = tower.run(words(*shape), ["text_embeds", "word_states"])
    assert found["text_embeds"].shape[0] == shape[0] and found["word_states"].shape[:2] == shape


def test_a_batch_of_none_is_refused(tower):
    with pytest.raises(ValueError, match=r"text\.onnx got a batch of 0: input_ids has no rows\. Give at least one"):
        tower.run(words(0, 4), ["text_embeds"])


def test_an_axis_over_its_limit_is_refused(tower):
    with pytest.raises(ValueError, match="takes up to 16 along the last axis of input_ids: got 17"):
        tower.run(words(1, 17), ["text_embeds"])


def test_inputs_and_outputs_have_names(tower):
    with pytest.raises(ValueError, match="lacks attention_mask: it reads input_ids, attention_mask"):
        tower.run({"input_ids": np.ones((1, 1), int)}, ["text_embeds"])
    with pytest.raises(ValueError, match="gives text_embeds, word_states, word_embeds: it has no poem"):
        tower.run(words(1, 1), ["poem"])


def test_a_graph_that_is_none_is_refused(tmp_path):
    (tmp_path / "text.onnx").write_bytes(b"no graph")
    with pytest.raises(ValueError, match=r"ONNX Runtime .* cannot read .*text\.onnx: .*Export the model again"):
        OnnxTower(tmp_path / "text.onnx")


def test_threads_are_checked(onnx_export):
    with pytest.raises(ValueError, match="`num_threads` must be at least 1, got 0"):
        OnnxTower(onnx_export / "text.onnx", num_threads=0)


def test_without_onnxruntime_the_extra_is_named():
    code = "import sys; sys.modules['onnxruntime'] = None; from modeling_finemoltex.runtime import {}"
    done = subprocess.run(
        [sys.executable, "-c", code.format("OnnxMoleculeTextEncoder")], cwd=ROOT, capture_output=True, text=True
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last == 'ImportError: An exported model needs onnxruntime: pip install "finemoltex[onnx]"'
    # Whether a folder is an export can be asked without it.
    assert subprocess.run([sys.executable, "-c", code.format("is_export_folder")], cwd=ROOT).returncode == 0
