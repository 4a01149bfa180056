"""How fast are edits? A search over analogues beside bare scoring; and latents as one batch beside one by one.

As a batch: the prompt is embedded once, all penalties and molecules are optimised together, and decoded together with
cache. One by one: one molecule and one penalty after the other, every token of the latent moved, the prompt embedded
anew at each step, decoded (with cache, too) alone.
"""

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings

from modeling_finemoltex import LatentOptimizationEditor, SearchEditor
from modeling_finemoltex.editing import Latents, LatentSettings, SearchSettings

LATENT = Path(__file__).resolve().parents[2] / "hub_cards" / "finemoltex-small-molecule-editing"
PROMPT = "This molecule is soluble in water."
DRUG_LIKE = range(20, 35)  # letters of a SMILES: of molecules that one would edit


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure both kinds of editing."""
    smiles = [one for one in inputs.smiles if len(one) in DRUG_LIKE and "." not in one]
    return measure_search(inputs, smiles[: settings.scale(4, 1)], settings) | measure_latents(
        smiles[: settings.scale(100, 2)], settings
    )


def measure_search(inputs: Inputs, smiles: list[str], settings: Settings) -> dict[str, dict]:
    """Measure whole edits; the analogues of a molecule are proposed and scored anew in each run."""
    width = SearchSettings(num_candidates=20, num_scored=10, num_generations=1) if settings.smoke else SearchSettings()
    scored = inputs.smiles[: width.num_scored * (1 + width.num_generations)]
    cases = {
        "score as many": Case(lambda: [score(inputs, scored) for _ in smiles], len(smiles)),
        "search": Case(
            lambda: [SearchEditor(inputs.encoder, settings=width).edit(one, PROMPT) for one in smiles],
            len(smiles),
            "score as many",
            {"analogues_scored_at_most": len(scored)},
        ),
    }
    return measure(cases, settings, "edit")


def score(inputs: Inputs, smiles: list[str]) -> None:
    """Score as many molecules against the prompt as a search does at most."""
    inputs.encoder.encode_molecules(smiles) @ inputs.encoder.encode_texts([PROMPT])[0]


def measure_latents(smiles: list[str], settings: Settings) -> dict[str, dict]:
    """Measure the optimisation of latents."""
    folder = settings.editing_model or str(LATENT)
    editor = LatentOptimizationEditor.from_pretrained(
        folder, settings.device, settings=LatentSettings(num_steps=settings.scale(100, 3))
    )
    tokens = [editor.coder.tokenize(one) for one in smiles]
    alone = tokens[: settings.scale(2, 1)]
    facts = {"penalties": len(editor.settings.penalties), "steps": editor.settings.num_steps}
    cases = {
        "latents one by one": Case(partial(edit_alone, editor, alone, PROMPT), len(alone)),
        "latents as a batch": Case(
            partial(edit_together, editor, tokens, PROMPT), len(tokens), "latents one by one", facts
        ),
    }
    return measure(cases, settings, "latents")


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
