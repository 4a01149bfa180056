"""Names of motifs: what a structure is called, and where a text says it."""

import pytest

from modeling_finemoltex.evaluation import load_motif_names, name_motifs, write_sentences
from modeling_finemoltex.evaluation.motif_names import find_names


@pytest.mark.parametrize(
    ("smiles", "atoms", "names"),
    [
        ("OC(=O)c1ccccc1", [[0, 1, 2], [3, 4, 5, 6, 7, 8]], [["carboxylic acid"], ["benzene"]]),
        ("O=C1CCC(=O)N1", [[0, 1, 2, 3, 4, 5, 6]], [["imide"]]),  # and no amide
        ("c1ccc2ncccc2c1", [list(range(10))], [["quinoline"]]),  # and no pyridine
    ],
)
def test_structures_have_their_names(smiles, atoms, names):
    found = name_motifs(smiles, atoms)
    assert [set(expected) <= set(given) for expected, given in zip(names, found, strict=True)] == [True] * len(names)
    assert not {"amide", "pyridine"} & {name for given in found for name in given}


def test_texts_say_names_inside_longer_words():
    text = "A chlorobenzene with an isoquinoline and a sulfonamide"
    spans = find_names(text)
    assert set(spans) == {"chloro", "benzene", "isoquinoline", "sulfonamide"}  # no quinoline and no amide
    ((start, end),) = spans["benzene"]
    assert text[start:end] == "benzene"


def test_sentences_name_what_the_molecule_has(processor):
    smiles = ["OC(=O)c1ccccc1", "C"]
    sentence, nothing = write_sentences(smiles, processor.feature_extractor)
    assert nothing == "" and {"carboxylic acid", "benzene"} <= set(find_names(sentence))
    assert write_sentences(smiles, processor.feature_extractor) == [sentence, ""]
    assert len({name.name for name in load_motif_names()}) == len(load_motif_names())


def test_a_bad_molecule_is_named():
    with pytest.raises(ValueError, match="cannot parse the SMILES 'C1CC'"):
        name_motifs("C1CC", [[0]])
