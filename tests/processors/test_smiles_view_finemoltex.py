"""The SMILES view: canonical tokens whatever the spelling, random spellings of the same molecule, and refusals."""

import json

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexDataCollator, FineMolTexFeatureExtractor, FineMolTexProcessor
from modeling_finemoltex.processors import parse_molecule
from modeling_finemoltex.processors.smiles_tokens_finemoltex import FIRST_ID, PAD_ID, write_smiles
from modeling_finemoltex.processors.smiles_view_finemoltex import MAX_TOKENS, SmilesView, spell_at_random


@pytest.fixture(scope="module")
def extractor():
    return FineMolTexFeatureExtractor(views=["graph", "smiles"])


def write(row) -> str:
    return write_smiles(row["smiles_ids"].tolist())


def test_the_canonical_smiles_is_read_whatever_is_given(extractor, molecules):
    for smiles in molecules:
        molecule = Chem.MolFromSmiles(smiles)
        canonical = Chem.MolToSmiles(molecule)
        others = Chem.MolToRandomSmilesVect(molecule, 5, randomSeed=3)
        assert {write(extractor.featurize(one)) for one in (smiles, *others)} == {canonical}


def test_each_atom_of_the_graph_has_its_token(extractor, molecules):
    for smiles in molecules:
        row = extractor.featurize(smiles)
        for atom in parse_molecule(smiles).GetAtoms():
            token = write_smiles([int(row["smiles_ids"][row["smiles_places"][atom.GetIdx()]])])
            assert atom.GetSymbol().lower() in token.lower()


def test_random_spellings_are_the_same_molecule_with_the_same_atoms(molecules):
    view, drawn = SmilesView(), set()
    for smiles in molecules:
        molecule = parse_molecule(smiles)
        row = view.featurize(molecule)
        for seed in range(1, 20):
            other = spell_at_random(row, seed)
            written = write(other)
            drawn.add((smiles, written))
            assert Chem.CanonSmiles(written) == Chem.CanonSmiles(smiles)
            again = Chem.MolFromSmiles(written)
            order = np.argsort(other["smiles_places"]).tolist()  # our number of each atom of `again`
            for bond in again.GetBonds():
                ends = order[bond.GetBeginAtomIdx()], order[bond.GetEndAtomIdx()]
                assert molecule.GetBondBetweenAtoms(*ends).GetBondType() == bond.GetBondType()
            for atom in again.GetAtoms():
                twin = molecule.GetAtomWithIdx(order[atom.GetIdx()])
                assert (twin.GetAtomicNum(), twin.GetFormalCharge()) == (atom.GetAtomicNum(), atom.GetFormalCharge())
    assert len(drawn) > 5 * len(molecules)


def test_a_spelling_follows_its_seed(extractor):
    row = extractor.featurize("CC(=O)Oc1ccccc1C(=O)O")
    first, again, other = (write(spell_at_random(row, seed)) for seed in (5, 5, 6))
    assert first == again != other


def test_what_cannot_be_read_back_stays_as_it_is(extractor):
    row = dict(extractor.featurize("CCO"))
    row["smiles_ids"] = np.array([1, 1, 1], dtype=np.uint16)  # [UNK]
    assert spell_at_random(row, 3)["smiles_ids"].tolist() == [1, 1, 1]


def test_too_many_tokens_are_refused_with_their_number(extractor):
    longest = extractor.featurize("C" * MAX_TOKENS)
    assert len(longest["smiles_ids"]) == MAX_TOKENS
    with pytest.raises(
        ValueError, match=rf"index 4 cannot be featurised: its SMILES has {MAX_TOKENS + 1} tokens, and"
    ):
        extractor.featurize("C" * (MAX_TOKENS + 1), 4)
    assert extractor(["CCO", "C" * (MAX_TOKENS + 1)], on_error="skip")["kept_indices"] == [0]


def test_a_batch_is_padded_and_numbers_atoms_and_slots(extractor):
    batch = extractor(["CO", "OCC"], return_tensors="np")
    assert batch["smiles_ids"].shape == (2, 4) and (batch["smiles_ids"][:, 0] == FIRST_ID).all()
    assert batch["smiles_ids"][0, 3] == PAD_ID and (batch["smiles_ends"][0, 3] == -1).all()
    assert batch["smiles_ends"][1, 1:].tolist() == [[4, 4], [3, 3], [2, 2]]
    assert batch["smiles_places"].tolist() == [1, 2, 7, 6, 5]
    assert all(batch[name].dtype == np.int64 for name in SmilesView.model_input_names)


def test_cached_rows_give_the_same_batch(extractor, tokenizer):
    processor = FineMolTexProcessor(extractor, tokenizer)
    rows = [
        {name: array.reshape(-1).tolist() for name, array in extractor.featurize(smiles).items()}
        for smiles in ("CO", "OCC")
    ]
    batch, expected = FineMolTexDataCollator(processor)(rows), extractor(["CO", "OCC"])
    assert all(batch[name].equal(expected[name]) for name in expected)


def test_the_view_is_saved_with_the_processor(extractor, tokenizer, tmp_path):
    FineMolTexProcessor(extractor, tokenizer).save_pretrained(tmp_path)
    assert '"smiles"' in json.dumps([path.read_text() for path in tmp_path.glob("*.json")]).replace("\\", "")
    loaded = FineMolTexProcessor.from_pretrained(tmp_path)
    assert loaded.feature_extractor.views == ["graph", "smiles"]
    assert loaded(smiles="CCO")["smiles_ids"].equal(extractor("CCO")["smiles_ids"])
