"""Pipelines that need nothing but embeddings: retrieval, zero-shot classification and feature extraction.

An assembled folder holds this file and names its classes in `custom_pipelines`, so they run without the package too.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Pipeline

BATCH = 64
SIDES = ("smiles", "text")


class FineMolTexPipeline(Pipeline):
    """What every pipeline of FineMolTex shares: it loads a processor, and refuses weights that it cannot use."""

    _load_processor = True
    _load_tokenizer = False
    _load_feature_extractor = False
    _load_image_processor = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if hasattr(self.model, "require_weights"):  # code in a folder of an earlier version has no such method
            self.model.require_weights(f"the pipeline {self.task!r}" if self.task else "a pipeline")

    def _sanitize_parameters(self, **kwargs) -> tuple[dict, dict, dict]:
        return {}, {}, {}


class FineMolTexEmbeddingPipeline(FineMolTexPipeline):
    """Embed molecules and texts in batches: what the pipelines below share.

    A batch is one input of the base class, which could not stack graphs.
    """

    def embed(self, side: str, values: Sequence[str], batch_size: int = BATCH) -> Tensor:
        """Embed `R` molecules (`side="smiles"`) or texts (`side="text"`). -> `(R, P)`, L2-normalised, on the CPU.

        Raises:
            ValueError: If there is nothing to embed, or a molecule cannot be parsed.
        """
        if not values:
            raise ValueError(f"Nothing to embed: the list of inputs of the side {side!r} is empty.")
        parts = []
        for start in range(0, len(values), batch_size):
            try:
                parts.append(super().__call__({side: list(values[start : start + batch_size])}))
            except ValueError as error:
                raise ValueError(f"Counted from input {start}: {error}" if start else str(error)) from error
        return torch.cat(parts)

    def preprocess(self, inputs: dict[str, list[str]]) -> Any:
        """Turn one batch of one side into tensors; texts are cut to what the text encoder reads."""
        longest = min(self.processor.tokenizer.model_max_length, self.model.config.text_config.max_position_embeddings)
        return self.processor(**inputs, max_length=longest)

    def _forward(self, model_inputs: Any) -> dict[str, Tensor]:
        embed = self.model.get_text_features if "input_ids" in model_inputs else self.model.get_molecule_features
        return {"embeds": embed(**model_inputs)}

    def postprocess(self, model_outputs: dict[str, Tensor]) -> Tensor:
        """Take the embeddings of one batch, `(b, P)`."""
        return model_outputs["embeds"].float()

    @staticmethod
    def read_side(value: Any, plain: str) -> tuple[str, str]:
        """Tell which side an input is of, and take its string; a bare string is of the side `plain`.

        Raises:
            ValueError: If the input is neither a string nor a `dict` with exactly one of `smiles` and `text`.
        """
        if isinstance(value, str):
            return plain, value
        if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in SIDES:
            return next(iter(value.items()))
        raise ValueError(
            f'An input must be a string, {{"smiles": ...}} or {{"text": ...}}: got {value!r:.80}. A bare string is '
            f"read as {plain!r}."
        )


class FineMolTexFeatureExtractionPipeline(FineMolTexEmbeddingPipeline):
    """Embed molecules and texts in the space they share.

    Example:
    >>> from transformers import pipeline
    >>> embed = pipeline("finemoltex-feature-extraction", model=folder)
    >>> embed(["CCO", {"text": "an alcohol"}], return_tensors=True).shape
    torch.Size([2, 32])
    """

    def __call__(self, inputs: Any, batch_size: int = BATCH, return_tensors: bool = False) -> Any:
        """Embed one input or several, of either side.

        Args:
            inputs (`str`, `dict` or a list of them): SMILES, `{"smiles": ...}` or `{"text": ...}`.
            batch_size (`int`): Inputs that the model takes at once.
            return_tensors (`bool`): Give a tensor instead of lists.

        Returns:
            `P` numbers for a single input, else a list of such lists; or a tensor `(P,)` or `(R, P)`. L2-normalised:
            products are cosines.

        Raises:
            ValueError: If an input is of no known kind, or a molecule cannot be parsed.
        """
        is_single = isinstance(inputs, str | dict)
        values = [self.read_side(value, "smiles") for value in ([inputs] if is_single else inputs)]
        rows: list[Tensor] = [torch.empty(0)] * len(values)
        for side in dict.fromkeys(side for side, _ in values):
            places = [place for place, (found, _) in enumerate(values) if found == side]
            for place, row in zip(places, self.embed(side, [values[i][1] for i in places], batch_size), strict=True):
                rows[place] = row
        if return_tensors:
            return rows[0] if is_single else torch.stack(rows)
        return rows[0].tolist() if is_single else [row.tolist() for row in rows]


class FineMolTexZeroShotClassificationPipeline(FineMolTexEmbeddingPipeline):
    """Choose among labels in words, without training for them.

    Example:
    >>> from transformers import pipeline
    >>> classify = pipeline("finemoltex-zero-shot-classification", model=folder)
    >>> classify("CCO", candidate_labels=["an alcohol", "an arene"])
    [{'label': 'an a...', 'score': ...}, {'label': 'an a...', 'score': ...}]
    """

    def __call__(
        self,
        inputs: str | Sequence[str],
        candidate_labels: Sequence[str],
        hypothesis_template: str = "The molecule is {}.",
        batch_size: int = BATCH,
    ) -> Any:
        """Classify one molecule or several.

        Args:
            inputs (`str` or sequence of `str`): SMILES.
            candidate_labels (sequence of `str`): The classes, in words.
            hypothesis_template (`str`): Sentence around a label, with `{}` in its place.
            batch_size (`int`): Molecules that the model takes at once.

        Returns:
            A list of `{"label", "score"}` per molecule, the likeliest first. Scores are a softmax over the labels at
            the temperature of the contrastive loss: they add up to 1, and say nothing about labels not given.

        Raises:
            ValueError: If there are no labels, the template has no `{}`, or a molecule cannot be parsed.
        """
        labels = [candidate_labels] if isinstance(candidate_labels, str) else list(candidate_labels)
        if "{}" not in hypothesis_template:
            raise ValueError(f"`hypothesis_template` must hold {{}} for the label: got {hypothesis_template!r}.")
        molecules = self.embed("smiles", [inputs] if isinstance(inputs, str) else list(inputs), batch_size)  # (R, P)
        texts = self.embed("text", [hypothesis_template.format(label) for label in labels], batch_size)  # (L, P)
        base: Any = self.model.base_model
        scores = (base.inverse_temperature.detach().float().cpu() * molecules @ texts.T).softmax(-1)  # (R, L)
        found = [
            sorted(
                ({"label": label, "score": score} for label, score in zip(labels, row, strict=True)), key=_descending
            )
            for row in scores.tolist()
        ]
        return found[0] if isinstance(inputs, str) else found


class FineMolTexRetrievalPipeline(FineMolTexEmbeddingPipeline):
    """Rank molecules by a text, or texts by a molecule. The candidates of the last call stay embedded.

    For libraries larger than memory allows, or of more than some ten thousand molecules, make an index instead.

    Example:
    >>> from transformers import pipeline
    >>> retrieve = pipeline("finemoltex-retrieval", model=folder)
    >>> retrieve("an alcohol", candidates=["c1ccccc1", "CCO"], top_k=1)
    [{'candidate': ..., 'index': ..., 'score': ...}]
    """

    _embedded: tuple[str, list[str], Tensor] | None = None

    def __call__(self, inputs: Any, candidates: Sequence[str], top_k: int = 10, batch_size: int = BATCH) -> Any:
        """Rank candidates for one query or several.

        Args:
            inputs (`str`, `dict` or a list of them): Texts, `{"text": ...}` or `{"smiles": ...}`, all of one side.
            candidates (sequence of `str`): SMILES for texts, texts for molecules.
            top_k (`int`): Candidates to give.
            batch_size (`int`): Inputs that the model takes at once.

        Returns:
            A list of `{"candidate", "index", "score"}` per query, best first; scores are cosines.

        Raises:
            ValueError: If the queries are of both sides, there are no candidates, or a molecule cannot be parsed.
        """
        is_single = isinstance(inputs, str | dict)
        queries = [self.read_side(value, "text") for value in ([inputs] if is_single else inputs)]
        sides = {side for side, _ in queries}
        if len(sides) > 1:
            raise ValueError("The queries of one call must be of one side: got texts and molecules. Call twice.")
        query_side = sides.pop() if sides else "text"
        wanted = self.embed(query_side, [value for _, value in queries], batch_size)  # (Q, P)
        side = "text" if query_side == "smiles" else "smiles"
        pool = [candidates] if isinstance(candidates, str) else list(candidates)
        if self._embedded is None or self._embedded[:2] != (side, pool):
            self._embedded = side, pool, self.embed(side, pool, batch_size)
        best = (wanted @ self._embedded[2].T).topk(min(top_k, len(pool)))  # (Q, k)
        found = [
            [{"candidate": pool[place], "index": place, "score": score} for place, score in zip(*row, strict=True)]
            for row in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]
        return found[0] if is_single else found


def _descending(one: dict[str, Any]) -> float:
    return -one["score"]


__all__ = [
    "FineMolTexFeatureExtractionPipeline",
    "FineMolTexPipeline",
    "FineMolTexRetrievalPipeline",
    "FineMolTexZeroShotClassificationPipeline",
]
