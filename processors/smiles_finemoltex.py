"""SMILES, InChI or RDKit molecule -> one parsed molecule; the only place that parses them.

A SMILES may have blanks around it. Anything else beside it is refused: RDKit would take a name, a second molecule or
a hidden character after it for a comment, and a table with shifted columns would go through unnoticed.
"""

import re
import unicodedata
from typing import Any

from rdkit import Chem, rdBase

from .relative_stereo_finemoltex import (
    IS_RARE,
    RELATIVE_STEREO,
    STEREO_GROUP,
    label_axes,
    label_units,
    list_groups,
    may_lack_names,
    set_labels,
)

SHOWN_CHARACTERS = 200  # of a refused string, repeated in an error message
MAX_CHARACTERS = 100_000  # of a string that is parsed: RDKit takes time that grows with the square
DEFAULT_MAX_ATOMS = 2000
INCHI = "InChI="
_RARE = re.compile(r"\[\d|[<>]")  # an isotope, a dative bond
# What RDKit raises beside `ValueError`: broken invariants, numbers that do not fit its integers, divisions by zero.
RDKIT_ERRORS = (ValueError, RuntimeError, ArithmeticError, TypeError)


def is_plain(text: str) -> bool:
    """Tell whether a string is one printable word, as SMILES, InChI and SMARTS are.

    Args:
        text (`str`): Without blanks around it.

    Example:
    >>> is_plain("CCO"), is_plain("CCO ethanol"), is_plain("CCO\u200b")
    (True, False, False)
    """
    return bool(text) and " " not in text and text.isascii() and text.isprintable()


def try_parse(molecule: Any) -> Chem.Mol | None:
    """Parse a molecule quietly, without RDKit's messages on stderr.

    RDKit's older stereo perception is switched on for the call if it is off: it labels R/S and E/Z while parsing.

    Args:
        molecule (`str` or `rdkit.Chem.Mol`): SMILES (blanks around it are fine), InChI, or a molecule of RDKit, which
            stands for its SMILES: explicit hydrogens are removed, stereo is perceived anew.

    Returns:
        `rdkit.Chem.Mol` or `None`: The sanitised molecule; `None` if it is none, has no atoms, or text follows it.

    Example:
    >>> [try_parse(one) is not None for one in ("CCO", " CCO ", "InChI=1S/CH4/h1H4", "CCO ethanol", "C(C", None)]
    [True, True, True, False, False, False]
    """
    if isinstance(molecule, str):
        if len(molecule) > MAX_CHARACTERS:
            return None
        text = molecule.strip()
        if not is_plain(text):
            return None
        parsed = _parse(text)
        return _parse_inchi(text) if parsed is None and text.startswith(INCHI) else parsed
    return _copy(molecule) if isinstance(molecule, Chem.Mol) else None


def parse_molecule(molecule: Any, index: int | None = None, max_atoms: int | None = None) -> Chem.Mol:
    """Parse a molecule, or say what is wrong with it.

    Args:
        molecule (`str` or `rdkit.Chem.Mol`): As `try_parse`.
        index (`int`, *optional*): Its place in the caller's list, repeated in error messages.
        max_atoms (`int`, *optional*): Larger molecules are refused.

    Returns:
        `rdkit.Chem.Mol`: The sanitised molecule, with at least one atom.

    Raises:
        ValueError: If it is none; repeats it with its index and says why.

    Example:
    >>> parse_molecule("CCO").GetNumAtoms()
    3
    >>> parse_molecule("CCO ethanol", index=7)
    Traceback (most recent call last):
    ...
    ValueError: The SMILES 'CCO ethanol' at index 7 is followed by 'ethanol'. Give the SMILES alone.
    """
    parsed, where = try_parse(molecule), "" if index is None else f" at index {index}"
    if parsed is None:
        raise ValueError(_explain(molecule, where))
    if max_atoms is not None and parsed.GetNumAtoms() > max_atoms:
        raise ValueError(
            f"The molecule {str(molecule)[:SHOWN_CHARACTERS]!r}{where} has {parsed.GetNumAtoms()} atoms, at most "
            f"{max_atoms} are accepted. Raise `max_atoms` of the processor, or leave it out."
        )
    return parsed


def spell_molecule(molecule: str | Chem.Mol) -> str:
    """Write a molecule that `try_parse` accepts as SMILES: a SMILES as it is, all else canonical.

    Args:
        molecule (`str` or `rdkit.Chem.Mol`): SMILES, InChI or molecule of RDKit.

    Returns:
        `str`: The SMILES.

    Example:
    >>> spell_molecule(" OCC "), spell_molecule("InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3")
    ('OCC', 'CCO')
    """
    if isinstance(molecule, str) and not molecule.strip().startswith(INCHI):
        return molecule.strip()
    try:
        return Chem.MolToSmiles(parse_molecule(molecule))
    except RDKIT_ERRORS as error:
        raise ValueError(f"RDKit cannot write {str(molecule)[:SHOWN_CHARACTERS]!r} as a SMILES: {error}") from error


