"""The encoder of SMILES: its contract, pools, positions, hidden atoms, and which spelling it reads."""

import dataclasses

import pytest
import torch
from contracts.encoder import EncoderContract, change

from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexGraphConfig, Molecules
from modeling_finemoltex.model.encoders_finemoltex import build_molecule_encoder
from modeling_finemoltex.model.smiles_encoder_finemoltex import lay_out
from modeling_finemoltex.model.spellings_finemoltex import MASK_ID, PAD_ID, RING_ID, Spelling
from modeling_finemoltex.processors.smiles_tokens_finemoltex import VOCABULARY
from modeling_finemoltex.training.respelling import Respelling

OPTIONS = {"num_attention_heads": 2, "intermediate_size": 12}
VIEWS = ("graph", "smiles")


class TestSmilesEncoder(EncoderContract):
    name = "smiles"
    options = OPTIONS
    views = VIEWS
    hidden_size = 40

    def list_layer_shapes(self, graphs):
        return [(*graphs.spelling.ids.shape, 8)] * 3

    def renumber(self, graphs, order, place):
        spelling = graphs.spelling
        ends = torch.where(spelling.ends < 0, spelling.ends, place[spelling.ends])
        renumbered = super().renumber(graphs, order, place)
        return change(renumbered, spelling=Spelling(spelling.ids, ends, spelling.places[order]))

    def disturb(self, graphs, hidden):
        spelling = graphs.spelling
        return change(graphs, spelling=change(spelling, ids=spelling.ids.masked_fill(spelling.touches(hidden), 40)))


@pytest.fixture(scope="module")
def extractor():
    return FineMolTexFeatureExtractor(views=VIEWS)


def build(**fields):
    torch.manual_seed(0)
    options = {"encoder": "smiles", "encoder_options": OPTIONS, "hidden_size": 40, "num_layers": 2, "dropout": 0.0}
    encoder = build_molecule_encoder(FineMolTexGraphConfig(**options | fields)).eval()
    with torch.no_grad():
        for one in encoder.parameters():
            one.normal_(std=0.3)
    return encoder


def read(extractor, smiles, **tensors) -> Molecules:
    return Molecules.from_tensors(**extractor(smiles), **tensors)


def test_the_pools_are_those_of_all_tokens(extractor):
    encoder, molecules = build(), read(extractor, ["CC(=O)Oc1ccccc1", "C[NH3+]"])
    states = []
    for layer in encoder.layers:
        layer.register_forward_hook(lambda module, inputs, output: states.append(output))
    found = encoder(molecules)
    penultimate, last = (encoder.norm(one) for one in states)
    for row, atoms in enumerate(found.split(molecules.atom_counts.tolist())):
        length = int((molecules.spelling.ids[row] != PAD_ID).sum())
        tokens = last[row, :length]
        pools = torch.cat([tokens.mean(0), tokens.amax(0), tokens[0], penultimate[row, 0]])
        torch.testing.assert_close(atoms[:, 8:], pools.expand(len(atoms), -1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[:, :8], last.flatten(0, 1)[molecules.spelling.places])


def test_a_spelling_of_its_own_in_training_and_the_canonical_one_in_evaluation(extractor):
    encoder, batch = build(), dict(extractor(["CC(=O)Oc1ccccc1C(=O)O"]))
    canonical = Molecules.from_tensors(**batch)
    drawn = Respelling()({**batch, "seeds": torch.tensor([5])})
    both = Molecules.from_tensors(**{name: one for name, one in drawn.items() if name != "seeds"})
    assert torch.equal(encoder(both), encoder(canonical))
    assert torch.equal(encoder(both), encoder(both))
    other = encoder.train()(both)
    assert not torch.allclose(other, encoder(canonical), atol=1e-3)
    assert torch.equal(other, encoder(dataclasses.replace(canonical, spelling=both.other_spelling)))


def test_padding_changes_nothing(extractor):
    encoder = build()
    alone = encoder(read(extractor, ["CCO"]))
    beside = encoder(read(extractor, ["CCO", "CC(=O)Oc1ccccc1C(=O)OCCCCCCCC"]))[:3]
    torch.testing.assert_close(alone, beside, atol=1e-5, rtol=1e-4)


def test_the_order_of_tokens_counts(extractor):
    encoder = build()
    states = encoder(read(extractor, ["CCCC"]))
    assert not torch.allclose(states[0, :8], states[1, :8], atol=1e-3)


def name_tokens(ids):
    return [VOCABULARY[number] for number in ids.tolist()]


def test_hidden_atoms_are_masks_without_a_place(extractor):
    molecules = read(extractor, ["CC(=O)Oc1ccccc1", "CCO"])
    hidden = torch.zeros(len(molecules.atom_to_motif), dtype=torch.bool)
    hidden[[1, 2]] = True  # C=O in the middle of the first
    ids, mask, positions = lay_out(molecules.spelling, hidden)
    kept = mask[0].bool()
    assert name_tokens(ids[0][kept]) == [
        *("[CLS]", "C", "[MASK]", "[MASK]", "O", "c", "[RING]", "c", "c", "c", "c", "c", "[RING]"),
    ]
    assert positions[0][kept].tolist() == [1, 2, 0, 0, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    assert name_tokens(ids[1][mask[1].bool()]) == ["[CLS]", "C", "C", "O"]
    assert RING_ID in ids[0] and MASK_ID in ids[0]


def test_the_size_of_what_is_hidden_and_its_bonds_leave_no_trace_after_a_collapse(extractor):
    """Two acids with another chain: once it is hidden and collapsed, what is left is the same."""
    encoder, seen = build(), []
    for smiles in ("CCC(=O)O", "CCCCCCC(=O)O"):
        molecules = read(extractor, [smiles])
        chain = molecules.atom_to_motif[0]
        hidden_motifs = molecules.pad((torch.arange(molecules.num_motifs) == chain).long()).bool()
        collapsed = molecules.collapse(hidden_motifs)
        hidden = collapsed.unpad(hidden_motifs)[collapsed.atom_to_motif]
        seen.append(encoder(collapsed, hidden))
    assert seen[0].shape == seen[1].shape
    torch.testing.assert_close(*seen)


def test_a_batch_without_smiles_is_refused(processor):
    with pytest.raises(ValueError, match=r'views=\["graph", "smiles"\]'):
        build()(Molecules.from_tensors(**processor(smiles="CCO")))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"encoder_options": {"colour": 1}}, "has no option colour: its options are"),
        ({"hidden_size": 42}, "multiple of 10, 5 parts of 2 heads: got 42"),
    ],
)
def test_options_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        build(**fields)
