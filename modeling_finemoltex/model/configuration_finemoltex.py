"""Configuration of FineMolTex: one sub-configuration per part of the model, and the objectives by name."""

import copy
from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from .captioning_config_finemoltex import FineMolTexCaptioningConfig
from .migration_finemoltex import CONFIG_VERSION, upgrade_config
from .presets_finemoltex import PRESETS

# The objectives of the FineMolTex paper, with its weights; the options of each stand beside its code.
SCALING_WIDTH = 4  # numbers that local scaling adds to an embedding
PAPER_OBJECTIVES: dict[str, dict[str, Any]] = {"contrastive": {}, "masked_modelling": {}}


def _check_choice(config: PreTrainedConfig, name: str, allowed: tuple[str, ...]) -> None:
    if getattr(config, name) not in allowed:
        raise ValueError(f"`{name}` must be one of {allowed}: got {getattr(config, name)!r}.")


def _check_positive(config: PreTrainedConfig, name: str) -> None:
    if getattr(config, name) <= 0:
        raise ValueError(f"`{name}` must be positive: got {getattr(config, name)}.")


@strict
class FineMolTexGraphConfig(PreTrainedConfig):
    r"""The molecule encoder.

    Args:
        encoder (`str`): Key of `MOLECULE_ENCODERS`.
        encoder_options (`dict`): What this encoder alone knows.
        hidden_size (`int`): Width of the atom states.
        num_layers (`int`): Message-passing layers; an atom sees this many bonds far.
        dropout (`float`): Dropout after every layer.
        atom_feature_sizes (`list[int]`): Height of each atom feature table. In every table the last row is
            [MASK] and the row before it stands for a value outside the known ones.
        rare_feature_sizes (`list[int]`): The same for the atom features in the columns after those: relative stereo,
            isotope, enhanced stereo. Empty if the model does not read them, as in checkpoints from before there were
            these features; with sizes given, such a checkpoint starts them at zero.
        bond_feature_sizes (`list[int]`): The same for bond features.
        initializer_range (`float`): Standard deviation of the initial weights.
    """

    model_type = "finemoltex_graph"
    base_config_key = "graph_config"

    encoder: str = "gin"
    encoder_options: dict[str, Any] | None = None
    hidden_size: int = 300
    num_layers: int = 5
    dropout: float | int = 0.5
    atom_feature_sizes: list[int] | tuple[int, ...] = (121, 7, 14, 14, 12, 8, 9, 4, 4)
    rare_feature_sizes: list[int] | tuple[int, ...] = (13, 24, 5)
    bond_feature_sizes: list[int] | tuple[int, ...] = (6, 8, 4)
    initializer_range: float = 0.02


@strict
class FineMolTexMotifConfig(PreTrainedConfig):
    r"""Motifs: their vocabulary, and what a motif token knows.

    Args:
        vocab_size (`int`): Entries of the motif vocabulary, [UNK] (id 0) and [MASK] (id 1) included.
        max_positions (`int`): Distinct breadth-first ranks; motifs further down the tree share the last one.
        max_atom_count (`int`): Distinct numbers of atoms of a motif or a molecule; larger ones share the last one.
        mask_level (`str`): `"motif"` leaves one masked atom without bonds of a masked motif, so that neither its
            size nor where it is attached tells what it is; `"atom"` hides its atoms and bonds before message passing;
            `"token"` hides the motif token alone, as in the paper.
        tower (`str`): Key of `MOTIF_TOWERS`: what makes motif tokens of atom states. `"scalar"` is that of the
            published weights, which knows no sizes.
        head (`str`): Key of `MOTIF_HEADS`: what names hidden motifs. `"linear"` is that of the published weights.
    """

    model_type = "finemoltex_motifs"
    base_config_key = "motif_config"

    vocab_size: int = 2459
    max_positions: int = 512
    max_atom_count: int = 128
    mask_level: str = "motif"
    tower: str = "tokens"
    head: str = "normed"

    def validate_architecture(self) -> None:
        """Check the level at which motifs are hidden."""
        _check_choice(self, "mask_level", ("motif", "atom", "token"))


