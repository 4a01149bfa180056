"""The command line: `finemoltex COMMAND --help`.

Each command reads its arguments here and calls one function of the package, so all of it can be used from Python too.
Heavy modules are imported inside the commands: `finemoltex --help` answers at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="finemoltex",
    help="Embed molecules and texts, and search one with the other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def main() -> None:
    """Embed molecules and texts, and search one with the other."""


@app.command()
def embed(
    input_file: Annotated[
        Path, typer.Argument(metavar="INPUT", help="csv, tsv, smi, sdf (each also .gz) or parquet file")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="folder of the embeddings; made if needed")],
    model: Annotated[str, typer.Option(help="model folder or Hub id")],
    smiles_column: Annotated[str | None, typer.Option("--smiles_column", help="column of the molecules")] = None,
    text_column: Annotated[
        str | None, typer.Option("--text_column", help="embed the texts of this column instead of molecules")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id_column", help="column of the ids")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch_size", help="rows the model takes at once", show_default="64 on a CPU, 512 else"),
    ] = None,
    shard_rows: Annotated[int, typer.Option("--shard_rows", help="input rows per file of the output")] = 8192,
    num_workers: Annotated[
        int | None,
        typer.Option("--num_workers", help="processes that prepare batches; 0: none", show_default="by the cores"),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="type to compute in, such as bfloat16", show_default="of the weights")
    ] = None,
    device: Annotated[str | None, typer.Option(help="such as cpu or cuda:1", show_default="the fastest")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="run the code in the model folder")
    ] = False,
) -> None:
    """Embed a file of molecules (or texts) into Parquet files; run it again to go on after an interruption.

    `accelerate launch -m modeling_finemoltex.cli embed ...` shares the work among several devices, `torchrun
    --nproc_per_node 2 -m modeling_finemoltex.cli embed ...` among several processes on CPUs.
    """
    from .retrieval.embedding_job import embed_file
    from .retrieval.encoder import MoleculeTextEncoder, get_processes
    from .retrieval.molecule_files import RowSource

    with _plain_errors():
        source = RowSource(input_file, smiles_column, text_column, id_column)
        encoder = MoleculeTextEncoder.from_pretrained(
            model, device=device, dtype=dtype, trust_remote_code=trust_remote_code
        )
        facts = embed_file(source, output, encoder, batch_size, shard_rows, num_workers)
    if get_processes().is_main_process:
        typer.echo(f"{output}: {facts['num_rows']} rows embedded in {facts['num_shards']} shards.")
        if facts["num_rejected"]:
            typer.echo(f"{facts['num_rejected']} rows rejected, with reasons in {output / 'rejected.csv'}.")


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Show what a user can mend as one message without a trace."""
    try:
        yield
    except (ValueError, OSError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
