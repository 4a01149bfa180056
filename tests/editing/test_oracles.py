"""Oracles are RDKit's figures, in the direction asked for."""

import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from modeling_finemoltex.editing import ORACLES, PropertyOracle, parse_oracle

ASPIRIN = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")


def test_directions_are_signs():
    assert parse_oracle("logp")(ASPIRIN) == pytest.approx(Descriptors.MolLogP(ASPIRIN))
    assert parse_oracle("LogP:down")(ASPIRIN) == pytest.approx(-Descriptors.MolLogP(ASPIRIN))
    assert str(parse_oracle("tpsa:down")) == "TPSA down" and parse_oracle("donors") == PropertyOracle("donors", "up")
    assert {name: parse_oracle(name)(ASPIRIN) for name in ORACLES}["acceptors"] == 3


@pytest.mark.parametrize("text", ["beauty", "logp:sideways", "", "logp:up:down"])
def test_unknown_ones_are_refused_with_those_that_there_are(text):
    with pytest.raises(ValueError, match="give one of logp, qed, tpsa, donors, acceptors, with :up or :down"):
        parse_oracle(text)
