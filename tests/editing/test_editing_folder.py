"""A folder holds all parts of latent editing."""

import pytest
import torch

from modeling_finemoltex.editing import load_editing_folder, load_generator, save_editing_folder


def test_the_parts_come_back(parts, editing_folder):
    loaded = load_editing_folder(str(editing_folder), "cpu")
    expected = parts.model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.model.state_dict().items())
    assert loaded.generator_tokenizer.get_vocab() == parts.generator_tokenizer.get_vocab()
    assert loaded.processor.tokenizer.get_vocab() == parts.processor.tokenizer.get_vocab()


def test_half_precision_takes_half_the_room(parts, editing_folder, tmp_path):
    half = save_editing_folder(parts, tmp_path / "half", half_precision=True)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (half, editing_folder)]
    assert sizes[0] < 0.6 * sizes[1]


def test_other_folders_are_refused(model_folder, tmp_path):
    with pytest.raises(ValueError, match="cannot be loaded for latent editing: Molecule editing needs a generator"):
        load_editing_folder(str(model_folder))
    with pytest.raises(ValueError, match="cannot be loaded as a generator"):
        load_generator(str(tmp_path))
