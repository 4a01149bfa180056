import pytest
from transformers import RobertaConfig

from modeling_finemoltex import FineMolTexConfig, FineMolTexFusionConfig
from modeling_finemoltex.model.configuration_finemoltex import merge_fields


@pytest.mark.parametrize("preset", ["tiny", "small", "paper"])
def test_presets_survive_a_round_trip(preset, tmp_path):
    config = FineMolTexConfig.from_preset(preset)
    config.save_pretrained(tmp_path)
    assert FineMolTexConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_overrides_are_merged_into_the_preset():
    changes = {"graph_config": {"num_layers": 3}, "objectives": {"masked_modelling": {"draw": "random"}}}
    config = FineMolTexConfig.from_preset("tiny", **changes)
    assert (config.graph_config.num_layers, config.graph_config.hidden_size) == (3, 32)
    assert config.objectives == {"contrastive": {}, "masked_modelling": {"draw": "random"}}
    assert FineMolTexConfig.from_preset("tiny").objectives["masked_modelling"] == {}  # the preset is as it was


def test_an_objective_is_left_out_by_none():
    config = FineMolTexConfig.from_preset("small", objectives={"masked_modelling": None, "matching": {}})
    assert config.objectives == {"contrastive": {}, "matching": {}}


def test_unknown_overrides_are_refused():
    with pytest.raises(ValueError, match="Unknown fields masking, tempreature: a FineMolTexConfig has "):
        FineMolTexConfig.from_preset("tiny", tempreature=0.1, masking="random")
    assert FineMolTexConfig.from_preset("tiny", num_labels=3).num_labels == 3  # of every configuration


def test_fields_are_merged_level_by_level_and_nothing_is_changed():
    fields, changes = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}, {"a": {"c": {"f": 4}}, "e": {"g": 5}, "h": None}
    assert merge_fields(fields, changes) == {"a": {"b": 1, "c": {"d": 2, "f": 4}}, "e": {"g": 5}, "h": None}
    assert fields == {"a": {"b": 1, "c": {"d": 2}}, "e": 3} and changes["a"] == {"c": {"f": 4}}
    merged = merge_fields({"objectives": {"a": {}, "b": {}}}, {"objectives": {"b": None, "c": {"weight": 2}}})
    assert merged == {"objectives": {"a": {}, "c": {"weight": 2}}}
    replaced = merge_fields({"text_config": {"hidden_size": 8}}, {"text_config": RobertaConfig(hidden_size=48)})
    assert replaced["text_config"].model_type == "roberta"


def test_configurations_do_not_share_their_objectives():
    one, two = FineMolTexConfig(), FineMolTexConfig()
    one.objectives["contrastive"]["weight"] = 9
    assert two.objectives["contrastive"] == FineMolTexConfig().objectives["contrastive"] == {}


def test_any_text_configuration_is_accepted():
    config = FineMolTexConfig.from_preset("tiny", text_config=RobertaConfig(hidden_size=48))
    assert config.text_config.model_type == "roberta"
    assert FineMolTexConfig(**config.to_dict()).text_config.hidden_size == 48


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"motif_config": {"mask_level": "bond"}}, r"`mask_level` must be one of .*: got 'bond'"),
        ({"temperature": 0.0}, "`temperature` must be positive: got 0.0"),
        ({"editing_config": {"notation": "inchi"}}, "`notation` must be one of .*: got 'inchi'"),
        ({"property_config": {"readout": "bonds"}}, "`readout` must be one of .*: got 'bonds'"),
        ({"property_config": {"calibration_temperature": 0}}, "`calibration_temperature` must be positive: got 0"),
    ],
)
def test_impossible_values_are_refused(fields, message):
    with pytest.raises(Exception, match=message):
        FineMolTexConfig(**fields)


def test_the_size_of_the_shared_space():
    assert FineMolTexConfig.from_preset("tiny").embedding_size == 32
    assert FineMolTexConfig.from_preset("tiny", projection_dim=12).embedding_size == 12


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 30, "num_motif_attention_heads": 4}, "multiple of `num_motif_attention_heads` \\(4\\)"),
        ({"co_attention_motif_layers": [1], "co_attention_text_layers": [1, 2]}, "one entry per co-attention block"),
        ({"co_attention_motif_layers": [2, 9]}, r"must lie in \[0, 3\]"),
        ({"co_attention_text_layers": [12, 10]}, "must not decrease"),
    ],
)
def test_fusion_that_cannot_be_built_is_refused(fields, message):
    with pytest.raises(Exception, match=message):
        FineMolTexFusionConfig(**fields)


def test_unknown_preset_lists_the_known_ones():
    with pytest.raises(ValueError, match="'tiny', 'small', 'paper'"):
        FineMolTexConfig.from_preset("huge")
