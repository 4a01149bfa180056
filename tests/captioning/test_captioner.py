"""Captions of molecules: greedy, by beams, drawn; what is refused."""

import pytest

from modeling_finemoltex import Captioner, CaptionSettings
from modeling_finemoltex.captioning import load_captioning_folder

SMILES = ["CCO", "CC(=O)Oc1ccccc1C(=O)O", "C"]


def write(captioner, smiles=SMILES, **settings):
    return [one.text for one in Captioner(captioner.parts, CaptionSettings(**settings)).write(smiles)]


def test_one_beam_is_greedy_and_a_batch_is_its_rows(captioner):
    greedy = [one.text for one in captioner.write(SMILES)]
    assert all(greedy) and write(captioner, num_beams=1) == greedy
    assert [write(captioner, [one])[0] for one in SMILES] == greedy
    assert len(write(captioner, num_beams=3)) == 3


def test_every_spelling_of_a_molecule_has_one_caption(captioner):
    found = captioner.write(["OCC", "CCO"])
    assert found[0].text == found[1].text and [one.smiles for one in found] == ["OCC", "CCO"]


def test_draws_follow_the_seed_and_not_the_batch(captioner):
    drawn = write(captioner, sample=True, seed=3)
    assert drawn == write(captioner, sample=True, seed=3) != write(captioner, sample=True, seed=4)
    assert write(captioner, SMILES[1:], sample=True, seed=3) == drawn[1:]


def test_captions_are_bounded_and_checked_on_request(captioner):
    short, longer = (write(captioner, max_new_tokens=count) for count in (1, 12))
    assert all(len(one) <= len(other) for one, other in zip(short, longer, strict=True))
    assert captioner.write(["CCO"])[0].statements is None
    found = Captioner(captioner.parts, checks=True).write(["CCO"])[0]
    assert all(found.text[one.start : one.end] == one.text for one in found.statements)
    assert found.to_dict().keys() == {"smiles", "caption", "statements"} and found.num_false <= found.num_checked


def test_a_quoted_caption_says_whose_it_is(captioner):
    quoting = Captioner(captioner.parts, CaptionSettings(quotes=True), checks=True)
    found = quoting.write(SMILES)
    memory = dict(zip(captioner.parts.memory.smiles, captioner.parts.memory.captions, strict=True))
    assert [memory[one.source.smiles] for one in found] == [one.text for one in found]
    assert found[0].to_dict()["quoted_from"]["smiles"] == found[0].source.smiles and found[0].statements is not None
    assert [quoting.write([one])[0] for one in SMILES] == found
    with pytest.raises(ValueError, match="quotes no captions"):
        Captioner(captioner.parts._replace(memory=None), CaptionSettings(quotes=True)).write(["C"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_new_tokens": 0}, "`max_new_tokens` must be at least 1: got 0"),
        ({"num_beams": 0}, "`num_beams` must be at least 1: got 0"),
        ({"num_beams": 2, "sample": True}, "Either sample, or search with beams"),
        ({"quotes": True, "max_new_tokens": 3}, "leave out `num_beams`, `sample` and `max_new_tokens`"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        CaptionSettings(**settings)


def test_what_cannot_be_captioned_is_said(captioner):
    with pytest.raises(ValueError, match="nothing to caption: the list of molecules is empty"):
        captioner.write([])
    with pytest.raises(ValueError, match="Molecule 1 cannot be captioned: RDKit cannot parse the SMILES 'C1CC'"):
        captioner.write(["C", "C1CC"])
    with pytest.raises(ValueError, match=r"Molecule 0 cannot be captioned: .*5,?001 atoms"):
        captioner.write(["C" * 5001])


def test_a_checkpoint_of_another_architecture_is_refused(plain_folder, tmp_path):
    with pytest.raises(
        ValueError, match=r"cannot be loaded for captioning: Captioning needs a writer.*train_captioning"
    ):
        load_captioning_folder(plain_folder)
    with pytest.raises(ValueError, match="nowhere' cannot be loaded for captioning"):
        load_captioning_folder(str(tmp_path / "nowhere"))


def test_a_folder_without_its_captions_is_refused(captioner, tmp_path):
    captioner.parts.model.save_pretrained(tmp_path)
    captioner.parts.processor.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="caption_memory.jsonl.gz cannot be read"):
        load_captioning_folder(str(tmp_path))
