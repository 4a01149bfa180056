"""`finemoltex edit`: analogues of a molecule that a sentence fits better."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import AsJson, FilterOptions, takes
from .errors import quiet_loading
from .tables import echo_json

if TYPE_CHECKING:
    from modeling_finemoltex.editing import Edit, MoleculeEditor


@dataclass(kw_only=True)
class EditArguments(FilterOptions):
    """What to edit, towards what, and how."""

    smiles: Annotated[str, typer.Argument(metavar="SMILES", help="molecule to edit")]
    prompt: Annotated[str, typer.Argument(help="what it is to become, in quotes")]
    model: Annotated[str, typer.Option(help="model folder or Hub id")]
    opposite: Annotated[
        str | None, typer.Option(help="what it is not to become, in words of its own; sharpens the prompt")
    ] = None
    num_edits: Annotated[int, typer.Option("-k", help="number of edits")] = 10
    min_similarity: Annotated[
        float, typer.Option("--min_similarity", help="least Tanimoto similarity to the molecule")
    ] = 0.4
    editor: Annotated[
        str,
        typer.Option(help="search, random, or latent: move the latent of a generator, which the folder must hold"),
    ] = "search"
    fragments: Annotated[
        Path | None, typer.Option(help="CReM fragment database, see `build_fragment_database`; proposes more edits")
    ] = None
    selfies: Annotated[bool, typer.Option("--selfies", help="propose random SELFIES mutations too")] = False
    num_generations: Annotated[
        int, typer.Option("--num_generations", help="times that the search goes on from the best edits")
    ] = 2
    seed: Annotated[int, typer.Option(help="equal seeds give equal edits")] = 0
    as_json: AsJson = False
    draw: Annotated[Path | None, typer.Option(help="also draw the edits to this .html or .png file")] = None


@takes(EditArguments)
def edit(arguments: EditArguments) -> None:
    """Edit a molecule so that a sentence fits it better: similar, valid analogues, the best first."""
    from modeling_finemoltex.editing import write_edits

    smiles, prompt, draw = arguments.smiles, arguments.prompt, arguments.draw
    edits = _make_editor(arguments).edit(smiles, prompt, arguments.opposite, arguments.num_edits)
    if arguments.as_json:
        echo_json({"smiles": smiles, "prompt": prompt, "edits": [one.to_dict() for one in edits]})
    else:
        typer.echo(_format_edits(edits))
    if not edits:
        typer.echo("No admissible edit: lower --min_similarity, or relax --smarts and --range.", err=True)
    if draw is not None:
        write_edits(draw, prompt, smiles, edits, f"{len(edits)} edits of {smiles}")
        typer.echo(f"{draw}: {len(edits)} edits drawn", err=True)


def _make_editor(arguments: EditArguments) -> "MoleculeEditor":
    """Load a model into the editor asked for."""
    from modeling_finemoltex import editing

    if arguments.editor not in editing.EDITORS:
        raise ValueError(f"--editor must be one of {', '.join(editing.EDITORS)}, got {arguments.editor!r}.")
    settings = editing.EditorSettings(
        constraints=editing.EditConstraints(arguments.min_similarity, condition=arguments.make_filter()),
        num_generations=arguments.num_generations,
        seed=arguments.seed,
        fragments=arguments.fragments,
        use_selfies=arguments.selfies,
    )
    with quiet_loading():
        return editing.load_editor(arguments.editor, arguments.model, settings)


def _format_edits(edits: "Sequence[Edit]") -> str:
    """Lay out edits as a table: how much nearer to the text, how similar, what changed."""
    if not edits:
        return "no edits"
    names = list(edits[0].property_changes)
    lines = ["rank    text  similarity  " + "  ".join(f"{name:>12}" for name in names) + "  SMILES"]
    for rank, one in enumerate(edits, start=1):
        changes = "  ".join(f"{one.property_changes[name]:>+12.2f}" for name in names)
        score = "     –" if one.text_score is None else f"{one.text_score:>+6.3f}"  # this editor reads no text
        lines.append(f"{rank:>4}  {score}  {one.similarity:>10.2f}  {changes}  {one.smiles}")
    return "\n".join(lines)
