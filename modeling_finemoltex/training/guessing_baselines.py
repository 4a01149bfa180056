"""What masked prediction is worth: the accuracy of a model, of guessing, and of one modality alone."""

from typing import Any

import datasets
import torch
from torch import Tensor, nn

from ..processors import UNKNOWN_MOTIF_ID
from .trainer import FineMolTexTrainer


class _ConstantHead(nn.Module):
    """Always answers the same label. `(..., H)` -> `(..., V)`."""

    def __init__(self, label: int, num_labels: int) -> None:
        super().__init__()
        self.register_buffer("scores", nn.functional.one_hot(torch.tensor(label), num_labels).float())

    def forward(self, states: Tensor, table: Tensor | None = None) -> Tensor:
        """Answer; see the shapes above."""
        return self.scores.expand(*states.shape[:-1], -1)


def evaluate_against_guessing(trainer: FineMolTexTrainer, train: datasets.Dataset) -> dict[str, float]:
    """Evaluate on the validation rows of a trainer, and once more for each way to guess what is masked.

    Replaces the vocabulary heads; do not use the model afterwards.

    Args:
        trainer (`FineMolTexTrainer`): After training.
        train (`datasets.Dataset`): The training features, whose most frequent labels are the guess.

    Returns:
        `dict[str, float]`: The validation metrics without their prefix; with a masked objective also the accuracies
        `motif_without_text` and `word_without_molecule`, the other side hidden, and `motif_majority` and
        `word_majority`, of the most frequent label of the training rows.
    """
    collate, config = trainer.data_collator, trainer.model.config
    results = _evaluate(trainer, collate)
    if "masked_modelling" not in trainer.model.objectives:
        return results
    heads = trainer.model.objectives["masked_modelling"]
    without_text = _evaluate(trainer, lambda rows: _hide_words(collate(rows), config))
    without_molecule = _evaluate(trainer, lambda rows: _hide_atoms(collate(rows), config))
    special, words = list(config.special_token_ids), config.text_config.vocab_size
    motifs = config.motif_config.vocab_size
    heads.word_head = _ConstantHead(_most_frequent(train, "input_ids", special), words)
    heads.motif_head = _ConstantHead(_most_frequent(train, "motif_ids", [UNKNOWN_MOTIF_ID]), motifs)
    majority = _evaluate(trainer, collate)
    guesses = {
        "motif_without_text": without_text.get("masked_motif_accuracy"),
        "word_without_molecule": without_molecule.get("masked_word_accuracy"),
        "motif_majority": majority.get("masked_motif_accuracy"),
        "word_majority": majority.get("masked_word_accuracy"),
    }
    return results | {name: value for name, value in guesses.items() if value is not None}


def _evaluate(trainer: FineMolTexTrainer, collate: Any) -> dict[str, float]:
    """Evaluate on batches of a collator; leaves out the accuracy of what was not masked, which is not a number."""
    trainer.data_collator = collate
    metrics = {name.split("/")[1]: value for name, value in trainer.evaluate().items() if "/" in name}
    return {name: value for name, value in metrics.items() if value == value}


def _hide_words(batch: dict[str, Tensor], config: Any) -> dict[str, Tensor]:
    """Replace all words of a batch by [MASK]."""
    special = torch.isin(batch["input_ids"], torch.tensor(list(config.special_token_ids)))
    return {**batch, "input_ids": batch["input_ids"].where(special, torch.tensor(config.mask_token_id))}


def _hide_atoms(batch: dict[str, Tensor], config: Any) -> dict[str, Tensor]:
    """Replace all atoms and bonds of a batch by [MASK], the last row of each feature table."""
    graph = config.graph_config
    atom_sizes = [*graph.atom_feature_sizes, *graph.rare_feature_sizes]
    atoms = batch["atom_features"].clone()
    atoms[:, : len(atom_sizes)] = torch.tensor(atom_sizes) - 1
    bonds = (torch.tensor(graph.bond_feature_sizes) - 1).expand_as(batch["edge_features"])
    return {**batch, "atom_features": atoms, "edge_features": bonds}


def _most_frequent(rows: datasets.Dataset, column: str, excluded: list[int]) -> int:
    """Find the most frequent maskable label of the training rows; 0 if nothing can be masked."""
    labels = torch.cat([torch.as_tensor(labels) for labels in rows.with_format("numpy")[column][:]])
    return int(torch.bincount(labels[~torch.isin(labels, torch.tensor(excluded))], minlength=1).argmax())


__all__ = ["evaluate_against_guessing"]
