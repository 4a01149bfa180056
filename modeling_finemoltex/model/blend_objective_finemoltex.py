"""MoleBLEND: relations of atoms, each recovered from the others (Yu et al. 2024).

Axes as in `relations_finemoltex.py`, and `S` atoms of a molecule from which relations are recovered, `C` classes.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .blend_encoder_finemoltex import (
    BONDS,
    PATH,
    SPACE,
    FineMolTexDistanceBias,
    draw_shown,
    find_rows,
    measure,
    read_blend_options,
)
from .distributed_finemoltex import count_over_ranks
from .masking_finemoltex import hash_uniform
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms, check_choice
from .relations_finemoltex import PATH_BONDS, Relations, list_bond_features
from .wrapped_layers_finemoltex import read_weight

SOURCE_STREAM, NOISE_STREAM = 25, 26  # of the draws
BOND_CLASSES = (5, 4, 2)  # values of each bond feature told apart; the last one stands for those beyond
HIDDEN_DISTANCES = 64  # width before a distance
NOWHERE = -1  # class of what is not there


@dataclass
class BlendObjectiveOptions(ObjectiveOptions):
    """Options of MoleBLEND.

    Args:
        weight (`float`): Weight of all terms together.
        spd_weight, edge_weight, distance_weight, noise_weight (`float`): Weight of each term; published ones by
            default.
        recovers (`str`): `"hidden"` asks for the relations that a pair is not shown, `"all"`, as published, for those
            that it is shown too.
        noise (`float`): Standard deviation of the noise on positions, in angstroms.
        num_lengths (`int`): Lengths of paths told apart; longer ones are one class.
        head_size (`int`): Numbers of either atom of a pair whose products a head reads.
        most_sources (`int`): Relations are recovered from so many atoms of a molecule to all others; from all atoms
            of most molecules, from a draw of large ones.
    """

    spd_weight: float = 0.1
    edge_weight: float = 0.1
    distance_weight: float = 0.5
    noise_weight: float = 6.0
    recovers: str = "hidden"
    noise: float = 0.2
    num_lengths: int = 11
    head_size: int = 32
    most_sources: int = 64

    def __post_init__(self) -> None:
        """Check the choice and the numbers."""
        check_choice("recovers", self.recovers, ("hidden", "all"))
        for name in ("noise", "num_lengths", "head_size", "most_sources"):
            if getattr(self, name) <= 0:
                raise ValueError(f"`{name}` must be positive: got {getattr(self, name)}.")
        weights = (self.spd_weight, self.edge_weight, self.distance_weight, self.noise_weight)
        if min(weights) < 0 or not max(weights):
            raise ValueError(
                "`spd_weight`, `edge_weight`, `distance_weight` and `noise_weight` must be 0 or more, one of them "
                f"positive: got {weights}. Leave the objective out to have none of them."
            )


class FineMolTexPairHead(nn.Module):
    """A linear layer on the products of what two atoms say. `(B, S, H)`, `(B, A, H)` -> `(B, S, A, C)`.

    The products themselves, `head_size` squared for each pair, are never laid out.
    """

    def __init__(self, width: int, size: int, num_outputs: int) -> None:
        super().__init__()
        self.size = size
        self.row, self.column = nn.Linear(width, size), nn.Linear(width, size)
        self.row_norm, self.column_norm = nn.LayerNorm(size), nn.LayerNorm(size)
        self.output = nn.Linear(size * size, num_outputs)

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """Score the pairs; see the shapes above."""
        rows = self.row_norm(F.gelu(self.row(sources)))  # (B, S, size)
        columns = self.column_norm(F.gelu(self.column(targets)))  # (B, A, size)
        weight = read_weight(self.output).unflatten(1, (self.size, self.size))  # (C, size, size)
        half = torch.einsum("bsr,ork->bsok", rows, weight)  # (B, S, C, size)
        # The bias is one more product, with 1: to add it to all pairs would take as long as the products.
        bias = read_weight(self.output, "bias").to(half.dtype).expand(half.shape[:-1])[..., None]  # (B, S, C, 1)
        half, columns = torch.cat([half, bias], dim=-1).flatten(1, 2), F.pad(columns, (0, 1), value=1.0)
        scores = half @ columns.transpose(1, 2)  # (B, S C, A)
        return scores.unflatten(1, (rows.shape[1], -1)).transpose(2, 3)


class FineMolTexDistanceHead(nn.Module):
    """The distance of two atoms in angstroms. `(B, S, H)`, `(B, A, H)` -> `(B, S, A)`."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.pairs = FineMolTexPairHead(width, size, HIDDEN_DISTANCES)
        self.output = nn.Linear(HIDDEN_DISTANCES, 1)

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """Predict; see the shapes above."""
        return self.output(F.gelu(self.pairs(sources, targets)))[..., 0]


