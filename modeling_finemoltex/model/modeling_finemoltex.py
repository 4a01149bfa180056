"""FineMolTex: molecules and texts in one space, aligned as wholes and motif by word.

Read bottom-up: tensors -> towers -> `FineMolTexModel.forward` -> heads. Axes in every comment: `B` molecules or texts,
`N` atoms, `E` directed bonds, `M` motifs in the batch, `K` motifs of the largest molecule, `T` words, `S` masked
slots, `H` hidden size, `P` embedding size, `V` vocabulary.
"""

import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch_geometric.nn import GINEConv
from transformers import AutoModel, PreTrainedModel, initialization
from transformers.utils.generic import can_return_tuple

from .configuration_finemoltex import FineMolTexConfig
from .fusion_finemoltex import FineMolTexFusion, encode_in_chunks
from .gin_encoder_finemoltex import (
    FineMolTexGraphEncoder,
    FineMolTexReadout,
    locate_atoms,
    locate_motifs,
    pool_atoms_to_motifs,
)
from .outputs_finemoltex import FineMolTexOutput
from .remote_code_finemoltex import copy_code, map_auto_classes


class FineMolTexMotifTower(nn.Module):
    """Turn atom states into motif tokens; slot 0 starts as a learned [MOL] token plus the mean of the motifs.

    The mean lets the first gradient reach every motif; from a bare token, attention takes much longer to learn. Means
    forget how many there were, so every token, slot 0 included, is told its number of atoms: the length of a chain.

    Shapes:
        - **input:** atom states `(N, H_graph)`, the molecule tensors that say which atoms and motifs belong together,
          masked motifs `(B, K + 1)` bool
        - **output:** motif tokens `(B, K + 1, H)`, attention mask `(B, K + 1)`
    """

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__()
        graph, fusion = config.graph_config, config.multimodal_config
        self.mask_atoms = config.motif_mask_level == "atom"
        self.projection = nn.Linear(graph.hidden_size, fusion.hidden_size)
        self.position_embedding = nn.Embedding(graph.max_motif_positions, fusion.hidden_size)
        self.size_embedding = nn.Embedding(graph.max_atom_count, fusion.hidden_size)
        self.molecule_token = nn.Parameter(torch.empty(fusion.hidden_size))
        self.mask_token = nn.Parameter(torch.empty(fusion.hidden_size))
        self.norm = nn.LayerNorm(fusion.hidden_size, eps=fusion.layer_norm_eps)
        self.dropout = nn.Dropout(fusion.hidden_dropout_prob)

    def forward(
        self,
        atom_states: Tensor,
        motif_counts: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        masked_motifs: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        num_motifs, num_slots = motif_positions.shape[0], int(motif_counts.max()) + 1
        molecule, slot = locate_motifs(motif_counts, num_motifs)  # (M,), (M,)
        tokens = self.projection(pool_atoms_to_motifs(atom_states, atom_to_motif, num_motifs))  # (M, H)
        sizes = torch.zeros_like(motif_positions).index_add(0, atom_to_motif, torch.ones_like(atom_to_motif))  # (M,)
        tokens = tokens + self._embed_sizes(sizes)
        if masked_motifs is not None:
            # With masked atoms the state still tells what stands around the hole; without, it tells the answer.
            visible = tokens if self.mask_atoms else torch.zeros_like(tokens)
            masked_tokens = visible + self.mask_token.to(tokens.dtype)  # (M, H)
            tokens = torch.where(masked_motifs[molecule, slot][:, None], masked_tokens, tokens)
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
        """Save as usual. Registered classes bring their code along, with the other heads that lie beside this file."""
        if self._auto_class is None:
            super().save_pretrained(save_directory, **kwargs)
            return
        home = Path(__file__).parent
        self.config.auto_map = map_auto_classes(home, type(self).__name__)
        super().save_pretrained(save_directory, **kwargs)
        copy_code(home, Path(save_directory))


class FineMolTexModel(FineMolTexPreTrainedModel):
    """A graph encoder and a text encoder with read-outs into one space, and the fusion of their motifs and words.

    The embeddings come straight from the two encoders; the motif sequence exists for the fusion alone. So contrastive
    steps need no motif layers, and single motifs and words have a place in the shared space too.

    Args:
        config ([`FineMolTexConfig`]): Sizes and objectives.
        with_text (`bool`): Build the text side and the fusion too. Without them the model embeds molecules, and
            nothing else of a checkpoint is loaded.

    Example:
    >>> batch = processor(smiles=["CCO", "c1ccccc1"], text=["ethanol", "benzene"])
    >>> output = model(**batch)
    >>> similarity = output.molecule_embeds @ output.text_embeds.T
    """

    def __init__(self, config: FineMolTexConfig, with_text: bool = True) -> None:
        super().__init__(config)
        width, text_width = config.multimodal_config.hidden_size, config.text_config.hidden_size
        embedding_size = config.projection_dim
        self.graph_encoder = FineMolTexGraphEncoder(config.graph_config)
        self.molecule_readout = FineMolTexReadout(config.graph_config.hidden_size, embedding_size or width)
        self.text_encoder: Any = AutoModel.from_config(config.text_config) if with_text else None
        if with_text:
            self.text_encoder.pooler = None  # unused; its parameters would never receive a gradient
            self.text_input = nn.Linear(text_width, width) if text_width != width else nn.Identity()
            self.text_projection = nn.Linear(width, embedding_size) if embedding_size else nn.Identity()
            self.motif_tower = FineMolTexMotifTower(config)
            self.fusion = FineMolTexFusion(config)
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

    def encode_atoms(
        self,
        motif_counts: Tensor,
        atom_features: Tensor,
        edge_index: Tensor,
        edge_features: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        hidden_motifs: Tensor | None = None,
    ) -> Tensor:
        """Pass messages between atoms, those of hidden motifs `(B, K + 1)` masked. -> `(N, H_graph)`."""
        is_hidden = None
        if hidden_motifs is not None:
            molecule, slot = locate_motifs(motif_counts, motif_positions.shape[0])  # (M,), (M,)
            is_hidden = hidden_motifs[molecule, slot][atom_to_motif]  # (N,)
        return self.graph_encoder(atom_features, edge_index, edge_features, is_hidden)  # (N, H_graph)

    def encode_motifs(
        self,
        atom_states: Tensor,
        motif_counts: Tensor,
        atom_to_motif: Tensor,
        motif_positions: Tensor,
        masked_motifs: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Turn atom states into motif states before the fusion, `(B, K + 1, H)`, and their mask `(B, K + 1)`."""
        tokens, mask = self.motif_tower(atom_states, motif_counts, atom_to_motif, motif_positions, masked_motifs)
        states, _ = encode_in_chunks(self.fusion.encode_motifs, tokens, mask)
        return states, mask

    def encode_words(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, keep_states: bool = True
    ) -> tuple[Tensor | None, Tensor]:
        """Turn texts into word states before the fusion, `(B, T, H)` (none if not kept), and their means `(B, H)`.

        Raises:
            ValueError: If the model was built without text.
        """
        if self.text_encoder is None:
            raise ValueError("This model was built without text: give molecules only, or build it with text.")
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        # Looked up at once: every look-up has a gradient as large as the vocabulary.
        words = self.get_input_embeddings()(input_ids)  # (B, T, H_text)
        return encode_in_chunks(self._encode_words_at_once, words, attention_mask, keep_states)

    def _encode_words_at_once(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.text_encoder(inputs_embeds=words, attention_mask=attention_mask).last_hidden_state
        return self.fusion.encode_text(self.text_input(states), attention_mask)  # (B, T, H)

    def embed_atoms(self, atom_states: Tensor, groups: Tensor, num_groups: int) -> Tensor:
        """Place groups of atoms, whole molecules or single motifs, in the shared space.

        Args:
            atom_states (`torch.FloatTensor` of shape `(N, H_graph)`): From `encode_atoms`.
            groups (`torch.LongTensor` of shape `(N,)`): Molecule or motif of each atom.
            num_groups (`int`): `G`.

        Returns:
            `torch.FloatTensor` of shape `(G, P)`, L2-normalised, float32.
        """
        return F.normalize(self.molecule_readout(atom_states, groups, num_groups).float(), dim=-1)

    def embed_words(self, states: Tensor) -> Tensor:
        """Place texts (means of word states) or single words in the shared space.

        `(..., H)` -> `(..., P)`, L2-normalised, float32.
        """
        return F.normalize(self.text_projection(states.to(self.dtype)).float(), dim=-1)

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
        atom_states = self.encode_atoms(
            motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_positions
        )  # (N, H_graph)
        molecules = locate_atoms(motif_counts, atom_to_motif, motif_positions.shape[0])  # (N,)
        return self.embed_atoms(atom_states, molecules, motif_counts.shape[0])

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Embed texts; the molecule tower does not run.

        Args:
            input_ids (`torch.LongTensor` of shape `(B, T)`): Word ids.
            attention_mask (`torch.LongTensor` of shape `(B, T)`, *optional*): 1 on words, 0 on padding.

        Returns:
            `torch.FloatTensor` of shape `(B, P)`, L2-normalised.
        """
        return self.embed_words(self.encode_words(input_ids, attention_mask, keep_states=False)[1])

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
            cross_attention (`bool`): Let motifs and words attend to each other; their states are then those after the
                fusion. The embeddings never are: any molecule is comparable with any text.

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
        motif_states = motif_mask = text_states = molecule_embeds = text_embeds = None
        if has_molecules:
            graph = (motif_counts, atom_features, edge_index, edge_features, atom_to_motif, motif_positions)
            hidden_motifs = masked_motifs if self.config.motif_mask_level == "atom" else None
            atom_states = self.encode_atoms(*graph, hidden_motifs)  # (N, H_graph)
            molecules = locate_atoms(motif_counts, atom_to_motif, motif_positions.shape[0])  # (N,)
            molecule_embeds = self.embed_atoms(atom_states, molecules, motif_counts.shape[0])  # (B, P)
            if self.text_encoder is not None:
                motif_states, motif_mask = self.encode_motifs(
                    atom_states, motif_counts, atom_to_motif, motif_positions, masked_motifs
                )  # (B, K + 1, H), (B, K + 1)
        if has_text:
            text_states, means = self.encode_words(input_ids, attention_mask)  # (B, T, H), (B, H)
            text_embeds = self.embed_words(means)  # (B, P)
        if cross_attention:
            attention_mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            motif_states, text_states = self.fusion(motif_states, motif_mask, text_states, attention_mask)
        return FineMolTexOutput(
            molecule_embeds=molecule_embeds,
            text_embeds=text_embeds,
            motif_states=motif_states,
            motif_attention_mask=motif_mask,
            text_states=text_states,
        )


__all__ = ["FineMolTexModel", "FineMolTexPreTrainedModel"]
