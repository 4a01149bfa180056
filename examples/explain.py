"""Which words go with which motifs, what is a masked one predicted from, and which motifs and words mean alike?

Needs: a model folder, as `examples/pretrain.py` writes; `pip install "finemoltex[explain]"`.
Takes: about 10 s on a CPU core for a pair, 20 s for a masked prediction, a minute for a map of 1,000 pairs. Try
`explain.py "NS(=O)(=O)c1ccccc1" "A benzene with a sulfonamide." --model runs/demo --draw pair.html --mask_motif 0`.
"""

import argparse
from pathlib import Path

from transformers import AutoModelForPreTraining, logging

from modeling_finemoltex import MaskedPredictionExplainer, MoleculeTextEncoder, MotifWordAligner, load_pairs
from modeling_finemoltex.explain import (
    MaskedPrediction,
    draw_masked_prediction,
    draw_token_map,
    map_tokens,
    write_alignment,
)

EFFECTS_SHOWN, WORDS_SHOWN = 6, 4


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("smiles", help="molecule")
    parser.add_argument("text", help="what is said of it, in quotes")
    parser.add_argument("--model", required=True, help="model folder or Hub id")
    parser.add_argument(
        "--by", help="tokens (the default, if the model has them), similarity, context, attention or combined"
    )
    parser.add_argument(
        "--draw", type=Path, nargs="*", default=[], help="files: .html, .svg, .png, .matrix.svg, .matrix.png"
    )
    parser.add_argument("--mask_motif", type=int, help="explain the prediction of this motif by the words")
    parser.add_argument("--mask_word", help="explain the prediction of this word by the motifs")
    parser.add_argument(
        "--draw_masked", type=Path, help="file for the bars of the last masked prediction, .svg or .png"
    )
    parser.add_argument("--map_pairs", help="table of pairs whose motifs and words are put on a map")
    parser.add_argument("--draw_map", type=Path, default=Path("token_map.svg"), help="file for the map, .svg or .png")
    parser.add_argument("--num_pairs", type=int, default=1000, help="pairs of the map")
    return parser.parse_args()


def print_masked_prediction(prediction: MaskedPrediction) -> None:
    """Say what was predicted, and the strongest effects."""
    guesses = ", ".join(f"{name} {share:.1%}" for name, share in prediction.predictions)
    print(f"\nMasked {prediction.kind} {prediction.target} ({prediction.probability:.2%}). Predicted: {guesses}")
    effects = sorted(zip(prediction.features, prediction.effects, strict=True), key=lambda one: -abs(one[1]))
    for feature, effect in effects[:EFFECTS_SHOWN]:
        print(f"{effect:+7.2f}  {feature}")
    print(f"These effects explain {prediction.fit:.0%} of what changes when things are hidden.")


def explain_masked(arguments: argparse.Namespace, processor) -> None:
    """Mask what was asked for, explain and draw it."""
    model = AutoModelForPreTraining.from_pretrained(arguments.model)
    explainer = MaskedPredictionExplainer(model, processor)
    predictions = []
    if arguments.mask_motif is not None:
        predictions.append(explainer.explain_motif(arguments.smiles, arguments.text, arguments.mask_motif))
    if arguments.mask_word is not None:
        predictions.append(explainer.explain_word(arguments.smiles, arguments.text, arguments.mask_word))
    for prediction in predictions:
        print_masked_prediction(prediction)
    if arguments.draw_masked:
        draw_masked_prediction(predictions[-1]).savefig(arguments.draw_masked)


def main() -> None:
    """Align one pair; explain masked predictions and draw a map if asked."""
    arguments = parse_arguments()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed for embeddings
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model)
    aligner = MotifWordAligner(encoder)
    (alignment,) = aligner.align([arguments.smiles], [arguments.text])
    for place, motif in enumerate(alignment.motifs):
        words = ", ".join(
            f"{word} {value:.2f}" for word, value in alignment.best_words(place, WORDS_SHOWN, arguments.by)
        )
        print(f"motif {place}  {motif.smiles}: {words or '-'}")
    for file in arguments.draw:
        write_alignment(file, alignment, encoder.processor, arguments.by)
    if arguments.mask_motif is not None or arguments.mask_word is not None:
        explain_masked(arguments, encoder.processor)
    if arguments.map_pairs:
        pairs = load_pairs(arguments.map_pairs)
        pairs = pairs.select(range(min(arguments.num_pairs, len(pairs))))
        token_map = map_tokens(aligner.align(list(pairs["smiles"]), list(pairs["text"]), with_tokens=False))
        draw_token_map(token_map).savefig(arguments.draw_map)
        print(f"\n{arguments.draw_map}: {len(token_map.labels)} motifs and words")


if __name__ == "__main__":
    main()
