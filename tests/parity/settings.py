"""What the parity test computes: every output of a tiny model with weights of a fixed generator."""

import torch

from modeling_finemoltex import (
    FineMolTexConfig,
    FineMolTexForMoleculeEditing,
    FineMolTexForPreTraining,
    FineMolTexForPropertyPrediction,
    FineMolTexForRetrieval,
    FineMolTexModel,
)

OBJECTIVES = {
    "paper": {"contrastive": {}, "masked_modelling": {}},
    "random": {"contrastive": {"loss": "ebm_nce"}, "masked_modelling": {"draw": "random", "motif_weight": 0.3}},
    "matching": {"contrastive": {}, "matching": {"weight": 0.5, "num_negatives": 2}},
    "all": {"contrastive": {"weight": 2.0}, "masked_modelling": {"word_weight": 0}, "matching": {}, "soft_target": {}},
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
GENERATOR = {
    "model_type": "bart",
    "vocab_size": 40,
    "max_position_embeddings": 64,
    "d_model": 16,
    **{f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in (("layers", 1), ("ffn_dim", 32))},
    **{"encoder_attention_heads": 2, "decoder_attention_heads": 2, "dropout": 0.0},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1},
}


def make_config(**changes) -> FineMolTexConfig:
    """Build the configuration of the stored arrays: tiny, without dropout, with the sizes of the test tokenizer."""
    fields = {
        "graph_config": {"dropout": 0.0, "rare_feature_sizes": []},
        "motif_config": {"vocab_size": 2084, "mask_level": "atom"},
        "text_config": {"vocab_size": 256, **NO_DROPOUT},
        "multimodal_config": NO_DROPOUT,
        "property_config": {"dropout": 0.0, **changes.pop("property_config", {})},
        "projection_dim": 24,
        "mask_token_id": 4,
        "special_token_ids": [0, 1, 2, 3, 4],
    }
    unused = {name: None for name in ("contrastive", "masked_modelling") if name not in changes.get("objectives", {})}
    if "objectives" in changes:
        changes["objectives"] = changes["objectives"] | unused
    return FineMolTexConfig.from_preset("tiny", **fields, **changes)


def fill(model):
    """Give every weight a value that depends on its name and a fixed generator alone, whatever initialises it."""
    state = dict(model.named_parameters()) | {
        name: one for name, one in model.named_buffers() if one.is_floating_point()
    }
    with torch.no_grad():
        for name, tensor in sorted(state.items()):
            generator = torch.Generator().manual_seed(sum(name.encode()))
            values = torch.randn(tensor.shape, generator=generator)
            if name.endswith("logit_scale"):
                continue  # the temperature of the configuration
            is_scale = name.endswith(("running_var", "latent_scale"))
            tensor.copy_(values.abs() + 0.5 if is_scale else 0.15 * values + (1.0 if "norm.weight" in name else 0.0))
    return model


def compute(batch: dict) -> dict:
    """Compute every output on a batch of ten pairs. Names are paths; values are float32 or integer tensors."""
    numbers = torch.arange(len(batch["motif_counts"]))
    molecule_ids = numbers.clone()
    molecule_ids[7] = 3
    words = {name: batch[name] for name in ("input_ids", "attention_mask")}
    graph = {name: tensor for name, tensor in batch.items() if name not in words}
    found = {}

    def keep(path, output):
        for name, value in output.items():
            if isinstance(value, dict):
                keep(f"{path}/{name}", value)
            elif isinstance(value, torch.Tensor):
                found[f"{path}/{name}"] = value.detach().clone()

    for name, objectives in OBJECTIVES.items():
        for is_training in (True, False):
            for costly in (True, False):
                model = fill(FineMolTexForPreTraining(make_config(objectives=objectives))).train(is_training)
                seeds = numbers * 977 + 5
                output = model(**batch, seeds=seeds, molecule_ids=molecule_ids, text_ids=numbers, costly=costly)
                path = f"pretraining/{name}/{'train' if is_training else 'eval'}/{'costly' if costly else 'cheap'}"
                keep(path, {"loss": output.loss, "losses": output.losses, "counts": output.counts or {}})
                if is_training:
                    output.loss.backward()
                    for part_name, part in model.parts().items():
                        norms = [one.grad.norm() for one in part.parameters() if one.grad is not None]
                        if norms:
                            found[f"{path}/gradients/{part_name}"] = torch.stack(norms).norm()
    with torch.no_grad():
        base = fill(FineMolTexModel(make_config())).eval()
        hidden = torch.zeros(10, int(batch["motif_counts"].max()) + 1, dtype=torch.bool)
        hidden[:, 1] = True
        keep("base/plain", base(**batch))
        keep("base/fused", base(**batch, cross_attention=True, hidden_motifs=hidden))
        retrieval = fill(FineMolTexForRetrieval(make_config())).eval()
        keep("retrieval", retrieval(**batch))
        scores = retrieval.match(retrieval.finemoltex(**graph), retrieval.finemoltex(**words), words["attention_mask"])
        found["retrieval/match"] = scores
        for name, changes in (
            ("classes", {"num_labels": 3, "problem_type": "single_label_classification"}),
            ("numbers", {"num_labels": 1, "property_config": {"target_mean": [3.0], "target_scale": [2.0]}}),
            ("text", {"num_labels": 2, "property_config": {"with_text": True, "readout": "atoms"}}),
        ):
            predictor = fill(FineMolTexForPropertyPrediction(make_config(**changes))).eval()
            labels = (
                numbers % 3 if name == "classes" else (numbers[:, None] % 2).float().expand(-1, changes["num_labels"])
            )
            keep(f"property/{name}", predictor(**(batch if name == "text" else graph), labels=labels))
        editor = fill(FineMolTexForMoleculeEditing(make_config(generator_config=GENERATOR))).eval()
        ids = torch.tensor([[1, 5, 6, 7, 8, 2], [1, 9, 5, 2, 0, 0], [1, 30, 31, 32, 2, 0]])
        keep("editing", editor(ids, (ids != 0).long(), **words))
        latents, mask = editor.encode_latents(ids, (ids != 0).long())
        target = editor.get_text_features(**words)[0]
        found["editing/moved"] = editor.optimize(latents, mask, target, [0.1], num_steps=5)
    return found
