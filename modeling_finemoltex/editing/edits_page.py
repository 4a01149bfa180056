"""Edits as a picture: an HTML page or a PNG grid, drawn like the source, with what changed highlighted."""

from collections.abc import Sequence
from pathlib import Path

from rdkit import Chem
from rdkit.Chem import rdDepictor, rdFMCS
from rdkit.Chem.Draw import rdMolDraw2D

from ..data.atomic_files import write_text
from ..data.identifiers import try_parse
from ..drawing.molecule_page import Card, Section, draw_molecule, render_page
from .edit_words import describe_alerts, describe_rules, explain_rejections
from .edits import Edit, Edits

NEW, CUT = (0.55, 0.85, 0.55), (0.98, 0.75, 0.45)  # green: atoms that are new; orange: atoms that lost a neighbour
MATCH_SECONDS = 1  # patience for the largest common substructure of one pair
COMPARISONS = (rdFMCS.AtomCompare.CompareElements, rdFMCS.AtomCompare.CompareAny)
PANEL, COLUMNS = (320, 260), 4  # pixels of a molecule in the PNG grid, and molecules in a row


def find_changes(source: Chem.Mol, edit: Chem.Mol) -> dict[int, tuple[float, float, float]]:
    """Find what an edit changed, and lay it out as the source is.

    Args:
        source (`rdkit.Chem.Mol`): Has coordinates.
        edit (`rdkit.Chem.Mol`): Gets coordinates.

    Returns:
        `dict[int, tuple[float, float, float]]`: Atom of the edit -> colour: `NEW` where it has no counterpart of its
        element in the source, `CUT` where its counterpart has a neighbour that is gone.
    """
    # With elements compared a carbon that became nitrogen breaks its ring; without, chance likeness counts as kept.
    maps = [_map_atoms(source, edit, compare) for compare in COMPARISONS]
    changes = [(_color_atoms(source, edit, atom_map), atom_map) for atom_map in maps]
    colors, atom_map = min(changes, key=lambda change: len(change[0]))
    if atom_map:
        rdDepictor.GenerateDepictionMatching2DStructure(edit, source, atomMap=list(atom_map.items()))
    else:
        rdDepictor.Compute2DCoords(edit)
    return colors


def render_edits_page(title: str, smiles: str | None, edits: Sequence[Edit], summary: str = "") -> str:
    """Lay out edits as cards with drawing, scores, similarity, what changed and alerts; then what was rejected.

    Args:
        title (`str`): The prompt: heading of the page.
        smiles (`str`, *optional*): The source, drawn beside the heading; `None` for generated molecules.
        edits (sequence of `Edit`): Best first; of [`Edits`] the page also shows what was rejected.
        summary (`str`): A line under the heading.

    Returns:
        `str`: The page; everything that came from outside is escaped, nothing is loaded from elsewhere.
    """
    source = _lay_out(smiles)
    cards = []
    for rank, edit in enumerate(edits, start=1):
        molecule, colors = _draw_like(source, edit)
        score = "" if edit.text_score is None else _sign(edit.text_score, source is not None)
        cards.append(
            Card(f"{rank}.", score, draw_molecule(molecule, colors), edit.smiles, _describe(edit, source is not None))
        )
    drawing = draw_molecule(source) if source is not None else ""
    sections = [Section(title, cards, summary, drawing)]
    if isinstance(edits, Edits):
        sections += _list_rejections(edits)
    return render_page(sections, "text score", "No admissible edit.")


