"""Reconstruction: write a SMILES of the molecule from what its encoder made of it (Honda et al. 2019).

Axes as in `modeling_finemoltex.py`; `L` tokens of the longest SMILES, `A` atoms of the largest molecule.
"""

import inspect
import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers.masking_utils import create_bidirectional_mask, create_causal_mask

from .graph_views_finemoltex import rank_within
from .losses_finemoltex import masked_prediction_loss
from .molecules_finemoltex import Molecules
from .objectives_finemoltex import EncodedPairs, Objective, ObjectiveOptions, PairBatch, Terms, check_choice
from .smiles_encoder_finemoltex import SmilesAttention, SmilesFeedForward, embed_positions
from .spellings_finemoltex import LAST_ID, PAD_ID, VOCABULARY_SIZE

# Releases of Transformers call it differently.
_NO_CACHE = {"cache", "past_key_values", "cache_position"} & set(inspect.signature(create_causal_mask).parameters)


@dataclass
class SmilesReconstructionOptions(ObjectiveOptions):
    """Options of the reconstruction.

    Args:
        weight (`float`): Weight in the loss.
        target (`str`): `"canonical"` writes the canonical SMILES, which the molecule alone decides; `"random"` another
            random one, as the published code does: where it begins cannot be known, so its accuracy has a ceiling.
        hidden_size (`int`): Width of the decoder.
        num_layers (`int`): Layers of the decoder.
        num_attention_heads (`int`): Heads of each layer.
    """

    target: str = "canonical"
    hidden_size: int = 128
    num_layers: int = 2
    num_attention_heads: int = 4

    def __post_init__(self) -> None:
        """Check the choice and the sizes."""
        check_choice("target", self.target, ("canonical", "random"))
        if self.num_layers < 1 or self.num_attention_heads < 1 or self.hidden_size % (2 * self.num_attention_heads):
            raise ValueError(
                f"`hidden_size` ({self.hidden_size}) must be a multiple of twice `num_attention_heads` "
                f"({self.num_attention_heads}), and `num_layers` ({self.num_layers}) at least 1."
            )


class SmilesDecoderLayer(nn.Module):
    """Causal self-attention, attention over the atoms and the feed-forward part, each after a norm.

    Shapes:
        - **input:** states `(B, L, W)`, atoms `(B, A, W)`, both masks of the kernel
        - **output:** `(B, L, W)`
    """

    def __init__(self, config: Any, options: SmilesReconstructionOptions) -> None:
        super().__init__()
        width, heads = options.hidden_size, options.num_attention_heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.self_attention = SmilesAttention(config, width, heads, 0.0, is_causal=True)
        self.atom_attention = SmilesAttention(config, width, heads, 0.0)
        self.feed_forward = SmilesFeedForward(width, 2 * width, "gelu")

    def forward(self, states: Tensor, atoms: Tensor, causal: Tensor | None, over_atoms: Tensor | None) -> Tensor:
        """Run the layer; see the shapes above."""
        normed = self.norms[0](states)
        states = states + self.self_attention(normed, normed, causal)  # (B, L, W)
        states = states + self.atom_attention(self.norms[1](states), atoms, over_atoms)
        return states + self.feed_forward(self.norms[2](states))


class SmilesDecoder(nn.Module):
    """A small pre-LN Transformer that writes a SMILES from left to right.

    Shapes:
        - **input:** tokens so far `(B, L)`, atom states `(B, A, H)` and mask `(B, A)`
        - **output:** states `(B, L, W)`, of each token before the next; `score` gives `(..., V)`
    """

    def __init__(self, config: Any, options: SmilesReconstructionOptions) -> None:
        super().__init__()
        self.config, self.width = config, options.hidden_size
        self.read_atoms = nn.Linear(config.graph_config.hidden_size, self.width)
        self.atom_norm = nn.LayerNorm(self.width)
        self.token_embedding = nn.Embedding(VOCABULARY_SIZE, self.width)
        self.layers = nn.ModuleList(SmilesDecoderLayer(config, options) for _ in range(options.num_layers))
        self.norm = nn.LayerNorm(self.width)
        self.score = nn.Linear(self.width, VOCABULARY_SIZE)

    def forward(self, ids: Tensor, atom_states: Tensor, atom_mask: Tensor) -> Tensor:
        """Run the decoder; see the shapes above."""
        atoms = self.atom_norm(self.read_atoms(atom_states))  # (B, A, W)
        positions = torch.arange(1, ids.shape[1] + 1, device=ids.device).expand(ids.shape)  # (B, L)
        states = self.token_embedding(ids) * math.sqrt(self.width) + embed_positions(positions, self.width, self.norm)
        # What is written after the end counts for nothing, so padding needs no mask.
        causal = create_causal_mask(
            config=self.config, inputs_embeds=states, attention_mask=None, **dict.fromkeys(_NO_CACHE)
        )
        over_atoms = create_bidirectional_mask(self.config, states, atom_mask, encoder_hidden_states=atoms)
        for layer in self.layers:
            states = layer(states, atoms, causal, over_atoms)  # (B, L, W)
        return self.norm(states)


