"""A Transformer over SMILES (Honda et al. 2019, SMILES Transformer), whose tokens are read back as atoms.

Axes: `B` molecules, `L` tokens of the longest SMILES, `N` atoms of the whole batch, `W` width of the tokens.
"""

import copy
import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers.activations import ACT2FN
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .attention_finemoltex import eager_attention_forward
from .chunking_finemoltex import average_tokens, encode_in_chunks
from .molecule_encoder_finemoltex import MoleculeEncoder
from .molecules_finemoltex import Molecules
from .spellings_finemoltex import (
    END_RING_ID,
    FIRST_RING_ID,
    MASK_ID,
    PAD_ID,
    RING_ID,
    VOCABULARY_SIZE,
    Spelling,
)

NUM_POOLS = 4  # mean and maximum of the tokens, the first token after the last layer and after the one before
OPTIONS = {"num_attention_heads": 4, "intermediate_size": None, "hidden_act": "gelu"}


class SmilesAttention(nn.Module):
    """Multi-head attention without residual and norm.

    Shapes:
        - **input:** queries `(B, L, W)`, keys and values `(B, S, W)`, mask of the kernel or `None`
        - **output:** `(B, L, W)`
    """

    def __init__(self, config: Any, width: int, num_heads: int, dropout: float, is_causal: bool = False) -> None:
        super().__init__()
        self.is_causal = is_causal  # kernels read it where there is no mask
        self.config = config  # holds the attention implementation
        self.head_dim, self.dropout_prob = width // num_heads, dropout
        self.scaling = self.head_dim**-0.5
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, states: Tensor, context: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Attend; see the shapes above."""
        query, key, value = (
            linear(source).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # (B, heads, L or S, D)
            for linear, source in ((self.query, states), (self.key, context), (self.value, context))
        )
        attend: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        dropout = self.dropout_prob if self.training else 0.0
        mixed, _ = attend(self, query, key, value, attention_mask, dropout=dropout, scaling=self.scaling)
        return self.output(mixed.reshape(states.shape))  # (B, L, W)


class SmilesFeedForward(nn.Module):
    """Two linear layers without residual and norm. `(B, L, W)` -> `(B, L, W)`."""

    def __init__(self, width: int, inner: int, activation: str) -> None:
        super().__init__()
        self.expand, self.contract = nn.Linear(width, inner), nn.Linear(inner, width)
        self.activation = ACT2FN[activation]

    def forward(self, states: Tensor) -> Tensor:
        """Run both layers; see the shapes above."""
        return self.contract(self.activation(self.expand(states)))


class FineMolTexSmilesLayer(GradientCheckpointingLayer):
    """A layer of a pre-LN Transformer. `(B, L, W)`, mask of the kernel -> `(B, L, W)`."""

    def __init__(self, config: Any, width: int, options: dict[str, Any]) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SmilesAttention(config, width, options["num_attention_heads"], config.dropout)
        self.feed_forward = SmilesFeedForward(width, options["intermediate_size"] or 2 * width, options["hidden_act"])
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Run the layer; see the shapes above."""
        normed = self.attention_norm(states)
        states = states + self.dropout(self.attention(normed, normed, attention_mask))  # (B, L, W)
        return states + self.dropout(self.feed_forward(self.feed_forward_norm(states)))


class FineMolTexSmilesEncoder(MoleculeEncoder):
    """A pre-LN Transformer over the tokens of a SMILES; each atom has the state of its token.

    The state of an atom has five parts of `W = H / 5` each: that of its token, then the four pools of its molecule,
    which the read-out `pools` takes: mean and maximum of all tokens after the last layer, and the first token after
    the last layer and after the one before. `encoder_options` are `num_attention_heads`, `intermediate_size` and
    `hidden_act`.

    In training the random spelling is read, where there is one, and otherwise the canonical one. Hidden atoms are
    [MASK] tokens without a place in the sequence. What else is about them (bonds, branches, ring numbers) is left out,
    and the ring numbers of the others lose their number, which would tell how many rings were opened before.

    See [`MoleculeEncoder`] for the shapes.
    """

    needs = frozenset({"graph", "smiles"})
    layer_class: ClassVar[type[nn.Module]] = FineMolTexSmilesLayer

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        config = copy.copy(config)
        if config._attn_implementation is None:
            config._attn_implementation = "eager"  # outside of a model, which says how
        self.config = config
        options = read_encoder_options(config)
        self.width = config.hidden_size // (1 + NUM_POOLS)
        self.token_embedding = nn.Embedding(VOCABULARY_SIZE, self.width)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            FineMolTexSmilesLayer(config, self.width, options) for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(self.width)

    def use_attention_of(self, config: Any) -> None:
        """Take the attention implementation of a whole model, which is chosen there."""
        self.config = config
        for layer in self.layers:
            layer.attention.config = config

    def forward(self, molecules: Molecules, hidden_atoms: Tensor | None = None) -> Tensor:
        """Encode the atoms. -> `(N, H)`.

        Raises:
            ValueError: If the batch has no SMILES.
        """
        spelling = molecules.other_spelling if self.training else None
        spelling = molecules.spelling if spelling is None else spelling
        if spelling is None:
            raise ValueError(
                "The encoder 'smiles' reads `smiles_ids`, `smiles_ends` and `smiles_places`, and the batch has none. "
                'Make it with a processor whose feature extractor has `views=["graph", "smiles"]`.'
            )
        ids, mask, positions = lay_out(spelling, hidden_atoms)  # (B, L) each
        states = self.token_embedding(ids) * math.sqrt(self.width) + embed_positions(positions, self.width, self.norm)
        both, pools = encode_in_chunks(self._run, self.dropout(states), mask, pool=self._pool)  # (B, L, 2W), (B, 4W)
        tokens = both[..., : self.width].flatten(0, 1).index_select(0, spelling.places)  # (N, W)
        wholes = pools.to(tokens.dtype).index_select(0, molecules.molecule_of_atom)  # (N, 4W)
        return torch.cat([tokens, wholes], dim=-1)  # (N, H)

    def _run(self, states: Tensor, mask: Tensor) -> Tensor:
        """Run the layers. `(B, L, W)`, `(B, L)` -> the last and the penultimate states, `(B, L, 2W)`."""
        attention_mask = create_bidirectional_mask(self.config, states, mask)
        penultimate = states
        for layer in self.layers:
            penultimate, states = states, layer(states, attention_mask)  # (B, L, W)
        return torch.cat([self.norm(states), self.norm(penultimate)], dim=-1)

    def _pool(self, both: Tensor, mask: Tensor) -> Tensor:
        """Pool the tokens of each molecule. `(B, L, 2W)`, `(B, L)` -> `(B, 4W)`."""
        last = both[..., : self.width]  # (B, L, W)
        highest = last.masked_fill(~mask.bool()[..., None], torch.finfo(last.dtype).min).amax(1)  # (B, W)
        return torch.cat([average_tokens(last, mask).to(last.dtype), highest, both[:, 0]], dim=-1)


