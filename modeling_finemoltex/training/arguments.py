"""Command-line arguments of pre-training, with defaults that follow the chosen preset."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
import yaml
from transformers import TrainingArguments
from transformers.integrations import is_tensorboard_available

from ..data.sources import CHEMICALS, PairSource, replace_weights
from ..data.structural_facts import structural_facts
from .objective_words import EXPLANATION, LEFT_OUT, change_objectives
from .perturbation import PerturbationShares
from .preset_defaults import (
    PRESET_DEFAULTS,
    SCRATCH,
)

TOKEN_SIZE = 64  # numbers of a token vector
QUERY_SHARE = 0.1  # of the rows drawn, where queries are written beside pairs
QUERIES_PER_MOLECULE = 2
BEST_METRIC = "validation/t2m_mrr"


@dataclass
class ModelArguments:
    """Which model is trained, from which text encoder, and with which objective."""

    preset: str = field(
        default="small",
        metadata={
            "choices": list(PRESET_DEFAULTS),
            "help": "Size of the model, its objectives and the training recipe that goes with them.",
        },
    )
    initial_model: str | None = field(
        default=None,
        metadata={"help": "Continue from this FineMolTex folder or hub id: its weights, words, motifs and sizes."},
    )
    new_words: bool = field(
        default=False,
        metadata={
            "help": "With --initial_model: learn words and the text encoder anew, as after a training without texts."
        },
    )
    text_model: str = field(
        default=SCRATCH,
        metadata={
            "help": "Text encoder: hub id or folder of a BERT-like model, or `scratch` (own tokenizer and layers)."
        },
    )
    text_layers: int | None = field(
        default=None, metadata={"help": "Keep only so many layers of the text encoder; none: all, or the preset's."}
    )
    text_vocab_size: int = field(
        default=8000, metadata={"help": "Words of the tokenizer trained for `--text_model scratch`."}
    )
    fragmentation: Literal["paper", "functional"] = field(
        default="functional", metadata={"help": "How molecules are cut into motifs."}
    )
    motif_min_count: int = field(
        default=5, metadata={"help": "Motifs seen less often in the training split become [UNK]."}
    )
    motif_vocab_size: int | None = field(
        default=None, metadata={"help": "Keep at most this many motifs, the most frequent ones."}
    )
    objectives: str | None = field(
        default=None,
        metadata={
            "help": "All objectives with their options, as a JSON table or in a recipe; instead of the preset's."
        },
    )
    objective: list[str] | None = field(default=None, metadata={"help": EXPLANATION})
    token_config: str | None = field(
        default=None,
        metadata={"help": f"Fields of the token score to change, as a JSON table or in a recipe; size: {TOKEN_SIZE}."},
    )
    multimodal_config: str | None = field(
        default=None, metadata={"help": "Fields of the fusion to change, as a JSON table or in a recipe."}
    )
    count_config: str | None = field(
        default=None, metadata={"help": "Fields of the count embedding to change, likewise; needs --fit_pairs."}
    )
    scaling_config: str | None = field(
        default=None, metadata={"help": "Fields of local scaling to change, likewise; needs --fit_pairs."}
    )
    temperature: float | None = field(
        default=None, metadata={"help": "Temperature of the contrastive objective; overrides the preset."}
    )
    graph_config: str | None = field(
        default=None, metadata={"help": "Fields of the molecule encoder to change, as a JSON table or in a recipe."}
    )
    conformers: bool | None = field(
        default=None,
        metadata={
            "help": "Read molecules with a conformer, for encoders that can, such as `blend`; none: as the preset or "
            "the initial model."
        },
    )
    motif_mask_level: Literal["motif", "atom", "token"] | None = field(
        default=None,
        metadata={
            "help": "Hide a masked motif with its size and attachment, at its atoms, or at its token; overrides the "
            "preset."
        },
    )
    matching_loss_weight: float | None = field(
        default=None, metadata={"help": "Deprecated: write `--objective matching.weight=WEIGHT`."}
    )

    def __post_init__(self) -> None:
        """Check the objectives before any data are prepared."""
        if self.matching_loss_weight is not None:
            warnings.warn(
                "`--matching_loss_weight` is deprecated: write `--objective matching.weight=WEIGHT`.",
                FutureWarning,
                stacklevel=2,
            )
            change = f"weight={self.matching_loss_weight}" if self.matching_loss_weight else ""
            self.objective = [*(self.objective or []), f"matching.{change}" if change else f"matching={LEFT_OUT}"]
            self.matching_loss_weight = None
        if self.new_words and self.initial_model is None:
            raise ValueError("`new_words` is for an `initial_model`, whose words it replaces: give one.")
        self.change_config({"objectives": {}})

    def change_config(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Apply what the user asked for to the fields of a configuration.

        Args:
            fields (mapping): Fields of [`FineMolTexConfig`]: those of a preset or of an earlier model. Not changed.

        Returns:
            `dict`: The fields after the changes.

        Raises:
            ValueError: If an objective or an option is unknown, or `objectives` is no table.
        """
        changed = dict(fields)
        objectives = fields["objectives"]
        if self.objectives is not None:
            objectives = {name: options or {} for name, options in self._read_table("objectives").items()}
        changed["objectives"] = change_objectives(objectives, self.objective or ())
        if self.temperature is not None:
            changed["temperature"] = self.temperature
        tokens = {**(fields.get("token_config") or {}), **self._read_table("token_config")}
        if {"late_interaction", "grounding"} & set(changed["objectives"]) and not tokens.get("size"):
            learns_vectors = "late_interaction" in changed["objectives"]
            tokens = {"levels": "both" if learns_vectors else "none", **tokens, "size": TOKEN_SIZE}
        if "grounding" in changed["objectives"] and not tokens.get("num_concepts"):
            tokens["num_concepts"] = len(structural_facts())
        if tokens:
            changed["token_config"] = tokens
        for name in ("graph_config", "multimodal_config", "count_config", "scaling_config"):
            table = self._read_table(name)
            if table:
                changed[name] = {**(fields.get(name) or {}), **table}
        if self.motif_mask_level is not None:
            changed["motif_config"] = {**(fields.get("motif_config") or {}), "mask_level": self.motif_mask_level}
        return changed

    def _read_table(self, name: str) -> dict[str, Any]:
        text = getattr(self, name)
        table = {} if text is None else yaml.safe_load(text)
        if not isinstance(table, dict):
            raise ValueError(f"--{name} must be a JSON table, name to value: got {text!r}.")
        return table


