"""What an editor takes and gives, and which edits are admissible."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from rdkit import Chem
from rdkit.Contrib.SA_Score import sascorer

from ..data.identifiers import try_parse
from ..data.molecule_filters import DESCRIPTORS, MoleculeFilter
from ..data.similarity import compute_similarities
from .proposals import Proposal, Rule

# What a chemist looks at first; names of `rdkit.Chem.Descriptors`.
REPORTED = ("MolLogP", "TPSA", "qed", "NumHAcceptors", "NumHDonors", "MolWt")
# Groups that fall apart or react with water, which no analogue should gain.
UNSTABLE = (
    "[OX2]-[OX2]",  # peroxide
    "[N,O,S]-[F,Cl,Br,I]",  # halogen on a heteroatom
    "[CX3](=O)[F,Cl,Br,I]",  # acyl halide
    "[OX2H1]C(=O)[N,O,S]",  # carbamic and carbonic acid
    "[#16;H1,H2](=O)",  # sulfinyl hydrogen
    "[CX4]([OX2H1,NX3H2,SX2H1])[OX2H1,NX3H2,SX2H1,F,Cl,Br,I]",  # geminal diol, hemiaminal, halohydrin
    "[OX2H1][CX4;!R][OX2,NX3]",  # open hemiacetal
    "[NX3]-[NX3]-[NX3]",  # chain of nitrogen
    "[OX2,NX3,SX2;!R]-[SX2,OX2;!R]-[#7,#8,#16]",  # chain of heteroatoms
    "[CX3]=[CX2]=[CX3]",  # cumulated double bonds
    "[OX2H1][CX3]=[CX3;!$(C-C=[O,N])]",  # enol of a simple ketone
)
_UNSTABLE = [Chem.MolFromSmarts(pattern) for pattern in UNSTABLE]


@dataclass(frozen=True)
class Edit:
    """An edited molecule.

    Args:
        smiles (`str`): Canonical SMILES. May be invalid if the editor keeps inadmissible answers.
        similarity (`float`, *optional*): Tanimoto similarity to the source; `None` without a source.
        text_score (`float`, *optional*): How much nearer to the prompt than the source, as a difference of cosines;
            without a source, how near. `None` from an editor that does not read the prompt.
        property_changes (`dict[str, float]`): Descriptor -> its value minus that of the source (without a source its
            value).
    """

    smiles: str
    similarity: float | None
    text_score: float | None
    property_changes: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields, ready for JSON."""
        return asdict(self)


class MoleculeEditor(ABC):
    """Edits molecules as a sentence asks. To add one, write the class and its line in `EDITORS`.

    Attributes:
        batch_size (`int`): Molecules that `edit_many` is best given at once.
    """

    batch_size: int = 1

    @classmethod
    def from_model(cls, name_or_path: str, settings: "EditorSettings") -> "MoleculeEditor":
        """Load a model into an editor.

        Args:
            name_or_path (`str`): Folder or Hub id of a model with its processor.
            settings ([`EditorSettings`]): An editor reads those that concern it.

        Raises:
            TypeError: If this kind of editor needs more than a model and settings.
            ValueError: If there is no such model, or it lacks what the editor needs.
        """
        raise TypeError(f"A {cls.__name__} needs more than a model and settings: build it from its parts.")

    @abstractmethod
    def edit(self, smiles: str, prompt: str, opposite: str | None = None, num_edits: int = 10) -> list[Edit]:
        """Edit one molecule.

        Args:
            smiles (`str`): The source, in one piece.
            prompt (`str`): What the edit is to be, such as "This molecule is more soluble in water.".
            opposite (`str`, *optional*): What it is not to be, in words of its own.
            num_edits (`int`): Most edits to give.

        Returns:
            `list[Edit]`: Distinct edits, best first; empty if none is admissible.

        Raises:
            ValueError: If `smiles` is no molecule or has several components, a sentence is blank, or `num_edits` is
                not positive.
        """

    def edit_many(
        self, smiles: Sequence[str], prompt: str, opposite: str | None = None, num_edits: int = 10
    ) -> list[list[Edit]]:
        """Edit several molecules, one list each; one after the other, unless the editor knows better."""
        return [self.edit(source, prompt, opposite, num_edits) for source in smiles]


class Candidate(NamedTuple):
    """An admissible analogue: canonical SMILES, molecule, similarity to the source, rule that made it."""

    smiles: str
    molecule: Chem.Mol
    similarity: float
    rule: Rule | None = None


