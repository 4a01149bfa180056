"""Train a small encoder-decoder that writes molecules as SELFIES: an autoencoder with noise on a few latent states."""

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerFast,
    Trainer,
    set_seed,
)
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging

from ..data.atomic_files import write_text
from ..data.identifiers import canonical_smiles, map_unique
from ..data.molecule_files import MoleculeFile
from ..model.editing_finemoltex import encode_latents
from ..training.checkpoints import find_resumable_checkpoint
from ..training.guarded_training import GuardedTraining
from ..training.interruption import SaveOnInterrupt
from ..training.length_sampling import LengthSampler
from ..training.writer_training import keep_settings, make_training_arguments
from .latent_coder import LatentCoder, measure_reconstruction
from .molecule_notation import import_selfies, write_molecule

logger = logging.get_logger(__name__)

NOTATION = "selfies"
REPORT_FILE, SETTINGS_FILE = "generator_report.json", "generator_settings.json"
PAD, START, END, UNKNOWN, LATENT = "<pad>", "<s>", "</s>", "<unk>", "<latent>"
SYMBOL = r"\[[^\[\]]*\]|\."
MAY_CHANGE = ("file", "output_dir", "max_steps", "num_workers", "save_steps")  # between the parts of one run


@dataclass
class GeneratorArguments:
    """How a generator is trained."""

    file: str = field(metadata={"help": "csv, tsv, smi, sdf (each also .gz) or Parquet file of molecules"})
    output_dir: str = field(metadata={"help": "folder for checkpoints, the model, its tokenizer and the report"})
    smiles_column: str | None = field(default=None, metadata={"help": "column of the molecules"})
    exclude: str | None = field(default=None, metadata={"help": "file of molecules that must not be trained on"})
    max_molecules: int | None = field(default=None, metadata={"help": "read at most so many"})
    num_held_out: int = field(default=2000, metadata={"help": "molecules, drawn at random, for the report only"})
    hidden_size: int = field(default=192, metadata={"help": "width of the latents"})
    num_layers: int = field(default=2, metadata={"help": "layers of the encoder, and as many of the decoder"})
    intermediate_size: int = field(default=512, metadata={"help": "width of the feed-forward parts"})
    num_heads: int = field(default=8, metadata={"help": "attention heads"})
    max_length: int = field(default=128, metadata={"help": "longest molecule in tokens; longer ones are left out"})
    num_latents: int = field(
        default=8,
        metadata={"help": "number of latent states per molecule, whatever its length: fewer make edits stronger"},
    )
    noise: float = field(
        default=0.5,
        metadata={"help": "most noise on the latents in training, relative to their size; 0: a plain autoencoder"},
    )
    batch_size: int = field(default=64, metadata={"help": "molecules per step"})
    learning_rate: float = field(default=1e-3, metadata={"help": "highest rate"})
    max_steps: int = field(default=6000, metadata={"help": "steps"})
    save_steps: int = field(default=500, metadata={"help": "steps between checkpoints"})
    num_workers: int = field(default=1, metadata={"help": "processes that write molecules as SELFIES"})
    seed: int = field(default=0, metadata={"help": "equal seeds give equal runs"})


