"""A small captioner, trained for a few steps and saved as others would save theirs."""

import pytest


@pytest.fixture(scope="session")
def captions_file(tmp_path_factory, molecules):
    """The molecules with their texts, as a table."""
    file = tmp_path_factory.mktemp("captions") / "captions.csv"
    lines = ["smiles,text", *(f"{smiles},It is {text}." for smiles, text in molecules.items())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def caption_arguments(captions_file, plain_folder, tmp_path_factory):
    """Arguments of a run of two steps."""
    from modeling_finemoltex.captioning import CaptioningArguments

    return CaptioningArguments(
        output_dir=str(tmp_path_factory.mktemp("captioner") / "run"),
        file=str(captions_file),
        model=plain_folder,
        hidden_size=16,
        num_layers=1,
        intermediate_size=32,
        max_prompt_length=48,
        max_caption_length=24,
        batch_size=4,
        max_steps=2,
        save_steps=1,
        num_held_out=2,
    )


@pytest.fixture(scope="session")
def captioner_folder(caption_arguments):
    """The folder of that run."""
    from modeling_finemoltex.captioning import train_captioner

    report = train_captioner(caption_arguments)
    assert report["num_steps"] == 2 and report["num_pairs"] == 8 and report["held_out_loss"] > 0
    return caption_arguments.output_dir


@pytest.fixture(scope="session")
def captioner(captioner_folder):
    """The captioner of that folder, greedy."""
    from modeling_finemoltex import Captioner

    return Captioner.from_pretrained(captioner_folder, device="cpu")
