"""Write a folder as the first layout did: flat fields, and heads beside the base model."""

import json
from pathlib import Path

from safetensors.torch import save_file

MOTIF_FIELDS = {"vocab_size": "motif_vocab_size", "max_positions": "max_motif_positions"}
MASKED_FIELDS = {
    "word_weight": "word_loss_weight",
    "motif_weight": "motif_loss_weight",
    "draw": "masking",
    "draw_temperature": "importance_temperature",
    "word_share": "word_mask_probability",
    "motif_share": "motif_mask_probability",
}
PREFIXES = ("objectives.masked_modelling.", "objectives.matching.")


def write_first_layout(model, folder: Path, **changes) -> dict:
    """Write weights and configuration of a pre-training model under their old names; return the fields written.

    Args:
        model: A `FineMolTexForPreTraining`.
        folder: Where to write.
        changes: Fields of the first layout that differ.
    """
    config = model.config.to_dict()
    fields = {name: config[name] for name in ("temperature", "learn_temperature", "projection_dim", "mask_token_id")}
    fields |= {"special_token_ids": list(config["special_token_ids"]), "model_type": "finemoltex"}
    fields |= {name: config[name] for name in ("text_config", "multimodal_config", "initializer_range")}
    motifs = config["motif_config"]
    graph = {name: value for name, value in config["graph_config"].items() if not name.startswith("encoder")}
    fields["graph_config"] = graph | {"max_atom_count": motifs["max_atom_count"]}
    fields["graph_config"] |= {old: motifs[new] for new, old in MOTIF_FIELDS.items()}
    fields |= {"motif_mask_level": motifs["mask_level"], "cross_attention_share": 0.5}
    masked = {"word_weight": 0.5, "motif_weight": 1.0, **config["objectives"].get("masked_modelling", {})}
    fields |= {MASKED_FIELDS[name]: value for name, value in masked.items()}
    fields["matching_loss_weight"] = config["objectives"].get("matching", {"weight": 0.0}).get("weight", 1.0)
    fields |= {"contrastive_objective": config["objectives"]["contrastive"].get("loss", "info_nce"), **changes}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(fields), encoding="utf-8")
    weights = {rename(name): tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return fields


def rename(name: str) -> str:
    """Give the name that a weight had in the first layout."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name
