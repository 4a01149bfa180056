"""The last steps of a training: an average with the start, and what is solved for on the training pairs."""

from typing import Any

import torch
from accelerate.utils import broadcast

from ..model.modeling_finemoltex import FineMolTexModel
from ..processors import FineMolTexDataCollator
from .count_fitting import fit_counts
from .scaling_fitting import fit_scaling


def check_fitted(model: Any, num_pairs: int) -> None:
    """Check, before a training, that what is to be fitted after it will be, or is.

    Args:
        model ([`FineMolTexForPreTraining`]): To be trained.
        num_pairs (`int`): To fit it to after the training; 0: not.

    Raises:
        ValueError: If there is nothing to be fitted, or something that will not be and has not been.
    """
    fitted, parts = model.base_model.fitted, model.base_model.fitted.parts()
    if num_pairs and not parts:
        raise ValueError(
            f"`fit_pairs` is {num_pairs}, but the model has nothing to be fitted: set `count_config.size`, 256 for "
            "example, or `scaling_config.num_centres`, 1000 for example, or leave `fit_pairs` out."
        )
    weights = [] if fitted.counts is None else [fitted.counts.texts.projection.table]
    weights += [] if fitted.scaling is None else [fitted.scaling.text_centres]
    if not num_pairs and not all(weight.any() for weight in weights):
        raise ValueError(
            f"{', '.join(parts)} of the model are not fitted: set `fit_pairs`, 40000 for example, or "
            "`count_config.size` and `scaling_config.num_centres` to 0."
        )


@torch.no_grad()
def average_with_start(model: Any, initial_model: str | None, share: float) -> None:
    """Average the weights of a trained model with those that it started from (Wortsman et al. 2022).

    Args:
        model ([`FineMolTexForPreTraining`]): After training; its base model is changed.
        initial_model (`str`, *optional*): Folder or Hub id that it started from.
        share (`float`): Of the trained weights; 1 leaves them as they are.

    Raises:
        ValueError: If there is nothing that it started from.
    """
    if share == 1:
        return
    if initial_model is None:
        raise ValueError(f"`average_weight` {share} needs the weights of an --initial_model: give it, or 1.")
    before = FineMolTexModel.from_pretrained(initial_model).state_dict()
    for name, weight in model.base_model.state_dict().items():
        start = before.get(name)
        if weight.is_floating_point() and start is not None and start.shape == weight.shape:
            weight.copy_(start.to(weight).lerp(weight, share))


def finish_fitted(trainer: Any) -> None:
    """Fit the count embedding, then local scaling, of a trained model as its training arguments say.

    Args:
        trainer (`FineMolTexTrainer`): After training.
    """
    args, model = trainer.args, trainer.accelerator.unwrap_model(trainer.model)
    if not args.fit_pairs:
        return
    fitted = model.base_model.fitted
    if trainer.is_world_process_zero():
        collate = FineMolTexDataCollator(trainer.processing_class)
        choice = (trainer.train_dataset, collate, args.fit_pairs, trainer.sources or (), args.seed)
        if fitted.counts is not None:
            fit_counts(model, *choice)
        if fitted.scaling is not None:
            fit_scaling(model, *choice)
    for one in (*fitted.parameters(), *fitted.buffers()):
        broadcast(one.data)


__all__ = ["average_with_start", "check_fitted", "finish_fitted"]
