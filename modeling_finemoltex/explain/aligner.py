"""Align the motifs of molecules with the words of their texts."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..embedding.encoder import MoleculeTextEncoder
from ..model.molecules_finemoltex import Molecules
from .alignment import Alignment
from .co_attention import average_attention, record_co_attention
from .prepared_pairs import prepare_pairs
from .token_matches import match_tokens

BATCH = 32
NUM_COMMON_MOTIFS = 300
MAX_CACHED = 50_000  # words kept between calls: 50 MB at a width of 256


class MotifWordAligner:
    """Compares each motif of a molecule with each word of its text, by what the encoders learned.

    Words once embedded stay in memory, up to 50,000.

    Args:
        encoder (`MoleculeTextEncoder`): A FineMolTex model, the base model or one with a head, and its processor.

    Example:
    >>> aligner = MotifWordAligner(encoder)
    >>> (alignment,) = aligner.align(["NS(=O)(=O)c1ccccc1"], ["benzene with a sulfonamide group"])
    >>> [motif.smiles for motif in alignment.motifs], alignment.matrix("similarity").shape
    (['N[SH](=O)=O', 'c1ccccc1'], (2, 5))
    """

    def __init__(self, encoder: MoleculeTextEncoder) -> None:
        self.encoder, self.model = encoder, encoder.model.base_model
        encoder.model.require_weights(
            "aligning motifs and words",
            *("molecule", "text", "readout", "projection", "fusion", *self.model.EMBEDDING_PARTS),
        )
        self.processor, self.max_length = encoder.processor, encoder.max_length
        counts = self.processor.feature_extractor.motif_vocab["motifs"]
        commonest = sorted(counts, key=lambda label: (-counts[label], label))[:NUM_COMMON_MOTIFS]
        embeds, _ = encoder.encode_molecules(commonest, on_error="skip")  # a label need not be a molecule
        self.common_motif: np.ndarray = self._keep_learned(embeds).sum(0) / max(len(embeds), 1)  # (P,)
        self._word_embeds: dict[str, np.ndarray] = {}

    def align(
        self, smiles: Sequence[str], texts: Sequence[str], batch_size: int = BATCH, with_tokens: bool = True
    ) -> list[Alignment]:
        """Align pairs.

        Args:
            smiles (sequence of `str`): Molecules.
            texts (sequence of `str`): Texts; text `i` belongs to molecule `i`.
            batch_size (`int`): Pairs that the model takes at once.
            with_tokens (`bool`): Also tell what words find by the token score, if the model has one. It hides each
                atom in turn, which takes about ten times as long as the rest.

        Returns:
            `list[Alignment]`, one per pair.

        Raises:
            ValueError: If the numbers differ, a molecule cannot be parsed, or a text has no words.
        """
        alignments: list[Alignment] = []
        for start in range(0, max(len(smiles), len(texts)), batch_size):
            rows = slice(start, start + batch_size)
            try:
                alignments += self._align_batch(smiles[rows], texts[rows], with_tokens)
            except ValueError as error:
                raise ValueError(f"Counted from pair {start}: {error}" if start else str(error)) from error
        return alignments

    @torch.inference_mode()
    def _align_batch(self, smiles: Sequence[str], texts: Sequence[str], with_tokens: bool) -> list[Alignment]:
        pairs = prepare_pairs(self.processor, smiles, texts, self.max_length)
        inputs = {name: tensor.to(self.model.device) for name, tensor in pairs.inputs.items()}
        input_ids, word_mask = inputs.pop("input_ids"), inputs.pop("attention_mask")  # (B, T) each
        molecules = Molecules.from_tensors(**inputs)
        atom_states = self.model.encode_atoms(molecules)  # (N, H_graph)
        motif_embeds = self.model.place_motifs(atom_states, molecules)  # (M, P)
        word_states, _ = self.model.encode_words(input_ids, word_mask)  # (B, T, H)
        motif_states = self.model.encode_motifs(atom_states, molecules)  # (B, K + 1, H)
        motif_mask = molecules.motif_attention_mask  # (B, K + 1)
        attention = self._attend(motif_states, motif_mask, word_states, word_mask)  # (B, K + 1, T)
        self._embed_new({word.text for words in pairs.words for word in words})
        finds_tokens = with_tokens and self.encoder.token_size > 0
        alignments, first = [], 0
        for row, slots in enumerate(pairs.slots):
            pieces = pairs.pieces[row].to(word_states)  # (W, T)
            # A word is the mean of its pieces, as a text is the mean of its words.
            means = pieces @ word_states[row] / pieces.sum(1, keepdim=True)  # (W, H)
            alignments.append(
                Alignment(
                    smiles=smiles[row],
                    text=texts[row],
                    motifs=pairs.motifs[row],
                    words=pairs.words[row],
                    motif_embeds=motif_embeds[[first + slot - 1 for slot in slots]].cpu().numpy(),
                    common_motif=self.common_motif,
                    word_embeds=np.stack([self._word_embeds[word.text] for word in pairs.words[row]]),
                    context_embeds=self.model.place_words(means).cpu().numpy(),
                    attention=(attention[row, slots] @ pieces.float().T).cpu().numpy(),
                    matches=match_tokens(self.encoder, [smiles[row]], texts[row])[0] if finds_tokens else None,
                )
            )
            first += len(slots)
        return alignments

    def _embed_new(self, words: set[str]) -> None:
        """Embed words that have not been met yet, each as a text of its own."""
        if len(self._word_embeds) > MAX_CACHED:
            self._word_embeds.clear()
        new = sorted(words - self._word_embeds.keys())
        if new:
            self._word_embeds |= zip(new, self._keep_learned(self.encoder.encode_texts(new)), strict=True)

    def _keep_learned(self, embeds: np.ndarray) -> np.ndarray:
        """Take the count embedding away, which single motifs have not: `(n, P + R)` -> `(n, P)`, L2-normalised."""
        learned = embeds[:, : self.model.config.encoder_size]
        return learned / np.linalg.norm(learned, axis=1, keepdims=True)

    def _attend(self, motif_states: Tensor, motif_mask: Tensor, word_states: Tensor, word_mask: Tensor) -> Tensor:
        """Run the fusion; how much motifs and word pieces look at each other, `(B, K + 1, T)`."""
        with record_co_attention(self.model.fusion) as scores:
            self.model.fusion.fuse(motif_states, motif_mask, word_states, word_mask)
        if not scores:
            return motif_states.new_zeros((*motif_mask.shape, word_mask.shape[1]), dtype=torch.float32)
        over_words = average_attention([motif_scores for motif_scores, _ in scores], word_mask)  # (B, K + 1, T)
        over_motifs = average_attention([word_scores for _, word_scores in scores], motif_mask)  # (B, T, K + 1)
        return (over_words + over_motifs.transpose(1, 2)) / 2
