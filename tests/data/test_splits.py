"""Splits keep groups whole, sizes right and the order seeded."""

import itertools

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from modeling_finemoltex.data import (
    column_split,
    deterministic_scaffold_split,
    random_split,
    scaffold_split,
    scaffolds,
    splits,
)

RINGS = ["c1ccccc1", "c1ccncc1", "C1CCCCC1", "c1ccsc1", "c1ccoc1", "C1CCNCC1", "c1cnc[nH]1", "C1CC1", "c1ccc2ccccc2c1"]
CHAINS = ["C", "CC", "CCO", "N", "Cl", "C(=O)O"]
LINKED = [f"{left}CC{right}" for left, right in itertools.product(RINGS[:6], RINGS[:6])]
MOLECULES = [f"{ring}.{chain}" for ring in RINGS for chain in CHAINS] + CHAINS + LINKED + LINKED[:10]


def scaffold(smiles: str) -> str:
    return MurckoScaffold.MurckoScaffoldSmiles(smiles)


def check_partition(parts, num_rows):
    assert list(parts) == ["train", "valid", "test"]
    assert all(rows.dtype == np.int64 and (np.diff(rows) > 0).all() for rows in parts.values())
    np.testing.assert_array_equal(np.sort(np.concatenate(list(parts.values()))), np.arange(num_rows))


def test_scaffolds_do_not_straddle():
    parts = scaffold_split(MOLECULES, valid_size=12, test_size=0.1, seed=3)
    check_partition(parts, len(MOLECULES))
    assert 0 < len(parts["valid"]) <= 12 and 0 < len(parts["test"]) <= round(0.1 * len(MOLECULES))
    groups = [{scaffold(MOLECULES[row]) for row in rows} for rows in parts.values()]
    assert all(not left & right for left, right in itertools.combinations(groups, 2))
    assert "" not in groups[1] | groups[2]  # molecules without rings stay in train


def test_large_groups_stay_in_train():
    parts = scaffold_split(MOLECULES, valid_size=20, test_size=20)
    held_out = [scaffold(MOLECULES[row]) for row in np.concatenate([parts["valid"], parts["test"]])]
    largest = max(held_out.count(name) for name in held_out)
    assert largest <= splits.LARGEST_GROUP_SHARE * 20


def test_scaffold_split_is_seeded():
    first, again, other = (scaffold_split(MOLECULES, 12, 12, seed=seed) for seed in (0, 0, 1))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert first["valid"].tolist() != other["valid"].tolist()


def test_processes_do_not_change_the_split(monkeypatch):
    alone = scaffold_split(MOLECULES, 12, 12)
    monkeypatch.setattr("modeling_finemoltex.data.identifiers.CHUNK_SIZE", 16)
    for name, rows in scaffold_split(MOLECULES, 12, 12, num_proc=2).items():
        np.testing.assert_array_equal(rows, alone[name])


@pytest.mark.parametrize("split", [random_split, scaffold_split])
def test_spellings_of_one_molecule_stay_together(split):
    spellings = []
    for smiles in LINKED:
        molecule = Chem.MolFromSmiles(smiles)
        spellings += [Chem.MolToSmiles(molecule, rootedAtAtom=0), Chem.MolToSmiles(molecule, rootedAtAtom=3)]
    parts = split(spellings, valid_size=0.3, test_size=0.3) if split is random_split else split(spellings, 40, 20)
    canonical = np.asarray([Chem.CanonSmiles(smiles) for smiles in spellings])
    check_partition(parts, len(spellings))
    groups = [set(canonical[rows]) for rows in parts.values()]
    assert all(not left & right for left, right in itertools.combinations(groups, 2))


def test_random_split_fills_the_sizes():
    distinct = sorted({Chem.CanonSmiles(smiles) for smiles in MOLECULES})
    parts = random_split(distinct, valid_size=7, test_size=0.25)
    check_partition(parts, len(distinct))
    assert len(parts["valid"]) == 7 and len(parts["test"]) == round(0.25 * len(distinct))
    assert random_split(distinct, 7, 7, seed=1)["valid"].tolist() != parts["valid"].tolist()


