"""What masked prediction is worth: the accuracy of a model, of guessing, and of one modality alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import datasets
import torch
from torch import Tensor, nn

from ..model.molecules_finemoltex import MOLECULE_TENSORS, UNKNOWN_MOTIF_ID, Molecules, count_members
from ..model.spellings_finemoltex import FIRST_ID, MASK_ID, PAD_ID
from .trainer import FineMolTexTrainer


class _ConstantHead(nn.Module):
    """Always answers the same label. `(..., H)` -> `(..., V)`."""

    def __init__(self, label: int, num_labels: int) -> None:
        super().__init__()
        self.register_buffer("scores", nn.functional.one_hot(torch.tensor(label), num_labels).float())

    def forward(self, states: Tensor, table: Tensor | None = None) -> Tensor:
        """Answer; see the shapes above."""
        return self.scores.expand(*states.shape[:-1], -1)


class _NeighbourhoodHead(nn.Module):
    """Answers the motif that most often has so many atoms and is bonded to such atoms, in the training rows.

    A neighbourhood that these lack is answered by the size alone, and a size that they lack by the commonest motif.

    Args:
        objective (`MaskedModellingObjective`): Tells which motifs it hides; their atoms are unknown to each other.
        training (iterable of `Molecules`): To count in.
        num_labels (`int`): Motifs of the vocabulary, `V`.
    """

    def __init__(self, objective: Any, training: Iterable[Molecules], num_labels: int) -> None:
        super().__init__()
        self.num_labels, self.surroundings = num_labels, []
        counts: dict[Any, Counter] = defaultdict(Counter)
        for molecules in training:
            for surrounding, label in zip(_surroundings(molecules), molecules.motif_ids.tolist(), strict=True):
                for key in _general(surrounding) if label != UNKNOWN_MOTIF_ID else ():
                    counts[key][label] += 1
        self.answers = {key: counted.most_common(1)[0][0] for key, counted in counts.items()}
        draw = objective.draw

        def note_hidden(model: Any, pairs: Any, batch: Any) -> tuple[Tensor, Tensor]:
            """Draw, and look at what surrounds the hidden motifs."""
            drawn = draw(model, pairs, batch)
            is_hidden = batch.molecules.unpad(drawn[0])  # (M,)
            seen = _surroundings(batch.molecules, is_hidden)
            # The order of the hidden slots, molecule by molecule, is that of the motifs.
            self.surroundings = [seen[place] for place in is_hidden.nonzero().flatten().tolist()]
            return drawn

        objective.draw = note_hidden

    def forward(self, states: Tensor, table: Tensor | None = None) -> Tensor:
        """Answer for the motifs hidden last. `(S, H)` -> `(S, V)`."""
        labels = [
            next((self.answers[key] for key in _general(one) if key in self.answers), UNKNOWN_MOTIF_ID)
            for one in self.surroundings
        ]
        answers = torch.tensor(labels, dtype=torch.long, device=states.device)
        return nn.functional.one_hot(answers, self.num_labels).float()


def evaluate_against_guessing(trainer: FineMolTexTrainer, train: datasets.Dataset) -> dict[str, float]:
    """Evaluate on the validation rows of a trainer, and once more for each way to guess what is masked.

    Replaces the vocabulary heads; do not use the model afterwards.

    Args:
        trainer (`FineMolTexTrainer`): After training.
        train (`datasets.Dataset`): The training features, whose most frequent labels are the guess.

    Returns:
        `dict[str, float]`: The validation metrics without their prefix; with a masked objective also the accuracies
        `motif_without_text` and `word_without_molecule`, the other side hidden; `motif_with_other_text`, each molecule
        beside the text of the next one; `motif_majority` and `word_majority`,
        of the most frequent label of the training rows; and `motif_neighbourhood`, of the motif that in the training
        rows most often has the hidden one's number of atoms and is bonded to the same elements.
    """
    collate, config = trainer.data_collator, trainer.model.config
    results = _evaluate(trainer, collate)
    if "masked_modelling" not in trainer.model.objectives:
        return results
    heads = trainer.model.objectives["masked_modelling"]
    without_text = _evaluate(trainer, lambda rows: _hide_words(collate(rows), config))
    with_other_text = _evaluate(trainer, lambda rows: _exchange_texts(collate(rows)))
    without_molecule = _evaluate(trainer, lambda rows: _hide_atoms(collate(rows), config))
    special, words = list(config.special_token_ids), config.text_config.vocab_size
    motifs = config.motif_config.vocab_size
    heads.word_head = _ConstantHead(_most_frequent(train, "input_ids", special), words)
    heads.motif_head = _ConstantHead(_most_frequent(train, "motif_ids", [UNKNOWN_MOTIF_ID]), motifs)
    majority = _evaluate(trainer, collate)
    heads.motif_head = _NeighbourhoodHead(heads, _iter_molecules(train, collate), motifs)
    neighbourhood = _evaluate(trainer, collate)
    guesses = {
        "motif_without_text": without_text.get("masked_motif_accuracy"),
        "motif_with_other_text": with_other_text.get("masked_motif_accuracy"),
        "word_without_molecule": without_molecule.get("masked_word_accuracy"),
        "motif_majority": majority.get("masked_motif_accuracy"),
        "motif_neighbourhood": neighbourhood.get("masked_motif_accuracy"),
        "word_majority": majority.get("masked_word_accuracy"),
    }
    return results | {name: value for name, value in guesses.items() if value is not None}


def _iter_molecules(rows: datasets.Dataset, collate: Any, batch_size: int = 256) -> Iterable[Molecules]:
    """Read the molecules of featurised rows, batch by batch."""
    for start in range(0, len(rows), batch_size):
        batch = collate([rows[place] for place in range(start, min(start + batch_size, len(rows)))])
        yield Molecules.from_tensors(**{name: batch[name] for name in MOLECULE_TENSORS if name in batch})


def _surroundings(molecules: Molecules, is_hidden: Tensor | None = None) -> list[tuple[int, tuple[int, ...]]]:
    """Give for each motif its number of atoms, and the sorted elements it is bonded to, -1 for those of hidden motifs.

    `M` motifs; `is_hidden` `(M,)`.
    """
    motif_of = molecules.atom_to_motif  # (N,)
    elements = molecules.atom_features[:, 0]  # (N,)
    if is_hidden is not None:
        elements = elements.masked_fill(is_hidden[motif_of], -1)
    here, there = molecules.edge_index
    crosses = motif_of[here] != motif_of[there]  # (E,)
    bonded: list[list[int]] = [[] for _ in range(molecules.num_motifs)]
    for motif, element in zip(motif_of[here[crosses]].tolist(), elements[there[crosses]].tolist(), strict=True):
        bonded[motif].append(element)
    sizes = count_members(motif_of, molecules.num_motifs).tolist()
    return [(size, tuple(sorted(others))) for size, others in zip(sizes, bonded, strict=True)]


def _general(surrounding: tuple[int, tuple[int, ...]]) -> tuple[Any, ...]:
    """List what is known of a motif, from all to nothing."""
    return surrounding, surrounding[0], None


def _evaluate(trainer: FineMolTexTrainer, collate: Any) -> dict[str, float]:
    """Evaluate on batches of a collator; leaves out the accuracy of what was not masked, which is not a number."""
    trainer.data_collator = collate
    metrics = {name.split("/")[1]: value for name, value in trainer.evaluate().items() if "/" in name}
    return {name: value for name, value in metrics.items() if value == value}


def _hide_words(batch: dict[str, Tensor], config: Any) -> dict[str, Tensor]:
    """Replace all words of a batch by [MASK]."""
    special = torch.isin(batch["input_ids"], torch.tensor(list(config.special_token_ids)))
    return {**batch, "input_ids": batch["input_ids"].where(special, torch.tensor(config.mask_token_id))}


def _exchange_texts(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give each molecule of a batch the text of the next one; a molecule alone keeps its own."""
    return {**batch, **{name: batch[name].roll(1, 0) for name in ("input_ids", "attention_mask")}}


