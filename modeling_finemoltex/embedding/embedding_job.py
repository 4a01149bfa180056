"""Embed a file of any size into a folder of shards; a job that was killed goes on where it stopped."""

import hashlib
import itertools
import json
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import PartialState
from tqdm.auto import tqdm

from ..data.atomic_files import UNFINISHED, locked_folder
from ..data.molecule_files import MoleculeFile, Row, digest_file
from ..data.worker_processes import count_cores
from .embedding_folder import (
    FORMAT,
    METADATA_FILE,
    REJECTED_FILE,
    DamagedShardError,
    ShardFacts,
    read_embedding_metadata,
    read_facts,
    read_shard,
    refuse_empty,
    shard_path,
    write_metadata,
    write_rejected,
    write_shard,
)
from .encoder import get_processes
from .preparation import BATCHES_PER_WINDOW, PreparedWindow, prepare_windows
from .row_encoder import EmbeddedWindow, RowEncoder

logger = logging.getLogger(__name__)

SHARD_ROWS = 8192  # some seconds of work to lose, and 120 files for a million molecules
MOST_WORKERS = 16


class _Window(NamedTuple):
    """Consecutive input rows of one shard."""

    shard: int
    first_row: int
    rows: list[Row]
    ends_shard: bool


def embed_file(
    source: str | Path | MoleculeFile,
    output: str | Path,
    encoder: RowEncoder,
    batch_size: int | None = None,
    shard_rows: int = SHARD_ROWS,
    num_workers: int | None = None,
    progress_bar: bool = True,
    tokens: bool = True,
) -> dict[str, Any]:
    """Embed every row of a file; see `embedding_folder` for what is written.

    Memory depends on `shard_rows` and `batch_size`, not on the length of the file. The processes of `accelerate
    launch` share the shards. Batches never reach beyond a shard, so a row gets the same embedding in whichever process
    and after whichever interruption (up to rounding, if the number of threads changes). Called again on the same
    folder, the job skips the shards that are there.

    Args:
        source (`str`, `Path` or `MoleculeFile`): File to read.
        output (`str` or `Path`): Folder to write; new, empty, or of the same job.
        encoder (`MoleculeTextEncoder`): Model and processor.
        batch_size (`int`, *optional*): Rows per batch; the encoder's default, if absent.
        shard_rows (`int`): Input rows per shard.
        num_workers (`int`, *optional*): Processes that prepare batches while this one computes. By default, of the
            cores this process has: on a CPU a quarter, at least one unless there is one core only, because a model
            takes three times as long as preparing its molecules; with an accelerator all but one; for texts none.
        progress_bar (`bool`): Show rows, rate and remaining time; the number of rows is estimated from the bytes read.
        tokens (`bool`): Store token vectors too, of molecules and a model with a token score: about 2 kB a molecule.

    Returns:
        `dict`: The metadata of the finished folder.

    Raises:
        ValueError: If `output` belongs to another job or is no embedding folder, the input cannot be read, or the
            numbers of rows do not add up at the end.
        OSError: If a file cannot be written.
    """
    source = source if isinstance(source, MoleculeFile) else MoleculeFile(source)
    batch_size = encoder.default_batch_size if batch_size is None else batch_size
    for name, value in (("batch_size", batch_size), ("shard_rows", shard_rows)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1, got {value}.")
    processes, output = get_processes(), Path(output)
    metadata = _describe(source, encoder, batch_size, shard_rows)
    if tokens and encoder.token_size and not source.is_text:
        metadata["token_size"] = encoder.token_size
    with ExitStack() as held:
        if processes.is_main_process:
            output.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked_folder(output))
            _claim(output, metadata | {"input_digest": digest_file(source.path)})
        processes.wait_for_everyone()
        return _embed_missing(source, output, encoder, metadata, num_workers, progress_bar)


def _embed_missing(
    source: MoleculeFile,
    output: Path,
    encoder: RowEncoder,
    metadata: dict[str, Any],
    num_workers: int | None,
    progress_bar: bool,
) -> dict[str, Any]:
    """Embed what a claimed folder lacks, and complete it."""
    processes = get_processes()
    known = read_embedding_metadata(output) or metadata
    metadata |= {name: known[name] for name in ("input_digest",) if name in known}
    job = _EmbeddingJob(source, output, encoder, metadata, processes)
    if known["complete"] and len(job.finished) == known["num_shards"]:
        return known
    cores = _count_cores(processes)
    if num_workers is None:
        num_workers = _choose_workers(cores, encoder.device_type, source.is_text)
    with _compute_threads(cores - num_workers if encoder.device_type == "cpu" else None):
        job.run(num_workers, progress_bar)
    processes.wait_for_everyone()
    if processes.is_main_process:
        job.finish()
    processes.wait_for_everyone()
    return read_embedding_metadata(output) or metadata


