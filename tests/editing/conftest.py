import pytest
import torch

from modeling_finemoltex import FineMolTexForMoleculeEditing, FineMolTexModel, MoleculeTextEncoder

# Enough alike for a tiny generator to learn by heart in seconds.
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
def generator_run(tmp_path_factory):
    """A tiny generator trained for a few seconds: its arguments, its report and the file it was trained on."""
    pytest.importorskip("selfies")
    from modeling_finemoltex.editing import GeneratorArguments, train_generator

    folder = tmp_path_factory.mktemp("generator")
    file = folder / "arenes.smi"
    file.write_text("".join(f"{one}\n" for one in ARENES), encoding="utf-8")
    sizes = {
        "hidden_size": 48,
        "num_layers": 1,
        "intermediate_size": 96,
        "num_heads": 4,
        "max_length": 32,
        "num_latents": 12,
    }
    schedule = {"batch_size": 32, "learning_rate": 2e-3, "max_steps": 600, "noise": 0.1, "num_held_out": 4}
    arguments = GeneratorArguments(str(file), str(folder / "run"), **sizes, **schedule)
    return arguments, train_generator(arguments), file


@pytest.fixture(scope="session")
def parts(generator_run, encoder):
    """Model with trained generator and alignment, processor and generator tokenizer."""
    from modeling_finemoltex.editing import AlignmentSettings, EditingParts, load_generator, train_alignment

    generator, tokenizer = load_generator(generator_run[0].output_dir)
    torch.manual_seed(0)
    made = EditingParts(
        FineMolTexForMoleculeEditing.from_parts(encoder.model, generator), encoder.processor, tokenizer
    )
    train_alignment(made, ARENES, AlignmentSettings(num_epochs=20, batch_size=16))
    return made


@pytest.fixture(scope="session")
def editing_folder(tmp_path_factory, parts):
    from modeling_finemoltex.editing import save_editing_folder

    return save_editing_folder(parts, tmp_path_factory.mktemp("runs") / "editing")