@pytest.mark.parametrize("split", [random_split, scaffold_split])
def test_bad_input_is_explained(split):
    with pytest.raises(ValueError, match=r"2 of 4 SMILES cannot be parsed \(row 1: 'C\(', row 3: None\)"):
        split(["C", "C(", "CC", None], 1, 1)
    with pytest.raises(ValueError, match="leave no training row of 3"):
        split(["C", "CC", "CCC"], 2, 1)
    for size in (1.0, -1):
        with pytest.raises(ValueError, match="`valid_size` must be a number of rows"):
            split(["C", "CC", "CCC"], size, 0)


def test_impossible_scaffold_split():
    with pytest.raises(ValueError, match="No scaffold group fits the valid split of 2 rows.*random_split"):
        scaffold_split(["C"] * 10, 2, 0)


def test_deterministic_scaffold_split_takes_large_groups_first():
    # Benzenes (5), pyridines (3), two single rings: 10 rows, 80/10/10.
    benzenes = [f"c1ccccc1{'C' * length}" for length in range(5)]
    pyridines = [f"c1ccncc1{'C' * length}" for length in range(3)]
    rows = ["C1CC1", *pyridines, *benzenes, "C1CCC1"]
    parts = deterministic_scaffold_split(rows)
    check_partition(parts, 10)
    # Among the single rows the one that comes last is taken first.
    assert {name: part.tolist() for name, part in parts.items()} == {
        "train": list(range(1, 9)),
        "valid": [9],
        "test": [0],
    }
    for name, part in deterministic_scaffold_split(rows).items():
        np.testing.assert_array_equal(part, parts[name])


def test_deterministic_scaffold_split_tells_stereo_apart_and_groups_chains():
    assert scaffolds.chiral_scaffold("O=C1CC[C@@H](c2ccccc2)N1") != scaffolds.chiral_scaffold("O=C1CCC(c2ccccc2)N1")
    parts = deterministic_scaffold_split(["c1ccccc1", "CCO", "CCCO", "C1CC1"], valid_size=0.25, test_size=0.25)
    assert {name: rows.tolist() for name, rows in parts.items()} == {"train": [1, 2], "valid": [3], "test": [0]}


def test_impossible_deterministic_split():
    with pytest.raises(ValueError, match="leaves no row for train: the 10 rows have 1 scaffolds.*Split at random"):
        deterministic_scaffold_split(["c1ccccc1C"] * 10)
    with pytest.raises(ValueError, match="cannot be parsed"):
        deterministic_scaffold_split(["C(", *["C"] * 9])


def test_column_split():
    parts = column_split(["Train", "val", "test", "validation", " train "])
    assert {name: rows.tolist() for name, rows in parts.items()} == {"train": [0, 4], "valid": [1, 3], "test": [2]}
    with pytest.raises(ValueError, match="Row 1 of the split column says 'maybe'; allowed are train, valid"):
        column_split(["train", "maybe"])
    with pytest.raises(ValueError, match="no row for test"):
        column_split(["train", "valid"])


def test_chains_go_apart_by_their_groups():
    chains = [f"{'C' * length}{end}" for end in ("O", "N", "C(=O)O", "Cl", "S") for length in range(2, 6)]
    rings = ["c1ccccc1C", "c1ccncc1", "C1CC1", "C1CCC1", "c1ccsc1"]
    with pytest.raises(ValueError, match='leaves no row for .*or give `chains="apart"`: that group is the molecules'):
        deterministic_scaffold_split([*chains, *rings[:2]], valid_size=0.1, test_size=0.1)
    parts = deterministic_scaffold_split([*chains, *rings], valid_size=0.2, test_size=0.2, chains="apart")
    check_partition(parts, 25)
    assert {name: len(part) for name, part in parts.items()} == {"train": 15, "valid": 8, "test": 2}
    ends = [{chains[row].lstrip("C") for row in part if row < len(chains)} for part in parts.values()]
    assert all(not left & right for left, right in itertools.combinations(ends, 2))
    for name, part in deterministic_scaffold_split(rings * 4, 0.2, 0.2, chains="apart").items():
        np.testing.assert_array_equal(part, deterministic_scaffold_split(rings * 4, 0.2, 0.2)[name])
    with pytest.raises(ValueError, match="`chains` must be one of together, apart: got 'none'"):
        deterministic_scaffold_split(chains, chains="none")


def test_no_chains_no_advice():
    with pytest.raises(ValueError, match="or by a column of your own.$"):
        deterministic_scaffold_split(["c1ccccc1C"] * 10)
