"""Fragments looked up in databases of every layout that CReM has written, and molecules opened where they are cut."""

import random
import sqlite3
from contextlib import closing

import pytest
from rdkit import Chem

pytest.importorskip("crem")

from modeling_finemoltex.editing import CremMutations, build_fragment_database
from modeling_finemoltex.editing.crem_mutations import open_molecule
from modeling_finemoltex.editing.fragment_database import find_radii
from modeling_finemoltex.editing.fragment_library import FragmentLibrary
from modeling_finemoltex.editing.fragment_mining import MoleculeCutter
from modeling_finemoltex.editing.joining import join_parts

LIBRARY = ["CCc1ccccc1", "OCc1ccccc1", "NCc1ccccc1", "ClCc1ccccc1", "O=C(NCc1ccccc1)C1CC1", "COCc1ccccc1"]
MOLECULE = "CCc1ccccc1"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("fragments") / "fragments.db"
    build_fragment_database(LIBRARY, path)
    return path


def list_replacements(path) -> set[tuple[str, str, int]]:
    cutter = MoleculeCutter(Chem.MolFromSmiles(MOLECULE), 2, 10)
    return {
        (exchange.removed, fragment, int(seen))
        for exchange in FragmentLibrary(path).list_exchanges(cutter)
        for fragment, seen in zip(exchange.held.fragments, exchange.held.seen, strict=True)
    }


def test_the_library_has_what_crem_finds(database):
    from crem.crem import get_replacements

    molecule = Chem.AddHs(Chem.MolFromSmiles(MOLECULE))
    options = {"radius": 2, "max_size": 10, "min_inc": -10, "max_inc": 10}
    found = {fragment for fragment in get_replacements(molecule, str(database), **options)}
    ours = list_replacements(database)
    assert {fragment for removed, fragment, _ in ours if fragment != removed} >= found
    assert ("CC[*:1]", "OC[*:1]", 1) in ours and ("CC[*:1]", "CC[*:1]", 1) in ours


@pytest.mark.parametrize("layout", (0, 1))
def test_older_layouts_hold_the_same(database, tmp_path, layout):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(database)) as new, closing(sqlite3.connect(path)) as old:
        rows = new.execute(
            "SELECT e.env, f.core_smi, r.core_num_atoms, r.dist2, r.seen, e.env_id, f.core_smi_id FROM radius2 r "
            "JOIN envs e USING (env_id) JOIN frags f USING (core_smi_id)"
        ).fetchall()
        if layout == 0:
            old.execute("CREATE TABLE radius2(env TEXT, core_smi TEXT, core_num_atoms INT, dist2 INT, freq INT)")
            old.executemany("INSERT INTO radius2 VALUES (?, ?, ?, ?, ?)", [row[:5] for row in rows])
        else:
            old.executescript(
                "PRAGMA user_version = 1; CREATE TABLE envs(env_id INTEGER PRIMARY KEY, env TEXT);"
                "CREATE TABLE frags(core_smi_id INTEGER PRIMARY KEY, core_smi TEXT);"
                "CREATE TABLE frags_h(core_smi_h_id INTEGER PRIMARY KEY);"
                "CREATE TABLE radius2(env_id INT, core_smi_id INT, core_num_atoms INT, dist2 INT, "
                "is_ring_closure INT, one INT, two INT)"
            )
            old.executemany("INSERT OR IGNORE INTO envs VALUES (?, ?)", {(row[5], row[0]) for row in rows})
            old.executemany("INSERT OR IGNORE INTO frags VALUES (?, ?)", {(row[6], row[1]) for row in rows})
            table = [(row[5], row[6], row[2], row[3], 0, row[4], 0) for row in rows]
            table += [(row[5], row[6], row[2], row[3], 1, 99, 99) for row in rows]  # ring closures are another thing
            old.executemany("INSERT INTO radius2 VALUES (?, ?, ?, ?, ?, ?, ?)", table)
        old.commit()
        assert find_radii(old) == [2]
    assert list_replacements(path) == list_replacements(database)
    proposals = list(CremMutations(path).propose(Chem.MolFromSmiles(MOLECULE), 5, random.Random(0)))
    assert proposals and {one.rule.library for one in proposals} == {"old"}


@pytest.mark.parametrize(
    "smiles", ("C[C@H](N)c1ccccc1", "C[C@@H](O)C(=O)N[C@@H](C)C#N", "F/C=C/CCO", "C[N+](C)(C)CCO")
)
def test_what_is_opened_and_closed_again_is_the_molecule(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    cuts = list(MoleculeCutter(molecule, 2, 10).list_cuts())
    assert {len(cut.bonds) for cut in cuts} == {1, 2}
    for cut in cuts:
        numbers = tuple(range(1, len(cut.bonds) + 1))
        rest = open_molecule(molecule, cut, numbers)
        assert rest.GetNumHeavyAtoms() == molecule.GetNumHeavyAtoms() - len(cut.atoms)
        if not cut.atoms:
            assert join_parts(rest, Chem.MolFromSmiles("[1*][H]", sanitize=False)) == Chem.CanonSmiles(smiles)
        elif len(cut.bonds) == 1:
            marked = cut.place.fragment.replace("[*:1]", "[1*]")
            joined = join_parts(rest, Chem.MolFromSmiles(marked))
            assert joined is not None
            Chem.RemoveStereochemistry(molecule_again := Chem.MolFromSmiles(joined))
            Chem.RemoveStereochemistry(flat := Chem.Mol(molecule))
            assert Chem.MolToSmiles(molecule_again) == Chem.MolToSmiles(flat)
