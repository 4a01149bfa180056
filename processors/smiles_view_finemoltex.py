"""The SMILES view: the tokens of a molecule's SMILES, which the encoder `smiles` reads beside the motifs.

The canonical SMILES is stored. [`spell_at_random`] writes the same molecule in another order, for training.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from rdkit import Chem

from .smiles_finemoltex import RDKIT_ERRORS, read_canonical
from .smiles_tokens_finemoltex import FIRST_ID, PAD_ID, SmilesTokens, as_arrays, tokenize_smiles, write_smiles
from .views_finemoltex import Column

MAX_TOKENS = 256  # of a SMILES; the time of attention grows with the square
_OUTPUT_ORDER = "_smilesAtomOutputOrder"


class SmilesView:
    """Tokens of the canonical SMILES.

    The tensors of a batch: `B` molecules, `N` atoms, `L` tokens of the longest SMILES, `[CLS]` included.

    Args:
        vocabulary (`MotifVocabulary`): Not needed; every view is made with it.

    Example:
    >>> row = FineMolTexFeatureExtractor(views=["graph", "smiles"]).featurize("OCC")
    >>> write_smiles(row.smiles_ids), row.smiles_places.tolist()
    ('CCO', [2, 1, 0])
    """

    name = "smiles"
    model_input_names = ("smiles_ids", "smiles_ends", "smiles_places")
    columns: ClassVar[Mapping[str, Column]] = {  # of a molecule with `n` atoms and `l` tokens
        "smiles_ids": Column("uint16"),  # (l,)
        "smiles_ends": Column("uint16", 2),  # (l, 2): the two atoms that a token is about
        "smiles_places": Column("uint16"),  # (n,): the token of each atom
    }

    def __init__(self, vocabulary: Any = None) -> None:
        pass

    def featurize(self, molecule: Chem.Mol) -> dict[str, np.ndarray]:
        """Make the arrays of one molecule.

        Args:
            molecule (`rdkit.Chem.Mol`): From `parse_molecule`.

        Returns:
            `dict[str, np.ndarray]`: `smiles_ids` (l,), `smiles_ends` (l, 2) and `smiles_places` (n,).

        Raises:
            ValueError: If the SMILES has more than `MAX_TOKENS` tokens.
        """
        smiles = Chem.MolToSmiles(molecule)
        tokens = tokenize_smiles(smiles)
        if len(tokens.ids) > MAX_TOKENS:
            raise ValueError(
                f"its SMILES has {len(tokens.ids)} tokens, and at most {MAX_TOKENS} are read by the view 'smiles'. "
                "Leave it out, or use a model whose encoder reads the graph"
            )
        return as_arrays(tokens, _read_order(molecule))

    def collate(self, rows: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Pad the tokens of `B` molecules.

        Args:
            rows (sequence of mappings): Arrays of `B` molecules, at least one.

        Returns:
            `dict[str, np.ndarray]`: `smiles_ids` (B, L), which begin with `[CLS]` and end with padding; `smiles_ends`
            (B, L, 2), atoms numbered over the batch, -1 where there is none; and `smiles_places` (N,), numbered over
            the `B * L` slots. All of 64-bit integers.
        """
        lengths = np.array([len(row["smiles_ids"]) for row in rows])
        counts = np.array([len(row["smiles_places"]) for row in rows])
        width = int(lengths.max()) + 1  # L
        first_atom = np.cumsum(counts) - counts  # (B,)
        is_token = np.arange(1, width + 1) <= lengths[:, None] + 1  # (B, L)
        is_token[:, 0] = False
        ids = np.full(is_token.shape, PAD_ID, dtype=np.int64)
        ids[:, 0] = FIRST_ID
        ids[is_token] = np.concatenate([row["smiles_ids"] for row in rows])
        ends = np.full((*is_token.shape, 2), -1, dtype=np.int64)
        joined = np.concatenate([row["smiles_ends"] for row in rows]).astype(np.int64)
        ends[is_token] = joined + np.repeat(first_atom, lengths)[:, None]
        places = np.concatenate([row["smiles_places"] for row in rows]).astype(np.int64) + 1
        return {
            "smiles_ids": ids,
            "smiles_ends": ends,
            "smiles_places": places + np.repeat(np.arange(len(rows)) * width, counts),
        }


def spell_at_random(row: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """Spell a molecule from another atom on, with its branches in another order (Bjerrum 2017).

    Args:
        row (mapping): What [`SmilesView.featurize`] returned.
        seed (`int`): Of the spelling, between 1 and 2^31 - 1.

    Returns:
        `dict[str, np.ndarray]`: The same arrays of the new SMILES. A molecule that RDKit does not read back, or whose
        new SMILES is too long, stays as it is spelled.

    Example:
    >>> row = SmilesView().featurize(Chem.MolFromSmiles("CC(=O)Oc1ccccc1"))
    >>> [write_smiles(spell_at_random(row, seed)["smiles_ids"].tolist()) for seed in (1, 3)]
    ['C(C)(Oc1ccccc1)=O', 'O(c1ccccc1)C(=O)C']
    """
    kept = {name: row[name] for name in SmilesView.columns}
    molecule = read_canonical(write_smiles(row["smiles_ids"].tolist()))
    numbers = np.argsort(row["smiles_places"], kind="stable")  # (n,): the atoms in the order of the SMILES
    if molecule is None or molecule.GetNumAtoms() != len(numbers):
        return kept
    try:
        tokens: SmilesTokens = tokenize_smiles(Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=seed)[0])
    except RDKIT_ERRORS:
        return kept
    if len(tokens.ids) > MAX_TOKENS or len(tokens.places) != len(numbers):
        return kept
    return as_arrays(tokens, numbers[_read_order(molecule)].tolist())


def _read_order(molecule: Chem.Mol) -> list[int]:
    """Read the atoms in the order of the SMILES that was last written."""
    return list(molecule.GetPropsAsDict(True, True)[_OUTPUT_ORDER])


__all__ = ["MAX_TOKENS", "SmilesView", "spell_at_random"]
