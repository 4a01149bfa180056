"""Soft targets: closed forms, and what they say of molecules that are alike."""

import math

import pytest
import torch
from contracts.objective import ObjectiveContract

from modeling_finemoltex import FineMolTexForPreTraining, Molecules
from modeling_finemoltex.model.molecules_finemoltex import MOLECULE_TENSORS
from modeling_finemoltex.model.neighbourhoods_finemoltex import count_neighbourhoods
from modeling_finemoltex.model.soft_target_objective_finemoltex import (
    SoftTargetOptions,
    count_motifs,
    soft_cross_entropy,
    tanimoto,
)


class TestSoftTargetObjective(ObjectiveContract):
    name = "soft_target"
    losses = ("soft_target",)


class TestSoftTargetsOfFingerprints(ObjectiveContract):
    name = "soft_target"
    options = {"similarity": "fingerprint"}
    losses = ("soft_target",)


def test_the_similarity_decides_what_counts_as_alike(change_config, processor):
    smiles = ["Cc1ccccc1O", "Cc1ccc(O)cc1", "CCO"]  # the first two have the same motifs
    batch = processor(smiles=smiles, text=["a", "b", "c"], return_tensors="pt")
    losses = {}
    for similarity in ("motif", "fingerprint"):
        options = {"similarity": similarity, "target_temperature": 0.5}
        objectives = {"contrastive": None, "masked_modelling": None, "soft_target": options}
        torch.manual_seed(0)
        model = FineMolTexForPreTraining(change_config(objectives=objectives)).eval()
        output = model(**batch)
        molecules = Molecules.from_tensors(**{name: batch[name] for name in MOLECULE_TENSORS if name in batch})
        if similarity == "motif":
            counts = count_motifs(molecules, model.config.motif_config.vocab_size)
        else:
            counts = count_neighbourhoods(molecules)
        targets = (tanimoto(counts, counts).fill_diagonal_(1.0) / 0.5).softmax(-1)
        logits = model.finemoltex.inverse_temperature * output.molecule_embeds @ output.text_embeds.T
        expected = 0.5 * (soft_cross_entropy(logits, targets) + soft_cross_entropy(logits.T, targets))
        torch.testing.assert_close(output.loss, expected)
        losses[similarity] = output.loss.item()
    assert losses["motif"] != pytest.approx(losses["fingerprint"], abs=1e-4)


def test_an_unknown_similarity_is_refused():
    with pytest.raises(ValueError, match=r"`similarity` must be one of \('motif', 'fingerprint'\): got 'shape'"):
        SoftTargetOptions(similarity="shape")


def test_equal_scores_give_the_logarithm_of_the_batch():
    targets = torch.rand(3, 8).softmax(-1)
    torch.testing.assert_close(soft_cross_entropy(torch.zeros(3, 8), targets), torch.tensor(math.log(8)))


def test_hard_targets_are_a_cross_entropy():
    logits = torch.randn(4, 4)
    expected = torch.nn.functional.cross_entropy(logits, torch.arange(4))
    torch.testing.assert_close(soft_cross_entropy(logits, torch.eye(4)), expected)


def test_similarity_counts_what_is_shared():
    counts = torch.tensor([[2.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    similarity = tanimoto(counts, counts)
    torch.testing.assert_close(similarity.diagonal(), torch.tensor([1.0, 1.0, 1.0, 0.0]))
    assert similarity[0, 1] == pytest.approx(3 / (5 + 2 - 3)) and similarity[0, 2] == similarity[0, 3] == 0


def test_motifs_are_counted_and_unknown_ones_are_not(processor):
    molecules = Molecules.from_tensors(**processor(smiles=["OCCO", "CCO", "[Fe+2]"], return_tensors="pt"))
    counts = count_motifs(molecules, processor.feature_extractor.motif_vocab_size)
    known = molecules.pad(molecules.motif_ids).ne(0).sum(1)
    assert counts.sum(1).tolist() == known.tolist()


def test_it_is_chosen_by_its_name_and_lets_gradients_through(change_config, batch):
    objectives = {"contrastive": None, "masked_modelling": None, "soft_target": {"weight": 2.0}}
    model = FineMolTexForPreTraining(change_config(objectives=objectives)).eval()
    output = model(**batch)
    assert list(output.losses) == ["soft_target"]
    torch.testing.assert_close(output.loss, 2 * output.losses["soft_target"])
    output.loss.backward()
    weight = model.finemoltex.molecule_readout.contract.weight
    assert weight.grad.isfinite().all() and weight.grad.abs().sum() > 0


def test_a_temperature_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="`target_temperature` must be positive: got 0"):
        SoftTargetOptions(target_temperature=0)
