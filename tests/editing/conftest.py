import pytest
import torch

from modeling_finemoltex import FineMolTexModel, MoleculeTextEncoder


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
