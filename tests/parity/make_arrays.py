"""Write the arrays of the parity test and the batch that they are computed from.

Run `python tests/parity/make_arrays.py` only after a change that is meant to change outputs. The batch is stored too,
so that a change of the processor does not show up as a change of the model.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE), str(HERE.parent)]

from conftest import MOLECULES  # noqa: E402
from settings import compute  # noqa: E402

from modeling_finemoltex import FineMolTexFeatureExtractor  # noqa: E402


def make_batch() -> dict:
    """Featurise the troublesome molecules; a word is the number of its letters, which needs no tokenizer."""
    texts = [[2, *(5 + sum(word.encode()) % 251 for word in text.split()), 3] for text in MOLECULES.values()]
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)
    graph = FineMolTexFeatureExtractor()(list(MOLECULES))
    return {"input_ids": ids, "attention_mask": (ids != 0).long(), **graph}


if __name__ == "__main__":
    torch.set_num_threads(1)
    batch = make_batch()
    outputs = compute(batch)
    tensors = {f"batch/{name}": tensor.contiguous() for name, tensor in batch.items()}
    tensors |= {f"output/{name}": tensor.contiguous() for name, tensor in outputs.items()}
    save_file(tensors, HERE / "arrays.safetensors")