@dataclass(frozen=True)
class EditConstraints:
    """What an edit must keep, whatever the prompt says.

    Args:
        min_similarity (`float`): Least Tanimoto similarity to the source, between 0 and 1.
        max_sa_score (`float`): Most synthetic accessibility score, from 1 (easy to make) to 10; edits of a source that
            scores more may score as much as it.
        condition (`MoleculeFilter`, *optional*): Substructures and descriptor ranges that it must have.

    Raises:
        ValueError: If `min_similarity` is out of range.
    """

    min_similarity: float = 0.4
    max_sa_score: float = 4.5  # most molecules sold score less
    condition: MoleculeFilter | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_similarity <= 1:
            raise ValueError(f"`min_similarity` must be between 0 and 1, got {self.min_similarity}.")

    def admit(self, source: Chem.Mol | None, proposals: Iterable[Proposal]) -> list[Candidate]:
        """Keep the intact molecules in one piece, other than the source, that meet the constraints.

        Args:
            source (`rdkit.Chem.Mol`, *optional*): The molecule to edit; without one nothing need be similar.
            proposals (iterable of [`Proposal`]): What the proposers gave.

        Returns:
            `list[Candidate]`: In the order of the proposals; the similarity is 1 without a source.
        """
        allowed = [0 if source is None else len(source.GetSubstructMatches(pattern)) for pattern in _UNSTABLE]
        parsed = [
            (smiles, molecule, rule) for smiles, rule in proposals if (molecule := try_parse(smiles)) is not None
        ]
        similarities = [1.0] * len(parsed)
        if source is not None:
            similarities = compute_similarities(source, [molecule for _, molecule, _ in parsed])
        name = None if source is None else Chem.MolToSmiles(source)
        hardest = max(self.max_sa_score, 0.0 if source is None else sascorer.calculateScore(source))
        return [
            Candidate(smiles, molecule, similarity, rule)
            for (smiles, molecule, rule), similarity in zip(parsed, similarities, strict=True)
            if similarity >= self.min_similarity
            and smiles != name
            and "." not in smiles
            and not any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
            and all(
                len(molecule.GetSubstructMatches(pattern)) <= most
                for pattern, most in zip(_UNSTABLE, allowed, strict=True)
            )
            and sascorer.calculateScore(molecule) <= hardest
            and (self.condition is None or self.condition.accepts(molecule))
        ]


@dataclass(frozen=True)
class EditorSettings:
    """What any editor can be told; see `EDITORS`.

    Args:
        constraints ([`EditConstraints`], *optional*): What every edit must keep.
        num_candidates (`int`): Analogues proposed in each generation.
        num_generations (`int`): Generations of a search.
        seed (`int`): Equal seeds give equal edits.
        fragments (`str` or `Path`, *optional*): CReM fragment database that proposes more analogues.
        use_selfies (`bool`): Propose random SELFIES mutations too.
    """

    constraints: EditConstraints | None = None
    num_candidates: int = 300
    num_generations: int = 2
    seed: int = 0
    fragments: str | Path | None = None
    use_selfies: bool = False


def parse_source(smiles: str) -> Chem.Mol:
    """Parse the molecule to edit.

    Raises:
        ValueError: If it is no molecule, or has several components.
    """
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"{smiles!r:.80} is no molecule that can be edited: give a SMILES such as 'CCO'.")
    components = Chem.GetMolFrags(molecule, asMols=True)
    if len(components) > 1:
        largest = max(components, key=Chem.Mol.GetNumHeavyAtoms)
        raise ValueError(
            f"{smiles!r:.80} has {len(components)} components, and one molecule can be edited at a time: give one, "
            f"such as the largest, {Chem.MolToSmiles(largest)!r}."
        )
    return molecule


def check_num_edits(num_edits: int) -> None:
    """Refuse a number of edits below one."""
    if num_edits < 1:
        raise ValueError(f"The number of edits must be at least 1, got {num_edits}.")


def describe_change(molecule: Chem.Mol, source: Chem.Mol | None) -> dict[str, float]:
    """Compute by how much each of `REPORTED` differs from the source; without one, the values."""
    return {
        name: round(DESCRIPTORS[name](molecule) - (DESCRIPTORS[name](source) if source is not None else 0.0), 4)
        for name in REPORTED
    }
