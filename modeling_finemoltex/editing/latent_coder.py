"""Molecules to a generator's latents and back, in batches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from rdkit import Chem
from torch import Tensor
from tqdm.auto import tqdm

from ..data.identifiers import try_parse
from ..data.similarity import compute_similarities
from ..model.editing_finemoltex import decode_latents, encode_latents
from .molecule_notation import parse_notation, write_molecule

BATCH = 256  # molecules that a generator takes at once: the cache of more would not fit that of a processor
SHOW_PROGRESS_FROM = 2_000  # molecules


class Latents(NamedTuple):
    """Latents of `B` molecules, `(B, L, D)`, and their mask `(B, L)`."""

    states: Tensor
    attention_mask: Tensor


class LatentCoder:
    """A generator with its tokenizer, as two functions: SMILES to latents, and latents to SMILES.

    Args:
        generator (`PreTrainedModel`): An encoder-decoder that writes molecules.
        tokenizer (`PreTrainedTokenizerBase`): Its tokenizer.
        notation (`str`): How it writes them: `"selfies"` or `"smiles"`.
    """

    def __init__(self, generator: Any, tokenizer: Any, notation: str = "selfies") -> None:
        self.generator, self.tokenizer, self.notation = generator, tokenizer, notation
        places = getattr(generator.config, "max_position_embeddings", None) or tokenizer.model_max_length
        self.max_length = min(tokenizer.model_max_length, places)

    def tokenize(self, smiles: str) -> list[int]:
        """Write one molecule in tokens.

        Raises:
            ValueError: If it is no molecule, or one that the generator cannot write: says why.
        """
        ids = self.tokenizer(write_molecule(smiles, self.notation))["input_ids"]
        if self.tokenizer.unk_token_id in ids:
            raise ValueError(
                f"The generator does not know all parts of {smiles!r:.80}: its training molecules had none like them. "
                "Train it on molecules that do."
            )
        if len(ids) > self.max_length:
            raise ValueError(
                f"{smiles!r:.80} takes {len(ids)} tokens, and the generator reads at most {self.max_length}."
            )
        return ids

    def batch(self, tokens: Sequence[list[int]]) -> dict[str, Tensor]:
        """Pad molecules, as [`tokenize`] gives them, to `input_ids` and `attention_mask`, `(B, T)` each."""
        padded = self.tokenizer.pad({"input_ids": list(tokens)}, return_tensors="pt")
        names = ("input_ids", "attention_mask")
        return {name: padded[name].to(self.generator.device) for name in names}

    @torch.no_grad()
    def encode(self, tokens: Sequence[list[int]]) -> Latents:
        """Encode molecules, as [`tokenize`] gives them, as one batch."""
        return Latents(*encode_latents(self.generator, **self.batch(tokens)))

    @torch.no_grad()
    def decode(self, latents: Latents) -> list[str]:
        """Decode latents.

        Returns:
            `list[str]` of length `B`: Canonical SMILES; where the generator writes no molecule, what it writes.
        """
        written: list[str] = []
        for states, mask in zip(latents.states.split(BATCH), latents.attention_mask.split(BATCH), strict=True):
            ids = decode_latents(self.generator, states, mask)
            written += self.tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [parse_notation(text, self.notation) or text for text in written]


def measure_reconstruction(coder: LatentCoder, smiles: Sequence[str]) -> dict[str, float]:
    """Tell how well molecules survive the way to their latents and back.

    Args:
        coder ([`LatentCoder`]): Generator and tokenizer.
        smiles (sequence of `str`): `R` molecules, none of which the generator should have been trained on.

    Returns:
        `dict[str, float]`: `num_molecules`; `reconstruction`, the share that comes back as the same canonical SMILES,
        stereo included; `validity`, the share that comes back as any molecule; `similarity`, the mean Tanimoto
        similarity of these to what went in; `num_unwritable`, molecules that the generator cannot write, which count
        as failures of all.

    Raises:
        ValueError: If there are no molecules, or one cannot be parsed.
    """
    sources = [try_parse(molecule) for molecule in smiles]
    if not sources or None in sources:
        raise ValueError(f"Give molecules as SMILES: got {len(sources)}, of which {sources.count(None)} are none.")
    tokens: list[list[int]] = []
    names: list[str] = []
    for source in sources:
        try:
            tokens.append(coder.tokenize(Chem.MolToSmiles(source)))
            names.append(Chem.MolToSmiles(source))
        except ValueError:  # counted below
            continue
    given: list[str] = []
    starts = range(0, len(tokens), BATCH)
    for start in tqdm(starts, unit="batch", disable=len(tokens) < SHOW_PROGRESS_FROM):
        given += coder.decode(coder.encode(tokens[start : start + BATCH]))
    pairs = [(name, written, try_parse(written)) for name, written in zip(names, given, strict=True)]
    valid = [(name, molecule) for name, _, molecule in pairs if molecule is not None]
    similarities = [compute_similarities(Chem.MolFromSmiles(name), [molecule])[0] for name, molecule in valid]
    return {
        "num_molecules": len(sources),
        "reconstruction": sum(name == written for name, written, _ in pairs) / len(sources),
        "validity": len(valid) / len(sources),
        "similarity": sum(similarities) / max(len(similarities), 1),
        "num_unwritable": len(sources) - len(tokens),
    }
