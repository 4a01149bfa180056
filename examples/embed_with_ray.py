"""Embed, predict or describe a large library on many cores or machines, as a Ray Data pipeline: every row once.

Needs: `pip install "ray[data]"`; Parquet files with a column of SMILES, named by a path, a glob pattern or a URL of
fsspec (`s3://`, `gs://`, `hf://`, `file://`); a model folder that all machines see; for `--task predict` that of a
fine-tuned model, for `--task caption` one of `train_captioning.py`.
Takes: somewhat more than `finemoltex embed`, divided by the workers. `--workers 0` computes here, without Ray.

The rows of a file are cut into ranges of `--partition_rows`. The answers to a range become one Parquet file whose name
says which range it is. It is written under another name and renamed, so that it is there whole or not at all. Ray
repeats the range of a worker that died, and a second start of the command does what is missing. Every row of the input
is a row of the output: `row` (its number in the library), `id`, `smiles`, the columns of `--keep`, the answers, and
`problem`: why a molecule has none. `finemoltex index OUTPUT library.lance` makes vectors searchable.
"""

import argparse
import json
import os
import re
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import torch

JOB_FILE, UNFINISHED, MODEL_KEY, SECONDS_KEY = "job.json", ".unfinished", b"model", b"processor_seconds"
RESERVED = {"row", "id", "smiles", "embedding", "caption", "problem"}  # columns of the output
CAPTIONED_AT_ONCE, PREDICTED_AT_ONCE = 16, 64
ABOUT_ONE = re.compile(r"^(Molecule (at index )?0 cannot be \w+[.:] |At index 0: )")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", help="Parquet files: path, glob pattern or URL")
    parser.add_argument("output", help="folder or URL of the answers")
    parser.add_argument("--task", choices=TASKS, default="embed")
    parser.add_argument("--model", help="model folder; by default the one that comes with the package")
    parser.add_argument("--smiles_column", default="smiles")
    parser.add_argument("--id_column", help="what the molecules are called")
    parser.add_argument("--keep", nargs="*", default=[], help="further columns to copy")
    parser.add_argument("--partition_rows", type=int, default=8192, help="rows of an output file, at most")
    parser.add_argument("--workers", type=int, default=1, help="processes that compute; 0: this one, without Ray")
    parser.add_argument("--cpus", type=int, default=1, help="threads of a worker")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of a worker")
    parser.add_argument("--num_workers", type=int, default=0, help="processes of a worker that prepare molecules")
    parser.add_argument("--figures", help="JSON file for counts, seconds and the rate")
    parser.add_argument("--address", help="of a Ray cluster; by default one is started on this machine")
    arguments = parser.parse_args()
    check(parser, arguments)
    return arguments


