"""Captioning: the states of a molecule go to an encoder-decoder, which writes what the molecule is.

Axes: `B` molecules, `S` states of a molecule, `L` tokens of a prompt, `T` tokens of a caption, `D` width of a writer.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForSeq2SeqLM, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import can_return_tuple

from .caption_writer_finemoltex import NO_SOURCE, FineMolTexCopyingWriter
from .configuration_finemoltex import FineMolTexConfig
from .migration_finemoltex import weights_beside
from .modeling_finemoltex import FineMolTexModel, FineMolTexPreTrainedModel
from .molecule_encoder_finemoltex import pool_atoms
from .molecules_finemoltex import Molecules, takes_molecules
from .outputs_finemoltex import FineMolTexCaptioningOutput
from .parts_finemoltex import Part
from .recording_finemoltex import records_states
from .wrapped_layers_finemoltex import input_dtype

# States of each kind, padded, and their mask: (B, S, width) and (B, S).
TowerStates = dict[str, tuple[Tensor, Tensor]]
KEPT_IDS = ("decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id")


class FineMolTexStateMap(nn.Module):
    """A linear map from states of the molecule side to the width of a writer, behind a normalisation.

    Shapes:
        - **input:** `(B, S, in)`
        - **output:** `(B, S, D)`
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(in_features)
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, states: Tensor) -> Tensor:
        """Map the states; see the shapes above."""
        return self.linear(self.norm(states.to(input_dtype(self.linear))))


