"""The command line of pre-training: `parse_arguments`."""

import argparse
import sys
from collections.abc import Sequence

from transformers import HfArgumentParser

from .arguments import DataArguments, FineMolTexTrainingArguments, ModelArguments
from .preset_defaults import (
    DEMONSTRATION_DEFAULTS,
    DEMONSTRATIONS,
    NO_DEMONSTRATION,
    PRESET_DEFAULTS,
    STRUCTURE_DEFAULTS,
)
from .recipe import RECIPE_EXTENSIONS, read_recipe


def parse_arguments(
    argv: Sequence[str] | None = None, prog: str | None = None
) -> tuple[ModelArguments, DataArguments, FineMolTexTrainingArguments]:
    """Parse the command line; `--preset` sets the defaults, a recipe and then every other flag overrides them.

    Args:
        argv (`Sequence[str]`, *optional*): Words of the command line without the program; none: `sys.argv[1:]`. The
            first may be a recipe: a YAML or JSON file of options.
        prog (`str`, *optional*): What the help calls the program; its file name, if absent.

    Returns:
        The model, data and training arguments.

    Raises:
        ValueError: If the recipe cannot be read, or options contradict each other.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv and argv[0].endswith(RECIPE_EXTENSIONS):
        argv = [*read_recipe(argv[0]), *argv[1:]]
    preset_parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("--preset", "--dataset", "--sources", "--num_train_epochs", "--objectives", "--objective"):
        preset_parser.add_argument(name, nargs="+" if name in ("--sources", "--objective") else None)
    given = preset_parser.parse_known_args(argv)[0]
    preset = given.preset or "small"
    parser = HfArgumentParser(
        (ModelArguments, DataArguments, FineMolTexTrainingArguments),
        prog=prog,
        usage="%(prog)s [RECIPE.yaml] [--preset PRESET] [--dataset PAIRS] [--output_dir DIR] [options]",
        description="Pre-train FineMolTex on molecule-text pairs.",
        formatter_class=lambda prog: argparse.ArgumentDefaultsHelpFormatter(prog, max_help_position=40, width=119),
    )
    parser.set_defaults(**PRESET_DEFAULTS.get(preset, {}))
    if preset not in NO_DEMONSTRATION and given.dataset is given.sources is given.num_train_epochs is None:
        parser.set_defaults(**{**DEMONSTRATION_DEFAULTS, **DEMONSTRATIONS.get(preset, {})})
        if preset == "small" and given.objectives is given.objective is None:
            parser.set_defaults(**STRUCTURE_DEFAULTS)
    parsed = parser.parse_args_into_dataclasses(argv, look_for_args_file=False)
    model_args, data_args, _ = parsed
    asking = [source.name for source in data_args.training_sources() if source.similar_together]
    if asking and model_args.initial_model is None:
        raise ValueError(
            f"The source {asking[0]} has `similar_together`, and only a model that is trained already knows what is "
            "alike: give --initial_model, or leave it out."
        )
    return parsed
