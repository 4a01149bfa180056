"""The parts of a model that are exported, as modules of plain tensors with names.

Axes: `B` molecules or texts, `T` words, `N` atoms, `E` directed bonds, `M` motifs, `K + 1` slots, `W` words of all
texts, `U` tokens of all molecules, `P` embedding size, `D` token size.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..model.molecules_finemoltex import Molecules
from ..model.tokens_finemoltex import MoleculeTokens, score_tokens, weigh_texts
from ..runtime.export_folder import MOLECULES, TEXT, TOKEN_SCORE

TOKEN_NAMES = dict(
    zip(MoleculeTokens._fields, ("token_vectors", "molecule_of_token", "is_atom", "concept_counts"), strict=True)
)
# Of the read-out, a text needs how words are pooled, and none of its modules.
MOLECULE_SIDE = ("graph_encoder", "molecule_readout.*", "molecule_tokens", "fitted.counts.molecules", "motif_tower")
TEXT_SIDE = ("text_encoder", "text_input", "text_projection", "fitted.counts.texts", "fusion")
MOTIF_STREAM = ("motif_tower", "fusion")  # which some read-outs place molecules by
TWO_AXES = ("input_ids", "attention_mask", "motif_attention_mask", "word_states", "word_embeds")
GROWING = {
    "edge_index": (1,),
    **dict.fromkeys(TWO_AXES, (0, 1)),
}  # axes of inputs that are of any length; else the first


class Tower(nn.Module):
    """A part of a model with named inputs and outputs.

    Args:
        model (`FineMolTexModel`): In eval mode.
        inputs (sequence of `str`): Names of what `forward` takes, in order.

    Attributes:
        name: Of its file.
        UNUSED: Modules of the model that it does not call, which would fill a file.
    """

    name: ClassVar[str]
    UNUSED: ClassVar[tuple[str, ...]] = ()

    def __init__(self, model: Any, inputs: Sequence[str]) -> None:
        super().__init__()
        self.model, self.inputs = _leave_out(model, self.list_unused(model)), list(inputs)

    def list_unused(self, model: Any) -> tuple[str, ...]:
        """List the modules of a model that are left out; `.*` ends the name of one whose own modules are."""
        return self.UNUSED

    def compute(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Turn named tensors into named tensors; what is given beside the inputs plays no part."""
        raise NotImplementedError(f"{type(self).__name__} has no `compute`.")

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Compute the outputs from the inputs, both in order."""
        return tuple(self.compute(dict(zip(self.inputs, tensors, strict=True))).values())

    def dynamic_shapes(self) -> tuple[Any, ...]:
        """Say which axes are of any length, as `torch.export` takes it."""
        axes = (GROWING.get(name, (0,)) for name in self.inputs)
        return (tuple(dict.fromkeys(one, torch.export.Dim.DYNAMIC) for one in axes),)


class TextTower(Tower):
    """Word ids to embeddings `(B, P)`, and the states that a token score starts from where the model has one.

    Shapes:
        - **input:** `input_ids`, `attention_mask` `(B, T)`
        - **output:** `text_embeds` `(B, P)`, `word_states` `(B, T, H)`, `word_embeds` `(B, T, H_text)`
    """

    name = TEXT
    UNUSED = (*MOLECULE_SIDE, "word_tokens", "fusion.co_attention")

    def __init__(self, model: Any) -> None:
        super().__init__(model, ("input_ids", "attention_mask"))
        self.has_token_score = model.word_tokens is not None

    def compute(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Embed texts; see the shapes above."""
        ids, mask = given["input_ids"], given["attention_mask"]
        states, means = self.model.encode_words(ids, mask)  # (B, T, H), (B, H)
        found = {"text_embeds": self.model.embed_texts(means, ids, mask)}  # (B, P)
        if self.has_token_score:
            found |= {"word_states": states, "word_embeds": self.model.get_input_embeddings()(ids)}
        return found


class MoleculeTower(Tower):
    """Graphs to embeddings `(B, P)`, and their tokens where the model has a token score.

    Shapes:
        - **input:** what the processor gives, but for labels
        - **output:** `molecule_embeds` `(B, P)`; the fields of [`MoleculeTokens`], `U` tokens
    """

    name = MOLECULES
    UNUSED = (*TEXT_SIDE, "word_tokens", "motif_tower")

    def list_unused(self, model: Any) -> tuple[str, ...]:
        """List the modules that are left out: the motif stream is none where the read-out needs it."""
        needed = MOTIF_STREAM if model.molecule_readout.motif_parts else ()
        return tuple(name for name in self.UNUSED if name not in needed)

    def compute(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Embed molecules; see the shapes above."""
        molecules = Molecules.from_tensors(**{name: given[name] for name in self.inputs})
        atom_states = self.model.encode_atoms(molecules)  # (N, H_graph)
        found = {"molecule_embeds": self.model.embed_molecules(atom_states, molecules)}  # (B, P)
        if self.model.molecule_tokens is not None:
            tokens = self.model.tokenize_molecules(atom_states, molecules)
            has_vectors = self.model.config.token_config.levels != "none"
            wanted = TOKEN_NAMES if has_vectors else {"concepts": TOKEN_NAMES["concepts"]}
            found |= _name(tokens, wanted)
        return found


class TokenScoreTower(Tower):
    """Words of `Q` texts and tokens of `R` molecules to scores `(Q, R)`, in the unit of cosines.

    Shapes:
        - **input:** `attention_mask` `(Q, T)`, `word_states` `(Q, T, H)`, `word_embeds` `(Q, T, H_text)`,
          `tokens_of_molecule` `(R,)`, and the fields of [`MoleculeTokens`]
        - **output:** `scores` `(Q, R)`
    """

    name = TOKEN_SCORE
    UNUSED = (*MOLECULE_SIDE, *TEXT_SIDE, "fitted")

    def compute(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Score; see the shapes above."""
        mask = given["attention_mask"]
        words = self.model.word_tokens(given["word_states"], mask, given["word_embeds"])
        tokens = MoleculeTokens(**{field: given[name] for field, name in TOKEN_NAMES.items() if name in given})
        num_texts, num_molecules = mask.shape[0], given["tokens_of_molecule"].shape[0]
        scores = score_tokens(words, tokens, num_texts, num_molecules)
        weights = weigh_texts(words, num_texts, self.model.config.token_config)  # (Q, 1)
        return {"scores": weights * scores / self.model.inverse_temperature}


def _leave_out(model: Any, unused: Sequence[str]) -> Any:
    """Copy a model without some of its modules, where it has them."""
    kept = copy.copy(model)  # the weights are shared
    for path in unused:
        owner = kept
        *owners, last = path.split(".")
        for name in owners:
            inner = owner._modules.get(name)
            if inner is None:
                break
            inner = copy.copy(inner)
            inner._modules = dict(inner._modules)
            owner._modules = {**owner._modules, name: inner}
            owner = inner
        else:
            if last == "*":
                owner._modules = {}
            elif owner._modules.get(last) is not None:
                owner._modules = {**owner._modules, last: None}
    return kept


def _name(values: Any, names: Mapping[str, str]) -> dict[str, Tensor]:
    """Give fields of a tuple their names in a graph; what a model has not is left out."""
    fields = values._asdict()
    return {name: fields[field] for field, name in names.items() if fields[field] is not None}
