from pathlib import Path

import pytest

from modeling_finemoltex.data import PairSource
from modeling_finemoltex.data.structural_facts import structural_facts
from modeling_finemoltex.training.command_line import parse_arguments
from modeling_finemoltex.training.preset_defaults import PRESET_DEFAULTS

RECIPES = sorted((Path(__file__).resolve().parents[2] / "examples" / "recipes").glob("*.yaml"))
RECIPES = [file for file in RECIPES if file.stem != "captioning"]  # of another command


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


def change(tmp_path, *words, objectives=None):
    """Fields of a configuration after the changes that the command line asks for."""
    fields = {"objectives": objectives or {"contrastive": {}, "masked_modelling": {"word_weight": 0.1}}}
    return parse_arguments(["--output_dir", str(tmp_path), *words])[0].change_config(fields)


def test_objectives_given_by_the_user_change_those_of_the_preset(tmp_path):
    words = ["--objective", "masked_modelling.draw=random", "masked_modelling.word_weight=0", "matching"]
    assert change(tmp_path, *words)["objectives"] == {
        "contrastive": {},
        "masked_modelling": {"word_weight": 0, "draw": "random"},
        "matching": {},
    }


def test_a_table_of_objectives_replaces_those_of_the_preset(tmp_path):
    table = '{"contrastive": {"loss": "ebm_nce"}, "matching": null}'
    changed = change(tmp_path, "--objectives", table, "--objective", "matching.num_negatives=2")
    assert changed["objectives"] == {"contrastive": {"loss": "ebm_nce"}, "matching": {"num_negatives": 2}}
    with pytest.raises(ValueError, match="must be a JSON table, name to value: got 'contrastive'"):
        change(tmp_path, "--objectives", "contrastive")


def test_fields_of_parts_of_the_configuration_are_changed_one_by_one(tmp_path):
    words = ["--multimodal_config", '{"num_motif_layers": 0}', "--count_config", '{"size": 8}', "--fit_pairs", "9"]
    fields = {"objectives": {"contrastive": {}}, "multimodal_config": {"hidden_size": 32}, "count_config": None}
    changed = parse_arguments(["--output_dir", str(tmp_path), *words])[0].change_config(fields)
    assert changed["multimodal_config"] == {"hidden_size": 32, "num_motif_layers": 0}
    assert changed["count_config"] == {"size": 8} and fields["count_config"] is None


def test_temperature_and_mask_level_override_the_preset(tmp_path):
    changed = change(tmp_path, "--temperature", "0.2", "--motif_mask_level", "token")
    assert changed["temperature"] == 0.2 and changed["motif_config"] == {"mask_level": "token"}


def test_a_new_token_score_gets_its_sizes(tmp_path):
    assert change(tmp_path, "--objective", "late_interaction")["token_config"] == {"levels": "both", "size": 64}
    grounded = change(tmp_path, "--objective", "grounding", "--token_config", '{"size": 32, "num_text_layers": 1}')
    assert change(tmp_path, "--objective", "grounding")["token_config"]["levels"] == "none"
    expected = {"size": 32, "num_text_layers": 1, "num_concepts": len(structural_facts())}
    assert grounded["token_config"] == expected
    with pytest.raises(ValueError, match="--token_config must be a JSON table, name to value: got '32'"):
        change(tmp_path, "--token_config", "32")


@pytest.mark.parametrize(("weight", "expected"), [("0.5", {"weight": 0.5}), ("0", None)])
def test_the_deprecated_weight_of_matching_is_a_change_of_the_objective(tmp_path, weight, expected):
    objectives = {"contrastive": {}, "matching": {"weight": 1.0}}
    with pytest.warns(FutureWarning, match="write `--objective matching.weight=WEIGHT`"):
        changed = change(tmp_path, "--matching_loss_weight", weight, objectives=objectives)
    assert changed["objectives"].get("matching") == expected


@pytest.mark.parametrize("word", ["cotrastive", "matching.negatives=2", "matching=some", "contrastive.loss"])
def test_objectives_that_do_not_exist_are_refused_before_any_data_is_read(tmp_path, word):
    with pytest.raises(ValueError, match=f"--objective {word}: "):
        parse_arguments(["--output_dir", str(tmp_path), "--objective", word])


@pytest.mark.parametrize("share", ["0", "1.5"])
def test_the_share_of_costly_steps_lies_between_0_and_1(tmp_path, share):
    with pytest.raises(ValueError, match=r"`costly_share` must lie in \(0, 1\]"):
        parse_arguments(["--output_dir", str(tmp_path), "--costly_share", share])


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


