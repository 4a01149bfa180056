import pytest
from transformers import RobertaConfig

from modeling_finemoltex import FineMolTexConfig, FineMolTexFusionConfig


@pytest.mark.parametrize("preset", ["tiny", "small", "paper"])
def test_presets_survive_a_round_trip(preset, tmp_path):
    config = FineMolTexConfig.from_preset(preset)
    config.save_pretrained(tmp_path)
    assert FineMolTexConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()


def test_overrides_are_merged_into_the_preset():
    config = FineMolTexConfig.from_preset("tiny", graph_config={"num_layers": 3}, masking="random")
    assert (config.graph_config.num_layers, config.graph_config.hidden_size, config.masking) == (3, 32, "random")


def test_any_text_configuration_is_accepted():
    config = FineMolTexConfig.from_preset("tiny", text_config=RobertaConfig(hidden_size=48))
    assert config.text_config.model_type == "roberta"
    assert FineMolTexConfig(**config.to_dict()).text_config.hidden_size == 48


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"contrastive_objective": "triplet"}, "contrastive_objective"),
        ({"masking": "none"}, "masking"),
        ({"motif_mask_level": "bond"}, "motif_mask_level"),
        ({"word_mask_probability": 1.5}, "between 0 and 1"),
        ({"temperature": 0.0}, "positive"),
        ({"generator_notation": "inchi"}, "generator_notation"),
    ],
)
def test_impossible_objectives_are_refused(fields, message):
    with pytest.raises(Exception, match=message):
        FineMolTexConfig(**fields)


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
