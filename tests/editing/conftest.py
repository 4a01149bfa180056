import pytest
import torch
from copying_generator import make_copying_generator, swap_along
from rdkit import Chem

from modeling_finemoltex import FineMolTexForMoleculeEditing, FineMolTexModel, MoleculeTextEncoder

# All symbols that the generator of `parts` writes.
_GROUPS = ("C", "CC", "O", "N", "CO", "F", "Cl", "CN")
ARENES = sorted({f"{one}c1ccc({other})cc1" for one in _GROUPS for other in _GROUPS})


@pytest.fixture(scope="session")
def encoder(config, processor):
    torch.manual_seed(0)
    return MoleculeTextEncoder(FineMolTexModel(config), processor)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, encoder):
    folder = tmp_path_factory.mktemp("runs") / "model"
    encoder.model.save_pretrained(folder)
    encoder.processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def arenes():
    return list(ARENES)


@pytest.fixture(scope="session")
def prompt():
    """What `parts` has an answer to: fluorine in place of oxygen."""
    return "This molecule is an alcohol."


@pytest.fixture(scope="session")
def parts(encoder, arenes, prompt):
    """Model with a generator that copies and an alignment set by hand, processor and generator tokenizer."""
    pytest.importorskip("selfies")
    from modeling_finemoltex.editing import EditingParts, TextGuide

    generator, tokenizer = make_copying_generator(arenes)
    model = FineMolTexForMoleculeEditing.from_parts(encoder.model, generator)
    swap_along(model, tokenizer, torch.from_numpy(TextGuide(encoder, prompt).directions[0]), "[O]", "[F]")
    return EditingParts(model, encoder.processor, tokenizer)


@pytest.fixture(scope="session")
def editing_folder(tmp_path_factory, parts):
    from modeling_finemoltex.editing import save_editing_folder

    return save_editing_folder(parts, tmp_path_factory.mktemp("runs") / "editing")


@pytest.fixture(scope="session")
def check_proposals():
    """Function that asserts that proposals are distinct molecules other than the source."""

    def check(proposals: list[str], smiles: str) -> None:
        assert len(set(proposals)) == len(proposals) and Chem.CanonSmiles(smiles) not in proposals
        for proposal in proposals:
            assert Chem.CanonSmiles(proposal) == proposal and "*" not in proposal

    return check
