"""Which molecules may be hits: by substructure and by descriptor."""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from rdkit import Chem, rdBase
from rdkit.Chem import Descriptors

from ..processors.smiles_finemoltex import is_plain
from .identifiers import attempt

DESCRIPTORS: dict[str, Callable[[Chem.Mol], float]] = dict(Descriptors.descList)


@dataclass(frozen=True)
class MoleculeFilter:
    """A condition on molecules; everything given must hold.

    Args:
        smarts (`tuple[str, ...]`): Patterns that must all occur.
        exclude_smarts (`tuple[str, ...]`): Patterns of which none may occur.
        ranges (`Mapping[str, tuple[float | None, float | None]]`): Descriptor name -> lowest and highest value, both
            allowed values themselves; `None` leaves a side open. Any name of RDKit's `Descriptors.descList`:
            `MolWt`, `MolLogP`, `TPSA`, `NumHDonors`, `NumHAcceptors`, `RingCount`, `qed`, ...
        where (`str`, *optional*): A condition in SQL on the columns of an index on LanceDB, such as
            `"vendor = 'x' AND price < 10"`. A molecule that is no row has no columns.

    Raises:
        ValueError: If a pattern is no SMARTS, a descriptor is unknown, or a range holds nothing.

    Example:
    >>> light_acids = MoleculeFilter(smarts=("C(=O)[OH]",), ranges={"MolWt": (None, 100)})
    >>> light_acids.accepts(Chem.MolFromSmiles("CC(=O)O")), light_acids.accepts(Chem.MolFromSmiles("CCO"))
    (True, False)
    """

    smarts: tuple[str, ...] = ()
    exclude_smarts: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    where: str | None = None

    def __post_init__(self) -> None:
        for name in ("smarts", "exclude_smarts"):
            if isinstance(getattr(self, name), str):
                raise ValueError(f"`{name}` must be a sequence of patterns, got the string {getattr(self, name)!r}.")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, bounds in self.ranges.items():
            _check_range(name, bounds)
        _ = self._patterns  # parsed here, so that a bad pattern is an error at construction

    def accepts(self, molecule: Chem.Mol) -> bool:
        """Tell whether a molecule meets the condition; one whose descriptors RDKit cannot compute does not.

        Raises:
            ValueError: If there is a condition `where`.
        """
        if self.where is not None:
            raise ValueError(
                f"`where` ({self.where!r:.80}) is for the columns of an index on LanceDB: leave it out elsewhere, or "
                "index the embeddings at a location that ends in .lance."
            )
        return bool(attempt(self._test, molecule))

    def _test(self, molecule: Chem.Mol) -> bool:
        """Test the condition, what is cheap first."""
        required, excluded = self._patterns
        return (
            all(molecule.HasSubstructMatch(pattern) for pattern in required)
            and not any(molecule.HasSubstructMatch(pattern) for pattern in excluded)
            and all(_lies_within(DESCRIPTORS[name](molecule), *bounds) for name, bounds in self.ranges.items())
        )

    @cached_property
    def _patterns(self) -> tuple[list[Chem.Mol], list[Chem.Mol]]:
        """Parsed patterns: required, excluded."""
        return [_parse_smarts(text) for text in self.smarts], [_parse_smarts(text) for text in self.exclude_smarts]


def parse_range(text: str) -> tuple[str, tuple[float | None, float | None]]:
    """Read a range as it is typed on a command line.

    Args:
        text (`str`): `NAME:LOW:HIGH`; an empty side is open (`MolLogP::5`).

    Returns:
        Descriptor name and bounds, an entry of `MoleculeFilter.ranges`.

    Raises:
        ValueError: If the text has another form.

    Example:
    >>> parse_range("MolWt:200:500"), parse_range("MolLogP::5")
    (('MolWt', (200.0, 500.0)), ('MolLogP', (None, 5.0)))
    """
    try:
        name, *bounds = (part.strip() for part in text.split(":"))
        low, high = (float(bound) if bound else None for bound in bounds)
    except ValueError as error:
        raise ValueError(f"A range is NAME:LOW:HIGH, such as MolWt:200:500 or MolLogP::5; got {text!r}.") from error
    return name, (low, high)


def _lies_within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _parse_smarts(text: str) -> Chem.Mol:
    with rdBase.BlockLogs():  # RDKit would take what follows a pattern for a name
        pattern = Chem.MolFromSmarts(text.strip()) if isinstance(text, str) and is_plain(text.strip()) else None
    if pattern is None or not pattern.GetNumAtoms():
        raise ValueError(
            f"{text!r} is not a SMARTS pattern; write one such as 'c1ccccc1' or '[NX3;H2]', with nothing after it."
        )
    return pattern


def check_descriptor(name: str) -> None:
    """Refuse a name that RDKit has no descriptor of.

    Raises:
        ValueError: If so; tells names that are near.
    """
    if name not in DESCRIPTORS:
        by_lower = {known.lower(): known for known in DESCRIPTORS}
        near = [by_lower[match] for match in difflib.get_close_matches(str(name).lower(), by_lower, n=5, cutoff=0.5)]
        raise ValueError(
            f"Unknown descriptor {name!r}; near are {', '.join(near) or 'none'}. Any of the {len(DESCRIPTORS)} names "
            "of rdkit.Chem.Descriptors.descList will do, such as MolWt, MolLogP, TPSA."
        )


def _check_range(name: str, bounds: tuple[float | None, float | None]) -> None:
    """Refuse a range that cannot be meant."""
    check_descriptor(name)
    try:
        low, high = bounds
        valid = not any(side is not None and math.isnan(side) for side in (low, high))
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(f"The range of {name} must be (low, high) with numbers or None, got {bounds!r}.")
    if low is not None and high is not None and low > high:
        raise ValueError(f"The range of {name} holds nothing: {low:g} is above {high:g}.")
