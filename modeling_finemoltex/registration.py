"""Make the installed classes known to the Auto classes of Transformers.

Two independent things happen here, both through public calls:

- *mapping*: `AutoModel.from_pretrained(folder)` finds the installed class without `trust_remote_code`;
- *auto class*: `save_pretrained` copies the code beside the weights, so that the folder also loads with
  `trust_remote_code=True` where this package is absent.
"""

import json
import shutil
from collections import OrderedDict
from pathlib import Path

from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForPreTraining,
    AutoModelForSequenceClassification,
    AutoProcessor,
)
from transformers.models.auto.auto_factory import _BaseAutoModelClass, _LazyAutoMapping
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.pipelines import PIPELINE_REGISTRY

from .editing.editing_pipeline import EDITING_TASKS, FineMolTexMoleculeEditingPipeline
from .model.configuration_finemoltex import FineMolTexConfig, FineMolTexFusionConfig, FineMolTexGraphConfig
from .model.editing_finemoltex import FineMolTexForMoleculeEditing
from .model.modeling_finemoltex import FineMolTexModel
from .model.pipelines_finemoltex import EMBEDDING_PIPELINES
from .model.pretraining_finemoltex import FineMolTexForPreTraining
from .model.property_prediction_finemoltex import FineMolTexForPropertyPrediction
from .model.retrieval_finemoltex import FineMolTexForRetrieval
from .processors import FineMolTexFeatureExtractor, FineMolTexProcessor
from .property_prediction.property_pipeline import TASK, FineMolTexPropertyPredictionPipeline


class AutoModelForMoleculeRetrieval(_BaseAutoModelClass):
    """Loads a model that embeds molecules and texts, ranks by cosine and re-ranks pairs by cross-attention."""

    _model_mapping = _LazyAutoMapping(CONFIG_MAPPING_NAMES, OrderedDict())


class AutoModelForMoleculeEditing(_BaseAutoModelClass):
    """Loads a model with a generator, whose latents can be moved towards a text and decoded to molecules."""

    _model_mapping = _LazyAutoMapping(CONFIG_MAPPING_NAMES, OrderedDict())


CONFIGS = (FineMolTexConfig, FineMolTexGraphConfig, FineMolTexFusionConfig)
MODELS = {
    AutoModel: FineMolTexModel,
    AutoModelForPreTraining: FineMolTexForPreTraining,
    AutoModelForMoleculeRetrieval: FineMolTexForRetrieval,
    AutoModelForMoleculeEditing: FineMolTexForMoleculeEditing,
    AutoModelForSequenceClassification: FineMolTexForPropertyPrediction,
}
PIPELINES = {
    **{task: (pipeline_class, AutoModel) for task, pipeline_class in EMBEDDING_PIPELINES.items()},
    TASK: (FineMolTexPropertyPredictionPipeline, AutoModelForSequenceClassification),
    **dict.fromkeys(EDITING_TASKS, (FineMolTexMoleculeEditingPipeline, AutoModelForMoleculeEditing)),
}
# Transformers without this package does not know our own auto classes: there, `AutoModel` loads such folders.
REMOTE_AUTO_CLASSES = {AutoModelForMoleculeRetrieval: "AutoModel", AutoModelForMoleculeEditing: "AutoModel"}


def register() -> None:
    """Register every class of the package; calling it again changes nothing.

    `import modeling_finemoltex` calls it. Call it yourself only after clearing the mappings of Transformers.
    """
    for config_class in CONFIGS:
        AutoConfig.register(config_class.model_type, config_class, exist_ok=True)
    FineMolTexConfig.register_for_auto_class("AutoConfig")

    for auto_class, model_class in MODELS.items():
        auto_class.register(FineMolTexConfig, model_class, exist_ok=True)
        model_class.register_for_auto_class(REMOTE_AUTO_CLASSES.get(auto_class, auto_class.__name__))

    for auto_class, processing_class in (
        (AutoFeatureExtractor, FineMolTexFeatureExtractor),
        (AutoProcessor, FineMolTexProcessor),
    ):
        auto_class.register(FineMolTexConfig, processing_class, exist_ok=True)
        processing_class.register_for_auto_class(auto_class.__name__)

    known = PIPELINE_REGISTRY.get_supported_tasks()
    for task, (pipeline_class, auto_class) in PIPELINES.items():
        if task not in known:
            PIPELINE_REGISTRY.register_pipeline(
                task, pipeline_class=pipeline_class, pt_model=auto_class, type="multimodal"
            )


def add_pipelines(folder: str | Path) -> None:
    """Let a saved model folder run the embedding pipelines where this package is absent.

    Transformers then asks for `trust_remote_code=True` in `pipeline(task, model=folder)`, with the package too.

    Args:
        folder (`str` or `Path`): Holds the `config.json` of a model that embeds molecules and texts.

    Raises:
        OSError: If there is no `config.json`.
    """
    file = Path(folder) / "config.json"
    fields = json.loads(file.read_text(encoding="utf-8"))
    source = Path(__file__).parent / "model" / "pipelines_finemoltex.py"
    for task, pipeline_class in EMBEDDING_PIPELINES.items():
        entry = {"impl": f"{source.stem}.{pipeline_class.__name__}", "pt": ["AutoModel"], "type": "multimodal"}
        fields.setdefault("custom_pipelines", {})[task] = entry
    shutil.copy(source, folder)
    file.write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
