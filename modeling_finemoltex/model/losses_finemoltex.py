"""Losses as pure functions on tensors; [`gather_from_ranks`] says how they add up over ranks."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .distributed_finemoltex import count_over_ranks, first_row_of_rank, gather_from_ranks, is_distributed


def find_false_negatives(own_ids: Tensor | None, all_ids: Tensor | None, own_rows: Tensor) -> Tensor | None:
    """Mark the pairs that share an identity with a row without being that row.

    Args:
        own_ids (`torch.LongTensor` of shape `(b,)`, *optional*): Identity of each local molecule or text.
        all_ids (`torch.LongTensor` of shape `(B,)`, *optional*): The same for all ranks.
        own_rows (`torch.LongTensor` of shape `(b,)`): Index of each local row among all rows.

    Returns:
        `torch.BoolTensor` of shape `(b, B)`, or `None` without identities.
    """
    if own_ids is None or all_ids is None:
        return None
    same = own_ids[:, None] == all_ids[None, :]  # (b, B)
    return same.scatter(1, own_rows[:, None], False)


def info_nce(logits: Tensor, targets: Tensor, excluded: Tensor | None = None) -> Tensor:
    r"""One direction of the InfoNCE loss, \(-\log\,\mathrm{softmax}(s_i)_{t_i}\), averaged over the rows.

    Uniform similarities give `log(B)`. Prefer [`ebm_nce`] when batches are too small for a meaningful softmax.

    Args:
        logits (`torch.FloatTensor` of shape `(b, B)`): Similarities over temperature.
        targets (`torch.LongTensor` of shape `(b,)`): Column of each row's positive.
        excluded (`torch.BoolTensor` of shape `(b, B)`, *optional*): Columns that are no negatives of a row.

    Returns:
        `torch.FloatTensor` of shape `()`. Source: van den Oord et al. 2018, equation 4.
    """
    if excluded is not None:
        logits = logits.masked_fill(excluded, float("-inf"))
    return F.cross_entropy(logits, targets)


def ebm_nce(logits: Tensor, targets: Tensor, excluded: Tensor | None = None) -> Tensor:
    r"""One direction of the EBM-NCE loss: the positive and the mean negative each as a binary decision.

    \(\tfrac12[\mathrm{softplus}(-s_{it_i}) + \mathrm{mean}_{j\neq t_i}\,\mathrm{softplus}(s_{ij})]\); zero
    similarities give `log(2)`. It does not sharpen with the batch size; prefer [`info_nce`] with many negatives.

    Args:
        logits (`torch.FloatTensor` of shape `(b, B)`): Similarities over temperature.
        targets (`torch.LongTensor` of shape `(b,)`): Column of each row's positive.
        excluded (`torch.BoolTensor` of shape `(b, B)`, *optional*): Columns that are no negatives of a row.

    Returns:
        `torch.FloatTensor` of shape `()`. Source: Liu et al. 2022 (GraphMVP), equation 5.
    """
    is_positive = torch.zeros_like(logits, dtype=torch.bool).scatter(1, targets[:, None], True)  # (b, B)
    is_negative = ~is_positive if excluded is None else ~(is_positive | excluded)  # (b, B)
    positive = F.softplus(-logits[is_positive]).mean()
    negative = (F.softplus(logits) * is_negative).sum(1) / is_negative.sum(1).clamp(min=1)  # (b,)
    return 0.5 * (positive + negative.mean())


def sigmoid_nce(logits: Tensor, targets: Tensor, excluded: Tensor | None = None) -> Tensor:
    r"""One direction of the sigmoid loss: every pair of the batch is a binary decision, with the odds of a batch.

    \(\mathrm{softplus}(b - s_{it_i}) + \sum_{j\neq t_i}\mathrm{softplus}(s_{ij} - b)\) with \(b\) the logarithm of
    the number of negatives, where the source learns it; zero similarities give about `log(B) + 1`. No pair is compared
    with another one; prefer [`info_nce`] where the order of the candidates is what counts.

    Args:
        logits (`torch.FloatTensor` of shape `(b, B)`): Similarities over temperature.
        targets (`torch.LongTensor` of shape `(b,)`): Column of each row's positive.
        excluded (`torch.BoolTensor` of shape `(b, B)`, *optional*): Columns that are no negatives of a row.

    Returns:
        `torch.FloatTensor` of shape `()`. Source: Zhai et al. 2023 (SigLIP), equation 1.
    """
    is_positive = torch.zeros_like(logits, dtype=torch.bool).scatter(1, targets[:, None], True)  # (b, B)
    is_negative = ~is_positive if excluded is None else ~(is_positive | excluded)  # (b, B)
    shifted = logits - is_negative.sum(1, keepdim=True).clamp(min=1).log()  # (b, B)
    negative = (F.softplus(shifted) * is_negative).sum(1)  # (b,)
    return (F.softplus(-shifted[is_positive]) + negative).mean()


def multi_positive_nce(logits: Tensor, fits: Tensor, excluded: Tensor) -> Tensor:
    r"""One direction of InfoNCE with several positives: each positive against all negatives, averaged by row.

    \(-\tfrac{1}{|P_i|}\sum_{p \in P_i} \log \frac{e^{s_{ip}}}{e^{s_{ip}} + \sum_{n \notin P_i} e^{s_{in}}}\); with one
    positive this is [`info_nce`]. Positives do not compete, as they would in the softmax over all columns.

    Args:
        logits (`torch.FloatTensor` of shape `(b, B)`): Similarities over temperature.
        fits (`torch.BoolTensor` of shape `(b, B)`): Positives, at least one a row.
        excluded (`torch.BoolTensor` of shape `(b, B)`): Columns that are neither.

    Returns:
        `torch.FloatTensor` of shape `()`.
    """
    lowest = torch.finfo(logits.dtype).min / 2  # a row without negatives keeps a finite gradient
    negatives = logits.masked_fill(fits | excluded, lowest).logsumexp(1, keepdim=True)  # (b, 1)
    losses = F.softplus(negatives - logits) * fits  # (b, B)
    return (losses.sum(1) / fits.sum(1).clamp(min=1)).mean()


CONTRASTIVE_LOSSES = {"info_nce": info_nce, "ebm_nce": ebm_nce, "sigmoid": sigmoid_nce}


def contrastive_loss(
    molecule_embeds: Tensor,
    text_embeds: Tensor,
    logit_scale: Tensor,
    loss: str = "info_nce",
    molecule_ids: Tensor | None = None,
    text_ids: Tensor | None = None,
    gather: bool = False,
) -> Tensor:
    """Align molecules and texts in both directions (FineMolTex, coarse-grained alignment).

    Args:
        molecule_embeds (`torch.FloatTensor` of shape `(b, P)`): L2-normalised; row `i` pairs with text `i`.
        text_embeds (`torch.FloatTensor` of shape `(b, P)`): L2-normalised.
        logit_scale (`torch.FloatTensor` of shape `()`): Inverse temperature.
        loss (`str`): Key of `CONTRASTIVE_LOSSES`.
        molecule_ids, text_ids (`torch.LongTensor` of shape `(b,)`, *optional*): Identities; pairs that share a
            molecule or a text are not negatives of each other.
        gather (`bool`): Take negatives from all ranks, with gradients.

    Returns:
        `torch.FloatTensor` of shape `()`: The mean of both directions.
    """
    one_direction = CONTRASTIVE_LOSSES[loss]
    rows = torch.arange(molecule_embeds.shape[0], device=molecule_embeds.device)  # (b,)
    all_molecules, all_texts, all_molecule_ids, all_text_ids = molecule_embeds, text_embeds, molecule_ids, text_ids
    if gather and is_distributed():
        rows = rows + first_row_of_rank(len(rows))
        all_molecules, all_texts = gather_from_ranks(molecule_embeds), gather_from_ranks(text_embeds)  # (B, P)
        all_molecule_ids = None if molecule_ids is None else gather_from_ranks(molecule_ids)  # (B,)
        all_text_ids = None if text_ids is None else gather_from_ranks(text_ids)  # (B,)
    same_molecule = find_false_negatives(molecule_ids, all_molecule_ids, rows)
    same_text = find_false_negatives(text_ids, all_text_ids, rows)
    excluded = same_molecule if same_text is None else same_text
    if same_molecule is not None and same_text is not None:
        excluded = same_molecule | same_text  # (b, B)
    with torch.autocast(molecule_embeds.device.type, enabled=False):  # in bfloat16, near candidates would tie
        molecule_to_text = one_direction(logit_scale * molecule_embeds.float() @ all_texts.float().T, rows, excluded)
        text_to_molecule = one_direction(logit_scale * text_embeds.float() @ all_molecules.float().T, rows, excluded)
    return 0.5 * (molecule_to_text + text_to_molecule)


def masked_prediction_loss(logits: Tensor, labels: Tensor, gather: bool = False) -> Tensor:
    """Cross-entropy of what is masked, averaged over the masked slots of all ranks.

    Args:
        logits (`torch.FloatTensor` of shape `(S, V)`): Scores of the vocabulary at each masked slot of the batch.
        labels (`torch.LongTensor` of shape `(S,)`): Right entries.
        gather (`bool`): Count the slots over all ranks.

    Returns:
        `torch.FloatTensor` of shape `()`; 0 where nothing is masked, `log(V)` for uniform scores.
    """
    count = torch.tensor(float(len(labels)), device=logits.device)
    if gather:
        count = count_over_ranks(count)
    return F.cross_entropy(logits.float(), labels, reduction="sum") / count.clamp(min=1e-6)


def property_loss(logits: Tensor, labels: Tensor, problem_type: str, class_weights: Tensor | None = None) -> Tensor:
    """Loss of molecular properties, averaged over the labels that are there.

    Args:
        logits (`torch.FloatTensor` of shape `(B, K)`): Scores of `K` classes or tasks.
        labels (`torch.Tensor`): `(B,)` class numbers, -100 where unknown, for `"single_label_classification"`;
            otherwise `(B, K)` floats with NaN where unknown, 0 or 1 for `"multi_label_classification"`.
        problem_type (`str`): One of the two, or `"regression"`.
        class_weights (`torch.FloatTensor` of shape `(K,)`, *optional*): Weight of each class, or of the positive label
            of each task.

    Returns:
        `torch.FloatTensor` of shape `()`: Cross-entropy, or squared error in regression; 0 if no label is there.
    """
    logits = logits.float()
    if problem_type == "single_label_classification":
        # PyTorch divides by the sum of the weights of the labels, which would be 0 / 0 without any.
        if not (labels != -100).any():
            return logits.sum() * 0.0
        return F.cross_entropy(logits, labels, weight=class_weights, ignore_index=-100)
    is_known = ~labels.isnan()  # (B, K)
    targets = labels.float().nan_to_num()  # (B, K)
    if problem_type == "regression":
        losses = (logits - targets) ** 2  # (B, K)
    else:
        losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=class_weights)
    return (losses * is_known).sum() / is_known.sum().clamp(min=1)


__all__ = [
    "contrastive_loss",
    "ebm_nce",
    "info_nce",
    "masked_prediction_loss",
    "multi_positive_nce",
    "property_loss",
    "sigmoid_nce",
]