class FineMolTexNoiseHead(nn.Module):
    r"""The direction in which an atom was moved: a sum of the directions to the others, which turns with the molecule.

    \(\sum_h \sum_j a_{ij}^h\, g^h(d_{ij})\, (x_i - x_j) / d_{ij}\), with `a` attention and `g` a function of the
    distance of both elements.

    Shapes:
        - **input:** atom states `(B, A, H)`, [`Relations`] with noisy positions, elements and shown relations
        - **output:** `(B, A, 3)`
    """

    def __init__(self, graph: Any) -> None:
        super().__init__()
        options, width = read_blend_options(graph), graph.hidden_size
        self.num_heads = options.num_heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.gate = FineMolTexDistanceBias(options, graph.atom_feature_sizes[0])

    def forward(self, states: Tensor, relations: Relations, elements: Tensor, shown: Tensor) -> Tensor:
        """Predict; see the shapes above."""
        query, key = (
            linear(states).unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for linear in (self.query, self.key)
        )  # (B, heads, A, D)
        sees = relations.is_spatial & (shown == SPACE)  # (B, A, A)
        scores = (query @ key.transpose(2, 3)).float() * query.shape[-1] ** -0.5  # (B, heads, A, A)
        weights = scores.masked_fill(~sees[:, None], torch.finfo(scores.dtype).min).softmax(-1)
        rows = find_rows(relations.is_spatial, shown, SPACE)  # (Q,)
        found = self.gate(relations, elements, rows).float()  # (Q, heads)
        gates = found.new_zeros(shown.numel(), self.num_heads).index_add(0, rows, found)  # (B A A, heads)
        pull = (weights * gates.unflatten(0, shown.shape).permute(0, 3, 1, 2)).sum(1)  # (B, A, A)
        positions = relations.positions.float()
        with torch.autocast(states.device.type, enabled=False):  # differences of positions are small beside them
            pull = pull / measure(positions[:, :, None] - positions[:, None]).clamp(min=0.1)  # (B, A, A)
            return pull.sum(-1, keepdim=True) * positions - pull @ positions  # (B, A, 3)


