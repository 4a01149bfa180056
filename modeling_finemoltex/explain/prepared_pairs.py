"""Molecules and texts as the model takes them, with their motifs and words."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ..processors.text_normalization_finemoltex import normalize_text
from .words import Word, locate_pieces, split_words


class AlignedMotif(NamedTuple):
    """A motif of the molecule."""

    smiles: str  # canonical, of the motif alone
    atoms: list[int]  # in the order of the molecule's SMILES


class PreparedPairs(NamedTuple):
    """Pairs as the model takes them, and what their slots and pieces stand for."""

    graphs: list[Any]  # `MoleculeFeatures` of each pair
    inputs: dict[str, Tensor]  # of the base model
    motifs: list[list[AlignedMotif]]  # of each pair, by position in its motif tree
    slots: list[list[int]]  # of those motifs in the motif sequence, from 1
    words: list[list[Word]]  # of each pair that were not cut off
    pieces: list[Tensor]  # (W, T) bool: the word pieces of each word


def prepare_pairs(processor: Any, smiles: Sequence[str], texts: Sequence[str], max_length: int) -> PreparedPairs:
    """Featurise and tokenise pairs, and keep track of their motifs and words.

    Args:
        processor (`FineMolTexProcessor`): Its tokenizer must be a fast one, which knows where its pieces come from.
        smiles (sequence of `str`): `B` molecules.
        texts (sequence of `str`): `B` texts; text `i` belongs to molecule `i`.
        max_length (`int`): Tokens that a text is cut to.

    Raises:
        ValueError: If the numbers differ, a molecule cannot be parsed, or a text has no words.
    """
    if len(smiles) != len(texts):
        raise ValueError(f"Molecules and texts must form pairs: got {len(smiles)} molecules and {len(texts)} texts.")
    extractor = processor.feature_extractor
    graphs, _ = extractor.featurize_batch(list(smiles))
    motifs = [extractor.motifs(molecule) for molecule in smiles]
    options = {"padding": True, "truncation": True, "max_length": max_length, "return_tensors": "pt"}
    plain = [normalize_text(text) for text in texts]
    encoded = processor.tokenizer([text.text for text in plain], return_offsets_mapping=True, **options)
    words, pieces = [], []
    for row, text in enumerate(plain):
        words_of_text = split_words(text.text)
        if not words_of_text:
            raise ValueError(f"The text at index {row} has no words: got {texts[row]!r:.80}.")
        pieces_of_words = locate_pieces(words_of_text, encoded["offset_mapping"][row].tolist())  # (W, T)
        is_read = pieces_of_words.any(1)
        # Words are plain, their places those in the text as it was given.
        kept = [word for word, read in zip(words_of_text, is_read.tolist(), strict=True) if read]
        words.append([Word(word.text, *text.locate(word.start, word.end)) for word in kept])
        pieces.append(pieces_of_words[is_read])
    return PreparedPairs(
        graphs,
        {**extractor.collate(graphs), **{name: encoded[name] for name in ("input_ids", "attention_mask")}},
        [[AlignedMotif(motif.label, motif.atoms) for motif in molecule_motifs] for molecule_motifs in motifs],
        # Slots follow the motifs of the graph, which are numbered otherwise than by position.
        [
            [1 + int(graph.atom_to_motif[motif.atoms[0]]) for motif in molecule_motifs]
            for graph, molecule_motifs in zip(graphs, motifs, strict=True)
        ],
        words,
        pieces,
    )
