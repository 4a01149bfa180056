"""How fast do molecules, texts and a file become embeddings? Beside the bare towers on batches made beforehand."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from benchmark_cases import Case, measure
from benchmark_inputs import Inputs, Settings

from modeling_finemoltex import MoleculeTextEncoder, embed_file
from modeling_finemoltex.data import write_text


def benchmark(inputs: Inputs, settings: Settings) -> dict[str, dict]:
    """Measure encoding in memory, with and without a worker beside, and a whole file."""
    encoder = inputs.encoder
    smiles, texts = inputs.smiles[: settings.scale(1_024, 24)], inputs.texts[: settings.scale(512, 24)]
    size = settings.batch_size or encoder.default_batch_size
    options = {"batch_size": size, "progress_bar": False}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "molecules.smi")
        write_text(source, "".join(f"{one}\n" for one in smiles))
        job = Job(source, Path(folder), encoder, size)
        molecules = prepare(encoder, smiles, size, is_text=False)
        words = prepare(encoder, texts, size, is_text=True)
        cases = {
            "molecules, forward": Case(molecules, len(smiles)),
            "molecules": Case(lambda: encoder.encode_molecules(smiles, **options), len(smiles), "molecules, forward"),
            "molecules, featurise": Case(
                lambda: encoder.preparation(is_text=False, batch_size=size)(smiles), len(smiles), "molecules, forward"
            ),
            "molecules, a worker beside": Case(
                lambda: encoder.encode_molecules(smiles, num_workers=1, **options),
                len(smiles),
                "molecules, forward",
                clock="wall",
            ),
            "file": Case(partial(job.run, tokens=False), len(smiles), "molecules, forward"),
            "texts, forward": Case(words, len(texts)),
            "texts": Case(lambda: encoder.encode_texts(texts, **options), len(texts), "texts, forward"),
        }
        if encoder.token_size:
            cases["file with token vectors"] = Case(partial(job.run, tokens=True), len(smiles), "molecules, forward")
        return measure(cases, settings, "encode")


class Job:
    """Embeds one file over and over, each time into a new folder."""

    def __init__(self, source: Path, folder: Path, encoder: MoleculeTextEncoder, batch_size: int) -> None:
        self.source, self.folder, self.encoder, self.batch_size, self.runs = source, folder, encoder, batch_size, 0

    def run(self, tokens: bool) -> None:
        """Embed the file in this process."""
        self.runs += 1
        output = self.folder / f"embeddings-{self.runs}"
        embed_file(
            self.source, output, self.encoder, self.batch_size, num_workers=0, progress_bar=False, tokens=tokens
        )


def prepare(encoder: MoleculeTextEncoder, rows: list[str], size: int, is_text: bool) -> Callable[[], None]:
    """Make the batches that an encoder would, and give a function that runs the bare tower over them."""
    prepared = encoder.preparation(is_text=is_text, batch_size=size)
    windows = [prepared(rows[start : start + 8 * size]) for start in range(0, len(rows), 8 * size)]
    batches = [
        {name: torch.from_numpy(array).to(encoder.model.device) for name, array in batch.inputs.items()}
        for window in windows
        for batch in window.batches
    ]
    tower = encoder.model.get_text_features if is_text else encoder.model.get_molecule_features

    @torch.inference_mode()
    def run() -> None:
        """Run the tower."""
        for batch in batches:
            tower(**batch)

    return run
