"""Loads a saved folder as somebody without our package does, and stores what comes out. Run by `test_remote_code.py`.

usage: python -I remote_client.py FOLDER FOLDER_TO_SAVE_AGAIN RESULT_FILE JSON_OF_SMILES_AND_TEXTS
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch  # noqa: E402
from transformers import (  # noqa: E402
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForPreTraining,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoProcessor,
    AutoTokenizer,
)
from without_package import OURS  # noqa: E402  # before anything could import the package


@torch.no_grad()
def main(folder: str, again: str, result: str, pairs: str) -> None:
    smiles, text = json.loads(pairs)
    remote = {"trust_remote_code": True}
    config = AutoConfig.from_pretrained(folder, **remote)
    processor = AutoProcessor.from_pretrained(folder, **remote)
    model = AutoModel.from_pretrained(folder, **remote).eval()
    pretraining = AutoModelForPreTraining.from_pretrained(folder, **remote).eval()

    retrieval = AutoModel.from_pretrained(f"{folder}/retrieval", **remote).eval()
    properties = AutoModelForSequenceClassification.from_pretrained(f"{folder}/properties", **remote).eval()
    editing = AutoModel.from_pretrained(f"{folder}/editing", **remote).eval()
    generator_tokenizer = AutoTokenizer.from_pretrained(f"{folder}/editing", subfolder="generator_tokenizer")
    captioning = AutoModelForSeq2SeqLM.from_pretrained(f"{folder}/captioning", **remote).eval()
    untrained = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=3, **remote).eval()

    batch = processor(smiles=smiles, text=text, return_tensors="pt", padding=True)
    output = model(**batch)
    model.save_pretrained(again)
    processor.save_pretrained(again)
    resaved_batch = AutoProcessor.from_pretrained(again, **remote)(smiles=smiles, return_tensors="pt")
    resaved = AutoModel.from_pretrained(again, **remote).eval()

    tokenizer = AutoTokenizer.from_pretrained(folder, **remote)
    loaded = (config, model, pretraining, retrieval, properties, editing, captioning, processor)
    tokens = generator_tokenizer(["CCO", "C"], return_tensors="pt", padding=True)
    texts = editing.get_text_features(batch["input_ids"][:2], batch["attention_mask"][:2])
    latents, latent_mask = editing.encode_latents(**tokens)
    moved = editing.optimize(latents, latent_mask, texts, [0.1], num_steps=5)
    molecules = processor(smiles=smiles)
    prompts = {"prompt_ids": batch["input_ids"], "prompt_attention_mask": batch["attention_mask"]}
    torch.save(
        {
            "batch": dict(batch),
            "molecule_embeds": output.molecule_embeds,
            "text_embeds": output.text_embeds,
            "resaved_molecule_embeds": resaved.get_molecule_features(**resaved_batch),
            "loss": pretraining(**batch, seeds=torch.arange(len(smiles))).loss,
            "logits": retrieval(**batch).logits_per_text,
            "properties": properties.predict(properties(**molecules).logits),
            "moved": moved,
            "captions": captioning.generate(**molecules, **prompts, max_new_tokens=6, num_beams=2),
            "decoded_rows": len(editing.decode(moved[0], latent_mask)),
            "untrained_shape": list(untrained(**molecules).logits.shape),
            "motif_ids": AutoFeatureExtractor.from_pretrained(folder, **remote)(smiles)["motif_ids"],
            "input_ids": tokenizer(text, padding=True, return_tensors="pt")["input_ids"],
            "classes": [type(thing).__name__ for thing in loaded],
            "packages": sorted({type(thing).__module__.split(".")[0] for thing in loaded}),
            "ours": [name for name in sys.modules if name.split(".")[0] in OURS],
        },
        result,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
