"""Which motifs of a molecule carry a prediction: hide one at a time and see what changes."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from .atom_attribution import choose_output, list_outputs

GREY, RED, BLUE = (0.93, 0.93, 0.93), (0.95, 0.45, 0.40), (0.40, 0.60, 0.95)


class MotifAttribution(NamedTuple):
    """What one motif adds to a prediction."""

    label: str  # canonical SMILES of the motif
    atoms: list[int]  # indices in the order of the SMILES
    position: int  # in the motif tree
    effect: float  # logit, or number in its own units, with the motif minus without it


@torch.inference_mode()
def attribute_motifs(model: Any, processor: Any, smiles: str, output: str | int = 0) -> list[MotifAttribution]:
    """Compare a prediction with those of the molecule with one motif hidden (leave one motif out).

    A hidden motif keeps its atoms' places, but what they are is replaced by the [MASK] that pre-training learned; so
    the rest of the molecule stays connected as it was. Effects do not add up to the prediction.

    Args:
        model ([`FineMolTexForPropertyPrediction`]): A fine-tuned model that reads molecules alone.
        processor (`FineMolTexProcessor`): That of the model.
        smiles (`str`): The molecule.
        output (`str` or `int`): Task or class, by name or number.

    Returns:
        One [`MotifAttribution`] per motif, by position.

    Raises:
        ValueError: If there is no such output, or the molecule is bad.

    Example:
    >>> model = FineMolTexForPropertyPrediction.from_pretrained(property_folder)
    >>> attributions = attribute_motifs(model, processor, "NS(=O)(=O)c1ccccc1")
    >>> {motif.label: round(motif.effect, 2) for motif in attributions}
    {'N[SH](=O)=O': ..., 'c1ccccc1': ...}
    """
    column = choose_output(list_outputs(model.config), output)
    extractor = processor.feature_extractor
    motifs, graph = extractor.motifs(smiles), extractor.featurize(smiles)
    batch = extractor.collate([graph] * (len(motifs) + 1))
    masked = torch.zeros(len(motifs) + 1, len(motifs) + 1, dtype=torch.bool)  # (B, K + 1); row 0 hides nothing
    # Slots follow the motifs of the graph, the list follows their positions.
    for row, motif in enumerate(motifs, start=1):
        masked[row, 1 + int(graph.atom_to_motif[motif.atoms[0]])] = True
    model.eval()
    inputs = {name: tensor.to(model.device) for name, tensor in {**batch, "hidden_motifs": masked}.items()}
    logits = model(**inputs).logits[:, column].float().cpu()  # (B,)
    effects = (logits[0] - logits[1:]).tolist()
    return [
        MotifAttribution(motif.label, motif.atoms, motif.position, effect)
        for motif, effect in zip(motifs, effects, strict=True)
    ]


def draw_attribution(
    processor: Any,
    smiles: str,
    attributions: Sequence[MotifAttribution],
    size: tuple[int, int] = (480, 360),
    format: str = "svg",
) -> str | bytes:
    """Draw a molecule with its motifs from blue (they lower the prediction) over grey to red (they raise it).

    Args:
        processor (`FineMolTexProcessor`): That of the model.
        smiles (`str`): The molecule.
        attributions (sequence of [`MotifAttribution`]): From [`attribute_motifs`].
        size (`tuple[int, int]`): Width and height in pixels.
        format (`str`): `"svg"` or `"png"`.

    Returns:
        `str` (SVG text) or `bytes` (PNG file).
    """
    largest = max((abs(attribution.effect) for attribution in attributions), default=0.0) or 1.0
    colors, notes = {}, {}
    for attribution in attributions:
        share, target = abs(attribution.effect) / largest, RED if attribution.effect > 0 else BLUE
        colors[attribution.position] = tuple(
            grey + share * (end - grey) for grey, end in zip(GREY, target, strict=True)
        )
        notes[attribution.position] = f"{attribution.effect:+.2f}"
    return processor.draw_motifs(smiles, size=size, format=format, colors=colors, notes=notes)
