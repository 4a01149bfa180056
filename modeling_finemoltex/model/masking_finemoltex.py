"""Choice of the motifs and words to mask, by importance or at random.

The randomness is a counter-based hash of one seed per pair. It depends neither on the batch, the rank or the worker
nor on the state of a random generator, so a run resumes exactly and several processes draw the masks of one process.
"""

import torch
from torch import Tensor

# Odd constants of the SplitMix64 generator (Steele et al. 2014), as signed 64-bit integers.
GOLDEN_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_2 = 0x94D049BB133111EB - (1 << 64)


def mix_bits(bits: Tensor) -> Tensor:
    """Spread integers evenly, as SplitMix64 does; a bijection. `(...)` int64 -> `(...)` int64."""
    bits = (bits ^ _shift_right(bits, 30)) * _MIX_1  # int64 arithmetic wraps around
    bits = (bits ^ _shift_right(bits, 27)) * _MIX_2
    return bits ^ _shift_right(bits, 31)


def _shift_right(bits: Tensor, amount: int) -> Tensor:
    """Shift without a sign, which `>>` alone would copy. `(...)` -> `(...)`."""
    return (bits >> amount) & ((1 << (64 - amount)) - 1)


def hash_uniform(seeds: Tensor, num_draws: int, stream: int = 0) -> Tensor:
    """Draw uniform numbers that are a pure function of their seed and place.

    Args:
        seeds (`torch.LongTensor` of shape `(B,)`): One seed per row.
        num_draws (`int`): Numbers per row; a longer row begins with the same numbers.
        stream (`int`): Separates independent uses of one seed.

    Returns:
        `torch.FloatTensor` of shape `(B, num_draws)` in the open interval (0, 1).
    """
    counters = torch.arange(1, num_draws + 1, device=seeds.device) * GOLDEN_GAMMA  # (num_draws,)
    offset = (stream * _MIX_2 + (1 << 63)) % (1 << 64) - (1 << 63)  # wrapped like a 64-bit product
    bits = mix_bits(mix_bits(seeds + offset)[:, None] + counters)  # (B, num_draws)
    return (_shift_right(bits, 41).to(torch.float32) + 0.5) / (1 << 23)


def select_masked_slots(
    scores: Tensor, candidates: Tensor, probability: float, seeds: Tensor, stream: int = 0
) -> tuple[Tensor, Tensor]:
    """Draw slots without replacement from one softmax over the candidates.

    Adding Gumbel noise to the log-probabilities and keeping the largest is sampling without replacement from their
    softmax (Kool et al. 2019); the softmax itself need not be computed. Each row with a candidate masks at least one.

    Args:
        scores (`torch.FloatTensor` of shape `(B, L)`): Log-probabilities up to a constant; equal ones draw evenly.
        candidates (`torch.BoolTensor` of shape `(B, L)`): Slots that may be masked.
        probability (`float`): Share of the candidates to mask.
        seeds (`torch.LongTensor` of shape `(B,)`): One seed per row.
        stream (`int`): Separates the draws of words from those of motifs.

    Returns:
        `(slots, is_masked)`, both of shape `(B, S)` with `S = max(1, int(probability * L))`: the slots by descending
        key, and which of them are masked; the rest fills the rows up.
    """
    num_candidates = candidates.sum(1)  # (B,)
    num_masked = (probability * num_candidates).long().clamp(min=1).minimum(num_candidates)  # (B,)
    noise = -torch.log(-torch.log(hash_uniform(seeds, scores.shape[1], stream)))  # (B, L)
    keys = (scores.float() + noise).masked_fill(~candidates, float("-inf"))
    slots = keys.topk(max(1, int(probability * scores.shape[1])), dim=1).indices  # (B, S)
    return slots, torch.arange(slots.shape[1], device=slots.device) < num_masked[:, None]


__all__ = ["GOLDEN_GAMMA", "hash_uniform", "mix_bits", "select_masked_slots"]
