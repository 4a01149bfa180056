"""Numbers that describe a molecule without learning from its labels.

They are descriptors, counts, frozen embeddings, and how near these are to what texts say of molecules.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from ..data.molecule_filters import DESCRIPTORS
from ..model.molecules_finemoltex import Molecules
from .descriptors import MOST, compute_descriptors
from .fingerprints import compute_counts

BLOCKS = ("descriptors", "counts", "embedding", "texts", "pools")
OF_MODEL = ("embedding", "texts", "pools")  # those that need a model
POOL_BATCH = 64  # molecules encoded at once
CHUNK = 512  # molecules whose features are computed between two updates of a progress bar
SHOW_PROGRESS_FROM = 2_000  # molecules


def fill_descriptors(smiles: Sequence[str], names: Sequence[str] = tuple(DESCRIPTORS)) -> np.ndarray:
    """Compute descriptors as every estimator takes them: what is not defined is 0, what is beyond 1e12 is 1e12.

    Args:
        smiles (sequence of `str`): `R` molecules.
        names (sequence of `str`): `D` descriptors of RDKit; all of them, if absent.

    Returns:
        `np.ndarray` of shape `(R, D)`, float32, finite.

    Raises:
        ValueError: If this release of RDKit has no such descriptor.

    Example:
    >>> fill_descriptors(["CCO"], ["NumHDonors", "HeavyAtomCount"]).tolist()
    [[1.0, 3.0]]
    """
    values = compute_descriptors(smiles, names)
    return np.nan_to_num(np.clip(values, -MOST, MOST), nan=0.0).astype(np.float32)


@torch.no_grad()
def compare_with_texts(model: Any, embeds: np.ndarray) -> np.ndarray:
    """Tell how near embedded molecules are to each of the typical texts of the model's training.

    Args:
        model ([`FineMolTexModel`]): Of the embeddings.
        embeds (`np.ndarray` of shape `(R, P)`): Of molecules.

    Returns:
        `np.ndarray` of shape `(R, K)`, float32: Cosines with the `K` text centres of local scaling. A model without
        local scaling knows no typical texts, and the embeddings come back as they are, `(R, P)`.
    """
    scaling = model.fitted.scaling
    if scaling is None:
        return embeds
    found = scaling.compare_with_texts(torch.from_numpy(embeds).to(scaling.text_centres.device))
    return found.cpu().numpy()


@torch.no_grad()
def pool_tokens(encoder: Any, smiles: Sequence[str]) -> np.ndarray:
    """Give the four pools of the tokens of molecules, before they are placed in the shared space (Honda et al. 2019).

    Args:
        encoder ([`MoleculeTextEncoder`]): Its model has the read-out `pools`, as the preset `smiles` has.
        smiles (sequence of `str`): `R` molecules.

    Returns:
        `np.ndarray` of shape `(R, 4W)`, float32.

    Raises:
        ValueError: If the model has another read-out.
    """
    model = encoder.model.base_model
    if not hasattr(model.molecule_readout, "pool_molecules"):
        raise ValueError(
            f"The pools of a SMILES need a model with `readout` 'pools', as the preset 'smiles' trains: this one has "
            f"{model.config.readout!r}. Give another model, or the methods on its embedding, such as `vectors_et`."
        )
    found = []
    for start in range(0, len(smiles), POOL_BATCH):
        batch = encoder.processor(smiles=list(smiles[start : start + POOL_BATCH])).to(model.device)
        molecules = Molecules.from_tensors(**batch)
        states = model.encode_atoms(molecules)  # (N, H_graph)
        found.append(model.molecule_readout.pool_molecules(states, molecules).float().cpu().numpy())
    return np.concatenate(found)


class FeatureStore:
    """Features of molecules, each computed once, whatever split or method asks for it.

    Args:
        compute (mapping of `str` to callable): Name of a block -> function of `R` SMILES to an array `(R, F)`.

    Example:
    >>> store = FeatureStore({"descriptors": fill_descriptors})
    >>> store.get(["CCO", "C", "CCO"], ["descriptors"])["descriptors"].shape[0]
    3
    """

    def __init__(self, compute: dict[str, Callable[[Sequence[str]], np.ndarray]]) -> None:
        self.compute = compute
        self._places: dict[str, dict[str, int]] = {name: {} for name in compute}
        self._rows: dict[str, np.ndarray] = {}

    def get(self, smiles: Sequence[str], blocks: Iterable[str]) -> dict[str, np.ndarray]:
        """Give the features of molecules.

        Args:
            smiles (sequence of `str`): `R` molecules, all parsable.
            blocks (iterable of `str`): Names of blocks.

        Returns:
            `dict` of block -> array of shape `(R, F)`.

        Raises:
            KeyError: If there is no such block.
        """
        return {name: self._get(smiles, name) for name in blocks}

    def _get(self, smiles: Sequence[str], block: str) -> np.ndarray:
        places = self._places[block]
        new = [one for one in dict.fromkeys(smiles) if one not in places]
        if new or block not in self._rows:
            hidden = len(new) < SHOW_PROGRESS_FROM or None  # None: shown on a terminal
            starts = tqdm(range(0, max(1, len(new)), CHUNK), desc=block, leave=False, disable=hidden)
            found = [self.compute[block](new[start : start + CHUNK]) for start in starts]
            self._rows[block] = np.concatenate([*([self._rows[block]] if block in self._rows else []), *found])
            places.update(zip(new, range(len(places), len(places) + len(new)), strict=True))
        return self._rows[block][[places[one] for one in smiles]]


def make_store(load_encoder: Callable[[], Any]) -> FeatureStore:
    """Make the store of every block for one model.

    Args:
        load_encoder (callable): Gives the [`MoleculeTextEncoder`] of the embeddings, whatever their size; called when
            they are first asked for.
    """

    def embed(smiles: Sequence[str]) -> np.ndarray:
        """Embed molecules, `(R, P)`."""
        return load_encoder().encode_molecules(smiles, progress_bar=False)

    def compare(smiles: Sequence[str]) -> np.ndarray:
        """Compare molecules with typical texts, `(R, K)`."""
        return compare_with_texts(load_encoder().model, store.get(smiles, ["embedding"])["embedding"])

    def pool(smiles: Sequence[str]) -> np.ndarray:
        """Pool the tokens of molecules, `(R, 4W)`."""
        return pool_tokens(load_encoder(), smiles)

    blocks = {"descriptors": fill_descriptors, "counts": compute_counts, "embedding": embed, "texts": compare}
    blocks["pools"] = pool
    store = FeatureStore(blocks)
    return store
