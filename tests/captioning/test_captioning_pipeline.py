"""`pipeline("finemoltex-captioning")`."""

import pytest
from transformers import pipeline


@pytest.fixture(scope="module")
def describe(captioner_folder):
    return pipeline("finemoltex-captioning", model=captioner_folder, device="cpu")


def test_it_says_what_the_captioner_says(describe, captioner):
    expected = captioner.write(["CCO", "C"])
    assert describe("CCO") == {"smiles": "CCO", "caption": expected[0].text}
    assert describe(["CCO", "C"], batch_size=1) == [one.to_dict() for one in expected]
    assert set(describe("CCO", check=True)) == {"smiles", "caption", "statements"}


def test_bad_requests_are_refused(describe):
    with pytest.raises(ValueError, match="nothing to caption"):
        describe([])
    with pytest.raises(ValueError, match="`max_new_tokens` must be at least 1: got 0"):
        describe("CCO", max_new_tokens=0)
    with pytest.raises(ValueError, match="cannot parse the SMILES 'C1CC'"):
        describe("C1CC")
