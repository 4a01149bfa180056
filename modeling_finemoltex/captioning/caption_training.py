"""Train a captioner: a writer that reads what a tower, frozen by default, makes of a molecule."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModel,
    AutoModelForSeq2SeqLM,
    AutoProcessor,
    AutoTokenizer,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
)
from transformers import set_seed as seed_everything
from transformers.utils import logging

from ..data.atomic_files import write_text
from ..data.chemicals_corpus import load_chemicals_pairs
from ..data.descriptor_captions import describe_molecule
from ..data.identifiers import canonical_smiles, map_unique
from ..data.pairs import load_pairs
from ..embedding import MoleculeTextEncoder
from ..hub.shipped_model import default_model
from ..model.captioning_finemoltex import FineMolTexForCaptioning
from ..training.checkpoints import find_resumable_checkpoint
from ..training.guarded_training import GuardedTraining
from ..training.interruption import SaveOnInterrupt
from ..training.length_sampling import LengthSampler
from ..training.recipe import RECIPE_EXTENSIONS, read_recipe
from ..training.writer_training import keep_settings, make_training_arguments
from .caption_memory import CaptionMemory
from .caption_rows import CaptionCollator, add_tower_states, make_rows
from .captioning_folder import CaptioningParts, build_writer, copy_word_embeddings, save_captioning_folder

logger = logging.get_logger(__name__)

REPORT_FILE, SETTINGS_FILE = "captioning_report.json", "captioning_settings.json"
MAY_CHANGE = ("file", "output_dir", "max_steps", "save_steps")  # between the parts of one run
OWN_MEMORY = 2000  # captions of the default corpus


@dataclass
class CaptioningArguments:
    """How a captioner is trained."""

    output_dir: str = field(metadata={"help": "folder for checkpoints, the model and the report"})
    file: str | None = field(
        default=None,
        metadata={
            "help": "csv, jsonl, Parquet, ... file of molecules and captions; without it, molecules of the default "
            "corpus, described by what RDKit finds in them"
        },
    )
    smiles_column: str | None = field(default=None, metadata={"help": "column of the molecules"})
    text_column: str | None = field(default=None, metadata={"help": "column of the captions"})
    pattern: str | None = field(
        default=None,
        metadata={"help": "keep the captions that this regular expression finds, such as '^The molecule'"},
    )
    max_pairs: int | None = field(default=None, metadata={"help": "read at most so many; 2,000 of the default corpus"})
    model: str | None = field(default=None, metadata={"help": "folder or Hub id of the tower; that of the package"})
    writer: str | None = field(
        default=None, metadata={"help": "folder or Hub id of a T5 to go on from; without it, a small one is made"}
    )
    states: list[str] = field(
        default_factory=lambda: ["molecule", "motifs"], metadata={"help": "what is read: molecule, motifs, atoms"}
    )
    join: str = field(
        default="input", metadata={"help": "states stand in front of the input, or the output, of the encoder"}
    )
    prompt: str = field(default="captions", metadata={"help": "beside the states: none, smiles or captions"})
    num_examples: int = field(default=2, metadata={"help": "captions of similar molecules in a prompt"})
    choice: str = field(
        default="model",
        metadata={
            "help": "which those are: of the most similar molecules (structure), or, of the ten most similar, those "
            "that the tower's own model places nearest to the molecule (model)"
        },
    )
    copies: bool = field(default=True, metadata={"help": "may the writer copy words of its prompt (a T5 only)"})
    max_prompt_length: int = field(default=192, metadata={"help": "longest prompt, in tokens"})
    max_caption_length: int = field(default=128, metadata={"help": "longest caption, in tokens"})
    hidden_size: int = field(default=256, metadata={"help": "width of a writer that is made"})
    num_layers: int = field(default=2, metadata={"help": "its layers that read, and as many that write"})
    intermediate_size: int = field(default=512, metadata={"help": "width of its feed-forward parts"})
    dropout: float = field(default=0.1, metadata={"help": "its dropout"})
    tune_tower: bool = field(default=False, metadata={"help": "train the tower too, which takes much longer"})
    batch_size: int = field(default=32, metadata={"help": "captions per step"})
    learning_rate: float = field(default=1e-3, metadata={"help": "highest rate"})
    num_epochs: float = field(default=3, metadata={"help": "passes over the captions"})
    max_steps: int = field(default=-1, metadata={"help": "stop after so many steps, whatever the epochs"})
    save_steps: int = field(default=200, metadata={"help": "steps between checkpoints"})
    num_held_out: int = field(default=200, metadata={"help": "pairs, drawn at random by molecule, for the loss alone"})
    seed: int = field(default=0, metadata={"help": "equal seeds give equal runs"})


def read_captioning_arguments(words: Sequence[str], description: str = "") -> CaptioningArguments:
    """Read a command line, whose first word may be a recipe: a YAML or JSON file of options that later words override.

    Args:
        words (sequence of `str`): Without the name of the program.
        description (`str`): Head of `--help`.

    Raises:
        ValueError: If the recipe cannot be read.
    """
    if words and Path(words[0]).suffix in RECIPE_EXTENSIONS:
        words = [*read_recipe(words[0]), *words[1:]]
    parser = HfArgumentParser(CaptioningArguments, description=description)  # type: ignore[arg-type]
    return parser.parse_args_into_dataclasses(list(words))[0]


class CaptioningTrainer(GuardedTraining, Trainer):
    """`Trainer` of a writer, with batches of captions of about equal length."""

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthSampler:
        rows = self.train_dataset if train_dataset is None else train_dataset
        batch_size = self.args.train_batch_size * self.args.world_size
        return LengthSampler(
            [row["length"] for row in rows], batch_size, self.args.seed, lambda: self.state.global_step
        )

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Compare what is written with the captions; `pair_ids` name the rows of a batch that fails."""
        output = model(**{name: value for name, value in inputs.items() if name != "pair_ids"})
        return (output.loss, output) if return_outputs else output.loss


