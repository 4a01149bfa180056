"""Retrieval between molecules and texts as a metric of `evaluate`: Hits@k, MRR and ranks over the full pool."""

import datasets
import evaluate

from modeling_finemoltex.evaluation import evaluate_retrieval  # From: finemoltex

_DESCRIPTION = "Hits@k, mean reciprocal rank and ranks of the right molecule given a text, and the reverse."
_CITATION = ""
_KWARGS_DESCRIPTION = """
Args:
    predictions: Embeddings of the molecules, one list of P numbers per pair.
    references: Embeddings of the texts, in the same order.
    protocol: Name of data and protocol, the prefix of every key.
    options: Everything else that `modeling_finemoltex.evaluate_retrieval` takes, such as `hits_at`, `molecule_ids`,
        `text_ids`, `extra_molecule_embeds`, `bootstrap`.
Returns:
    A dict of floats, `{protocol}/{t2m,m2t}_{hits@k,mrr,mean_rank,median_rank}` and the figures of a random order.
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class MoleculeTextRetrieval(evaluate.Metric):
    """Ranks over the full pool, in both directions."""

    def _info(self) -> evaluate.MetricInfo:
        vectors = datasets.Sequence(datasets.Value("float32"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            features=datasets.Features({"predictions": vectors, "references": vectors}),
        )

    def _compute(self, predictions, references, protocol: str = "retrieval", **options) -> dict[str, float]:
        return evaluate_retrieval(predictions, references, protocol, **{"choose_from": (), **options})
