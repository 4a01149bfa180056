"""The configuration that a published checkpoint asks for: sizes from its tensors, the rest from its settings."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..model.configuration_finemoltex import FineMolTexConfig
from .checkpoint_keys import GIN_PREFIX, SPARE_ROWS, WORDS_KEY, count_layers, has_self_loops

Tensors = Mapping[str, Mapping[str, Tensor]]

# What the weights do not tell: the published values, by the names of the published config.json.
PUBLISHED_SETTINGS: dict[str, Any] = {
    "num_attention_heads": 4,
    "v_num_attention_heads": 8,
    "bi_num_attention_heads": 8,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}
_PUBLISHED_DEPTHS = {(12, 3): ([10, 12], [2, 3])}  # text and motif layers -> after which the co-attention stands
_BERT_HEAD = 64  # width of an attention head of BERT, if nobody says how many there are
_SCIBERT_SPECIAL, _SCIBERT_MASK = (0, 101, 102, 103, 104), 104  # [PAD], [UNK], [CLS], [SEP], [MASK]
_BERT_SPECIAL, _BERT_MASK = (0, 100, 101, 102, 103), 103
_SCIBERT_WORDS = 31090
GIN_DROPOUT = 0.5
LAYER_NORM_EPS = 1e-12
TEMPERATURE = 0.1


def make_config(
    kind: str,
    tensors: Tensors,
    settings: Mapping[str, Any] | None = None,
    text_settings: Mapping[str, Any] | None = None,
) -> FineMolTexConfig:
    """Build the configuration of a published checkpoint, in which its forward pass is the published one.

    Args:
        kind (`str`): `"finemoltex"`, `"moleculestm"` or `"gin"`.
        tensors (mapping): Tensors of any shape, by file and name; all that `list_entries` names are there.
        settings (mapping, *optional*): Fields of the published `config.json`; those absent are the published ones.
        text_settings (mapping, *optional*): Fields of the configuration of the text encoder: the number of its heads.

    Raises:
        ValueError: If settings and weights disagree, or the depths at which the streams meet are unknown.
    """
    if kind == "gin":
        width = _first_table(tensors["molecule"]).shape[1]
        return FineMolTexConfig(
            graph_config=_describe_encoder(tensors["molecule"]), readout="mean", projection_dim=width
        )
    if kind == "moleculestm":
        return _configure_moleculestm(tensors, text_settings or {})
    return _configure_finemoltex(tensors, settings or {}, text_settings or {})


def _configure_finemoltex(
    tensors: Tensors, settings: Mapping[str, Any], text_settings: Mapping[str, Any]
) -> FineMolTexConfig:
    multi, encoder = tensors["multi"], "bert.encoder."
    words = multi[WORDS_KEY]
    sizes = {
        "hidden_size": multi["bert.v_embeddings.LayerNorm.weight"].shape[0],
        "num_hidden_layers": count_layers(multi, f"{encoder}layer."),
        "v_num_hidden_layers": count_layers(multi, f"{encoder}v_layer."),
        "intermediate_size": multi[f"{encoder}layer.0.intermediate.dense.weight"].shape[0],
        "v_intermediate_size": multi[f"{encoder}v_layer.0.intermediate.dense.weight"].shape[0],
        "v_target_size": tensors["frag"]["1.weight"].shape[0],
    }
    _check_settings(sizes, settings)
    known = PUBLISHED_SETTINGS | settings
    text_depths, motif_depths = _find_depths(sizes, settings, count_layers(multi, f"{encoder}c_layer."))
    special = _special_words(len(words))
    return FineMolTexConfig(
        graph_config=_describe_encoder(tensors["molecule"]),
        motif_config={
            "vocab_size": sizes["v_target_size"] + SPARE_ROWS,
            **{"mask_level": "token", "tower": "scalar", "head": "linear"},
        },
        text_config=_describe_bert(multi, "bert.bertlm.", text_settings),
        multimodal_config={
            "hidden_size": sizes["hidden_size"],
            "num_text_layers": sizes["num_hidden_layers"],
            "num_motif_layers": sizes["v_num_hidden_layers"],
            "num_text_attention_heads": known["num_attention_heads"],
            "num_motif_attention_heads": known["v_num_attention_heads"],
            "num_co_attention_heads": known["bi_num_attention_heads"],
            "intermediate_size": sizes["intermediate_size"],
            "motif_intermediate_size": sizes["v_intermediate_size"],
            "co_attention_text_layers": text_depths,
            "co_attention_motif_layers": motif_depths,
            **{name: known[name] for name in ("hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob")},
            "layer_norm_eps": LAYER_NORM_EPS,
        },
        readout="slots",
        temperature=TEMPERATURE,
        objectives={"contrastive": {}, "masked_modelling": {}},
        **special,
    )


def _configure_moleculestm(tensors: Tensors, text_settings: Mapping[str, Any]) -> FineMolTexConfig:
    text = _describe_bert(tensors["text"], "", text_settings)
    heads = text["num_attention_heads"]
    return FineMolTexConfig(
        graph_config=_describe_encoder(tensors["molecule"]),
        motif_config={"tower": "scalar", "mask_level": "token"},
        text_config=text,
        multimodal_config={
            "hidden_size": text["hidden_size"],
            **{f"num_{name}_attention_heads": heads for name in ("text", "motif", "co")},
            **{"num_text_layers": 0, "num_motif_layers": 0},  # there is no fusion
            **{"co_attention_text_layers": [], "co_attention_motif_layers": []},
        },
        readout="pooled",
        projection_dim=tensors["mol2latent"]["weight"].shape[0],
        temperature=TEMPERATURE,
        objectives={"contrastive": {}},
        **_special_words(text["vocab_size"]),
    )


def _describe_encoder(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    prefix = GIN_PREFIX if any(key.startswith(GIN_PREFIX) for key in tensors) else ""
    loops, layer = has_self_loops(tensors), f"{prefix}gnns.0."
    if loops:
        atoms = [f"{prefix}x_embedding{number}.weight" for number in (1, 2)]
        bonds = [f"{layer}edge_embedding{number}.weight" for number in (1, 2)]
    else:
        atoms = [f"{prefix}atom_encoder.atom_embedding_list.{number}.weight" for number in range(9)]
        bonds = [f"{layer}bond_encoder.bond_embedding_list.{number}.weight" for number in range(3)]
    return {
        "encoder": "self_loop_gin" if loops else "ogb_gin",
        "hidden_size": tensors[atoms[0]].shape[1],
        "num_layers": count_layers(tensors, f"{prefix}gnns."),
        "dropout": GIN_DROPOUT,
        "atom_feature_sizes": [len(tensors[name]) + SPARE_ROWS for name in atoms],
        "rare_feature_sizes": [],
        "bond_feature_sizes": [len(tensors[name]) + SPARE_ROWS for name in bonds],
    }


def _first_table(tensors: Mapping[str, Tensor]) -> Tensor:
    return next(one for name, one in tensors.items() if "embedding" in name)


def _describe_bert(tensors: Mapping[str, Tensor], prefix: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    words, positions, kinds = (
        tensors[f"{prefix}embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
    )
    width = words.shape[1]
    heads = settings.get("num_attention_heads") or max(1, width // _BERT_HEAD)
    if width % heads:
        raise ValueError(
            f"The text encoder is {width} wide, which {heads} attention heads do not divide: give `text_config` with "
            "its `num_attention_heads`."
        )
    return {
        "model_type": "bert",
        "vocab_size": len(words),
        "hidden_size": width,
        "num_hidden_layers": count_layers(tensors, f"{prefix}encoder.layer."),
        "num_attention_heads": heads,
        "intermediate_size": len(tensors[f"{prefix}encoder.layer.0.intermediate.dense.weight"]),
        "max_position_embeddings": len(positions),
        "type_vocab_size": len(kinds),
        "layer_norm_eps": settings.get("layer_norm_eps", LAYER_NORM_EPS),
        "hidden_act": settings.get("hidden_act", "gelu"),
    }


def _find_depths(sizes: Mapping[str, int], settings: Mapping[str, Any], blocks: int) -> tuple[list[int], list[int]]:
    """Say after how many text and motif layers the co-attention blocks stand."""
    depths = (sizes["num_hidden_layers"], sizes["v_num_hidden_layers"])
    given = (settings.get("t_biattention_id"), settings.get("v_biattention_id"))
    text, motif = _PUBLISHED_DEPTHS.get(depths, (None, None)) if None in given else given
    if text is None or motif is None:
        raise ValueError(
            f"The checkpoint has {depths[0]} text layers and {depths[1]} motif layers, not the published {(12, 3)}: "
            "give `config` with `t_biattention_id` and `v_biattention_id`, after how many of them the streams meet."
        )
    if len(text) != blocks or len(motif) != blocks:
        raise ValueError(
            f"The checkpoint has {blocks} co-attention blocks, but the settings place {len(text)} and {len(motif)}: "
            f"`t_biattention_id` {list(text)}, `v_biattention_id` {list(motif)}."
        )
    return list(text), list(motif)


def _check_settings(sizes: Mapping[str, int], settings: Mapping[str, Any]) -> None:
    wrong = [f"{name} {settings[name]} ({size})" for name, size in sizes.items() if settings.get(name, size) != size]
    if wrong:
        raise ValueError(
            f"The settings in `config` are of another checkpoint than the weights, whose sizes stand in brackets: "
            f"{', '.join(wrong)}."
        )


def _special_words(num_words: int) -> dict[str, Any]:
    """Ids of special words: of SciBERT, or of BERT for another vocabulary."""
    is_scibert = num_words == _SCIBERT_WORDS
    return {
        "mask_token_id": _SCIBERT_MASK if is_scibert else _BERT_MASK,
        "special_token_ids": _SCIBERT_SPECIAL if is_scibert else _BERT_SPECIAL,
    }


__all__ = ["PUBLISHED_SETTINGS", "make_config"]
