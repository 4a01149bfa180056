"""T-choose-one between molecules and texts as a metric of `evaluate`: the pair against T - 1 negatives."""

import datasets
import evaluate

from modeling_finemoltex.evaluation import evaluate_retrieval, load_negatives  # From: finemoltex

_DESCRIPTION = "Accuracy of choosing the right one of T molecules given a text, and of T texts given a molecule."
_CITATION = ""
_KWARGS_DESCRIPTION = """
Args:
    predictions: Embeddings of the molecules, one list of P numbers per pair.
    references: Embeddings of the texts, in the same order.
    protocol: Name of data and protocol, the prefix of every key.
    choose_from: Values of T.
    index_file: Fixed negatives, comma-separated row numbers line by line; drawn with `seed` if absent.
    options: Everything else that `modeling_finemoltex.evaluate_retrieval` takes, such as `molecule_ids`, `bootstrap`.
Returns:
    A dict of floats, `{protocol}/{t2m,m2t,chance}_choose_one_of_T`.
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class MoleculeTextChoice(evaluate.Metric):
    """T-choose-one, in both directions."""

    def _info(self) -> evaluate.MetricInfo:
        vectors = datasets.Sequence(datasets.Value("float32"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": vectors, "references": vectors}),
        )

    def _compute(
        self, predictions, references, protocol: str = "choice", choose_from=(4, 10, 20), index_file=None, **options
    ) -> dict[str, float]:
        if index_file is not None:
            options["negatives"] = load_negatives(index_file)
        metrics = evaluate_retrieval(
            predictions, references, protocol, choose_from=choose_from, **{"hits_at": (), **options}
        )
        return {key: value for key, value in metrics.items() if "_choose_one_of_" in key}
