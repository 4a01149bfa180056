"""Molecule editing: a generator's latent space, joined to the space of molecules and texts by two alignment MLPs.

Axes: `B` molecules, `T` tokens of the longest in the generator's notation, `L` states that make up a latent, `D` width
of the generator, `P` size of the shared space, `W` penalties.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import AutoModelForSeq2SeqLM, PreTrainedModel, initialization
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils.generic import can_return_tuple

from .chunking_finemoltex import average_tokens
from .configuration_finemoltex import FineMolTexConfig
from .losses_finemoltex import CONTRASTIVE_LOSSES, contrastive_loss
from .migration_finemoltex import weights_beside
from .modeling_finemoltex import FineMolTexModel, FineMolTexPreTrainedModel
from .molecules_finemoltex import Molecules, takes_molecules
from .outputs_finemoltex import FineMolTexMoleculeEditingOutput
from .parts_finemoltex import Part
from .recording_finemoltex import records_states
from .wrapped_layers_finemoltex import input_dtype

PENALTIES = (1.0, 0.1, 0.05, 0.01, 0.001)  # the grid of FineMolTex; that of MoleculeSTM is 10, 1, 0.1, 0.01, 0.001
SPACE_MAP_OBJECTIVES = ("cosine", *CONTRASTIVE_LOSSES)
SPACE_MAP_TEMPERATURE = 0.1  # of the contrastive objectives, as published
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps in which the learning rate rises, and falls
LONGEST_GROWTH = 32  # tokens that a decoded molecule may have beyond those of its latent: no edit needs more


def encode_latents(generator: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Encode molecules as the states of a generator's encoder.

    Args:
        generator (`PreTrainedModel`): An encoder-decoder. With `num_latents` in its configuration the states of its
            first so many tokens are the latent, a bottleneck for the molecule; otherwise those of all tokens.
        input_ids, attention_mask (`torch.LongTensor` of shape `(B, T)`): From its tokenizer.

    Returns:
        `tuple(torch.FloatTensor, torch.LongTensor)`: Latents `(B, L, D)`, and their mask `(B, L)`.
    """
    states = generator.get_encoder()(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    num_latents = getattr(generator.config, "num_latents", None)  # `None` keeps all
    return states[:, :num_latents], attention_mask[:, :num_latents]


def decode_latents(generator: PreTrainedModel, latents: Tensor, attention_mask: Tensor) -> Tensor:
    """Decode latents, all at once, greedily, with cache.

    Args:
        generator (`PreTrainedModel`): An encoder-decoder.
        latents (`torch.FloatTensor` of shape `(B, L, D)`): As [`encode_latents`] gives them, moved or not.
        attention_mask (`torch.LongTensor` of shape `(B, L)`): 1 on real tokens.

    Returns:
        `torch.LongTensor` of shape `(B, T)`: Token ids, padded. Where a latent is as long as its molecule, a row that
        does not end is cut `LONGEST_GROWTH` tokens beyond that, whatever stands beside it in the batch.
    """
    places = getattr(generator.config, "max_position_embeddings", None)
    has_length = getattr(generator.config, "num_latents", None) is None
    # One more than is kept: some models force the last to be an end.
    most = latents.shape[1] + LONGEST_GROWTH + 1 if has_length or places is None else places
    generated = generator.generate(
        encoder_outputs=BaseModelOutput(last_hidden_state=latents.to(generator.dtype)),
        attention_mask=attention_mask,
        max_new_tokens=most if places is None else min(most, places - 1),
        num_beams=1,
        do_sample=False,
        use_cache=True,
    )  # (B, T)
    if not has_length:
        return generated
    longest = attention_mask.sum(1, keepdim=True) + LONGEST_GROWTH  # (B, 1)
    is_beyond = torch.arange(generated.shape[1], device=generated.device) > longest  # (B, T)
    return generated.masked_fill(is_beyond, generator.config.pad_token_id)


class FineMolTexSpaceMap(nn.Module):
    """An MLP from one space to another, with a residual connection around its second layer.

    Shapes:
        - **input:** `(B, in)`
        - **output:** `(B, out)`
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.expand = nn.Linear(in_features, out_features)
        self.refine = nn.Linear(out_features, out_features)

    def forward(self, states: Tensor) -> Tensor:
        """Map the states; see the shapes above."""
        states = self.expand(states.to(input_dtype(self.expand)))  # (B, out)
        return states + self.refine(F.relu(states))


class FineMolTexForMoleculeEditing(FineMolTexPreTrainedModel):
    """The base model, a generator that writes molecules, and two MLPs between the spaces of both.

    The latent of a molecule is what the generator's encoder makes of its tokens; the MLPs see the mean over its
    states, standardised by what molecules usually have. `config.generator_config` describes the generator, any
    encoder-decoder of Transformers; its tokenizer lies in the folder `generator_tokenizer` of a checkpoint.

    Example:
    >>> from transformers import BartConfig, BartForConditionalGeneration
    >>> sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    >>> heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    >>> generator = BartForConditionalGeneration(BartConfig(vocab_size=40, **sizes, **heads))
    >>> editor = FineMolTexForMoleculeEditing.from_parts(base, generator)
    >>> latents, mask = editor.encode_latents(torch.tensor([[5, 6, 2]]))  # (1, L, D), (1, L)
    >>> text = editor.get_text_features(**processor(text="It is an acid.", return_tensors="pt"))  # (1, P)
    >>> editor.optimize(latents, mask, text, num_steps=2).shape  # (W, 1, L, D)
    torch.Size([5, 1, 3, 16])
    """

    _keys_to_ignore_on_load_unexpected = weights_beside(
        "generator", "to_shared", "to_latent", "latent_mean", "latent_scale"
    )

    def __init__(self, config: FineMolTexConfig) -> None:
        super().__init__(config)
        if config.generator_config is None:
            raise ValueError(
                "Molecule editing needs a generator, and `config.generator_config` is None. Give the configuration of "
                "an encoder-decoder, or bundle a trained one with `FineMolTexForMoleculeEditing.from_parts`."
            )
        self.finemoltex = FineMolTexModel(config)
        self.generator = AutoModelForSeq2SeqLM.from_config(config.generator_config)
        width = self.generator.config.hidden_size
        size = config.embedding_size
        self.to_shared = FineMolTexSpaceMap(width, size)
        self.to_latent = FineMolTexSpaceMap(size, width)
        self.register_buffer("latent_mean", torch.zeros(width))
        self.register_buffer("latent_scale", torch.ones(width))
        self.post_init()

    def reset_own_parameters(self, config: FineMolTexConfig) -> None:
        """Start with latents as they are."""
        initialization.zeros_(self.latent_mean)
        initialization.ones_(self.latent_scale)

    @classmethod
    def from_parts(
        cls, base: FineMolTexModel, generator: PreTrainedModel, notation: str = "selfies"
    ) -> "FineMolTexForMoleculeEditing":
        """Bundle a trained base model and a trained generator; the alignment between them is still to be trained.

        Args:
            base ([`FineMolTexModel`]): Copied.
            generator (`PreTrainedModel`): An encoder-decoder that writes molecules; copied.
            notation (`str`): How it writes them: `"selfies"` or `"smiles"`.

        Raises:
            ValueError: If the notation is unknown, or the generator is no encoder-decoder.
        """
        if not generator.config.is_encoder_decoder:
            raise ValueError(
                f"A {type(generator).__name__} is no encoder-decoder: give a model of `AutoModelForSeq2SeqLM`."
            )
        described = generator.config.to_dict() | {"_name_or_path": ""}  # a folder of this machine
        for name in ("decoder_start_token_id", "bos_token_id", "eos_token_id", "pad_token_id"):
            if getattr(generator.generation_config, name) is not None:  # some checkpoints keep them there alone
                described[name] = getattr(generator.generation_config, name)
        fields = base.config.to_dict() | {"generator_config": described, "editing_config": {"notation": notation}}
        model = cls(type(base.config)(**fields))
        model.finemoltex.load_state_dict(base.state_dict())
        model.generator.load_state_dict(generator.state_dict())
        return model.eval()

    def parts(self) -> dict[str, Part]:
        """Declare the base model's parts, the generator and what joins the two."""
        maps = Part("projection", (self.to_shared, self.to_latent))
        return {**self.finemoltex.parts(), "generator": Part("generator", (self.generator,)), "space_maps": maps}

    def needed_parts(self) -> tuple[str, ...]:
        """Name the parts that an edit depends on."""
        return (*super().needed_parts(), "generator", "space_maps")

    def sequence_encoders(self) -> list[PreTrainedModel]:
        """List the encoder of the generator and that of the texts."""
        return [self.generator.get_encoder(), *super().sequence_encoders()]

    @takes_molecules
    def get_molecule_features(self, molecules: Molecules) -> Tensor:
        """Embed molecules, L2-normalised `(B, P)`; see [`FineMolTexModel.get_molecule_features`]."""
        return self.finemoltex.get_molecule_features(molecules)

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Embed texts, L2-normalised `(B, P)`; see [`FineMolTexModel.get_text_features`]."""
        return self.finemoltex.get_text_features(input_ids, attention_mask)

    def encode_latents(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode molecules, given as the generator's tokens `(B, T)`; see [`encode_latents`]."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return encode_latents(self.generator, input_ids, mask)

    def decode(self, latents: Tensor, attention_mask: Tensor) -> Tensor:
        """Decode latents `(B, L, D)` with their mask `(B, L)` to token ids `(B, T)`; see [`decode_latents`]."""
        return decode_latents(self.generator, latents, attention_mask)

    def standardize(self, pooled: Tensor) -> Tensor:
        """Standardise latents averaged over their tokens by those of molecules at large. `(B, D)` -> `(B, D)`."""
        return (pooled.float() - self.latent_mean) / self.latent_scale

    @torch.no_grad()
    def set_latent_statistics(self, pooled: Tensor) -> None:
        """Keep mean and standard deviation of averaged latents, `(B, D)`, which are what the MLPs start from."""
        self.latent_mean.copy_(pooled.mean(0))
        self.latent_scale.copy_(pooled.std(0).clamp(min=1e-4))  # a dimension that never varies says nothing

    def align(self, pooled: Tensor) -> Tensor:
        """Place averaged latents in the shared space. `(B, D)` -> `(B, P)`, L2-normalised, float32."""
        return F.normalize(self.to_shared(self.standardize(pooled)).float(), dim=-1)

    def space_map_loss(self, pooled: Tensor, molecule_embeds: Tensor, objective: str = "cosine") -> Tensor:
        r"""Compare both MLPs with where they should lead: the mean of the two directions.

        Args:
            pooled (`torch.FloatTensor` of shape `(B, D)`): Latents averaged over their tokens.
            molecule_embeds (`torch.FloatTensor` of shape `(B, P)`): Of the same molecules, L2-normalised.
            objective (`str`): `"cosine"` is \(1 - \cos\), the squared distance of unit vectors halved (the regression
                of MoleculeSTM); `"ebm_nce"` (FineMolTex) and `"info_nce"` tell the molecules of a batch apart.

        Returns:
            `torch.FloatTensor` of shape `()`.

        Raises:
            ValueError: If the objective is unknown.
        """
        if objective not in SPACE_MAP_OBJECTIVES:
            raise ValueError(f"`objective` must be one of {SPACE_MAP_OBJECTIVES}: got {objective!r}.")
        latents = F.normalize(self.standardize(pooled), dim=-1)  # (B, D)
        reached = F.normalize(self.to_latent(molecule_embeds).float(), dim=-1)  # (B, D)
        pairs = ((self.align(pooled), molecule_embeds), (reached, latents))
        if objective == "cosine":
            losses = [1 - (one * other).sum(-1).mean() for one, other in pairs]
        else:
            scale = pooled.new_tensor(1 / SPACE_MAP_TEMPERATURE)
            losses = [contrastive_loss(one, other, scale, objective) for one, other in pairs]
        return (losses[0] + losses[1]) / 2

    def optimize(
        self,
        latents: Tensor,
        attention_mask: Tensor,
        text_embeds: Tensor,
        penalties: Sequence[float] = PENALTIES,
        num_steps: int = 100,
        learning_rate: float = 0.3,
    ) -> Tensor:
        r"""Move latents towards a text by Adam, with every penalty at once.

        Minimises \(-\cos(\mathrm{align}(\bar z), t) + \lambda\,\mathrm{mean}((z - z_0)^2)\), where \(\bar z\) is the
        mean over the states and the penalty the mean over all entries, `L` times `D`, of a molecule's latent. Through
        the mean all states of a molecule get one gradient, and Adam moves equal gradients equally: so their common
        shift `(D,)` is all that has to be optimised, which takes `L` times less than moving each state.

        Args:
            latents (`torch.FloatTensor` of shape `(B, L, D)`): Where to start, from [`encode_latents`].
            attention_mask (`torch.LongTensor` of shape `(B, L)`): 1 on real states.
            text_embeds (`torch.FloatTensor` of shape `(P,)` or `(B, P)`): A direction of the shared space for all or
                for each; need not be normalised.
            penalties (sequence of `float`): The `W` values of lambda.
            num_steps (`int`): Steps of Adam.
            learning_rate (`float`): Its rate; rises in the first 5 % of the steps and falls in the last quarter.

        Returns:
            `torch.FloatTensor` of shape `(W, B, L, D)`; padding stays as it is.

        Raises:
            ValueError: If there is no penalty or step, or a penalty is negative.
        """
        if not penalties or min(penalties) < 0 or num_steps < 1:
            raise ValueError(
                f"Optimisation needs penalties of 0 or more and at least one step: got {list(penalties)} and "
                f"{num_steps}."
            )
        with torch.inference_mode(False), torch.enable_grad():
            start = average_tokens(latents.detach(), attention_mask).repeat(len(penalties), 1)  # (W * B, D)
            target = F.normalize(text_embeds.detach().float(), dim=-1).expand(latents.shape[0], -1)  # (B, P)
            target = target.repeat(len(penalties), 1)  # (W * B, P)
            weights = start.new_tensor(penalties).repeat_interleave(latents.shape[0])  # (W * B,)
            shift = torch.zeros_like(start, requires_grad=True)  # (W * B, D)
            optimizer = torch.optim.Adam([shift], lr=learning_rate)
            for step in range(num_steps):
                optimizer.param_groups[0]["lr"] = learning_rate * _ramp((step + 0.5) / num_steps)
                similarity = (self.align(start + shift) * target).sum(-1)  # (W * B,)
                loss = (weights * shift.square().mean(-1) - similarity).sum()  # rows do not touch each other
                (shift.grad,) = torch.autograd.grad(loss, shift)  # and no weight gets a gradient
                optimizer.step()
        moves = shift.detach().view(len(penalties), latents.shape[0], 1, -1)  # (W, B, 1, D)
        return latents + moves.to(latents.dtype) * attention_mask[..., None]

    @can_return_tuple
    @records_states
    def forward(
        self,
        generator_input_ids: Tensor,
        generator_attention_mask: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> FineMolTexMoleculeEditingOutput:
        """Place molecules in the shared space by way of their latents, and compare them with texts.

        Args:
            generator_input_ids, generator_attention_mask (`torch.LongTensor` of shape `(B, T)`): Molecules, from the
                generator's tokenizer.
            input_ids, attention_mask (`torch.LongTensor` of shape `(B_text, T_text)`, *optional*): Texts.

        Returns:
            [`FineMolTexMoleculeEditingOutput`]; what needs texts is `None` without them.
        """
        latents, mask = self.encode_latents(generator_input_ids, generator_attention_mask)  # (B, L, D), (B, L)
        aligned = self.align(average_tokens(latents, mask))  # (B, P)
        texts = None if input_ids is None else self.get_text_features(input_ids, attention_mask)  # (B_text, P)
        return FineMolTexMoleculeEditingOutput(
            similarity=None if texts is None else aligned @ texts.T,
            aligned_embeds=aligned,
            text_embeds=texts,
            latents=latents,
        )


def _ramp(progress: float) -> float:
    """Share of the learning rate at a moment between 0 and 1: rises straight, stays, falls as a cosine."""
    return min(1.0, progress / RAMP_UP) * (0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - progress) / RAMP_DOWN)))


__all__ = ["FineMolTexForMoleculeEditing"]
