"""Every way in refuses what is more than a molecule, because one parser reads them all."""

import ast
from pathlib import Path

import pytest
import torch

from modeling_finemoltex import (
    FineMolTexModel,
    MoleculeTextEncoder,
    MoleculeTextIndex,
    MotifWordAligner,
    train_motif_vocab,
)
from modeling_finemoltex.data import random_split
from modeling_finemoltex.data.descriptor_captions import describe_molecule
from modeling_finemoltex.data.identifiers import canonical_smiles, inchikey, molecule_key
from modeling_finemoltex.editing import SearchEditor
from modeling_finemoltex.editing.motif_swaps import MotifSwaps

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {
    "name": "CCN ethylamine",
    "second molecule": "CCN CCO",
    "tab": "CCN\tx",
    "new line": "CCN\nCCO",
    "extension": "C[C@H](N)O |&1:1|",
    "nul": "CCN\x00",
    "zero-width": "CCN\u200b",
    "byte-order mark": "CC\ufeffN",
}
# Where a SMILES is parsed that this package has written itself, or has as a constant.
OWN_SMILES = {
    *("edits_page.py", "random_editor.py", "motif_swaps.py", "latent_coder.py"),
    *("editing_prompts.py", "structural_terms.py", "structural_facts.py", "named_groups.py", "named_changes.py"),
    *("crem_mutations.py", "fragment_database.py", "joining.py", "published_motifs_finemoltex.py"),
}
PARSERS = {"smiles_finemoltex.py", "relative_stereo_finemoltex.py", "smi_format.py"}


@pytest.fixture(scope="module")
def encoder(config, processor):
    torch.manual_seed(0)
    return MoleculeTextEncoder(FineMolTexModel(config), processor)


@pytest.mark.parametrize("smiles", FOREIGN.values(), ids=FOREIGN)
def test_nothing_but_a_molecule(encoder, smiles):
    index = MoleculeTextIndex.build(smiles=["CCO", "CCN"], encoder=encoder)
    swaps = MotifSwaps(encoder.processor.feature_extractor)
    ways_in = {
        "processor": lambda: encoder.processor(smiles=["C", smiles]),
        "encoder": lambda: encoder.encode_molecules(["C", smiles]),
        "search": lambda: index.search(smiles=[smiles], k=1),
        "index": lambda: MoleculeTextIndex.build(smiles=["CCO", smiles], encoder=encoder),
        "explain": lambda: MotifWordAligner(encoder).align([smiles], ["an amine"]),
        "edit": lambda: SearchEditor(encoder, [swaps]).edit(smiles, "an amine"),
        "split": lambda: random_split(["CCO", smiles], 0.5, 0),
        "caption": lambda: describe_molecule(smiles),
        "motifs": lambda: encoder.processor.feature_extractor.motifs(smiles),
    }
    for name, way_in in ways_in.items():
        try:
            way_in()
        except ValueError as error:
            assert repr(smiles)[1:4] in str(error), f"{name} does not say which"
        else:
            pytest.fail(f"{name} takes {smiles!r}")
    assert train_motif_vocab(["CCO", smiles], min_count=1)["num_molecules"] == 1
    assert canonical_smiles(smiles) is inchikey(smiles) is molecule_key(smiles) is None


def test_no_other_code_parses_what_users_give():
    files = [*ROOT.glob("modeling_finemoltex/**/*.py"), *ROOT.glob("processors/*.py"), *ROOT.glob("hub_cards/**/*.py")]
    found = {
        file.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("MolFromSmiles", "MolFromInchi")
    }
    assert found == OWN_SMILES | PARSERS
