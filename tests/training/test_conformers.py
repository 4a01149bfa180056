"""Conformers by choice: the views of a pre-training, and the two ways to fine-tune a model that reads both."""

import json

import pytest

from modeling_finemoltex import FineMolTexDataCollator, FineMolTexForPreTraining, FineMolTexProcessor
from modeling_finemoltex.training.command_line import parse_arguments
from modeling_finemoltex.training.conformers import check_conformers, choose_conformers
from modeling_finemoltex.training.preparation import choose_views
from modeling_finemoltex.training.pretraining import build_model

VIEWS = ["graph", "paths", "conformer"]


def arguments_of(tmp_path, *words):
    return parse_arguments(["--output_dir", str(tmp_path), *words])


@pytest.mark.parametrize(
    ("words", "views"),
    [
        ("--preset small", ["graph"]),
        ("--preset blend", VIEWS),
        ("--preset blend --conformers false", VIEWS[:2]),
        ("--preset small --conformers false", ["graph"]),
        ("--preset smiles", ["graph", "smiles"]),
        ("--preset small --objective smiles_reconstruction", ["graph", "smiles"]),
        ("--preset blend --objective smiles_reconstruction", [*VIEWS, "smiles"]),
    ],
)
def test_a_pretraining_makes_the_views_of_its_encoder_and_objectives(words, views, tmp_path):
    assert choose_views(arguments_of(tmp_path, *words.split())[0]) == views


def test_another_encoder_by_the_command_line(tmp_path):
    words = ["--preset", "small", "--graph_config", '{"encoder": "blend", "num_layers": 2}']
    model_args = arguments_of(tmp_path, *words)[0]
    assert choose_views(model_args) == VIEWS[:2]
    assert model_args.change_config({"objectives": {}, "graph_config": {"hidden_size": 8}})["graph_config"] == {
        "hidden_size": 8, "encoder": "blend", "num_layers": 2
    }  # fmt: skip
    with pytest.raises(ValueError, match="`graph_config.encoder` must be one of gin, .*blend, .*: got 'smoke'"):
        choose_views(arguments_of(tmp_path, "--graph_config", '{"encoder": "smoke"}')[0])


def test_conformers_are_refused_where_nothing_reads_them(tmp_path, processor):
    message = (
        "The encoder 'gin' reads no conformers. Leave `conformers` out, or train a model with one that does: blend"
    )
    with pytest.raises(ValueError, match=message):
        choose_views(arguments_of(tmp_path, "--conformers", "true")[0])
    with pytest.raises(ValueError, match=message):
        choose_conformers(processor, "gin", True)
    choose_conformers(processor, "gin", None)
    check_conformers("blend")


def test_the_demonstration_is_short_and_data_of_ones_own_are_whole(tmp_path):
    assert arguments_of(tmp_path, "--preset", "blend")[1].max_train_samples == 6000
    assert arguments_of(tmp_path, "--preset", "blend", "--dataset", "pairs.csv")[1].max_train_samples is None


@pytest.fixture
def blend_folder(change_config, processor, tmp_path):
    """A model that reads conformers, with its processor."""
    graph = {"encoder": "blend", "encoder_options": {"num_heads": 4, "num_kernels": 8}}
    folder = tmp_path / "blend"
    FineMolTexForPreTraining(change_config(graph_config=graph)).save_pretrained(folder)
    spatial = FineMolTexProcessor(processor.feature_extractor.with_views(VIEWS), processor.tokenizer)
    spatial.save_pretrained(folder)
    return folder


def test_an_initial_model_keeps_its_encoder_and_may_change_its_views(blend_folder, tmp_path, pairs_file):
    from modeling_finemoltex.training.preparation import prepare_data

    words = f"--dataset {pairs_file} --split random --validation_size 8 --test_size 0 --use_cpu --max_train_samples 30"
    words += f" --initial_model {blend_folder} --conformers false --report_to none"
    model_args, data_args, training_args = arguments_of(tmp_path / "run", *words.split())
    prepared = prepare_data(model_args, data_args, training_args)
    assert prepared.processor.feature_extractor.views == VIEWS[:2]
    assert "atom_positions" not in prepared.features["train"].column_names
    assert "without_conformer" not in prepared.summary["splits"]["train"]
    assert build_model(model_args, prepared, 0).config.graph_config.encoder == "blend"


def test_properties_are_learned_with_conformers_and_without(blend_folder, tmp_path):
    pytest.importorskip("sklearn")
    from transformers import AutoModelForSequenceClassification

    from modeling_finemoltex.property_prediction import ExperimentArguments, run_experiments
    from modeling_finemoltex.property_prediction.methods import load_encoder

    smiles = [f"{start}{'C' * length}{end}" for start in ("F", "Cl", "C1CC1") for length in (1, 2) for end in "NO"]
    lines = ["smiles,y", *(f"{one},{int('N' in one)}" for one in smiles)]
    (tmp_path / "amines.csv").write_text("\n".join(lines) + "\n")

    def load(folder):
        loaded = FineMolTexProcessor.from_pretrained(folder)
        return loaded, FineMolTexDataCollator(loaded)

    for wanted, views in ((True, VIEWS), (False, VIEWS[:2])):
        out = tmp_path / str(wanted)
        arguments = ExperimentArguments(
            model=str(blend_folder),
            dataset=[str(tmp_path / "amines.csv")],
            output_dir=str(out),
            **{"label_columns": ["y"], "split": "random", "valid_size": 0.34, "test_size": 0.34},
            **{"methods": ["fine_tuned"], "epochs": 1, "conformers": wanted},
        )
        run_experiments(arguments, load)
        assert json.loads((out / "results.json").read_text())["settings"]["conformers"] is wanted
        saved = out / "amines" / "fine_tuned" / "seed0"
        processor = FineMolTexProcessor.from_pretrained(saved)
        assert processor.feature_extractor.views == views
        model = AutoModelForSequenceClassification.from_pretrained(saved).eval()
        assert model(**processor(smiles=["CCO"])).logits.isfinite().all()
        assert load_encoder(str(blend_folder), tuple(views)).processor.feature_extractor.views == views
    assert load_encoder(str(blend_folder)).processor.feature_extractor.views == VIEWS
