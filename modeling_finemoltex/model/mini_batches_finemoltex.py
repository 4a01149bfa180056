"""Batches larger than memory: a few pairs at a time inside the encoders, all of them in the losses.

The states inside an encoder are what fills memory; what it gives is small. So only that is kept, and the backward pass
encodes once more, one mini-batch after the other. The gradient is that of the whole batch, for a second forward pass:
gradient caching (Gao et al. 2021). An encoder whose BatchNorm looks at all molecules sees all of them, and is computed
again layer by layer, so that the statistics are those of the whole batch too.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .molecules_finemoltex import Molecules
from .objectives_finemoltex import EncodedPairs, PairBatch
from .recomputing_finemoltex import keep_little, recompute
from .tokens_finemoltex import WordTokens


def encode_in_mini_batches(model: Any, batch: PairBatch, reads: Iterable[str], size: int) -> EncodedPairs:
    """Encode pairs as `encode_pairs` does, in the memory of `size` of them.

    Args:
        model ([`FineMolTexModel`]): The base model.
        batch ([`PairBatch`]): `B` pairs.
        reads (iterable of `str`): Fields of `READABLE`.
        size (`int`): Pairs that are encoded at once.

    Raises:
        ValueError: If `size` is not positive.
    """
    if size < 1:
        raise ValueError(f"`mini_batch_size` must be at least 1, got {size}.")
    reads, molecules = set(reads), batch.molecules
    chunks = torch.arange(len(molecules), device=molecules.motif_counts.device).split(size)
    with keep_little():
        atom_states = _encode_atoms(model, molecules, chunks)  # (N, H_graph)
        found = model.tokenize_molecules(atom_states, molecules) if "tokens" in reads else None
    has_texts = batch.input_ids is not None
    word_states, text_embeds, words = _encode_texts(model, batch, reads, size) if has_texts else (None, None, None)
    return EncodedPairs(
        atom_states=atom_states,
        molecule_embeds=model.place_molecules(atom_states, molecules),
        text_embeds=text_embeds,
        word_states=word_states if "word_states" in reads else None,
        motif_states=_encode_motifs(model, atom_states, molecules, chunks) if "motif_states" in reads else None,
        motif_embeds=model.place_motifs(atom_states, molecules) if "motif_embeds" in reads else None,
        tokens=None if found is None or words is None else (words, found),
    )


def _encode_atoms(model: Any, molecules: Molecules, chunks: Sequence[Tensor]) -> Tensor:
    """Encode the atoms. -> `(N, H_graph)`."""
    if model.graph_encoder.mixes_molecules:
        return model.encode_atoms(molecules)
    return torch.cat([recompute(model.encode_atoms, molecules.select(rows)) for rows in chunks])


def _encode_motifs(model: Any, atom_states: Tensor, molecules: Molecules, chunks: Sequence[Tensor]) -> Tensor:
    """Encode the motifs before the fusion. `(N, H_graph)` -> `(B, K + 1, H)`."""
    sizes = [int(molecules.atom_counts[rows].sum()) for rows in chunks]
    parts = [
        recompute(model.encode_motifs, states, molecules.select(rows))
        for rows, states in zip(chunks, atom_states.split(sizes), strict=True)
    ]
    slots = molecules.num_slots
    return torch.cat([F.pad(part, (0, 0, 0, slots - part.shape[1])) for part in parts])


def _encode_texts(
    model: Any, batch: PairBatch, reads: set[str], size: int
) -> tuple[Tensor | None, Tensor, WordTokens | None]:
    """Encode the texts. -> states `(B, T, H)` if read, embeddings `(B, P)`, and words of the token score if read."""
    encode = _text_encoder(model, reads)
    parts = zip(batch.input_ids.split(size), batch.attention_mask.split(size), strict=True)
    states, embeds, words = zip(*(recompute(encode, *part) for part in parts), strict=True)
    return (
        torch.cat(states) if states[0] is not None else None,
        torch.cat(embeds),
        _join_words(words, size) if words[0] is not None else None,
    )


def _text_encoder(model: Any, reads: set[str]) -> Callable[[Tensor, Tensor], Any]:
    """Make the function of ids and mask, `(b, T)`, that gives what is read of a text."""
    needs_words = bool(reads & {"word_states", "tokens"})

    def encode(input_ids: Tensor, mask: Tensor) -> tuple[Tensor | None, Tensor, WordTokens | None]:
        """Encode some texts."""
        states, means = model.encode_words(input_ids, mask, keep_states=needs_words)  # (b, T, H), (b, H)
        words = model.tokenize_words(states, input_ids, mask) if "tokens" in reads else None
        return states if "word_states" in reads else None, model.place_words(means), words

    return encode


def _join_words(parts: Sequence[WordTokens], size: int) -> WordTokens:
    """Put the words of mini-batches of `size` texts together, and count the texts on."""
    moved = [part._replace(text_of_word=part.text_of_word + place * size) for place, part in enumerate(parts)]
    return WordTokens(*(None if column[0] is None else torch.cat(column) for column in zip(*moved, strict=True)))


__all__ = ["encode_in_mini_batches"]