class GeneratorTrainer(GuardedTraining, Trainer):
    """`Trainer` of an autoencoder whose decoder reads a few noisy latents.

    The encoder reads the tokens of the latents, then those of the molecule. The decoder sees the states of the latents
    alone; token states would be redundant and undo an edit. Each molecule gets Gaussian noise, of a strength drawn
    between 0 and `noise` times the size of its states. So the decoder learns that nearby latents mean similar
    molecules, and still reads an undisturbed latent exactly.
    """

    def __init__(self, *args: Any, noise: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.noise = noise
        self.model_accepts_loss_kwargs = False  # the loss is a mean over this batch

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthSampler:
        rows = self.train_dataset if train_dataset is None else train_dataset
        batch_size = self.args.train_batch_size * self.args.world_size
        lengths = [len(row["input_ids"]) for row in rows]
        return LengthSampler(lengths, batch_size, self.args.seed, lambda: self.state.global_step)

    def compute_loss(
        self, model: Any, inputs: dict[str, Tensor], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Encode, disturb, decode and compare.

        Args:
            model (`PreTrainedModel`): The generator, maybe wrapped.
            inputs (`dict`): `input_ids` and `attention_mask` `(B, T)`, `labels` `(B, T_labels)`.
            return_outputs (`bool`): Return the output of the generator too.
            num_items_in_batch (*optional*): Ignored; the loss is the mean over this batch.

        Returns:
            The loss `()`, or a tuple of it and the output.
        """
        generator = self.accelerator.unwrap_model(model)
        with self.accelerator.autocast():
            states, mask = encode_latents(generator, inputs["input_ids"], inputs["attention_mask"])  # (B, L, D)
        if model.training and self.noise:
            strengths = self.noise * torch.rand(len(states), 1, 1, device=states.device)  # (B, 1, 1)
            sizes = states.detach().square().mean(-1, keepdim=True).sqrt()  # (B, L, 1)
            states = states + strengths * sizes * torch.randn_like(states)
        outputs = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=mask,
            labels=inputs["labels"],
        )
        return (outputs.loss, outputs) if return_outputs else outputs.loss


def train_generator(arguments: GeneratorArguments) -> dict[str, Any] | None:
    """Train a generator on a file of molecules, or go on where an earlier call was interrupted.

    Args:
        arguments ([`GeneratorArguments`]): Files, sizes and schedule.

    Returns:
        `dict`: What `measure_reconstruction` says of the molecules held out, and the numbers of molecules; also in
        `generator_report.json`. `None` if Ctrl-C ended the run before its time.

    Raises:
        ImportError: If `selfies` is missing.
        ValueError: If there are too few molecules or no latents, or the folder holds a run with other settings.
    """
    if arguments.num_latents < 1:
        raise ValueError(
            f"`num_latents` must be at least 1, for the decoder to read something: got {arguments.num_latents}."
        )
    output = Path(arguments.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    keep_settings(arguments, output / SETTINGS_FILE, MAY_CHANGE)
    set_seed(arguments.seed)
    train, held_out, counts = split_molecules(arguments)
    symbols = [text for text in map_unique(_try_selfies, train, arguments.num_workers, "SELFIES") if text is not None]
    tokenizer = build_selfies_tokenizer(symbols, arguments.max_length, arguments.num_latents)
    rows = [{"input_ids": ids, "labels": ids[arguments.num_latents :]} for ids in tokenizer(symbols)["input_ids"]]
    rows = [row for row in rows if len(row["input_ids"]) <= arguments.max_length]
    rows = [{**row, "pair_ids": number} for number, row in enumerate(rows)]
    counts |= {"num_trained_on": len(rows), "num_left_out": len(train) - len(rows)}
    trainer = GeneratorTrainer(
        model=BartForConditionalGeneration(_describe_model(arguments, tokenizer)),
        args=make_training_arguments(arguments, logging_steps=50),
        train_dataset=rows,
        data_collator=DataCollatorForSeq2Seq(tokenizer),
        noise=arguments.noise,
    )
    interruption = SaveOnInterrupt()
    trainer.add_callback(interruption)
    checkpoint = find_resumable_checkpoint(output)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if interruption.interrupted:
        logger.warning(f"Stopped at step {trainer.state.global_step}: the same command goes on from there.")
        return None
    model = trainer.model.eval()
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    report = measure_reconstruction(LatentCoder(model, tokenizer, NOTATION), held_out) | counts
    report |= {"num_steps": trainer.state.global_step, "num_parameters": model.num_parameters()}
    write_text(output / REPORT_FILE, json.dumps(report, indent=1) + "\n")
    return report


def split_molecules(arguments: GeneratorArguments) -> tuple[list[str], list[str], dict[str, int]]:
    """Read the distinct molecules of a file, and hold some out.

    Returns:
        Canonical SMILES to train on, those held out, and the counts `num_rows`, `num_unparsable` and `num_excluded`.

    Raises:
        ValueError: If no molecule is left to train on, or none to hold out.
    """
    molecules = MoleculeFile(arguments.file, arguments.smiles_column).smiles()
    rows = list(itertools.islice(molecules, arguments.max_molecules))
    names = map_unique(canonical_smiles, rows, arguments.num_workers, "molecules")
    distinct = dict.fromkeys(name for name in names if name is not None)
    excluded = set()
    if arguments.exclude is not None:
        excluded = set(map(canonical_smiles, MoleculeFile(arguments.exclude, arguments.smiles_column).smiles()))
    kept = [name for name in distinct if name not in excluded]
    order = np.random.default_rng(arguments.seed).permutation(len(kept))
    held_out, train = (
        [kept[place] for place in part] for part in np.split(order, [min(arguments.num_held_out, len(kept))])
    )
    if not train or not held_out:
        raise ValueError(
            f"{arguments.file} has {len(kept)} distinct molecules to use: with `num_held_out` "
            f"{arguments.num_held_out}, {len(train)} are left to train on. Hold out at least one, and fewer than all."
        )
    counts = {"num_rows": len(rows), "num_unparsable": int(sum(name is None for name in names))}
    return train, held_out, counts | {"num_excluded": len(distinct) - len(kept)}


def build_selfies_tokenizer(texts: list[str], max_length: int, num_latents: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer with one token for each symbol that occurs, which puts tokens for the latents first.

    Args:
        texts (`list[str]`): Molecules in SELFIES.
        max_length (`int`): `model_max_length` of the tokenizer.
        num_latents (`int`): Tokens for the latents.

    Raises:
        ImportError: If `selfies` is missing.
        ValueError: If there are no symbols.
    """
    symbols = sorted(set().union(*map(import_selfies().split_selfies, texts)))
    if not symbols:
        raise ValueError(f"A tokenizer needs molecules: got {len(texts)} without a symbol.")
    vocabulary = {token: number for number, token in enumerate((PAD, START, END, UNKNOWN, LATENT, *symbols))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(SYMBOL), behavior="isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{f'{LATENT} ' * num_latents}$A {END}",
        special_tokens=[(token, vocabulary[token]) for token in (LATENT, END)],
    )
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=START,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=[LATENT],
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
    )


def _try_selfies(smiles: str) -> str | None:
    try:
        return write_molecule(smiles, NOTATION)
    except ValueError:  # counted in the report
        return None


def _describe_model(arguments: GeneratorArguments, tokenizer: PreTrainedTokenizerFast) -> BartConfig:
    return BartConfig(
        vocab_size=len(tokenizer),
        num_latents=arguments.num_latents,
        d_model=arguments.hidden_size,
        encoder_layers=arguments.num_layers,
        decoder_layers=arguments.num_layers,
        encoder_ffn_dim=arguments.intermediate_size,
        decoder_ffn_dim=arguments.intermediate_size,
        encoder_attention_heads=arguments.num_heads,
        decoder_attention_heads=arguments.num_heads,
        max_position_embeddings=arguments.max_length,
        dropout=0.0,  # the noise on the latents is the only disturbance
        init_std=0.04,  # BART's 0.02 belongs to a width of 1024
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.bos_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
    )
