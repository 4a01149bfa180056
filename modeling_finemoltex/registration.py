"""Make the installed classes known to the Auto classes and pipelines of Transformers.

Three independent things happen here, all through public calls:

- *mapping*: `AutoModel.from_pretrained(folder)` finds the installed class without `trust_remote_code`;
- *auto class*: `save_pretrained` copies the code beside the weights, so that the folder also loads with
  `trust_remote_code=True` where this package is absent;
- *pipelines*: `pipeline(task, model=folder)` knows the tasks of the heads.
"""

from collections import OrderedDict
from importlib import import_module
from typing import Any

import transformers
from transformers import AutoConfig, AutoFeatureExtractor, AutoProcessor
from transformers.models.auto.auto_factory import _BaseAutoModelClass, _LazyAutoMapping
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.pipelines import PIPELINE_REGISTRY

from .model.configuration_finemoltex import FineMolTexConfig, FineMolTexFusionConfig, FineMolTexGraphConfig
from .model.heads_finemoltex import HEADS
from .processors import FineMolTexFeatureExtractor, FineMolTexProcessor


class AutoModelForMoleculeRetrieval(_BaseAutoModelClass):
    """Loads a model that embeds molecules and texts, ranks by cosine and re-ranks pairs by cross-attention."""

    _model_mapping = _LazyAutoMapping(CONFIG_MAPPING_NAMES, OrderedDict())


class AutoModelForMoleculeEditing(_BaseAutoModelClass):
    """Loads a model with a generator, whose latents can be moved towards a text and decoded to molecules."""

    _model_mapping = _LazyAutoMapping(CONFIG_MAPPING_NAMES, OrderedDict())


CONFIGS = (FineMolTexConfig, FineMolTexGraphConfig, FineMolTexFusionConfig)
PROCESSING = {AutoFeatureExtractor: FineMolTexFeatureExtractor, AutoProcessor: FineMolTexProcessor}
OWN_AUTO_CLASSES = {
    auto_class.__name__: auto_class for auto_class in (AutoModelForMoleculeRetrieval, AutoModelForMoleculeEditing)
}


def register() -> None:
    """Register every class of the package; calling it again changes nothing.

    `import modeling_finemoltex` calls it. Call it yourself only after clearing the mappings of Transformers.
    """
    for config_class in CONFIGS:
        AutoConfig.register(config_class.model_type, config_class, exist_ok=True)
    FineMolTexConfig.register_for_auto_class("AutoConfig")
    # The registered pipelines serve. Those that a folder brings along would ask for `trust_remote_code`.
    FineMolTexConfig.custom_pipelines = property(lambda config: {}, lambda config, folder_pipelines: None)

    for auto_class, processing_class in PROCESSING.items():
        auto_class.register(FineMolTexConfig, processing_class, exist_ok=True)
        processing_class.register_for_auto_class(auto_class.__name__)

    known = PIPELINE_REGISTRY.get_supported_tasks()
    for head in HEADS.values():
        auto_class, model_class = _find_auto_class(head.auto_class), _import(f"model.{head.reference}")
        auto_class.register(FineMolTexConfig, model_class, exist_ok=True)
        model_class.register_for_auto_class(head.remote_auto_class)
        for task, reference in head.pipelines.items():
            if task not in known:
                PIPELINE_REGISTRY.register_pipeline(
                    task, pipeline_class=_import(reference), pt_model=auto_class, type="multimodal"
                )


def _find_auto_class(name: str) -> Any:
    """Find an Auto class, of this package or of Transformers."""
    return OWN_AUTO_CLASSES.get(name) or getattr(transformers, name)


def _import(reference: str) -> Any:
    """Import a class by its path inside this package."""
    module, _, name = reference.rpartition(".")
    return getattr(import_module(f".{module}", __package__), name)
