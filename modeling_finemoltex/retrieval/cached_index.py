"""The index of a file in the user's cache: made by the first search of the file, opened by those that follow.

The cache lies in the folder of Hugging Face (`HF_HOME`, by default `~/.cache/huggingface`). An entry holds

    index/          a `MoleculeTextIndex`
    rejected.csv    the rows that are not in it, if there are any
    embeddings-*    while the index is made: where an interrupted search goes on

and is named by all that an index depends on, so that a changed file, another model or a new version makes a new one.
"""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import rdkit
from huggingface_hub.constants import HF_HOME

from .._version import __version__
from ..data.atomic_files import UnwrittenFileError, locked_folder
from ..data.molecule_files import MoleculeFile, digest_file
from ..embedding.fingerprint import LOCATION
from .index import MoleculeTextIndex

logger = logging.getLogger(__name__)

CACHE_FOLDER = Path(HF_HOME, "finemoltex", "indices")
REJECTED_FILE = "rejected.csv"


def index_file(
    source: str | Path | MoleculeFile,
    encoder: Any,
    cache_folder: str | Path | None = None,
    progress_bar: bool = True,
) -> MoleculeTextIndex:
    r"""Make a file searchable, or open the index that an earlier call made of it.

    Args:
        source (`str`, `Path` or `MoleculeFile`): File of molecules or texts.
        encoder (`MoleculeTextEncoder`): Embeds the rows now, and queries later.
        cache_folder (`str` or `Path`, *optional*): Where indices are kept; in the cache of Hugging Face, if absent.
        progress_bar (`bool`): Show rows, rate and remaining time while the rows are embedded.

    Returns:
        [`MoleculeTextIndex`]: Of all rows that can be embedded. Called again with the same file and model, it is
        opened, wherever the two lie by then.

    Raises:
        ValueError: If the file cannot be read, or no row of it can be embedded; says why.
        UnwrittenFileError: If the cache cannot be written.

    Example:
    >>> path = Path(folder) / "indexed.smi"
    >>> _ = path.write_text("CCO ethanol\nc1ccccc1 benzene\n")
    >>> index = index_file(path, encoder, Path(folder) / "cache", progress_bar=False)
    >>> [hit.id for hit in index.search(smiles="OCC", k=1)[0]]
    ['ethanol']
    """
    return CachedIndex(source, encoder, cache_folder).open(progress_bar)


class CachedIndex:
    """An entry of the cache, whether it is there yet or not.

    Args:
        source (`str`, `Path` or `MoleculeFile`), encoder (`MoleculeTextEncoder`), cache_folder (`str` or `Path`,
            *optional*): As for [`index_file`].
    """

    def __init__(
        self, source: str | Path | MoleculeFile, encoder: Any, cache_folder: str | Path | None = None
    ) -> None:
        self.source = source if isinstance(source, MoleculeFile) else MoleculeFile(source)
        self.encoder = encoder
        self.folder = Path(cache_folder or CACHE_FOLDER) / _name_entry(self.source, encoder)

    @property
    def is_there(self) -> bool:
        """Tell whether an earlier call has made the index."""
        return self._index_folder.is_dir()

    @property
    def rejected_file(self) -> Path | None:
        """Find the list of rows that are not in the index; `None` if all are."""
        file = self.folder / REJECTED_FILE
        return file if file.is_file() else None

    def open(self, progress_bar: bool = True) -> MoleculeTextIndex:
        """Open the index, and make it first if it is not there, or damaged.

        Processes that ask for the same index at a time wait for the one that makes it.

        Args:
            progress_bar (`bool`), returns and raises: As [`index_file`].
        """
        index = self._load()
        if index is not None:
            return index
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnwrittenFileError(
                f"{self.folder} cannot be made: {error.strerror or error}. Set the variable HF_HOME to a folder that "
                "can be written, or use `finemoltex embed` and `finemoltex index`, which write where you say."
            ) from error
        with locked_folder(self.folder, waits=True):
            index = self._load()
            return self._make(progress_bar) if index is None else index

    @property
    def _index_folder(self) -> Path:
        return self.folder / "index"

    def _load(self) -> MoleculeTextIndex | None:
        """Open the index if it is there, and whole."""
        if not self.is_there:
            return None
        try:
            return MoleculeTextIndex.load(self._index_folder, self.encoder)
        except ValueError as error:
            logger.warning("Made anew: %s", error)
            return None

    def _make(self, progress_bar: bool) -> MoleculeTextIndex:
        """Embed the rows, index them, and keep nothing else."""
        from ..embedding import embedding_folder, embedding_job  # they import pandas, which no later search needs

        # Another device has other batches, and may not go on with these.
        embeddings = self.folder / f"embeddings-{self.encoder.default_batch_size}"
        metadata = embedding_job.embed_file(self.source, embeddings, self.encoder, progress_bar=progress_bar)
        index = MoleculeTextIndex.from_embeddings(embeddings)
        if metadata["num_rejected"]:
            shutil.copyfile(embeddings / embedding_folder.REJECTED_FILE, self.folder / REJECTED_FILE)
        index.save(self._index_folder)
        for folder in self.folder.glob("embeddings-*"):
            shutil.rmtree(folder, ignore_errors=True)
        return MoleculeTextIndex.load(self._index_folder, self.encoder)


def _name_entry(source: MoleculeFile, encoder: Any) -> str:
    """Hash all that an index depends on: not the names of file and model, which may have moved."""
    parts = {
        "input": digest_file(source.path),
        "format": [source.suffix, source.columns, *source.layout],
        "model": {name: value for name, value in encoder.fingerprint.items() if name not in LOCATION},
        "dtype": encoder.dtype,
        "versions": [__version__, rdkit.__version__],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
