"""Write captions of molecules with a trained captioner, and check what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from ..data.caption_statements import FALSE, UNCHECKED, Statement, check_caption
from ..data.identifiers import MAX_ATOMS, canonical_smiles, stable_hash
from ..processors.smiles_finemoltex import parse_molecule
from .caption_memory import Neighbour
from .caption_prompts import pad_rows, write_prompt
from .caption_text import tidy_caption
from .captioning_folder import CaptioningParts, load_captioning_folder

BATCH = 16  # molecules at a time


@dataclass(frozen=True)
class CaptionSettings:
    """How captions are written.

    Args:
        num_beams (`int`): Captions that are followed at once, of which the likeliest is kept; 1: greedy.
        sample (`bool`): Draw words by their probability instead.
        seed (`int`): Of the draws. Equal seeds give equal captions of a molecule, whatever stands beside it.
        max_new_tokens (`int`, *optional*): Longest caption, in tokens; what the model was trained on, if absent.
        quotes (`bool`): Write nothing, but give the first caption that a prompt would quote, word by word.

    Raises:
        ValueError: If a number is below 1, beams are to be sampled, or a quoted caption is to be written too.
    """

    num_beams: int = 1
    sample: bool = False
    seed: int = 0
    max_new_tokens: int | None = None
    quotes: bool = False

    def __post_init__(self) -> None:
        for name in ("num_beams", "max_new_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}` must be at least 1: got {value}.")
        if self.sample and self.num_beams > 1:
            raise ValueError(f"Either sample, or search with beams: got `sample` and `num_beams` {self.num_beams}.")
        if self.quotes and (self.sample or self.num_beams > 1 or self.max_new_tokens is not None):
            raise ValueError(
                "A quoted caption is that of a molecule of the training, as it stands: leave out `num_beams`, "
                "`sample` and `max_new_tokens`, or `quotes`."
            )


class Caption(NamedTuple):
    """A molecule and what is said of it."""

    smiles: str
    text: str
    statements: tuple[Statement, ...] | None = None  # if the caption was checked
    source: Neighbour | None = None  # of a quoted caption: whose it is, and how similar

    @property
    def num_checked(self) -> int:
        """Statements that a structure can decide."""
        return sum(one.verdict != UNCHECKED for one in self.statements or ())

    @property
    def num_false(self) -> int:
        """Statements that are false."""
        return sum(one.verdict == FALSE for one in self.statements or ())

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        found: dict[str, Any] = {"smiles": self.smiles, "caption": self.text}
        if self.statements is not None:
            found["statements"] = [one._asdict() for one in self.statements]
        if self.source is not None:
            found["quoted_from"] = {"smiles": self.source.smiles, "similarity": self.source.similarity}
        return found


class Captioner:
    """Writes captions of molecules.

    Args:
        parts ([`CaptioningParts`]): Model, processor, tokenizer of the writer, captions to quote.
        settings ([`CaptionSettings`], *optional*): Greedy, if absent.
        checks (`bool`): Compare what a caption says about the structure with the molecule.

    Example:
    >>> captioner = Captioner.from_pretrained(captioning_folder, CaptionSettings(max_new_tokens=4), checks=True)
    >>> caption = captioner.write(["CCO"])[0]
    >>> caption.smiles, isinstance(caption.text, str), caption.num_false <= caption.num_checked
    ('CCO', True, True)
    """

    def __init__(self, parts: CaptioningParts, settings: CaptionSettings | None = None, checks: bool = False) -> None:
        self.parts, self.settings, self.checks = parts, settings or CaptionSettings(), checks

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str,
        settings: CaptionSettings | None = None,
        checks: bool = False,
        device: Any = None,
    ) -> "Captioner":
        """Load a captioning folder; see [`load_captioning_folder`]."""
        return cls(load_captioning_folder(name_or_path, device), settings, checks)

    def write(self, smiles: Sequence[str]) -> list[Caption]:
        """Write the caption of each molecule.

        Args:
            smiles (sequence of `str`): `R` molecules; they become one batch.

        Returns:
            `list[Caption]` of length `R`.

        Raises:
            ValueError: If there are none, or one cannot be parsed or is too large; names it and its number.
        """
        if not smiles:
            raise ValueError("There is nothing to caption: the list of molecules is empty. Give one SMILES or more.")
        for number, one in enumerate(smiles):
            try:
                self.check(one)
            except ValueError as error:
                raise ValueError(f"Molecule {number} cannot be captioned: {error}") from error
        names = [str(canonical_smiles(one)) for one in smiles]  # a writer reads motifs in the order of the atoms
        sources: list[Any] = [None] * len(names)
        if self.settings.quotes:
            sources = self._quote(names)
            texts = [one.caption for one in sources]
        else:
            texts = [self._draw(one) for one in names] if self.settings.sample else self._write_batch(names)
        return [
            Caption(one, text, check_caption(parse_molecule(one), text) if self.checks else None, source)
            for one, text, source in zip(smiles, texts, sources, strict=True)
        ]

    def check(self, smiles: str) -> None:
        """Refuse what is no molecule, or one that is too large.

        Raises:
            ValueError: Says why.
        """
        parse_molecule(smiles, max_atoms=min(MAX_ATOMS, self.parts.processor.feature_extractor.max_atoms))

    def _draw(self, smiles: str) -> str:
        """Draw the caption of one molecule, from a random state that depends on it and the seed alone."""
        with torch.random.fork_rng():
            torch.manual_seed((stable_hash(smiles) + self.settings.seed) % 2**31)
            return self._write_batch([smiles])[0]

    @torch.no_grad()
    def _write_batch(self, smiles: list[str]) -> list[str]:
        model, tokenizer = self.parts.model, self.parts.tokenizer
        inputs = dict(self.parts.processor(smiles=smiles).to(model.device))
        options, memory = model.config.captioning_config, self.parts.memory
        prompts = [
            write_prompt(one, tokenizer, options, memory, embed=embed)
            for one, embed in zip(smiles, self._embed(inputs), strict=True)
        ]
        if any(prompts):
            ids, mask = pad_rows(prompts, tokenizer.pad_token_id)
            inputs |= {"prompt_ids": ids.to(model.device), "prompt_attention_mask": mask.to(model.device)}
        writing = {"num_beams": self.settings.num_beams, "do_sample": self.settings.sample}
        if self.settings.max_new_tokens is not None:
            writing["max_new_tokens"] = self.settings.max_new_tokens
        ids = model.generate(**inputs, **writing)  # (R, T)
        return [tidy_caption(text) for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]

    @torch.no_grad()
    def _quote(self, smiles: list[str]) -> list[Neighbour]:
        """Find the caption to quote for each molecule."""
        memory = self.parts.memory
        if memory is None:
            raise ValueError("This captioner quotes no captions: its model was trained with another `prompt`.")
        embeds = self._embed(dict(self.parts.processor(smiles=smiles).to(self.parts.model.device)))
        return [memory.find(one, 1, embed=embed)[0] for one, embed in zip(smiles, embeds, strict=True)]

    def _embed(self, inputs: dict[str, Any]) -> list[np.ndarray | None]:
        """Embed the molecules of a batch, `(P,)` each, where the model chooses captions; else `None` for each."""
        config = self.parts.model.config.captioning_config
        if config.prompt != "captions" or config.choice != "model":
            return [None] * len(inputs["motif_counts"])
        return list(self.parts.model.finemoltex.get_molecule_features(**inputs).float().cpu().numpy())
