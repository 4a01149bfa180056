"""What the tests of the run time share beside the export."""

import shutil

import pytest


@pytest.fixture
def copied(onnx_export, tmp_path):
    """A copy of the export that a test may spoil."""
    return shutil.copytree(onnx_export, tmp_path / "copied")


@pytest.fixture(scope="session")
def onnx_encoder(onnx_export):
    """The encoder of the export."""
    from modeling_finemoltex.runtime import OnnxMoleculeTextEncoder

    return OnnxMoleculeTextEncoder(onnx_export)
