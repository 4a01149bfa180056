"""The first layout of configurations and weights, read as if it were that of today."""

import copy
import json
import re
from pathlib import Path

import pytest
import torch
from contracts.first_layout import rename, write_first_layout
from safetensors import safe_open

from modeling_finemoltex import FineMolTexConfig, FineMolTexForMoleculeEditing, FineMolTexForPreTraining
from modeling_finemoltex.model.migration_finemoltex import (
    CONFIG_VERSION,
    RETRIEVAL_KEYS,
    V1_KEYS,
    upgrade_config,
    weights_beside,
)

CARDS = Path(__file__).resolve().parents[2] / "hub_cards"  # published in the first layout, and never rewritten
SMALL, EDITING = "finemoltex-small", "finemoltex-small-molecule-editing"


def read_fields(name):
    fields = json.loads((CARDS / name / "config.json").read_text(encoding="utf-8"))
    return {name: value for name, value in fields.items() if name not in ("auto_map", "custom_pipelines")}


class TestFields:
    def test_the_small_checkpoint(self):
        config = FineMolTexConfig.from_dict(read_fields(SMALL))
        assert config.config_version == CONFIG_VERSION
        shares = {"word_share": 0.2, "motif_share": 0.2, "draw": "importance", "draw_temperature": 0.1}
        assert config.objectives == {
            "contrastive": {"weight": 1.0, "loss": "info_nce"},
            "masked_modelling": {"word_weight": 0.1, "motif_weight": 0.1, **shares},
        }
        motifs = config.motif_config
        assert (motifs.vocab_size, motifs.max_positions, motifs.max_atom_count) == (2084, 512, 128)
        assert (motifs.mask_level, config.retrieval_config.matching_weight) == ("atom", 0.1)
        options = config.property_config
        assert (options.readout, options.with_text, options.dropout) == ("both", False, 0.1)
        assert (config.editing_config.notation, config.generator_config) == ("selfies", None)
        assert (config.temperature, config.projection_dim, config.mask_token_id) == (0.07, 256, 4)

    def test_the_editing_checkpoint(self):
        config = FineMolTexConfig.from_dict(read_fields(EDITING))
        assert list(config.objectives) == ["contrastive"]  # both weights of masked modelling were 0
        assert config.generator_config.num_latents == 8

    @pytest.mark.parametrize("name", [SMALL, EDITING])
    def test_nothing_old_is_left(self, name):
        fields = read_fields(name)
        written, today = FineMolTexConfig.from_dict(copy.deepcopy(fields)).to_dict(), FineMolTexConfig().to_dict()
        old = fields.keys() - today.keys()
        assert "masking" in old and not old & written.keys()
        assert written["graph_config"].keys() == today["graph_config"].keys()

    def test_fields_are_not_changed_and_those_of_today_come_back(self):
        fields = read_fields(SMALL)
        kept = copy.deepcopy(fields)
        upgraded = upgrade_config(fields)
        assert fields == kept and upgraded["config_version"] == CONFIG_VERSION
        assert upgrade_config(upgraded) is upgraded

    def test_a_saved_configuration_says_its_version(self, tmp_path):
        config = FineMolTexConfig.from_preset("tiny")
        config.save_pretrained(tmp_path)
        stored = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
        assert stored["config_version"] == CONFIG_VERSION
        assert FineMolTexConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({}, {"contrastive", "masked_modelling"}),
            ({"word_loss_weight": 0, "motif_loss_weight": 0}, {"contrastive"}),
            ({"word_loss_weight": 0}, {"contrastive", "masked_modelling"}),
            ({"matching_loss_weight": 0.5}, {"contrastive", "masked_modelling", "matching"}),
        ],
    )
    def test_objectives_follow_from_the_weights(self, fields, expected):
        assert set(upgrade_config(fields)["objectives"]) == expected

    def test_odd_fields(self):
        """Absent sub-configurations, fields of others, and fields of today beside old ones."""
        assert "motif_config" not in upgrade_config({"graph_config": None})
        both = {"graph_config": {"motif_vocab_size": 7}, "motif_config": {"vocab_size": 9}, "own": 1}
        upgraded = upgrade_config(both)
        assert upgraded["motif_config"] == {"vocab_size": 9} and upgraded["own"] == 1
        assert upgraded["graph_config"] == {"rare_feature_sizes": []}
        kept = upgrade_config({"objectives": {"matching": {}}, "masking": "random"})
        assert kept["objectives"] == {"matching": {}} and "masking" not in kept
        assert upgrade_config({"motif_config": None, "motif_mask_level": "token"})["motif_config"] == {
            "mask_level": "token"
        }


class TestWeights:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("word_head.dense.weight", "objectives.masked_modelling.word_head.dense.weight"),
            ("motif_head.bias", "objectives.masked_modelling.motif_head.bias"),
            ("matching_head.score.weight", "objectives.matching.matching_head.score.weight"),
        ],
    )
    def test_old_names_become_those_of_today(self, old, new):
        assert [re.sub(pattern, to, old) for pattern, to in V1_KEYS.items() if re.search(pattern, old)] == [new]
        assert rename(new) == old
        assert not any(re.search(pattern, new) for pattern in V1_KEYS)

    def test_retrieval_keeps_the_matching_head_as_its_own(self):
        ((pattern, to),) = RETRIEVAL_KEYS.items()
        assert re.sub(pattern, to, "objectives.matching.matching_head.norm.bias") == "matching_head.norm.bias"

    def test_other_heads_are_listed_and_the_own_one_is_not(self):
        names = [
            "objectives.x",
            "word_head.bias",
            "matching_head.bias",
            "generator.x",
            "latent_mean",
            "classifier.bias",
        ]
        patterns = weights_beside("classifier")
        assert [one for one in names if not any(re.search(pattern, one) for pattern in patterns)] == names[-1:]
        assert not any(re.search(pattern, "finemoltex.classifiers") for pattern in weights_beside())

    def test_a_folder_of_the_first_layout_brings_every_head(self, change_config, batch, tmp_path):
        old = FineMolTexForPreTraining(change_config(objectives={"matching": {"weight": 0.5}})).eval()
        write_first_layout(old, tmp_path / "old")
        with safe_open(tmp_path / "old" / "model.safetensors", "pt") as file:
            assert {"word_head.bias", "motif_head.bias", "matching_head.score.weight"} <= set(file.keys())
        loaded, report = FineMolTexForPreTraining.from_pretrained(tmp_path / "old", output_loading_info=True)
        assert not report["missing_keys"] and not report["unexpected_keys"]
        seeds = torch.arange(10)
        assert torch.equal(loaded.eval()(**batch, seeds=seeds).loss, old(**batch, seeds=seeds).loss)
        loaded.save_pretrained(tmp_path / "new")
        with safe_open(tmp_path / "new" / "model.safetensors", "pt") as file:
            assert set(file.keys()) == FineMolTexForPreTraining(old.config).state_dict().keys()

    def test_the_editing_head_keeps_its_names(self, change_config, generator_config):
        model = FineMolTexForMoleculeEditing(change_config(generator_config=generator_config.to_dict()))
        patterns = model._keys_to_ignore_on_load_unexpected
        assert not [name for name in model.state_dict() if any(re.search(pattern, name) for pattern in patterns)]
