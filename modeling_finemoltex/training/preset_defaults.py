"""What each preset sets on the command line of pre-training; flags override it."""

import os
from typing import Any

import torch

from .muon import is_bf16_native

DEFAULT_PAPER_TEXT_MODEL = "allenai/scibert_scivocab_uncased"
SCRATCH = "scratch"

SMALL: dict[str, Any] = {
    "text_model": SCRATCH,
    "text_vocab_size": 8000,
    "motif_min_count": 5,
    "max_text_length": 48,
    "per_device_train_batch_size": 128,
    "costly_share": 0.125,  # steps count for more than masked words and motifs in a short run
    "muon_learning_rate": 0.02,  # two to three times the progress per step of AdamW alone
    "learning_rate": 1e-3,
    "adam_beta2": 0.98,
    "weight_decay": 0.01,
    "warmup_steps": 40,
    "lr_scheduler_type": "cosine",
    "num_train_epochs": 5.0,
}

# Each preset is a coherent recipe; every entry is only a default that the flag of the same name overrides.
# `paper` follows the published recipe: constant Adam rates per part, batches of 16, no decay, clipping or warm-up.
PRESET_DEFAULTS: dict[str, dict[str, Any]] = {
    "tiny": {
        "text_model": SCRATCH,
        "text_vocab_size": 1000,
        "motif_min_count": 2,
        "max_text_length": 64,
        "max_train_samples": 1000,  # featurising all 71k bundled pairs would take longer than the run itself
        "per_device_train_batch_size": 8,
        "learning_rate": 1e-3,
        "num_train_epochs": 1.0,
    },
    "small": SMALL,
    # Each name of the bundled corpus comes with a second one of the same molecule.
    "momu": {**SMALL, "synonyms_per_molecule": 1, "texts_together": True},
    "paper": {
        "text_model": DEFAULT_PAPER_TEXT_MODEL,
        "fragmentation": "paper",
        "motif_min_count": 10,
        "max_text_length": 512,
        "per_device_train_batch_size": 16,
        "learning_rate": 1e-5,
        "graph_learning_rate": 1e-5,
        "projection_learning_rate": 3e-5,
        "text_learning_rate": 1e-5,
        "head_learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "max_grad_norm": 0.0,
        "num_train_epochs": 10.0,
    },
    "memory_bank": SMALL,
    "blend": {**SMALL, "per_device_train_batch_size": 32, "conformers": True},
    "smiles": SMALL,
}


def is_cpu_bf16_native() -> bool:
    """Return whether training runs on a CPU with bfloat16 instructions, where autocast halves the time of a step."""
    return not torch.accelerator.is_available() and is_bf16_native("cpu")


# Without data of one's own and without a length, other presets are a demonstration: minutes on two CPU cores.
NO_DEMONSTRATION = ("tiny", "paper")
DEMONSTRATION_DEFAULTS = {
    "max_steps": 560,
    "eval_steps": 280,
    "save_steps": 280,
    "num_proc": os.cpu_count(),
    "bf16": is_cpu_bf16_native(),
}
# A conformer takes 30 milliseconds, those of the whole corpus half an hour.
DEMONSTRATIONS: dict[str, dict[str, Any]] = {"blend": {"max_train_samples": 6000}}
# Unless other objectives are asked for, it learns names and structure: words from queries beside the rows, atoms
# mostly in the end, so that names are not held up.
STRUCTURE_DEFAULTS = {
    "objective": ["grounding.molecule_weight=0.03"],
    "fact_molecules": 20_000,
    "queries_per_batch": 96,
    "token_config": '{"weight": 8.0}',  # beside pooled vectors that know names alone
    "concept_epochs": 9,
    "head_learning_rate": 3e-3,
}
