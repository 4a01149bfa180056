"""Synthetic checkpoints with the names of the published ones, at any size. The names are facts about files.

They are written out here once more, so that a mistake in the package's own list is noticed.
"""

import torch

WEIGHT_BIAS = ("weight", "bias")
ATOM_ROWS, BOND_ROWS = (119, 4, 12, 12, 10, 6, 6, 2, 2), (5, 6, 2)


class Generator:
    """Collects random tensors by name."""

    def __init__(self, seed: int) -> None:
        self.random, self.tensors = torch.Generator().manual_seed(seed), {}

    def add(self, name: str, *shape: int, scale: float = 0.2, around: float = 0.0) -> None:
        self.tensors[name] = around + scale * torch.randn(shape, generator=self.random)

    def linear(self, name: str, rows: int, columns: int) -> None:
        self.add(f"{name}weight", rows, columns)
        self.add(f"{name}bias", rows)

    def norm(self, name: str, width: int) -> None:
        self.add(f"{name}weight", width, around=1.0)
        self.add(f"{name}bias", width)

    def batch_norm(self, name: str, width: int) -> None:
        self.norm(name, width)
        self.add(f"{name}running_mean", width)
        self.tensors[f"{name}running_var"] = 0.5 + torch.rand(width, generator=self.random)
        self.tensors[f"{name}num_batches_tracked"] = torch.tensor(7)


def make_ogb_gin(width=10, layers=2, prefix="molecule_node_model.", seed=0):
    made = Generator(seed)
    for number, rows in enumerate(ATOM_ROWS):
        made.add(f"{prefix}atom_encoder.atom_embedding_list.{number}.weight", rows, width)
    for layer in range(layers):
        start = f"{prefix}gnns.{layer}."
        made.add(f"{start}eps", 1)
        made.linear(f"{start}mlp.0.", 2 * width, width)
        made.batch_norm(f"{start}mlp.1.", 2 * width)
        made.linear(f"{start}mlp.3.", width, 2 * width)
        for number, rows in enumerate(BOND_ROWS):
            made.add(f"{start}bond_encoder.bond_embedding_list.{number}.weight", rows, width)
        made.batch_norm(f"{prefix}batch_norms.{layer}.", width)
    if prefix:
        made.linear("graph_pred_linear.", 1, width)
    return made.tensors


def make_self_loop_gin(width=10, layers=2, seed=0):
    made = Generator(seed)
    made.add("x_embedding1.weight", 120, width)
    made.add("x_embedding2.weight", 3, width)
    for layer in range(layers):
        start = f"gnns.{layer}."
        made.linear(f"{start}mlp.0.", 2 * width, width)
        made.linear(f"{start}mlp.2.", width, 2 * width)
        made.add(f"{start}edge_embedding1.weight", 6, width)
        made.add(f"{start}edge_embedding2.weight", 3, width)
        made.batch_norm(f"batch_norms.{layer}.", width)
    return made.tensors


def add_layer(made, start, width, inner):
    """A layer of BERT."""
    for name in ("query", "key", "value"):
        made.linear(f"{start}attention.self.{name}.", width, width)
    made.linear(f"{start}attention.output.dense.", width, width)
    made.norm(f"{start}attention.output.LayerNorm.", width)
    made.linear(f"{start}intermediate.dense.", inner, width)
    made.linear(f"{start}output.dense.", width, inner)
    made.norm(f"{start}output.LayerNorm.", width)


def add_bert(made, prefix, width, layers, words, inner, positions):
    made.add(f"{prefix}embeddings.word_embeddings.weight", words, width)
    made.add(f"{prefix}embeddings.position_embeddings.weight", positions, width)
    made.add(f"{prefix}embeddings.token_type_embeddings.weight", 2, width)
    made.norm(f"{prefix}embeddings.LayerNorm.", width)
    for layer in range(layers):
        add_layer(made, f"{prefix}encoder.layer.{layer}.", width, inner)
    made.linear(f"{prefix}pooler.dense.", width, width)


