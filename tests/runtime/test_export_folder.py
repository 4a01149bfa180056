"""Reading an export folder: damage, other versions and mixtures are refused in a sentence."""

import json
import shutil

import pytest

from modeling_finemoltex.runtime import is_export_folder, read_export
from modeling_finemoltex.runtime.export_folder import find_file, tower_file


def test_a_folder_is_known_by_its_facts(onnx_export, plain_folder):
    assert is_export_folder(onnx_export) and not is_export_folder(plain_folder) and not is_export_folder("owner/name")


def test_other_folders_are_no_export(tmp_path):
    with pytest.raises(ValueError, match=r"holds no export: there is no export\.json\. Export the model again"):
        read_export(tmp_path)
    with pytest.raises(ValueError, match="missing is not there"):
        read_export(tmp_path / "missing")


@pytest.mark.parametrize("facts", ["{", "[]", '{"format": 1, "sizes": 3}'])
def test_damaged_facts_are_refused(tmp_path, facts):
    (tmp_path / "export.json").write_text(facts)
    with pytest.raises(ValueError, match=r"is damaged|format None"):
        read_export(tmp_path)


def test_an_older_format_is_refused(copied):
    facts = json.loads((copied / "export.json").read_text()) | {"format": 0, "versions": {"finemoltex": "0.0.1"}}
    (copied / "export.json").write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"of format 0, written by finemoltex 0\.0\.1; this version reads format 1"):
        read_export(copied)


def test_a_missing_tower_is_named(copied):
    (copied / tower_file("molecules")).unlink()
    with pytest.raises(ValueError, match=r"is not whole: molecules\.onnx is missing"):
        read_export(copied)


def test_a_file_of_another_model_is_noticed(copied):
    shutil.copy(copied / "molecules.onnx", copied / "text.onnx")
    with pytest.raises(ValueError, match=r"text\.onnx is not the file that was exported.*of another model"):
        find_file(copied, read_export(copied), "text.onnx")
    with pytest.raises(ValueError, match=r"has no video\.onnx: it holds"):
        find_file(copied, read_export(copied), "video.onnx")
