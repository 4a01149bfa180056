"""A converted checkpoint reproduces the outputs that the published modules gave for it.

The arrays are no part of this repository: FINEMOLTEX_PARITY_DIR names their folder. It holds the state dicts
`molecule`, `mol2latent`, `multi` and `frag`, the arrays `inputs` and `outputs` (all .safetensors), and metadata.json
with the settings that weights do not tell. Every size comes from these files.
"""

import json
import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from modeling_finemoltex import (
    FineMolTexForPreTraining,
    FineMolTexModel,
    Molecules,
    convert_checkpoint,
)
from modeling_finemoltex.model.losses_finemoltex import ebm_nce, info_nce, masked_prediction_loss
from modeling_finemoltex.model.masked_objective_finemoltex import FineMolTexVocabularyHead
from modeling_finemoltex.model.molecule_encoder_finemoltex import pool_atoms

FOLDER = os.environ.get("FINEMOLTEX_PARITY_DIR")
TOLERANCE = 1e-4
NUM_NEGATIVES = 4  # of the stored EBM-NCE loss, cyclic shifts
pytestmark = pytest.mark.skipif(not FOLDER, reason="FINEMOLTEX_PARITY_DIR names no folder of arrays")


@pytest.fixture(scope="module")
def stored():
    return load_file(Path(FOLDER) / "outputs.safetensors")


@pytest.fixture(scope="module")
def inputs():
    return load_file(Path(FOLDER) / "inputs.safetensors")


