"""Spellings: the ids of both sides agree, and molecules taken or collapsed keep the right tokens."""

import pytest
import torch

from modeling_finemoltex import FineMolTexFeatureExtractor, Molecules
from modeling_finemoltex.model import spellings_finemoltex as model_side
from modeling_finemoltex.processors import smiles_tokens_finemoltex as processor_side


@pytest.fixture(scope="module")
def extractor():
    return FineMolTexFeatureExtractor(views=["graph", "smiles"])


def test_model_and_processor_number_tokens_alike():
    names = ("PAD_ID", "UNKNOWN_ID", "FIRST_ID", "LAST_ID", "MASK_ID", "RING_ID", "FIRST_RING_ID", "END_RING_ID")
    for name in names:
        assert getattr(model_side, name) == getattr(processor_side, name)
    assert len(processor_side.VOCABULARY) == model_side.VOCABULARY_SIZE


def test_selected_molecules_are_those_featurised_alone(extractor, molecules):
    smiles = list(molecules)
    selected = Molecules.from_tensors(**extractor(smiles)).select(torch.tensor([6, 2, 2])).spelling
    expected = Molecules.from_tensors(**extractor([smiles[6], smiles[2], smiles[2]])).spelling
    width = expected.ids.shape[1]
    assert selected.ids[:, :width].equal(expected.ids) and not selected.ids[:, width:].any()
    assert selected.ends[:, :width].equal(expected.ends)
    found, wanted = (one.ids.flatten()[one.places] for one in (selected, expected))
    assert found.equal(wanted)


def test_left_out_atoms_take_their_tokens_along(extractor):
    spelling = Molecules.from_tensors(**extractor(["CC(=O)O", "CN"])).spelling
    keeps = torch.tensor([True, True, False, True, True, True])  # without the carbonyl oxygen
    left = spelling.leave_out(keeps)
    assert processor_side.write_smiles(left.ids[0].tolist()) == "CCO"
    assert left.ids.flatten()[left.places].tolist() == [processor_side.IDS[one] for one in "CCOCN"]
    assert left.ends.max() == 4 and left.ends[left.ids == 0].eq(-1).all()


def test_half_a_spelling_is_refused(extractor):
    batch = dict(extractor("CCO"))
    del batch["smiles_ends"]
    with pytest.raises(ValueError, match="some of them are missing"):
        Molecules.from_tensors(**batch)


def test_tensors_of_no_view_are_refused(extractor):
    with pytest.raises(TypeError, match="colours"):
        Molecules.from_tensors(**extractor("CCO"), colours=torch.ones(1))


def test_a_copy_on_a_device_has_its_spelling(extractor):
    molecules = Molecules.from_tensors(**extractor(["CCO"])).to("meta")
    assert molecules.spelling.ids.device.type == "meta" and molecules.other_spelling is None