@pytest.fixture
def recipe(tmp_path):
    """Write a recipe, and return the words that ask for it."""

    def write(text: str, name: str = "recipe.yaml") -> list[str]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return [str(tmp_path / name), "--output_dir", str(tmp_path)]

    return write


RECIPE = """
preset: tiny
learning_rate: 5e-3
warmup_steps: 7
use_cpu: true
text_column:
eval_sets: [a.csv, {dataset: b.csv, where: {split: [val, test]}}]
sources:
  - {name: one, dataset: "${data_dir}/one.csv", weight: {0: 1, 0.5: 0.25}}
  - {name: two, dataset: two.csv, text_column: [name, synonyms], text_separator: "|", names_only: true}
"""


def test_a_recipe_gives_options_and_flags_override_it(recipe):
    words = recipe(RECIPE)
    model_args, data_args, training_args = parse_arguments([*words, "--warmup_steps", "9", "--data_dir", "data"])
    assert model_args.preset == "tiny" and model_args.text_vocab_size == 1000
    assert (training_args.learning_rate, training_args.warmup_steps, training_args.use_cpu) == (5e-3, 9, True)
    one, two = data_args.training_sources()
    assert one == PairSource("${data_dir}/one.csv", "one", weight={"0": 1, "0.5": 0.25})
    assert one.weight_changes(100) == [(0, 1.0), (50, 0.25)]
    assert two == PairSource("two.csv", "two", text_column=["name", "synonyms"], text_separator="|", names_only=True)
    assert [PairSource.parse(text).where for text in data_args.eval_sets] == [None, {"split": ["val", "test"]}]
    assert (data_args.data_dir, data_args.text_column) == ("data", None)


def test_weights_are_replaced_by_name(recipe):
    words = [*recipe(RECIPE), "--source_weights", "two=0.5"]
    assert [source.weight for source in parse_arguments(words)[1].training_sources()] == [{"0": 1, "0.5": 0.25}, 0.5]
    for wrong in ("three=1", "two", "two=much"):
        with pytest.raises(ValueError, match=f"with a name of .*'one', 'two'.*: got '{wrong}'"):
            parse_arguments([*recipe(RECIPE), "--source_weights", wrong])
    with pytest.raises(ValueError, match="need `sources`"):
        parse_arguments(["--dataset", "a.csv", "--source_weights", "two=1"])


def test_json_recipes_are_read_too(recipe):
    assert parse_arguments(recipe('{"preset": "paper", "max_steps": 5}', "r.json"))[2].max_steps == 5


def test_a_recipe_with_sources_is_no_demonstration(recipe):
    assert parse_arguments(recipe("sources: [{dataset: a.csv}]"))[2].max_steps == -1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rte: 1", "learning_rte"),
        ("- preset", "must be a table of options"),
        ("preset: [", "cannot be read"),
        ("dataset: a.csv\nsources: [{dataset: b.csv}]", "either `dataset` or `sources`"),
        ("split: given\nsources: [{dataset: b.csv}]", "every source names its own split"),
        ("sources: [{dataset: b.csv}, {dataset: b.csv, describe: true}]", "Several sources are called 'b.csv'"),
    ],
)
def test_bad_recipes_are_explained(recipe, text, message):
    with pytest.raises(ValueError, match=message):
        parse_arguments(recipe(text))


def test_a_missing_recipe_is_named():
    with pytest.raises(ValueError, match="The recipe nowhere.yaml cannot be read"):
        parse_arguments(["nowhere.yaml"])


@pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
def test_published_recipes_parse_and_name_no_place_of_a_machine(file, tmp_path):
    _, data_args, _ = parse_arguments([str(file), "--output_dir", str(tmp_path)])
    held_out = [one for one in (*(data_args.eval_sets or ()), data_args.validation_set) if one is not None]
    named = [*data_args.training_sources(), *map(PairSource.parse, held_out)]
    assert all(source.dataset == "chemicals" or source.dataset.startswith("${data_dir}/") for source in named)


@pytest.mark.parametrize("name", ["query_molecules", "fact_molecules", "queries_per_batch", "concept_epochs"])
def test_numbers_below_0_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match=f"`{name}` must be 0 or more: got -1"):
        parse_arguments(["--output_dir", str(tmp_path), f"--{name}", "-1"])