class FineMolTexForCaptioning(FineMolTexPreTrainedModel):
    """The molecule side of the base model, and a writer: any encoder-decoder of Transformers.

    The writer reads the states of a molecule, each through a linear map, in front of a prompt if there is one.
    `config.writer_config` describes it, and `config.captioning_config` says which states it reads and where they go.
    The text side of a checkpoint is not read.

    Example:
    >>> from transformers import T5Config, T5ForConditionalGeneration
    >>> sizes = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2, "decoder_start_token_id": 0}
    >>> writer = T5ForConditionalGeneration(T5Config(vocab_size=len(processor.tokenizer), **sizes))
    >>> captioner = FineMolTexForCaptioning.from_parts(base, writer)
    >>> captioner.generate(**processor(smiles=["CCO", "c1ccccc1"]), max_new_tokens=3, min_new_tokens=3).shape
    torch.Size([2, 4])
    """

    _keys_to_ignore_on_load_unexpected = [
        *weights_beside("writer", "to_writer"),
        # Without text in the model, the text side of a checkpoint is not read.
        *(r"text_encoder\.", r"text_input\.", r"text_projection\.", r"motif_tower\.", r"fusion\."),
    ]

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__(config)
        if config.writer_config is None:
            raise ValueError(
                "Captioning needs a writer, and `config.writer_config` is None. Load a folder of a captioning model, "
                "give the configuration of an encoder-decoder, or join a trained one with "
                "`FineMolTexForCaptioning.from_parts`."
            )
        self.finemoltex = FineMolTexModel(config, with_text=False)
        self.writer: Any = self._build_writer(config)
        width = self.writer.config.hidden_size
        sizes = {"molecule": config.embedding_size}  # of the others, the width of the atom states
        self.to_writer = nn.ModuleDict(
            {
                kind: FineMolTexStateMap(sizes.get(kind, config.graph_config.hidden_size), width)
                for kind in config.captioning_config.states
            }
        )
        self.post_init()

    @staticmethod
    def _build_writer(config: FineMolTexConfig) -> PreTrainedModel:
        if not config.captioning_config.copies:
            return AutoModelForSeq2SeqLM.from_config(config.writer_config)
        if config.writer_config.model_type != "t5":
            raise ValueError(
                f"A writer that copies is of the type 't5': got {config.writer_config.model_type!r}. Give a T5Config, "
                "or set `captioning_config.copies` to False."
            )
        return FineMolTexCopyingWriter(config.writer_config)

    @classmethod
    def from_parts(
        cls, base: FineMolTexPreTrainedModel, writer: PreTrainedModel, **options: Any
    ) -> "FineMolTexForCaptioning":
        """Join a trained base model and a writer; the maps between them are still to be trained.

        Args:
            base ([`FineMolTexModel`] or a head): Its molecule side is copied.
            writer (`PreTrainedModel`): An encoder-decoder, such as any T5 of Transformers; copied.
            options: Fields of `captioning_config`.

        Raises:
            ValueError: If the writer is no encoder-decoder, or an option is of no use.
        """
        if not writer.config.is_encoder_decoder:
            raise ValueError(
                f"A {type(writer).__name__} is no encoder-decoder: give a model of `AutoModelForSeq2SeqLM`."
            )
        described = writer.config.to_dict() | {"_name_or_path": ""}  # a folder of this machine
        for name in KEPT_IDS:
            if getattr(writer.generation_config, name) is not None:  # some checkpoints keep them there alone
                described[name] = getattr(writer.generation_config, name)
        fields = base.config.to_dict() | {"writer_config": described, "captioning_config": options}
        model = cls(type(base.config)(**fields))
        source = base.base_model.state_dict()
        model.finemoltex.load_state_dict({name: source[name] for name in model.finemoltex.state_dict()})
        model.writer.load_state_dict(writer.state_dict(), strict=not model.config.captioning_config.copies)
        return model.eval()

    def parts(self) -> dict[str, Part]:
        """Declare the base model's parts, the writer and the maps to it."""
        maps = Part("projection", (self.to_writer,))
        return {**self.finemoltex.parts(), "writer": Part("generator", (self.writer,)), "state_maps": maps}

    def needed_parts(self) -> tuple[str, ...]:
        """Name the parts that a caption depends on."""
        return ("molecule", "readout", "writer", "state_maps", *self.finemoltex.molecule_readout.motif_parts)

    def sequence_encoders(self) -> list[PreTrainedModel]:
        """List the encoder of the writer."""
        return [self.writer.get_encoder()]

    @takes_molecules
    def read_tower(self, molecules: Molecules | None) -> TowerStates:
        """Compute the states that the writer reads, before the maps to it; with a frozen tower they never change.

        Args:
            molecules ([`Molecules`]): Or the tensors of a processor.

        Returns:
            `dict` from each of `captioning_config.states` to its states `(B, S, width)` and their mask `(B, S)`.

        Raises:
            ValueError: If there are no molecules.
        """
        if molecules is None:
            raise ValueError("Captioning needs molecules: the batch holds no `motif_counts`. Give `smiles`.")
        base, kinds, found = self.finemoltex, self.config.captioning_config.states, {}
        atom_states = base.encode_atoms(molecules)  # (N, H_graph)
        if "molecule" in kinds:
            wholes = base.embed_molecules(atom_states, molecules)[:, None]  # (B, 1, P)
            found["molecule"] = wholes, torch.ones_like(wholes[..., 0], dtype=torch.long)
        if "motifs" in kinds:
            motifs = molecules.pad(pool_atoms(atom_states, molecules.atom_to_motif, molecules.num_motifs))[:, 1:]
            found["motifs"] = motifs, molecules.motif_attention_mask[:, 1:]  # (B, K, H_graph), (B, K)
        if "atoms" in kinds:
            found["atoms"] = _pad_atoms(atom_states, molecules)
        return {kind: found[kind] for kind in kinds}

    @takes_molecules
    def encode(
        self,
        molecules: Molecules | None,
        prompt_ids: Tensor | None = None,
        prompt_attention_mask: Tensor | None = None,
        tower_states: TowerStates | None = None,
    ) -> dict[str, Any]:
        """Compute what the decoder of the writer reads. Arguments are those of [`forward`].

        Returns:
            `dict` of `encoder_outputs` `(B, S + L, D)` and `attention_mask` `(B, S + L)`, and of `source_ids` for a
            writer that copies.

        Raises:
            ValueError: If there are no molecules, or the states are to go behind the encoder and there is no prompt.
        """
        tower = self.read_tower(molecules) if tower_states is None else tower_states
        states = torch.cat([self.to_writer[kind](states) for kind, (states, _) in tower.items()], dim=1)  # (B, S, D)
        mask = torch.cat([mask for _, mask in tower.values()], dim=1)  # (B, S)
        options, encoder = self.config.captioning_config, self.writer.get_encoder()
        if prompt_ids is not None and prompt_attention_mask is None:
            prompt_attention_mask = torch.ones_like(prompt_ids)
        if options.join == "output":
            if prompt_ids is None:
                raise ValueError(
                    "With `captioning_config.join` 'output' the encoder of the writer reads the prompt alone: give "
                    "`prompt_ids`, such as the SMILES in the writer's tokens, or set `join` to 'input'."
                )
            prompt = encoder(input_ids=prompt_ids, attention_mask=prompt_attention_mask).last_hidden_state
            states = torch.cat([states.to(prompt.dtype), prompt], dim=1)  # (B, S + L, D)
            mask = torch.cat([mask, prompt_attention_mask], dim=1)  # (B, S + L)
            return {"encoder_outputs": BaseModelOutput(last_hidden_state=states), "attention_mask": mask}
        source = torch.full_like(mask, NO_SOURCE)  # (B, S)
        if prompt_ids is not None:
            states = torch.cat([states, self.writer.get_input_embeddings()(prompt_ids)], dim=1)  # (B, S + L, D)
            mask = torch.cat([mask, prompt_attention_mask], dim=1)  # (B, S + L)
            tokens = prompt_ids.masked_fill(prompt_attention_mask == 0, NO_SOURCE)
            source = torch.cat([source, tokens], dim=1)  # (B, S + L)
        order = mask.argsort(
            dim=1, descending=True, stable=True
        )  # (B, S + L); no gaps, or places would depend on others
        states = states.take_along_dim(order[..., None], dim=1)  # (B, S + L, D)
        mask, source = mask.take_along_dim(order, dim=1), source.take_along_dim(order, dim=1)
        states = encoder(inputs_embeds=states, attention_mask=mask).last_hidden_state  # (B, S + L, D)
        encoded = {"encoder_outputs": BaseModelOutput(last_hidden_state=states), "attention_mask": mask}
        return {**encoded, "source_ids": source} if options.copies else encoded

    @can_return_tuple
    @records_states
    @takes_molecules
    def forward(
        self,
        molecules: Molecules | None,
        prompt_ids: Tensor | None = None,
        prompt_attention_mask: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        labels: Tensor | None = None,
        tower_states: TowerStates | None = None,
    ) -> FineMolTexCaptioningOutput:
        """Say how likely each next token of captions is, and compare with the captions if they are given.

        Args:
            molecules ([`Molecules`]): `B` of them, or the tensors of a processor.
            prompt_ids, prompt_attention_mask (`torch.LongTensor` of shape `(B, L)`, *optional*): What the writer reads
                beside the molecules, in its own tokens: SMILES, or captions of similar molecules.
            decoder_input_ids (`torch.LongTensor` of shape `(B, T)`, *optional*): What is written so far; `labels`
                moved to the right, if absent.
            labels (`torch.LongTensor` of shape `(B, T)`, *optional*): Captions in its tokens, -100 on padding.
            tower_states (`dict`, *optional*): From [`read_tower`], instead of the molecules.

        Returns:
            [`FineMolTexCaptioningOutput`].

        Raises:
            ValueError: If there are no molecules, or neither `labels` nor `decoder_input_ids`.
        """
        if labels is None and decoder_input_ids is None:
            raise ValueError("Give captions as `labels`, or `decoder_input_ids`. To write captions, call `generate`.")
        encoded = self.encode(
            molecules,
            prompt_ids=prompt_ids,
            prompt_attention_mask=prompt_attention_mask,
            tower_states=tower_states,
        )
        output = self.writer(**encoded, decoder_input_ids=decoder_input_ids, labels=labels, use_cache=False)
        return FineMolTexCaptioningOutput(loss=output.loss, logits=output.logits)

    @torch.no_grad()
    @takes_molecules
    def generate(
        self,
        molecules: Molecules | None,
        prompt_ids: Tensor | None = None,
        prompt_attention_mask: Tensor | None = None,
        tower_states: TowerStates | None = None,
        **options: Any,
    ) -> Tensor:
        """Write captions, by `generate` of Transformers.

        Args:
            molecules ([`Molecules`]): Or the tensors of a processor.
            prompt_ids, prompt_attention_mask, tower_states: As in [`forward`].
            options: Arguments of `generate` of Transformers, such as `num_beams`, `do_sample` or `max_new_tokens`.
                Greedy, and no longer than `max_caption_length`, without them.

        Returns:
            `torch.LongTensor` of shape `(B, T)`: Token ids, the first of which starts every caption.

        Raises:
            ValueError: If there are no molecules, or `max_new_tokens` is below 1.
        """
        if not {"max_length", "max_new_tokens", "generation_config"} & set(options):
            options["max_new_tokens"] = self.config.captioning_config.max_caption_length
        if options.get("max_new_tokens") is not None and options["max_new_tokens"] < 1:
            raise ValueError(f"`max_new_tokens` must be at least 1: got {options['max_new_tokens']}.")
        encoded = self.encode(
            molecules,
            prompt_ids=prompt_ids,
            prompt_attention_mask=prompt_attention_mask,
            tower_states=tower_states,
        )
        writer = self.writer.config  # Transformers makes the cache of a T5 for as many layers as its encoder has
        if getattr(writer, "num_decoder_layers", 0) > writer.num_hidden_layers:
            options.setdefault("use_cache", False)
        return self.writer.generate(**encoded, **options)


def _pad_atoms(atom_states: Tensor, molecules: Molecules) -> tuple[Tensor, Tensor]:
    """Lay the states of atoms out by molecule. `(N, H)` -> `(B, A, H)` and the mask `(B, A)`."""
    counts = molecules.atom_counts  # (B,)
    first = counts.cumsum(0) - counts  # (B,)
    slots = torch.arange(len(atom_states), device=counts.device) - first[molecules.molecule_of_atom]  # (N,)
    longest = int(counts.max())
    padded = atom_states.new_zeros(len(counts), longest, atom_states.shape[-1])
    padded[molecules.molecule_of_atom, slots] = atom_states
    return padded, (torch.arange(longest, device=counts.device) < counts[:, None]).long()


__all__ = ["FineMolTexForCaptioning", "TowerStates"]
