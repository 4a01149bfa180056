"""What every molecule encoder must do. A test class subclasses the mixin and names its encoder."""

import dataclasses

import pytest
import torch

from modeling_finemoltex import MOLECULE_ENCODERS, FineMolTexFeatureExtractor, FineMolTexGraphConfig, Molecules
from modeling_finemoltex.model.encoders_finemoltex import build_molecule_encoder

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def change(molecules: Molecules, **fields) -> Molecules:
    """Copy molecules with other tensors."""
    return dataclasses.replace(molecules, **fields)


class EncoderContract:
    """The contract of a molecule encoder.

    Attributes:
        name: Key of `MOLECULE_ENCODERS`.
        options: `encoder_options` under test.
        unreached: Parameters that the last layer or a plain pass leaves without a gradient.
        views: What the processor fills.
        hidden_size: Width of the atom states.
    """

    name: str
    options: dict | None = None
    unreached: frozenset[str] = frozenset()
    views: tuple[str, ...] = ("graph",)
    hidden_size: int = 16

    def list_layer_shapes(self, graphs):
        """List the shapes of what the layers of the encoder give."""
        return [(len(graphs.atom_features), self.hidden_size)] * 3

    def renumber(self, graphs, order, place):
        """Number the atoms anew: atom `order[i]` becomes atom `i`, so atom `i` becomes `place[i]`."""
        return change(
            graphs,
            atom_features=graphs.atom_features[order],
            atom_to_motif=graphs.atom_to_motif[order],
            molecule_of_atom=graphs.molecule_of_atom[order],
            edge_index=place[graphs.edge_index],
        )

    def disturb(self, graphs, hidden):
        """Change all that is known of some atoms and their bonds."""
        atoms, bonds = graphs.atom_features.clone(), graphs.edge_features.clone()
        atoms[hidden] = 1
        bonds[hidden[graphs.edge_index].any(0)] = 2
        return change(graphs, atom_features=atoms, edge_features=bonds)

    @pytest.fixture
    def encoder(self):
        config = FineMolTexGraphConfig(
            encoder=self.name,
            encoder_options=self.options,
            hidden_size=self.hidden_size,
            num_layers=3,
            dropout=0.0,
        )
        torch.manual_seed(0)
        encoder = build_molecule_encoder(config)
        with torch.no_grad():
            for parameter in encoder.parameters():
                parameter.normal_(std=0.3)
        return encoder.eval()

    @pytest.fixture
    def extractor(self):
        return FineMolTexFeatureExtractor(views=self.views)

    @pytest.fixture
    def graphs(self, extractor, molecules):
        return Molecules.from_tensors(**extractor(list(molecules)))

    def test_it_gives_a_state_to_every_atom(self, encoder, graphs):
        assert type(encoder) is MOLECULE_ENCODERS[self.name]
        states = encoder(graphs)
        assert states.shape == (len(graphs.atom_features), encoder.hidden_size) and states.isfinite().all()

    def test_it_needs_only_views_that_the_processor_fills(self, encoder):
        assert encoder.needs | encoder.uses <= set(self.views)

    def test_its_layers_give_states_of_atoms(self, encoder, graphs):
        shapes = []
        for module in encoder.modules():
            if isinstance(module, encoder.layer_class):
                module.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape)))
        encoder(graphs)
        assert shapes == self.list_layer_shapes(graphs)

    def test_the_order_of_the_atoms_is_that_of_the_states(self, encoder, graphs):
        order = torch.randperm(len(graphs.atom_features))
        place = order.argsort()  # the new number of each atom
        permuted = self.renumber(graphs, order, place)
        torch.testing.assert_close(encoder(permuted), encoder(graphs)[order], **TOLERANCE)

    def test_the_order_of_the_bonds_changes_nothing(self, encoder, graphs):
        order = torch.randperm(graphs.edge_index.shape[1])
        shuffled = change(graphs, edge_index=graphs.edge_index[:, order], edge_features=graphs.edge_features[order])
        torch.testing.assert_close(encoder(shuffled), encoder(graphs), **TOLERANCE)

    def test_a_molecule_alone_equals_the_molecule_in_a_batch(self, encoder, graphs):
        states = encoder(graphs).split(graphs.atom_counts.tolist())
        for row in range(len(graphs)):
            torch.testing.assert_close(encoder(graphs.select(torch.tensor([row]))), states[row], **TOLERANCE)

    def test_hidden_atoms_leave_no_trace(self, encoder, graphs):
        hidden = graphs.atom_to_motif == 5
        states = encoder(graphs, hidden)
        other = self.disturb(graphs, hidden)
        torch.testing.assert_close(encoder(other, hidden), states, atol=1e-6, rtol=0)
        assert not torch.allclose(encoder(other), states)
        seen = graphs.molecule_of_atom != graphs.molecule_of_atom[hidden][0]  # the other molecules
        torch.testing.assert_close(states[seen], encoder(graphs)[seen], **TOLERANCE)

    def test_every_parameter_gets_a_gradient(self, encoder, graphs):
        states = encoder.train()(graphs)
        (states * torch.randn_like(states)).sum().backward()
        without = {name for name, parameter in encoder.named_parameters() if parameter.grad is None}
        assert without == self.unreached
        assert all(one.grad.isfinite().all() for one in encoder.parameters() if one.grad is not None)

    def test_an_atom_without_bonds_is_encoded(self, encoder, extractor):
        for mode in (True, False):
            states = encoder.train(mode)(Molecules.from_tensors(**extractor("C")))
            assert states.shape == (1, self.hidden_size) and states.isfinite().all()