class SmilesReconstructionObjective(Objective):
    r"""Write the SMILES of a molecule, token by token, from the states of its atoms.

    \(L = -\mathrm{mean} \log p(t_i \mid t_{<i}, \mathrm{molecule})\) over all tokens of the batch; uniform scores give
    `log(V)`. The decoder sees the atom states of any molecule encoder, and no order of them. The encoder `smiles`
    reads a random spelling, so that copying does not help; without random spellings (outside of
    [`FineMolTexTrainer`]) it reads the canonical one. Metric: `smiles_token_accuracy`, with the right tokens before.
    """

    Options = SmilesReconstructionOptions
    needs = frozenset({"smiles"})
    reads_texts = False

    def __init__(self, config: Any, options: SmilesReconstructionOptions) -> None:
        super().__init__(config, options)
        self.decoder = SmilesDecoder(config, options)

    def forward(self, model: Any, pairs: EncodedPairs, batch: PairBatch) -> Terms:
        """Write, and compare."""
        molecules = batch.molecules
        inputs, labels = self.make_targets(molecules)  # (B, L), (B, L)
        atom_states, atom_mask = lay_out_atoms(self._encode(model, pairs, molecules), molecules)
        states = self.decoder(inputs, atom_states, atom_mask)  # (B, L, W)
        is_token = labels != PAD_ID  # (B, L)
        logits = self.decoder.score(states[is_token])  # (S, V)
        is_right = torch.zeros_like(labels).masked_scatter(is_token, (logits.argmax(-1) == labels[is_token]).long())
        return Terms(
            {"smiles_token": masked_prediction_loss(logits, labels[is_token], gather=self.training)},
            {"smiles_token": self.options.weight},
            {"smiles_token_correct": is_right.sum(1), "smiles_token_total": is_token.sum(1)},
        )

    def make_targets(self, molecules: Molecules) -> tuple[Tensor, Tensor]:
        """Give what the decoder reads, `(B, L)`, and what it must write next, `(B, L)`.

        Raises:
            ValueError: If the batch has no SMILES, or no random ones where those are the target.
        """
        if molecules.spelling is None:
            raise ValueError(
                "The objective 'smiles_reconstruction' writes the SMILES of a batch, and this one has none. Make it "
                'with a processor whose feature extractor has `views=["graph", "smiles"]`.'
            )
        ids = molecules.spelling.ids if self.options.target == "canonical" else molecules.target_ids
        if ids is None:
            raise ValueError(
                "The target 'random' of 'smiles_reconstruction' needs `target_smiles_ids`, which `FineMolTexTrainer` "
                "draws. Use the target 'canonical', or give them."
            )
        lengths = (ids != PAD_ID).sum(1)  # (B,)
        following = torch.nn.functional.pad(ids[:, 1:], (0, 1), value=PAD_ID)  # (B, L)
        return ids, following.scatter(1, lengths[:, None] - 1, LAST_ID)

    def _encode(self, model: Any, pairs: EncodedPairs, molecules: Molecules) -> Tensor:
        """Encode the random spelling, which the model itself reads in training alone. -> `(N, H_graph)`."""
        if model.training or molecules.other_spelling is None or "smiles" not in model.graph_encoder.needs:
            return pairs.atom_states
        return model.encode_atoms(replace(molecules, spelling=molecules.other_spelling))


def lay_out_atoms(atom_states: Tensor, molecules: Molecules) -> tuple[Tensor, Tensor]:
    """Lay the atoms of each molecule out in a row. `(N, H)` -> `(B, A, H)`, and `(B, A)`, 1 where there is one."""
    rows = molecules.molecule_of_atom  # (N,)
    slots = rank_within(rows, molecules.num_molecules)  # (N,)
    shape = (molecules.num_molecules, int(molecules.atom_counts.max()))
    padded = atom_states.new_zeros(*shape, atom_states.shape[-1])
    padded = padded.index_put((rows, slots), atom_states)  # (B, A, H)
    return padded, slots.new_zeros(shape).index_put((rows, slots), torch.ones_like(slots))


__all__ = ["SmilesDecoder", "SmilesReconstructionObjective", "SmilesReconstructionOptions", "lay_out_atoms"]
