"""Analogues by exchanging fragments of a library, that of the package or another."""

import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest
from rdkit import Chem

pytest.importorskip("crem")

from modeling_finemoltex.editing import (
    CremMutations,
    Rule,
    build_fragment_database,
    default_fragments,
    read_fragment_facts,
)

LIBRARY = ["CCc1ccccc1", "CCCc1ccccc1", "OCc1ccccc1", "NCc1ccccc1", "ClCc1ccccc1"]
PARACETAMOL = "CC(=O)Nc1ccc(O)cc1"


def propose(smiles: str, number: int, seed: int = 0, mutations: CremMutations | None = None):
    proposer = mutations or CremMutations()
    return list(proposer.propose(Chem.MolFromSmiles(smiles), number, random.Random(seed)))


@pytest.fixture(scope="module")
def shipped():
    return CremMutations()


def test_fragments_of_the_library_are_exchanged(tmp_path, check_proposals):
    database = tmp_path / "fragments.db"
    build_fragment_database(LIBRARY, database, name="benzyl")
    rules = dict(propose("CCc1ccccc1", 60, mutations=CremMutations(database)))
    check_proposals(list(rules), "CCc1ccccc1")
    exchanges = [("CC[*:1]", "OC[*:1]"), ("C[*:1]", "O[*:1]")]  # both lead there
    assert rules["OCc1ccccc1"] in [Rule("fragment", *sides, 2, 1, "benzyl") for sides in exchanges]
    assert rules["c1ccccc1"] == Rule("fragment", "CC[*:1]", "", 2, 5, "benzyl")
    assert "NCc1ccccc1" in rules


def test_the_shipped_fragments_propose_many_analogues(shipped, check_proposals):
    proposals = propose(PARACETAMOL, 200, mutations=shipped)
    check_proposals([one.smiles for one in proposals], PARACETAMOL)
    assert len(proposals) == 200
    facts = read_fragment_facts(default_fragments())
    for _, rule in proposals:
        assert rule.kind == "fragment" and rule.radius == facts["radius"] and rule.library == facts["name"]
        assert facts["min_count"] <= rule.seen <= facts["molecules"] * 2
        assert "*" in rule.removed + rule.added


def test_equal_seeds_give_equal_proposals(shipped):
    first, again, other = (propose(PARACETAMOL, 40, seed, shipped) for seed in (1, 1, 2))
    assert first == again != other


def test_frequent_fragments_come_more_often_and_rare_ones_too(tmp_path):
    library = ["Oc1ccccc1"] * 80 + [f"{group}c1ccccc1" for group in ("F", "CC", "N", "Cl", "SC", "Br", "I", "CO")]
    database = tmp_path / "fragments.db"
    build_fragment_database(library, database)
    mutations = CremMutations(database)
    first = Counter(propose("Cc1ccccc1", 1, seed, mutations)[0].rule.added for seed in range(120))
    assert first.most_common(1)[0][0] == "O[*:1]" and len(first) > 5


def test_several_processes_read_at_once(shipped):
    with ProcessPoolExecutor(2) as pool:
        assert len(set(map(tuple, pool.map(propose, [PARACETAMOL] * 2, [20] * 2)))) == 1


def test_small_and_bare_molecules_do_no_harm(shipped):
    assert propose("[Na+]", 5, mutations=shipped) == []
    assert all(proposal.smiles != "C" for proposal in propose("C", 5, mutations=shipped))


def test_databases_that_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match="is no fragment database"):
        CremMutations(tmp_path / "missing.db")
    with pytest.raises(ValueError, match=r"has the radii \[2\], not 5"):
        CremMutations(radius=5)
    (tmp_path / "damaged.db").write_bytes(default_fragments().read_bytes()[:100_000])
    with pytest.raises(ValueError, match="or a damaged one"):
        CremMutations(tmp_path / "damaged.db")
