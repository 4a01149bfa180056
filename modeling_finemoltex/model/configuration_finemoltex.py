"""Configuration of FineMolTex: the sizes of the graph, text and fusion parts and the pre-training objectives."""

import copy
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

_PRESETS: dict[str, dict[str, Any]] = {
    # Runs in a test in milliseconds.
    "tiny": {
        "graph_config": {"hidden_size": 32, "num_layers": 2},
        "text_config": {
            "model_type": "bert",
            "vocab_size": 1024,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 128,
        },
        "multimodal_config": {
            "hidden_size": 32,
            "num_motif_layers": 2,
            "num_text_layers": 1,
            "num_motif_attention_heads": 2,
            "num_text_attention_heads": 2,
            "num_co_attention_heads": 2,
            "intermediate_size": 64,
            "co_attention_motif_layers": [1, 2],
            "co_attention_text_layers": [0, 1],
        },
    },
    # About 10 million parameters: trains on a laptop CPU, in so few epochs that dropout would only cost time. Per
    # minute there, one text layer teaches more than two or three: steps count for more than depth.
    "small": {
        "graph_config": {"hidden_size": 256, "num_layers": 5, "dropout": 0.0},
        "text_config": {
            "model_type": "bert",
            "vocab_size": 8192,
            "hidden_size": 256,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
            "intermediate_size": 768,
            "max_position_embeddings": 256,
            "initializer_range": 0.04,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        "multimodal_config": {
            "hidden_size": 256,
            "num_motif_layers": 2,
            "num_text_layers": 1,
            "num_motif_attention_heads": 4,
            "num_text_attention_heads": 4,
            "num_co_attention_heads": 4,
            "intermediate_size": 512,
            "co_attention_motif_layers": [1, 2],
            "co_attention_text_layers": [0, 1],
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        "initializer_range": 0.04,  # BERT's 0.02 belongs to a width of 768
        "projection_dim": 256,
        "temperature": 0.07,
        # In short runs the paper's weights let the masked losses drown the contrastive one: after 100 steps, 19 %
        # instead of 35 % of the T=20 choices are right, while masked words and motifs gain nothing of note.
        "word_loss_weight": 0.1,
        "motif_loss_weight": 0.1,
        "cross_attention_share": 0.125,
    },
    # The sizes of the FineMolTex paper (KDD 2025); the defaults of the classes below.
    "paper": {"text_config": {"model_type": "bert", "vocab_size": 31090}},
}


@strict
class FineMolTexGraphConfig(PreTrainedConfig):
    r"""Sizes of the graph encoder and of the motif vocabulary.

    Args:
        hidden_size (`int`): Width of the atom states.
        num_layers (`int`): Message-passing layers; an atom sees this many bonds far.
        dropout (`float`): Dropout after every layer.
        atom_feature_sizes (`list[int]`): Height of each atom feature table. In every table the last row is
            [MASK] and the row before it stands for a value outside the known ones.
        bond_feature_sizes (`list[int]`): The same for bond features.
        motif_vocab_size (`int`): Entries of the motif vocabulary, [UNK] (id 0) and [MASK] (id 1) included.
        max_motif_positions (`int`): Distinct breadth-first ranks; motifs further down the tree share the last one.
        max_atom_count (`int`): Distinct numbers of atoms of a motif or a molecule; larger ones share the last one.
        initializer_range (`float`): Standard deviation of the initial weights.
    """

    model_type = "finemoltex_graph"
    base_config_key = "graph_config"

    hidden_size: int = 300
    num_layers: int = 5
    dropout: float | int = 0.5
    atom_feature_sizes: list[int] | tuple[int, ...] = (121, 7, 14, 14, 12, 8, 9, 4, 4)
    bond_feature_sizes: list[int] | tuple[int, ...] = (6, 8, 4)
    motif_vocab_size: int = 2459
    max_motif_positions: int = 512
    max_atom_count: int = 128
    initializer_range: float = 0.02


@strict
class FineMolTexFusionConfig(PreTrainedConfig):
    r"""Sizes of the motif layers, the light text layers and the co-attention blocks between them.

    Args:
        hidden_size (`int`): Width `H` of both streams.
        num_motif_layers (`int`): Transformer layers over the motif tokens.
        num_text_layers (`int`): Light Transformer layers on top of the text encoder; 0 is allowed.
        num_motif_attention_heads, num_text_attention_heads, num_co_attention_heads (`int`): Heads per layer kind.
        intermediate_size (`int`): Width of all feed-forward parts.
        co_attention_motif_layers, co_attention_text_layers (`list[int]`): Block `i` stands after this many motif
            and text layers. Both lists have one entry per block and never decrease.
        hidden_act (`str`), hidden_dropout_prob, attention_probs_dropout_prob, layer_norm_eps (`float`): As in BERT.
    """

    model_type = "finemoltex_fusion"
    base_config_key = "multimodal_config"

    hidden_size: int = 768
    num_motif_layers: int = 3
    num_text_layers: int = 12
    num_motif_attention_heads: int = 8
    num_text_attention_heads: int = 4
    num_co_attention_heads: int = 8
    intermediate_size: int = 768
    co_attention_motif_layers: list[int] | tuple[int, ...] = (2, 3)
    co_attention_text_layers: list[int] | tuple[int, ...] = (10, 12)
    hidden_act: str = "gelu"
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.1
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02

    def validate_architecture(self) -> None:
        """Check that the heads divide the width and that the co-attention schedule can be followed."""
        for name in ("num_motif_attention_heads", "num_text_attention_heads", "num_co_attention_heads"):
            if self.hidden_size % getattr(self, name):
                raise ValueError(
                    f"`hidden_size` ({self.hidden_size}) must be a multiple of `{name}` ({getattr(self, name)})."
                )
        if len(self.co_attention_motif_layers) != len(self.co_attention_text_layers):
            raise ValueError(
                "`co_attention_motif_layers` and `co_attention_text_layers` need one entry per co-attention block: "
                f"got {list(self.co_attention_motif_layers)} and {list(self.co_attention_text_layers)}."
            )
        for name, depth in (
            ("co_attention_motif_layers", self.num_motif_layers),
            ("co_attention_text_layers", self.num_text_layers),
        ):
            schedule = list(getattr(self, name))
            if schedule != sorted(schedule) or any(not 0 <= layer <= depth for layer in schedule):
                raise ValueError(f"`{name}` must not decrease and must lie in [0, {depth}]: got {schedule}.")


@strict
class FineMolTexConfig(PreTrainedConfig):
    r"""Configuration of [`FineMolTexModel`] and its heads; the defaults are the sizes of the paper.

    Args:
        graph_config (`dict` or `FineMolTexGraphConfig`): The graph encoder.
        text_config (`dict` or `PreTrainedConfig`): Any BERT-like text encoder; `model_type` selects its class.
        multimodal_config (`dict` or `FineMolTexFusionConfig`): Motif layers, light text layers, co-attention. (The
            name `fusion_config` is taken: `from_pretrained` reads it as the kernels to fuse.)
        projection_dim (`int`, *optional*): Size `P` of the shared space; by default `H`, with the means of the word
            states as they are.
        temperature (`float`): Temperature of the contrastive loss (paper: 0.1).
        learn_temperature (`bool`): Train the temperature instead of keeping it fixed.
        contrastive_objective (`str`): `"info_nce"` or `"ebm_nce"`.
        word_loss_weight, motif_loss_weight (`float`): Weights of the masked objectives (paper: 0.5 and 1).
        masking (`str`): `"importance"` draws tokens close to their molecule or text embedding more often,
            `"random"` draws uniformly.
        importance_temperature (`float`): Temperature of the softmax over the cosine importances.
        motif_mask_level (`str`): `"atom"` masks the atoms and bonds of a motif before message passing, so that no
            neighbour can leak them; `"token"` masks only the motif token, as in the paper.
        motif_mask_probability, word_mask_probability (`float`): Share of the candidates that is masked.
        matching_loss_weight (`float`): Weight of the matching objective: tell a pair from the hardest wrong ones of
            the batch by cross-attention (0: no matching head).
        matching_negatives (`int`): Wrong molecules per text, and wrong texts per molecule, of that objective.
        matching_score_weight (`float`): Weight of the matching logits beside the cosine over temperature where pairs
            are ranked; choose it on validation queries. A head that learned for minutes gains nothing, and harms at 1.
        cross_attention_share (`float`): Share of the training steps with masked and matching losses, which cost more
            than the contrastive one (paper: 1): every n-th step, with n = 1 / share rounded.
        property_readout (`str`): What property prediction reads: `"molecule"`, the embedding before its
            normalisation; `"atoms"`, the mean of the atom states; or `"both"`, one beside the other.
        property_text (`bool`): Property prediction also reads motifs and the words of a text after cross-attention.
        property_dropout (`float`): Dropout before the linear layer of property prediction.
        class_weights (`list[float]`, *optional*): Weight of each class (single label) or of the positive label of each
            task (multi-label) in the loss. Predicted probabilities undo what it adds to the odds.
        target_mean, target_scale (`list[float]`, *optional*): Regression learns `(target - mean) / scale` of each task
            and predicts in the units of the target.
        calibration_temperature (`float`): Divides the logits before they become probabilities.
        generator_config (`dict` or `PreTrainedConfig`, *optional*): The encoder-decoder that writes molecules; for
            molecule editing only.
        generator_notation (`str`): How it writes them: `"selfies"` or `"smiles"`.
        mask_token_id (`int`): Id of the tokenizer's mask token.
        special_token_ids (`list[int]`): Ids of the tokenizer that are never masked ([CLS], [SEP], padding, ...).
    """

    model_type = "finemoltex"
    sub_configs_defaults = {
        "graph_config": FineMolTexGraphConfig,
        "text_config": SubConfigSpec(AutoConfig, model_type="bert", init_kwargs={"vocab_size": 31090}),
        "multimodal_config": FineMolTexFusionConfig,
        "generator_config": SubConfigSpec(AutoConfig, model_type="bart", optional=True),
    }
    keys_to_ignore_at_inference = [
        "contrastive_loss",
        "word_loss",
        "motif_loss",
        "matching_loss",
        "motif_tokens",
        "word_tokens",
        "motif_states",
        "motif_attention_mask",
        "text_states",
    ]

    graph_config: dict | PreTrainedConfig | None = None
    text_config: dict | PreTrainedConfig | None = None
    multimodal_config: dict | PreTrainedConfig | None = None
    projection_dim: int | None = None
    temperature: float = 0.1
    learn_temperature: bool = False
    contrastive_objective: str = "info_nce"
    word_loss_weight: float | int = 0.5
    motif_loss_weight: float | int = 1.0
    masking: str = "importance"
    importance_temperature: float = 0.1
    motif_mask_level: str = "atom"
    motif_mask_probability: float | int = 0.2
    word_mask_probability: float | int = 0.2
    matching_loss_weight: float | int = 0.0
    matching_negatives: int = 3
    matching_score_weight: float | int = 0.1
    cross_attention_share: float | int = 1.0
    property_readout: str = "both"
    property_text: bool = False
    property_dropout: float | int = 0.1
    class_weights: list[float | int] | None = None
    target_mean: list[float | int] | None = None
    target_scale: list[float | int] | None = None
    calibration_temperature: float | int = 1.0
    generator_config: dict | PreTrainedConfig | None = None
    generator_notation: str = "selfies"
    mask_token_id: int = 103
    special_token_ids: list[int] | tuple[int, ...] = (0, 101, 102, 103)
    initializer_range: float = 0.02

    @classmethod
    def from_preset(cls, preset: str, **overrides: Any) -> "FineMolTexConfig":
        """Build one of the named sizes.

        Args:
            preset (`str`): `"tiny"` (tests), `"small"` (laptop CPU) or `"paper"`.
            overrides: Fields to change. A `dict` for a sub-configuration is merged into the preset's; a
                `PreTrainedConfig` replaces it.

        Raises:
            ValueError: If the preset does not exist.

        Example:
        >>> FineMolTexConfig.from_preset("tiny", graph_config={"num_layers": 3}).graph_config.num_layers
        3
        """
        if preset not in _PRESETS:
            raise ValueError(f"Unknown preset {preset!r}: choose one of {', '.join(map(repr, _PRESETS))}.")
        fields: dict[str, Any] = copy.deepcopy(_PRESETS[preset])
        for name, value in overrides.items():
            fields[name] = {**fields.get(name, {}), **value} if isinstance(value, dict) else value
        return cls(**fields)

    def validate_architecture(self) -> None:
        """Check the objectives against what the model offers."""
        for name, allowed in (
            ("contrastive_objective", ("info_nce", "ebm_nce")),
            ("masking", ("importance", "random")),
            ("motif_mask_level", ("atom", "token")),
            ("property_readout", ("molecule", "atoms", "both")),
            ("generator_notation", ("selfies", "smiles")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(f"`{name}` must be one of {allowed}: got {getattr(self, name)!r}.")
        for name in ("motif_mask_probability", "word_mask_probability"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"`{name}` must lie between 0 and 1: got {getattr(self, name)}.")
        if not 0 < self.cross_attention_share <= 1:
            raise ValueError(f"`cross_attention_share` must lie in (0, 1]: got {self.cross_attention_share}.")
        if self.matching_negatives < 1:
            raise ValueError(f"`matching_negatives` must be at least 1: got {self.matching_negatives}.")
        for name in ("temperature", "importance_temperature", "calibration_temperature"):
            if getattr(self, name) <= 0:
                raise ValueError(f"`{name}` must be positive: got {getattr(self, name)}.")


__all__ = ["FineMolTexConfig", "FineMolTexFusionConfig", "FineMolTexGraphConfig"]