def read_encoder_options(config: Any) -> dict[str, Any]:
    """Fill the options of the encoder.

    Args:
        config ([`FineMolTexGraphConfig`]): `encoder_options` and `hidden_size`.

    Raises:
        ValueError: If an option is unknown, or the width cannot be divided.
    """
    given = config.encoder_options or {}
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise ValueError(f"The encoder 'smiles' has no option {', '.join(unknown)}: its options are {list(OPTIONS)}.")
    options = {**OPTIONS, **given}
    parts = (1 + NUM_POOLS) * options["num_attention_heads"]
    if config.hidden_size % parts:
        raise ValueError(
            f"The encoder 'smiles' needs a `hidden_size` that is a multiple of {parts}, {1 + NUM_POOLS} parts of "
            f"{options['num_attention_heads']} heads: got {config.hidden_size}."
        )
    return options


def lay_out(spelling: Spelling, hidden_atoms: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Lay the tokens out for attention, without a trace of hidden atoms but their presence.

    Args:
        spelling ([`Spelling`]): `B` molecules.
        hidden_atoms (`torch.BoolTensor` of shape `(N,)`, *optional*): Atoms to hide.

    Returns:
        Three tensors of shape `(B, L)`: tokens, 1 where there is one, and their positions from 1 on. Hidden tokens
        have position 0. Where tokens between two others are hidden, the position skips one.
    """
    ids = spelling.ids
    attends = ids != PAD_ID  # (B, L)
    is_placed = attends
    if hidden_atoms is not None:
        touched, is_atom = spelling.touches(hidden_atoms), spelling.is_atom  # (B, L), (B, L)
        is_ring = (ids >= FIRST_RING_ID) & (ids < END_RING_ID)
        is_ring = is_ring & touched.any(1, keepdim=True)  # of molecules that hide something
        ids = torch.where(touched, MASK_ID, torch.where(is_ring, RING_ID, ids))
        attends, is_placed = attends & (~touched | is_atom), attends & ~touched
    follows_gap = is_placed & ~nn.functional.pad(is_placed[:, :-1], (1, 0), value=True)  # (B, L)
    number = is_placed.cumsum(1)  # (B, L)
    gaps = (follows_gap & (number > 2)).cumsum(1)  # before the first atom, and after the last one, none is told
    return ids.masked_fill(~attends, PAD_ID), attends.long(), (number + gaps) * is_placed


def embed_positions(positions: Tensor, width: int, like: nn.LayerNorm) -> Tensor:
    """Embed positions by sines and cosines (Vaswani et al. 2017); position 0 is zeros.

    Computed and not stored: buffers that are not saved come back as uninitialised memory.

    Args:
        positions (`torch.LongTensor` of shape `(B, L)`): From 1 on.
        width (`int`): `W`.
        like (`nn.LayerNorm`): Gives the type.

    Returns:
        `torch.FloatTensor` of shape `(B, L, W)`.
    """
    steps = torch.arange(0, width, 2, device=positions.device)  # (W / 2,)
    angles = positions[..., None] * torch.exp(steps * (-math.log(10_000.0) / width))  # (B, L, W / 2)
    waves = torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :width]  # (B, L, W)
    return (waves * (positions > 0)[..., None]).to(like.weight.dtype)


__all__ = ["NUM_POOLS", "FineMolTexSmilesEncoder", "SmilesAttention", "SmilesFeedForward", "embed_positions"]
