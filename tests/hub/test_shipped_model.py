"""The model that comes with the package is found, loads, and is missed with a sentence."""

import re
from pathlib import Path

import pytest
from transformers import AutoModel, AutoProcessor

from modeling_finemoltex import FineMolTexModel, FineMolTexProcessor, default_model
from modeling_finemoltex.hub import shipped_model

ROOT = Path(__file__).resolve().parents[2]


def test_it_lies_in_the_checkout_and_loads():
    folder = default_model()
    assert folder == str(ROOT / "hub_cards" / shipped_model.SHIPPED_MODEL)
    for options in ({}, {"trust_remote_code": True}):
        assert isinstance(AutoModel.from_pretrained(folder, **options), FineMolTexModel)
        assert isinstance(AutoProcessor.from_pretrained(folder, **options), FineMolTexProcessor)


def test_weights_may_be_in_several_files(tmp_path, monkeypatch):
    model = AutoModel.from_pretrained(default_model())
    monkeypatch.setattr(shipped_model, "CARD_FOLDERS", (tmp_path / "absent", tmp_path))
    folder = tmp_path / shipped_model.SHIPPED_MODEL
    model.save_pretrained(folder, max_shard_size="16MB")
    assert len(list(folder.glob("*.safetensors"))) > 2
    assert default_model() == str(folder)
    assert isinstance(AutoModel.from_pretrained(folder), FineMolTexModel)


def test_missing_weights_are_a_sentence(tmp_path, monkeypatch):
    folder = tmp_path / shipped_model.SHIPPED_MODEL
    monkeypatch.setattr(shipped_model, "CARD_FOLDERS", (tmp_path,))
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    message = f"The weights of the shipped model are in none of ['{folder}']. Reinstall with"
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        default_model()
