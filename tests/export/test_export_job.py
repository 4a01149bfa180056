"""Exports: the numbers of the model at every size, whole folders or none, and refusals in one sentence."""

import numpy as np
import pytest
import torch

from modeling_finemoltex import FineMolTexModel
from modeling_finemoltex.runtime.export_folder import read_export

export_job = pytest.importorskip("modeling_finemoltex.export.export_job")
pytest.importorskip("onnxscript")
export_model = export_job.export_model
EXPECTED = {"text", "molecules", "token_score"}


def test_the_folder_holds_what_it_says(onnx_export):
    facts = read_export(onnx_export)
    assert set(facts.files) == {path.name for path in onnx_export.iterdir()} - {"export.json"}
    assert {f"{name}.onnx" for name in EXPECTED} | {f"{name}.pt2" for name in EXPECTED} < set(facts.files)
    assert {"text.int8.onnx", "molecules.int8.onnx", "tokenizer.json", "featurizer.json"} < set(facts.files)
    assert facts.token_size == 8 and facts.num_concepts == 7 and facts.versions["torch"] == torch.__version__


@pytest.fixture(scope="module")
def programs(onnx_export):
    """The towers as PyTorch loads them."""
    return {name: torch.export.load(onnx_export / f"{name}.pt2") for name in ("text", "molecules")}


@pytest.mark.parametrize("rows", [slice(None), slice(0, 1), slice(4, 5)], ids=["many", "one atom", "two atoms"])
def test_programs_give_what_the_model_gives(programs, whole_encoder, molecules, rows):
    smiles, texts = list(molecules)[rows], list(molecules.values())[rows]
    inputs = whole_encoder.processor(smiles=smiles, text=texts, return_tensors="pt")
    model = whole_encoder.model
    ids = {name: inputs.pop(name) for name in ("input_ids", "attention_mask")}
    text, molecule = (program.module() for program in programs.values())
    names = [name for name in whole_encoder.processor.feature_extractor.model_input_names if name != "motif_ids"]
    with torch.no_grad():
        found = text(*ids.values())[0], molecule(*(inputs[name] for name in names))[0]
        expected = model.get_text_features(**ids), model.get_molecule_features(**inputs)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_weights_of_other_towers_are_left_out(programs):
    text, molecules = (program.state_dict for program in programs.values())
    assert not any("graph_encoder" in name for name in text)
    assert not any("text_encoder" in name for name in molecules)
    assert any("text_encoder" in name for name in text) and any("graph_encoder" in name for name in molecules)


@pytest.fixture
def folder(whole_encoder):
    """The model as it is loaded."""
    return whole_encoder.fingerprint["name_or_path"]


@pytest.fixture
def quick(monkeypatch):
    """Leave the graphs out: what is tested is the folder."""
    monkeypatch.setattr(export_job, "trace_tower", lambda tower, inputs: None)
    monkeypatch.setattr(export_job, "write_onnx", lambda program, inputs, outputs, path: path.write_bytes(b"graph"))
    monkeypatch.setattr(export_job, "_compare", lambda *args: 0.0)


def test_an_interrupted_export_leaves_nothing(folder, tmp_path, monkeypatch, quick):
    written = []

    def interrupt(program, inputs, outputs, path):
        path.write_bytes(b"graph")
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(export_job, "write_onnx", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_model(folder, tmp_path / "out", ["onnx"])
    assert len(written) == 2 and list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_in_one_step(folder, tmp_path, quick):
    (tmp_path / "out").mkdir()
    said = []
    export_model(folder, tmp_path / "out", ["onnx"], report=said.append)
    assert set(read_export(tmp_path / "out").files) >= {"text.onnx", "molecules.onnx"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [one.split(":")[0] for one in said] == ["text.onnx", "molecules.onnx", "token_score.onnx"]


def test_a_folder_with_files_is_refused(folder, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds notes\.txt: an export never mixes with other files\. Give a new"):
        export_model(folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("formats", [["onnx", "coreml"], "onnx"])
def test_unknown_formats_are_refused(folder, tmp_path, formats):
    with pytest.raises(ValueError, match="must be a list of some of onnx, int8, program, got"):
        export_model(folder, tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be loaded as a model with its processor"):
        export_model(tmp_path, tmp_path / "out")


def test_a_graph_that_differs_is_refused(onnx_export, whole_encoder):
    tower = export_job.TextTower(whole_encoder.model.base_model)
    inputs = dict(whole_encoder.processor(text=["an acid", "an alcohol"], return_tensors="pt"))
    with torch.no_grad():
        expected = {name: one.numpy() for name, one in tower.compute(inputs).items()}
    path = onnx_export / "text.onnx"
    assert export_job._compare(path, inputs, expected) < 1e-5
    expected["text_embeds"] = expected["text_embeds"] + 1e-3
    with pytest.raises(ValueError, match=r"text\.onnx differs from the model by 1\.0e-03, more than 0\.0001"):
        export_job._compare(path, inputs, expected)
    expected["text_embeds"] = np.zeros((3, 1))
    with pytest.raises(ValueError, match="gives other shapes than the model"):
        export_job._compare(path, inputs, expected)


def test_an_encoder_that_reads_more_than_the_graph_is_refused(change_config, processor, tmp_path):
    config = change_config(graph_config={"encoder": "blend", "encoder_options": {"num_heads": 4}})
    FineMolTexModel(config).save_pretrained(tmp_path / "blend")
    processor.save_pretrained(tmp_path / "blend")
    with pytest.raises(ValueError, match="The encoder 'blend' of .* reads paths beside the graph, which no export"):
        export_model(tmp_path / "blend", tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
