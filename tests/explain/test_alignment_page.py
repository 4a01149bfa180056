"""An alignment as a page and as pictures."""

import json
import re

import pytest

from modeling_finemoltex.explain import render_alignment_page, write_alignment


def test_pictures_hold_every_motif_and_word(aligner, word_processor, tmp_path):
    pytest.importorskip("matplotlib")
    (alignment,) = aligner.align(["c1ccccc1C=O"], ["a <b>benzene</b> with aldehyde"])
    for name in ("pair.html", "pair.svg", "pair.png", "pair.matrix.svg", "pair.matrix.png"):
        write_alignment(tmp_path / name, alignment, word_processor)
    page = (tmp_path / "pair.html").read_text(encoding="utf-8")
    assert "<b>" not in page and page.count("<mark") == len(alignment.words) and page.count("<svg") == 1 + 2
    assert page.count("<li>") == len(alignment.motifs) and not re.search("(src|href)=.?http", page)
    assert (tmp_path / "pair.matrix.png").read_bytes().startswith(b"\x89PNG")
    drawing = (tmp_path / "pair.matrix.svg").read_text(encoding="utf-8")
    assert drawing.count("<image") >= len(alignment.motifs) and "aldehyde" in drawing
    with pytest.raises(ValueError, match="ends in .html, .svg or .png"):
        write_alignment(tmp_path / "pair.gif", alignment, word_processor)
    json.dumps(alignment.to_dict())


def test_the_page_colours_by_the_kind_asked_for(aligner, word_processor):
    (alignment,) = aligner.align(["c1ccccc1C=O"], ["a benzene with aldehyde"])
    pages = {kind: render_alignment_page(alignment, word_processor, kind) for kind in ("similarity", "attention")}
    assert "by attention" in pages["attention"] and "by similarity" in pages["similarity"]
    with pytest.raises(ValueError, match="`kind` must be one of"):
        render_alignment_page(alignment, word_processor, "colour")
