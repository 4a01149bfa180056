"""The map of tokens: right means, right labels, neighbours that belong together."""

import numpy as np
import pytest

from modeling_finemoltex.explain import AlignedMotif, Alignment, Word, draw_token_map, map_tokens

pytest.importorskip("sklearn")


def make_alignment(motifs: dict[str, np.ndarray], words: dict[str, np.ndarray]) -> Alignment:
    return Alignment(
        "C",
        " ".join(words),
        [AlignedMotif(label, [0]) for label in motifs],
        [Word(word, 0, len(word)) for word in words],
        np.stack(list(motifs.values())),
        np.zeros(2),
        np.stack(list(words.values())),
        np.stack(list(words.values())),
        np.zeros((len(motifs), len(words))),
    )


def test_tokens_are_averaged_centred_and_counted():
    x, y = np.eye(2)
    pairs = [make_alignment({"C": x, "O": y}, {"the": x, "Carbon": x, "oxygen": y}) for _ in range(3)]
    pairs.append(make_alignment({"C": x}, {"carbon": x, "of": y}))
    found = map_tokens(pairs)
    assert found.labels == ["C", "O", "carbon", "oxygen"] and found.counts.tolist() == [4, 3, 4, 3]
    assert found.is_motif.tolist() == [True, True, False, False] and found.points.shape == (4, 2)
    assert found.nearest_words("C", 1)[0] == ("carbon", pytest.approx(1.0))
    assert found.nearest_words("O")[-1] == ("carbon", pytest.approx(-1.0))
    assert map_tokens(pairs, words=["the", "carbon"]).labels == ["C", "O", "carbon", "the"]
    with pytest.raises(ValueError, match="no motif 'N'"):
        found.nearest_words("N")
    with pytest.raises(ValueError, match="got 2 motifs and 1 words"):
        map_tokens(pairs, words=["carbon"])
    with pytest.raises(ValueError, match="`method` must be one of 'tsne', 'umap'"):
        map_tokens(pairs, method="pca")


def test_maps_are_the_same_every_time_and_drawn_with_names(aligner, word_pairs, tmp_path):
    smiles, texts = zip(*word_pairs, strict=True)
    alignments = aligner.align(list(smiles), list(texts))
    words = ["nitrile", "acid", "benzene", "pyridine", "here"]
    found = map_tokens(alignments, words=words)
    assert np.array_equal(found.points, map_tokens(alignments, words=words).points)
    pytest.importorskip("matplotlib")
    draw_token_map(found, {"c1ccccc1": "the benzene ring"}).savefig(tmp_path / "map.svg")
    drawing = (tmp_path / "map.svg").read_text(encoding="utf-8")
    assert "the benzene ring" in drawing and "nitrile" in drawing


@pytest.mark.slow
def test_learned_words_lie_beside_their_motifs(learned_aligner, word_pairs):
    smiles, texts = zip(*word_pairs, strict=True)
    words = ["nitrile", "acid", "benzene", "pyridine", "here"]
    found = map_tokens(learned_aligner.align(list(smiles), list(texts)), words=words)
    pairs = {"C#N": "nitrile", "O=CO": "acid", "c1ccccc1": "benzene", "c1ccncc1": "pyridine"}
    hits = [found.nearest_words(motif, 1)[0][0] == word for motif, word in pairs.items()]
    assert sum(hits) >= 3  # all four when it was written; by chance one in five