@pytest.fixture(scope="module")
def settings():
    return json.loads((Path(FOLDER) / "metadata.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def model(settings, tmp_path_factory):
    """Converted, saved and loaded."""
    folder = tmp_path_factory.mktemp("converted") / "model"
    convert_checkpoint(FOLDER, folder, config=settings["config"], text_config=settings["text_lm_config"])
    loaded, report = FineMolTexForPreTraining.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values())
    return loaded.eval()


@pytest.fixture(scope="module")
def molecules(inputs):
    return make_molecules(inputs, inputs["atom_features"], inputs["edge_attr"])


@pytest.fixture(scope="module")
def heads(model):
    return model.objectives["masked_modelling"]


@pytest.fixture(scope="module")
def computed(inputs, model, molecules, heads):
    """Everything that is stored, by the same names; sequences on the slots of the largest molecule."""
    with torch.no_grad():
        return {
            **encode_atoms(inputs, model.finemoltex, molecules),
            **encode_alone(inputs, model.finemoltex, molecules),
            **encode_together(inputs, model.finemoltex, molecules, heads),
            **encode_masked(inputs, model.finemoltex, molecules, heads),
        }


def make_molecules(inputs, atom_features, edge_features):
    counts, molecule = inputs["num_motifs"], inputs["atom_graph"]
    return Molecules.from_tensors(
        counts,
        atom_features=atom_features,
        edge_index=inputs["edge_index"],
        edge_features=edge_features,
        atom_to_motif=inputs["clique"] + (counts.cumsum(0) - counts)[molecule],
        motif_positions=inputs["motif_position_flat"],
    )


def encode_atoms(inputs, base, molecules):
    wide = make_molecules(inputs, inputs["atom_features_9"], inputs["edge_attr_3"])
    states = base.encode_atoms(molecules)
    latents = base.motif_tower.project(states, molecules)
    return {
        "gin_nodes": states,
        "gin_nodes_9x3": base.encode_atoms(wide),
        "motif_pooled": pool_atoms(states, molecules.atom_to_motif, molecules.num_motifs),
        "motif_latent": latents,
        "motif_input": molecules.pad(latents),
        "motif_embedding": base.motif_tower(states, molecules),
    }


def encode_alone(inputs, base, molecules):
    """The streams without each other: by the layers themselves, and as any caller gets the embeddings."""
    ids, mask = inputs["token_ids"], inputs["text_mask"].long()
    slots = molecules.motif_attention_mask
    output = base(molecules=molecules, input_ids=ids, attention_mask=mask)
    _, texts = base.encode_words(ids, mask)
    wholes = base.molecule_readout.read_molecules(base, base.encode_atoms(molecules), molecules)
    assert_close(base.get_molecule_features(molecules=molecules), output.molecule_embeds)
    assert_close(base.get_text_features(ids, mask), output.text_embeds)
    assert_close(F.normalize(texts, dim=-1), output.text_embeds)
    assert_close(F.normalize(wholes, dim=-1), output.molecule_embeds)
    cosines = output.text_embeds @ output.molecule_embeds.T
    rows, scores = torch.arange(len(cosines)), cosines / base.config.temperature
    return {
        "textlm_last_hidden": base.text_encoder(ids, mask).last_hidden_state,
        "off_text_seq": base.fusion.finish_words_alone(output.word_states, mask),
        "off_motif_seq": base.fusion.finish_motifs_alone(output.motif_states, slots),
        "off_text_pooled": texts,
        "off_mol_pooled": wholes,
        "retrieval_text": texts,
        "retrieval_mol": wholes,
        "cosine_text_mol": cosines,
        "loss_infonce": (info_nce(scores, rows) + info_nce(scores.T, rows)) / 2,
        "loss_ebm_nce_4neg": (shifted_ebm_nce(scores) + shifted_ebm_nce(scores.T)) / 2,
    }


def encode_together(inputs, base, molecules, heads):
    ids, mask = inputs["token_ids"], inputs["text_mask"].long()
    output = base(molecules=molecules, input_ids=ids, attention_mask=mask, cross_attention=True)
    words = base.get_input_embeddings().weight
    return {
        "on_text_seq": output.word_states,
        "on_motif_seq": output.motif_states,
        "on_mlm_logits": heads.word_head(output.word_states, words),
        "on_motif_logits": name_motifs(heads, output.motif_states),
        "on_imagehead_logits": make_spare_head(base)(output.motif_states),
    }


def encode_masked(inputs, base, molecules, heads):
    """Masked words; A as the published code ran it, with the motifs unmasked, and B with these masked too."""
    ids, mask = inputs["token_ids_masked"], inputs["text_mask"].long()
    words, motifs = inputs["mlm_positions"], inputs["motif_masked_slots"][:, : molecules.num_slots]
    found = {}
    for name, hidden in (("A", None), ("B", motifs)):
        pair = {"molecules": molecules, "input_ids": ids, "attention_mask": mask}
        output = base(**pair, hidden_motifs=hidden, cross_attention=True)
        word_logits = heads.word_head(output.word_states[words], base.get_input_embeddings().weight)
        motif_logits = name_motifs(heads, output.motif_states[motifs])
        found |= {
            f"masked{name}_text_seq": output.word_states,
            f"masked{name}_motif_seq": output.motif_states,
            f"masked{name}_mlm_logits": word_logits,
            f"masked{name}_motif_logits": motif_logits,
            f"loss_word_{name}": masked_prediction_loss(word_logits, inputs["mlm_labels"]),
            f"loss_motif_{name}": masked_prediction_loss(motif_logits, inputs["motif_labels"]),
        }
    return found


def name_motifs(heads, states):
    """Scores of the published motifs: [UNK] and [MASK], which stand before them, have no chance."""
    logits = heads.motif_head(states)
    assert (logits.softmax(-1)[..., :2] == 0).all()
    return logits[..., 2:]


def make_spare_head(base):
    """The second motif head of the published files, which no loss ever trained: a head of ours has its shape."""
    start, state = "cls.imagePredictions.", load_file(Path(FOLDER) / "multi.safetensors")
    names = {"transform.dense": "dense", "transform.LayerNorm": "norm", "decoder": "table"}
    weights = {
        f"{own}.{leaf}": state[f"{start}{name}.{leaf}"] for name, own in names.items() for leaf in ("weight", "bias")
    }
    weights["bias"] = weights.pop("table.bias")
    width = base.config.multimodal_config.hidden_size
    head = FineMolTexVocabularyHead(width, width, len(weights["bias"]), True, 1e-12)
    head.load_state_dict(weights)
    return head.eval()


def shifted_ebm_nce(scores):
    """One direction of EBM-NCE with cyclic shifts as negatives, which count as often as there are of them."""
    rows = torch.arange(len(scores))
    losses = []
    for shift in range(1, NUM_NEGATIVES + 1):
        pair = torch.stack([scores.diagonal(), scores[rows, rows.roll(-shift)]], dim=1)
        losses.append(ebm_nce(pair, torch.zeros(len(scores), dtype=torch.long)))
    positive = F.softplus(-scores.diagonal()).mean()
    negative = 2 * torch.stack(losses).mean() - positive
    return (positive + NUM_NEGATIVES * negative) / (1 + NUM_NEGATIVES)


def assert_close(found, expected):
    torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


def cut(name, found, expected, inputs, num_slots):
    """Leave out padding, on which published states mean nothing, and slots or words that were not stored."""
    if expected.ndim < 3:
        return found, expected
    if "_seq" in name or name in ("textlm_last_hidden", "motif_input", "motif_embedding"):
        is_motif = "motif" in name
        mask = inputs["motif_mask" if is_motif else "text_mask"].bool()
        own = mask[:, :num_slots] if is_motif else mask
        assert mask.sum() == own.sum()
        return found[own], expected[mask]
    length = expected.shape[1]  # of logits: the first positions
    mask = inputs["text_mask" if "mlm" in name else "motif_mask"].bool()[:, :length]
    padded = found.new_zeros(expected.shape)
    padded[:, : found.shape[1]] = found[:, :length]
    return padded[mask], expected[mask]


def test_every_stored_output_is_reproduced(computed, stored, inputs, molecules):
    known = {*computed, "importance_motif", "importance_text", "loss_total_A", "loss_total_B"}
    assert stored.keys() - {"motif_position", "motif_mask"} <= known
    worst = {}
    for name, found in computed.items():
        if name in stored:
            ours, expected = cut(name, found, stored[name], inputs, molecules.num_slots)
            assert ours.shape == expected.shape and expected.numel(), name
            worst[name] = float((ours - expected).abs().max())
    assert len(worst) >= 20
    assert {name: one for name, one in worst.items() if not one <= TOLERANCE} == {}, worst


def test_importances_are_the_softmax_over_all_slots(computed, stored, inputs):
    """The published importances count padding in: its states, alone of all, are read from the arrays."""
    for side, stream, pooled in (
        ("motif", "off_motif_seq", "off_mol_pooled"),
        ("text", "off_text_seq", "off_text_pooled"),
    ):
        mask = inputs[f"{side}_mask"].bool()
        states = stored[stream].clone()
        found = computed[stream]
        own = mask[:, : found.shape[1]]
        states[mask] = found[own]
        cosines = F.cosine_similarity(states, computed[pooled][:, None], dim=-1)
        assert_close(cosines.softmax(-1), stored[f"importance_{side}"])


def test_the_losses_add_up_as_published(computed, stored, settings):
    for name in ("A", "B"):
        weights = (1.0, settings["config"].get("alpha", 0.5), settings["config"].get("beta", 1.0))
        parts = (computed["loss_infonce"], computed[f"loss_word_{name}"], computed[f"loss_motif_{name}"])
        total = sum(weight * part for weight, part in zip(weights, parts, strict=True))
        assert_close(total, stored[f"loss_total_{name}"])


def test_the_base_model_alone_gives_the_same_embeddings(model, molecules, settings, tmp_path):
    convert_checkpoint(FOLDER, tmp_path / "model", config=settings["config"], text_config=settings["text_lm_config"])
    base = FineMolTexModel.from_pretrained(tmp_path / "model", with_text=False).eval()
    assert base.text_encoder is None
    with torch.no_grad():
        embeds = base.get_molecule_features(molecules=molecules)
        assert_close(embeds, model.finemoltex.get_molecule_features(molecules=molecules))
