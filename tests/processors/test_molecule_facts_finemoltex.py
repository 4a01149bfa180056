"""The binary form of RDKit says what RDKit says when it is asked, or it is not read."""

import pytest
from rdkit import Chem

from modeling_finemoltex.processors import molecule_facts_finemoltex as facts
from modeling_finemoltex.processors.atom_features_finemoltex import atom_feature_matrix, record_of
from modeling_finemoltex.processors.featurization_finemoltex import FineMolTexFeaturizer
from modeling_finemoltex.processors.smiles_finemoltex import try_parse

READ = {
    "a gas": "C",
    "bonds of every order": "CC=CC#N",
    "aromatic, with hydrogen": "c1ccc2c(c1)[nH]c1ccccc12",
    "charges": "C[N+](C)(C)CC(=O)[O-].[Cl-]",
    "high charges": "[Th+4].[Fe+3].[O-2]",
    "radicals": "[CH2].[CH3].[O][O].[O]",
    "R and S": "C[C@H](N)C(=O)O.C[C@@H](N)C(=O)O",
    "a mark without a name": "C[C@H]1CC[C@@H](C)CC1",
    "Z and E": "F/C=C/F.F/C=C\\F",
    "Z and E beside a ring": "C(/C=C/c1ccccc1)=C\\C",
    "an allene": "CC=[C@]=CC",
    "a metal": "N[Pt](N)(Cl)Cl",
    "dative bonds": "[NH3]->[Pt](Cl)(Cl)<-[NH3]",
    "a bond of order 4": "[Re]$[Re]",
    "a metallocene": "[cH-]1cccc1.[cH-]1cccc1.[Fe+2]",
    "many neighbours": "F[P-](F)(F)(F)(F)F.FS(F)(F)(F)(F)F",
    "hydrogens that are atoms": "[H][H].[H+].[H]/N=C/C",
    "boron and silicon": "OB(O)c1ccccc1.C[Si](C)(C)C.[BH4-]",
    "cages": "C12C3C4C1C5C2C3C45",
    "a ring of many atoms": f"C1{'C' * 60}1",
    "as many atoms as a byte counts": "C" * 255,
}
ASKED = {
    "more atoms than a byte counts": "C" * 256,
    "isotopes": "[2H]C([2H])([2H])O.[13CH4].[238U]",
    "map numbers": "[CH3:1][OH:2]",
}
BOTH = {"dummy atoms": "*C(=O)N*", "numbered dummy atoms": "[1*]CC[2*]", "a hindered bond": "CC |w:1.0|"}


def agree(one, other):
    return one[:-1] == other[:-1] and list(map(tuple, one.rings)) == list(map(tuple, other.rings))


@pytest.mark.parametrize("smiles", READ.values(), ids=READ)
def test_what_is_read_is_what_rdkit_answers(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    read = facts._read_bytes(molecule)
    assert read is not None, "these bytes are known"
    assert agree(read, facts.ask_facts(molecule))


@pytest.mark.parametrize("smiles", ASKED.values(), ids=ASKED)
def test_what_is_not_known_is_asked(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    assert facts._read_bytes(molecule) is None
    assert agree(facts.read_facts(molecule), facts.ask_facts(molecule))


@pytest.mark.parametrize("smiles", BOTH.values(), ids=BOTH)
def test_read_or_asked_the_facts_are_the_same(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    assert agree(facts.read_facts(molecule), facts.ask_facts(molecule))


def test_all_elements_and_charges():
    for number in range(119):
        for charge in (-3, -1, 0, 1, 2, 5):
            molecule = Chem.MolFromSmiles(f"[#{number}{charge:+d}]", sanitize=False)
            molecule.UpdatePropertyCache(strict=False)
            Chem.FastFindRings(molecule)
            assert agree(facts.read_facts(molecule), facts.ask_facts(molecule))


def test_conformers_properties_and_stereo_groups_change_nothing():
    molecule = Chem.MolFromSmiles("C[C@H](O)C(=O)c1ccccc1 |o1:1|")
    molecule.SetProp("name", "a name")
    molecule.GetAtomWithIdx(0).SetProp("note", "an atom")
    conformer = Chem.Conformer(molecule.GetNumAtoms())
    molecule.AddConformer(conformer)
    assert agree(facts.read_facts(molecule), facts.ask_facts(molecule))


@pytest.mark.parametrize("fragmentation", ["paper", "functional"])
def test_a_molecule_of_rdkit_has_the_features_of_its_smiles(fragmentation):
    featurizer = FineMolTexFeaturizer(fragmentation=fragmentation)
    for smiles in {**READ, **ASKED}.values():
        spelled, given = featurizer.featurize(smiles), featurizer.featurize(Chem.MolFromSmiles(smiles))
        assert (spelled.atom_features == given.atom_features).all()
        assert sorted(spelled.motif_ids) == sorted(given.motif_ids)


class Bytes:
    """A molecule whose binary form is changed."""

    def __init__(self, molecule, change):
        self._molecule, self._change = molecule, change

    def __getattr__(self, name):
        return getattr(self._molecule, name)

    def ToBinary(self, properties):  # noqa: N802 - RDKit's name
        return self._change(self._molecule.ToBinary(properties))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:12] + bytes((99,)) + data[13:],  # a later version
        lambda data: b"\0" * 4 + data[4:],  # another byte order
        lambda data: data[: facts._FIRST_ATOM + 3],  # cut in an atom
        lambda data: data[: facts._FIRST_ATOM + 40],  # cut later
        lambda data: data[: facts._FIRST_ATOM + 2] + b"\xff" + data[facts._FIRST_ATOM + 3 :],  # an unknown mark
        lambda data: b"",
    ],
    ids=["version", "byte order", "cut in an atom", "cut later", "unknown mark", "empty"],
)
def test_unknown_bytes_are_not_read(change):
    molecule = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")
    assert facts._read_bytes(Bytes(molecule, change)) is None
    assert agree(facts.read_facts(Bytes(molecule, change)), facts.ask_facts(molecule))


def test_an_rdkit_of_another_version_gets_the_same_features(monkeypatch):
    molecules = [try_parse(smiles) for smiles in {**READ, **ASKED}.values()]
    read = [atom_feature_matrix(record_of(molecule)) for molecule in molecules]
    monkeypatch.setattr(facts, "_HEADS", frozenset())
    asked = [atom_feature_matrix(record_of(molecule)) for molecule in molecules]
    assert all((one == other).all() for one, other in zip(read, asked, strict=True))


def test_kinds_of_atoms_that_are_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(facts, "_ATOMS", facts._Atoms())
    monkeypatch.setattr(facts, "_MOST_KINDS", 3)
    for smiles in READ.values():
        molecule = Chem.MolFromSmiles(smiles)
        assert agree(facts._read_bytes(molecule), facts.ask_facts(molecule))
        assert len(facts._ATOMS) <= 3
