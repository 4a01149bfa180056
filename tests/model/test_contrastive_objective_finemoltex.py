"""The contrastive objective: its contract, and its value where nothing can be told apart."""

import math

import pytest
import torch
from contracts.objective import ObjectiveContract

from modeling_finemoltex.model.contrastive_objective_finemoltex import ContrastiveOptions


class TestContrastiveObjective(ObjectiveContract):
    name = "contrastive"
    losses = ("contrastive",)

    def test_equal_embeddings_give_the_log_of_the_batch(self, pretrainer, pairs):
        with torch.no_grad():
            for layer in (
                pretrainer.finemoltex.molecule_readout.contract,
                pretrainer.finemoltex.fusion.text_layers[0],
            ):
                for parameter in layer.parameters():
                    parameter.zero_()
            pretrainer.finemoltex.molecule_readout.contract.bias.fill_(1.0)
        assert pretrainer(**pairs).losses["contrastive"] == pytest.approx(math.log(10), rel=1e-5)

    def test_equal_molecules_or_texts_are_no_negatives(self, pretrainer, pairs):
        for name in ("molecule_ids", "text_ids"):
            alike = {**pairs, name: torch.zeros_like(pairs[name])}
            assert pretrainer(**alike).losses["contrastive"] == 0  # the right one is the only candidate


class TestEnergyObjective(ObjectiveContract):
    name = "contrastive"
    options = {"loss": "ebm_nce", "weight": 2.0}
    losses = ("contrastive",)


def test_unknown_losses_are_refused():
    with pytest.raises(ValueError, match=r"`loss` must be one of \('info_nce', 'ebm_nce', 'sigmoid'\): got 'triplet'"):
        ContrastiveOptions(loss="triplet")
