"""Which sentence describes which molecule? Embeds both and prints their similarities.

Needs: nothing; `--model` names another model than the one that comes with the package, a folder or a Hub id.
Takes: seconds on a CPU. Try `--molecules CCO c1ccccc1 --texts ethanol "a benzene ring"`.
"""

from dataclasses import dataclass, field

import torch
from transformers import AutoModel, AutoProcessor, HfArgumentParser, logging

from modeling_finemoltex import default_model

MOLECULES = ["CCO", "CC(=O)Oc1ccccc1C(=O)O", "Clc1ccccc1Cl", "CCCCCCCC#N", "OB(O)c1ccccc1"]
TEXTS = ["ethanol", "2-acetyloxybenzoic acid", "1,2-dichlorobenzene", "octanenitrile", "phenylboronic acid"]


@dataclass
class Arguments:
    """What to compare, and with which model."""

    model: str = field(
        default_factory=default_model, metadata={"help": "Folder or Hub id of a FineMolTex model with its processor."}
    )
    molecules: list[str] = field(default_factory=lambda: MOLECULES, metadata={"help": "SMILES strings."})
    texts: list[str] = field(default_factory=lambda: TEXTS, metadata={"help": "Names or sentences; quote each one."})


def similarity_table(molecules: list[str], texts: list[str], similarities: torch.Tensor) -> str:
    """Lay out cosine similarities `(molecules, texts)`; a star marks the best text of each molecule."""
    width = max(map(len, molecules))
    lines = [f"[{number}] {text}" for number, text in enumerate(texts, start=1)]
    lines += ["", " " * width + "".join(f"{f'[{number}]':>8} " for number in range(1, len(texts) + 1))]
    for molecule, row in zip(molecules, similarities, strict=True):
        best = row.argmax().item()
        cells = (f"{value:8.3f}{'*' if column == best else ' '}" for column, value in enumerate(row.tolist()))
        lines.append(f"{molecule:<{width}}" + "".join(cells))
    return "\n".join(lines)


def main() -> None:
    """Embed, compare, print."""
    (arguments,) = HfArgumentParser(Arguments).parse_args_into_dataclasses()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed here
    processor = AutoProcessor.from_pretrained(arguments.model)
    model = AutoModel.from_pretrained(arguments.model).eval()

    batch = processor(
        smiles=arguments.molecules, text=arguments.texts, return_tensors="pt", padding=True, truncation=True
    )
    with torch.no_grad():
        output = model(**batch)
    similarities = (
        output.molecule_embeds @ output.text_embeds.T
    )  # (molecules, texts), cosines: both sides are unit vectors
    print(similarity_table(arguments.molecules, arguments.texts, similarities))


if __name__ == "__main__":
    main()
