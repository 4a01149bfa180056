"""A recipe is read as the words of a command line."""

import json

import pytest

from modeling_finemoltex.training import option_words
from modeling_finemoltex.training.recipe import read_recipe


def test_values_become_words():
    options = {"preset": "tiny", "rate": 0.5, "flag": True, "none": None, "empty": [], "sizes": [4, 10]}
    assert option_words(options) == ["--preset", "tiny", "--rate", "0.5", "--flag", "true", "--sizes", "4", "10"]
    (name, word) = option_words({"sources": [{"name": "one", "weight": 2}]})
    assert name == "--sources" and json.loads(word) == {"name": "one", "weight": 2}


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", "preset: tiny\nsteps: 3\n"), ("a.json", '{"preset": "tiny", "steps": 3}')]
)
def test_files_are_read(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_recipe(tmp_path / name) == ["--preset", "tiny", "--steps", "3"]


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match="missing.yaml cannot be read"):
        read_recipe(tmp_path / "missing.yaml")
    for text, message in (("a: [1", "cannot be read"), ("- preset", "must be a table of options")):
        (tmp_path / "b.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            read_recipe(tmp_path / "b.yaml")
