"""The prompts of text-based editing, each with what must change in the molecule: data, no branches.

Numbers, wording and thresholds are those published with MoleculeSTM and FineMolTex.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import Descriptors

from ..data.similarity import compute_similarities

UP, DOWN = 1, -1
PUBLISHED_NUM_BITS = 1024  # fingerprints of the published "looks like" check

DRUGS = {
    "Penicillin": "CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(=O)O",
    "Aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "Caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "Cholesterol": "CC(C)CCCC(C)C1CCC2C3CC=C4CC(O)CCC4(C)C3CCC12C",
    "Dopamine": "NCCc1ccc(O)c(O)c1",
    "Cysteine": "NC(CS)C(=O)O",
    "Glutathione": "NC(CCC(=O)NC(CS)C(=O)NCC(=O)O)C(=O)O",
}
GROUPS = {
    "amino groups": ("[NX3;H2,H1;!$(NC=O)]",),
    "benzene": ("c1ccccc1",),
    "chlorine": ("[Cl]",),
    # What RDKit counts as fr_Al_OH and fr_phenol.
    "hydroxyl groups": ("[C!$(C=O)]-[OH]", "[OX2H]-c1ccccc1"),
}


class Check(NamedTuple):
    """A quantity of `QUANTITIES` that must rise or fall, by more than `margin` where margins are asked for."""

    quantity: str
    direction: int
    margin: float = 0.0

    def passes(self, before: float, after: float, with_margin: bool = False) -> bool:
        """Tell whether the change is in the right direction; no change never is."""
        return self.direction * (after - before) > (self.margin if with_margin else 0.0)


@dataclass(frozen=True)
class EditingPrompt:
    """A sentence, and what it asks for.

    Args:
        number (`int`): The published number.
        text (`str`): The sentence as it was published.
        opposite (`str`, *optional*): Our sentence for the opposite, which an editor may move away from;
            none where it would only add a "no".
        checks (`tuple[Check, ...]`): What must hold of an edit, all of it.
        needs_absence (`bool`): The published rule leaves out molecules that have the group already.
    """

    number: int
    text: str
    opposite: str | None
    checks: tuple[Check, ...]
    needs_absence: bool = False


def count_matches(molecule: Chem.Mol, patterns: tuple[Chem.Mol, ...]) -> float:
    """Count the places of a molecule where any of the patterns lies."""
    return float(sum(len(molecule.GetSubstructMatches(pattern)) for pattern in patterns))


def _resemble(molecule: Chem.Mol, drug: Chem.Mol) -> float:
    return compute_similarities(molecule, [drug], PUBLISHED_NUM_BITS)[0]


_DESCRIPTORS = dict(Descriptors.descList)
QUANTITIES: dict[str, Callable[[Chem.Mol], float]] = {
    **{name: _DESCRIPTORS[name] for name in ("MolLogP", "qed", "TPSA", "NumHAcceptors", "NumHDonors")},
    **{name: partial(_resemble, drug=Chem.MolFromSmiles(smiles)) for name, smiles in DRUGS.items()},
    **{
        name: partial(count_matches, patterns=tuple(map(Chem.MolFromSmarts, patterns)))
        for name, patterns in GROUPS.items()
    },
}

# The stricter margins in use beside the published threshold 0; for resemblance and groups there are none.
_SOLUBLE, _INSOLUBLE = Check("MolLogP", DOWN, 0.5), Check("MolLogP", UP, 0.5)
_PERMEABLE, _IMPERMEABLE = Check("TPSA", DOWN, 10.0), Check("TPSA", UP, 10.0)
_DRUG_LIKE, _NOT_DRUG_LIKE = Check("qed", UP, 0.1), Check("qed", DOWN, 0.1)
_ACCEPTORS, _DONORS = Check("NumHAcceptors", UP, 1), Check("NumHDonors", UP, 1)

# number, end of the sentence, end of the opposite, checks; of several the published code looks at the first only
_CHANGES = (
    (101, "is soluble in water", "is insoluble in water", (_SOLUBLE,)),
    (102, "is insoluble in water", "is soluble in water", (_INSOLUBLE,)),
    (103, "is like a drug", "is not like a drug", (_DRUG_LIKE,)),
    (104, "is not like a drug", "is like a drug", (_NOT_DRUG_LIKE,)),
    (105, "has high permeability", "has low permeability", (_PERMEABLE,)),
    (106, "has low permeability", "has high permeability", (_IMPERMEABLE,)),
    (107, "has more hydrogen bond acceptors", "has fewer hydrogen bond acceptors", (_ACCEPTORS,)),
    (108, "has more hydrogen bond donors", "has fewer hydrogen bond donors", (_DONORS,)),
    (201, "is soluble in water and has more hydrogen bond acceptors",
     "is insoluble in water and has fewer hydrogen bond acceptors", (_SOLUBLE, _ACCEPTORS)),
    (202, "is insoluble in water and has more hydrogen bond acceptors",
     "is soluble in water and has fewer hydrogen bond acceptors", (_INSOLUBLE, _ACCEPTORS)),
    (203, "is soluble in water and has more hydrogen bond donors",
     "is insoluble in water and has fewer hydrogen bond donors", (_SOLUBLE, _DONORS)),
    (204, "is insoluble in water and has more hydrogen bond donors",
     "is soluble in water and has fewer hydrogen bond donors", (_INSOLUBLE, _DONORS)),
    (205, "is soluble in water and has high permeability",
     "is insoluble in water and has low permeability", (_SOLUBLE, _PERMEABLE)),
    (206, "is soluble in water and has low permeability",
     "is insoluble in water and has high permeability", (_SOLUBLE, _IMPERMEABLE)),
)  # fmt: skip
_GROUP_PROMPTS = (
    (501, "has amino groups", "amino groups"),
    (502, "contains benzene", "benzene"),
    (503, "is chloride", "chlorine"),
    (504, "contains hydroxyl groups", "hydroxyl groups"),
)


def _sentence(end: str) -> str:
    return f"This molecule {end}."


PROMPTS: dict[int, EditingPrompt] = {
    prompt.number: prompt
    for prompt in (
        *(EditingPrompt(number, _sentence(end), _sentence(other), checks) for number, end, other, checks in _CHANGES),
        *(
            EditingPrompt(301 + place, _sentence(f"looks like {drug}"), None, (Check(drug, UP),))
            for place, drug in enumerate(DRUGS)
        ),
        *(
            EditingPrompt(number, _sentence(end), None, (Check(group, UP),), needs_absence=True)
            for number, end, group in _GROUP_PROMPTS
        ),
    )
}
FAMILIES = {"101-108": (101, 108), "201-206": (201, 206), "301-307": (301, 307), "501-504": (501, 504)}
