"""Which atoms of a molecule carry a prediction: their share in it, or what changes without them; drawn as a map."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from rdkit import Chem
from rdkit.Chem import rdDepictor
from rdkit.Chem.Draw import SimilarityMaps, rdMolDraw2D

from ..data.identifiers import attempt, explain_refusal, try_parse
from ..model.molecules_finemoltex import Molecules
from ..model.spellings_finemoltex import SPELLING_TENSORS

RED, WHITE, BLUE = (0.90, 0.30, 0.25), (1.0, 1.0, 1.0), (0.25, 0.45, 0.90)
BATCH = 256  # copies of a molecule that the model takes at once
CONTOURS = 6


def choose_output(names: Sequence[str], output: str | int = 0) -> int:
    """Find the number of an output.

    Args:
        names (sequence of `str`): Of the tasks or classes, such as `PropertyPredictor.columns`.
        output (`str` or `int`): Task or class, by name or number.

    Raises:
        ValueError: If there is no such output.
    """
    column = list(names).index(output) if output in names else output
    if not isinstance(column, int) or not 0 <= column < len(names):
        raise ValueError(f"The model has no output {output!r}; it has {list(names)[:20]}.")
    return column


def list_outputs(config: Any) -> list[str]:
    """List the names of the outputs that a configuration has."""
    return [config.id2label[place] for place in range(config.num_labels)]


def attribute_atoms(
    model: Any,
    processor: Any,
    smiles: str,
    output: str | int = 0,
    by: str = "states",
    num_orders: int = 0,
    seed: int = 0,
) -> np.ndarray:
    """Say how much each atom raises a prediction.

    By `"states"`, the state of each atom after the last layer is multiplied by the gradient of the prediction: where
    the states are averaged and a linear layer follows, these are exactly the terms of the prediction, less its bias.
    One pass of the model, and of the ways here the one that finds planted groups most surely.

    By `"hidden"`, the prediction is compared with those of the molecule with one atom at a time hidden: it keeps its
    place, but it and its bonds are replaced by the [MASK] that pre-training learned. The effects do not add up. With
    `num_orders`, atoms are hidden one after the other in random orders, and each gets its mean effect over the orders
    (sampled Shapley values): these add up to the prediction minus that of the molecule with all atoms hidden, and
    share out what several atoms say alike, at `num_orders` times the cost.

    Args:
        model ([`FineMolTexForPropertyPrediction`]): A fine-tuned model that reads molecules alone.
        processor (`FineMolTexProcessor`): That of the model.
        smiles (`str`): The molecule, of `N` atoms.
        output (`str` or `int`): Task or class, by name or number.
        by (`str`): `"states"` or `"hidden"`.
        num_orders (`int`): Random orders of hiding; 0 hides single atoms.
        seed (`int`): Of the orders.

    Returns:
        `np.ndarray` of shape `(N,)`: By atom in the order of the SMILES, in logits, or in the units of a number.

    Raises:
        ValueError: If there is no such output or way, the molecule is bad, or `num_orders` does not fit.

    Example:
    >>> model = FineMolTexForPropertyPrediction.from_pretrained(property_folder)
    >>> attribute_atoms(model, processor, "CCO").shape
    (3,)
    """
    column = choose_output(list_outputs(model.config), output)
    if by not in ("states", "hidden"):
        raise ValueError(f"`by` must be 'states' or 'hidden': got {by!r}.")
    if num_orders < 0 or (num_orders and by == "states"):
        raise ValueError(f"`num_orders` must be 0, or more with `by='hidden'`: got {num_orders} with {by!r}.")
    alone = _one_motif_an_atom(processor, smiles).to(model.device)
    model.eval()
    if by == "states":
        return _multiply_states(model, alone, column)
    return _hide_atoms(model, alone, column, num_orders, seed)


def attribute_deleted_atoms(predict: Callable[[list[str]], np.ndarray], smiles: str, column: int = 0) -> np.ndarray:
    """Say how much each atom raises a prediction of any method: compare it with that without the atom.

    Hydrogens take the place of the bonds that are cut. What is left may be an unlikely molecule, or two. For a
    model of this package, [`attribute_atoms`] is to be preferred.

    Args:
        predict (callable): `R` SMILES -> `(R, K)` probabilities or numbers, such as `PropertyPredictor.predict`.
        smiles (`str`): The molecule, of `N` atoms.
        column (`int`): Number of the output.

    Returns:
        `np.ndarray` of shape `(N,)`: By atom in the order of the SMILES, in the units of the prediction; 0 where
        nothing is left, or no molecule.

    Raises:
        ValueError: If the molecule is bad.

    Example:
    >>> count_oxygens = lambda smiles: np.array([[one.count("O")] for one in smiles], float)
    >>> attribute_deleted_atoms(count_oxygens, "CCO").tolist()
    [0.0, 0.0, 1.0]
    """
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"{explain_refusal(smiles)}.")
    rests = [_delete_atom(molecule, atom) for atom in range(molecule.GetNumAtoms())]
    predicted = np.asarray(predict([smiles, *(rest for rest in rests if rest)]), float)[:, column]  # (R,)
    effects = np.zeros(len(rests))
    effects[[bool(rest) for rest in rests]] = predicted[0] - predicted[1:]
    return effects


def draw_atoms(
    smiles: str, effects: np.ndarray, size: tuple[int, int] = (480, 360), format: str = "svg"
) -> str | bytes:
    """Draw a molecule on a map of its atoms: red where they raise a prediction, blue where they lower it.

    Args:
        smiles (`str`): The molecule, of `N` atoms.
        effects (`np.ndarray` of shape `(N,)`): Of [`attribute_atoms`].
        size (`tuple[int, int]`): Width and height in pixels.
        format (`str`): `"svg"` or `"png"`.

    Returns:
        `str` (SVG text) or `bytes` (PNG file).

    Raises:
        ValueError: If the molecule is bad, an effect is not finite, there is not one for each atom, or the format is
            unknown.
    """
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"{explain_refusal(smiles)}.")
    effects = np.asarray(effects, float)
    if effects.shape != (molecule.GetNumAtoms(),) or not np.isfinite(effects).all():
        raise ValueError(
            f"`effects` must have a finite number for each of the {molecule.GetNumAtoms()} atoms: got {effects}."
        )
    if format not in ("svg", "png"):
        raise ValueError(f"`format` must be 'svg' or 'png', got {format!r}.")
    canvas = rdMolDraw2D.MolDraw2DSVG(*size) if format == "svg" else rdMolDraw2D.MolDraw2DCairo(*size)
    if molecule.GetNumAtoms() > 1 and effects.any():
        rdDepictor.Compute2DCoords(molecule)
        colors = (BLUE, WHITE, RED)
        SimilarityMaps.GetSimilarityMapFromWeights(
            molecule, effects.tolist(), canvas, colorMap=colors, contourLines=CONTOURS
        )
    else:  # a map needs two atoms, and something to show
        tint = {0: RED if effects[0] > 0 else BLUE} if effects.any() else {}
        rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule, highlightAtoms=list(tint), highlightAtomColors=tint)
    canvas.FinishDrawing()
    return canvas.GetDrawingText()


def _delete_atom(molecule: Chem.Mol, atom: int) -> str | None:
    """Write a molecule without an atom; `None` if nothing is left, or no molecule."""
    rest = Chem.RWMol(molecule)
    Chem.Kekulize(rest, clearAromaticFlags=True)
    for neighbour in rest.GetAtomWithIdx(atom).GetNeighbors():
        neighbour.SetNoImplicit(False)  # so that hydrogens fill the cut bonds
    rest.RemoveAtom(atom)
    if not rest.GetNumAtoms() or attempt(Chem.SanitizeMol, rest) is None:
        return None
    written = attempt(Chem.MolToSmiles, rest)
    return written if written and try_parse(written) is not None else None


def _one_motif_an_atom(processor: Any, smiles: str) -> Molecules:
    """Featurise one molecule and make every atom a motif, so that what hides motifs hides atoms."""
    extractor = processor.feature_extractor
    tensors = extractor.collate([extractor.featurize(smiles)])
    atoms = torch.arange(tensors["atom_features"].shape[0])  # (N,)
    names = ("atom_features", "edge_index", "edge_features", *SPELLING_TENSORS)
    features = {name: tensors[name] for name in names if name in tensors}
    counts = atoms.new_tensor([len(atoms)])
    return Molecules.from_tensors(counts, **features, atom_to_motif=atoms, motif_positions=atoms)


def _multiply_states(model: Any, molecule: Molecules, column: int) -> np.ndarray:
    """Multiply the states of the atoms by the gradient of an output. -> `(N,)`."""
    kept: list[torch.Tensor] = []

    def start_here(module: Any, inputs: Any, states: torch.Tensor) -> torch.Tensor:
        """Let the gradient end at the states."""
        kept.append(states.detach().requires_grad_())
        return kept[0]

    handle = model.finemoltex.graph_encoder.register_forward_hook(start_here)
    try:
        with torch.enable_grad():
            prediction = model(molecules=molecule).logits[0, column]
            (gradient,) = torch.autograd.grad(prediction, kept[0])  # (N, H)
    finally:
        handle.remove()
    return (gradient * kept[0].detach()).sum(-1).float().cpu().numpy()


@torch.inference_mode()
def _hide_atoms(model: Any, molecule: Molecules, column: int, num_orders: int, seed: int) -> np.ndarray:
    """Compare a prediction with those without single atoms, or step by step in random orders. -> `(N,)`."""
    num_atoms = len(molecule.atom_to_motif)
    ranks = torch.arange(num_atoms).unsqueeze(0)  # (O, N), when each atom is hidden
    if num_orders:
        generator = torch.Generator().manual_seed(seed)
        ranks = torch.stack([torch.randperm(num_atoms, generator=generator) for _ in range(num_orders)])
    # Row 0 of each order hides nothing, row r + 1 the atom of rank r, with all before it if there are orders.
    steps = torch.arange(num_atoms + 1)[None, :, None]
    hidden = ranks[:, None] < steps if num_orders else (ranks[:, None] + 1) == steps  # (O, N + 1, N)
    logits = _predict_hidden(model, molecule, hidden.flatten(0, 1))[:, column].reshape(len(ranks), -1)  # (O, N + 1)
    before = logits[:, :-1] if num_orders else logits[:, :1]
    effects = (before - logits[:, 1:]).gather(1, ranks)  # (O, N), by atom
    return effects.mean(0).numpy()


def _predict_hidden(model: Any, molecule: Molecules, hidden: torch.Tensor) -> torch.Tensor:
    """Predict one molecule with other atoms hidden each time. `(R, N)` bool -> `(R, K)`."""
    parts = []
    for rows in hidden.split(BATCH):
        copies = molecule.select(torch.zeros(len(rows), dtype=torch.long, device=model.device))
        slots = torch.nn.functional.pad(rows, (1, 0)).to(model.device)  # (R, N + 1), the molecule itself is not hidden
        parts.append(model(molecules=copies, hidden_motifs=slots).logits.float().cpu())
    return torch.cat(parts)
