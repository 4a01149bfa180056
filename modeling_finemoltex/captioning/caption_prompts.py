"""What a writer reads beside the states of a molecule: its SMILES, or captions of similar molecules."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .caption_memory import CaptionMemory, Neighbour
from .caption_text import encode_caption, start_of


def write_prompt(
    smiles: str,
    tokenizer: Any,
    config: Any,
    memory: CaptionMemory | None,
    skips_skeleton: bool = False,
    embed: np.ndarray | None = None,
) -> list[int]:
    """Write the prompt of one molecule.

    Args:
        smiles (`str`): The molecule.
        tokenizer (`PreTrainedTokenizerBase`): Of the writer.
        config ([`FineMolTexCaptioningConfig`]): Says what a prompt holds, and how long it may be.
        memory ([`CaptionMemory`], *optional*): For prompts of captions.
        skips_skeleton (`bool`): Do not quote captions of the molecule itself and its stereoisomers, as in training.
        embed (`np.ndarray` of shape `(P,)`, *optional*): Embedding of the molecule, where the model chooses captions.

    Returns:
        `list[int]`: Tokens; none if the writer reads no prompt.

    Raises:
        ValueError: If the molecule cannot be parsed, or there is no memory for prompts of captions.
    """
    if config.prompt == "none":
        return []
    if config.prompt == "smiles":
        return encode_caption(tokenizer, smiles, config.max_prompt_length)
    if memory is None:
        raise ValueError("The prompts of this captioner quote captions of similar molecules: give a `memory` of them.")
    found = memory.find(smiles, config.num_examples, skips_skeleton, embed)
    return quote_captions(found, tokenizer, config.max_prompt_length)


def quote_captions(neighbours: Sequence[Neighbour], tokenizer: Any, max_length: int) -> list[int]:
    """Write captions one after the other, each behind its similarity in percent and the token that starts a text.

    Args:
        neighbours (sequence of [`Neighbour`]): The nearest first.
        tokenizer (`PreTrainedTokenizerBase`): Of the writer.
        max_length (`int`): Most tokens; each caption has an equal share.
    """
    ids: list[int] = []
    share = max_length // max(1, len(neighbours))
    for one in neighbours:
        percent = tokenizer(str(round(100 * one.similarity)), add_special_tokens=False, truncation=False)["input_ids"]
        head = [*percent, start_of(tokenizer)]
        ids += [*head, *encode_caption(tokenizer, one.caption, max(1, share - len(head)))]
    return ids[:max_length]


def pad_rows(rows: Sequence[Sequence[int]], fill: int) -> tuple[Tensor, Tensor]:
    """Lay rows of tokens out side by side. -> Ids and mask, `(B, L)` each."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask
