"""Pulls what `hub_writer.py` pushed, as somebody without our package does. Run by `test_round_trips.py`.

usage: python -I hub_reader.py ARGUMENT.json RESULT.json
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import datasets  # noqa: E402, I001
import torch  # noqa: E402
from transformers import (  # noqa: E402
    AutoModel,
    AutoModelForPreTraining,
    AutoModelForSequenceClassification,
    AutoProcessor,
    AutoTokenizer,
)
from without_package import OURS  # noqa: E402  # before anything could import the package

REMOTE = {"trust_remote_code": True}


@torch.no_grad()
def main(argument_file: str, result_file: str) -> None:
    argument = json.loads(Path(argument_file).read_text(encoding="utf-8"))
    smiles, text = argument["pairs"]
    pinned = {"revision": "v1", **REMOTE}
    processor = AutoProcessor.from_pretrained("org/tiny-base", **pinned)
    alone = AutoProcessor.from_pretrained("org/tiny-processor", **REMOTE)
    batch = processor(smiles=smiles, text=text)
    base = AutoModel.from_pretrained("org/tiny-base", **pinned).eval()
    pointed = AutoModel.from_pretrained("org/tiny-pointed", **pinned).eval()
    changed = AutoModel.from_pretrained("org/tiny-base", **REMOTE).eval()
    pretraining = AutoModelForPreTraining.from_pretrained("org/tiny-pretraining", **pinned).eval()
    plain = AutoModelForPreTraining.from_pretrained("org/tiny-model", **REMOTE).eval()
    retrieval = AutoModel.from_pretrained("org/tiny-retrieval", **pinned).eval()
    properties = AutoModelForSequenceClassification.from_pretrained("org/tiny-properties", **pinned).eval()
    editing = AutoModel.from_pretrained("org/tiny-editing", **pinned).eval()
    generator_tokenizer = AutoTokenizer.from_pretrained(
        "org/tiny-editing", revision="v1", subfolder="generator_tokenizer"
    )
    written = generator_tokenizer(["CCO", "C"], return_tensors="pt", padding=True)
    trained = AutoModelForPreTraining.from_pretrained("org/tiny-trained", **pinned).eval()
    rows = datasets.load_dataset("org/tiny-pairs", split="train")
    # Streams are never on disk.
    streamed = rows if argument["offline"] else datasets.load_dataset("org/tiny-pairs", split="train", streaming=True)
    seeds = torch.arange(len(smiles))
    result = {
        "base": base(**batch).molecule_embeds.tolist(),
        "pointed": pointed(**batch).molecule_embeds.tolist(),
        "changed": changed(**batch).molecule_embeds.tolist(),
        "pretraining": pretraining(**batch, seeds=seeds).loss.item(),
        "plain": plain(**batch, seeds=seeds).loss.item(),
        "retrieval": retrieval(**batch).logits_per_text.tolist(),
        "properties": properties(**processor(smiles=smiles)).logits.tolist(),
        "editing": editing(written["input_ids"], written["attention_mask"]).aligned_embeds.tolist(),
        "trained": trained(**batch, seeds=seeds).loss.item(),
        "processor": [
            alone(smiles=smiles)[name].tolist() == batch[name].tolist() for name in ("motif_ids", "edge_index")
        ],
        "dataset": [rows["smiles"][:], rows["text"][:]],
        "streamed": [[row["smiles"] for row in streamed], [row["text"] for row in streamed]],
        "modules": sorted({type(one).__module__.split(".")[0] for one in (base, retrieval, properties, processor)}),
        "ours": [name for name in sys.modules if name.split(".")[0] in OURS],
    }
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
