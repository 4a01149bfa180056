"""A dual encoder of plain PyTorch with the sizes of a configuration: what a step costs without anything of ours."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class PlainGraphLayer(nn.Module):
    """GIN with bond embeddings, by gathering and `index_add`: `(N, H)`, `(2, E)`, `(E, R)` -> `(N, H)`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = config.hidden_size
        self.bonds = nn.ModuleList(nn.Embedding(size + 1, width) for size in config.bond_feature_sizes)
        self.layers = nn.Sequential(
            nn.Linear(width, 2 * width), nn.BatchNorm1d(2 * width), nn.ReLU(), nn.Linear(2 * width, width)
        )
        self.norm = nn.BatchNorm1d(width)

    def forward(self, atoms: Tensor, edge_index: Tensor, edge_features: Tensor) -> Tensor:
        """Pass one round of messages; see the shapes above."""
        bonds = sum(table(edge_features[:, place]) for place, table in enumerate(self.bonds))  # (E, H)
        messages = F.relu(atoms[edge_index[0]] + bonds)  # (E, H)
        received = torch.zeros_like(atoms).index_add(0, edge_index[1], messages)  # (N, H)
        return F.relu(self.norm(self.layers(atoms + received)))


class PlainDualEncoder(nn.Module):
    """A GIN for molecules, Transformer layers of `torch.nn` for texts, means and a linear layer on top of each.

    Args:
        config (`FineMolTexConfig`): Widths, numbers of layers and heads, vocabulary.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        graph, text, width = config.graph_config, config.text_config, config.encoder_size
        sizes = [*graph.atom_feature_sizes, *(graph.rare_feature_sizes or ())]
        self.atoms = nn.ModuleList(nn.Embedding(size + 1, graph.hidden_size) for size in sizes)
        self.layers = nn.ModuleList(PlainGraphLayer(graph) for _ in range(graph.num_layers))
        self.words = nn.Embedding(text.vocab_size, text.hidden_size)
        self.places = nn.Embedding(text.max_position_embeddings, text.hidden_size)
        layer = nn.TransformerEncoderLayer(
            text.hidden_size, text.num_attention_heads, text.intermediate_size, 0.0, F.gelu, batch_first=True
        )
        self.reader = nn.TransformerEncoder(layer, text.num_hidden_layers)
        self.molecule_projection = nn.Linear(graph.hidden_size, width)
        self.text_projection = nn.Linear(text.hidden_size, width)

    def embed_molecules(self, batch: dict[str, Tensor]) -> Tensor:
        """Embed molecules, `(B, P)`."""
        features, counts = batch["atom_features"], batch["motif_counts"]
        states = sum(table(features[:, place]) for place, table in enumerate(self.atoms))  # (N, H)
        for layer in self.layers:
            states = layer(states, batch["edge_index"], batch["edge_features"])
        owners = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)  # (M,)
        owners = owners[batch["atom_to_motif"]]  # (N,)
        sums = states.new_zeros(len(counts), states.shape[-1]).index_add(0, owners, states)  # (B, H)
        sizes = torch.bincount(owners, minlength=len(counts)).unsqueeze(-1)  # (B, 1)
        return F.normalize(self.molecule_projection(sums / sizes), dim=-1)

    def embed_texts(self, batch: dict[str, Tensor]) -> Tensor:
        """Embed texts, `(B, P)`."""
        ids, mask = batch["input_ids"], batch["attention_mask"].bool()
        states = self.words(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))  # (B, T, H)
        states = self.reader(states, src_key_padding_mask=~mask) * mask.unsqueeze(-1)
        return F.normalize(self.text_projection(states.sum(1) / mask.sum(1, keepdim=True)), dim=-1)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Contrast the molecules with the texts of a batch: the mean of both cross-entropies, a number."""
        scores = self.embed_molecules(batch).float() @ self.embed_texts(batch).float().T / 0.07  # (B, B)
        answers = torch.arange(len(scores), device=scores.device)
        return (F.cross_entropy(scores, answers) + F.cross_entropy(scores.T, answers)) / 2
