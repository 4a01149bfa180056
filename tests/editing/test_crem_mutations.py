"""Analogues by exchanging fragments of a library."""

import random

import pytest
from rdkit import Chem

pytest.importorskip("crem")

from modeling_finemoltex.editing import CremMutations, Rule, build_fragment_database

LIBRARY = ["CCc1ccccc1", "CCCc1ccccc1", "OCc1ccccc1", "NCc1ccccc1", "ClCc1ccccc1", "no molecule"]


def test_fragments_of_the_library_are_exchanged(tmp_path, check_proposals):
    database = tmp_path / "fragments.db"
    assert build_fragment_database(LIBRARY, database) == 5
    source = Chem.MolFromSmiles("CCc1ccccc1")
    rules = dict(CremMutations(database).propose(source, 60, random.Random(0)))
    check_proposals(list(rules), "CCc1ccccc1")
    assert rules["OCc1ccccc1"] == Rule("fragment", "CC[*:1]", "OC[*:1]", 2, 1, "fragments.db")
    assert rules["c1ccccc1"][1:5] == ("CC[*:1]", "", 2, 10) and "NCc1ccccc1" in rules
    with pytest.raises(ValueError, match="exists: delete it"):
        build_fragment_database(LIBRARY, database)


def test_databases_that_cannot_be_made_or_read(tmp_path):
    with pytest.raises(ValueError, match="No molecule could be read"):
        build_fragment_database(["nothing"], tmp_path / "other.db")
    with pytest.raises(ValueError, match="is no fragment database"):
        CremMutations(tmp_path / "missing.db")
