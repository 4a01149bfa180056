"""How should my molecule change so that this sentence fits it better? Without a molecule: which molecules fit it?

Needs: a model folder, as `examples/pretrain.py` writes.
Takes: about 10 s on a CPU core, most of it for loading. Try
`edit.py "This molecule is soluble in water." --smiles "CC(=O)Oc1ccccc1C(=O)O" --model runs/demo --draw edits.html`.
"""

import argparse
from pathlib import Path

from transformers import logging

from modeling_finemoltex import EditConstraints, MoleculeFilter, MoleculeTextEncoder, SearchEditor, SearchSettings
from modeling_finemoltex.editing import Edit, build_fragment_database, make_proposers, write_edits


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prompt", help="what the molecule is to be, in quotes")
    parser.add_argument("--smiles", help="molecule to edit; without one molecules are generated")
    parser.add_argument("--model", required=True, help="model folder or Hub id")
    parser.add_argument("--opposite", help="what it is not to be, in words of its own")
    parser.add_argument(
        "--fragments_from", type=Path, help="file of SMILES, one a line: edits are made of their fragments"
    )
    parser.add_argument("--min_similarity", type=float, default=0.4, help="least Tanimoto similarity to the molecule")
    parser.add_argument("--smarts", nargs="*", default=[], help="substructures that must be there")
    parser.add_argument("--generations", type=int, default=2, help="times that the search goes on from the best")
    parser.add_argument("--draw", type=Path, help="file for the drawings, .html or .png")
    parser.add_argument("-k", type=int, default=10, help="number of molecules")
    return parser.parse_args()


def make_editor(arguments: argparse.Namespace) -> SearchEditor:
    """Load the model; cut the library into fragments, once."""
    encoder = MoleculeTextEncoder.from_pretrained(arguments.model)
    fragments = None
    if arguments.fragments_from:
        fragments = arguments.fragments_from.with_suffix(".fragments.db")
        if not fragments.exists():
            lines = arguments.fragments_from.read_text(encoding="utf-8").splitlines()
            build_fragment_database([line.split()[0] for line in lines if line.strip()], fragments)
    return SearchEditor(
        encoder,
        make_proposers(encoder.processor.feature_extractor, fragments),
        EditConstraints(arguments.min_similarity, condition=MoleculeFilter(smarts=arguments.smarts)),
        SearchSettings(num_generations=arguments.generations),
    )


def format_edit(rank: int, edit: Edit) -> str:
    """Write one line: how well the text fits, how similar it is, what changed most visibly."""
    similarity = "" if edit.similarity is None else f"similarity {edit.similarity:.2f}  "
    properties = "  ".join(f"{name} {edit.property_changes[name]:+7.2f}" for name in ("MolLogP", "TPSA", "qed"))
    return f"{rank:>3}  text {edit.text_score:+.3f}  {similarity}{properties}  {edit.smiles}"


def main() -> None:
    """Load, edit or generate, print, draw."""
    arguments = parse_arguments()
    logging.set_verbosity_error()  # the heads of pre-training, also in the folder, are not needed here
    editor = make_editor(arguments)
    if arguments.smiles:
        edits = editor.edit(arguments.smiles, arguments.prompt, arguments.opposite, arguments.k)
    else:
        edits = editor.generate(arguments.prompt, arguments.opposite, arguments.k)
    for rank, edit in enumerate(edits, start=1):
        print(format_edit(rank, edit))
    if not edits:
        print(edits.report.explain(len(edits), arguments.k))
    if arguments.draw:
        write_edits(arguments.draw, arguments.prompt, arguments.smiles, edits)


if __name__ == "__main__":
    main()
