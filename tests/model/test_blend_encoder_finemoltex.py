"""The blend encoder: the contract, and what it makes of relations, conformers and shown relations."""

import dataclasses

import pytest
import torch
from contracts.encoder import TOLERANCE, EncoderContract
from rdkit import Chem
from transformers import AutoModel

from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexGraphConfig, FineMolTexModel, Molecules
from modeling_finemoltex.model.blend_encoder_finemoltex import (
    BONDS,
    PATH,
    SPACE,
    FineMolTexBlendEncoder,
    draw_shown,
)
from modeling_finemoltex.model.graph_views_finemoltex import rank_within
from modeling_finemoltex.model.molecules_finemoltex import count_members

VIEWS = ["graph", "paths", "conformer"]
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def read(smiles, views=VIEWS):
    return Molecules.from_tensors(**FineMolTexFeatureExtractor(views=views)(smiles))


def spread(encoder):
    """Put the Gaussians where distances are, after the contract has drawn all weights."""
    encoder.relation_bias.space.reset_own_parameters(None)


class TestBlendEncoder(EncoderContract):
    name = "blend"
    views = tuple(VIEWS)
    options = {"num_heads": 4, "num_kernels": 8}

    @pytest.fixture(autouse=True)
    def spread_gaussians(self, encoder):
        spread(encoder)

    def renumber(self, graphs, order, place):
        """Number the atoms anew, in the relations too."""
        moved = super().renumber(graphs, order, place)
        rows = torch.arange(len(graphs))
        slots = torch.arange(graphs.path_lengths.shape[1]).repeat(len(graphs), 1)  # (B, A), the old one of each
        before, after = (rank_within(one.molecule_of_atom, len(graphs)) for one in (graphs, moved))
        slots[moved.molecule_of_atom, after] = before[order]
        pairs = rows[:, None, None], slots[:, :, None], slots[:, None, :]
        return dataclasses.replace(
            moved,
            path_lengths=graphs.path_lengths[pairs],
            path_bonds=graphs.path_bonds[pairs],
            atom_positions=graphs.atom_positions[order],
        )

    def disturb(self, graphs, hidden):
        """Change what is known of hidden atoms, and the paths and positions of their molecules."""
        touched = count_members(graphs.molecule_of_atom[hidden], len(graphs)) > 0  # (B,)
        moved = graphs.atom_positions * (1 + touched[graphs.molecule_of_atom])[:, None]
        bonds = graphs.path_bonds.masked_fill(touched[:, None, None, None], 7)
        return dataclasses.replace(super().disturb(graphs, hidden), atom_positions=moved, path_bonds=bonds)

    def test_the_paths_of_the_processor_change_nothing(self, encoder, molecules):
        smiles = list(molecules)
        torch.testing.assert_close(encoder(read(smiles, VIEWS[:2])), encoder(read(smiles, VIEWS[:1])), **TOLERANCE)

    def test_atoms_in_another_order_with_all_views(self, encoder):
        molecule = Chem.MolFromSmiles(ASPIRIN)
        order = torch.randperm(13)
        states, others = encoder(read([molecule])), encoder(read([Chem.RenumberAtoms(molecule, order.tolist())]))
        torch.testing.assert_close(others, states[order], **TOLERANCE)

    def test_a_molecule_alone_equals_the_molecule_in_a_batch_with_all_views(self, encoder):
        smiles = ["CCO", ASPIRIN, "[Na+].[Cl-]"]
        states = encoder(read(smiles)).split([3, 13, 2])
        for one, expected in zip(smiles, states, strict=True):
            torch.testing.assert_close(encoder(read([one])), expected, **TOLERANCE)

    def test_turning_a_molecule_changes_nothing_and_bending_it_does(self, encoder):
        graphs = read([ASPIRIN])
        turned = graphs.atom_positions[:, [1, 2, 0]] * torch.tensor([1, -1, -1]) + 500
        states = encoder(graphs)
        torch.testing.assert_close(encoder(dataclasses.replace(graphs, atom_positions=turned)), states, **TOLERANCE)
        bent = graphs.atom_positions * torch.tensor([1, 1, 2])
        assert not torch.allclose(encoder(dataclasses.replace(graphs, atom_positions=bent)), states, atol=1e-3)

    def test_without_a_conformer_a_molecule_is_read_by_its_graph(self, encoder):
        graphs, flat = read(["CCO", ASPIRIN]), encoder(read(["CCO", ASPIRIN], VIEWS[:2]))
        half = dataclasses.replace(graphs, has_conformer=torch.tensor([1, 0]))
        torch.testing.assert_close(encoder(half)[3:], flat[3:], **TOLERANCE)
        torch.testing.assert_close(encoder(half)[:3], encoder(graphs)[:3], **TOLERANCE)
        assert not torch.allclose(encoder(graphs)[3:], flat[3:], atol=1e-3)

    def test_every_parameter_gets_a_gradient_with_all_views(self, encoder):
        states = encoder.train()(read(["CCO", ASPIRIN]))
        (states * torch.randn_like(states)).sum().backward()
        assert all(one.grad is not None and one.grad.isfinite().all() for one in encoder.parameters())

    def test_hidden_atoms_leave_no_trace_in_space(self, encoder):
        graphs = read(["CCOCC", "CCO"])
        hidden = torch.zeros(8, dtype=torch.bool)
        hidden[2] = True
        moved = graphs.atom_positions.clone()
        moved[:5] *= 2
        other = dataclasses.replace(graphs, atom_positions=moved, path_bonds=graphs.path_bonds * 0)
        torch.testing.assert_close(encoder(other, hidden), encoder(graphs, hidden), **TOLERANCE)

    def test_300_atoms_are_read(self, encoder):
        with torch.no_grad():
            states = encoder(read(["C" * 300, "CCO"], VIEWS[:2]))
        assert states.shape == (303, 16) and states.isfinite().all()

    def test_half_precision(self, encoder):
        states = encoder.bfloat16()(read(["CCO", ASPIRIN]))
        assert states.dtype == torch.bfloat16 and states.isfinite().all()

    def test_a_pair_is_shown_one_relation(self, encoder):
        """Each kind of relation reaches the states where it is shown, and not where it is not."""
        graphs = read([ASPIRIN])
        relations = encoder.relate(graphs)
        changed = {
            PATH: dataclasses.replace(relations, lengths=relations.lengths.masked_fill(relations.is_joined, 3)),
            BONDS: dataclasses.replace(relations, bonds=(relations.bonds > 0).byte() * 66),
            SPACE: dataclasses.replace(relations, positions=relations.positions * torch.tensor([1, 1, 3])),
        }
        for kind in changed:
            shown = torch.full_like(relations.lengths, kind, dtype=torch.long)
            states = encoder.encode(graphs, relations, shown=shown)
            for other, what in changed.items():
                is_same = torch.allclose(encoder.encode(graphs, what, shown=shown), states, atol=1e-5)
                assert is_same == (other != kind), (kind, other)


