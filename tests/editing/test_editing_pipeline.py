"""`pipeline("finemoltex-molecule-editing")`."""

import pytest
from transformers import pipeline

from modeling_finemoltex import EditConstraints, LatentOptimizationEditor

SOURCE, PROMPT = "Cc1ccc(O)cc1", "This molecule is an alcohol."


def test_the_pipeline_edits_one_or_several(editing_folder, parts):
    edit = pipeline("finemoltex-molecule-editing", model=str(editing_folder), device="cpu")
    expected = LatentOptimizationEditor(parts, EditConstraints(0.2)).edit(SOURCE, PROMPT)
    found = edit(SOURCE, prompt=PROMPT, min_similarity=0.2)
    assert found == [one.to_dict() for one in expected]
    several = edit([SOURCE, "Nc1ccc(F)cc1"], prompt=PROMPT, min_similarity=0.2, num_edits=1)
    assert len(several) == 2 and several[0] == found[:1]
    with pytest.raises(ValueError, match="The prompt is blank"):
        edit(SOURCE)
    with pytest.raises(ValueError, match="'C1CC' is no molecule"):
        edit("C1CC", prompt=PROMPT)
    for sources in (SOURCE, [SOURCE, SOURCE]):
        with pytest.raises(ValueError, match="There are no edits: the model knows no word of 'asdf qwerty'"):
            edit(sources, prompt="asdf qwerty")


def test_parts_in_memory_will_do(parts):
    edit = pipeline(
        "finemoltex-molecule-editing",
        model=parts.model,
        processor=parts.processor,
        generator_tokenizer=parts.generator_tokenizer,
    )
    assert isinstance(edit(SOURCE, prompt=PROMPT), list)
