"""Nothing left: how many rows were rejected, and why."""

import pytest

from modeling_finemoltex import FineMolTexModel, MoleculeTextIndex, embed_file, train_motif_vocab
from modeling_finemoltex.data import MoleculeFile, PairSource, identifiers, load_property_table, load_source
from modeling_finemoltex.data.identifiers import canonical_smiles, explain_refusal, inchikey, try_parse
from modeling_finemoltex.data.rejection import join_reasons, refuse_all
from modeling_finemoltex.data.scaffolds import chiral_scaffold
from modeling_finemoltex.embedding import MoleculeTextEncoder

STAR = "[La]" + "(N)" * 140


def test_words():
    assert str(refuse_all("a.csv", 1, ["row 0: no."], "See b.csv.")) == (
        "a.csv: its only row was rejected (row 0: no). See b.csv."
    )
    assert join_reasons(["a", "b", "c", "d"], 4) == "a; b; c; ..." and join_reasons([], 0) == ""
    assert len(join_reasons(["x" * 1000], 1)) < 400


def test_nothing_to_index(tmp_path, processor, config):
    (tmp_path / "a.csv").write_text("smiles\nnone\nnot either\n")
    encoder = MoleculeTextEncoder(FineMolTexModel(config), processor)
    embed_file(tmp_path / "a.csv", tmp_path / "out", encoder, num_workers=0, progress_bar=False)
    with pytest.raises(ValueError, match=r"all 2 rows were rejected \(row 0, 'none': .*rejected.csv"):
        MoleculeTextIndex.from_embeddings(tmp_path / "out")


def test_large_molecules_are_refused(monkeypatch):
    monkeypatch.setattr(identifiers, "MAX_ATOMS", 10)
    assert try_parse("N" * 10) is not None and try_parse("N" * 11) is None
    assert "has 11 atoms, at most 10" in explain_refusal("N" * 11) and explain_refusal("N") == ""


def test_nothing_to_learn_from(tmp_path):
    (tmp_path / "a.sdf").write_text("x\n\n\n none\nM  END\n$$$$\n")
    with pytest.raises(ValueError, match=r"a.sdf: its only row was rejected \(line 1: RDKit cannot read"):
        train_motif_vocab(MoleculeFile(tmp_path / "a.sdf").smiles())
    with pytest.raises(ValueError, match="All 2 molecules were rejected; the first reason: RDKit cannot parse"):
        train_motif_vocab(["none", "("])
    with pytest.raises(ValueError, match="no molecules to train"):
        train_motif_vocab([])
    (tmp_path / "t.csv").write_text("smiles,text,y\nnone,a,1\n(,b,0\n")
    with pytest.raises(ValueError, match=r"all 2 rows were rejected \(row 0: RDKit cannot parse the SMILES 'none'"):
        load_source(PairSource(str(tmp_path / "t.csv")), on_error="skip")
    with pytest.raises(ValueError, match="all 2 rows were rejected"):
        load_property_table(str(tmp_path / "t.csv"), ["y"])


@pytest.mark.parametrize("smiles", [STAR, "C" * 200_000])
def test_what_would_stop_a_job_is_one_refused_molecule(smiles):
    for function in (try_parse, canonical_smiles, inchikey, chiral_scaffold):
        function(smiles)  # an answer or none, and soon
    assert train_motif_vocab(["NCC", smiles], min_count=1)["num_molecules"] in (1, 2)
    assert try_parse(smiles) is None
    assert "cannot be sanitised" in explain_refusal(smiles) or "200000 characters" in explain_refusal(smiles)
