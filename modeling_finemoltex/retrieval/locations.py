"""Paths and URLs of indices on LanceDB."""

from pathlib import Path

SUFFIX = ".lance"


def is_url(location: str | Path) -> bool:
    """Tell whether this is a URL.

    Example:
    >>> is_url("s3://bucket/library.lance"), is_url("library.lance")
    (True, False)
    """
    return "://" in str(location)


def is_lance(location: str | Path) -> bool:
    """Tell whether a path or URL names an index on LanceDB.

    Raises:
        ValueError: If it is a URL that ends otherwise.

    Example:
    >>> is_lance("s3://bucket/library.lance"), is_lance("library-index")
    (True, False)
    """
    name = str(location).rstrip("/")
    if name.endswith(SUFFIX):
        return True
    if is_url(name):
        raise ValueError(f"An index at a URL is one on LanceDB, whose name ends in {SUFFIX}: got {name}.")
    return False


def split_location(location: str | Path) -> tuple[str, str]:
    """Split into the database and the table as LanceDB names them.

    Raises:
        ValueError: If it names no index on LanceDB.

    Example:
    >>> split_location("s3://bucket/indices/library.lance")
    ('s3://bucket/indices', 'library')
    """
    place, _, name = str(location).rstrip("/").rpartition("/")
    if not is_lance(location) or name == SUFFIX:
        raise ValueError(f"A location must end in a name with {SUFFIX}, such as library{SUFFIX}: got {location}.")
    return place or ("/" if str(location).startswith("/") else "."), name.removesuffix(SUFFIX)
