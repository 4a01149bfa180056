"""The pipeline `"finemoltex-molecule-editing"`: a molecule and a sentence in, analogues that fit the sentence out."""

from collections.abc import Sequence
from typing import Any

from ..model.pipelines_finemoltex import FineMolTexPipeline


class FineMolTexMoleculeEditingPipeline(FineMolTexPipeline):
    """Edit molecules by optimising their latents; needs a folder with a generator.

    Args:
        generator_tokenizer (`PreTrainedTokenizerBase`, *optional*): Of the generator; from the folder of the model, if
            absent.
        kwargs: As of every pipeline.

    Example:
    >>> edit = pipeline("finemoltex-molecule-editing", model=folder)  # a folder with a generator  # doctest: +SKIP
    >>> edit("CC(=O)Oc1ccccc1C(=O)O", prompt="It is soluble in water.")  # a trained one  # doctest: +SKIP
    [{'smiles': 'CC(=O)Oc1ccccc1C(=O)OCO', 'similarity': 0.71, 'text_score': 0.08, 'property_changes': {...}}]
    """

    def __init__(self, *args: Any, generator_tokenizer: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Registered at import of the package, which the editors would slow down.
        from .editing_folder import EditingParts, load_generator_tokenizer
        from .edits import EditConstraints, find_unknown_clause
        from .latent_editor import LatentOptimizationEditor
        from .text_guide import split_clauses

        tokenizer = generator_tokenizer or load_generator_tokenizer(self.model.name_or_path)
        self._make_constraints = EditConstraints
        self.editor = LatentOptimizationEditor(EditingParts(self.model, self.processor, tokenizer))

        def find_problem(prompt: str) -> str | None:
            return find_unknown_clause(self.editor.encoder, split_clauses(prompt, "prompt"))

        self._find_problem = find_problem

    def __call__(
        self,
        inputs: str | Sequence[str],
        prompt: str = "",
        opposite: str | None = None,
        num_edits: int = 10,
        min_similarity: float = 0.4,
        **kwargs: Any,
    ) -> Any:
        """Edit one molecule or several, which become one batch.

        Args:
            inputs (`str` or sequence of `str`): SMILES.
            prompt (`str`): What they are to be.
            opposite (`str`, *optional*): What they are not to be, in words of its own.
            num_edits (`int`): Most edits of each.
            min_similarity (`float`): Least Tanimoto similarity to the source.
            kwargs: As of every pipeline.

        Returns:
            A list of the fields of [`Edit`] (`smiles`, `text_score`, `alerts`, ...) for a single molecule, best first;
            else a list of lists.

        Raises:
            ValueError: If one is no molecule or has several components, the prompt is missing, or the model knows no
                word of it. A single molecule that the generator cannot write is an error, too; among several it has
                no edits.
        """
        request = {
            "smiles": inputs if isinstance(inputs, str) else list(inputs),
            "words": (prompt, opposite, num_edits),
            "min_similarity": min_similarity,
        }
        return super().__call__(request, **kwargs)

    def preprocess(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Pass the request on: the editor prepares molecules and texts itself."""
        return inputs

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:
        self.editor.constraints = self._make_constraints(model_inputs["min_similarity"])
        smiles = model_inputs["smiles"]
        problem = self._find_problem(model_inputs["words"][0])
        if problem is not None:
            raise ValueError(f"There are no edits: {problem}")
        edit = self.editor.edit if isinstance(smiles, str) else self.editor.edit_many
        return {"edits": edit(smiles, *model_inputs["words"])}

    def postprocess(self, model_outputs: dict[str, Any]) -> list[Any]:
        """Turn edits into what JSON can hold."""
        return [
            [one.to_dict() for one in found] if isinstance(found, list) else found.to_dict()
            for found in model_outputs["edits"]
        ]


__all__ = ["FineMolTexMoleculeEditingPipeline"]