@dataclass
class DataArguments:
    """Where the molecule-text pairs come from and how they are split."""

    dataset: str | None = field(
        default=None,
        metadata={"help": "Hub id, file, folder or glob of pairs; none: the names of the `chemicals` package."},
    )
    sources: list[str] | None = field(
        default=None,
        metadata={
            "help": "Several weighted sources instead of --dataset, each a JSON object; best written in a recipe."
        },
    )
    source_weights: list[str] | None = field(
        default=None, metadata={"help": "Weights instead of those of the sources, such as `captions=1 chemicals=0`."}
    )
    data_dir: str | None = field(
        default=None,
        metadata={"help": "Folder that ${data_dir} stands for in sources, validation and evaluation sets."},
    )
    synonyms_per_molecule: int = field(
        default=0, metadata={"help": "Further names per molecule of the bundled corpus, beside the IUPAC name."}
    )
    query_molecules: int = field(
        default=0,
        metadata={
            "help": "Write structure queries about so many molecules of the data too, and draw them as "
            f"{QUERY_SHARE} of the rows. The objective `grounding` learns from them."
        },
    )
    fact_molecules: int = field(
        default=0,
        metadata={
            "help": "Count the structural facts of so many training molecules, from which --queries_per_batch, "
            "--concept_epochs and the objective `grounding` learn."
        },
    )
    queries_per_batch: int = field(
        default=0,
        metadata={
            "help": "Write so many further structure queries for every batch, of which the text alone is needed, from "
            "the facts of the training molecules. `grounding` learns words from them."
        },
    )
    borrowed_texts: float = field(
        default=0.0,
        metadata={
            "help": "Share of the molecules that get the text of a similar one at a training step; the objective "
            "`soft_target` knows how similar."
        },
    )
    smiles_column: str | None = field(
        default=None, metadata={"help": "Column that holds the molecules; none: the usual names are tried."}
    )
    text_column: str | None = field(
        default=None, metadata={"help": "Column that holds the texts; none: the usual names are tried."}
    )
    without_texts: bool = field(
        default=False,
        metadata={"help": "Read the molecules of --dataset alone, for objectives such as `smiles_reconstruction`."},
    )
    split: Literal["scaffold", "random", "given"] = field(
        default="scaffold",
        metadata={"help": "Split by scaffold, at random, or as given (train, validation and test of the source)."},
    )
    validation_set: str | None = field(
        default=None, metadata={"help": "Pairs for validation (as --dataset) instead of a part of the training data."}
    )
    validation_size: float = field(
        default=0.03, metadata={"help": "Share (below 1) or number of molecules kept for validation."}
    )
    test_size: float = field(default=0.03, metadata={"help": "Share (below 1) or number of molecules kept for test."})
    max_eval_samples: int = field(
        default=2000, metadata={"help": "Score at most this many validation pairs during training; 0 means all."}
    )
    max_train_samples: int | None = field(
        default=None,
        metadata={"help": "Work on a random sample of this many pairs (of each source) before splitting."},
    )
    max_text_length: int = field(default=128, metadata={"help": "Texts are truncated to this many tokens."})
    eval_sets: list[str] | None = field(
        default=None,
        metadata={
            "help": "Evaluation sets (as --dataset, or as --sources) whose molecules are removed from training."
        },
    )
    num_proc: int | None = field(default=None, metadata={"help": "Processes that compute features; none: all in one."})
    on_error: Literal["raise", "skip"] = field(
        default="skip", metadata={"help": "Stop at, or skip and count, molecules that cannot be read."}
    )

    def __post_init__(self) -> None:
        """Check the shares, and that the options about sources agree."""
        if not 0 <= self.borrowed_texts <= 1:
            raise ValueError(f"`borrowed_texts` must lie in [0, 1]: got {self.borrowed_texts}.")
        for name in ("query_molecules", "fact_molecules", "queries_per_batch"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` must be 0 or more: got {getattr(self, name)}.")
        if self.without_texts and self.dataset is None:
            raise ValueError("`without_texts` reads the molecules of `dataset`, and none is given. Give one.")
        names = [source.name for source in self.training_sources()]
        if self.sources is None:
            if self.source_weights is not None:
                raise ValueError(f"`source_weights` {self.source_weights} need `sources`, whose weights they replace.")
            return
        if self.dataset is not None:
            raise ValueError(f"Give either `dataset` or `sources`: got {self.dataset!r} and {names}.")
        if self.split == "given":
            raise ValueError(
                "`split` says `given`, but every source names its own split. Give `validation_set`, or let validation "
                "and test rows be split off by scaffold or at random; sizes of 0 keep all rows for training."
            )
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"Several sources are called {repeated[0]!r}. Give each a `name` of its own.")

    def training_sources(self) -> list[PairSource]:
        """Return the sources of the training pairs, one if only a dataset is given."""
        if self.sources is not None:
            return replace_weights([PairSource.parse(source) for source in self.sources], self.source_weights or [])
        pairs = (
            PairSource(CHEMICALS, texts_per_molecule=1 + self.synonyms_per_molecule)
            if self.dataset is None
            else self.own_source(self.dataset)
        )
        if not self.query_molecules:
            return [pairs]
        queries = PairSource(
            pairs.dataset,
            name="queries",
            smiles_column=pairs.smiles_column,
            split=pairs.split,
            queries=True,
            texts_per_molecule=QUERIES_PER_MOLECULE,
            max_rows=self.query_molecules,
            weight=QUERY_SHARE,
        )
        return [replace(pairs, weight=1 - QUERY_SHARE), queries]

    def own_source(self, dataset: str, split: str = "train") -> PairSource:
        """Return a dataset with the columns that the options name."""
        columns = {"smiles_column": self.smiles_column, "text_column": self.text_column}
        return PairSource(dataset, **columns, split=split, without_texts=self.without_texts)


@dataclass
class FineMolTexTrainingArguments(TrainingArguments):
    """`TrainingArguments` with defaults for flat graph batches and one learning rate per part of the model."""

    output_dir: str = field(
        default="runs/pretrain", metadata={"help": "Folder of the checkpoints and of the final model."}
    )
    costly_share: float = field(
        default=1.0,
        metadata={"help": "Compute costly objectives (masked modelling, matching) in this share of the steps."},
    )
    concept_epochs: int = field(
        default=0,
        metadata={
            "help": "After training, fit the detectors of the structural concepts in so many passes through the "
            "molecules whose facts are known, the encoder left as it is; for the objective `grounding`."
        },
    )
    average_weight: float = field(
        default=1.0,
        metadata={"help": "After training, average with --initial_model: the share of the trained weights."},
    )
    mini_batch_size: int | None = field(
        default=None,
        metadata={
            "help": "Pairs that the encoders take at once: a batch of any size in the memory of so many, with the "
            "gradient of the whole, for a second forward pass; none: all."
        },
    )
    fit_pairs: int = field(
        default=0,
        metadata={"help": "After training, fit counts and local scaling to so many pairs, sources by weight."},
    )
    texts_together: bool = field(
        default=False,
        metadata={"help": "Draw the texts of a molecule in twos, so that they meet in a batch, as `momu` wants them."},
    )
    perturbed_bonds: float = field(
        default=0.0, metadata={"help": "Share of the bonds of a molecule that are moved elsewhere at a training step."}
    )
    perturbed_atoms: float = field(
        default=0.0, metadata={"help": "Share of the atoms whose features are hidden at a training step."}
    )
    perturbed_words: float = field(
        default=0.0, metadata={"help": "Share of the words that are hidden at a training step."}
    )
    freeze: list[str] | None = field(
        default=None,
        metadata={"help": "Parts of the model that are not trained, such as `molecule_encoder` or `text_encoder`."},
    )
    graph_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the graph encoder; none: --learning_rate."}
    )
    projection_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the motif projection; none: --learning_rate."}
    )
    text_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the text encoder; none: --learning_rate."}
    )
    head_learning_rate: float | None = field(
        default=None, metadata={"help": "Learning rate of the motif prediction head; none: --learning_rate."}
    )
    adversary_learning_rate: float | None = field(
        default=1e-4,
        metadata={"help": "Learning rate of the network of `critic`; none: --learning_rate."},
    )
    muon_learning_rate: float | None = field(
        default=None,
        metadata={"help": "Train the matrices inside the layers with Muon at this rate; none: everything with AdamW."},
    )
    resume_from_checkpoint: str | None = field(
        default=None,
        metadata={
            "nargs": "?",
            "const": "latest",
            "help": "Continue from the newest complete checkpoint (no value, `latest` or `true`) or from a folder.",
        },
    )
    cpu_threads: int | None = field(
        default=None,
        metadata={
            "help": "Threads of each process on a CPU; none: all cores, where `accelerate launch` alone would use one."
        },
    )
    remove_unused_columns: bool = field(
        default=False, metadata={"help": "Drop dataset columns that the model does not take; the collator needs them."}
    )
    dataloader_drop_last: bool = field(
        default=True, metadata={"help": "Drop the last short training batch; evaluation always uses every pair."}
    )
    eval_strategy: str = field(default="steps", metadata={"help": "When to validate: no, steps or epoch."})
    eval_steps: float | None = field(default=500, metadata={"help": "Steps between validations."})
    per_device_eval_batch_size: int = field(default=64, metadata={"help": "Batch size of evaluation per device."})
    save_steps: float = field(default=500, metadata={"help": "Steps between checkpoints."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept, besides the best one."})
    logging_steps: float = field(default=25, metadata={"help": "Steps between logged losses."})
    load_best_model_at_end: bool = field(default=True, metadata={"help": "Keep the checkpoint with the best metric."})
    metric_for_best_model: str | None = field(
        default=BEST_METRIC, metadata={"help": "Validation metric that chooses the best checkpoint."}
    )
    report_to: None | str | list[str] = field(
        default=None, metadata={"help": "Trackers that receive the logs; none given: tensorboard if it is installed."}
    )
    train_sampling_strategy: str = field(
        default="random",
        metadata={"help": "Order of the pairs: random, or group_by_length, whose negatives all have the same length."},
    )
    length_column_name: str = field(
        default="num_tokens", metadata={"help": "Column with the lengths that group_by_length reads."}
    )
    label_names: list[str] | None = field(
        default=None, metadata={"help": "Columns handed to the metrics; none: the molecule and text numbers."}
    )

    def __post_init__(self) -> None:
        """Check the shares, and fill the defaults that depend on the environment."""
        if not 0 < self.costly_share <= 1:
            raise ValueError(f"`costly_share` must lie in (0, 1]: got {self.costly_share}.")
        if self.concept_epochs < 0:
            raise ValueError(f"`concept_epochs` must be 0 or more: got {self.concept_epochs}.")
        if self.fit_pairs < 0 or not 0 < self.average_weight <= 1:
            given = f"{self.fit_pairs} and {self.average_weight}"
            raise ValueError(f"`fit_pairs` must be 0 or more, `average_weight` lie in (0, 1]: got {given}.")
        if self.mini_batch_size is not None and self.mini_batch_size < 1:
            raise ValueError(f"`mini_batch_size` must be at least 1: got {self.mini_batch_size}.")
        self.perturbation_shares()
        if self.report_to is None:
            self.report_to = "tensorboard" if is_tensorboard_available() else "none"
        if self.label_names is None:
            self.label_names = ["molecule_ids", "text_ids"]
        if self.accelerator_config is None:
            # The axes of a graph batch differ (atoms, bonds, motifs): a loader that cuts batches would cut molecules.
            self.accelerator_config = {"dispatch_batches": False, "split_batches": False}
        if self.resume_from_checkpoint is not None and self.resume_from_checkpoint.lower() in ("true", "latest"):
            self.resume_from_checkpoint = "latest"
        if not torch.accelerator.is_available():
            self.use_cpu = True  # without it, bf16 is refused on a machine that has nothing but a CPU
        super().__post_init__()
        if self.device.type == "cpu":
            self.dataloader_pin_memory = False  # there is no device to copy to, only a warning about it

    def perturbation_shares(self) -> PerturbationShares:
        """Return how much of a training batch is changed."""
        return PerturbationShares(self.perturbed_bonds, self.perturbed_atoms, self.perturbed_words)