class BlendObjective(Objective):
    r"""Show one relation of each pair of atoms, and recover the others from the states of the atoms.

    \(w_1 L_\mathrm{spd} + w_2 L_\mathrm{edge} + w_3 L_\mathrm{distance} + w_4 L_\mathrm{noise}\). A relation is the
    length of the shortest path, its bonds or the distance in space. Lengths and bonds are classes (uniform scores give
    `log(C)`), a distance is a number (Huber loss in angstroms), and the noise on the positions is a direction
    (\(1 - \cos\)). What is published predicts the difference of two positions, which turns with the molecule, by
    states that do not; the distance asks for what they can know.

    Molecules without a conformer take part in the first two terms alone. The molecules are encoded a second time.
    """

    Options = BlendObjectiveOptions
    reads_texts = False
    encodes_more = True

    def __init__(self, config: Any, options: BlendObjectiveOptions) -> None:
        super().__init__(config, options)
        graph = config.graph_config
        if graph.encoder != "blend":
            raise ValueError(
                f"The objective 'blend' hides relations of atoms, which the encoder {graph.encoder!r} does not read. "
                "Set `graph_config.encoder` to 'blend', or start from the preset 'blend'."
            )
        width, size = graph.hidden_size, options.head_size
        self.bond_sizes, self.ratio = tuple(graph.bond_feature_sizes), read_blend_options(graph).blend_ratio
        self.spd_head = FineMolTexPairHead(width, size, options.num_lengths)
        self.num_bonds = number_bond_classes(self.bond_sizes)[1]
        self.edge_head = FineMolTexPairHead(width, size, PATH_BONDS * self.num_bonds)
        self.distance_head = FineMolTexDistanceHead(width, size)
        self.noise_head = FineMolTexNoiseHead(graph)

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Draw what is shown, encode once more, recover."""
        encoder, options, molecules = model.graph_encoder, self.options, batch.molecules
        clean = encoder.relate(molecules)
        shown = draw_shown(clean, batch.seeds, self.ratio)  # (B, A, A)
        noise, noisy = self._move(clean, batch.seeds)
        states = clean.pad(encoder.encode(molecules, noisy, shown=shown))  # (B, A, H)
        sources = choose_sources(clean.is_atom, options.most_sources, batch.seeds)  # (B, S)
        rows = states.gather(1, sources[..., None].expand(-1, -1, states.shape[-1]))  # (B, S, H)

        lengths, edges = self._label(clean, shown, sources)  # (B, S, A), (B, S, A, L)
        length_scores = self.spd_head(rows, states)  # (B, S, A, C)
        edge_scores = self.edge_head(rows, states).unflatten(-1, (PATH_BONDS, self.num_bonds))  # (B, S, A, L, C)
        of_lengths, of_edges = pick_questions(length_scores, lengths), pick_questions(edge_scores, edges)
        losses = {
            "blend_spd": self._classify(of_lengths),
            "blend_edge": self._classify(of_edges),
            "blend_distance": self._recover_distances(clean, shown, sources, rows, states),
            "blend_noise": self._recover_noise(states, noisy, molecules, shown, noise),
        }
        weights = (options.spd_weight, options.edge_weight, options.distance_weight, options.noise_weight)
        return Terms(
            losses,
            {name: options.weight * weight for name, weight in zip(losses, weights, strict=True)},
            count_hits("blend_spd", of_lengths, len(molecules)) | count_hits("blend_edge", of_edges, len(molecules)),
        )

    def _move(self, relations: Relations, seeds: Tensor) -> tuple[Tensor | None, Relations]:
        """Move the atoms at random. -> the noise `(B, A, 3)`, and the relations after it."""
        if relations.positions is None:
            return None, relations
        draws = hash_uniform(seeds, 3 * relations.is_atom.shape[1], NOISE_STREAM)  # (B, 3 A)
        noise = self.options.noise * 2**0.5 * torch.erfinv(2 * draws - 1).unflatten(1, (-1, 3))  # (B, A, 3)
        return noise, replace(relations, positions=relations.positions + noise)

    def _label(self, relations: Relations, shown: Tensor, sources: Tensor) -> tuple[Tensor, Tensor]:
        """Number what is to be recovered, `NOWHERE` where nothing is. -> `(B, S, A)`, `(B, S, A, L)`."""
        joined, everything = take_rows(relations.is_joined, sources), self.options.recovers == "all"
        asked = take_rows(shown, sources)  # (B, S, A)
        lengths = (take_rows(relations.lengths, sources).long() - 1).clamp(max=self.options.num_lengths - 1)
        lengths = lengths.where(joined & (everything | (asked != PATH)), NOWHERE)
        classes, _ = number_bond_classes(self.bond_sizes)
        bonds = take_rows(relations.bonds, sources).long()  # (B, S, A, L)
        is_asked = (joined & (everything | (asked != BONDS)))[..., None] & (bonds > 0)
        return lengths, classes.to(bonds.device)[(bonds - 1).clamp(min=0)].where(is_asked, NOWHERE)

    def _classify(self, questions: "Questions") -> Tensor:
        """Average the cross-entropy over what is to be recovered. -> `()`."""
        with torch.autocast(questions.scores.device.type, enabled=False):
            losses = F.cross_entropy(questions.scores.float(), questions.labels, reduction="none")
            return self._average(losses)

    def _recover_distances(
        self, relations: Relations, shown: Tensor, sources: Tensor, rows: Tensor, states: Tensor
    ) -> Tensor:
        """Compare distances. `(B, S, H)`, `(B, A, H)` -> `()`; 0 without positions."""
        if relations.positions is None:
            return states.float().sum() * 0.0
        found = self.distance_head(rows, states).float()  # (B, S, A)
        first = take_rows(relations.positions, sources)  # (B, S, 3)
        true = measure(first[:, :, None] - relations.positions[:, None])  # (B, S, A)
        asked = take_rows(relations.is_spatial, sources)
        if self.options.recovers != "all":
            asked = asked & (take_rows(shown, sources) != SPACE)
        return self._average(F.smooth_l1_loss(found, true.float(), reduction="none")[asked])

    def _recover_noise(
        self, states: Tensor, noisy: Relations, molecules: Any, shown: Tensor, noise: Tensor | None
    ) -> Tensor:
        """Compare directions of atoms that are seen in space. `(B, A, H)`, `(B, A, 3)` -> `()`; 0 without any."""
        if noise is None:
            return states.float().sum() * 0.0
        found = self.noise_head(states, noisy, noisy.pad(molecules.atom_features[:, 0]), shown)  # (B, A, 3)
        is_seen = (noisy.is_spatial & (shown == SPACE)).any(-1)  # (B, A)
        return self._average((1 - F.cosine_similarity(found.float(), noise.float(), dim=-1, eps=1e-6))[is_seen])

    def _average(self, losses: Tensor) -> Tensor:
        """Average over what is asked of the molecules of all ranks. `(Q,)` -> `()`; 0 where nothing is."""
        number = losses.new_tensor(float(len(losses)))
        if self.training:
            number = count_over_ranks(number)
        return losses.sum() / number.clamp(min=1e-6)


def take_rows(table: Tensor, sources: Tensor) -> Tensor:
    """Take rows of each molecule. `(B, A, ...)`, `(B, S)` -> `(B, S, ...)`."""
    return table[torch.arange(len(table), device=table.device)[:, None], sources]


def choose_sources(is_atom: Tensor, most: int, seeds: Tensor) -> Tensor:
    """Choose atoms of each molecule: all of them, or so many by draw.

    Args:
        is_atom (`torch.BoolTensor` of shape `(B, A)`): The places that are taken.
        most (`int`): Atoms of a molecule at most.
        seeds (`torch.LongTensor` of shape `(B,)`): One for each molecule.

    Returns:
        `torch.LongTensor` of shape `(B, S)`, `S` the smaller of `A` and `most`; a small molecule has padding too.
    """
    if is_atom.shape[1] <= most:
        return torch.arange(is_atom.shape[1], device=is_atom.device).expand(len(is_atom), -1)
    keys = hash_uniform(seeds, is_atom.shape[1], SOURCE_STREAM).masked_fill(~is_atom, -1.0)  # (B, A)
    return keys.topk(most, dim=1).indices


def number_bond_classes(bond_sizes: tuple[int, ...]) -> tuple[Tensor, int]:
    """Number the classes of bonds that are told apart.

    Args:
        bond_sizes (`tuple[int, ...]`): Values of each bond feature.

    Returns:
        `torch.LongTensor` of shape `(codes,)`, the class of each number of a bond from 1 on; and how many there are.

    Example:
    >>> classes, number = number_bond_classes((6, 8, 4))
    >>> len(classes), number
    (192, 40)
    """
    features = list_bond_features(bond_sizes)  # (codes, F)
    classes, number = features.new_zeros(len(features)), 1
    for column, size in enumerate(bond_sizes):
        told_apart = min(size, BOND_CLASSES[column]) if column < len(BOND_CLASSES) else size
        classes = classes * told_apart + features[:, column].clamp(max=told_apart - 1)
        number *= told_apart
    return classes, number


class Questions(NamedTuple):
    """What is to be recovered: scores of the classes `(Q, C)`, the right ones `(Q,)`, and whose it is `(Q,)`."""

    scores: Tensor
    labels: Tensor
    molecules: Tensor


def pick_questions(scores: Tensor, labels: Tensor) -> Questions:
    """Leave out what is not asked; most places are padding, and the loss of all would take most of a step.

    Args:
        scores (`torch.FloatTensor` of shape `(B, ..., C)`): Of the classes.
        labels (`torch.LongTensor` of shape `(B, ...)`): Right classes, `NOWHERE` where nothing is asked.
    """
    places = (labels != NOWHERE).nonzero(as_tuple=True)  # of (Q,) each
    return Questions(scores[places], labels[places], places[0])


@torch.no_grad()
def count_hits(name: str, questions: Questions, number: int) -> dict[str, Tensor]:
    """Count right answers, questions, and how often each class is the answer.

    Args:
        name (`str`): Begins the names of the counts.
        questions ([`Questions`]): Of `B` molecules.
        number (`int`): `B`.

    Returns:
        `dict[str, torch.LongTensor]`: `<name>_correct` and `<name>_total` `(B,)`, `<name>_classes` `(B, C)`.
    """
    scores, labels, molecules = questions
    hits = scores.argmax(-1) == labels  # (Q,)
    num_classes = scores.shape[-1]
    classes = torch.bincount(molecules * num_classes + labels, minlength=number * num_classes)  # (B C,)
    return {
        f"{name}_correct": torch.bincount(molecules[hits], minlength=number),
        f"{name}_total": torch.bincount(molecules, minlength=number),
        f"{name}_classes": classes.unflatten(0, (number, num_classes)),
    }


__all__ = [
    "BlendObjective",
    "BlendObjectiveOptions",
    "Questions",
    "choose_sources",
    "count_hits",
    "number_bond_classes",
    "pick_questions",
]