def check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse what no worker can do, before any is started."""
    for name, least in {"partition_rows": 1, "workers": 0, "cpus": 1, "gpus": 0, "num_workers": 0}.items():
        if getattr(arguments, name) < least:
            parser.error(f"--{name} is {getattr(arguments, name)}: give a number from {least} on.")
    if arguments.task != "embed" and arguments.model is None:
        parser.error(f"--task {arguments.task} needs the folder of a model that was trained for it: give --model.")
    taken = sorted(name for name in set(arguments.keep) if name in RESERVED or name.startswith("predicted_"))
    if taken or len(set(arguments.keep)) < len(arguments.keep):
        what = f"names {', '.join(taken)}, which the output has anyway" if taken else "names a column twice"
        parser.error(f"--keep {what}: name other columns, each once.")


@dataclass(frozen=True)
class Partition:
    """A range of rows of an input file."""

    path: str
    first: int
    count: int
    row: int  # number of the first in the library

    @property
    def name(self) -> str:
        """Name of its output file."""
        return f"rows-{self.row:012d}.parquet"


class Embed:
    """Vectors, as `finemoltex embed` makes them."""

    def __init__(self, model: str | None, num_workers: int) -> None:
        from modeling_finemoltex import MoleculeTextEncoder, default_model

        self.encoder = MoleculeTextEncoder.from_pretrained(model or str(default_model()))
        self.num_workers, self.fingerprint = num_workers, self.encoder.fingerprint

    def __call__(self, smiles: list[str | None]) -> Iterator[dict[str, Any]]:
        """Give the columns of each row."""
        given = [one or "" for one in smiles]
        embeds, kept = self.encoder.encode_molecules(given, on_error="skip", num_workers=self.num_workers)
        found = dict(zip(kept, embeds, strict=True))
        for place, one in enumerate(given):
            if place in found:
                yield {"embedding": found[place]}
            else:
                yield from answer_all(self.encoder.encode_molecules, [one], str)

    @property
    def columns(self) -> dict[str, pa.DataType]:
        """Name and type of the answers."""
        return {"embedding": pa.list_(pa.float32(), self.encoder.embedding_size)}


class Predict:
    """Probabilities or numbers of a fine-tuned model."""

    def __init__(self, model: str, num_workers: int) -> None:
        from modeling_finemoltex.property_prediction import load_predictor

        self.predictor, self.fingerprint = load_predictor(model), {"model": model}
        self.columns = {f"predicted_{name}": pa.float32() for name in self.predictor.columns}

    def __call__(self, smiles: list[str | None]) -> Iterator[dict[str, Any]]:
        """Give the columns of each row."""
        return answer_all(
            self.predictor.predict,
            smiles,
            lambda row: dict(zip(self.columns, row.tolist(), strict=True)),
            PREDICTED_AT_ONCE,
        )


class Caption:
    """What a molecule is, in words."""

    columns = {"caption": pa.string()}

    def __init__(self, model: str, num_workers: int) -> None:
        from modeling_finemoltex.captioning import Captioner

        self.captioner, self.fingerprint = Captioner.from_pretrained(model), {"model": model}

    def __call__(self, smiles: list[str | None]) -> Iterator[dict[str, Any]]:
        """Give the columns of each row."""
        return answer_all(self.captioner.write, smiles, lambda one: {"caption": one.text}, CAPTIONED_AT_ONCE)


TASKS: dict[str, type] = {"embed": Embed, "predict": Predict, "caption": Caption}


def answer_all(
    function: Callable[[list[str]], Any], smiles: list[str | None], to_cells: Callable[[Any], Any], size: int = 1
) -> Iterator[dict[str, Any]]:
    """Answer batch by batch; a batch that is refused is halved, until the molecule that spoils it stands alone."""
    for start in range(0, len(smiles), size):
        batch = [one or "" for one in smiles[start : start + size]]
        try:
            yield from map(to_cells, function(batch))
        except ValueError as error:
            if len(batch) == 1:
                yield {"problem": ABOUT_ONE.sub("", str(error))}
            else:
                yield from answer_all(function, batch, to_cells, len(batch) // 2)


class Worker:
    """Computes partitions; made once in each process of Ray."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        torch.set_num_threads(max(1, options["cpus"]))
        self.task = TASKS[options["task"]](options["model"], options["num_workers"])

    def __call__(self, partition: dict[str, Any]) -> dict[str, Any]:
        """Write the answers to a partition, unless they are there."""
        one = Partition(**partition)
        system, folder = fsspec.core.url_to_fs(self.options["output"])
        path = f"{folder}/{one.name}"
        if not system.exists(path):
            table = self.answer(one)
            unfinished = f"{folder}/{one.name}.{uuid.uuid4().hex}{UNFINISHED}"
            with system.open(unfinished, "wb") as file:
                pq.write_table(table, file, compression="zstd", use_dictionary=False)
            system.mv(unfinished, path)
        return {"name": one.name}

    def answer(self, partition: Partition) -> pa.Table:
        """Compute the rows of a partition."""
        start, options = time.process_time(), self.options
        rows = read_rows(options["library"], partition, list_columns(options))
        schema = pa.schema([*self.task.columns.items(), ("problem", pa.string())])
        answers = pa.Table.from_pylist(list(self.task(rows[options["smiles_column"]].to_pylist())), schema)
        ids = pa.nulls(len(rows)) if options["id_column"] is None else rows[options["id_column"]]
        numbers = pa.array(range(partition.row, partition.row + len(rows)), pa.int64())
        table = pa.table({"row": numbers, "id": ids.cast(pa.string()), "smiles": rows[options["smiles_column"]]})
        for name in options["keep"]:
            table = table.append_column(name, rows[name])
        for name in answers.column_names:
            table = table.append_column(schema.field(name), answers[name])
        seconds = str(time.process_time() - start)
        return table.replace_schema_metadata({MODEL_KEY: json.dumps(self.task.fingerprint), SECONDS_KEY: seconds})


