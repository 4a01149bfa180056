"""The pipeline `"finemoltex-captioning"`: SMILES in, sentences that say what the molecules are out."""

from collections.abc import Sequence
from typing import Any

from ..model.pipelines_finemoltex import FineMolTexPipeline

BATCH = 16


class FineMolTexCaptioningPipeline(FineMolTexPipeline):
    """Describe molecules in words; needs a folder with a writer.

    Args:
        writer_tokenizer (`PreTrainedTokenizerBase`, *optional*): Of the writer; from the folder of the model, or that
            of the processor, if absent.
        memory ([`CaptionMemory`], *optional*): Captions to quote; from the folder of the model, if absent.
        kwargs: As of every pipeline.

    Example:
    >>> from transformers import pipeline
    >>> describe = pipeline("finemoltex-captioning", model=captioning_folder)
    >>> sorted(describe("CC(=O)Oc1ccccc1C(=O)O", max_new_tokens=4, check=True))
    ['caption', 'smiles', 'statements']
    """

    def __init__(self, *args: Any, writer_tokenizer: Any = None, memory: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Registered at import of the package, which the parts below would slow down.
        from .captioner import Captioner, CaptionSettings
        from .captioning_folder import CaptioningParts, load_memory, load_writer_tokenizer

        place = self.model.name_or_path
        tokenizer = writer_tokenizer or load_writer_tokenizer(place) or self.processor.tokenizer
        if memory is None and self.model.config.captioning_config.prompt == "captions":
            memory = load_memory(place)
        parts = CaptioningParts(self.model, self.processor, tokenizer, memory)
        self._make = lambda settings, check: Captioner(parts, CaptionSettings(**settings), check)

    def __call__(
        self,
        inputs: str | Sequence[str],
        num_beams: int = 1,
        sample: bool = False,
        seed: int = 0,
        max_new_tokens: int | None = None,
        quotes: bool = False,
        check: bool = False,
        batch_size: int = BATCH,
        **kwargs: Any,
    ) -> Any:
        """Describe one molecule or several.

        Args:
            inputs (`str` or sequence of `str`): SMILES.
            num_beams, sample, seed, max_new_tokens, quotes: See [`CaptionSettings`].
            check (`bool`): Add `statements`: what a caption says, whether it is true of the molecule, and where.
            batch_size (`int`): Molecules that the model takes at once.
            kwargs: As of every pipeline.

        Returns:
            A `dict` of `smiles` and `caption` for a single molecule, else a list of them.

        Raises:
            ValueError: If there are no molecules, one cannot be parsed, or a number is below 1.
        """
        settings = {"num_beams": num_beams, "sample": sample, "seed": seed, "max_new_tokens": max_new_tokens}
        settings |= {"quotes": quotes}
        smiles = [inputs] if isinstance(inputs, str) else list(inputs)
        found: list[Any] = []
        for start in range(0, max(1, len(smiles)), batch_size):
            request = {"smiles": smiles[start : start + batch_size], "settings": settings, "check": check}
            found += super().__call__(request, **kwargs)
        return found[0] if isinstance(inputs, str) else found

    def preprocess(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Pass the request on: the captioner prepares molecules itself."""
        return inputs

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:
        captioner = self._make(model_inputs["settings"], model_inputs["check"])
        # The base class takes tuples apart.
        return {"captions": [one.to_dict() for one in captioner.write(model_inputs["smiles"])]}

    def postprocess(self, model_outputs: dict[str, Any]) -> list[Any]:
        """Take the captions of one batch."""
        return model_outputs["captions"]


__all__ = ["FineMolTexCaptioningPipeline"]
