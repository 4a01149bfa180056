"""Structural alerts of RDKit's filter catalogue: groups that assays and medicinal chemists know for trouble."""

from functools import cache

from rdkit import Chem
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

# The most frequent and the quickest first: a search for one alert ends early.
ALERT_SETS = ("BRENK", "PAINS_A", "PAINS_B", "NIH", "PAINS_C")


def find_alerts(molecule: Chem.Mol) -> tuple[str, ...]:
    """Name the alerts that a molecule has.

    Example:
    >>> find_alerts(Chem.MolFromSmiles("O=[N+]([O-])c1ccccc1"))
    ('BRENK nitro group', 'BRENK Oxygen-nitrogen single bond')
    """
    return tuple(_name(entry) for catalog in _catalogs() for entry in catalog.GetMatches(molecule))


def find_new_alert(molecule: Chem.Mol, known: frozenset[str]) -> str | None:
    """Name an alert that is not among the known ones; `None` if there is none."""
    for catalog in _catalogs():
        for entry in catalog.GetMatches(molecule):
            name = _name(entry)
            if name not in known:
                return name
    return None


@cache
def _catalogs() -> list[FilterCatalog]:
    """Build the catalogues, once in a process."""
    return [FilterCatalog(FilterCatalogParams(getattr(FilterCatalogParams.FilterCatalogs, name))) for name in ALERT_SETS]


def _name(entry: object) -> str:
    """Write an alert with the list that it is from, such as `BRENK nitro group`."""
    source = entry.GetProp("FilterSet").partition("_")[0].upper()
    return f"{source} {entry.GetDescription().replace('_', ' ').lstrip('> ')}"
