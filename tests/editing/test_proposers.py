"""Several proposers share the work."""

import random

import pytest
from rdkit import Chem

from modeling_finemoltex.editing import Proposal, Rule, default_fragments, make_proposers
from modeling_finemoltex.editing.proposers import propose_analogues


class Echo:
    """Proposes the number that it is asked for."""

    def propose(self, molecule, number, generator):
        return (Proposal(f"{number}", Rule("motif", "", f"{place}")) for place in range(3))


def test_each_is_asked_for_its_share_and_repeats_count_once():
    parents = [Chem.MolFromSmiles("CCO"), Chem.MolFromSmiles("CCN")]
    assert propose_analogues([Echo(), Echo()], parents, 10, random.Random(0)) == [
        Proposal("3", Rule("motif", "", "0"))
    ]


def test_the_proposers_asked_for_are_made(processor, tmp_path):
    extractor = processor.feature_extractor
    (alone,) = make_proposers(extractor)
    assert alone.database == default_fragments()
    pytest.importorskip("selfies")
    assert [type(proposer).__name__ for proposer in make_proposers(extractor, use_selfies=True, use_motifs=True)] == [
        *("CremMutations", "MotifSwaps", "SelfiesMutations")
    ]
    with pytest.raises(ValueError, match="is no fragment database"):
        make_proposers(extractor, tmp_path / "missing.db")
