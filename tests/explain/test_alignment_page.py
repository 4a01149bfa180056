"""An alignment as a page and as pictures."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from modeling_finemoltex.explain import TokenMatches, render_alignment_page, write_alignment


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


def test_a_word_that_finds_nothing_has_no_colour(aligner, word_processor):
    (alignment,) = aligner.align(["c1ccccc1C=O"], ["a benzene with aldehyde"])
    ring = next(motif for motif in alignment.motifs if len(motif.atoms) == 6)
    by_atom = np.zeros((4, 8))
    by_atom[1, ring.atoms] = 0.9
    matches = TokenMatches(alignment.smiles, alignment.text, alignment.words, np.array([1.0, 2, 1, 1]), 0.0, by_atom)
    page = render_alignment_page(replace(alignment, matches=matches), word_processor)
    marks = dict((word, mark) for mark, word in re.findall(r"<mark([^>]*)>(\w+)", page))
    assert "/ 0.90)" in marks["benzene"] and "c1ccccc1" in marks["benzene"]
    assert all("/ 0.00)" in marks[word] and "title" not in marks[word] for word in ("a", "with", "aldehyde"))
    assert "by tokens" in page and page.count(": no word<") == 1
