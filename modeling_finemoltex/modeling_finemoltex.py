"""FineMolTex: molecules and texts in one space, aligned as wholes and motif by word.

Read bottom-up: tensors -> towers -> `FineMolTexModel.forward` -> heads. Axes in every comment: `B` molecules or texts,
`N` atoms, `E` directed bonds, `M` motifs in the batch, `K` motifs of the largest molecule, `T` words, `S` masked
slots, `H` hidden size, `P` embedding size, `V` vocabulary.
"""

import math
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch_geometric.nn import GINEConv
from transformers import AutoModel, PreTrainedModel, initialization
from transformers.dynamic_module_utils import get_relative_import_files
from transformers.utils.generic import can_return_tuple

from .configuration_finemoltex import FineMolTexConfig
from .fusion_finemoltex import FineMolTexFusion, encode_in_chunks
from .graph_encoder_finemoltex import (
    FineMolTexGraphEncoder,
    locate_motifs,
    pool_atoms_to_motifs,
)
from .outputs_finemoltex import FineMolTexOutput

# What a saved folder can be loaded as: every head starts from the same base weights.
_AUTO_MAP = {
    "AutoConfig": "configuration_finemoltex.FineMolTexConfig",
    "AutoModel": "modeling_finemoltex.FineMolTexModel",
    "AutoModelForPreTraining": "pretraining_finemoltex.FineMolTexForPreTraining",
    "AutoModelForMoleculeRetrieval": "retrieval_finemoltex.FineMolTexForRetrieval",
    "AutoModelForSequenceClassification": "property_prediction_finemoltex.FineMolTexForPropertyPrediction",
}


