"""FineMolTex: molecules and texts in one space, aligned as wholes and motif by word.

Read bottom-up: encoders and read-outs in the files imported here, then `FineMolTexModel.forward`, then the heads in
files of their own. Axes in every comment: `B` molecules or texts, `N` atoms, `E` directed bonds, `M` motifs in the
batch, `K` motifs of the largest molecule, `T` words, `S` hidden slots, `H` hidden size, `P` embedding size, `P'` what
the encoders learn of it (all, unless something is fitted beside it), `V` vocabulary.
"""

import math
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel, initialization
from transformers.utils.generic import can_return_tuple

from .chunking_finemoltex import encode_in_chunks
from .configuration_finemoltex import FineMolTexConfig
from .encoders_finemoltex import build_molecule_encoder
from .fitted_finemoltex import FineMolTexFitted
from .fusion_finemoltex import FineMolTexFusion
from .migration_finemoltex import weights_beside
from .molecules_finemoltex import Molecules, takes_molecules
from .motif_towers_finemoltex import build_motif_tower
from .outputs_finemoltex import FineMolTexOutput
from .parts_finemoltex import Part
from .readouts_finemoltex import build_readout
from .recording_finemoltex import records_states
from .remote_code_finemoltex import copy_code, map_auto_classes
from .text_weights_finemoltex import load_text_weights
from .tokens_finemoltex import (
    FineMolTexMoleculeTokens,
    FineMolTexWordTokens,
    MoleculeTokens,
    WordTokens,
)
from .weights_finemoltex import remember_missing, require_weights
from .wrapped_layers_finemoltex import read_weight


