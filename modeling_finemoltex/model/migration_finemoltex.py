"""Older configurations and weights in the names of today: pure functions on dicts and strings."""

import copy
from typing import Any

CONFIG_VERSION = 3

# Where the fields of the first layout stand today, (sub-configuration, field).
_MOVED = {
    "motif_mask_level": ("motif_config", "mask_level"),
    "matching_score_weight": ("retrieval_config", "matching_weight"),
    "property_readout": ("property_config", "readout"),
    "property_text": ("property_config", "with_text"),
    "property_dropout": ("property_config", "dropout"),
    "class_weights": ("property_config", "class_weights"),
    "target_mean": ("property_config", "target_mean"),
    "target_scale": ("property_config", "target_scale"),
    "calibration_temperature": ("property_config", "calibration_temperature"),
    "generator_notation": ("editing_config", "notation"),
}
_MOVED_FROM_GRAPH = {
    "motif_vocab_size": "vocab_size",
    "max_motif_positions": "max_positions",
    "max_atom_count": "max_atom_count",
}
# Options of the objectives, with the defaults that the first layout had.
_CONTRASTIVE = {"contrastive_objective": ("loss", "info_nce")}
_MASKED = {
    "word_loss_weight": ("word_weight", 0.5),
    "motif_loss_weight": ("motif_weight", 1.0),
    "masking": ("draw", "importance"),
    "importance_temperature": ("draw_temperature", 0.1),
    "word_mask_probability": ("word_share", 0.2),
    "motif_mask_probability": ("motif_share", 0.2),
}
_MATCHING = {"matching_loss_weight": ("weight", 0.0), "matching_negatives": ("num_negatives", 3)}
# The share of costly steps is an argument of the training now.
_DROPPED = ("cross_attention_share",)

# Weights of the first layout -> weights of today, as `from_pretrained(key_mapping=...)` takes them.
V1_KEYS = {
    r"^(word_head|motif_head)\.": r"objectives.masked_modelling.\1.",
    r"^matching_head\.": r"objectives.matching.matching_head.",
}


# The matching head, which pre-training holds as part of its objective and retrieval as its own.
RETRIEVAL_KEYS = {r"^objectives\.matching\.matching_head\.": r"matching_head."}

# What heads and objectives keep beside the base model, today and in the first layout.
_HEAD_WEIGHTS = (
    *("objectives", "word_head", "motif_head", "matching_head", "classifier"),
    *("generator", "to_shared", "to_latent", "latent_mean", "latent_scale"),
    *("writer", "to_writer"),
)


def weights_beside(*own: str) -> list[str]:
    """List patterns of the weights that other heads keep: in a checkpoint they are no fault, and not worth a report.

    Args:
        own (`str`): Names that the head itself keeps.

    Example:
    >>> [pattern for pattern in weights_beside("objectives") if "object" in pattern]
    []
    """
    return [rf"^{name}(\.|$)" for name in _HEAD_WEIGHTS if name not in own]


def upgrade_config(fields: dict[str, Any]) -> dict[str, Any]:
    """Give the fields of a `config.json` the layout of today; those of today come back as they are.

    Args:
        fields (`dict`): Fields of a configuration, of any layout. Not changed.

    Returns:
        `dict`: The fields of today.

    Example:
    >>> upgraded = upgrade_config({"motif_mask_level": "token", "word_loss_weight": 0})
    >>> upgraded["motif_config"], upgraded["graph_config"]
    ({'mask_level': 'token'}, {'rare_feature_sizes': []})
    """
    if fields.get("config_version", 1) >= CONFIG_VERSION:
        return fields
    fields = copy.deepcopy(fields)
    _open_part(fields, "graph_config").setdefault("rare_feature_sizes", [])  # not read before the third layout
    if fields.get("config_version", 1) < 2:
        fields = _upgrade_first_layout(fields)
    return {**fields, "config_version": CONFIG_VERSION}


def _upgrade_first_layout(fields: dict[str, Any]) -> dict[str, Any]:
    """Bring the fields, which are changed, from the first layout to the second."""
    options = {table: _take(fields, names) for table, names in _OPTION_TABLES.items()}
    masked, matching = options["masked_modelling"], options["matching"]
    objectives = {"contrastive": {"weight": 1.0, **options["contrastive"]}}
    if masked["word_weight"] or masked["motif_weight"]:
        objectives["masked_modelling"] = masked
    if matching["weight"]:
        objectives["matching"] = matching
    fields.setdefault("objectives", objectives)
    for old, (part, new) in _MOVED.items():
        if old in fields:
            _open_part(fields, part).setdefault(new, fields.pop(old))
    graph = fields.get("graph_config") or {}
    for old, new in _MOVED_FROM_GRAPH.items():
        if old in graph:
            _open_part(fields, "motif_config").setdefault(new, graph.pop(old))
    for name in _DROPPED:
        fields.pop(name, None)
    return fields


_OPTION_TABLES = {"contrastive": _CONTRASTIVE, "masked_modelling": _MASKED, "matching": _MATCHING}


def _open_part(fields: dict[str, Any], part: str) -> dict[str, Any]:
    """Give the fields of a sub-configuration, which may be absent or `None`."""
    fields[part] = fields.get(part) or {}
    return fields[part]


def _take(fields: dict[str, Any], names: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """Take options out of the fields, under their names of today."""
    return {new: fields.pop(old, default) for old, (new, default) in names.items()}


__all__ = ["CONFIG_VERSION", "RETRIEVAL_KEYS", "V1_KEYS", "upgrade_config", "weights_beside"]