def draw_edits(smiles: str | None, edits: Sequence[Edit]) -> bytes:
    """Draw the source and its edits as a grid in a PNG file."""
    source = _lay_out(smiles)
    drawn: list[tuple[Chem.Mol, dict[int, tuple[float, float, float]]]] = [] if source is None else [(source, {})]
    drawn += [_draw_like(source, edit) for edit in edits]
    legends = [] if source is None else ["source"]
    legends += [
        str(rank) if edit.text_score is None else f"{rank}: {_sign(edit.text_score, source is not None)}"
        for rank, edit in enumerate(edits, start=1)
    ]
    columns = max(min(COLUMNS, len(drawn)), 1)
    rows = max(-(-len(drawn) // columns), 1)
    canvas = rdMolDraw2D.MolDraw2DCairo(columns * PANEL[0], rows * PANEL[1], *PANEL)
    if drawn:
        molecules = [rdMolDraw2D.PrepareMolForDrawing(molecule) for molecule, _ in drawn]
        canvas.DrawMolecules(
            molecules,
            highlightAtoms=[list(colors) for _, colors in drawn],
            highlightAtomColors=[colors for _, colors in drawn],
            legends=legends,
        )
    canvas.FinishDrawing()
    return canvas.GetDrawingText()


def write_edits(file: str | Path, title: str, smiles: str | None, edits: Sequence[Edit], summary: str = "") -> None:
    """Write the picture: a page to `.html`, a grid to `.png`.

    Raises:
        ValueError: If the name of the file ends otherwise.
    """
    path = Path(file)
    if path.suffix.lower() == ".html":
        write_text(path, render_edits_page(title, smiles, edits, summary))
    elif path.suffix.lower() == ".png":
        path.write_bytes(draw_edits(smiles, edits))
    else:
        raise ValueError(f"{file}: edits are drawn to a file that ends in .html or .png.")


def _describe(edit: Edit, is_change: bool) -> str:
    """Say what is known of an edit: properties, scores, what changed and alerts."""
    lines = [] if edit.similarity is None else [f"similarity {edit.similarity:.2f}"]
    lines += [f"{name} {_sign(value, is_change)}" for name, value in edit.property_changes.items()]
    if edit.source_score is not None and edit.score is not None:
        lines.append(f"text {edit.source_score:.2f} → {edit.score:.2f}")
    if edit.rules:
        lines.append(f"changed: {describe_rules(edit.rules)}")
    if edit.alerts:
        lines.append(f"alerts: {describe_alerts(edit)}")
    return " · ".join(lines)


def _list_rejections(edits: Edits) -> list[Section]:
    """Lay out what was rejected: a card for each rule, with an example; nothing if nothing was."""
    cards = [
        Card(rule, count, text=f"{example} {reason}".strip())
        for rule, count, example, reason in explain_rejections(edits.report)
    ]
    summary = edits.report.note or f"Of {edits.report.proposed} analogues; for each rule the first example."
    return [Section("What was rejected", cards, summary, score_name="analogues")] if cards or edits.report.note else []


def _map_atoms(source: Chem.Mol, edit: Chem.Mol, compare: rdFMCS.AtomCompare) -> dict[int, int]:
    """Map the atoms of the source to those of the edit along the largest common substructure."""
    common = rdFMCS.FindMCS(
        [source, edit], timeout=MATCH_SECONDS, ringMatchesRingOnly=True, completeRingsOnly=True, atomCompare=compare
    )
    if not common.numAtoms:
        return {}
    before, after = (molecule.GetSubstructMatch(common.queryMol) for molecule in (source, edit))
    return dict(zip(before, after, strict=True)) if before and after else {}


def _color_atoms(source: Chem.Mol, edit: Chem.Mol, atom_map: dict[int, int]) -> dict[int, tuple[float, float, float]]:
    """Colour the atoms of the edit without a counterpart of their element and those that lost a neighbour."""
    kept = set(atom_map.values())
    colors = {atom: NEW for atom in range(edit.GetNumAtoms()) if atom not in kept}
    for old, new in atom_map.items():
        atom = source.GetAtomWithIdx(old)
        if atom.GetAtomicNum() != edit.GetAtomWithIdx(new).GetAtomicNum():
            colors[new] = NEW
        elif any(neighbour.GetIdx() not in atom_map for neighbour in atom.GetNeighbors()):
            colors[new] = CUT
    return colors


def _lay_out(smiles: str | None) -> Chem.Mol | None:
    molecule = None if smiles is None else try_parse(smiles)
    if molecule is not None:
        rdDepictor.Compute2DCoords(molecule)
    return molecule


def _draw_like(source: Chem.Mol | None, edit: Edit) -> tuple[Chem.Mol, dict[int, tuple[float, float, float]]]:
    """Lay out an edit, and colour what changed."""
    molecule = Chem.MolFromSmiles(edit.smiles)
    return molecule, {} if source is None else find_changes(source, molecule)


def _sign(value: float, is_change: bool) -> str:
    return f"{value:+.2f}" if is_change else f"{value:.2f}"
