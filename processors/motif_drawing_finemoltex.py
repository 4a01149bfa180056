"""Pictures of a molecule with each motif in a colour of its own."""

import colorsys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

_MAX_LEGEND = 110  # characters that fit under a drawing of the default size


class Motif(NamedTuple):
    """One motif of a molecule."""

    label: str
    atoms: list[int]
    id: int
    position: int


def draw_motifs(
    molecule: Chem.Mol,
    motifs: Sequence[Motif],
    size: tuple[int, int] = (480, 360),
    format: str = "svg",
    colors: Mapping[int, tuple[float, ...]] | None = None,
    notes: Mapping[int, str] | None = None,
) -> str | bytes:
    """Draw a molecule with each motif in its own colour; a legend names them.

    Args:
        molecule (`rdkit.Chem.Mol`): The molecule; notes are written into its atoms.
        motifs (sequence of `Motif`): Its motifs.
        size (`tuple[int, int]`, *optional*, defaults to `(480, 360)`): Width and height in pixels.
        format (`str`, *optional*, defaults to `"svg"`): `"svg"` or `"png"`.
        colors (`Mapping[int, tuple]`, *optional*): Position of a motif -> red, green and blue, each from 0 to 1.
        notes (`Mapping[int, str]`, *optional*): Position of a motif -> what to write there, instead of it.

    Returns:
        `str` (SVG text) or `bytes` (PNG file).

    Raises:
        ValueError: If `format` is unknown.
    """
    if format not in ("svg", "png"):
        raise ValueError(f"`format` must be 'svg' or 'png', got {format!r}.")
    notes = {motif.position: str(motif.position) for motif in motifs} if notes is None else notes
    atom_colors: dict[int, tuple[float, ...]] = {}
    bond_colors: dict[int, tuple[float, ...]] = {}
    for motif in motifs:
        color = _pick_color(motif.position) if colors is None else colors[motif.position]
        atom_colors.update(dict.fromkeys(motif.atoms, color))
        molecule.GetAtomWithIdx(motif.atoms[0]).SetProp("atomNote", notes[motif.position])
        bond_colors.update(dict.fromkeys(_bonds_inside(molecule, set(motif.atoms)), color))
    legend = "   ".join(f"{notes[motif.position]}: {motif.label}" for motif in motifs)
    canvas = (rdMolDraw2D.MolDraw2DSVG if format == "svg" else rdMolDraw2D.MolDraw2DCairo)(*size)
    canvas.DrawMolecule(
        rdMolDraw2D.PrepareMolForDrawing(molecule, kekulize=False),
        legend=legend if len(legend) <= _MAX_LEGEND else legend[: _MAX_LEGEND - 3] + "...",
        highlightAtoms=list(atom_colors),
        highlightAtomColors=atom_colors,
        highlightBonds=list(bond_colors),
        highlightBondColors=bond_colors,
    )
    canvas.FinishDrawing()
    return canvas.GetDrawingText()


def _pick_color(position: int) -> tuple[float, float, float]:
    """Steps of the golden ratio keep the hues of neighbouring positions far apart."""
    return colorsys.hls_to_rgb(position * 0.618034 % 1, 0.78, 0.75)


def _bonds_inside(molecule: Chem.Mol, atoms: set[int]) -> list[int]:
    """List the bonds with both ends among some atoms."""
    return [
        bond.GetIdx()
        for bond in molecule.GetBonds()
        if bond.GetBeginAtomIdx() in atoms and bond.GetEndAtomIdx() in atoms
    ]
