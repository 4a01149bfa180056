"""What an index is given: molecules, texts or vectors, one of them at a time."""

from collections.abc import Callable, Iterable, Sized
from typing import Any

import numpy as np

from ..data.columns import text_of
from .index_rows import unit_rows

MAX_SHOWN = 5  # ids listed in a message


def take_one(**given: Iterable[str] | str | None) -> tuple[str, list[str]]:
    """Return the name and items of the one argument that is given; a string is a list of one.

    Raises:
        ValueError: If none is given, or several.

    Example:
    >>> take_one(smiles=None, texts="an acid")
    ('texts', ['an acid'])
    """
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        names = " and ".join(f"`{name}`" for name in given)
        raise ValueError(f"Give either of {names}: got {' and '.join(named) or 'neither'}.")
    ((name, value),) = named.items()
    return name, [value] if isinstance(value, str) else list(value)


def name_rows(ids: Iterable[Any] | None, numbers: Iterable[int]) -> list[str]:
    """Write ids of any type as text; a row without one gets its number.

    Example:
    >>> name_rows(["a", 7.0, None], range(10, 13))
    ['a', '7', '12']
    """
    if ids is None:
        return list(map(str, numbers))
    if isinstance(ids, str):
        raise ValueError(f"`ids` must be a list with an id for each row, got the single string {ids!r:.80}.")
    names = list(map(text_of, ids))
    spare = [*map(str, numbers)]
    return [spare[place] if name is None and place < len(spare) else str(name) for place, name in enumerate(names)]


def encode(encoder: Any, name: str, contents: list[str]) -> np.ndarray:
    """Embed molecules or texts: `(R, P)`."""
    return encoder.encode_molecules(contents) if name == "smiles" else encoder.encode_texts(contents)


def encode_rows(encoder: Any, name: str, contents: list[str]) -> tuple[np.ndarray, list[bytes] | None]:
    """Embed what an index will hold: `(R, P)`, and packed tokens of molecules where the model has a token score."""
    if name == "smiles" and getattr(encoder, "token_size", 0):
        return encoder.encode_with_tokens(contents)
    return encode(encoder, name, contents), None


def check_counts(**columns: Sized) -> None:
    """Refuse columns of different length."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise ValueError(f"There must be as many of each: got {counts}.")


def count_ids(ids: list[str]) -> str:
    """Begin a sentence about ids."""
    listed = ", ".join(map(repr, ids[:MAX_SHOWN])) + (", ..." if len(ids) > MAX_SHOWN else "")
    return f"{len(ids)} {'ids are' if len(ids) > 1 else 'id is'} ({listed})"


def embed_queries(
    get_encoder: Callable[[], Any], width: int, texts: Any = None, smiles: Any = None, embeddings: Any = None
) -> np.ndarray:
    """Turn queries, however they are given, into unit vectors.

    Args:
        get_encoder (callable): Gives a `MoleculeTextEncoder`; called for texts and molecules alone.
        width (`int`): `P`.
        texts (`str` or sequence of `str`, *optional*): Queries in words.
        smiles (`str` or sequence of `str`, *optional*): Queries as molecules.
        embeddings (`(Q, P)` or `(P,)` numbers, *optional*): Queries as vectors.

    Returns:
        `np.ndarray` of shape `(Q, P)`, float32.

    Raises:
        ValueError: If not exactly one of them is given, it is empty, or vectors have another width or are zero.
    """
    if embeddings is not None and texts is None and smiles is None:
        vectors = np.atleast_2d(np.asarray(embeddings))
        if vectors.ndim != 2 or vectors.shape[1] != width:
            raise ValueError(f"`embeddings` must have the shape (queries, {width}), got {vectors.shape}.")
    else:
        if embeddings is not None:
            raise ValueError("Give one of `texts`, `smiles` and `embeddings`, not several.")
        argument, contents = take_one(smiles=smiles, texts=texts)
        vectors = encode(get_encoder(), argument, contents) if contents else np.empty((0, width))
    if not len(vectors):
        raise ValueError("There is no query: give at least one.")
    return unit_rows(vectors, "Query")
