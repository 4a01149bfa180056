"""Pairs as the model takes them: words that were cut off are left out, slots are those of the motifs."""

from modeling_finemoltex.explain.prepared_pairs import prepare_pairs


def test_words_pieces_and_slots(word_processor):
    texts = ["a benzene (with aldehyde).", "here aldehyde"]
    pairs = prepare_pairs(word_processor, ["c1ccccc1C=O", "CC=O"], texts, max_length=6)
    assert [[word.text for word in words] for words in pairs.words] == [["a", "benzene", "with"], ["here", "aldehyde"]]
    places = [texts[0][word.start : word.end] for word in pairs.words[0]]
    assert places == ["a", "benzene", "with"]
    assert pairs.pieces[1].sum(1).tolist() == [1, 2]  # "alde", "##hyde"
    for graph, motifs, slots in zip(pairs.graphs, pairs.motifs, pairs.slots, strict=True):
        assert [{1 + int(graph.atom_to_motif[atom]) for atom in motif.atoms} for motif in motifs] == [
            {slot} for slot in slots
        ]
