"""Train the two MLPs between a generator's latents and the shared space, with both sides frozen."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from tqdm.auto import tqdm

from ..embedding.encoder import MoleculeTextEncoder
from ..model.chunking_finemoltex import average_tokens
from .editing_folder import EditingParts
from .latent_coder import BATCH, LatentCoder

RANKED = 1000  # molecules held out, each of which is to be told from the others


@dataclass(frozen=True)
class AlignmentSettings:
    """How the MLPs are trained.

    Args:
        objective (`str`): `"cosine"`, `"ebm_nce"` or `"info_nce"`; see
            [`FineMolTexForMoleculeEditing.space_map_loss`].
        num_epochs (`int`): Passes over the molecules.
        batch_size (`int`): Molecules per step.
        learning_rate (`float`): Highest rate of Adam; falls as a cosine.
        held_out (`float`): Share of the molecules kept for the figures.
        seed (`int`): Of the split and the order.
    """

    objective: str = "cosine"
    num_epochs: int = 30
    batch_size: int = 256
    learning_rate: float = 1e-3
    held_out: float = 0.1
    seed: int = 0


def train_alignment(
    parts: EditingParts, smiles: Sequence[str], settings: AlignmentSettings | None = None
) -> dict[str, float]:
    """Train the MLPs of a model on molecules.

    Both sides are frozen, so each molecule is embedded once; what is left is a matter of seconds.

    Args:
        parts ([`EditingParts`]): The model is changed in place.
        smiles (sequence of `str`): Molecules; those that either side cannot read are left out.
        settings ([`AlignmentSettings`], *optional*): How.

    Returns:
        `dict[str, float]`: `num_molecules`, `num_left_out`, and of the molecules held out `cosine`, the mean between
        where a latent is placed and where its molecule is, and `hits@1`, the share of placed latents that are nearer
        to their own molecule than to any other of `num_ranked`.

    Raises:
        ValueError: If fewer than two molecules would be left on either side of the split.
    """
    settings = settings or AlignmentSettings()
    model = parts.model
    pooled, embeds = embed_both_sides(parts, smiles)  # (R, D), (R, P)
    generator = torch.Generator().manual_seed(settings.seed)
    order = torch.randperm(len(pooled), generator=generator)
    num_held_out = round(settings.held_out * len(pooled))
    if min(num_held_out, len(pooled) - num_held_out) < 2:
        raise ValueError(
            f"Alignment needs at least two molecules to learn from and two held out: got {len(pooled)} of "
            f"{len(smiles)} that both sides can read, and `held_out` {settings.held_out}."
        )
    held_out, train = order[:num_held_out].to(pooled.device), order[num_held_out:]
    model.set_latent_statistics(pooled[train.to(pooled.device)])
    weights = [*model.to_shared.parameters(), *model.to_latent.parameters()]
    optimizer = torch.optim.Adam(weights, lr=settings.learning_rate)
    batches = [
        part
        for _ in range(settings.num_epochs)
        for part in train[torch.randperm(len(train), generator=generator)].split(settings.batch_size)
        if len(part) > 1  # one molecule alone cannot be told from others
    ]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(len(batches), 1))
    for step, part in enumerate(tqdm(batches, unit="step", disable=not sys.stderr.isatty()), 1):
        place = part.to(pooled.device)
        loss = model.space_map_loss(pooled[place], embeds[place], settings.objective)
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights, torch.inf)  # clips nothing
        if not bool(torch.isfinite(loss + norm)):
            raise ValueError(
                f"Training the alignment stopped in step {step} of {len(batches)}: the loss is {loss.item()}, the "
                f"norm of its gradient {norm.item()}; both must be finite. The molecules of the batch are number "
                f"{', '.join(map(str, part.tolist()[:32]))} of those both sides can read. Lower the learning rate, or "
                "look at the weights and at these molecules. Nothing was saved."
            )
        optimizer.step()
        schedule.step()
    optimizer.zero_grad()
    figures = _measure(model.align, pooled[held_out], embeds[held_out])
    return {"num_molecules": len(pooled), "num_left_out": len(smiles) - len(pooled), **figures}


@torch.no_grad()
def embed_both_sides(parts: EditingParts, smiles: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Average latents over their tokens, `(R, D)`, and embed the same molecules, `(R, P)`.

    Molecules that either side cannot read are left out.
    """
    model = parts.model.eval()
    coder = LatentCoder(model.generator, parts.generator_tokenizer, model.config.editing_config.notation)
    tokens, names = [], []
    for molecule in smiles:
        try:
            tokens.append(coder.tokenize(molecule))
            names.append(molecule)
        except ValueError:  # counted by the caller
            continue
    encoder = MoleculeTextEncoder(model, parts.processor)
    embeds, kept = encoder.encode_molecules(names, output="torch", on_error="skip")  # (R, P)
    width = model.generator.config.hidden_size
    pooled = torch.empty(len(kept), width, device=model.device)  # (R, D)
    by_length = sorted(range(len(kept)), key=lambda place: len(tokens[kept[place]]))  # little padding
    starts = range(0, len(kept), BATCH)
    for start in tqdm(starts, unit="batch", disable=not sys.stderr.isatty()):
        places = by_length[start : start + BATCH]
        pooled[places] = average_tokens(*coder.encode([tokens[kept[place]] for place in places]))
    return pooled, embeds.to(model.device)


@torch.no_grad()
def _measure(align: Callable[[Tensor], Tensor], pooled: Tensor, embeds: Tensor) -> dict[str, float]:
    """Compare placed latents with their molecules."""
    placed = align(pooled)  # (R, P)
    cosine = F.cosine_similarity(placed, embeds).mean().item()
    ranked = min(RANKED, len(embeds))
    scores = placed[:ranked] @ embeds[:ranked].T
    hits = (scores.argmax(1) == torch.arange(ranked, device=scores.device)).float().mean().item()
    return {"num_held_out": len(pooled), "cosine": cosine, "num_ranked": ranked, "hits@1": hits}
