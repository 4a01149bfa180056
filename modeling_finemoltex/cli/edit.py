"""`finemoltex edit`: analogues of a molecule that a sentence fits better."""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import AsJson, FilterOptions, LayoutOptions, takes
from .errors import check_ending, quiet_loading
from .tables import echo_json

if TYPE_CHECKING:
    from modeling_finemoltex.editing import EditReport, Edits, MoleculeEditor


@dataclass(kw_only=True)
class EditArguments(FilterOptions, LayoutOptions):
    """What to edit, towards what, and how."""

    smiles: Annotated[
        str, typer.Argument(metavar="SMILES|FILE", help="molecule to edit, or a file of them, with --output")
    ]
    prompt: Annotated[str, typer.Argument(help="what it is to become, in quotes")]
    model: Annotated[
        str | None,
        typer.Option(help="model folder, Hub id, or export folder", show_default="the model of the package"),
    ] = None
    output: Annotated[
        Path | None, typer.Option(help="csv file to write the edits of a file to; an interrupted job goes on")
    ] = None
    opposite: Annotated[
        str | None, typer.Option(help="what it is not to become, in words of its own; sharpens the prompt")
    ] = None
    num_edits: Annotated[int, typer.Option("-k", help="number of edits")] = 10
    min_similarity: Annotated[
        float,
        typer.Option("--min_similarity", help="least Tanimoto similarity to the molecule, which the search asks for"),
    ] = 0.4
    min_gain: Annotated[
        float,
        typer.Option("--min_gain", help="what an edit after the first must gain in every clause of the prompt"),
    ] = 0.025
    smarts: Annotated[
        list[str] | None, typer.Option("--keep", "--smarts", help="edits must have this substructure; repeatable")
    ] = None
    allow: Annotated[
        list[str] | None, typer.Option(help="do not apply this rule of plausibility, see --why; repeatable")
    ] = None
    why: Annotated[bool, typer.Option("--why", help="show what was rejected, by which rule, with an example")] = False
    oracle: Annotated[
        str | None,
        typer.Option(help="RDKit's logp, qed, tpsa, donors or acceptors must change too, such as logp:down"),
    ] = None
    editor: Annotated[
        str,
        typer.Option(help="search, random, or latent: move the latent of a generator, which the folder must hold"),
    ] = "search"
    fragments: Annotated[
        Path | None,
        typer.Option(
            help="fragments to make edits of, see `finemoltex fragments`", show_default="those of the package"
        ),
    ] = None
    motif_swaps: Annotated[
        bool, typer.Option("--motif_swaps", help="also exchange motifs, whatever their surroundings")
    ] = False
    selfies: Annotated[bool, typer.Option("--selfies", help="propose random SELFIES mutations too")] = False
    num_generations: Annotated[
        int, typer.Option("--num_generations", help="times that the search goes on from the best edits")
    ] = 2
    seed: Annotated[int, typer.Option(help="equal seeds give equal edits")] = 0
    num_workers: Annotated[
        int | None,
        typer.Option(
            "--num_workers", help="processes that edit the molecules of a file; 0: none", show_default="by the cores"
        ),
    ] = None
    as_json: AsJson = False
    draw: Annotated[Path | None, typer.Option(help="also draw the edits to this .html or .png file")] = None


@takes(EditArguments)
def edit(arguments: EditArguments) -> None:
    """Edit a molecule so that a sentence fits it better: similar, plausible analogues, the best first."""
    from modeling_finemoltex.data.molecule_files import has_format

    if has_format(arguments.smiles):
        _edit_file(arguments)
        return
    for name in ("output", "num_workers"):
        if getattr(arguments, name) is not None:
            raise ValueError(
                f"--{name} is for a file of molecules, such as library.csv; got {arguments.smiles!r:.80}."
            )
    _edit_molecule(arguments)


def _edit_molecule(arguments: EditArguments) -> None:
    """Edit one molecule, and print what there is to say."""
    from modeling_finemoltex.editing import write_edits

    smiles, prompt, draw = arguments.smiles, arguments.prompt, arguments.draw
    check_ending(draw, ".html", ".png")
    edits = _make_editor(arguments).edit(smiles, prompt, arguments.opposite, arguments.num_edits)
    oracle = _name_oracle(arguments)
    if arguments.as_json:
        entry = {"smiles": smiles, "prompt": prompt, "oracle": oracle, "edits": [one.to_dict() for one in edits]}
        echo_json(entry | {"report": edits.report.to_dict()})
    else:
        typer.echo(_format_edits(edits))
        if oracle is not None:
            typer.echo(f"Besides the text, RDKit's {oracle} was required.")
        if arguments.why:
            typer.echo(_format_rejections(edits.report))
    if len(edits) < arguments.num_edits:
        typer.echo(edits.report.explain(len(edits), arguments.num_edits), err=True)
    if draw is not None:
        write_edits(draw, prompt, smiles, edits, f"{len(edits)} edits of {smiles}")
        typer.echo(f"{draw}: {len(edits)} edits drawn", err=True)


