"""Which molecules does a generator write for a sentence, with no molecule to start from?

The zero-shot protocol of MoMu, from the latents of the editing head: latents are drawn, moved by Adam until the
sentence fits, with no penalty on the distance, and decoded. MoMu draws from the Gaussian of a flow; an autoencoder has
none, so a start here is the latent of a molecule of a file. The molecules it was drawn from stand beside what became
of them: only the difference is what the sentence did.

Needs: an editing folder, as `examples/train_editing_alignment.py` writes, and a file of molecules.
Takes: half a minute on a CPU core. Try
`generate_from_text.py "This molecule is soluble in water." zinc250k.csv.gz --model runs/editing`.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
from transformers import logging

from modeling_finemoltex import EditConstraints, LatentOptimizationEditor, LatentSettings
from modeling_finemoltex.data import MoleculeFile
from modeling_finemoltex.editing import PlausibilityJudge, TextGuide


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompt", help="what the molecules are to be, in quotes")
    parser.add_argument("file", type=Path, help="molecules from whose latents starts are drawn")
    parser.add_argument("--model", required=True, help="editing folder or Hub id")
    parser.add_argument("--opposite", help="what they are not to be, in words of its own")
    parser.add_argument("--num_starts", type=int, default=60, help="latents to move; 60 as published")
    parser.add_argument("--num_steps", type=int, default=500, help="steps of Adam; 500 as published")
    parser.add_argument("--learning_rate", type=float, default=0.1, help="its rate; 0.1 as published")
    parser.add_argument("--seed", type=int, default=0, help="equal seeds draw equal starts")
    parser.add_argument("--json", type=Path, help="also write the molecules and figures to this file")
    parser.add_argument("-k", type=int, default=10, help="number of molecules to print")
    return parser.parse_args()


def draw_starts(file: Path, count: int, seed: int) -> list[str]:
    """Draw molecules whose latents are to be moved, without replacement."""
    library = sorted(set(MoleculeFile(file).smiles()))
    if not 1 <= count <= len(library):
        raise SystemExit(f"--num_starts {count} starts cannot be drawn from the {len(library)} molecules of {file}.")
    return random.Random(seed).sample(library, count)


def main() -> None:
    """Draw, move, decode; print what fits best, and what moving did beside the starts."""
    arguments = parse_arguments()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed here
    settings = LatentSettings((0.0,), arguments.num_steps, arguments.learning_rate)
    # The start need not be kept: what is written is judged by itself.
    judge = PlausibilityJudge(("charge", "stereo", "alerts"), max_sa_rise=10.0)
    constraints = EditConstraints(0.0, judge=judge)
    editor = LatentOptimizationEditor.from_pretrained(
        arguments.model, constraints=constraints, settings=settings, only_nearer=False
    )
    starts = draw_starts(arguments.file, arguments.num_starts, arguments.seed)
    answers = editor.edit_many(starts, arguments.prompt, arguments.opposite, num_edits=1)
    pairs = [(start, edits[0].smiles) for start, edits in zip(starts, answers, strict=True) if edits]
    if not pairs:
        raise SystemExit("No start was moved to an admissible molecule: draw more of them, or take fewer --num_steps.")
    guide = TextGuide(editor.encoder, arguments.prompt, arguments.opposite)
    embeds = editor.encoder.encode_molecules([smiles for pair in pairs for smiles in pair], progress_bar=False)
    scores = guide.score(embeds).min(axis=1).reshape(-1, 2)  # (pairs, 2): the start, and what was written
    written = {smiles: (score, smiles, start) for (start, smiles), (_, score) in zip(pairs, scores, strict=True)}
    best = sorted(written.values(), reverse=True)
    for rank, (score, smiles, start) in enumerate(best[: arguments.k], start=1):
        print(f"{rank:>3}  text {score:+.3f}  {smiles}  from {start}")
    before, after = scores.mean(axis=0).tolist()
    figures = {
        "num_starts": len(starts),
        "num_written": len(pairs),
        "num_distinct": len(best),
        "text_score_of_starts": before,
        "text_score_of_written": after,
        "share_improved": float(np.mean(scores[:, 1] > scores[:, 0])),
    }
    print(
        f"{len(pairs)} of {len(starts)} starts became another admissible molecule. Text score, mean: {before:+.3f} of "
        f"these starts, {after:+.3f} of what was written; higher in {figures['share_improved']:.0%}."
    )
    if arguments.json:
        molecules = [{"smiles": smiles, "text_score": float(score), "start": start} for score, smiles, start in best]
        arguments.json.write_text(json.dumps({**figures, "molecules": molecules}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
