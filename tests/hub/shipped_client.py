"""Runs every head of a shipped folder. Imported by `test_shipped_checkpoint.py`, and run by it without the package.

usage: python -I shipped_client.py FOLDER RESULT_FILE
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoProcessor, AutoTokenizer
from transformers.dynamic_module_utils import get_class_from_dynamic_module

REMOTE = {"trust_remote_code": True}
SMILES = ["CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CCCCCCCCCCCCCCCCCC(=O)O"]
TEXTS = ["salicylic acid with an acetylated hydroxy group", "a purine alkaloid", "a long-chain fatty acid"]


@torch.no_grad()
def run_heads(folder: str, find_class) -> dict[str, dict[str, torch.Tensor]]:
    """Load each class that `auto_map` names and run it; what is not among the weights is drawn from a fixed seed."""
    fields = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))
    processor = AutoProcessor.from_pretrained(folder, **REMOTE)
    batches = {
        "FineMolTexForPropertyPrediction": processor(smiles=SMILES),
        "FineMolTexForMoleculeEditing": None,
        "FineMolTexForCaptioning": None,  # none of these folders has a writer
    }
    if fields["generator_config"]:
        tokenizer = AutoTokenizer.from_pretrained(folder, subfolder="generator_tokenizer")
        tokens = tokenizer(["[C][C][O]", "[C]"], padding=True, return_tensors="pt")
        batches["FineMolTexForMoleculeEditing"] = {
            f"generator_{name}": tokens[name] for name in ("input_ids", "attention_mask")
        }
    found = {}
    for reference in set(fields["auto_map"].values()):
        name = reference.rpartition(".")[2]
        batch = batches.get(name, processor(smiles=SMILES, text=TEXTS))
        if name == "FineMolTexConfig" or batch is None:
            continue
        torch.manual_seed(0)
        output = find_class(reference, folder).from_pretrained(folder).eval()(**batch)
        found[name] = {key: value for key, value in output.items() if isinstance(value, torch.Tensor)}
    return found


def main(folder: str, result: str) -> None:
    found = run_heads(folder, get_class_from_dynamic_module)
    ours = [name for name in sys.modules if name.split(".")[0] in OURS]
    torch.save({"heads": found, "ours": ours}, result)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    from without_package import OURS  # makes our packages unimportable

    main(*sys.argv[1:])
