"""What counts as a name, and how rows of the table become pairs."""

import importlib.util
from types import SimpleNamespace

import pytest

from modeling_finemoltex.data import chemicals_corpus, load_chemicals_pairs
from modeling_finemoltex.data.chemicals_corpus import is_chemical_name

TABLE = """\
702\t64-17-5\tC2H6O\t46.07\tCCO\tC2H6O/c1\tLFQSCWFLJHTTHZ-UHFFFAOYSA-N\tethanol\tethyl alcohol\tETHANOL\t64-17-5\t\
ethyl-alcohol\tstk366316\tmethylcarbinol\tspirit of wine\tnsc 85228\tunii-3k9958v90m
5234\t7647-14-5\tClNa\t58.44\t[Na+].[Cl-]\tClH.Na\tFAPWRFPIFSIZLT-UHFFFAOYSA-M\tsodium;chloride\tnacl\ttable salt
1\t1-1-1\tH2\t2.0\tnot a molecule\tH2\tAAAAAAAAAAAAAA-UHFFFAOYSA-N\tdihydrogen\thydrogen gas
2\t2-2-2\tC9\t2.0\tCCCC\tC4\tBBBBBBBBBBBBBB-UHFFFAOYSA-N\t\teinecs 293-816-3\tac1l32c7
3\t3-3-3\tC4H10\t2.0\tCCCC\tC4\tCCCCCCCCCCCCCC-UHFFFAOYSA-N\t\tfuel gas
"""


@pytest.fixture
def table(tmp_path, monkeypatch):
    path = tmp_path / chemicals_corpus.TABLE
    path.parent.mkdir()
    path.write_text(TABLE, encoding="utf-8")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    return path


@pytest.mark.parametrize(
    "name",
    ["ethanol", "9-ethylpurin-6-amine", "n,n-dimethylaniline", "benzenemethanol, 4-methoxy-.alpha.-", "behenic acid",
     "disperse yellow 163", "tetrabromoplumbane", "urea", "2-o-cyclohexyl 1-o-[(2r)-2-ethylhexyl] phthalate",
     "4-((4-(acetylamino)phenyl)amino)-1-amino-2-anthraquinonesulfonic acid", "vitamin b12"],
)  # fmt: skip
def test_names(name):
    assert is_chemical_name(name)


@pytest.mark.parametrize(
    "name",
    ["64-17-5", "stk366316", "st51001115", "agn-pc-00hn7a", "agn-pc-0abcd1", "brn 1250329", "einecs 293-816-3",
     "nsc-85228", "ac1l32c7", "ac1oabcd", "mls003115428", "brd-a48015106-001-01-0", "593yog76rn", "593yogma76",
     "gtpl7", "unii-3k9958v90m", "chembl545", "mfcd00003568", "epa pesticide chemical code 001501", "wln: q2",
     "cs2", "ddt", "112-85-6 (parent)", "ethanol;alcohol", "?-phenylethanol",
     "4,4 inverted exclamation marka-dimethoxybenzhydrol", "fk-506-supplied by selleck chemicals"],
)  # fmt: skip
def test_codes(name):
    assert not is_chemical_name(name)


def test_formula_in_any_order():
    assert not is_chemical_name("nacl", "ClNa") and not is_chemical_name("pbbr4", "Br4Pb")
    assert is_chemical_name("salt", "ClNa")


def test_rows_become_pairs(table, caplog):
    with caplog.at_level("INFO", "modeling_finemoltex"):
        pairs = load_chemicals_pairs(synonyms_per_molecule=5)
    assert pairs.column_names == ["smiles", "text", "inchikey", "kind"]
    ethanol = [(row["kind"], row["text"]) for row in pairs if row["smiles"] == "CCO"]
    assert ethanol[0] == ("iupac", "ethanol")
    names = [name for _, name in ethanol[1:]]
    assert (
        names[0] in ("ethyl alcohol", "ethyl-alcohol")
        and names[1:] == ["methylcarbinol", "spirit of wine"]
        or (names[0] == "methylcarbinol" and names[2] == "spirit of wine")
    )
    assert pairs["text"][4:] == ["sodium;chloride", "table salt", "fuel gas"]
    assert pairs["kind"][4:] == ["iupac", "synonym", "synonym"]
    assert set(pairs["inchikey"][:4]) == {"LFQSCWFLJHTTHZ-UHFFFAOYSA-N"}
    assert "Loaded 7 pairs; left out 2 rows" in caplog.text


def test_number_of_names(table):
    assert load_chemicals_pairs(0)["text"][:] == ["ethanol", "sodium;chloride"]
    assert load_chemicals_pairs(1)["kind"][:] == ["iupac", "synonym", "iupac", "synonym", "synonym"]
    chosen = {load_chemicals_pairs(1, seed=seed)["text"][1] for seed in range(12)}
    assert len(chosen) > 1 and "spirit of wine" not in chosen
    assert load_chemicals_pairs(1, seed=3)["text"][:] == load_chemicals_pairs(1, seed=3)["text"][:]
    with pytest.raises(ValueError, match="`synonyms_per_molecule` must be 0 or more: got -1"):
        load_chemicals_pairs(-1)


@pytest.mark.parametrize("spec", [None, SimpleNamespace(submodule_search_locations=["/nowhere"])])
def test_missing_package(monkeypatch, spec):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ImportError, match="pip install chemicals"):
        load_chemicals_pairs()