def read_canonical(smiles: str) -> Chem.Mol | None:
    """Read a canonical SMILES of RDKit just far enough to spell it in another order, in a third of the time.

    Args:
        smiles (`str`): What `Chem.MolToSmiles` wrote. It is not checked.

    Returns:
        `rdkit.Chem.Mol` or `None`: Atoms, bonds, rings and stereo; not sanitised.
    """
    try:
        with rdBase.BlockLogs():
            molecule = Chem.MolFromSmiles(smiles, sanitize=False)
            if molecule is not None:
                molecule.UpdatePropertyCache(strict=False)
                Chem.FastFindRings(molecule)
                Chem.AssignStereochemistry(molecule, cleanIt=False, force=True)
    except RDKIT_ERRORS:
        return None
    return molecule


def _parse(text: str) -> Chem.Mol | None:
    """Parse a SMILES without blanks."""
    legacy = Chem.GetUseLegacyStereoPerception()
    try:
        with rdBase.BlockLogs():
            if legacy:
                molecule = Chem.MolFromSmiles(text)
            else:
                Chem.SetUseLegacyStereoPerception(True)
                try:
                    molecule = Chem.MolFromSmiles(text)
                finally:
                    Chem.SetUseLegacyStereoPerception(False)
            if molecule is None or not molecule.GetNumAtoms():
                return None
            if may_lack_names(molecule, text):
                set_labels(molecule, RELATIVE_STEREO, label_units(molecule, text))
                molecule.SetBoolProp(IS_RARE, True)
            elif _RARE.search(text):
                molecule.SetBoolProp(IS_RARE, True)
    except RDKIT_ERRORS:
        return None
    return molecule


def _parse_inchi(text: str) -> Chem.Mol | None:
    try:
        with rdBase.BlockLogs():
            molecule = Chem.MolFromInchi(text)
            return None if molecule is None else _parse(Chem.MolToSmiles(molecule))
    except RDKIT_ERRORS:
        return None


def _copy(molecule: Chem.Mol) -> Chem.Mol | None:
    """Parse the SMILES of a molecule; atoms keep their numbers unless explicit hydrogens went.

    What a SMILES cannot say, hindered rotation and enhanced stereo, is carried over.
    """
    try:
        with rdBase.BlockLogs():
            axes, groups = label_axes(molecule), list_groups(molecule)
            if axes or groups:
                molecule = Chem.RemoveHs(molecule)
                Chem.CanonicalizeEnhancedStereo(molecule)  # a racemate may be written with either form
                axes, groups = label_axes(molecule), list_groups(molecule)
            parsed = _parse(Chem.MolToSmiles(molecule))
    except RDKIT_ERRORS:  # it was never sanitised
        return None
    if parsed is None or parsed.GetNumAtoms() != molecule.GetNumAtoms():
        return parsed
    order = list(molecule.GetPropsAsDict(True, True)["_smilesAtomOutputOrder"])
    is_rare = parsed.HasProp(IS_RARE)
    parsed = Chem.RenumberAtoms(parsed, sorted(range(len(order)), key=order.__getitem__))
    Chem.GetSymmSSSR(parsed)  # renumbering forgets the rings
    set_labels(parsed, RELATIVE_STEREO, axes)
    set_labels(parsed, STEREO_GROUP, groups)
    if is_rare or axes or groups:
        parsed.SetBoolProp(IS_RARE, True)
    return parsed


def _explain(molecule: Any, where: str) -> str:
    """Say why something is no molecule."""
    if isinstance(molecule, Chem.Mol):
        reason = "has no atoms" if not molecule.GetNumAtoms() else "cannot be written as a SMILES and read back"
        return f"The RDKit molecule{where} {reason}. Sanitise it with `Chem.SanitizeMol` first."
    if not isinstance(molecule, str):
        shown = f"{molecule!r:.{SHOWN_CHARACTERS}}"
        return (
            f"A SMILES must be a string, got {type(molecule).__name__} {shown}{where}. InChI strings and RDKit "
            "molecules are taken too."
        )
    if len(molecule) > MAX_CHARACTERS:
        return f"A SMILES{where} has {len(molecule)} characters, at most {MAX_CHARACTERS} are read. Leave it out."
    text = molecule.strip()
    if not text:
        return f"A SMILES must not be blank, got {molecule!r}{where}."
    shown = f"{text[:SHOWN_CHARACTERS]!r}{where}"
    for place, character in enumerate(text):
        if character.isspace() and text[place:].strip().isprintable():
            return f"The SMILES {shown} is followed by {text[place:].strip()[:80]!r}. Give the SMILES alone."
        if not (character.isascii() and character.isprintable()):
            name = unicodedata.name(character, "a control character")
            return (
                f"The SMILES {shown} holds the character U+{ord(character):04X} ({name}) at position {place}. Remove "
                "it: a SMILES is plain text."
            )
    kind = "InChI" if text.startswith(INCHI) else "SMILES"
    return f"RDKit cannot parse the {kind} {shown}: {_find_problem(text)}. Correct it or leave it out."


def _find_problem(text: str) -> str:
    """RDKit's reason for refusing a string."""
    if text.startswith(INCHI):
        return "it is not valid"
    try:
        with rdBase.BlockLogs():
            raw = Chem.MolFromSmiles(text, sanitize=False)
            if raw is None:
                return "it is not valid SMILES syntax"
            if not raw.GetNumAtoms():
                return "it has no atoms"
            problems = Chem.DetectChemistryProblems(raw)
    except RDKIT_ERRORS:
        return "the molecule cannot be sanitised"
    return problems[0].Message() if problems else "the molecule cannot be sanitised"