@strict
class FineMolTexFusionConfig(PreTrainedConfig):
    r"""Sizes of the motif layers, the light text layers and the co-attention blocks between them.

    Args:
        hidden_size (`int`): Width `H` of both streams.
        num_motif_layers (`int`): Transformer layers over the motif tokens.
        num_text_layers (`int`): Light Transformer layers on top of the text encoder; 0 is allowed.
        num_motif_attention_heads, num_text_attention_heads, num_co_attention_heads (`int`): Heads per layer kind.
        intermediate_size (`int`): Width of the feed-forward parts.
        motif_intermediate_size (`int`, *optional*): The same for the motif stream, if it is another.
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
    motif_intermediate_size: int | None = None
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
class FineMolTexRetrievalConfig(PreTrainedConfig):
    r"""Ranking of pairs by [`FineMolTexForRetrieval`].

    Args:
        matching_weight (`float`): Weight of the matching logits beside the cosine over temperature. Tune it on
            validation queries; an under-trained head worsens the ranking.
    """

    model_type = "finemoltex_retrieval"
    base_config_key = "retrieval_config"

    matching_weight: float | int = 0.1


@strict
class FineMolTexTokenConfig(PreTrainedConfig):
    r"""The token score: words against motifs and atoms.

    Args:
        size (`int`): `D`, numbers of a token vector; 0: the model has no token score.
        levels (`str`): Which tokens words look for: `"motif"`, `"atom"`, `"both"`, or `"none"`, where structural
            concepts are all of the token score.
        num_counts (`int`): A word may tell so many numbers of occurrences apart.
        learned_weights (`bool`): Learn what each word counts; otherwise all count the same.
        num_concepts (`int`): `K`, structural concepts that molecules are counted for and words are read for; concept
            `k` is structural fact `k` of the training data. 0: none.
        num_concept_counts (`int`): `C`, numbers of one concept told apart.
        num_graph_layers (`int`): Layers of the token score's own, above the molecule encoder: what it learns then need
            not change the pooled embeddings.
        num_text_layers (`int`): Layers that read concepts from the words and their neighbours.
        weight (`float`): Weight of the token score beside the pooled one where texts are answered; training weighs
            both alike. Tune it on validation queries.
        full_words (`int`): Texts of more word pieces have less of that weight, by the cube of the ratio; 0: all have
            it. For models that search for whole descriptions too.
    """

    model_type = "finemoltex_token"
    base_config_key = "token_config"

    size: int = 0
    levels: str = "both"
    num_counts: int = 4
    learned_weights: bool = True
    num_concepts: int = 0
    num_concept_counts: int = 5
    num_graph_layers: int = 0
    num_text_layers: int = 2
    weight: float | int = 1.0
    full_words: int = 0

    def validate_architecture(self) -> None:
        """Check the choice of tokens, and that there are any."""
        _check_choice(self, "levels", ("both", "motif", "atom", "none"))
        if self.levels == "none" and not self.num_concepts:
            raise ValueError("`levels` 'none' leaves structural concepts alone, and `num_concepts` is 0: set either.")


@strict
class FineMolTexCountConfig(PreTrainedConfig):
    r"""The count embedding: character n-grams of texts and neighbourhoods of atoms, aligned in closed form.

    It stands beside the embedding that the encoders learn, and their cosines add up by `weight`.

    Args:
        size (`int`): `R`, numbers of it; 0: the model has none.
        num_text_buckets, num_molecule_buckets (`int`): Hashed features told apart.
        shortest, longest (`int`): Lengths of the n-grams, in characters.
        most_letters (`int`): Longer words of the vocabulary count as their beginning.
        radius (`int`): Bonds that a neighbourhood reaches.
        weight (`float`): Share of its cosine in that of both. Tune it on validation queries.
    """

    model_type = "finemoltex_counts"
    base_config_key = "count_config"

    size: int = 0
    num_text_buckets: int = 16384
    num_molecule_buckets: int = 4096
    shortest: int = 2
    longest: int = 5
    most_letters: int = 24
    radius: int = 2
    weight: float = 0.35

    def validate_architecture(self) -> None:
        """Check the lengths and the weight."""
        if not 1 <= self.shortest <= self.longest:
            raise ValueError(
                f"N-grams need `1 <= shortest <= longest`: got shortest {self.shortest} and longest {self.longest}."
            )
        if not 0 < self.weight < 1:
            raise ValueError(f"`weight` must lie between 0 and 1: got {self.weight}.")


@strict
class FineMolTexScalingConfig(PreTrainedConfig):
    r"""Local scaling: molecules near every text, and texts near every molecule, count less.

    Args:
        num_centres (`int`): `K`, centres of the training molecules and of the training texts; 0: none.
        num_neighbours (`int`): So many of the nearest tell how near an item is to all.
    """

    model_type = "finemoltex_scaling"
    base_config_key = "scaling_config"

    num_centres: int = 0
    num_neighbours: int = 3

    def validate_architecture(self) -> None:
        """Check the number of neighbours."""
        _check_positive(self, "num_neighbours")


@strict
class FineMolTexPropertyConfig(PreTrainedConfig):
    r"""The head of [`FineMolTexForPropertyPrediction`]; `num_labels` and `problem_type` are on the main configuration.

    Args:
        readout (`str`): What the head reads. `"molecule"` is the embedding before its normalisation, `"atoms"` the
            mean of the atom states, `"both"` one beside the other.
        with_text (`bool`): Read motifs and the words of a text after cross-attention too.
        dropout (`float`): Dropout before the linear layer.
        class_weights (`list[float]`, *optional*): Weight of each class (single label) or of the positive label of each
            task (multi-label) in the loss. Predicted probabilities undo what it adds to the odds.
        target_mean, target_scale (`list[float]`, *optional*): Regression learns `(target - mean) / scale` of each task
            and predicts in the units of the target.
        calibration_temperature (`float`): Divides the logits before they become probabilities.
    """

    model_type = "finemoltex_property"
    base_config_key = "property_config"

    readout: str = "both"
    with_text: bool = False
    dropout: float | int = 0.1
    class_weights: list[float | int] | None = None
    target_mean: list[float | int] | None = None
    target_scale: list[float | int] | None = None
    calibration_temperature: float | int = 1.0

    def validate_architecture(self) -> None:
        """Check the read-out and the temperature."""
        _check_choice(self, "readout", ("molecule", "atoms", "both"))
        _check_positive(self, "calibration_temperature")


@strict
class FineMolTexEditingConfig(PreTrainedConfig):
    r"""What [`FineMolTexForMoleculeEditing`] knows of its generator beside `generator_config`.

    Args:
        notation (`str`): How the generator writes molecules: `"selfies"` or `"smiles"`.
    """

    model_type = "finemoltex_editing"
    base_config_key = "editing_config"

    notation: str = "selfies"

    def validate_architecture(self) -> None:
        """Check the notation."""
        _check_choice(self, "notation", ("selfies", "smiles"))


@strict
class FineMolTexConfig(PreTrainedConfig):
    r"""Configuration of [`FineMolTexModel`] and its heads; the defaults are the sizes of the paper.

    Args:
        graph_config (`dict` or `FineMolTexGraphConfig`): The molecule encoder.
        motif_config (`dict` or `FineMolTexMotifConfig`): The motif vocabulary and the motif tokens.
        text_config (`dict` or `PreTrainedConfig`): Any BERT-like text encoder; `model_type` selects its class.
        multimodal_config (`dict` or `FineMolTexFusionConfig`): The fusion: motif layers, light text layers,
            co-attention. (The name `fusion_config` is taken: `from_pretrained` reads it as the kernels to fuse.)
        token_config (`dict` or `FineMolTexTokenConfig`): The token score.
        count_config (`dict` or `FineMolTexCountConfig`): The count embedding.
        scaling_config (`dict` or `FineMolTexScalingConfig`): Local scaling.
        retrieval_config, property_config, editing_config, captioning_config (`dict` or the class of that name): What
            single heads know.
        generator_config (`dict` or `PreTrainedConfig`, *optional*): The encoder-decoder that writes molecules; for
            molecule editing only.
        writer_config (`dict` or `PreTrainedConfig`, *optional*): The encoder-decoder that writes captions; for
            captioning only.
        objectives (`dict[str, dict]`, *optional*): Terms of the pre-training loss, by their names in `OBJECTIVES`,
            with their options, added up in this order. Those of the paper, if absent.
        readout (`str`): Key of `READOUTS`: how states of molecules and texts become their places in the shared space.
        projection_dim (`int`, *optional*): Size of what the encoders place in the shared space; by default `H`, with
            the means of the word states as they are.
        temperature (`float`): Temperature of the contrastive loss (paper: 0.1).
        learn_temperature (`bool`): Train the temperature instead of keeping it fixed.
        mask_token_id (`int`): Id of the tokenizer's mask token.
        special_token_ids (`list[int]`): Ids of the tokenizer that are never masked ([CLS], [SEP], padding, ...).
        initializer_range (`float`): Standard deviation of the initial weights.
        config_version (`int`): Layout of these fields; older ones are upgraded when they are loaded.
    """

    model_type = "finemoltex"
    sub_configs_defaults = {
        "graph_config": FineMolTexGraphConfig,
        "motif_config": FineMolTexMotifConfig,
        "text_config": SubConfigSpec(AutoConfig, model_type="bert", init_kwargs={"vocab_size": 31090}),
        "multimodal_config": FineMolTexFusionConfig,
        "token_config": FineMolTexTokenConfig,
        "count_config": FineMolTexCountConfig,
        "scaling_config": FineMolTexScalingConfig,
        "retrieval_config": FineMolTexRetrievalConfig,
        "property_config": FineMolTexPropertyConfig,
        "generator_config": SubConfigSpec(AutoConfig, model_type="bart", optional=True),
        "editing_config": FineMolTexEditingConfig,
        "writer_config": SubConfigSpec(AutoConfig, model_type="t5", optional=True),
        "captioning_config": FineMolTexCaptioningConfig,
    }
    keys_to_ignore_at_inference = [
        *("losses", "motif_states", "motif_attention_mask", "word_states", "hidden_states", "attentions"),
    ]

    graph_config: dict | PreTrainedConfig | None = None
    motif_config: dict | PreTrainedConfig | None = None
    text_config: dict | PreTrainedConfig | None = None
    multimodal_config: dict | PreTrainedConfig | None = None
    token_config: dict | PreTrainedConfig | None = None
    count_config: dict | PreTrainedConfig | None = None
    scaling_config: dict | PreTrainedConfig | None = None
    retrieval_config: dict | PreTrainedConfig | None = None
    property_config: dict | PreTrainedConfig | None = None
    generator_config: dict | PreTrainedConfig | None = None
    editing_config: dict | PreTrainedConfig | None = None
    writer_config: dict | PreTrainedConfig | None = None
    captioning_config: dict | PreTrainedConfig | None = None
    objectives: dict[str, dict[str, Any]] | None = None
    readout: str = "atoms"
    projection_dim: int | None = None
    temperature: float = 0.1
    learn_temperature: bool = False
    mask_token_id: int = 103
    special_token_ids: list[int] | tuple[int, ...] = (0, 101, 102, 103)
    initializer_range: float = 0.02
    config_version: int = CONFIG_VERSION

    def __post_init__(self, **kwargs: Any) -> None:
        """Fill in the objectives of the paper."""
        if self.objectives is None:
            self.objectives = copy.deepcopy(PAPER_OBJECTIVES)
        super().__post_init__(**kwargs)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Build the configuration from the fields of a `config.json`, of this layout or an older one."""
        return super().from_dict(upgrade_config(config_dict), **kwargs)

    @classmethod
    def from_preset(cls, preset: str, **overrides: Any) -> "FineMolTexConfig":
        """Build one of the named sizes.

        Args:
            preset (`str`): `"tiny"` (tests), `"small"` (laptop CPU), `"paper"`, or one named after what it follows:
                `"momu"`, `"memory_bank"`, `"blend", "smiles"`.
            overrides: Fields to change. A `dict` is merged into that of the preset, level by level; an objective that
                is `None` is left out. A `PreTrainedConfig` replaces the preset's.

        Raises:
            ValueError: If the preset or a field does not exist.

        Example:
        >>> FineMolTexConfig.from_preset("tiny", graph_config={"num_layers": 3}).graph_config.num_layers
        3
        """
        if preset not in PRESETS:
            raise ValueError(f"Unknown preset {preset!r}: choose one of {', '.join(map(repr, PRESETS))}.")
        unknown = sorted(name for name in overrides if name not in cls.__dataclass_fields__ and not hasattr(cls, name))
        if unknown:
            raise ValueError(
                f"Unknown fields {', '.join(unknown)}: a FineMolTexConfig has {', '.join(cls.__annotations__)}."
            )
        fields = {"objectives": PAPER_OBJECTIVES, **PRESETS[preset]}
        return cls(**merge_fields(fields, overrides))

    @property
    def encoder_size(self) -> int:
        """Size of the embedding that the encoders learn."""
        return self.projection_dim or self.multimodal_config.hidden_size

    @property
    def embedding_size(self) -> int:
        """`P`, the size of the shared space: what the encoders learn, and what is fitted beside it."""
        return self.encoder_size + self.count_config.size + SCALING_WIDTH * bool(self.scaling_config.num_centres)

    def validate_architecture(self) -> None:
        """Check the temperature; each objective checks its own options when the model is built."""
        _check_positive(self, "temperature")


def merge_fields(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Merge changes into nested fields; `None` inside `objectives` takes one out. Neither argument is changed.

    Example:
    >>> merge_fields({"objectives": {"contrastive": {}, "matching": {}}}, {"objectives": {"matching": None}})
    {'objectives': {'contrastive': {}}}
    """
    merged = copy.deepcopy(fields)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = merge_fields(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    objectives = merged.get("objectives")
    if isinstance(objectives, dict):
        merged["objectives"] = {name: options for name, options in objectives.items() if options is not None}
    return merged


__all__ = [
    "FineMolTexCaptioningConfig",
    "FineMolTexConfig",
    "FineMolTexCountConfig",
    "FineMolTexEditingConfig",
    "FineMolTexFusionConfig",
    "FineMolTexGraphConfig",
    "FineMolTexMotifConfig",
    "FineMolTexPropertyConfig",
    "FineMolTexRetrievalConfig",
    "FineMolTexScalingConfig",
    "FineMolTexTokenConfig",
    "merge_fields",
]