class _EmbeddingJob:
    """The part of one process in a job."""

    def __init__(
        self,
        source: MoleculeFile,
        output: Path,
        encoder: RowEncoder,
        metadata: dict[str, Any],
        processes: PartialState,
    ) -> None:
        self.source, self.output, self.encoder, self.metadata = source, output, encoder, metadata
        self.processes = processes
        self.key = _job_key(metadata)
        self.finished = self._find_finished()
        # Nobody may start before everybody has looked: the shares are dealt from what is missing.
        processes.wait_for_everyone()
        self.num_rows = 0  # read so far

    def run(self, num_workers: int, progress_bar: bool) -> None:
        """Embed the missing shards of this process."""
        prepare = self.encoder.preparation(
            self.source.is_text, self.metadata["settings"]["batch_size"], self.source.to_molecule
        )
        bar = tqdm(unit="row", smoothing=0, disable=not (progress_bar and self.processes.is_main_process))
        with_tokens = bool(self.metadata.get("token_size"))
        done: list[tuple[_Window, PreparedWindow, EmbeddedWindow]] = []
        with bar:
            for window, prepared in prepare_windows(self._read_windows(), prepare, num_workers):
                done.append((window, prepared, self.encoder.embed_window(prepared, with_tokens=with_tokens)))
                self._show(bar, window)
                if window.ends_shard:
                    self._write(done)
                    done = []

    def finish(self) -> None:
        """Check that every row of the input is there exactly once, and complete the folder."""
        shard_rows = self.metadata["shard_rows"]
        num_shards = -(-self.num_rows // shard_rows)
        num_rejected = 0
        for number in range(num_shards):
            path = shard_path(self.output, number)
            facts = self._own_facts(path)
            first = number * shard_rows
            rows = read_shard(path, ["row"])["row"].to_pylist() + [one[0] for one in facts.rejected]
            if sorted(rows) != list(range(first, min(first + shard_rows, self.num_rows))):
                raise ValueError(
                    f"The shard {path} does not hold the rows {first} to {min(first + shard_rows, self.num_rows) - 1} "
                    "of the input, each once. Delete it and start the same command again."
                )
            num_rejected += len(facts.rejected)
        paths = (shard_path(self.output, number) for number in range(num_shards))
        write_rejected(self.output, (one for path in paths for one in read_facts(path).rejected))
        counts = {"num_rows": self.num_rows - num_rejected, "num_rejected": num_rejected, "num_shards": num_shards}
        leftovers = [path for path in self.output.iterdir() if path.name.endswith(UNFINISHED)]
        for leftover in leftovers:  # of killed processes: nobody else writes here
            leftover.unlink()
        write_metadata(self.output, self.metadata | counts | {"complete": True})
        if num_rejected:
            logger.warning(
                "%s",
                refuse_empty(self.output, counts)
                if num_rejected == self.num_rows
                else f"{num_rejected} of {self.num_rows} rows were rejected, see {REJECTED_FILE}.",
            )

    def _find_finished(self) -> set[int]:
        """List the shards that need no more work; damaged ones are made again."""
        finished = set()
        for path in sorted(self.output.glob("shard-*.parquet")):
            try:
                self._own_facts(path)
            except DamagedShardError as error:
                logger.warning("Made anew: %s", error)
            else:
                finished.add(int(path.stem.removeprefix("shard-")))
        return finished

    def _own_facts(self, path: Path) -> ShardFacts:
        """Footer of a shard of this job."""
        facts = read_facts(path)
        if facts.job != self.key:
            raise ValueError(
                f"The shard {path} belongs to another job (another model, input or setting). Give another folder."
            )
        return facts

    def _read_windows(self) -> Iterator[tuple[_Window, list[str | None]]]:
        """Windows of the missing shards of this process; rows of the others are read and forgotten."""
        shard_rows, batch_size = self.metadata["shard_rows"], self.metadata["settings"]["batch_size"]
        size = batch_size * BATCHES_PER_WINDOW
        rows, missing = iter(self.source), 0
        for shard in itertools.count():
            first, missing = self.num_rows, missing + (shard not in self.finished)
            if shard in self.finished or missing % self.processes.num_processes != self.processes.process_index:
                num_read = sum(1 for _ in itertools.islice(rows, shard_rows))
                self.num_rows += num_read
            else:
                held = list(itertools.islice(rows, shard_rows))
                num_read = len(held)
                self.num_rows += num_read
                for start in range(0, num_read, size):
                    window = _Window(shard, first + start, held[start : start + size], start + size >= num_read)
                    yield window, [None if row.problem else row.value for row in window.rows]
            if num_read < shard_rows:
                return

    def _write(self, done: list[tuple[_Window, PreparedWindow, EmbeddedWindow]]) -> None:
        """Write a shard from all its windows."""
        columns: tuple[list, list, list] = ([], [], [])
        rejected: list[list[Any]] = []
        for window, prepared, embedded in done:
            for place in embedded.places:
                found = (window.first_row + place, window.rows[place].id, prepared.values[place])
                for column, value in zip(columns, found, strict=True):
                    column.append(value)
            for place, reason in prepared.rejected.items():
                row = window.rows[place]
                # The sentences after the first advise a caller in Python.
                reason = row.problem or reason.split(". ")[0].rstrip(".")
                rejected.append([window.first_row + place, row.line, row.id, self.source.show(row.value), reason])
        facts = ShardFacts(self.key, done[0][0].first_row, sum(len(window.rows) for window, *_ in done), rejected)
        embeds = np.concatenate([embedded.embeds for *_, embedded in done])  # (R, P)
        tokens = None
        if self.metadata.get("token_size"):
            tokens = [one for *_, embedded in done for one in embedded.tokens or ()]
        write_shard(shard_path(self.output, done[0][0].shard), self.metadata["kind"], columns, embeds, facts, tokens)

    def _show(self, bar: tqdm, window: _Window) -> None:
        """Move the bar to the end of a window; what was not computed now does not count in the rate."""
        if bar.disable:  # it has no `initial`
            return
        end = window.first_row + len(window.rows)
        bar.total = max(end, round(self.num_rows / self.source.fraction_read))
        bar.initial += window.first_row - bar.n  # skipped shards, and those of other processes
        bar.update(end - bar.n)


def _describe(source: MoleculeFile, encoder: RowEncoder, batch_size: int, shard_rows: int) -> dict[str, Any]:
    """Metadata of a job that has not begun, but for the digest of the input."""
    settings = {
        **source.identity(),
        **{f"{kind}_column": column for kind, column in source.columns.items()},
        "batch_size": batch_size,
        "compute_dtype": encoder.dtype,
    }
    return {
        "format": FORMAT,
        "kind": "texts" if source.is_text else "molecules",
        "model": encoder.fingerprint,
        "embedding_size": encoder.embedding_size,
        "dtype": "float32",
        "num_rows": None,
        "num_rejected": None,
        "shard_rows": shard_rows,
        "num_shards": None,
        "input": source.path.name,
        "settings": settings,
        "complete": False,
    }


def _identity(metadata: dict[str, Any]) -> dict[str, Any]:
    """What makes two jobs the same: not the names of model and input, which may have moved."""
    model = {f"model {name}": metadata["model"].get(name) for name in ("weights", "motif_vocab", "tokenizer")}
    sizes = {name: metadata[name] for name in ("kind", "embedding_size", "shard_rows")}
    tokens = {"token_size": metadata["token_size"]} if metadata.get("token_size") else {}
    return sizes | tokens | metadata["settings"] | model


def _job_key(metadata: dict[str, Any]) -> str:
    """Hash of all that a shard depends on."""
    return hashlib.sha256(json.dumps(_identity(metadata), sort_keys=True).encode()).hexdigest()[:16]


def _claim(output: Path, metadata: dict[str, Any]) -> None:
    """Begin a folder, or make sure that it belongs to this job."""
    known = read_embedding_metadata(output)
    if known is None:
        there = sorted(file.name for file in output.iterdir() if not file.name.endswith(UNFINISHED))
        if there:
            raise ValueError(
                f"{output} is neither empty nor an embedding folder: it holds {', '.join(there[:5])}. Give a new one."
            )
        write_metadata(output, metadata)
        return
    old, new = _identity(known), _identity(metadata)
    digest = metadata["input_digest"]
    old["input_digest"] = known.get("input_digest", digest)  # earlier versions knew the first megabyte alone
    changed = {name: value for name, value in (new | {"input_digest": digest}).items() if old.get(name) != value}
    if changed:
        listed = "; ".join(f"{name} {old.get(name)!r} there, {value!r} now" for name, value in changed.items())
        advice = " The input has changed since." if any(name.startswith("input_") for name in changed) else ""
        raise ValueError(
            f"{output} belongs to another job: {listed}.{advice} Give a new folder, or the input and the settings in "
            f"{METADATA_FILE} to go on with that job."
        )


def _count_cores(processes: PartialState) -> int:
    """Cores for each process of this machine."""
    cores = count_cores()
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", processes.num_processes)))


def _choose_workers(cores: int, device_type: str, is_text: bool) -> int:
    """Number of preparing processes, see `embed_file`."""
    if is_text or cores == 1:
        return 0
    return min(MOST_WORKERS, max(1, cores // 4) if device_type == "cpu" else cores - 1)


@contextmanager
def _compute_threads(count: int | None) -> Iterator[None]:
    """Compute on `count` threads (at least one), whatever the launcher set; `None` changes nothing.

    Threads wait for each other in a busy loop: one more than there are free cores slows all of them several times.
    """
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(max(1, count))
    try:
        yield
    finally:
        torch.set_num_threads(before)
