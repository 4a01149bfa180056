"""FineMolTex for Hugging Face Transformers: molecules and texts in one space, motif by motif and word by word.

Importing this package registers its classes, so that `AutoModel.from_pretrained(folder)` and `AutoProcessor` work
without `trust_remote_code`. The Auto classes hold classes, not names, so registration loads Transformers' model code
with torch (4 s on two cores, which any use of `AutoModel` pays too), torch-geometric (1 s) and RDKit (0.1 s). The rest
(trainer, data, evaluation) loads when its name is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .registration import register

__version__ = "0.1.0.dev0"

# Public name -> module that defines it. "processors" stands for wherever that package lives.
_MODULE_OF = {
    "FineMolTexConfig": "configuration_finemoltex",
    "FineMolTexGraphConfig": "configuration_finemoltex",
    "FineMolTexFusionConfig": "configuration_finemoltex",
    "FineMolTexModel": "modeling_finemoltex",
    "FineMolTexForPreTraining": "pretraining_finemoltex",
    "FineMolTexForRetrieval": "retrieval_finemoltex",
    "FineMolTexForPropertyPrediction": "property_prediction_finemoltex",
    "FineMolTexForMoleculeEditing": "editing_finemoltex",
    "AutoModelForMoleculeRetrieval": "registration",
    "add_pipelines": "registration",
    "AutoModelForMoleculeEditing": "registration",
    "FineMolTexOutput": "outputs_finemoltex",
    "FineMolTexPreTrainingOutput": "outputs_finemoltex",
    "FineMolTexRetrievalOutput": "outputs_finemoltex",
    "FineMolTexMoleculeEditingOutput": "outputs_finemoltex",
    "FineMolTexFeatureExtractor": "processors",
    "FineMolTexProcessor": "processors",
    "FineMolTexDataCollator": "processors",
    "train_motif_vocab": "processors",
    "load_pairs": "data",
    "load_chemicals_pairs": "data",
    "scaffold_split": "data",
    "deduplicate_against": "data",
    "featurize_pairs": "data",
    "evaluate_alignment": "evaluation",
    "evaluate_retrieval": "evaluation",
    "format_retrieval_table": "evaluation",
    "MoleculeTextEncoder": "retrieval",
    "embed_file": "retrieval",
    "load_embeddings": "retrieval",
    "SearchEditor": "editing",
    "SearchSettings": "editing",
    "LatentOptimizationEditor": "editing",
    "LatentSettings": "editing",
    "EditConstraints": "editing",
    "FineMolTexTrainer": "training",
    "FineMolTexTrainingArguments": "training",
    "export_folder": "hub",
    "export_names_dataset": "names_dataset",
    "push_folder": "publishing",
    "list_pretrained": "publishing",
    "describe_model": "publishing",
    "MoleculeTextIndex": "retrieval",
    "MoleculeFilter": "retrieval",
    "MotifWordAligner": "explain",
    "MaskedPredictionExplainer": "explain",
}

__all__ = [*_MODULE_OF, "register", "__version__"]

if TYPE_CHECKING:
    from .configuration_finemoltex import FineMolTexConfig, FineMolTexFusionConfig, FineMolTexGraphConfig
    from .data import deduplicate_against, featurize_pairs, load_chemicals_pairs, load_pairs, scaffold_split
    from .editing import (
        EditConstraints,
        LatentOptimizationEditor,
        LatentSettings,
        SearchEditor,
        SearchSettings,
    )
    from .editing_finemoltex import FineMolTexForMoleculeEditing
    from .evaluation import evaluate_alignment, evaluate_retrieval, format_retrieval_table
    from .explain import MaskedPredictionExplainer, MotifWordAligner
    from .hub import export_folder
    from .modeling_finemoltex import FineMolTexModel
    from .names_dataset import export_names_dataset
    from .outputs_finemoltex import (
        FineMolTexMoleculeEditingOutput,
        FineMolTexOutput,
        FineMolTexPreTrainingOutput,
        FineMolTexRetrievalOutput,
    )
    from .pretraining_finemoltex import FineMolTexForPreTraining
    from .processors import (
        FineMolTexDataCollator,
        FineMolTexFeatureExtractor,
        FineMolTexProcessor,
        train_motif_vocab,
    )
    from .property_prediction_finemoltex import FineMolTexForPropertyPrediction
    from .publishing import describe_model, list_pretrained, push_folder
    from .registration import AutoModelForMoleculeEditing, AutoModelForMoleculeRetrieval, add_pipelines
    from .retrieval import MoleculeFilter, MoleculeTextEncoder, MoleculeTextIndex, embed_file, load_embeddings
    from .retrieval_finemoltex import FineMolTexForRetrieval
    from .training import FineMolTexTrainer, FineMolTexTrainingArguments


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562) and keep it."""
    if name not in _MODULE_OF:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; its public names are {', '.join(__all__)}"
        )
    home = _MODULE_OF[name]
    if home == "processors":
        from ._processors import load_processors

        module = load_processors()
    else:
        module = importlib.import_module(f".{home}", __name__)
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})


register()
