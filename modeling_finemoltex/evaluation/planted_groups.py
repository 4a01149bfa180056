"""Is an attribution right? Labels that a group decides, so that the atoms which carry a prediction are known.

A label says whether a molecule has the group. A model that has learned it must have read it off these atoms, and an
attribution must rank them above the others.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data.identifiers import try_parse
from ..data.structural_facts import count_fact, match_fact, structural_facts

# Groups of all kinds: ends and middles of chains, rings, with and without heteroatoms.
PLANTED = (
    *("nitro compound", "nitrile", "carboxylic acid", "ester", "primary amide", "sulfonamide", "ketone"),
    *("trifluoromethyl substituent", "pyridine", "furan", "thiophene", "piperazine", "cyclohexane"),
)
FEWEST = 10  # molecules with a group, and without it
BLIND = ("chance", "heteroatoms")  # what knows no model: all atoms alike, and all but carbon above carbon


class PlantedGroup(NamedTuple):
    """A group, and as many molecules with it as without it, in random order."""

    name: str
    smiles: list[str]  # R
    labels: np.ndarray  # (R,), 1.0 with the group


def plant_groups(
    smiles: Sequence[str], names: Sequence[str] = PLANTED, number: int = 400, seed: int = 0
) -> list[PlantedGroup]:
    """Choose molecules with and without each of several groups.

    Args:
        smiles (sequence of `str`): Molecules to choose from; those that cannot be parsed are left out, and so are
            those of which every atom belongs to the group.
        names (sequence of `str`): Facts of the vocabulary of structure queries, such as `"nitro compound"`.
        number (`int`): Most molecules with a group; as many without it.
        seed (`int`): Of the choice and the order.

    Returns:
        `list` of [`PlantedGroup`], in the order of the names.

    Raises:
        ValueError: If there is no such group, or fewer than 10 molecules with or without it.
    """
    facts = [_find_fact(name) for name in names]
    parsed = [(one, molecule) for one in smiles if (molecule := try_parse(one)) is not None]
    return [_plant(parsed, name, fact, number, seed) for name, fact in zip(names, facts, strict=True)]


def mark_group(smiles: str, name: str) -> np.ndarray:
    """Mark the atoms of all occurrences of a group. -> `(N,)` bool, in the order of the SMILES.

    Raises:
        ValueError: If there is no such group, or the molecule cannot be parsed.

    Example:
    >>> mark_group("CC#N", "nitrile").tolist()
    [False, True, True]
    """
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"RDKit cannot parse the SMILES {smiles!r:.200}.")
    return _mark(molecule, _find_fact(name))


def score_attribution(effects: np.ndarray, is_group: np.ndarray) -> float:
    """Give the probability that an atom of the group has a larger effect than one outside (AUROC); ties count half.

    Args:
        effects (`np.ndarray` of shape `(N,)`): By atom.
        is_group (`np.ndarray` of shape `(N,)`, bool): The atoms of the group: neither none nor all.

    Raises:
        ValueError: If there is no pair to compare, or not an effect for each atom.

    Example:
    >>> score_attribution(np.array([0.1, 0.9, 0.1]), np.array([False, True, True]))
    0.75
    """
    if effects.shape != is_group.shape or not is_group.any() or is_group.all():
        raise ValueError(
            f"Give an effect for each atom, some of them in the group: got {effects.shape} effects and "
            f"{int(is_group.sum())} of {is_group.size} atoms."
        )
    inside, outside = effects[is_group][:, None], effects[~is_group]
    return float(((inside > outside) + 0.5 * (inside == outside)).mean())


def evaluate_attribution(
    smiles: Sequence[str], name: str, methods: dict[str, Callable[[str], np.ndarray]]
) -> dict[str, Any]:
    """Measure how well attributions find the atoms of a planted group in molecules that have it.

    Args:
        smiles (sequence of `str`): Molecules with the group that the model was not trained on.
        name (`str`): Of the group.
        methods (`dict`): Name -> function from a SMILES to the effects of its `N` atoms, `(N,)`.

    Returns:
        `dict` with `num_molecules` and, for each method and each of `BLIND`, `mean` and `std` of the AUROC over the
        molecules.

    Raises:
        ValueError: If there are no molecules, or one of them lacks the group.
    """
    if not smiles:
        raise ValueError(f"There is no molecule with the group {name!r} to attribute.")
    scores: dict[str, list[float]] = {method: [] for method in (*BLIND, *methods)}
    for one in smiles:
        truth = mark_group(one, name)
        guesses = {"chance": np.zeros(len(truth)), "heteroatoms": _mark_heteroatoms(one)}
        for method, effects in {**guesses, **{key: attribute(one) for key, attribute in methods.items()}}.items():
            scores[method].append(score_attribution(effects, truth))
    figures = {key: {"mean": float(np.mean(one)), "std": float(np.std(one))} for key, one in scores.items()}
    return {"num_molecules": len(smiles), **figures}


def _plant(parsed: Sequence[tuple[str, Any]], name: str, fact: int, number: int, seed: int) -> PlantedGroup:
    sides: tuple[list[str], list[str]] = ([], [])
    for one, molecule in parsed:
        if not _mark(molecule, fact).all():
            sides[bool(count_fact(molecule, fact))].append(one)
    size = min(number, *map(len, sides))
    if size < FEWEST:
        raise ValueError(
            f"Of {len(parsed)} molecules, {len(sides[1])} have the group {name!r} and {len(sides[0])} do not; "
            f"{FEWEST} of each are needed. Give more molecules."
        )
    generator = random.Random(f"{name} {seed}")
    rows = [(one, float(label)) for label, side in enumerate(sides) for one in generator.sample(side, size)]
    generator.shuffle(rows)
    return PlantedGroup(name, [one for one, _ in rows], np.array([label for _, label in rows]))


def _find_fact(name: str) -> int:
    numbers = {fact.name: number for number, fact in enumerate(structural_facts())}
    if name not in numbers:
        raise ValueError(f"There is no group {name!r} in the vocabulary; there are {', '.join(PLANTED)} and others.")
    return numbers[name]


def _mark(molecule: Any, fact: int) -> np.ndarray:
    is_group = np.zeros(molecule.GetNumAtoms(), dtype=bool)
    is_group[[atom for match in match_fact(molecule, fact) for atom in match]] = True
    return is_group


def _mark_heteroatoms(smiles: str) -> np.ndarray:
    return np.array([atom.GetAtomicNum() != 6 for atom in try_parse(smiles).GetAtoms()], dtype=float)