def build(**options):
    return FineMolTexBlendEncoder(FineMolTexGraphConfig(encoder="blend", hidden_size=16, encoder_options=options))


def test_what_is_shown_follows_seed_molecule_and_ratio():
    encoder, seeds = build(num_heads=4), torch.tensor([5, 6, 7])
    relations = encoder.relate(read([ASPIRIN, "c1ccccc1CCCCCCCCO", "[Na+].[Cl-]"]))
    shown = draw_shown(relations, seeds, [0.2, 0.2, 0.6])
    assert torch.equal(shown, shown.transpose(1, 2)) and set(shown.unique().tolist()) == {PATH, BONDS, SPACE}
    assert (shown[~relations.is_joined] == PATH).all()
    alone = encoder.relate(read([ASPIRIN]))
    assert torch.equal(draw_shown(alone, seeds[:1], [0.2, 0.2, 0.6])[0], shown[0, :13, :13])
    many = torch.arange(200)
    wide = encoder.relate(read([ASPIRIN]).select(torch.zeros(200, dtype=torch.long)))
    shares = draw_shown(wide, many, [0.2, 0.2, 0.6])[wide.is_joined].bincount(minlength=3) / wide.is_joined.sum()
    torch.testing.assert_close(shares, torch.tensor([0.2, 0.2, 0.6]), atol=0.02, rtol=0)
    flat = dataclasses.replace(wide, has_conformer=torch.zeros(200, dtype=torch.bool))
    shares = draw_shown(flat, many, [0.2, 0.2, 0.6])[wide.is_joined].bincount(minlength=3) / wide.is_joined.sum()
    torch.testing.assert_close(shares, torch.tensor([0.5, 0.5, 0.0]), atol=0.02, rtol=0)
    none = dataclasses.replace(wide, has_conformer=None, positions=None)
    assert torch.equal(draw_shown(none, many, [0.2, 0.2, 0.6]), draw_shown(flat, many, [0.2, 0.2, 0.6]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": 1}, r"The encoder 'blend' has no option colour: its options are \['num_heads', "),
        (
            {"num_heads": 3},
            r"`graph_config.hidden_size` \(16\) must be a multiple of `encoder_options.num_heads` \(3\)",
        ),
        ({"max_path": 0}, "`encoder_options.max_path` must be positive: got 0"),
        ({"blend_ratio": [0, 0, 1]}, r"three shares, .* one of the first two positive: got \[0, 0, 1\]"),
        ({"blend_ratio": [0.5, 0.5]}, "three shares"),
        ({"blend_ratio": [-1, 1, 1]}, "none negative"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**{"num_heads": 4, **options})


def test_a_saved_model_gives_the_same_embeddings_and_hides_motifs(change_config, processor, tmp_path):
    config = change_config(graph_config={"encoder": "blend", "encoder_options": {"num_heads": 4}, "dropout": 0.0})
    model = FineMolTexModel(config).eval()
    batch = processor.feature_extractor.with_views(VIEWS)(["CCO", ASPIRIN])
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path).eval()
    assert again.config.graph_config.encoder_options == {"num_heads": 4}
    with torch.no_grad():
        embeds = model.get_molecule_features(**batch)
        torch.testing.assert_close(again.get_molecule_features(**batch), embeds, atol=0, rtol=0)
        hidden = torch.zeros_like(batch["motif_attention_mask"], dtype=torch.bool)
        hidden[1, 1] = True
        seen = model(**batch, hidden_motifs=hidden).molecule_embeds
    torch.testing.assert_close(seen[0], embeds[0], **TOLERANCE)
    assert not torch.allclose(seen[1], embeds[1], atol=1e-3)
