"""`finemoltex predict`: properties of the molecules of a file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .arguments import LoadingOptions, MoleculeFileArguments, takes
from .errors import quiet_loading


@dataclass(kw_only=True)
class PredictArguments(LoadingOptions, MoleculeFileArguments):
    """What to predict, with which model, and where to write."""

    model: Annotated[str, typer.Option(help="folder of a fine-tuned model or of a blend")]
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="csv file to write")]
    level: Annotated[
        float | None,
        typer.Option(help="add the classes, or the interval, that hold the truth so often, such as 0.9"),
    ] = None
    neighbours: Annotated[int, typer.Option(help="add so many of the nearest training molecules")] = 0
    draw: Annotated[
        Path | None,
        typer.Option(help="folder for a picture of each molecule: its atoms, red if they raise a prediction"),
    ] = None
    draw_property: Annotated[
        str | None, typer.Option("--draw_property", help="task or class to draw", show_default="the first")
    ] = None
    batch_size: Annotated[int, typer.Option("--batch_size", help="molecules the model takes at once")] = 64
    num_workers: Annotated[int, typer.Option("--num_workers", help="processes that prepare batches; 0: none")] = 0


@takes(PredictArguments)
def predict(arguments: PredictArguments) -> None:
    """Predict properties of the molecules of a file: its rows with columns added, whatever its size."""
    from modeling_finemoltex.property_prediction import choose_columns, load_predictor, predict_file

    if arguments.draw_property is not None and arguments.draw is None:
        raise ValueError("--draw_property says what is drawn: give the folder with --draw too.")
    source = arguments.open_file(arguments.input_file, keep_cells=True)
    with quiet_loading():
        predictor = load_predictor(arguments.model, arguments.device, arguments.trust_remote_code)
    columns = choose_columns(
        predictor,
        arguments.model,
        level=arguments.level,
        neighbours=arguments.neighbours,
        pictures=arguments.draw,
        output=arguments.draw_property or 0,
    )
    sizes = (arguments.batch_size, arguments.num_workers)
    counts = predict_file(source, arguments.output, predictor, *sizes, columns=columns)
    count = "all" if counts["num_errors"] == counts["num_rows"] else counts["num_errors"]
    typer.echo(f"{arguments.output}: {counts['num_rows']} rows, {count} of them without prediction (see `error`).")
