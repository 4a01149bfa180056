"""Structural alerts of RDKit's filter catalogue: groups that assays and medicinal chemists know for trouble."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogCanSerialize, FilterCatalogParams

# The most frequent first: a search for one alert ends early.
ALERT_SETS = ("BRENK", "PAINS_A", "PAINS_B", "NIH", "PAINS_C")
NUM_BITS = 4096  # of the fingerprints that tell which alerts a molecule cannot have
_PICKLE = b"\xef\xbe\xad\xde"  # begins a molecule in RDKit's binary form


class _Alerts(NamedTuple):
    """All alerts, with the fingerprints of their patterns: what a molecule lacks a bit of need not be searched."""

    entries: list[tuple[str, Any]]
    bits: np.ndarray  # (A, NUM_BITS / 64)


def find_alerts(molecule: Chem.Mol) -> tuple[str, ...]:
    """Name the alerts that a molecule has.

    Example:
    >>> find_alerts(Chem.MolFromSmiles("O=[N+]([O-])c1ccccc1"))
    ('BRENK nitro group', 'BRENK Oxygen-nitrogen single bond')
    """
    return tuple(dict.fromkeys(name for name, entry in _screen(molecule) if entry.HasFilterMatch(molecule)))


def find_new_alert(molecule: Chem.Mol, known: frozenset[str]) -> str | None:
    """Name an alert that is not among the known ones; `None` if there is none."""
    for name, entry in _screen(molecule):
        if name not in known and entry.HasFilterMatch(molecule):
            return name
    return None


def _screen(molecule: Chem.Mol) -> Iterator[tuple[str, Any]]:
    """Give the alerts that a molecule may have."""
    alerts = _load_alerts()
    possible = ~(alerts.bits & ~_fingerprint(molecule)).any(axis=1)  # (A,)
    return (alerts.entries[place] for place in np.flatnonzero(possible))


@cache
def _load_alerts() -> _Alerts:
    """Read the catalogue, once in a process."""
    known = FilterCatalogParams.FilterCatalogs
    catalogs = [FilterCatalog(FilterCatalogParams(getattr(known, name))) for name in ALERT_SETS]
    entries = [catalog.GetEntryWithIdx(place) for catalog in catalogs for place in range(catalog.GetNumEntries())]
    bits = np.stack([_fingerprint(_read_pattern(entry)) for entry in entries])
    return _Alerts([(_name(entry), entry) for entry in entries], bits)


def _read_pattern(entry: Any) -> Chem.Mol:
    """Read the pattern of an alert, which each has one of; an empty one, which nothing lacks, if it cannot be read."""
    if not FilterCatalogCanSerialize():
        return Chem.Mol()
    written = bytes(entry.Serialize())
    place = written.find(_PICKLE)
    return Chem.Mol(written[place:]) if place >= 0 else Chem.Mol()


def _fingerprint(molecule: Chem.Mol) -> np.ndarray:
    """Compute a fingerprint of which a pattern has no bit that its molecules lack: `(NUM_BITS / 64,)`."""
    bits = Chem.PatternFingerprint(molecule, NUM_BITS)
    return np.frombuffer(DataStructs.BitVectToBinaryText(bits), np.uint64)


def _name(entry: Any) -> str:
    """Write an alert with the list that it is from, such as `BRENK nitro group`."""
    source = entry.GetProp("FilterSet").partition("_")[0].upper()
    return f"{source} {entry.GetDescription().replace('_', ' ').lstrip('> ')}"
