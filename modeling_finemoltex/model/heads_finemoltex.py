"""One record per head. Registration, Hub folders, their cards and the table of the README are made from it.

A head is a class that loads a checkpoint. A new head needs its file, and its record here.
"""

from typing import NamedTuple

CONFIG = "configuration_finemoltex.FineMolTexConfig"


class Head(NamedTuple):
    """What the package knows of a head without importing it.

    Args:
        name (`str`): The class.
        module (`str`): Its file, which lies beside this one, without the suffix.
        auto_class (`str`): Auto class that loads it with this package, of Transformers or of `registration.py`.
        remote_auto_class (`str`): Auto class of Transformers that loads its folder without this package.
        job (`str`): What it does, for the table of the README.
        task (`str`): Name of its passages in the card template.
        pipeline_tag (`str`): Task under which the Hub lists it.
        tags (`tuple[str, ...]`): Tags on the Hub, beside the ones of every model.
        embeds (`bool`): A folder of it embeds molecules and texts, so it serves the pipelines of the base model too.
        pipelines (`dict[str, str]`): Pipeline task -> class, by its path inside the package.
    """

    name: str
    module: str
    auto_class: str
    remote_auto_class: str
    job: str
    task: str
    pipeline_tag: str
    tags: tuple[str, ...]
    embeds: bool = True
    pipelines: dict[str, str] = {}

    @property
    def reference(self) -> str:
        """The class as `auto_map` names it: `file.Class`."""
        return f"{self.module}.{self.name}"


BASE = Head(
    name="FineMolTexModel",
    module="modeling_finemoltex",
    auto_class="AutoModel",
    remote_auto_class="AutoModel",
    job="embeddings and token states of molecules and texts",
    task="embedding",
    pipeline_tag="feature-extraction",
    tags=("molecule-text", "graph-ml", "retrieval"),
    pipelines={
        "finemoltex-feature-extraction": "model.pipelines_finemoltex.FineMolTexFeatureExtractionPipeline",
        "finemoltex-zero-shot-classification": "model.pipelines_finemoltex.FineMolTexZeroShotClassificationPipeline",
        "finemoltex-retrieval": "model.pipelines_finemoltex.FineMolTexRetrievalPipeline",
    },
)
PRETRAINING = BASE._replace(
    name="FineMolTexForPreTraining",
    module="pretraining_finemoltex",
    auto_class="AutoModelForPreTraining",
    remote_auto_class="AutoModelForPreTraining",
    job="the sum of the pre-training objectives",
    pipelines={},
)
RETRIEVAL = Head(
    name="FineMolTexForRetrieval",
    module="retrieval_finemoltex",
    auto_class="AutoModelForMoleculeRetrieval",
    remote_auto_class="AutoModel",
    job="scores all texts with all molecules; re-ranks pairs by cross-attention",
    task="retrieval",
    pipeline_tag="feature-extraction",
    tags=("molecule-text", "graph-ml", "retrieval", "reranking"),
)
PROPERTY_PREDICTION = Head(
    name="FineMolTexForPropertyPrediction",
    module="property_prediction_finemoltex",
    auto_class="AutoModelForSequenceClassification",
    remote_auto_class="AutoModelForSequenceClassification",
    job="classes, tasks with missing labels, or numbers in their units",
    task="properties",
    pipeline_tag="graph-ml",
    tags=("property-prediction",),
    embeds=False,
    pipelines={
        "finemoltex-property-prediction": "property_prediction.property_pipeline.FineMolTexPropertyPredictionPipeline",
    },
)
EDITING = Head(
    name="FineMolTexForMoleculeEditing",
    module="editing_finemoltex",
    auto_class="AutoModelForMoleculeEditing",
    remote_auto_class="AutoModel",
    job="moves the latents of a generator towards a text and decodes them",
    task="editing",
    pipeline_tag="graph-ml",
    tags=("molecule-text", "molecule-editing", "molecule-generation"),
    pipelines=dict.fromkeys(
        ("finemoltex-molecule-editing", "finemoltex-editing"),  # the second for short
        "editing.editing_pipeline.FineMolTexMoleculeEditingPipeline",
    ),
)
CAPTIONING = Head(
    name="FineMolTexForCaptioning",
    module="captioning_finemoltex",
    auto_class="AutoModelForSeq2SeqLM",
    remote_auto_class="AutoModelForSeq2SeqLM",
    job="writes what a molecule is, in words",
    task="captioning",
    pipeline_tag="graph-ml",
    tags=("molecule-text", "molecule-captioning"),
    embeds=False,
    pipelines={"finemoltex-captioning": "captioning.captioning_pipeline.FineMolTexCaptioningPipeline"},
)

HEADS = {head.name: head for head in (BASE, PRETRAINING, RETRIEVAL, PROPERTY_PREDICTION, EDITING, CAPTIONING)}

__all__ = [
    "BASE",
    "CAPTIONING",
    "CONFIG",
    "EDITING",
    "HEADS",
    "PRETRAINING",
    "PROPERTY_PREDICTION",
    "RETRIEVAL",
    "Head",
]