def _hide_atoms(batch: dict[str, Tensor], config: Any) -> dict[str, Tensor]:
    """Replace all atoms and bonds of a batch by [MASK], the last row of each feature table, and all SMILES tokens."""
    graph = config.graph_config
    atom_sizes = [*graph.atom_feature_sizes, *graph.rare_feature_sizes]
    atoms = batch["atom_features"].clone()
    atoms[:, : len(atom_sizes)] = torch.tensor(atom_sizes) - 1
    bonds = (torch.tensor(graph.bond_feature_sizes) - 1).expand_as(batch["edge_features"])
    hidden = {**batch, "atom_features": atoms, "edge_features": bonds}
    if "smiles_ids" in batch:
        is_kept = torch.isin(batch["smiles_ids"], torch.tensor([PAD_ID, FIRST_ID]))
        hidden["smiles_ids"] = batch["smiles_ids"].where(is_kept, torch.tensor(MASK_ID))
    return hidden


def _most_frequent(rows: datasets.Dataset, column: str, excluded: list[int]) -> int:
    """Find the most frequent maskable label of the training rows; 0 if nothing can be masked."""
    labels = torch.cat([torch.as_tensor(labels) for labels in rows.with_format("numpy")[column][:]])
    return int(torch.bincount(labels[~torch.isin(labels, torch.tensor(excluded))], minlength=1).argmax())


__all__ = ["evaluate_against_guessing"]
