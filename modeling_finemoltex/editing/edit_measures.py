"""What else there is to say of an edit than whether it is right: for the evaluation of editors."""

from collections.abc import Callable, Mapping

from rdkit import Chem
from rdkit.Contrib.SA_Score import sascorer

from .reactive_groups import count_reactive
from .structural_alerts import find_alerts


def gains_brenk_alert(source: Chem.Mol, edit: Chem.Mol) -> float:
    """Tell whether an edit has an alert of BRENK that its source does not have: 1 or 0.

    Example:
    >>> gains_brenk_alert(Chem.MolFromSmiles("c1ccccc1"), Chem.MolFromSmiles("O=[N+]([O-])c1ccccc1"))
    1.0
    """
    new = set(find_alerts(edit)).difference(find_alerts(source))
    return float(any(name.startswith("BRENK") for name in new))


def gains_reactive_group(source: Chem.Mol, edit: Chem.Mol) -> float:
    """Tell whether an edit has more of a group of `REACTIVE_GROUPS` than its source: 1 or 0."""
    return float(any(map(int.__gt__, count_reactive(edit), count_reactive(source))))


def measure_sa_change(source: Chem.Mol, edit: Chem.Mol) -> float:
    """Compute by how much harder an edit is to make than its source: the change of the SA score, from -9 to 9."""
    return sascorer.calculateScore(edit) - sascorer.calculateScore(source)


EDIT_MEASURES: Mapping[str, Callable[[Chem.Mol, Chem.Mol], float]] = {
    "new_brenk_alert": gains_brenk_alert,
    "new_reactive_group": gains_reactive_group,
    "sa_change": measure_sa_change,
}
