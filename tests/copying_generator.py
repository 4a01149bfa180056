"""A generator that copies exactly: a BART whose weights are set by hand, so that no test waits for one to learn.

A state has three parts: which token (one of `V` numbers is 1), which position (one of `P`), and what was read (one of
`V`). Latent `i` reads token `i` of the molecule, position `i` of the decoder reads latent `i` and writes what it read.
A move of the latents adds to what was read, so that some symbols are written in place of others.
"""

import torch
from transformers import BartConfig, BartForConditionalGeneration

NUM_LATENTS, NUM_POSITIONS, SHARPNESS, WEIGHT_OF_READ = 20, 64, 40.0, 10.0
SWAP_SIZE, STEEPNESS = 0.75, 3.0


def make_copying_generator(smiles: list[str]) -> tuple:
    """Give a generator and its tokenizer, which knows the SELFIES symbols of some molecules."""
    from modeling_finemoltex.editing.generator_training import build_selfies_tokenizer
    from modeling_finemoltex.editing.molecule_notation import write_molecule

    texts = [write_molecule(one, "selfies") for one in smiles]
    tokenizer = build_selfies_tokenizer(texts, NUM_POSITIONS, NUM_LATENTS)
    num_tokens = len(tokenizer)
    width = 2 * num_tokens + NUM_POSITIONS
    sizes = {"d_model": width, "encoder_ffn_dim": 1, "decoder_ffn_dim": 1, "vocab_size": num_tokens}
    depths = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 1, "decoder_attention_heads": 1}
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    config = BartConfig(**sizes, **depths, **ids, max_position_embeddings=NUM_POSITIONS, forced_eos_token_id=2)
    config.num_latents = NUM_LATENTS
    generator = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        _set_weights(generator, num_tokens)
    return generator, tokenizer


def _set_weights(generator: BartForConditionalGeneration, num_tokens: int) -> None:
    width = generator.config.d_model
    token, position = torch.arange(num_tokens), num_tokens + torch.arange(NUM_POSITIONS)
    read = num_tokens + NUM_POSITIONS + token
    for parameter in generator.parameters():
        parameter.zero_()
    generator.model.shared.weight[token, token] = 1.0
    for side in (generator.model.encoder, generator.model.decoder):
        side.embed_positions.weight[2:][position - num_tokens, position] = 1.0  # BART skips two rows
        _keep(side.layernorm_embedding, 2, width)
    (encoder,), (decoder,) = generator.model.encoder.layers, generator.model.decoder.layers
    _attend(encoder.self_attn, position, NUM_LATENTS, token, read, 1.0)
    _attend(decoder.encoder_attn, position, 0, read, token, WEIGHT_OF_READ)
    _keep(encoder.self_attn_layer_norm, 3, width)
    _keep(encoder.final_layer_norm, 3, width)
    _keep(decoder.self_attn_layer_norm, 2, width)
    for norm in (decoder.encoder_attn_layer_norm, decoder.final_layer_norm):
        norm.weight.fill_(1.0)  # what is largest stays so


def _keep(norm: torch.nn.LayerNorm, num_ones: int, width: int) -> None:
    """Undo what a norm does to a vector with so many ones among zeros."""
    mean = num_ones / width
    norm.weight.fill_((mean - mean**2 + norm.eps) ** 0.5)
    norm.bias.fill_(mean)


def _attend(attention, position: torch.Tensor, offset: int, source: torch.Tensor, target: torch.Tensor, weight: float):
    """Look from position `i` at position `i + offset`, and copy one part of what stands there into another."""
    shifted = position[offset:]
    attention.q_proj.weight[shifted, position[: len(shifted)]] = SHARPNESS / attention.scaling
    attention.k_proj.weight[position, position] = 1.0
    attention.v_proj.weight[source, source] = weight
    attention.out_proj.weight[target, source] = 1.0


def swap_along(model, tokenizer, direction: torch.Tensor, old: str, new: str) -> None:
    """Set the alignment so that what fits a direction best are latents moved from one symbol to another.

    The cosine is highest where the move is `SWAP_SIZE`: enough to write `new` for `old`, and too little to touch the
    other symbols. Every usual penalty leads there, a very large one to no move.

    Args:
        direction (`torch.Tensor` of shape `(P,)`): Such as the direction of a prompt.
    """
    read = len(tokenizer) + NUM_POSITIONS
    swap = torch.zeros(model.generator.config.d_model)
    swap[read + tokenizer.convert_tokens_to_ids(new)] = 0.5
    swap[read + tokenizer.convert_tokens_to_ids(old)] = -0.5
    target = torch.nn.functional.normalize(direction, dim=0)  # (P,)
    aside = torch.nn.functional.one_hot(target.abs().argmin(), len(target)).float()
    aside -= aside @ target * target  # at a right angle to the target
    with torch.no_grad():
        for layer in (model.to_shared.expand, model.to_shared.refine):
            layer.weight.zero_()
            layer.bias.zero_()
        model.to_shared.expand.weight.copy_(STEEPNESS * aside[:, None] * swap)
        model.to_shared.expand.bias.copy_(target - STEEPNESS * SWAP_SIZE * aside)
