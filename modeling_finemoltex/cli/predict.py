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
    batch_size: Annotated[int, typer.Option("--batch_size", help="molecules the model takes at once")] = 64
    num_workers: Annotated[int, typer.Option("--num_workers", help="processes that prepare batches; 0: none")] = 0


@takes(PredictArguments)
def predict(arguments: PredictArguments) -> None:
    """Predict properties of the molecules of a file: its rows with columns added, whatever its size."""
    from modeling_finemoltex.property_prediction import load_predictor, predict_file

    source = arguments.open_file(arguments.input_file, keep_cells=True)
    with quiet_loading():
        predictor = load_predictor(arguments.model, arguments.device, arguments.trust_remote_code)
    counts = predict_file(source, arguments.output, predictor, arguments.batch_size, arguments.num_workers)
    count = "all" if counts["num_errors"] == counts["num_rows"] else counts["num_errors"]
    typer.echo(f"{arguments.output}: {counts['num_rows']} rows, {count} of them without prediction (see `error`).")