def read_rows(library: str, partition: Partition, columns: list[str]) -> pa.Table:
    """Read a range of rows, from the row groups that hold it."""
    system, _ = fsspec.core.url_to_fs(library)
    start, parts = 0, []
    with system.open(partition.path) as file, pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            size = parquet.metadata.row_group(group).num_rows
            low, high = max(partition.first - start, 0), min(partition.first + partition.count - start, size)
            if low < high:
                parts.append(parquet.read_row_group(group, columns).slice(low, high - low))
            start += size
    return pa.concat_tables(parts)


def list_columns(options: dict[str, Any]) -> list[str]:
    """List the columns to read."""
    wanted = [options["smiles_column"], options["id_column"], *options["keep"]]
    return list(dict.fromkeys(one for one in wanted if one is not None))


def count_rows(library: str, columns: list[str]) -> dict[str, int]:
    """Count the rows of each file of a library, whose first column holds SMILES.

    Raises:
        SystemExit: If there are no files, one is no Parquet file, or lacks a column, or its SMILES are not text.
    """
    system, pattern = fsspec.core.url_to_fs(library)
    if system.isdir(pattern):
        pattern = f"{pattern.rstrip('/')}/*.parquet"
    counts = {}
    for path in sorted(system.glob(pattern)):
        try:
            with system.open(path) as file, pq.ParquetFile(file) as parquet:
                schema, counts[path] = parquet.schema_arrow, parquet.metadata.num_rows
        except pa.ArrowException as error:
            raise SystemExit(f"{path} is no Parquet file, or damaged: {error}") from error
        missing = set(columns) - set(schema.names)
        if missing:
            there = ", ".join(schema.names)
            raise SystemExit(f"{path} has no column {', '.join(sorted(missing))}; it has {there}.")
        kind = schema.field(columns[0]).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise SystemExit(f"{path}: the column {columns[0]} holds {kind}, not text. Give --smiles_column.")
    if not counts:
        raise SystemExit(f"{library} names no Parquet file. Give a file, a folder, a pattern such as 'x/*.parquet'.")
    return counts


def cut(counts: dict[str, int], size: int) -> list[Partition]:
    """Cut the files of a library into partitions of at most `size` rows."""
    partitions, row = [], 0
    for path, rows in counts.items():
        partitions += [Partition(path, first, min(size, rows - first), row + first) for first in range(0, rows, size)]
        row += rows
    return partitions


def make_absolute(location: str) -> str:
    """Write a path that is there from the root on, as a worker elsewhere has another working folder.

    URLs and the names of models on the Hub stay as they are.
    """
    return location if "://" in location or not os.path.exists(location) else os.path.abspath(location)


def claim(output: str, job: dict[str, Any]) -> None:
    """Begin an output folder, or make sure that it is one of this job.

    Raises:
        SystemExit: If it belongs to another job; says what differs.
    """
    system, folder = fsspec.core.url_to_fs(output)
    system.makedirs(folder, exist_ok=True)
    if system.exists(f"{folder}/{JOB_FILE}"):
        known = json.loads(system.cat_file(f"{folder}/{JOB_FILE}"))
        changed = sorted(name for name in job if known.get(name) != job[name])
        if changed:
            raise SystemExit(
                f"{output} belongs to another job, which differs in {', '.join(changed)}. Give a new folder."
            )
    elif system.ls(folder):
        raise SystemExit(f"{output} is not empty. Give a new folder.")
    else:
        system.pipe_file(f"{folder}/{JOB_FILE}", json.dumps(job, indent=2).encode())