class FineMolTexPreTrainedModel(PreTrainedModel):
    """Weight initialisation, saving and the switches that every FineMolTex model shares."""

    config: FineMolTexConfig
    base_model_prefix = "finemoltex"
    supports_gradient_checkpointing = True
    # The losses average over this batch themselves; the Trainer must keep dividing by the accumulation steps.
    accepts_loss_kwargs = False
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _keys_to_ignore_on_load_unexpected = weights_beside()
    _keys_to_ignore_on_load_missing: ClassVar[list[str]] = [r"\brare_embedding\."]  # starts at zero
    _own_key_mapping: ClassVar[dict[str, str]] = {}

    def post_init(self) -> None:
        """Finish a model; its own weights stay worth a report, although the base model ignores those of every head."""
        super().post_init()
        ignored = set(type(self)._keys_to_ignore_on_load_unexpected)
        self._keys_to_ignore_on_load_unexpected -= set(weights_beside()) - ignored

    def parts(self) -> dict[str, Part]:
        """Declare the parts of the model, by name. Every parameter is in exactly one.

        Returns:
            `dict[str, Part]`: Those of the base model, and what a head adds.
        """
        return self.base_model.parts()

    def freeze(self, *names: str) -> None:
        """Stop training parts of the model.

        Args:
            names (`str`): Names of `parts`, such as `"molecule_encoder"`, or kinds, such as `"text"`.

        Raises:
            ValueError: If there is no part of that name or kind; lists them.
        """
        parts = self.parts()
        for name in names:
            chosen = [part for key, part in parts.items() if name in (key, part.kind)]
            if not chosen:
                raise ValueError(f"There is no part {name!r}: freeze some of {', '.join(parts)}.")
            for part in chosen:
                for parameter in part.parameters():
                    parameter.requires_grad_(False)

    def sequence_encoders(self) -> list[PreTrainedModel]:
        """List the encoders of Transformers that the forward pass runs, in this order; for recording their states."""
        text_encoder = self.base_model.text_encoder
        return [] if text_encoder is None else [text_encoder]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        # Whoever holds parameters beside its sub-modules starts them itself. What loading does not fill would
        # otherwise be uninitialised memory.
        if hasattr(module, "reset_own_parameters"):
            module.reset_own_parameters(self.config)

    @classmethod
    def from_pretrained(cls, name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load as usual; weights under the names of an older layout are found too, and missing ones remembered."""
        kwargs.setdefault("key_mapping", cls._own_key_mapping)
        wants_report = kwargs.pop("output_loading_info", False)
        model, report = super().from_pretrained(name_or_path, *args, output_loading_info=True, **kwargs)
        remember_missing(model, report)
        return (model, report) if wants_report else model

    def require_weights(self, purpose: str, *parts: str) -> None:
        """Refuse weights of some parts that were not in the folder of the model, or are not finite.

        Args:
            purpose (`str`): What the model is used for, for the message.
            parts (`str`): Names of `parts`, or kinds, such as `"text"`; those of `needed_parts`, if none are given.

        Raises:
            ValueError: Lists the weights.
        """
        require_weights(self, purpose, parts or self.needed_parts())

    def needed_parts(self) -> tuple[str, ...]:
        """Name the parts, or kinds, that an answer of the model depends on: embeddings, unless a head gives others."""
        return self.base_model.EMBEDDING_PARTS

    def save_pretrained(self, save_directory: Any, **kwargs: Any) -> None:
        """Save as usual. Registered classes bring their code along, with the other heads that lie beside this file."""
        kwargs.setdefault("save_original_format", False)  # or the names of an older layout would come back
        if self._auto_class is None:
            super().save_pretrained(save_directory, **kwargs)
            return
        home = Path(__file__).parent
        self.config.auto_map = map_auto_classes(home, type(self).__name__)
        super().save_pretrained(save_directory, **kwargs)
        copy_code(home, Path(save_directory))


class FineMolTexModel(FineMolTexPreTrainedModel):
    """A molecule encoder and a text encoder with read-outs into one space, and the fusion of their motifs and words.

    The embeddings come straight from the two encoders; the motif sequence exists for the fusion alone. So contrastive
    steps need no motif layers, and single motifs and words have a place in the shared space too.

    Args:
        config ([`FineMolTexConfig`]): Sizes.
        with_text (`bool`): Build the text side and the fusion too. Without them the model embeds molecules, and
            nothing else of a checkpoint is loaded.

    Attributes:
        EMBEDDING_PARTS: Parts that an embedding depends on; the others may change without making an index stale.

    Example:
    >>> batch = processor(smiles=["CCO", "c1ccccc1"], text=["ethanol", "benzene"], padding=True, return_tensors="pt")
    >>> output = base(**batch)
    >>> (output.molecule_embeds @ output.text_embeds.T).shape
    torch.Size([2, 2])
    """

    EMBEDDING_PARTS = (
        *("molecule_encoder", "molecule_readout", "text_encoder", "text_layers", "text_readout"),
        *("molecule_tokens", "molecule_concepts", "word_tokens", "word_weights", "concept_layers", "word_concepts"),
        *("molecule_counts", "text_counts", "local_scaling"),
    )

    def __init__(self, config: FineMolTexConfig, with_text: bool = True) -> None:
        super().__init__(config)
        width, text_width = config.multimodal_config.hidden_size, config.text_config.hidden_size
        self.graph_encoder = build_molecule_encoder(config.graph_config, config)
        self.molecule_readout = build_readout(config)
        self.EMBEDDING_PARTS = (*self.EMBEDDING_PARTS, *self.molecule_readout.motif_parts)
        self.motif_tower: Any = None
        self.molecule_tokens = self.word_tokens = None
        if config.token_config.size:
            self.molecule_tokens = FineMolTexMoleculeTokens(config)
            self.word_tokens = FineMolTexWordTokens(config) if with_text else None
        self.fitted = FineMolTexFitted(config, with_text)
        self.text_encoder: Any = AutoModel.from_config(config.text_config) if with_text else None
        if with_text:
            self.text_encoder.pooler = None  # unused; its parameters would never receive a gradient
            self.text_input = nn.Linear(text_width, width) if text_width != width else nn.Identity()
            self.text_projection = self.molecule_readout.make_text_projection(config)
        if with_text or self.molecule_readout.motif_parts:
            self.motif_tower = build_motif_tower(config)
            self.fusion = FineMolTexFusion(config, with_text)
        self.logit_scale = nn.Parameter(torch.empty(()), requires_grad=config.learn_temperature)
        self.post_init()

    def reset_own_parameters(self, config: FineMolTexConfig) -> None:
        """Start the temperature."""
        initialization.constant_(self.logit_scale, -math.log(config.temperature))

    def parts(self) -> dict[str, Part]:
        """Declare the two encoders, their read-outs, and the fusion."""
        parts = {
            "molecule_encoder": Part("molecule", (self.graph_encoder,)),
            "molecule_readout": Part("readout", (self.molecule_readout,)),
            "temperature": Part("readout", (), (self.logit_scale,)),
        }
        parts |= {} if self.molecule_tokens is None else self.molecule_tokens.parts()
        parts |= {} if self.word_tokens is None else self.word_tokens.parts()
        parts |= self.fitted.parts()
        if self.text_encoder is not None:
            parts |= {
                "text_encoder": Part("text", (self.text_encoder,)),
                "text_layers": Part("fusion", (self.fusion.text_layers,)),
                "text_readout": Part("readout", (self.text_input, self.text_projection)),
            }
        if self.motif_tower is not None:
            parts |= {**self.motif_tower.parts(), "motif_layers": Part("fusion", (self.fusion.motif_layers,))}
        if self.text_encoder is not None:
            parts["co_attention"] = Part("fusion", (self.fusion.co_attention,))
        return parts

    @property
    def inverse_temperature(self) -> Tensor:
        """Factor that turns cosines into logits; bounded, so that a learned temperature cannot run away."""
        return read_weight(self, "logit_scale").exp().clamp(max=100.0)

    def get_input_embeddings(self) -> nn.Module:
        """Return the word embeddings of the text encoder."""
        return self._require_text().get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the word embeddings of the text encoder."""
        self._require_text().set_input_embeddings(value)

    def load_text_encoder(self, name_or_path: str, **kwargs: Any) -> None:
        """Copy the weights of a pre-trained text encoder into this model.

        Call it after construction: building a model initialises every weight, the text encoder's included.

        Args:
            name_or_path (`str`): Hub id or folder that `AutoModel.from_pretrained` loads.
            kwargs: Passed to `AutoModel.from_pretrained`, for example `revision`.

        Raises:
            ValueError: If a weight is missing from the source, is unknown here or has another shape; lists the keys.
        """
        load_text_weights(self.text_encoder, name_or_path, **kwargs)

    def encode_atoms(self, molecules: Molecules, hidden_motifs: Tensor | None = None) -> Tensor:
        """Encode the atoms, those of hidden motifs `(B, K + 1)` masked. -> `(N, H_graph)`."""
        hidden_atoms = None
        if hidden_motifs is not None:
            hidden_atoms = molecules.unpad(hidden_motifs)[molecules.atom_to_motif]  # (N,)
        return self.graph_encoder(molecules, hidden_atoms)

    def encode_visible(self, molecules: Molecules, hidden_motifs: Tensor) -> tuple[Tensor, Molecules]:
        """Encode molecules without what `mask_level` hides of some motifs.

        Args:
            molecules ([`Molecules`]): `B` molecules.
            hidden_motifs (`torch.BoolTensor` of shape `(B, K + 1)`): Motifs to hide.

        Returns:
            `torch.FloatTensor` of shape `(N', H_graph)`, and the [`Molecules`] of `N'` atoms to which they belong.
        """
        level = self.config.motif_config.mask_level
        if level == "motif":
            molecules = molecules.collapse(hidden_motifs)
        return self.encode_atoms(molecules, None if level == "token" else hidden_motifs), molecules

    def encode_motifs(self, atom_states: Tensor, molecules: Molecules, hidden_motifs: Tensor | None = None) -> Tensor:
        """Turn atom states into motif states before the fusion. `(N, H_graph)` -> `(B, K + 1, H)`."""
        tokens = self.motif_tower(atom_states, molecules, hidden_motifs)  # (B, K + 1, H)
        states, _ = encode_in_chunks(self.fusion.encode_motifs_alone, tokens, molecules.motif_attention_mask)
        return states

    def encode_words(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        keep_states: bool = True,
    ) -> tuple[Tensor | None, Tensor]:
        """Turn texts into word states before the fusion, `(B, T, H)` (none if not kept), and their means `(B, H)`.

        Instead of the mean, a read-out of another kind may ask for the first word after all layers of the text.

        Args:
            input_ids (`torch.LongTensor` of shape `(B, T)`, *optional*): Word ids.
            attention_mask (`torch.LongTensor` of shape `(B, T)`, *optional*): 1 on words, 0 on padding.
            inputs_embeds (`torch.FloatTensor` of shape `(B, T, H_text)`, *optional*): Instead of `input_ids`.
            keep_states (`bool`): Return the states beside the means.

        Raises:
            ValueError: If the model was built without text, or both or neither of ids and embeddings are given.
        """
        if self.text_encoder is None:
            raise ValueError("This model was built without text: give molecules only, or build it with text.")
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("Give texts as either `input_ids` or `inputs_embeds`: got both or neither.")
        # One look-up per batch: each one allocates a gradient of the table's size.
        words = self.get_input_embeddings()(input_ids) if inputs_embeds is None else inputs_embeds  # (B, T, H_text)
        if attention_mask is None:
            attention_mask = torch.ones(words.shape[:2], dtype=torch.long, device=words.device)
        pool = partial(self.molecule_readout.pool_words, self)
        return encode_in_chunks(self._encode_words_at_once, words, attention_mask, keep_states, pool)

    def _encode_words_at_once(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.text_encoder(inputs_embeds=words, attention_mask=attention_mask).last_hidden_state
        return self.fusion.encode_words_alone(self.text_input(states), attention_mask)  # (B, T, H)

    def place_atoms(self, atom_states: Tensor, group_of_atom: Tensor, num_groups: int) -> Tensor:
        """Place groups of atoms, whole molecules or single motifs, by their states.

        Args:
            atom_states (`torch.FloatTensor` of shape `(N, H_graph)`): From `encode_atoms`.
            group_of_atom (`torch.LongTensor` of shape `(N,)`): Molecule or motif of each atom.
            num_groups (`int`): `G`.

        Returns:
            `torch.FloatTensor` of shape `(G, P')`, L2-normalised, float32.
        """
        return F.normalize(self.molecule_readout(atom_states, group_of_atom, num_groups).float(), dim=-1)

    def place_molecules(self, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Place whole molecules by their states alone. `(N, H_graph)` -> `(B, P')`, L2-normalised, float32."""
        return self.molecule_readout.place_molecules(self, atom_states, molecules)

    def place_motifs(self, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Place every motif by its states. `(N, H_graph)` -> `(M, P')`, L2-normalised, float32."""
        return self.molecule_readout.place_motifs(self, atom_states, molecules)

    def place_words(self, word_states: Tensor) -> Tensor:
        """Place texts (means of word states) or single words by their states.

        `(..., H)` -> `(..., P')`, L2-normalised, float32.
        """
        return F.normalize(self.text_projection(word_states.to(self.dtype)).float(), dim=-1)

    def embed_molecules(self, atom_states: Tensor, molecules: Molecules) -> Tensor:
        """Embed whole molecules. `(N, H_graph)` -> `(B, P)`, L2-normalised, float32."""
        return self.fitted.complete_molecules(self.place_molecules(atom_states, molecules), molecules)

    def embed_texts(self, means: Tensor, input_ids: Tensor | None, attention_mask: Tensor | None = None) -> Tensor:
        """Embed texts by the means of their word states. `(B, H)` -> `(B, P)`, L2-normalised, float32."""
        return self.fitted.complete_texts(self.place_words(means), input_ids, attention_mask)

    def tokenize_molecules(self, atom_states: Tensor, molecules: Molecules) -> MoleculeTokens:
        """Make the token vectors of motifs and atoms. `(N, H_graph)` -> [`MoleculeTokens`] of `(U, D)`.

        Raises:
            ValueError: If the model has no token score.
        """
        return self._require_tokens(self.molecule_tokens)(atom_states, molecules)

    def tokenize_words(self, word_states: Tensor, input_ids: Tensor, attention_mask: Tensor) -> WordTokens:
        """Make what the words look for. `(B, T, H)`, `(B, T)`, `(B, T)` -> [`WordTokens`] of `(W, D)`.

        Raises:
            ValueError: If the model has no token score.
        """
        module = self._require_tokens(self.word_tokens)
        return module(word_states, attention_mask, self.get_input_embeddings()(input_ids))

    @takes_molecules
    def embed_with_tokens(self, molecules: Molecules) -> tuple[Tensor, MoleculeTokens]:
        """Embed molecules as wholes and token by token, in one pass. -> `(B, P)` and `(U, D)`.

        Args:
            molecules ([`Molecules`]): Or the tensors of a processor.

        Raises:
            ValueError: If the model has no token score.
        """
        molecules = _require_molecules(molecules)
        atom_states = self.encode_atoms(molecules)  # (N, H_graph)
        return self.embed_molecules(atom_states, molecules), self.tokenize_molecules(atom_states, molecules)

    @takes_molecules
    def get_molecule_features(self, molecules: Molecules) -> Tensor:
        """Embed molecules; the text encoder does not run.

        Args:
            molecules ([`Molecules`]): Or the tensors of a processor.

        Returns:
            `torch.FloatTensor` of shape `(B, P)`, L2-normalised.

        Raises:
            ValueError: If there are no molecules.
        """
        return self.embed_molecules(self.encode_atoms(_require_molecules(molecules)), molecules)

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Embed texts; the molecule encoder does not run.

        Args:
            input_ids (`torch.LongTensor` of shape `(B, T)`): Word ids.
            attention_mask (`torch.LongTensor` of shape `(B, T)`, *optional*): 1 on words, 0 on padding.

        Returns:
            `torch.FloatTensor` of shape `(B, P)`, L2-normalised.
        """
        means = self.encode_words(input_ids, attention_mask, keep_states=False)[1]  # (B, H)
        return self.embed_texts(means, input_ids, attention_mask)

    @can_return_tuple
    @records_states
    @takes_molecules
    def forward(
        self,
        molecules: Molecules | None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        hidden_motifs: Tensor | None = None,
        cross_attention: bool = False,
    ) -> FineMolTexOutput:
        """Encode molecules, texts or both.

        Args:
            molecules ([`Molecules`], *optional*): Or the tensors of a processor.
            input_ids, attention_mask (`torch.LongTensor` of shape `(B, T)`, *optional*): Texts.
            inputs_embeds (`torch.FloatTensor` of shape `(B, T, H_text)`, *optional*): Texts, instead of `input_ids`.
            hidden_motifs (`torch.BoolTensor` of shape `(B, K + 1)`, *optional*): Motifs to hide.
            cross_attention (`bool`): Let motifs and words attend to each other; their states are then those after the
                fusion. The embeddings never are: any molecule is comparable with any text.

        Returns:
            [`FineMolTexOutput`]; the fields of a side that was not given are `None`.

        Raises:
            ValueError: If neither side is given, or cross-attention is asked for without both.
        """
        has_text = input_ids is not None or inputs_embeds is not None
        if molecules is None and not has_text:
            raise ValueError("Give molecules, texts or both: the batch holds neither `motif_counts` nor `input_ids`.")
        if cross_attention and (molecules is None or not has_text):
            raise ValueError("`cross_attention=True` needs molecules and texts in the batch; one side is missing.")
        motif_states = word_states = molecule_embeds = text_embeds = None
        if molecules is not None:
            if hidden_motifs is None:
                atom_states = self.encode_atoms(molecules)  # (N, H_graph)
            else:
                atom_states, molecules = self.encode_visible(molecules, hidden_motifs)
            molecule_embeds = self.embed_molecules(atom_states, molecules)  # (B, P)
            if self.text_encoder is not None:
                motif_states = self.encode_motifs(atom_states, molecules, hidden_motifs)  # (B, K + 1, H)
        if has_text:
            word_states, means = self.encode_words(input_ids, attention_mask, inputs_embeds)  # (B, T, H), (B, H)
            text_embeds = self.embed_texts(means, input_ids, attention_mask)  # (B, P)
        if cross_attention:
            motif_states, word_states = self.fuse(motif_states, molecules, word_states, attention_mask)
        return FineMolTexOutput(
            molecule_embeds=molecule_embeds,
            text_embeds=text_embeds,
            motif_states=motif_states,
            motif_attention_mask=None if motif_states is None else molecules.motif_attention_mask,
            word_states=word_states,
        )

    def fuse(
        self, motif_states: Tensor, molecules: Molecules, word_states: Tensor, attention_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Let motifs and words attend to each other. `(B, K + 1, H)`, `(B, T, H)` -> the same shapes."""
        if attention_mask is None:
            attention_mask = torch.ones(word_states.shape[:2], dtype=torch.long, device=word_states.device)
        return self.fusion(motif_states, molecules.motif_attention_mask, word_states, attention_mask)

    def _require_tokens(self, module: Any) -> Any:
        if module is None:
            raise ValueError(
                "This model has no token score: it was built with `token_config.size` 0, or without text. Train one "
                "with the objective `late_interaction`, or use the pooled score."
            )
        return module

    def _require_text(self) -> Any:
        if self.text_encoder is None:
            raise NotImplementedError("This model was built without text and has no word embeddings.")
        return self.text_encoder


def _require_molecules(molecules: Molecules | None) -> Molecules:
    if molecules is None:
        raise ValueError("There are no molecules: the batch holds no `motif_counts`. Give `smiles` to the processor.")
    return molecules


__all__ = ["FineMolTexModel", "FineMolTexPreTrainedModel"]