def train_captioner(arguments: CaptioningArguments) -> dict[str, Any] | None:
    """Train a captioner, or go on where an earlier call was interrupted.

    Args:
        arguments ([`CaptioningArguments`]): Files, sizes and schedule.

    Returns:
        `dict`: The losses and the numbers of pairs; also in `captioning_report.json`. `None` if Ctrl-C ended the run
        before its time.

    Raises:
        ValueError: If there are too few pairs, a molecule cannot be parsed, a part cannot be loaded, or the folder
            holds a run with other settings.
    """
    output = Path(arguments.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    keep_settings(arguments, output / SETTINGS_FILE, MAY_CHANGE)
    seed_everything(arguments.seed)
    smiles, captions = read_caption_pairs(arguments)
    held_out = _choose_held_out(smiles, arguments)
    kept = [place for place in range(len(smiles)) if smiles[place] not in held_out]
    parts = make_parts(arguments, [smiles[place] for place in kept], [captions[place] for place in kept])
    rows = make_rows(parts, smiles, captions, embed_molecules(parts, smiles))
    if not arguments.tune_tower:
        parts.model.finemoltex.requires_grad_(False)
        add_tower_states(rows, parts, output)
    trainer = CaptioningTrainer(
        model=parts.model.train(),
        args=_training_arguments(arguments),
        train_dataset=[rows[place] for place in kept],
        eval_dataset=[row for row in rows if row["smiles"] in held_out],
        data_collator=CaptionCollator(parts),
    )
    interruption = SaveOnInterrupt()
    trainer.add_callback(interruption)
    checkpoint = find_resumable_checkpoint(output)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if interruption.interrupted:
        logger.warning(f"Stopped at step {trainer.state.global_step}: the same command goes on from there.")
        return None
    report = _report(trainer, {"num_pairs": len(kept), "num_held_out": len(rows) - len(kept)})
    save_captioning_folder(parts._replace(model=trainer.model.requires_grad_(True).eval()), output)
    write_text(output / REPORT_FILE, json.dumps(report, indent=1) + "\n")
    return report


def read_caption_pairs(arguments: CaptioningArguments) -> tuple[list[str], list[str]]:
    """Read the molecules and captions of a file, or describe molecules of the default corpus.

    Raises:
        ValueError: If no pair is left; see also [`load_pairs`].
    """
    if arguments.file is None:
        corpus = load_chemicals_pairs(synonyms_per_molecule=0)["smiles"]
        smiles = list(dict.fromkeys(corpus))
        order = np.random.default_rng(arguments.seed).permutation(len(smiles))
        smiles = [canonical_smiles(smiles[place]) for place in order[: arguments.max_pairs or OWN_MEMORY]]
        return smiles, [describe_molecule(one, arguments.seed) for one in smiles]
    pairs = load_pairs(arguments.file, arguments.smiles_column, arguments.text_column)
    wanted = re.compile(arguments.pattern or "")
    fitting = [pair for pair in zip(pairs["smiles"], pairs["text"], strict=True) if wanted.search(pair[1])]
    names = map_unique(canonical_smiles, [smiles for smiles, _ in fitting], description="Molecules")
    found = [(name, text) for name, (_, text) in zip(names, fitting, strict=True) if name is not None]
    found = found[: arguments.max_pairs]
    if len(found) < len(pairs):
        logger.warning(f"Trains on {len(found)} of {len(pairs)} pairs: the others do not fit, or cannot be parsed.")
    if len(found) < 2:
        raise ValueError(
            f"{arguments.file} has {len(found)} pairs to use: give a file with more, or another `pattern`."
        )
    return [one[0] for one in found], [one[1] for one in found]


def make_parts(arguments: CaptioningArguments, smiles: Sequence[str], captions: Sequence[str]) -> CaptioningParts:
    """Load the tower, load or make the writer, and join them.

    Args:
        arguments ([`CaptioningArguments`]): Says which.
        smiles, captions (sequence of `str`): What a prompt may quote.

    Raises:
        ValueError: If the tower or the writer cannot be loaded.
    """
    folder = arguments.model or default_model()
    try:
        base, processor = AutoModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
        tokenizer = processor.tokenizer
        if arguments.writer is None:
            writer = build_writer(
                tokenizer,
                arguments.hidden_size,
                arguments.num_layers,
                arguments.intermediate_size,
                dropout=arguments.dropout,
            )
            copy_word_embeddings(writer, base.base_model)
        else:
            writer = AutoModelForSeq2SeqLM.from_pretrained(arguments.writer)
            tokenizer = AutoTokenizer.from_pretrained(arguments.writer)
    except OSError as error:
        raise ValueError(f"{arguments.writer or folder!r} cannot be loaded: {error}") from error
    lengths = ("max_prompt_length", "max_caption_length")
    options = ("states", "join", "prompt", "num_examples", "choice", "copies", *lengths)
    fields = {name: getattr(arguments, name) for name in options}
    model = FineMolTexForCaptioning.from_parts(base, writer, **fields)
    memory = None
    if arguments.prompt == "captions":
        chooses = arguments.choice == "model"
        embeds = MoleculeTextEncoder(base, processor).encode_texts(list(captions)) if chooses else None  # (R, P)
        memory = CaptionMemory(smiles, captions, embeds)
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else "cpu"
    return CaptioningParts(model.to(device), processor, tokenizer, memory)


def embed_molecules(parts: CaptioningParts, smiles: Sequence[str]) -> np.ndarray | None:
    """Embed the molecules whose prompts the model chooses. -> `(R, P)` float32, or `None` if the structure does."""
    if parts.memory is None or parts.memory.embeds is None:
        return None
    return MoleculeTextEncoder(parts.model.finemoltex, parts.processor).encode_molecules(list(smiles))


def _choose_held_out(smiles: Sequence[str], arguments: CaptioningArguments) -> set[str]:
    """Choose the molecules whose captions are not trained on; at most half of them."""
    distinct = list(dict.fromkeys(smiles))
    count = min(arguments.num_held_out, len(distinct) // 2)
    order = np.random.default_rng(arguments.seed).permutation(len(distinct))
    return {distinct[place] for place in order[:count]}


def _report(trainer: Trainer, counts: dict[str, int]) -> dict[str, Any]:
    """Sum a run up: losses as nats a token."""
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    found: dict[str, Any] = {"train_loss": losses[-1] if losses else None}
    if counts["num_held_out"]:
        found["held_out_loss"] = trainer.evaluate()["eval_loss"]
    return found | counts | {"num_steps": trainer.state.global_step, "num_epochs": trainer.state.epoch}


def _training_arguments(arguments: CaptioningArguments) -> TrainingArguments:
    return make_training_arguments(
        arguments,
        per_device_eval_batch_size=arguments.batch_size,
        num_train_epochs=arguments.num_epochs,
        label_names=["labels"],
        prediction_loss_only=True,
        eval_strategy="steps" if arguments.num_held_out else "no",
        eval_steps=arguments.save_steps,
        logging_steps=20,
        logging_first_step=True,
    )
