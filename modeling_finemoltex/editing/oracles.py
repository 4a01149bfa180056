"""Properties that RDKit computes, to guide a search beside the text when somebody asks for one."""

from dataclasses import dataclass

from rdkit import Chem

from ..data.molecule_filters import DESCRIPTORS

ORACLES = {
    "logp": "MolLogP",
    "qed": "qed",
    "tpsa": "TPSA",
    "donors": "NumHDonors",
    "acceptors": "NumHAcceptors",
}
DIRECTIONS = {"up": 1, "down": -1}


@dataclass(frozen=True)
class PropertyOracle:
    """A descriptor that is to rise or fall: an oracle of `SearchEditor`.

    Args:
        name (`str`): Key of `ORACLES`.
        direction (`str`): `"up"` or `"down"`.

    Raises:
        ValueError: If the name or the direction is unknown.

    Example:
    >>> str(PropertyOracle("logp", "down")), round(PropertyOracle("logp", "down")(Chem.MolFromSmiles("CCO")), 2)
    ('MolLogP down', 0.0)
    """

    name: str
    direction: str = "up"

    def __post_init__(self) -> None:
        if self.name not in ORACLES or self.direction not in DIRECTIONS:
            raise ValueError(
                f"There is no oracle {self.name}:{self.direction}: give one of {', '.join(ORACLES)}, with :up or "
                ":down behind it, such as logp:down."
            )

    def __call__(self, molecule: Chem.Mol) -> float:
        """Compute the descriptor, with its sign changed where it is to fall."""
        return DIRECTIONS[self.direction] * float(DESCRIPTORS[ORACLES[self.name]](molecule))

    def __str__(self) -> str:
        return f"{ORACLES[self.name]} {self.direction}"


def parse_oracle(text: str) -> PropertyOracle:
    """Read an oracle as it is typed, such as `logp:down`; without a direction it is to rise.

    Raises:
        ValueError: If the name or the direction is unknown.
    """
    name, _, direction = text.strip().lower().partition(":")
    return PropertyOracle(name, direction or "up")
