"""Make the installed classes known to the Auto classes of Transformers.

Two independent things happen here, both through public calls:

- *mapping*: `AutoModel.from_pretrained(folder)` finds the installed class without `trust_remote_code`;
- *auto class*: `save_pretrained` copies the code beside the weights, so that the folder also loads with
  `trust_remote_code=True` where this package is absent.
"""

from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForPreTraining, AutoProcessor

from ._processors import load_processors
from .configuration_finemoltex import FineMolTexConfig, FineMolTexFusionConfig, FineMolTexGraphConfig
from .modeling_finemoltex import FineMolTexForPreTraining, FineMolTexModel

CONFIGS = (FineMolTexConfig, FineMolTexGraphConfig, FineMolTexFusionConfig)
MODELS = {AutoModel: FineMolTexModel, AutoModelForPreTraining: FineMolTexForPreTraining}


def register() -> None:
    """Register every class of the package; calling it again changes nothing.

    `import modeling_finemoltex` calls it. Call it yourself only after clearing the mappings of Transformers.
    """
    processors = load_processors()
    for config_class in CONFIGS:
        AutoConfig.register(config_class.model_type, config_class, exist_ok=True)
    FineMolTexConfig.register_for_auto_class("AutoConfig")

    for auto_class, model_class in MODELS.items():
        auto_class.register(FineMolTexConfig, model_class, exist_ok=True)
        model_class.register_for_auto_class(auto_class.__name__)

    for auto_class, processing_class in (
        (AutoFeatureExtractor, processors.FineMolTexFeatureExtractor),
        (AutoProcessor, processors.FineMolTexProcessor),
    ):
        auto_class.register(FineMolTexConfig, processing_class, exist_ok=True)
        processing_class.register_for_auto_class(auto_class.__name__)