def make_bert(width=16, layers=2, words=256, inner=24, positions=64, seed=1):
    made = Generator(seed)
    add_bert(made, "", width, layers, words, inner, positions)
    return made.tensors


def add_co_attention(made, start, width, inner, motif_inner):
    for stream in "12":
        for name in ("query", "key", "value"):
            made.linear(f"{start}biattention.{name}{stream}.", width, width)
        made.linear(f"{start}biOutput.dense{stream}.", width, width)
        made.norm(f"{start}biOutput.LayerNorm{stream}.", width)
        made.linear(f"{start}biOutput.q_dense{stream}.", width, width)
    for letter, size in (("v", motif_inner), ("t", inner)):
        made.linear(f"{start}{letter}_intermediate.dense.", size, width)
        made.linear(f"{start}{letter}_output.dense.", width, size)
        made.norm(f"{start}{letter}_output.LayerNorm.", width)
    for name in ("m_pooler", "t_pooler"):
        made.linear(f"{start}{name}.dense.", width, width)


def make_multi(width=16, bert=2, text=3, motif=2, blocks=2, words=256, motifs=9, inner=20, motif_inner=28, seed=2):
    made = Generator(seed)
    made.linear("bert.v_embeddings.image_embeddings.", width, width)
    made.linear("bert.v_embeddings.image_location_embeddings.", width, 1)
    made.norm("bert.v_embeddings.LayerNorm.", width)
    add_bert(made, "bert.bertlm.", width, bert, words, 24, 64)
    for layer in range(text):
        add_layer(made, f"bert.encoder.layer.{layer}.", width, inner)
    for layer in range(motif):
        add_layer(made, f"bert.encoder.v_layer.{layer}.", width, motif_inner)
    for block in range(blocks):
        add_co_attention(made, f"bert.encoder.c_layer.{block}.", width, inner, motif_inner)
    for name in ("t_pooler", "v_pooler"):
        made.linear(f"bert.{name}.dense.", width, width)
    made.add("cls.predictions.bias", words)
    made.linear("cls.predictions.transform.dense.", width, width)
    made.norm("cls.predictions.transform.LayerNorm.", width)
    made.tensors["cls.predictions.decoder.weight"] = made.tensors[
        "bert.bertlm.embeddings.word_embeddings.weight"
    ].clone()
    made.linear("cls.bi_seq_relationship.", 2, width)
    made.linear("cls.imagePredictions.transform.dense.", width, width)
    made.norm("cls.imagePredictions.transform.LayerNorm.", width)
    made.linear("cls.imagePredictions.decoder.", motifs, width)
    return made.tensors


def make_linear(rows, columns, start="", seed=3):
    made = Generator(seed)
    made.linear(start, rows, columns)
    return made.tensors


def make_finemoltex(width=16, graph_width=10, motifs=9, **sizes):
    """The four state dicts of FineMolTex."""
    return {
        "molecule": make_ogb_gin(graph_width),
        "mol2latent": make_linear(width, graph_width),
        "multi": make_multi(width, motifs=motifs, **sizes),
        "frag": make_linear(width, width, "0.") | make_linear(motifs, width, "1.", seed=4),
    }


def make_moleculestm(size=12, width=16, graph_width=10):
    """The four state dicts of MoleculeSTM with graphs."""
    return {
        "molecule": make_ogb_gin(graph_width),
        "mol2latent": make_linear(size, graph_width),
        "text": make_bert(width),
        "text2latent": make_linear(size, width, seed=4),
    }


# What the weights of `make_finemoltex()` do not tell.
SETTINGS = {
    **{"num_attention_heads": 4, "v_num_attention_heads": 2, "bi_num_attention_heads": 8},
    **{"t_biattention_id": [1, 3], "v_biattention_id": [1, 2]},
}
TEXT_SETTINGS = {"num_attention_heads": 2}
