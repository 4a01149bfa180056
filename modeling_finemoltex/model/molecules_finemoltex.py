"""A batch of molecules as one value, and the border where the tensors of a processor become it.

Axes: `B` molecules, `N` atoms, `E` directed bonds, `M` motifs of the whole batch, `K` motifs and `A` atoms of the
largest molecule, `L` bonds of a path.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from .spellings_finemoltex import SPELLING_TENSORS, Spelling, read_spellings

UNKNOWN_MOTIF_ID = 0  # first entry of every motif vocabulary; never hidden and never shared, because it names no motif


@dataclass(frozen=True)
class Molecules:
    """Molecules of a batch, their bonds and motifs, and what follows from them. Make it with [`from_tensors`].

    Args:
        motif_counts (`torch.LongTensor` of shape `(B,)`): Motifs per molecule, at least 1.
        atom_features (`torch.LongTensor` of shape `(N, F)`): Categorical atom features.
        edge_index (`torch.LongTensor` of shape `(2, E)`): Both directions of every bond.
        edge_features (`torch.LongTensor` of shape `(E, 3)`): Categorical bond features.
        atom_to_motif (`torch.LongTensor` of shape `(N,)`): Motif of each atom, numbered over the batch; a partition.
        motif_positions (`torch.LongTensor` of shape `(M,)`): Breadth-first rank in the motif tree.
        motif_ids (`torch.LongTensor` of shape `(M,)`, *optional*): Vocabulary ids. Labels, never an input.
        motif_attention_mask (`torch.LongTensor` of shape `(B, K + 1)`): 1 on a molecule and its motifs, 0 on padding.
        molecule_of_motif (`torch.LongTensor` of shape `(M,)`): Derived.
        slot_of_motif (`torch.LongTensor` of shape `(M,)`): Place of each motif in the padded sequence, from 1 on;
            slot 0 is the molecule. Derived.
        molecule_of_atom (`torch.LongTensor` of shape `(N,)`): Derived.
        path_lengths (`torch.ByteTensor` of shape `(B, A, A)`, *optional*): Bonds between two atoms of a molecule, `A`
            atoms in the largest; 255 between fragments and on padding. Of the view `paths`.
        path_bonds (`torch.ByteTensor` of shape `(B, A, A, L)`, *optional*): Numbers of the first bonds of these paths,
            0 where there are none. Of the view `paths`.
        atom_positions (`torch.LongTensor` of shape `(N, 3)`, *optional*): In thousandths of an angstrom. Of the view
            `conformer`.
        has_conformer (`torch.LongTensor` of shape `(B,)`, *optional*): 0 where there are no positions.
        spelling ([`Spelling`], *optional*): Their canonical SMILES; from the view `smiles` of a processor.
        other_spelling ([`Spelling`], *optional*): The same molecules in a random order.
        target_ids (`torch.LongTensor` of shape `(B, L)`, *optional*): Tokens of a further spelling, to be predicted.
    """

    motif_counts: Tensor
    atom_features: Tensor
    edge_index: Tensor
    edge_features: Tensor
    atom_to_motif: Tensor
    motif_positions: Tensor
    motif_ids: Tensor | None
    motif_attention_mask: Tensor
    molecule_of_motif: Tensor
    slot_of_motif: Tensor
    molecule_of_atom: Tensor
    path_lengths: Tensor | None = None
    path_bonds: Tensor | None = None
    atom_positions: Tensor | None = None
    has_conformer: Tensor | None = None
    spelling: Spelling | None = None
    other_spelling: Spelling | None = None
    target_ids: Tensor | None = None

    @classmethod
    def from_tensors(
        cls,
        motif_counts: Tensor,
        *,
        atom_features: Tensor,
        edge_index: Tensor,
        edge_features: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        motif_ids: Tensor | None = None,
        motif_attention_mask: Tensor | None = None,
        **views: Tensor | None,
    ) -> "Molecules":
        """Pack the tensors of a processor; shapes as above. `views` are those of `VIEW_TENSORS`.

        Spellings come in parts, whose shapes are in [`read_spellings`].

        Without `motif_attention_mask` the number of motifs of the largest molecule is read from the device, which
        breaks a compiled graph in two.

        Raises:
            TypeError: If a tensor has another name.
            ValueError: If a tensor is missing; lists them.
        """
        given = {
            "atom_features": atom_features,
            "edge_index": edge_index,
            "edge_features": edge_features,
            "atom_to_motif": atom_to_motif,
            "motif_positions": motif_positions,
        }
        missing = [name for name, tensor in {"motif_counts": motif_counts, **given}.items() if tensor is None]
        if missing:
            raise ValueError(
                f"A batch of molecules lacks {', '.join(missing)}. Give all that the processor returns for `smiles`."
            )
        device, num_motifs = motif_counts.device, motif_positions.shape[0]
        molecule_of_motif = torch.repeat_interleave(
            torch.arange(motif_counts.shape[0], device=device), motif_counts, output_size=num_motifs
        )  # (M,)
        first = motif_counts.cumsum(0) - motif_counts  # (B,)
        if motif_attention_mask is None:
            slots = torch.arange(int(motif_counts.max()) + 1, device=device)  # (K + 1,)
            motif_attention_mask = (slots <= motif_counts[:, None]).long()  # (B, K + 1)
        return cls(
            motif_counts,
            **given,
            motif_ids=motif_ids,
            motif_attention_mask=motif_attention_mask,
            molecule_of_motif=molecule_of_motif,
            slot_of_motif=torch.arange(num_motifs, device=device) - first[molecule_of_motif] + 1,
            molecule_of_atom=molecule_of_motif[atom_to_motif],
            **read_spellings(views),
        )

    def __len__(self) -> int:
        """`B`, as a number; inside a model, [`num_molecules`]."""
        return self.num_molecules

    @property
    def num_molecules(self) -> int:
        """`B`. In an exported graph it stays a symbol, which `len` would turn into a constant."""
        return self.motif_counts.shape[0]

    @property
    def num_motifs(self) -> int:
        """`M`, the motifs of the whole batch."""
        return self.motif_positions.shape[0]

    @property
    def num_slots(self) -> int:
        """`K + 1`, the molecule and the motifs of the largest one."""
        return self.motif_attention_mask.shape[1]

    @property
    def atom_counts(self) -> Tensor:
        """Atoms per molecule, `(B,)`."""
        return count_members(self.molecule_of_atom, self.num_molecules)

    def pad(self, values: Tensor, fill: float = 0.0) -> Tensor:
        """Lay values of motifs out in the slots of their molecules. `(M, ...)` -> `(B, K + 1, ...)`."""
        padded = values.new_full((self.num_molecules, self.num_slots, *values.shape[1:]), fill)
        padded[self.molecule_of_motif, self.slot_of_motif] = values
        return padded

    def unpad(self, padded: Tensor) -> Tensor:
        """Read the values of the motifs from their slots. `(B, K + 1, ...)` -> `(M, ...)`."""
        return padded[self.molecule_of_motif, self.slot_of_motif]

    def select(self, rows: Tensor) -> "Molecules":
        """Take some molecules, in the order given and as often as given.

        Args:
            rows (`torch.LongTensor` of shape `(R,)`): Numbers of the molecules.

        Example:
        >>> molecules = Molecules.from_tensors(**processor(smiles=["CCO", "c1ccccc1"], return_tensors="pt"))
        >>> molecules.select(torch.tensor([1, 1])).atom_counts
        tensor([6, 6])
        """
        atoms, atom_rows = _members(self.molecule_of_atom, len(self), rows)
        motifs, _ = _members(self.molecule_of_motif, len(self), rows)
        bonds, bond_rows = _members(self.molecule_of_atom[self.edge_index[0]], len(self), rows)
        # A copy of a molecule starts elsewhere: its numbers move by the difference.
        atom_shift = _first(self.atom_counts[rows]) - _first(self.atom_counts)[rows]  # (R,)
        motif_shift = _first(self.motif_counts[rows]) - _first(self.motif_counts)[rows]  # (R,)
        views = {name: rows for name in ("path_lengths", "path_bonds", "has_conformer")} | {"atom_positions": atoms}
        selected = Molecules.from_tensors(
            self.motif_counts[rows],
            atom_features=self.atom_features[atoms],
            edge_index=self.edge_index[:, bonds] + atom_shift[bond_rows],
            edge_features=self.edge_features[bonds],
            atom_to_motif=self.atom_to_motif[atoms] + motif_shift[atom_rows],
            motif_positions=self.motif_positions[motifs],
            motif_ids=None if self.motif_ids is None else self.motif_ids[motifs],
            **{name: getattr(self, name)[one] for name, one in views.items() if getattr(self, name) is not None},
        )
        spellings = [
            one if one is None else one.select(rows, atoms, atom_rows, atom_shift)
            for one in (self.spelling, self.other_spelling)
        ]
        target_ids = None if self.target_ids is None else self.target_ids[rows]
        return replace(selected, spelling=spellings[0], other_spelling=spellings[1], target_ids=target_ids)

    def collapse(self, hidden_motifs: Tensor) -> "Molecules":
        """Leave one atom without bonds of each hidden motif: neither its size nor where it is attached is left.

        Paths led through what is hidden, and a conformer is that of the whole: a molecule with hidden motifs keeps
        neither.

        Args:
            hidden_motifs (`torch.BoolTensor` of shape `(B, K + 1)`): Motifs to hide; what is left is not masked yet.

        Example:
        >>> molecules = Molecules.from_tensors(**processor(smiles=["CCOC(=O)c1ccccc1"], return_tensors="pt"))
        >>> hidden = torch.ones_like(molecules.motif_attention_mask, dtype=torch.bool)
        >>> int(molecules.atom_counts), int(molecules.motif_counts), int(molecules.collapse(hidden).atom_counts)
        (11, 3, 3)
        """
        is_hidden = self.unpad(hidden_motifs)  # (M,)
        numbers = torch.arange(len(self.atom_to_motif), device=self.atom_to_motif.device)  # (N,)
        firsts = numbers.new_full((self.num_motifs,), len(numbers))  # (M,)
        firsts = firsts.scatter_reduce(0, self.atom_to_motif, numbers, "amin")
        hides = is_hidden[self.atom_to_motif]  # (N,)
        keeps = ~hides | (firsts[self.atom_to_motif] == numbers)  # (N,)
        bonds = ~hides[self.edge_index].any(0)  # (E,)
        collapsed = Molecules.from_tensors(
            self.motif_counts,
            atom_features=self.atom_features[keeps],
            edge_index=(keeps.cumsum(0) - 1)[self.edge_index[:, bonds]],
            edge_features=self.edge_features[bonds],
            atom_to_motif=self.atom_to_motif[keeps],
            motif_positions=self.motif_positions,
            motif_ids=self.motif_ids,
            motif_attention_mask=self.motif_attention_mask,
            **self._keep_positions(keeps, is_hidden),
        )
        spellings = [one if one is None else one.leave_out(keeps) for one in (self.spelling, self.other_spelling)]
        return replace(collapsed, spelling=spellings[0], other_spelling=spellings[1])

    def _keep_positions(self, keeps: Tensor, is_hidden: Tensor) -> dict[str, Tensor]:
        """Keep the positions of some atoms `(N,)`, but not in molecules with hidden motifs `(M,)`."""
        if self.atom_positions is None or self.has_conformer is None:
            return {}
        is_whole = count_members(self.molecule_of_motif[is_hidden], self.num_molecules) == 0  # (B,)
        return {"atom_positions": self.atom_positions[keeps], "has_conformer": self.has_conformer * is_whole}

    def to(self, device: torch.device | str) -> "Molecules":
        """Copy to a device."""
        tensors = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: one.to(device) for name, one in tensors.items() if one is not None})

    def to_data(self) -> Any:
        """Give the molecules to PyTorch Geometric, as a `torch_geometric.data.Batch`.

        Returns:
            `Batch` with `x (N, F)`, `edge_index (2, E)`, `edge_attr (E, 3)`, `atom_to_motif (N,)`, `batch (N,)`.

        Example:
        >>> molecules = Molecules.from_tensors(**processor(smiles=["CCO", "C"], return_tensors="pt"))
        >>> molecules.to_data().num_graphs
        2
        """
        from torch_geometric.data import Batch  # takes a second or two, which nothing else here needs

        atom_counts = self.atom_counts
        return Batch(
            x=self.atom_features,
            edge_index=self.edge_index,
            edge_attr=self.edge_features,
            atom_to_motif=self.atom_to_motif,
            batch=self.molecule_of_atom,
            ptr=torch.cat([atom_counts.new_zeros(1), atom_counts.cumsum(0)]),
            _num_graphs=len(self),
        )


# What the views beside that of the graph give.
VIEW_TENSORS = ("path_lengths", "path_bonds", "atom_positions", "has_conformer", *SPELLING_TENSORS)
# What a processor gives; the rest follows from it.
MOLECULE_TENSORS = (
    *(name for name in inspect.signature(Molecules.from_tensors).parameters if name != "views"),
    *VIEW_TENSORS,
)


def count_members(group_of: Tensor, num_groups: int) -> Tensor:
    """Count what belongs to each group. `(L,)`, `G` -> `(G,)`."""
    return group_of.new_zeros(num_groups).index_add(0, group_of, torch.ones_like(group_of))


def takes_molecules(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Let `forward(self, molecules, ...)` be called with the tensors of a processor, which become one [`Molecules`].

    The published signature lists the tensors, so `Trainer`, pipelines and `inspect` see what they pass.

    Args:
        forward (callable): A method whose first argument is `molecules`; gets `None` where no molecules are given.
    """
    parameters = list(inspect.signature(forward).parameters.values())
    own, molecules, *others = parameters

    @functools.wraps(forward)
    def wrapper(self: Any, molecules: Molecules | None = None, **inputs: Any) -> Any:
        """Pack the tensors and call the method."""
        tensors = {name: inputs.pop(name) for name in MOLECULE_TENSORS if name in inputs}
        given = [name for name, tensor in tensors.items() if tensor is not None]
        if molecules is not None and given:
            raise ValueError(
                f"Give molecules once: got `molecules` and {', '.join(given)} beside it. Leave either out."
            )
        if given:
            molecules = Molecules.from_tensors(**{**dict.fromkeys(_REQUIRED), **tensors})
        return forward(self, molecules, **inputs)

    keyword = inspect.Parameter.KEYWORD_ONLY
    tensors = [inspect.Parameter(name, keyword, default=None) for name in MOLECULE_TENSORS]
    rest = [parameter for parameter in others if parameter.kind is inspect.Parameter.VAR_KEYWORD]
    others = [parameter.replace(kind=keyword) for parameter in others if parameter not in rest]
    first = molecules.replace(default=None)
    wrapper.__signature__ = inspect.Signature([own, first, *others, *tensors, *rest])  # type: ignore[attr-defined]
    return wrapper


_REQUIRED = tuple(
    name for name in MOLECULE_TENSORS if name not in ("motif_ids", "motif_attention_mask", *VIEW_TENSORS)
)


def _first(counts: Tensor) -> Tensor:
    """Number of the first member of each group. `(G,)` -> `(G,)`."""
    return counts.cumsum(0) - counts


def _members(group_of: Tensor, num_groups: int, rows: Tensor) -> tuple[Tensor, Tensor]:
    """List the members of some groups, group by group, and the place in `rows` of each. `(L,)` -> `(S,)`, `(S,)`."""
    counts = count_members(group_of, num_groups)  # (G,)
    order = group_of.argsort(stable=True)  # (L,)
    sizes = counts[rows]  # (R,)
    place = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), sizes)  # (S,)
    within = torch.arange(len(place), device=rows.device) - _first(sizes)[place]  # (S,)
    return order[_first(counts)[rows][place] + within], place


__all__ = ["MOLECULE_TENSORS", "UNKNOWN_MOTIF_ID", "VIEW_TENSORS", "Molecules", "count_members", "takes_molecules"]
