"""The last step of learning structural concepts: their detectors, fitted to the encoder as it is."""

from typing import Any

import datasets
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from accelerate.utils import broadcast
from torch import Tensor
from tqdm.auto import tqdm

from ..data.query_rows import find_facts
from ..model.grounding_objective_finemoltex import detection_loss
from ..model.molecules_finemoltex import MOLECULE_TENSORS, Molecules
from ..processors import FineMolTexDataCollator

MOST_MOLECULES = 20_000  # whose atom states are kept, a kilobyte an atom
BATCH = 256
LEARNING_RATE = 0.02
WARM_UP = 0.1


def fit_concepts(model: Any, rows: datasets.Dataset, collate: Any, num_epochs: int, seed: int = 0) -> float:
    """Fit the detectors of the structural concepts on the atom states of a model that is otherwise left as it is.

    While an encoder still changes, a detector that sees a rare group once in hundred steps cannot follow. On states
    that stand still it is a logistic regression, which takes seconds.

    Args:
        model ([`FineMolTexForPreTraining`]): With structural concepts; its detectors are changed.
        rows (`datasets.Dataset`): Features of `R` rows with `facts`, null where they are not known, and
            `molecule_ids`. Of more than 20,000 molecules with facts, so many are drawn.
        collate (callable): Makes batches of rows.
        num_epochs (`int`): Passes through the molecules.
        seed (`int`): Of their order.

    Returns:
        `float`: The mean loss of the last epoch.

    Raises:
        ValueError: If no row has facts, the model has fewer concepts than there are facts, there is no epoch, or the
            detectors are frozen.

    Example:
    >>> fit_concepts(model, rows, collator, num_epochs=10)  # after a training  # doctest: +SKIP
    """
    places, facts = find_facts(rows)
    generator = np.random.default_rng(seed)
    kept = np.sort(generator.permutation(len(places))[:MOST_MOLECULES])
    base, num_concepts = model.finemoltex, model.config.token_config.num_concepts
    if num_concepts < facts.shape[1] or num_epochs < 1:
        raise ValueError(
            f"Fitting needs an epoch or more and a concept for each of the {facts.shape[1]} facts: got {num_epochs} "
            f"epochs and a model of {num_concepts} concepts. Train it with the objective `grounding`."
        )
    detectors, num_counts = base.molecule_tokens.concepts, base.config.token_config.num_concept_counts
    check_detectors(model)
    states, sizes = _encode(base, rows.select(places[kept]), collate)
    facts = F.pad(torch.from_numpy(facts[kept]), (0, num_concepts - facts.shape[1]))
    first = np.cumsum(sizes) - sizes
    num_steps = num_epochs * -(-len(kept) // BATCH)
    optimizer = torch.optim.Adam(detectors.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=num_steps, pct_start=WARM_UP)
    losses: list[float] = []
    with tqdm(total=num_steps, desc="Fitting concepts", unit="batch") as bar:
        for _ in range(num_epochs):
            order, losses = generator.permutation(len(kept)), []
            for batch in np.array_split(order, -(-len(order) // BATCH)):
                atoms = np.concatenate([np.arange(first[row], first[row] + sizes[row]) for row in batch])
                owner = torch.from_numpy(np.repeat(np.arange(len(batch)), sizes[batch])).to(model.device)
                held = detectors.detect(states[atoms].to(model.device))  # (n, K)
                loss = detection_loss(held, owner, facts[batch].to(model.device), num_counts)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                bar.update()
            bar.set_postfix(loss=f"{np.mean(losses):.2f}")
    return float(np.mean(losses))


def check_detectors(model: Any) -> None:
    """Check that the detectors of concepts can be fitted.

    Raises:
        ValueError: If they are frozen.
    """
    if not all(parameter.requires_grad for parameter in model.finemoltex.molecule_tokens.concepts.parameters()):
        raise ValueError(
            "The part `molecule_concepts` is frozen, so its detectors cannot be fitted. Leave it out of `freeze`, or "
            "set `concept_epochs` to 0."
        )


def finish_concepts(trainer: Any) -> None:
    """Fit the concepts of a trained model as its training arguments say: in one process, for all of them.

    Args:
        trainer (`FineMolTexTrainer`): After training.
    """
    args, model = trainer.args, trainer.accelerator.unwrap_model(trainer.model)
    if not args.concept_epochs or not model.config.token_config.num_concepts:
        return
    if trainer.is_world_process_zero():
        collate = FineMolTexDataCollator(trainer.processing_class)
        fit_concepts(model, trainer.train_dataset, collate, args.concept_epochs, args.seed)
    for parameter in model.finemoltex.molecule_tokens.concepts.parameters():
        broadcast(parameter.data)


@torch.no_grad()
def _encode(base: Any, rows: datasets.Dataset, collate: Any) -> tuple[Tensor, np.ndarray]:
    """Encode the atoms of `R` rows as the detectors read them. -> `(N, H_graph)` float32 on the CPU, `(R,)`."""
    was_training = base.training
    base.eval()
    states, sizes = [], []
    for start in range(0, len(rows), BATCH):
        batch = collate([rows[place] for place in range(start, min(start + BATCH, len(rows)))])
        tensors = {name: batch[name] for name in MOLECULE_TENSORS if name in batch}
        molecules = Molecules.from_tensors(**tensors).to(base.device)
        states.append(base.molecule_tokens.refine(base.encode_atoms(molecules), molecules).float().cpu())
        sizes.append(molecules.atom_counts.cpu().numpy())
    base.train(was_training)
    return torch.cat(states), np.concatenate(sizes)


__all__ = ["check_detectors", "finish_concepts", "fit_concepts"]
