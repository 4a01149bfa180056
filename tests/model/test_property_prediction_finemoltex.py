"""The property head: what it keeps in memory, what it learns from, and what it refuses."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from contracts.head import HeadContract, TextHeadContract
from huggingface_hub.errors import StrictDataclassClassValidationError
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

from modeling_finemoltex import (
    FineMolTexDataCollator,
    FineMolTexForPreTraining,
    FineMolTexForPropertyPrediction,
    FineMolTexModel,
)

NAN = math.nan


class TestPropertyHead(HeadContract):
    head_class = FineMolTexForPropertyPrediction
    changes = {"num_labels": 3, "problem_type": "single_label_classification"}
    own = ("classifier.",)
    row_outputs = ("logits",)
    num_hidden_states = 2  # of atoms
    num_attentions = 0

    def make_batch(self, processor, molecules):
        return dict(processor(smiles=list(molecules)))

    def make_loss(self, model, inputs):
        return model(**inputs, labels=torch.arange(10) % 3).loss

    def test_there_are_no_words_to_resize(self, head):
        with pytest.raises(NotImplementedError, match="built without text and has no word embeddings"):
            head.resize_token_embeddings(7)


class TestPropertyHeadWithText(TextHeadContract):
    head_class = FineMolTexForPropertyPrediction
    changes = {"num_labels": 2, "problem_type": "regression", "property_config": {"with_text": True}}
    own = ("classifier.",)
    row_outputs = ("logits",)
    num_hidden_states = 12  # two of atoms, one of motifs and three of words; then six in the fusion
    num_attentions = 9

    def make_loss(self, model, inputs):
        hidden = torch.ones(10, int(inputs["motif_counts"].max()) + 1, dtype=torch.bool)
        return model(**inputs, hidden_motifs=hidden, labels=torch.randn(10, 2)).loss


FIELDS = {"readout", "with_text", "class_weights", "target_mean", "target_scale", "calibration_temperature"}


@pytest.fixture
def make(change_config):
    def call(**changes):
        torch.manual_seed(0)
        options = {"dropout": 0.0, **{name: changes.pop(name) for name in FIELDS & changes.keys()}}
        return FineMolTexForPropertyPrediction(change_config(property_config=options, **changes)).eval()

    return call


@pytest.fixture
def graphs(processor, molecules):
    return processor(smiles=list(molecules))


@pytest.fixture(scope="module")
def base_folder(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    FineMolTexForPreTraining(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("base_class", [FineMolTexModel, FineMolTexForPreTraining])
def test_a_base_checkpoint_gets_a_new_linear_layer_and_no_text_side(config, base_class, tmp_path):
    base = base_class(config)
    base.save_pretrained(tmp_path)
    model, report = AutoModelForSequenceClassification.from_pretrained(
        tmp_path, num_labels=3, output_loading_info=True
    )
    assert type(model) is FineMolTexForPropertyPrediction and model.classifier.out_features == 3
    assert set(report["missing_keys"]) == {"classifier.weight", "classifier.bias"}
    assert not report["unexpected_keys"]
    names = set(model.state_dict())
    assert not [name for name in names if "text" in name or "co_attention" in name]
    assert model.finemoltex.text_encoder is None
    source = getattr(base, "finemoltex", base).state_dict()
    for name, tensor in model.finemoltex.state_dict().items():
        assert torch.equal(tensor, source[name]), name


def test_the_molecule_is_read_as_the_base_model_embeds_it(make, graphs):
    model = make(readout="molecule")
    base = FineMolTexModel(model.config).eval()
    base.load_state_dict(model.finemoltex.state_dict(), strict=False)
    graph = {name: tensor for name, tensor in graphs.items() if name != "motif_ids"}
    with torch.no_grad():
        features = torch.nn.functional.normalize(model.extract_features(**graph), dim=-1)
        torch.testing.assert_close(features, base(**graph).molecule_embeds, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("readout", "width"), [("molecule", 32), ("atoms", 32), ("both", 64)])
def test_readouts(make, graphs, readout, width):
    model = make(readout=readout, num_labels=2)
    output = model(**graphs)
    assert model.classifier.in_features == width and output.logits.shape == (10, 2) and output.loss is None
    output.logits.sum().backward()
    reaches_readout = model.finemoltex.molecule_readout.expand.weight.grad is not None
    assert reaches_readout == (readout != "atoms")


def test_own_folder_gives_the_same_predictions(make, graphs, tmp_path):
    model = make(num_labels=2, problem_type="regression", target_mean=[3.0, -2.0], target_scale=[2.0, 0.5])
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    assert torch.equal(loaded(**graphs).logits, model(**graphs).logits)


def test_classes(make, graphs):
    model = make(num_labels=3)
    labels = torch.tensor([0, 1, 2, -100, 0, 1, 2, 0, 1, 2])
    output = model(**graphs, labels=labels)
    torch.testing.assert_close(output.loss, F.cross_entropy(output.logits, labels))
    assert model.config.problem_type == "single_label_classification"
    torch.testing.assert_close(model.predict(output.logits).sum(-1), torch.ones(10))
    unknown = model(**graphs, labels=torch.full((10,), -100)).loss
    assert unknown == 0 and unknown.requires_grad


def test_tasks_with_missing_labels(make, graphs):
    model = make(num_labels=2, class_weights=[3.0, 1.0])
    labels = torch.tensor([[1.0, NAN], [NAN, 0.0], [NAN, NAN]] + [[0.0, 1.0]] * 7)
    output = model(**graphs, labels=labels)
    known = ~labels.isnan()
    expected = F.binary_cross_entropy_with_logits(
        output.logits, labels.nan_to_num(), reduction="none", pos_weight=torch.tensor([3.0, 1.0])
    )[known].mean()
    torch.testing.assert_close(output.loss, expected)
    assert model.config.problem_type == "multi_label_classification"
    output.loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)
    assert model(**graphs, labels=torch.full((10, 2), NAN)).loss == 0


def test_one_task_takes_a_vector_of_labels(make, graphs):
    model = make(num_labels=1, problem_type="multi_label_classification")
    labels = torch.tensor([0.0, 1.0] * 5)
    output = model(**graphs, labels=labels)
    torch.testing.assert_close(output.loss, F.binary_cross_entropy_with_logits(output.logits[:, 0], labels))


def test_numbers_are_learned_scaled_and_predicted_in_their_units(make, graphs):
    plain = make(num_labels=1)
    scaled = make(num_labels=1, target_mean=[100.0], target_scale=[20.0])
    labels = torch.linspace(60, 140, 10)
    raw, output = plain(**graphs).logits, scaled(**graphs, labels=labels)
    torch.testing.assert_close(output.logits, raw * 20 + 100)
    torch.testing.assert_close(output.loss, ((raw[:, 0] - (labels - 100) / 20) ** 2).mean())
    assert scaled.config.problem_type == "regression"
    torch.testing.assert_close(scaled.predict(output.logits), output.logits)


def test_probabilities_undo_class_weights_and_use_the_temperature(make):
    weighted = make(num_labels=1, problem_type="multi_label_classification", class_weights=[4.0])
    logits = torch.tensor([[math.log(4.0)]])  # what a fair coin looks like where positives count four times
    torch.testing.assert_close(weighted.predict(logits), torch.tensor([[0.5]]))
    classes = make(num_labels=2, problem_type="single_label_classification", class_weights=[2.0, 1.0])
    torch.testing.assert_close(classes.predict(torch.tensor([[math.log(2.0), 0.0]])), torch.tensor([[0.5, 0.5]]))
    cooled = make(num_labels=1, problem_type="multi_label_classification", calibration_temperature=2.0)
    torch.testing.assert_close(cooled.predict(torch.tensor([[2.0]])), torch.sigmoid(torch.tensor([[1.0]])))


def test_molecule_and_text(make, batch):
    model = make(with_text=True, num_labels=2)
    assert model.classifier.in_features == 128
    output = model(**batch, labels=torch.zeros(10, dtype=torch.long))
    output.loss.backward()
    assert model.finemoltex.text_encoder.embeddings.word_embeddings.weight.grad.abs().sum() > 0
    other = {**batch, "input_ids": batch["input_ids"].flip(0), "attention_mask": batch["attention_mask"].flip(0)}
    assert not torch.allclose(model(**other).logits, output.logits)
    with pytest.raises(ValueError, match="holds no texts. Give `text` too"):
        model(**{name: tensor for name, tensor in batch.items() if name not in ("input_ids", "attention_mask")})


def test_a_single_atom_can_be_a_training_batch(make, processor):
    model = make(num_labels=1).train()
    before = model.finemoltex.graph_encoder.layers[0].norm.running_mean.clone()
    output = model(**processor(smiles="C"), labels=torch.tensor([1.0]))
    output.loss.backward()
    assert output.loss.isfinite()
    assert torch.equal(model.finemoltex.graph_encoder.layers[0].norm.running_mean, before)


def test_a_frozen_encoder_keeps_its_statistics(make, graphs):
    model = make(num_labels=1).train()
    model.finemoltex.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.finemoltex.state_dict().items()}
    model(**graphs)
    for name, tensor in model.finemoltex.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_hidden_motifs_change_the_prediction(make, graphs):
    model = make(num_labels=1)
    masked = torch.zeros(10, int(graphs["motif_counts"].max()) + 1, dtype=torch.bool)
    masked[2, 1] = True
    plain, hidden = model(**graphs).logits, model(**graphs, hidden_motifs=masked).logits
    assert not torch.allclose(plain[2], hidden[2])
    torch.testing.assert_close(plain[[0, 1, 3]], hidden[[0, 1, 3]])


def test_errors(make, graphs, batch):
    model = make(num_labels=3, problem_type="multi_label_classification")
    with pytest.raises(ValueError, match=r"must have shape \(10, 3\): got \(10,\). Set `num_labels`"):
        model(**graphs, labels=torch.zeros(10))
    with pytest.raises(ValueError, match="needs molecules: the batch holds no `motif_counts`"):
        model(input_ids=batch["input_ids"])
    with pytest.raises(ValueError, match="this model reads molecules only. Leave `text` out"):
        model(**batch)
    with pytest.raises(ValueError, match="`target_mean` has 2 entries for 3 labels"):
        make(num_labels=3, target_mean=[0.0, 1.0])
    with pytest.raises(StrictDataclassClassValidationError, match="`readout` must be one of"):
        make(readout="bonds")
    with pytest.raises(ValueError, match="built without text"):
        model.finemoltex.get_text_features(batch["input_ids"])


def test_texts_can_be_given_as_embeddings(make, batch):
    model = make(with_text=True, num_labels=2)
    words = {"input_ids": batch.pop("input_ids"), "attention_mask": batch.pop("attention_mask")}
    embeds = model.get_input_embeddings()(words["input_ids"])
    output = model(**batch, inputs_embeds=embeds, attention_mask=words["attention_mask"])
    torch.testing.assert_close(output.logits, model(**batch, **words).logits)


@pytest.mark.parametrize("with_text", [False, True])
def test_lora_trains_it(make, batch, with_text, tmp_path):
    """PEFT passes `inputs_embeds`, `output_attentions` and the rest to every classifier, whatever it reads."""
    model = make(with_text=with_text, num_labels=3, problem_type="single_label_classification")
    if not with_text:
        del batch["input_ids"], batch["attention_mask"]
    layers = ["expand", "query"] if with_text else ["expand"]
    adapted = get_peft_model(model, LoraConfig(task_type=TaskType.SEQ_CLS, r=2, target_modules=layers))
    output = adapted(**batch, labels=torch.arange(10) % 3)
    output.loss.backward()
    trained = {name for name, one in adapted.named_parameters() if one.grad is not None}
    assert trained and all("lora_" in name or "classifier.modules_to_save" in name for name in trained)
    if with_text:
        embeds = adapted.get_input_embeddings()(batch["input_ids"])
        others = {name: tensor for name, tensor in batch.items() if name != "input_ids"}
        torch.testing.assert_close(adapted(**others, inputs_embeds=embeds).logits, output.logits)
    adapted.save_pretrained(tmp_path)
    assert (tmp_path / "adapter_model.safetensors").is_file()


def test_the_stock_trainer_trains_it(base_folder, processor, tmp_path):
    model = FineMolTexForPropertyPrediction.from_pretrained(
        base_folder, num_labels=1, problem_type="multi_label_classification", property_config={"dropout": 0.0}
    )
    smiles = ["CCO", "CCN", "CCCO", "CCCN", "CCCCO", "CCCCN", "OCCO", "NCCN", "O"]
    rows = [{**processor.feature_extractor.featurize(one), "labels": [float("N" in one)]} for one in smiles]
    arguments = TrainingArguments(
        output_dir=tmp_path,
        max_steps=8,
        per_device_train_batch_size=4,  # the last batch is a single atom
        learning_rate=1e-2,
        remove_unused_columns=False,
        label_names=["labels"],
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    collator = FineMolTexDataCollator(processor)
    trainer = Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=rows, data_collator=collator)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    trainer.train()
    changed = {name for name, one in model.state_dict().items() if not torch.equal(one, before[name])}
    assert {"classifier.weight", "finemoltex.graph_encoder.layers.0.expand.weight"} <= changed
    assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
    assert trainer.predict(rows).predictions.shape == (9, 1)


def test_steps_on_one_batch_bring_its_loss_down(change_config, graphs):
    changes = {"graph_config": {"dropout": 0.0}, "property_config": {"dropout": 0.0}, "num_labels": 1}
    model = FineMolTexForPropertyPrediction(change_config(**changes)).train()
    labels, adam = torch.linspace(-1, 1, 10), torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(20):
        adam.zero_grad()
        loss = model(**graphs, labels=labels).loss
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
