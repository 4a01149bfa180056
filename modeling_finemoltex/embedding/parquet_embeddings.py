"""Embeddings in Parquet files that an engine wrote, at a path or a URL; `examples/embed_with_ray.py` writes such.

Files that end in `.parquet` hold the columns `row`, `id`, `smiles` or `text`, and `embedding` (null where a row has
none), and say in the metadata of their schema, as JSON under `model`, which model they come from.
"""

import json
from collections.abc import Iterator
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .embedding_folder import VALUE_COLUMN
from .fingerprint import LOCATION

MODEL_KEY = b"model"


class ParquetEmbeddings:
    """Embeddings at a path or URL, opened; nothing but the first footer is read yet.

    Args:
        location (`str`): Folder or URL of fsspec.

    Attributes:
        metadata (`dict`): `kind`, `embedding_size`, `model`, and `num_rows`, those without an embedding included.

    Raises:
        ValueError: If there are no such files, one is damaged, or the first lacks a column, tells no model or holds
            something else than vectors of one width.
    """

    def __init__(self, location: str) -> None:
        self.location = location
        self.system, folder = fsspec.core.url_to_fs(location)
        self.files = sorted(self.system.glob(f"{folder.rstrip('/')}/*.parquet"))
        if not self.files:
            raise ValueError(f"{location} holds no Parquet files: give the folder that `embed_with_ray.py` wrote.")
        schema = self._read_footer(self.files[0])[0]
        kind = next((kind for kind, name in VALUE_COLUMN.items() if name in schema.names), "")
        missing = sorted({"row", "id", "embedding"} - set(schema.names)) + ([] if kind else ["smiles or text"])
        if missing or MODEL_KEY not in (schema.metadata or {}):
            lacking = ", ".join(missing) or "the name of its model"
            raise ValueError(f"{self.files[0]} lacks {lacking}: it holds {', '.join(schema.names)}.")
        if not pa.types.is_fixed_size_list(schema.field("embedding").type):
            raise ValueError(
                f"{self.files[0]}: `embedding` holds {schema.field('embedding').type}, not a fixed_size_list of float."
            )
        self.metadata: dict[str, Any] = {
            "kind": kind,
            "embedding_size": schema.field("embedding").type.list_size,
            "model": json.loads(schema.metadata[MODEL_KEY]),
            "num_rows": sum(self._read_footer(file)[1] for file in self.files),
        }

    def shards(self) -> Iterator[pa.Table]:
        """Read file after file.

        Yields:
            `pyarrow.Table`: Columns `row`, `id`, `smiles` or `text`, `embedding`, of rows that have an embedding.

        Raises:
            ValueError: If a file is of another model than the first, or damaged; names it.
        """
        columns = ["row", "id", VALUE_COLUMN[self.metadata["kind"]], "embedding"]
        for name in self.files:
            try:
                with self.system.open(name) as file:
                    table = pq.read_table(file, columns=columns)
                model = json.loads(table.schema.metadata[MODEL_KEY])
            except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{name} is damaged: {error}. Delete it, and start what wrote it again.") from error
            if _hashes(model) != _hashes(self.metadata["model"]):
                raise ValueError(f"{name} is of another model than {self.files[0]}: embed both with one model.")
            yield table.filter(pc.is_valid(table["embedding"])).replace_schema_metadata()

    def _read_footer(self, name: str) -> tuple[pa.Schema, int]:
        """Read the schema of a file and the number of its rows."""
        try:
            with self.system.open(name) as file, pq.ParquetFile(file) as parquet:
                return parquet.schema_arrow, parquet.metadata.num_rows
        except (OSError, pa.ArrowException) as error:
            raise ValueError(f"{name} is damaged: {error}. Delete it, and start what wrote it again.") from error


def _hashes(model: dict[str, Any]) -> dict[str, Any]:
    """Tell what a model is, not where it lies."""
    return {name: value for name, value in model.items() if name not in LOCATION}
