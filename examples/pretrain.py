"""Pre-train FineMolTex on pairs: `accelerate launch examples/pretrain.py [RECIPE.yaml] [--dataset pairs.csv]`.

Needs `pip install finemoltex[examples]`; without --dataset it uses the 69,000 molecules of the `chemicals` package.
Takes about 12 minutes without options on two CPU cores, half a minute with `--preset tiny --max_steps 3`.
"""

import sys

from transformers.utils import logging

from modeling_finemoltex import (
    FineMolTexDataCollator,
    FineMolTexFeatureExtractor,
    FineMolTexProcessor,
    export_folder,
    format_retrieval_table,
    train_motif_vocab,
)
from modeling_finemoltex.training import (
    ProcessorTools,
    build_model,
    build_trainer,
    evaluate_on_test,
    name_test_protocol,
    name_training_data,
    parse_arguments,
    prepare_data,
    run_training,
    use_cpu_threads,
)


def main(argv: list[str] | None = None) -> int:
    """Prepare the data, train or resume, evaluate on the test split and export the model with its card."""
    model_args, data_args, training_args = parse_arguments(argv)
    logging.set_verbosity(training_args.get_process_log_level())
    use_cpu_threads(training_args)
    tools = ProcessorTools(
        feature_extractor_class=FineMolTexFeatureExtractor,
        processor_class=FineMolTexProcessor,
        collator_class=FineMolTexDataCollator,
        train_motif_vocab=train_motif_vocab,
    )

    prepared = prepare_data(model_args, data_args, training_args, tools)
    model = build_model(model_args, prepared, training_args.seed)
    trainer = build_trainer(model, prepared, data_args, training_args, tools)
    if not run_training(trainer):
        return 130  # the exit status of a program stopped by Ctrl-C

    metrics = {}
    if "test" in prepared.features:
        metrics = evaluate_on_test(trainer, prepared.features["test"], name_test_protocol(data_args))
    if training_args.should_save:
        card_fields = {
            "dataset": name_training_data(data_args),
            "base_model": model_args.text_model,
            "preparation": prepared.summary,
            "metrics": metrics,
        }
        export_folder(trainer.model, prepared.processor, training_args.output_dir, card_fields)
        print(format_retrieval_table(metrics))
        print(f"The model, its processor and its card are in {training_args.output_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