def run(partitions: list[Partition], options: dict[str, Any], workers: int, address: str | None) -> Iterator[str]:
    """Compute partitions, and name each that is done.

    Raises:
        SystemExit: If the model cannot be loaded, or a worker fails otherwise than by dying.
    """
    items = [asdict(one) for one in partitions]
    if not items:
        return
    if not workers:
        try:
            worker = Worker(options)
        except (OSError, ValueError) as error:
            raise SystemExit(str(error)) from error
        yield from (worker(item)["name"] for item in items)
        return
    import ray

    ray.init(address, ignore_reinit_error=True, log_to_driver=False)
    ray.data.DataContext.get_current().enable_progress_bars = False  # it counts blocks, we count partitions
    blocks = min(len(items), 10_000)
    resources = {"num_cpus": options["cpus"], "num_gpus": options["gpus"]}
    dataset = ray.data.from_items(items, override_num_blocks=blocks).map(
        Worker, fn_constructor_args=[options], concurrency=workers, **resources
    )
    try:
        yield from (row["name"] for row in dataset.iter_rows())
    except ray.exceptions.RayError as error:
        raise SystemExit(f"A worker failed: {str(error).strip().splitlines()[-1]}") from error


def check_rows(output: str, partitions: list[Partition]) -> dict[str, float]:
    """Make sure that every row of the library is there once; count those without an answer, and seconds of processors.

    Raises:
        SystemExit: If a partition holds other rows than its own, or is of another model than the first.
    """
    system, folder = fsspec.core.url_to_fs(output)
    problems, seconds, models = 0, 0.0, set()
    for one in partitions:
        with system.open(f"{folder}/{one.name}") as file:
            table = pq.read_table(file, columns=["row", "problem"])
        models.add(table.schema.metadata[MODEL_KEY])
        seconds += float(table.schema.metadata[SECONDS_KEY])
        if table["row"].to_pylist() != list(range(one.row, one.row + one.count)):
            raise SystemExit(f"{one.name} does not hold the rows {one.row} to {one.row + one.count - 1}.")
        if len(models) > 1:
            raise SystemExit(f"{one.name} is of another model than the files before it. Delete it and start again.")
        problems += len(table) - table["problem"].null_count
    for path in system.glob(f"{folder}/*{UNFINISHED}"):  # of workers that died
        system.rm(path)
    return {"problems": problems, "processor_seconds": seconds}


def measure_rate(computed: list[Partition], moments: list[float], workers: int) -> float | None:
    """Give molecules a second once the workers stand: from the first partition of each on; `None` if there are few.

    `moments` holds the start, and the end of every partition.
    """
    first = max(workers, 1)
    if len(computed) <= 2 * first:
        return None
    size = sum(one.count for one in computed) / len(computed)
    return size * (len(computed) - first) / (moments[-1] - moments[first])


def main() -> None:
    """Cut the library, compute what is missing, and check that every row is there."""
    arguments = parse_arguments()
    options = vars(arguments)
    options["model"] = arguments.model and make_absolute(arguments.model)
    counts = count_rows(arguments.library, list_columns(options))
    partitions = cut(counts, arguments.partition_rows)
    names = ("task", "model", "smiles_column", "id_column", "keep", "partition_rows")
    settings = {name: options[name] for name in names}
    claim(arguments.output, {**settings, "rows": counts})
    options["output"] = make_absolute(arguments.output)
    system, folder = fsspec.core.url_to_fs(arguments.output)
    there = {path.rsplit("/", 1)[-1] for path in system.ls(folder, detail=False)}
    missing = [one for one in partitions if one.name not in there]
    moments = [time.perf_counter()]
    for name in run(missing, options, arguments.workers, arguments.address):
        moments.append(time.perf_counter())
        print(f"{len(moments) - 1} of {len(missing)} partitions, the last one {name}", end="\r", flush=True)
    figures = {"rows": sum(counts.values()), "files": len(partitions), "computed": sum(one.count for one in missing)}
    figures |= check_rows(arguments.output, partitions)
    figures |= {"seconds": moments[-1] - moments[0], "rate": measure_rate(missing, moments, arguments.workers)}
    print(f"{figures['rows']:,} rows in {figures['files']:,} files, {figures['problems']:,} of them without an answer")
    print(f"{figures['computed']:,} computed now in {figures['seconds']:.0f} s")
    if arguments.figures:
        with open(arguments.figures, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=2)


if __name__ == "__main__":
    main()
