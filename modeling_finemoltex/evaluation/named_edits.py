"""Adding, removing and replacing a named group: instances, and when an answer is exactly what was asked.

After the molecule editing tasks of TOMG-Bench; the instances are generated here, from any molecules.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

from rdkit import Chem

from ..data.identifiers import try_parse
from ..data.named_groups import Group, known_groups
from ..data.structural_facts import add_article, match_fact, nouns_of, structural_facts
from ..data.structure_words import fact_numbers

KINDS = ("add", "remove", "replace")
WORDINGS = {
    "add": ("Add {added}.", "Please add {added} to the molecule.", "Introduce {added} into this molecule."),
    "remove": ("Remove the {removed}.", "Delete {a_removed} from the molecule.", "Please remove {a_removed}."),
    "replace": (
        "Replace the {removed} by {added}.",
        "Substitute {a_removed} in the molecule with {added}.",
        "Exchange the {removed} for {added}.",
    ),
}


class NamedEdit(NamedTuple):
    """One instance.

    Args:
        source (`str`): SMILES.
        kind (`str`): One of `KINDS`.
        prompt (`str`): The sentence.
        removed (`str`, *optional*): Name of the fact that is to be left out.
        added (`str`, *optional*): Name of the fact that is to be put in.
    """

    source: str
    kind: str
    prompt: str
    removed: str | None = None
    added: str | None = None


def make_named_edits(
    smiles: Sequence[str], number: int, seed: int = 0, only_substituents: bool = True
) -> list[NamedEdit]:
    """Generate instances: random molecules and random groups, as many of each kind.

    What is to be left out is a group of the molecule; what is to be put in is any group that can be, and is no part of
    the other.

    Args:
        smiles (sequence of `str`): Molecules to draw from.
        number (`int`): Instances of each kind.
        seed (`int`): Equal seeds give equal instances.
        only_substituents (`bool`): Leave out only what ends a chain, such as a nitro group; otherwise also what may be
            in the middle of the molecule or in a ring, such as an ether or a pyridine, where it may be impossible.

    Returns:
        `list[NamedEdit]`: `3 * number` instances.

    Raises:
        ValueError: If the molecules have no group that can be left out.

    Example:
    >>> [instance.kind for instance in make_named_edits(["Clc1ccccc1"], 1)]
    ['add', 'remove', 'replace']
    """
    generator = random.Random(seed)
    groups = list(known_groups().values())
    removable = [group for group in groups if group.is_substituent or not only_substituents]
    instances: list[NamedEdit] = []
    for kind in KINDS:
        for _attempt in range(100 * number):
            if len(instances) == (KINDS.index(kind) + 1) * number:
                break
            instance = _make(generator.choice(smiles), kind, groups, removable, generator)
            if instance is not None:
                instances.append(instance)
        else:
            raise ValueError(f"The {len(smiles)} molecules have no group that could be left out: give others.")
    return instances


def _make(
    smiles: str, kind: str, groups: Sequence[Group], removable: Sequence[Group], generator: random.Random
) -> NamedEdit | None:
    """Make one instance; `None` if the molecule has none of the groups."""
    molecule = try_parse(smiles)
    if molecule is None:
        return None
    present = [group for group in removable if group.count(molecule)]
    removed = generator.choice(present) if kind != "add" and present else None
    if kind != "add" and removed is None:
        return None
    others = groups if removed is None else [group for group in groups if not _overlap(group, removed)]
    added = generator.choice(others) if kind != "remove" else None
    words = {"removed": _word(removed, generator), "added": _word(added, generator)}
    prompt = generator.choice(WORDINGS[kind]).format(
        removed=words["removed"], a_removed=add_article(words["removed"]), added=add_article(words["added"])
    )
    return NamedEdit(smiles, kind, prompt, removed and removed.name, added and added.name)


def _overlap(first: Group, second: Group) -> bool:
    """Whether one group is counted in a piece of the other."""
    return any(
        one.count_in(piece)
        for one, other in ((first, second), (second, first))
        for piece in other.pieces
        if piece.count("*") == 1 and "*=" not in piece
    )


def _word(group: Group | None, generator: random.Random) -> str:
    """Draw a noun for a group."""
    if group is None:
        return "-"
    fact = structural_facts()[fact_numbers()[group.name]]
    return generator.choice([noun for noun in nouns_of(fact) if "compound" not in noun])


def is_exact_edit(instance: NamedEdit, answer: str | None) -> bool:
    """Tell whether an answer is what was asked: the groups one more and one less, the rest of the molecule kept.

    Args:
        instance ([`NamedEdit`]): What was asked.
        answer (`str`, *optional*): SMILES.

    Returns:
        `bool`: Without an answer `False`.

    Example:
    >>> (instance,) = make_named_edits(["Clc1ccccc1"], 1)[1:2]
    >>> is_exact_edit(instance._replace(removed="chlorine atom"), "c1ccccc1")
    True
    """
    source, edit = try_parse(instance.source), try_parse(answer)
    if source is None or edit is None or "." in str(answer):
        return False
    groups = known_groups()
    for name, sign in ((instance.removed, -1), (instance.added, 1)):
        if name is not None and groups[name].count(edit) - groups[name].count(source) != sign:
            return False
    if instance.removed is None:
        return edit.HasSubstructMatch(source)
    matches = match_fact(source, fact_numbers()[instance.removed])
    return any(_is_kept(source, match, edit) for match in matches)


def _is_kept(source: Chem.Mol, match: Sequence[int], edit: Chem.Mol) -> bool:
    """Whether all of the source but one occurrence of the group is in the edit."""
    rest = Chem.RWMol(source)
    for atom in sorted(match, reverse=True):
        rest.RemoveAtom(atom)
    return edit.HasSubstructMatch(rest.GetMol())


def evaluate_named_edits(instances: Sequence[NamedEdit], answers: Sequence[str | None]) -> dict[str, float]:
    """Compute the share of answers that are exactly what was asked.

    Args:
        instances (sequence of [`NamedEdit`]): `R` instances.
        answers (sequence of `str` or `None`): The first answer to each, `None` without one.

    Returns:
        `dict[str, float]`: `named_edits_exact`, the same for each kind, and `named_edits_answered`.

    Raises:
        ValueError: If there is not one answer for each instance.
    """
    if len(instances) != len(answers) or not instances:
        raise ValueError(f"There must be one answer for each instance: {len(instances)} and {len(answers)} are given.")
    exact = [is_exact_edit(instance, answer) for instance, answer in zip(instances, answers, strict=True)]
    figures = {"named_edits_exact": sum(exact) / len(exact)}
    for kind in KINDS:
        rows = [right for instance, right in zip(instances, exact, strict=True) if instance.kind == kind]
        if rows:
            figures[f"named_edits_{kind}_exact"] = sum(rows) / len(rows)
    return figures | {"named_edits_answered": sum(answer is not None for answer in answers) / len(answers)}
