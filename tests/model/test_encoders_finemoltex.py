import pytest

from modeling_finemoltex import MOLECULE_ENCODERS, FineMolTexGraphConfig, FineMolTexModel, MoleculeEncoder
from modeling_finemoltex.model.encoders_finemoltex import build_molecule_encoder


def test_every_encoder_keeps_the_contract():
    for name, encoder in MOLECULE_ENCODERS.items():
        assert issubclass(encoder, MoleculeEncoder) and isinstance(encoder.needs, frozenset), name
        assert build_molecule_encoder(FineMolTexGraphConfig(encoder=name, hidden_size=40)).hidden_size == 40


def test_the_configuration_names_the_encoder(change_config):
    assert type(FineMolTexModel(change_config()).graph_encoder) is MOLECULE_ENCODERS["gin"]
    with pytest.raises(ValueError, match="`graph_config.encoder` must be one of gin.*: got 'schnet'"):
        FineMolTexModel(change_config(graph_config={"encoder": "schnet"}))
