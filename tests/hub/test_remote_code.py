"""A saved folder loads where our package does not exist, and gives the same numbers as the installed classes."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForPreTraining,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoProcessor,
)

import modeling_finemoltex
from modeling_finemoltex import (
    FineMolTexForCaptioning,
    FineMolTexForMoleculeEditing,
    FineMolTexForPreTraining,
    FineMolTexForPropertyPrediction,
    FineMolTexForRetrieval,
    FineMolTexModel,
)
from modeling_finemoltex.editing import EditingParts, save_editing_folder
from modeling_finemoltex.model.heads_finemoltex import HEADS

CLIENT = Path(__file__).with_name("remote_client.py")


@pytest.fixture(scope="module")
def saved(
    tmp_path_factory, config, change_config, generator_config, writer_config, generator_tokenizer, processor, molecules
):
    """A pre-training model and its processor in one folder, and what the installed classes make of the molecules."""
    folder = tmp_path_factory.mktemp("saved") / "tiny"
    torch.manual_seed(0)
    model = FineMolTexForPreTraining(config).eval()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    retrieval = FineMolTexForRetrieval(config).eval()
    retrieval.save_pretrained(folder / "retrieval")
    properties = FineMolTexForPropertyPrediction(
        change_config(
            num_labels=2, problem_type="multi_label_classification", property_config={"calibration_temperature": 1.5}
        )
    ).eval()
    properties.save_pretrained(folder / "properties")
    generator = AutoModelForSeq2SeqLM.from_config(generator_config)
    editing = FineMolTexForMoleculeEditing.from_parts(model.finemoltex, generator)
    editing.set_latent_statistics(torch.randn(8, generator_config.d_model))
    parts = EditingParts(editing, processor, generator_tokenizer)
    save_editing_folder(parts, folder / "editing")
    fields = {"writer_config": writer_config.to_dict(), "captioning_config": {"prompt": "captions", "copies": True}}
    captioning = FineMolTexForCaptioning(change_config(**fields)).eval()
    captioning.save_pretrained(folder / "captioning")
    batch = processor(smiles=list(molecules), text=list(molecules.values()), return_tensors="pt", padding=True)
    with torch.no_grad():
        prompts = {"prompt_ids": batch["input_ids"], "prompt_attention_mask": batch["attention_mask"]}
        captions = captioning.generate(**processor(smiles=list(molecules)), **prompts, max_new_tokens=6, num_beams=2)
        tokens = generator_tokenizer(["CCO", "C"], return_tensors="pt", padding=True)
        texts = editing.get_text_features(batch["input_ids"][:2], batch["attention_mask"][:2])
        moved = editing.optimize(*editing.encode_latents(**tokens), texts, [0.1], num_steps=5)
        logits = retrieval(**batch).logits_per_text
        losses = model(**batch, seeds=torch.arange(len(molecules)))
        output = model.finemoltex(**batch)
        predictions = properties.predict(properties(**processor(smiles=list(molecules))).logits)
    results = {"loss": losses.loss, "logits": logits, "properties": predictions, "moved": moved, "captions": captions}
    return SimpleNamespace(folder=folder, batch=batch, output=output, **results)


@pytest.fixture(scope="module")
def remote(saved, molecules, forked_python, tmp_path_factory):
    """What a process without our package makes of the same folder and molecules."""
    empty = tmp_path_factory.mktemp("elsewhere")
    result = empty / "result.pt"
    pairs = json.dumps([list(molecules), list(molecules.values())])
    done = forked_python.run(CLIENT, saved.folder, empty / "again", result, pairs, cwd=empty)
    assert done.returncode == 0, done.stderr[-4000:]
    return torch.load(result, weights_only=True)


def assert_same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() <= 1e-6


def test_the_client_had_no_access_to_the_package(remote):
    assert remote["ours"] == []
    assert remote["packages"] == ["transformers_modules"]
    assert remote["classes"] == [
        "FineMolTexConfig",
        "FineMolTexModel",
        "FineMolTexForPreTraining",
        "FineMolTexForRetrieval",
        "FineMolTexForPropertyPrediction",
        "FineMolTexForMoleculeEditing",
        "FineMolTexForCaptioning",
        "FineMolTexProcessor",
    ]


def test_remote_processor_gives_the_same_batch(remote, saved):
    assert list(remote["batch"]) == list(saved.batch)
    for name, expected in saved.batch.items():
        assert torch.equal(remote["batch"][name], expected), name


@pytest.mark.parametrize("name", ["molecule_embeds", "text_embeds"])
def test_remote_embeddings_equal_installed_ones(remote, saved, name):
    assert saved.output[name].std() > 0
    assert_same(remote[name], saved.output[name])


def test_remote_pretraining_head_gives_the_same_loss(remote, saved):
    assert_same(remote["loss"], saved.loss)


def test_a_retrieval_folder_loads_by_automodel_with_its_matching_head(remote, saved):
    assert_same(remote["logits"], saved.logits)


def test_remote_property_predictions_equal_installed_ones(remote, saved, molecules):
    assert saved.properties.std() > 0
    assert_same(remote["properties"], saved.properties)
    assert remote["untrained_shape"] == [len(molecules), 3]


def test_an_editing_folder_loads_by_automodel_with_generator_and_tokenizer(remote, saved):
    assert remote["moved"].std() > 0
    assert_same(remote["moved"], saved.moved)
    assert remote["decoded_rows"] == 2


def test_a_captioning_folder_writes_the_same_captions(remote, saved):
    assert torch.equal(remote["captions"], saved.captions)


def test_remote_model_saved_again_still_loads(remote, saved):
    assert_same(remote["resaved_molecule_embeds"], saved.output.molecule_embeds)


def test_remote_feature_extractor_and_tokenizer_load_alone(remote, saved):
    assert torch.equal(remote["motif_ids"], saved.batch["motif_ids"])
    assert torch.equal(remote["input_ids"], saved.batch["input_ids"])


@pytest.mark.parametrize(
    ("auto_class", "expected"),
    [
        (AutoConfig, "FineMolTexConfig"),
        (AutoModel, "FineMolTexModel"),
        (AutoModelForPreTraining, "FineMolTexForPreTraining"),
        (AutoModelForSequenceClassification, "FineMolTexForPropertyPrediction"),
        (AutoFeatureExtractor, "FineMolTexFeatureExtractor"),
        (AutoProcessor, "FineMolTexProcessor"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
@pytest.mark.parametrize("trust_remote_code", [None, True])
def test_installed_classes_answer_the_auto_classes(saved, auto_class, expected, trust_remote_code):
    """The installed code wins even where remote code is trusted, and nobody is asked on stdin."""
    loaded = auto_class.from_pretrained(saved.folder, trust_remote_code=trust_remote_code)
    assert type(loaded) is getattr(modeling_finemoltex, expected)


def test_installed_embeddings_survive_the_folder(saved):
    model = AutoModel.from_pretrained(saved.folder).eval()
    with torch.no_grad():
        output = model(**saved.batch)
    assert_same(output.molecule_embeds, saved.output.molecule_embeds)
    assert_same(output.text_embeds, saved.output.text_embeds)


@pytest.mark.parametrize(
    ("model_class", "own"),
    [
        (FineMolTexModel, {}),
        (FineMolTexForPreTraining, {}),
        (FineMolTexForRetrieval, {"AutoModel": "retrieval_finemoltex.FineMolTexForRetrieval"}),
    ],
)
def test_every_saved_folder_names_every_class(config, model_class, own, tmp_path):
    """A folder saved from one class must load as another: `auto_map` names them all."""
    model_class(config).save_pretrained(tmp_path)
    auto_map = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["auto_map"]
    assert auto_map == {
        "AutoConfig": "configuration_finemoltex.FineMolTexConfig",
        **{head.auto_class: head.reference for head in HEADS.values()},
        **own,
    }
    for reference in auto_map.values():
        assert (tmp_path / f"{reference.split('.')[0]}.py").is_file()
