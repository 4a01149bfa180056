"""`finemoltex embed`: a file of molecules or texts to a folder of embeddings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .arguments import EncoderOptions, MoleculeFileArguments, Precision, RowOptions, load_any_encoder, takes


@dataclass(kw_only=True)
class EmbedArguments(EncoderOptions, RowOptions, MoleculeFileArguments):
    """What to embed, with which model, and where to write."""

    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="folder of the embeddings; made if needed")]
    batch_size: Annotated[
        int | None,
        typer.Option("--batch_size", help="rows the model takes at once", show_default="64 on a CPU, 512 else"),
    ] = None
    shard_rows: Annotated[int, typer.Option("--shard_rows", help="input rows per file of the output")] = 8192
    num_workers: Annotated[
        int | None,
        typer.Option("--num_workers", help="processes that prepare batches; 0: none", show_default="by the cores"),
    ] = None
    dtype: Annotated[
        str | None, typer.Option(help="type to compute in, such as bfloat16", show_default="of the weights")
    ] = None
    precision: Precision = None


@takes(EmbedArguments)
def embed(arguments: EmbedArguments) -> None:
    """Embed a file of molecules (or texts) into Parquet files; run it again to go on after an interruption.

    `accelerate launch -m finemoltex_cli embed ...` shares the work among several devices, `torchrun --nproc_per_node 2
    -m finemoltex_cli embed ...` among several processes on CPUs.
    """
    from modeling_finemoltex.embedding import embed_file
    from modeling_finemoltex.embedding.encoder import get_processes

    source = arguments.open_rows(arguments.input_file)
    options = {"device": arguments.device, "dtype": arguments.dtype, "trust_remote_code": arguments.trust_remote_code}
    encoder = load_any_encoder(arguments.model, arguments.precision, **options)
    sizes = (arguments.batch_size, arguments.shard_rows, arguments.num_workers)
    facts = embed_file(source, arguments.output, encoder, *sizes)
    if get_processes().is_main_process:
        typer.echo(f"{arguments.output}: {facts['num_rows']} rows embedded in {facts['num_shards']} shards.")
        if facts["num_rejected"]:
            rejected = arguments.output / "rejected.csv"
            which = "" if facts["num_rows"] else "All "
            typer.echo(f"{which}{facts['num_rejected']} rows rejected, with reasons in {rejected}.")
