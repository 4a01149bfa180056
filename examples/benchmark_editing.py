"""How much faster is latent editing as one batch than molecule by molecule?

Needs: a folder of `train_editing_alignment.py`, and a csv, tsv, smi, sdf or Parquet file of molecules.
Takes: half a minute for 200 molecules as a batch on one CPU core, and some seconds for each molecule done alone.

As a batch: the prompt is embedded once, all penalties and molecules are optimised together, and decoded together with
cache. Alone: one molecule and one penalty after the other, every token of the latent moved, the prompt embedded anew
at each step, decoded (with cache, too) one by one. --num_alone molecules are measured, since each takes equally long.
"""

import argparse
import itertools
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers

from modeling_finemoltex import LatentOptimizationEditor, __version__
from modeling_finemoltex.data import MoleculeFile, write_text
from modeling_finemoltex.editing import Latents, LatentSettings


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="molecules to edit")
    parser.add_argument("--model", required=True, help="editing folder or Hub id")
    parser.add_argument("--smiles_column", help="column of the molecules")
    parser.add_argument("--prompt", default="This molecule is soluble in water.")
    parser.add_argument("--num_molecules", type=int, default=200, help="molecules of the batch")
    parser.add_argument("--num_alone", type=int, default=5, help="molecules edited one at a time")
    parser.add_argument("--num_steps", type=int, default=100, help="steps of the optimisation")
    parser.add_argument("--num_threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args()


def embed_prompt(editor: LatentOptimizationEditor, prompt: str) -> torch.Tensor:
    """Embed the prompt, `(1, P)`."""
    return editor.model.get_text_features(**editor.encoder.processor(text=[prompt]).to(editor.model.device))


def edit_together(editor: LatentOptimizationEditor, tokens: list[list[int]], prompt: str) -> None:
    """Edit molecules as one batch."""
    settings, latents = editor.settings, editor.coder.encode(tokens)
    with torch.no_grad():
        text = embed_prompt(editor, prompt)[0]  # (P,)
    moved = editor.model.optimize(*latents, text, settings.penalties, settings.num_steps, settings.learning_rate)
    editor.coder.decode(Latents(moved.flatten(0, 1), latents.attention_mask.repeat(len(moved), 1)))


def edit_alone(editor: LatentOptimizationEditor, tokens: list[list[int]], prompt: str) -> None:
    """Edit one molecule after the other, with one penalty after the other."""
    settings = editor.settings
    for one in tokens:
        start, mask = editor.coder.encode([one])
        for penalty in settings.penalties:
            latent = start.clone().requires_grad_()
            optimizer = torch.optim.Adam([latent], lr=settings.learning_rate)
            for _ in range(settings.num_steps):
                similarity = F.cosine_similarity(editor.model.align(latent.mean(1)), embed_prompt(editor, prompt))
                loss = penalty * (latent - start).square().mean() - similarity.sum()
                (latent.grad,) = torch.autograd.grad(loss, latent)
                optimizer.step()
            editor.coder.decode(Latents(latent.detach(), mask))


def measure(edit: Callable, *arguments: object) -> dict[str, float]:
    """Seconds of the processor and of the wall."""
    processor, wall = time.process_time(), time.perf_counter()
    edit(*arguments)
    return {"processor": time.process_time() - processor, "wall": time.perf_counter() - wall}


def main() -> None:
    """Warm up, measure both ways, print and write."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.num_threads)
    editor = LatentOptimizationEditor.from_pretrained(
        arguments.model, settings=LatentSettings(num_steps=arguments.num_steps)
    )
    molecules = MoleculeFile(arguments.file, arguments.smiles_column).smiles()
    smiles = list(itertools.islice(molecules, arguments.num_molecules))
    tokens = [editor.coder.tokenize(one) for one in smiles]
    edit_together(editor, tokens[:2], arguments.prompt)
    together = measure(edit_together, editor, tokens, arguments.prompt)
    alone = measure(edit_alone, editor, tokens[: arguments.num_alone], arguments.prompt)
    num_alone = min(arguments.num_alone, len(tokens))
    ratios = {kind: together[kind] / len(tokens) / (alone[kind] / num_alone) for kind in together}
    figures = {
        "machine": platform.processor() or platform.machine(),
        "device": str(editor.model.device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "finemoltex": __version__,
        "parameters_of_generator": editor.model.generator.num_parameters(),
        "num_molecules": len(tokens),
        "num_alone": num_alone,
        "penalties": list(editor.settings.penalties),
        "num_steps": arguments.num_steps,
        "num_threads": arguments.num_threads,
        "seconds_together": together,
        "seconds_alone": alone,
        "time_per_molecule_together_to_alone": ratios,
    }
    for kind, ratio in ratios.items():
        print(f"{kind} time per molecule: as a batch 1/{1 / ratio:.0f} of the time alone")
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        write_text(arguments.output, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