def _edit_file(arguments: EditArguments) -> None:
    """Edit the molecules of a file into a table."""
    from modeling_finemoltex import __version__
    from modeling_finemoltex.editing import Job, edit_file
    from modeling_finemoltex.hub.shipped_model import SHIPPED_MODEL

    if arguments.output is None:
        raise ValueError(f"{arguments.smiles} is a file of molecules: give --output OUT.csv for their edits.")
    if arguments.as_json or arguments.draw is not None:
        raise ValueError("--json and --draw are for one molecule: the edits of a file go to --output.")
    source = arguments.open_file(Path(arguments.smiles))
    names = ("model", "min_similarity", "smarts", "exclude_smarts", "ranges", "allow", "oracle", "editor", "selfies")
    names = (*names, "motif_swaps", "num_generations", "min_gain", "seed")
    settings = {name: getattr(arguments, name) for name in names}
    settings["model"] = arguments.model or f"{SHIPPED_MODEL} of finemoltex {__version__}"
    settings["fragments"] = None if arguments.fragments is None else str(arguments.fragments)
    job = Job(arguments.prompt, arguments.opposite, arguments.num_edits, settings)
    make_editor = partial(_make_editor, arguments)
    counts, report = edit_file(source, arguments.output, make_editor, job, num_workers=arguments.num_workers)
    if arguments.why:
        typer.echo(_format_rejections(report))
    typer.echo(
        f"{arguments.output}: {counts['num_edits']} edits of {counts['num_rows']} rows, {counts['num_errors']} of "
        "which could not be edited (see `note`)."
    )


def _make_editor(arguments: EditArguments) -> "MoleculeEditor":
    """Load a model into the editor asked for."""
    from modeling_finemoltex import default_model, editing
    from modeling_finemoltex.runtime import is_export_folder

    if arguments.editor not in editing.EDITORS:
        raise ValueError(f"--editor must be one of {', '.join(editing.EDITORS)}, got {arguments.editor!r}.")
    if arguments.oracle is not None and arguments.editor != "search":
        raise ValueError(f"--oracle guides --editor search alone, got {arguments.editor!r}.")
    judge = editing.PlausibilityJudge(arguments.allow or ())
    settings = editing.EditorSettings(
        constraints=editing.EditConstraints(arguments.min_similarity, arguments.make_filter(), judge),
        num_generations=arguments.num_generations,
        seed=arguments.seed,
        fragments=arguments.fragments,
        use_selfies=arguments.selfies,
        use_motifs=arguments.motif_swaps,
        oracle=None if arguments.oracle is None else editing.parse_oracle(arguments.oracle),
        judge_all=arguments.why,
        min_gain=arguments.min_gain,
    )
    model = arguments.model or default_model()
    with nullcontext() if is_export_folder(model) else quiet_loading():  # it takes Transformers to be quiet about it
        return editing.load_editor(arguments.editor, model, settings)


def _name_oracle(arguments: EditArguments) -> str | None:
    """Write the oracle as what it is: a descriptor and a direction."""
    from modeling_finemoltex.editing import parse_oracle

    return None if arguments.oracle is None else str(parse_oracle(arguments.oracle))


def _format_edits(edits: "Edits") -> str:
    """Lay out edits as a table: how much nearer to the text, how similar, what changed, and by which rule."""
    from modeling_finemoltex.editing.edit_words import describe_alerts, describe_rules

    if not edits:
        return "no edits"
    names = list(edits[0].property_changes)
    head = "rank    gain  source    edit  similarity  "
    lines = [head + "  ".join(f"{name:>13}" for name in names) + "  SMILES"]
    for rank, one in enumerate(edits, start=1):
        changes = "  ".join(f"{one.property_changes[name]:>+13.2f}" for name in names)
        scores = f"{_number(one.text_score, '+')}  {_number(one.source_score)}  {_number(one.score)}"
        lines.append(f"{rank:>4}  {scores}  {one.similarity:>10.2f}  {changes}  {one.smiles}")
        lines.append(f"      changed: {describe_rules(one.rules)}; alerts: {describe_alerts(one)}")
    return "\n".join(lines)


def _number(value: float | None, sign: str = "") -> str:
    """Write a score; a dash for an editor that reads no text."""
    return "     –" if value is None else f"{value:>{sign}6.3f}"


def _format_rejections(report: "EditReport") -> str:
    """Lay out what was rejected: rule, count, an example and what is wrong with it."""
    from modeling_finemoltex.editing.edit_words import explain_rejections

    rows = explain_rejections(report)
    if not rows:
        return f"{report.proposed} analogues, none rejected"
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    lines = [f"{report.proposed} analogues, rejected by:"]
    for rule, count, example, reason in rows:
        lines.append(f"  {rule:<{widths[0]}}  {count:>{widths[1]}}  {example:<{widths[2]}}  {reason}")
    return "\n".join(lines)
