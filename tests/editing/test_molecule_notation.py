"""What a generator writes is read back."""

import pytest

pytest.importorskip("selfies")

from modeling_finemoltex.editing.molecule_notation import parse_notation, write_molecule


def test_notations_read_what_they_write():
    for notation in ("selfies", "smiles"):
        assert parse_notation(write_molecule("OC(C)=O", notation), notation) == "CC(=O)O"
        assert parse_notation("", notation) is None
    assert parse_notation("[C][Qq9]", "selfies") is None and parse_notation("C (", "smiles") is None
    with pytest.raises(ValueError, match="'C1CC' is no molecule"):
        write_molecule("C1CC", "selfies")
    with pytest.raises(ValueError, match="SELFIES cannot write 'O=I\\(=O\\)c1ccccc1'"):  # more bonds than it allows
        write_molecule("O=I(=O)c1ccccc1", "selfies")
