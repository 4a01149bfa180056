import pytest

from modeling_finemoltex.training.arguments import PRESET_DEFAULTS, parse_arguments


def test_defaults_suit_graph_batches(tmp_path):
    model_args, data_args, training_args = parse_arguments(["--output_dir", str(tmp_path)])
    assert (model_args.preset, model_args.text_model, data_args.dataset) == ("small", "scratch", None)
    assert training_args.remove_unused_columns is False
    assert training_args.dataloader_drop_last is True
    assert training_args.accelerator_config.dispatch_batches is False
    assert training_args.accelerator_config.split_batches is False
    assert training_args.label_names == ["molecule_ids", "text_ids"]
    assert training_args.greater_is_better is True
    assert training_args.resume_from_checkpoint is None


def test_preset_sets_defaults_and_flags_override_them(tmp_path):
    words = ["--preset", "paper", "--output_dir", str(tmp_path), "--head_learning_rate", "0.5"]
    model_args, data_args, training_args = parse_arguments(words)
    assert model_args.text_model == "allenai/scibert_scivocab_uncased"
    assert training_args.graph_learning_rate == training_args.text_learning_rate == training_args.learning_rate == 1e-5
    assert training_args.projection_learning_rate == 3e-5
    assert training_args.head_learning_rate == 0.5
    assert data_args.max_text_length == 512


@pytest.mark.parametrize("preset", PRESET_DEFAULTS)
def test_every_preset_parses(preset, tmp_path):
    parse_arguments(["--preset", preset, "--output_dir", str(tmp_path)])


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], None), ([""], "latest"), (["latest"], "latest"), (["true"], "latest"), (["some/folder"], "some/folder")],
)
def test_resume_takes_a_bare_flag_a_word_or_a_folder(words, expected, tmp_path):
    flag = ["--resume_from_checkpoint", *filter(None, words)] if words else []
    assert parse_arguments(["--output_dir", str(tmp_path), *flag])[2].resume_from_checkpoint == expected


def test_objective_fields_given_by_the_user_override_the_config(tmp_path):
    words = ["--output_dir", str(tmp_path), "--masking", "random", "--word_loss_weight", "0"]
    assert parse_arguments(words)[0].objective_overrides() == {"masking": "random", "word_loss_weight": 0.0}


def test_help_explains_every_own_field(capsys):
    with pytest.raises(SystemExit) as stop:
        parse_arguments(["--preset", "tiny", "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert "--resume_from_checkpoint [RESUME_FROM_CHECKPOINT]" in text
    assert "(default: 1000)" in text  # the default of the preset, not of the class


def test_unknown_values_are_refused(capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["--preset", "huge"])
    assert "tiny" in capsys.readouterr().err
