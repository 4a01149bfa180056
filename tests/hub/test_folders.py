"""`assemble_folder`: from weights and vocabularies to a folder for everybody, with nothing of the source changed."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from modeling_finemoltex import FineMolTexForPreTraining, assemble_folder
from modeling_finemoltex.hub.publishing import check_folder
from modeling_finemoltex.model.heads_finemoltex import BASE, HEADS

ROOT = Path(__file__).resolve().parents[2]
HUB_FILES = [
    *(ROOT / "modeling_finemoltex" / "model").glob("*_finemoltex.py"),
    *(ROOT / "processors").glob("*_finemoltex.py"),
]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def saved(tmp_path, config, processor) -> Path:
    """A model and its processor, with files of a training run beside them."""
    folder = tmp_path / "runs" / "tiny"
    FineMolTexForPreTraining(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    for name in ("checkpoint-1/model.safetensors", "optimizer.pt", "trainer_state.json", "index/metadata.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text('{"bytes": {}}', encoding="utf-8")
    return folder


def test_a_saved_folder_is_assembled_elsewhere_and_stays_as_it_is(saved, tmp_path):
    before = contents(saved)
    folder = assemble_folder(saved, tmp_path / "hub" / "tiny")
    assert contents(saved) == before
    made = contents(folder)
    assert {file.name: file.read_bytes() for file in HUB_FILES} == {
        name: data for name, data in made.items() if name.endswith("_finemoltex.py")
    }
    unchanged = ("model.safetensors", "tokenizer.json", "index/metadata.json")
    assert {name: made[name] for name in unchanged} == {name: before[name] for name in unchanged}
    assert {"handler.py", "requirements.txt", "README.md"} <= set(made)
    assert not {"optimizer.pt", "trainer_state.json", "checkpoint-1/model.safetensors"} & set(made)
    shutil.rmtree(folder / "index")  # without an index
    check_folder(folder)


def test_other_fields_of_the_configuration_stay(saved, tmp_path):
    folder = assemble_folder(saved, tmp_path / "tiny")
    for name in ("config.json", "tokenizer_config.json", "processor_config.json"):
        old, new = (json.loads((one / name).read_text(encoding="utf-8")) for one in (saved, folder))
        for fields in (old, new, old.get("feature_extractor", {}), new.get("feature_extractor", {})):
            fields.pop("auto_map", None)
            fields.pop("custom_pipelines", None)
        assert old == new


def test_assembling_in_place_and_again_changes_nothing_more(saved):
    assert assemble_folder(saved) == saved
    once = contents(saved)
    assert "optimizer.pt" in once
    assemble_folder(saved)
    assert contents(saved) == once


def test_code_of_another_version_and_pointers_go(saved):
    for name in ("installed_finemoltex.py", "graph_encoder_finemoltex.py"):
        (saved / name).write_text("raise RuntimeError('of another version')", encoding="utf-8")
    (saved / "my_script.py").write_text("", encoding="utf-8")
    assemble_folder(saved)
    assert {path.name for path in saved.glob("*_finemoltex.py")} == {file.name for file in HUB_FILES}
    assert (saved / "my_script.py").is_file()


def test_a_card_written_by_hand_stays(saved, tmp_path):
    (saved / "README.md").write_text("# Mine\n", encoding="utf-8")
    folder = assemble_folder(saved, tmp_path / "tiny")
    assert (folder / "README.md").read_text(encoding="utf-8") == "# Mine\n"


@pytest.mark.parametrize("name", ["base", "pretraining", "retrieval", "properties", "editing", "captioning"])
def test_classes_and_pipelines_are_those_of_the_head(exported, heads, name):
    fields = json.loads((exported[name] / "config.json").read_text(encoding="utf-8"))
    head = HEADS[type(heads[name]).__name__]
    assert fields["auto_map"][head.remote_auto_class] == head.reference
    expected = set(BASE.pipelines) if name not in ("properties", "captioning") else set()
    assert set(fields["custom_pipelines"]) == expected
    for entry in fields["custom_pipelines"].values():
        assert entry["impl"].startswith("pipelines_finemoltex.") and entry["pt"] == ["AutoModel"]


def test_what_is_no_model_with_its_processor_is_refused(saved, tmp_path):
    with pytest.raises(ValueError, match="is no model folder: it has no config.json"):
        assemble_folder(tmp_path, tmp_path / "made")
    fields = json.loads((saved / "config.json").read_text(encoding="utf-8"))
    (saved / "config.json").write_text(json.dumps(fields | {"architectures": ["MyHead"]}), encoding="utf-8")
    with pytest.raises(ValueError, match="names the class 'MyHead'; known are FineMolTexForCaptioning, "):
        assemble_folder(saved, tmp_path / "made")
    (saved / "config.json").write_text(json.dumps(fields), encoding="utf-8")
    (saved / "processor_config.json").unlink()
    with pytest.raises(ValueError, match="has no processor_config.json of a processor"):
        assemble_folder(saved, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_weights_that_are_not_finite_are_listed(exported, tmp_path):
    folder = shutil.copytree(exported["base"], tmp_path / "tiny", ignore=shutil.ignore_patterns("index"))
    weights = load_file(folder / "model.safetensors")
    weights["motif_tower.mask_token"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"'not finite \(NaN or infinite\)': \['motif_tower.mask_token'\]"):
        check_folder(folder)
