"""`finemoltex pretrain`: from pairs of molecules and texts to a model folder."""

import dataclasses

import typer

from .errors import plain_errors


def pretrain(context: typer.Context) -> None:
    """Pre-train on pairs of molecules and texts; `finemoltex pretrain --help` lists the options.

    `accelerate launch -m finemoltex_cli pretrain ...` trains on several devices.
    """
    from modeling_finemoltex.evaluation import format_retrieval_table
    from modeling_finemoltex.training import DataArguments, FineMolTexTrainingArguments, ModelArguments
    from modeling_finemoltex.training import pretrain as run

    groups = (ModelArguments, DataArguments, FineMolTexTrainingArguments)
    options = {field.name: f"--{field.name}" for group in groups for field in dataclasses.fields(group)}
    with plain_errors(options):
        result = run(context.args, prog="finemoltex pretrain")
    if not result.is_complete:
        raise typer.Exit(130)  # the exit status of a program stopped by Ctrl-C
    if result.is_main_process:
        typer.echo(format_retrieval_table(result.metrics))
        typer.echo(f"The model, its processor and its card are in {result.output_dir}")