class FineMolTexMotifTower(nn.Module):
    """Turn molecules into motif tokens; slot 0 starts as a learned [MOL] token plus the mean of the motifs.

    The mean lets the first gradient reach every motif; from a bare token, attention takes much longer to learn. Means
    forget how many there were, so every token, slot 0 included, is told its number of atoms: the length of a chain.

    Shapes:
        - **input:** the molecule tensors of the batch, masked motifs `(B, K + 1)` bool
        - **output:** motif tokens `(B, K + 1, H)`, attention mask `(B, K + 1)`
    """

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__()
        graph, fusion = config.graph_config, config.multimodal_config
        self.mask_atoms = config.motif_mask_level == "atom"
        self.graph_encoder = FineMolTexGraphEncoder(graph)
        self.projection = nn.Linear(graph.hidden_size, fusion.hidden_size)
        self.position_embedding = nn.Embedding(graph.max_motif_positions, fusion.hidden_size)
        self.size_embedding = nn.Embedding(graph.max_atom_count, fusion.hidden_size)
        self.molecule_token = nn.Parameter(torch.empty(fusion.hidden_size))
        self.mask_token = nn.Parameter(torch.empty(fusion.hidden_size))
        self.norm = nn.LayerNorm(fusion.hidden_size, eps=fusion.layer_norm_eps)
        self.dropout = nn.Dropout(fusion.hidden_dropout_prob)

    def forward(
        self,
        motif_counts: Tensor,
        atom_features: Tensor,
        edge_index: Tensor,
        edge_features: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        is_masked: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        atom_states = self.encode_atoms(
            motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_positions, is_masked
        )  # (N, H_graph)
        return self.pool_atoms(atom_states, motif_counts, atom_to_motif, motif_positions, is_masked)  # (B, K + 1, H)

    def encode_atoms(
        self,
        motif_counts: Tensor,
        atom_features: Tensor,
        edge_index: Tensor,
        edge_features: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        is_masked: Tensor | None = None,
    ) -> Tensor:
        """Pass messages, with the atoms of masked motifs hidden if motifs are masked there. -> `(N, H_graph)`."""
        atom_is_masked = None
        if is_masked is not None and self.mask_atoms:
            molecule, slot = locate_motifs(motif_counts, motif_positions.shape[0])  # (M,), (M,)
            atom_is_masked = is_masked[molecule, slot][atom_to_motif]  # (N,)
        return self.graph_encoder(atom_features, edge_index, edge_features, atom_is_masked)  # (N, H_graph)

    def pool_atoms(
        self,
        atom_states: Tensor,
        motif_counts: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        is_masked: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Turn atom states into the padded sequences of motif tokens and their mask; see the shapes above."""
        num_motifs, num_slots = motif_positions.shape[0], int(motif_counts.max()) + 1
        molecule, slot = locate_motifs(motif_counts, num_motifs)  # (M,), (M,)
        tokens = self.projection(pool_atoms_to_motifs(atom_states, atom_to_motif, num_motifs))  # (M, H)
        sizes = torch.zeros_like(motif_positions).index_add(0, atom_to_motif, torch.ones_like(atom_to_motif))  # (M,)
        tokens = tokens + self._embed_sizes(sizes)
        if is_masked is not None:
            # With masked atoms the state still tells what stands around the hole; without, it tells the answer.
            visible = tokens if self.mask_atoms else torch.zeros_like(tokens)
            masked_tokens = visible + self.mask_token.to(tokens.dtype)  # (M, H)
            tokens = torch.where(is_masked[molecule, slot][:, None], masked_tokens, tokens)
        last_position = self.position_embedding.num_embeddings - 1
        tokens = tokens + self.position_embedding(motif_positions.clamp(max=last_position))  # (M, H)

        sequence = tokens.new_zeros(motif_counts.shape[0], num_slots, tokens.shape[-1])  # (B, K + 1, H)
        sequence[molecule, slot] = tokens
        mean = sequence.sum(1) / motif_counts[:, None]  # (B, H)
        molecule_sizes = torch.zeros_like(motif_counts).index_add(0, molecule, sizes)  # (B,)
        sequence[:, 0] = self.molecule_token.to(tokens.dtype) + mean + self._embed_sizes(molecule_sizes)
        attention_mask = torch.arange(num_slots, device=slot.device) <= motif_counts[:, None]  # (B, K + 1)
        return self.dropout(self.norm(sequence)), attention_mask.long()

    def _embed_sizes(self, atom_counts: Tensor) -> Tensor:
        """Embed numbers of atoms, large ones alike. `(L,)` -> `(L, H)`."""
        return self.size_embedding(atom_counts.clamp(max=self.size_embedding.num_embeddings - 1))


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

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        std = self.config.initializer_range
        if isinstance(module, GINEConv):
            initialization.constant_(module.eps, 0.0)
        elif isinstance(module, FineMolTexMotifTower):
            initialization.normal_(module.molecule_token, std=std)
            initialization.normal_(module.mask_token, std=std)
        elif isinstance(module, FineMolTexModel):
            initialization.constant_(module.logit_scale, -math.log(self.config.temperature))

    def save_pretrained(self, save_directory, **kwargs) -> None:
        """Save as usual; a folder that carries its code carries that of the base model and of every head."""
        if self._auto_class is None:
            super().save_pretrained(save_directory, **kwargs)
            return
        here = Path(__file__).parent  # of a class loaded from a repository: beside the files it needs, maybe not all
        files = {target: here / f"{target.partition('.')[0]}.py" for target in _AUTO_MAP.values()}
        auto_map = {name: target for name, target in _AUTO_MAP.items() if files[target].is_file()}
        self.config.auto_map = {**(getattr(self.config, "auto_map", None) or {}), **auto_map}
        super().save_pretrained(save_directory, **kwargs)
        for target in auto_map.values():
            for file in (files[target], *get_relative_import_files(files[target])):
                shutil.copy(file, save_directory)


class FineMolTexModel(FineMolTexPreTrainedModel):
    """The molecule tower, the text tower and the fusion of their tokens.

    Args:
        config ([`FineMolTexConfig`]): Sizes and objectives.
        with_text (`bool`): Build the text side too. Without it the model takes molecules only, and weights of the text
            side in a checkpoint are left there.

    Example:
    >>> batch = processor(smiles=["CCO", "c1ccccc1"], text=["ethanol", "benzene"])
    >>> output = model(**batch)
    >>> similarity = output.molecule_embeds @ output.text_embeds.T
    """

    def __init__(self, config: FineMolTexConfig, with_text: bool = True) -> None:
        super().__init__(config)
        width, text_width = config.multimodal_config.hidden_size, config.text_config.hidden_size
        self.motif_tower = FineMolTexMotifTower(config)
        self.text_encoder = AutoModel.from_config(config.text_config) if with_text else None
        if hasattr(self.text_encoder, "pooler"):
            self.text_encoder.pooler = None  # unused; its parameters would never receive a gradient
        if with_text:
            self.text_input = nn.Linear(text_width, width) if text_width != width else nn.Identity()
        self.fusion = FineMolTexFusion(config, with_text)
        embedding_size = config.projection_dim
        self.molecule_projection = nn.Linear(width, embedding_size) if embedding_size else nn.Identity()
        if with_text:
            self.text_projection = nn.Linear(width, embedding_size) if embedding_size else nn.Identity()
        self.logit_scale = nn.Parameter(torch.empty(()), requires_grad=config.learn_temperature)
        self.post_init()

    @property
    def inverse_temperature(self) -> Tensor:
        """Factor that turns cosines into logits; bounded, so that a learned temperature cannot run away."""
        return self.logit_scale.exp().clamp(max=100.0)

    def get_input_embeddings(self) -> nn.Module:
        """Return the word embeddings of the text encoder."""
        if self.text_encoder is None:
            raise NotImplementedError("This model was built without text and has no word embeddings.")
        return self.text_encoder.get_input_embeddings()

    def load_text_encoder(self, name_or_path: str, **kwargs) -> None:
        """Copy the weights of a pre-trained text encoder into this model.

        Call it after construction: building a model initialises every weight, the text encoder's included.

        Args:
            name_or_path (`str`): Hub id or folder that `AutoModel.from_pretrained` loads.
            kwargs: Passed to `AutoModel.from_pretrained`, for example `revision`.

        Raises:
            ValueError: If a weight is missing from the source, is unknown here or has another shape; lists the keys.
        """
        source = AutoModel.from_pretrained(name_or_path, **kwargs).state_dict()
        source = {key: value for key, value in source.items() if not key.startswith("pooler.")}
        own = self.text_encoder.state_dict()
        different = [key for key in own.keys() & source.keys() if own[key].shape != source[key].shape]
        problems = {
            "missing from the source": sorted(own.keys() - source.keys()),
            "unknown to `text_config`": sorted(source.keys() - own.keys()),
            "of another shape": sorted(different),
        }
        if any(problems.values()):
            listed = "; ".join(f"{what}: {', '.join(keys)}" for what, keys in problems.items() if keys)
            raise ValueError(
                f"The text encoder {name_or_path!r} does not fit `config.text_config` ({listed}). "
                f"Build the configuration with `text_config=AutoConfig.from_pretrained({name_or_path!r})`."
            )
        self.text_encoder.load_state_dict(source)

    def embed_words(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run the text encoder. `(B, T)` -> word tokens `(B, T, H)` and their mask `(B, T)`.

        As on the molecule side, the mean of the tokens is added to slot 0.
        """
        if self.text_encoder is None:
            raise ValueError("This model was built without text: give molecules only, or build it with text.")
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        states = self.text_encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        states = self.text_input(states)  # (B, T, H)
        weights = attention_mask[..., None].to(states.dtype)  # (B, T, 1)
        mean = (states * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True)  # (B, 1, H)
        return torch.cat([states[:, :1] + mean, states[:, 1:]], dim=1), attention_mask  # (B, T, H)

    def encode_motifs(self, motif_tokens: Tensor, motif_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run the molecule side alone, from the motif tower on.

        Returns:
            The tokens before the first co-attention block and the motif states, both `(B, K + 1, H)`, and slot 0 of
            the latter, `(B, H)`.
        """
        return encode_in_chunks(self._encode_motifs_at_once, motif_tokens, motif_mask)

    def encode_texts(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Run the text side alone.

        Returns:
            The tokens before the first co-attention block and the text states, both `(B, T, H)`, and slot 0 of the
            latter, `(B, H)`.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        return encode_in_chunks(self._encode_texts_at_once, input_ids, attention_mask)

    def _encode_motifs_at_once(self, motif_tokens: Tensor, motif_mask: Tensor) -> tuple[Tensor, Tensor]:
        alone, _ = self.fusion.alone
        tokens = self.fusion.encode_motifs(motif_tokens, motif_mask, alone)
        return tokens, self.fusion.encode_motifs(tokens, motif_mask, slice(alone.stop, None))

    def _encode_texts_at_once(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        _, alone = self.fusion.alone
        words, mask = self.embed_words(input_ids, attention_mask)
        tokens = self.fusion.encode_text(words, mask, alone)
        return tokens, self.fusion.encode_text(tokens, mask, slice(alone.stop, None))

    def embed_molecules(self, slots: Tensor) -> Tensor:
        """Slot 0 of the motif states in the shared space. `(B, H)` -> `(B, P)`, L2-normalised, float32."""
        return F.normalize(self.molecule_projection(slots).float(), dim=-1)

    def embed_texts(self, slots: Tensor) -> Tensor:
        """Slot 0 of the text states in the shared space. `(B, H)` -> `(B, P)`, L2-normalised, float32."""
        return F.normalize(self.text_projection(slots).float(), dim=-1)

    def get_molecule_features(
        self,
        motif_counts: Tensor,
        atom_features: Tensor,
        edge_index: Tensor,
        edge_features: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        motif_ids: Tensor | None = None,
    ) -> Tensor:
        """Embed molecules; the text tower does not run.

        Args:
            motif_counts (`torch.LongTensor` of shape `(B,)`): Motifs per molecule.
            atom_features (`torch.LongTensor` of shape `(N, 9)`): Categorical atom features.
            edge_index (`torch.LongTensor` of shape `(2, E)`): Both directions of every bond.
            edge_features (`torch.LongTensor` of shape `(E, 3)`): Categorical bond features.
            atom_to_motif (`torch.LongTensor` of shape `(N,)`): Motif of each atom, numbered over the batch.
            motif_positions (`torch.LongTensor` of shape `(M,)`): Breadth-first rank in the motif tree.
            motif_ids (`torch.LongTensor` of shape `(M,)`, *optional*): Accepted as part of a batch; labels only.

        Returns:
            `torch.FloatTensor` of shape `(B, P)`, L2-normalised.
        """
        tokens, mask = self.motif_tower(
            motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_positions
        )
        return self.embed_molecules(self.encode_motifs(tokens, mask)[2])

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Embed texts; the molecule tower does not run.

        Args:
            input_ids (`torch.LongTensor` of shape `(B, T)`): Word ids.
            attention_mask (`torch.LongTensor` of shape `(B, T)`, *optional*): 1 on words, 0 on padding.

        Returns:
            `torch.FloatTensor` of shape `(B, P)`, L2-normalised.
        """
        return self.embed_texts(self.encode_texts(input_ids, attention_mask)[2])

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        motif_counts: Tensor | None = None,
        atom_features: Tensor | None = None,
        edge_index: Tensor | None = None,
        edge_features: Tensor | None = None,
        atom_to_motif: Tensor | None = None,
        motif_ids: Tensor | None = None,
        motif_positions: Tensor | None = None,
        masked_motifs: Tensor | None = None,
        cross_attention: bool = False,
    ) -> FineMolTexOutput:
        """Encode molecules, texts or both.

        Args:
            input_ids, attention_mask (`torch.LongTensor` of shape `(B, T)`): Texts; see [`get_text_features`].
            motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_positions: Molecules; see
                [`get_molecule_features`].
            motif_ids (`torch.LongTensor` of shape `(M,)`, *optional*): Accepted as part of a batch; labels only.
            masked_motifs (`torch.BoolTensor` of shape `(B, K + 1)`, *optional*): Motifs to hide.
            cross_attention (`bool`): Let motifs and words attend to each other. Embeddings are comparable between
                molecules and texts that did not meet, so they want `False`, the default.

        Returns:
            [`FineMolTexOutput`]; the fields of a side that was not given are `None`.

        Raises:
            ValueError: If neither side is given, or cross-attention is asked for without both.
        """
        has_text, has_molecules = input_ids is not None, motif_counts is not None
        if not (has_text or has_molecules):
            raise ValueError("Give molecules, texts or both: the batch holds neither `motif_counts` nor `input_ids`.")
        if cross_attention and not (has_text and has_molecules):
            raise ValueError("`cross_attention=True` needs molecules and texts in the batch; one side is missing.")
        motif_states = motif_mask = text_states = motif_tokens = word_tokens = molecules = texts = None
        if has_molecules:
            graph = (motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_positions)
            motif_states, motif_mask = self.motif_tower(*graph, is_masked=masked_motifs)  # (B, K + 1, H)
        if cross_attention:
            words, attention_mask = self.embed_words(input_ids, attention_mask)  # (B, T, H)
            motif_states, text_states = self.fusion(motif_states, motif_mask, words, attention_mask)
            molecules, texts = motif_states[:, 0], text_states[:, 0]  # (B, H)
        else:
            if has_molecules:
                motif_tokens, motif_states, molecules = self.encode_motifs(motif_states, motif_mask)  # (B, K + 1, H)
            if has_text:
                word_tokens, text_states, texts = self.encode_texts(input_ids, attention_mask)  # (B, T, H)
        return FineMolTexOutput(
            molecule_embeds=self.embed_molecules(molecules) if has_molecules else None,  # (B, P)
            text_embeds=self.embed_texts(texts) if has_text else None,  # (B, P)
            motif_states=motif_states,
            motif_attention_mask=motif_mask,
            text_states=text_states,
            motif_tokens=motif_tokens,
            word_tokens=word_tokens,
        )


__all__ = ["FineMolTexModel", "FineMolTexPreTrainedModel"]
