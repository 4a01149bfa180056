"""Names of weights in published checkpoints, and where each lies in a model of this package: strings alone.

The layouts are facts about files. Keys are listed for as many layers as a checkpoint names.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

BASE = "finemoltex."  # the base model in a model with objectives
WORD_HEAD, MOTIF_HEAD = "objectives.masked_modelling.word_head.", "objectives.masked_modelling.motif_head."
GIN_PREFIX = "molecule_node_model."
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
LINEAR = ("weight", "bias")
SPARE_ROWS = 2  # "unknown" and [MASK] after the rows of a feature table, [UNK] and [MASK] before those of the motifs
_ATTENTION = {
    **{f"attention.self.{name}": f"attention.{name}" for name in ("query", "key", "value")},
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention.norm",
}
_FEED_FORWARD = {"dense": "contract", "LayerNorm": "norm"}
_LAYER = {
    **_ATTENTION,
    "intermediate.dense": "feed_forward.expand",
    **{f"output.{name}": f"feed_forward.{own}" for name, own in _FEED_FORWARD.items()},
}
# Stream 1 is that of the motifs, stream 2 that of the words. Each asks the other, so queries of one meet keys of the
# other.
_STREAMS = {"1": ("motif", "v", "2"), "2": ("text", "t", "1")}
_CO_ATTENTION = {
    name: own
    for number, (stream, letter, other) in _STREAMS.items()
    for name, own in {
        f"biattention.query{number}": f"{stream}_attention.query",
        f"biattention.key{other}": f"{stream}_attention.key",
        f"biattention.value{other}": f"{stream}_attention.value",
        f"biOutput.dense{number}": f"{stream}_attention.output",
        f"biOutput.LayerNorm{number}": f"{stream}_attention.norm",
        f"{letter}_intermediate.dense": f"{stream}_feed_forward.expand",
        **{f"{letter}_output.{name}": f"{stream}_feed_forward.{own}" for name, own in _FEED_FORWARD.items()},
    }.items()
}
_BERT_EMBEDDINGS = tuple(f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))
_BERT_LAYER = (
    *(f"attention.{name}" for name in ("self.query", "self.key", "self.value", "output.dense", "output.LayerNorm")),
    *("intermediate.dense", "output.dense", "output.LayerNorm"),
)
TIED_KEY, WORDS_KEY = "cls.predictions.decoder.weight", "bert.bertlm.embeddings.word_embeddings.weight"
# Weights that the forward pass never reads, or that are the same as others.
UNUSED = {
    "molecule": (r"graph_pred_linear\..*",),
    "multi": (
        r"bert\.v_embeddings\.image_embeddings\..*",
        r"bert\.bertlm\.(pooler\..*|embeddings\.position_ids)",
        r"bert\.encoder\.c_layer\.\d+\.(biOutput\.q_dense[12]|[mt]_pooler\.dense)\..*",
        r"bert\.[tv]_pooler\..*",
        r"cls\.(bi_seq_relationship|imagePredictions)\..*",
        re.escape(TIED_KEY),
    ),
    "text": (r"embeddings\.position_ids",),
}


class Entry(NamedTuple):
    """One weight of a published checkpoint.

    Args:
        part (`str`): File of the set, such as `"multi"`.
        key (`str`): Its name there.
        own (`str`): Its name here.
        first_row (`int`, *optional*): It is the rows from there on of the weight here; all of it, if absent.
    """

    part: str
    key: str
    own: str
    first_row: int | None = None


Heights = Mapping[tuple[str, str], int]  # rows of each table, by part and key


def list_entries(kind: str, keys: Mapping[str, Iterable[str]], heights: Heights) -> list[Entry]:
    """List the weights of a checkpoint and where they lie in a model of this package.

    Args:
        kind (`str`): `"finemoltex"`, `"moleculestm"` or `"gin"`.
        keys (mapping of `str` to iterable of `str`): Names in each file; they say how many layers there are.
        heights (mapping): Rows of the feature tables, by file and name; those absent count as 0.

    Example:
    >>> entries = list_entries("gin", {"molecule": ["x_embedding1.weight", "gnns.1.mlp.0.weight"]}, {})
    >>> entries[0].own, len({entry.key for entry in entries})
    ('graph_encoder.atom_embedding.table.weight', 24)
    """
    lists = {"finemoltex": _list_finemoltex, "moleculestm": _list_moleculestm, "gin": _list_gin}
    return lists[kind]({part: list(names) for part, names in keys.items()}, heights)


def has_self_loops(keys: Iterable[str]) -> bool:
    """Tell the GIN with self-loops, of pretrain-gnns, from that with the features of OGB."""
    return any(key.removeprefix(GIN_PREFIX).startswith("x_embedding") for key in keys)


def count_layers(keys: Iterable[str], before: str) -> int:
    """Count numbered layers by the names of their weights; at least 1, so that missing ones are listed.

    Example:
    >>> count_layers(["gnns.0.eps", "gnns.3.eps"], "gnns.")
    4
    """
    numbers = [re.match(re.escape(before) + r"(\d+)\.", key) for key in keys]
    return max([int(number[1]) for number in numbers if number], default=0) + 1


def is_unused(part: str, key: str) -> bool:
    """Tell a weight that no output depends on."""
    return any(re.fullmatch(pattern, key) for pattern in UNUSED.get(part, ()))


def _list_finemoltex(keys: Mapping[str, list[str]], heights: Heights) -> list[Entry]:
    multi, encoder = keys["multi"], "bert.encoder."
    stacks = {
        "layer.": ("fusion.text_layers.", _LAYER),
        "v_layer.": ("fusion.motif_layers.", _LAYER),
        "c_layer.": ("fusion.co_attention.", _CO_ATTENTION),
    }
    entries = _list_encoder(keys["molecule"], heights, BASE)
    entries += _map_linear("mol2latent", {"": f"{BASE}motif_tower.projection."})
    entries += _map_linear(
        "multi",
        {
            "bert.v_embeddings.image_location_embeddings.": f"{BASE}motif_tower.position.",
            "bert.v_embeddings.LayerNorm.": f"{BASE}motif_tower.norm.",
            "cls.predictions.transform.dense.": f"{WORD_HEAD}dense.",
            "cls.predictions.transform.LayerNorm.": f"{WORD_HEAD}norm.",
        },
    )
    entries.append(Entry("multi", "cls.predictions.bias", f"{WORD_HEAD}bias"))
    entries += _list_bert("multi", multi, "bert.bertlm.", f"{BASE}text_encoder.")
    for name, (own, names) in stacks.items():
        for layer in range(count_layers(multi, f"{encoder}{name}")):
            mapped = {f"{encoder}{name}{layer}.{a}.": f"{BASE}{own}{layer}.{b}." for a, b in names.items()}
            entries += _map_linear("multi", mapped)
    entries += _map_linear("frag", {"0.": f"{MOTIF_HEAD}dense."})
    return entries + [Entry("frag", f"1.{name}", f"{MOTIF_HEAD}table.{name}", SPARE_ROWS) for name in LINEAR]


def _list_moleculestm(keys: Mapping[str, list[str]], heights: Heights) -> list[Entry]:
    return [
        *_list_encoder(keys["molecule"], heights),
        *_map_linear("mol2latent", {"": "molecule_readout.project."}),
        *_list_bert("text", keys["text"], "", "text_encoder."),
        *_map_linear("text", {"pooler.dense.": "text_projection.dense."}),
        *_map_linear("text2latent", {"": "text_projection.project."}),
    ]


def _list_gin(keys: Mapping[str, list[str]], heights: Heights) -> list[Entry]:
    return _list_encoder(keys["molecule"], heights)


def _list_encoder(keys: list[str], heights: Heights, base: str = "") -> list[Entry]:
    prefix = GIN_PREFIX if any(key.startswith(GIN_PREFIX) for key in keys) else ""
    loops, own = has_self_loops(keys), f"{base}graph_encoder."
    if loops:
        atoms, bonds = [f"x_embedding{number}" for number in (1, 2)], [f"edge_embedding{number}" for number in (1, 2)]
        mapped = {"mlp.0.": "expand.", "mlp.2.": "contract."}
    else:
        atoms = [f"atom_encoder.atom_embedding_list.{number}" for number in range(9)]
        bonds = [f"bond_encoder.bond_embedding_list.{number}" for number in range(3)]
        mapped = {"mlp.0.": "expand.", "mlp.3.": "contract."}
    entries = _list_tables([f"{prefix}{name}.weight" for name in atoms], f"{own}atom_embedding.", heights)
    for layer in range(count_layers(keys, f"{prefix}gnns.")):
        there, here = f"{prefix}gnns.{layer}.", f"{own}layers.{layer}."
        entries += _list_tables([f"{there}{name}.weight" for name in bonds], f"{here}bond_embedding.", heights)
        entries += _map_linear("molecule", {f"{there}{name}": f"{here}{new}" for name, new in mapped.items()})
        norms = {f"{prefix}batch_norms.{layer}.": f"{here}norm."}
        if not loops:
            entries.append(Entry("molecule", f"{there}eps", f"{here}conv.eps"))
            norms[f"{there}mlp.1."] = f"{here}inner_norm."
        entries += [Entry("molecule", f"{a}{name}", f"{b}{name}") for a, b in norms.items() for name in NORM]
    return entries


def _list_tables(names: list[str], own: str, heights: Heights) -> list[Entry]:
    """Lay feature tables one below the other, each with its spare rows."""
    entries, first = [], 0
    for name in names:
        entries.append(Entry("molecule", name, f"{own}table.weight", first))
        first += heights.get(("molecule", name), 0) + SPARE_ROWS
    return entries


def _list_bert(part: str, keys: list[str], prefix: str, own: str) -> list[Entry]:
    names = [*_BERT_EMBEDDINGS, *(f"embeddings.LayerNorm.{name}" for name in LINEAR)]
    for layer in range(count_layers(keys, f"{prefix}encoder.layer.")):
        names += [f"encoder.layer.{layer}.{name}.{leaf}" for name in _BERT_LAYER for leaf in LINEAR]
    return [Entry(part, prefix + name, own + name) for name in names]


def _map_linear(part: str, prefixes: Mapping[str, str]) -> list[Entry]:
    return [Entry(part, old + name, new + name) for old, new in prefixes.items() for name in LINEAR]


__all__ = ["SPARE_ROWS", "Entry", "count_layers", "has_self_loops", "is_unused", "list_entries"]
