"""Re-rank what the embeddings found: the matching head joins a query with each of its best candidates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..model.outputs_finemoltex import FineMolTexOutput
from ..model.retrieval_finemoltex import FineMolTexForRetrieval

PAIRS_PER_PASS = 256


class PairReranker:
    """Scores pairs of molecules and texts by cross-attention, with each side encoded once.

    The tokens of both sides before the first co-attention block stay in memory: 4 H bytes per word and motif.

    Args:
        model (`FineMolTexForRetrieval`): With a trained matching head.
        processor (`FineMolTexProcessor`): The processor saved with it.
        molecules (`Sequence[str]`): SMILES; a molecule is encoded when a pair first asks for it.
        texts (`Sequence[str]`): Texts, encoded in the same way.
        batch_size (`int`): Molecules or texts encoded at once.

    Raises:
        ValueError: If the folder of the model had no matching head, or weights that are not finite; lists them.

    Example:
    >>> rerank = PairReranker(FineMolTexForRetrieval(model.config), processor, smiles, texts)
    >>> rerank("t2m", np.array([0]), np.array([[5, 2, 9]])).shape  # text 0 with molecules 5, 2 and 9
    (1, 3)
    """

    def __init__(
        self,
        model: FineMolTexForRetrieval,
        processor: Any,
        molecules: Sequence[str],
        texts: Sequence[str],
        batch_size: int = 64,
    ) -> None:
        model.require_weights("re-ranking", "molecule", "text", "readout", "projection", "fusion", "matching_head")
        self.model, self.processor, self.batch_size = model.eval(), processor, batch_size
        self.molecules, self.texts = molecules, texts
        self._encoded: dict[str, dict[int, tuple[Tensor, Tensor]]] = {"molecules": {}, "texts": {}}

    @torch.inference_mode()
    def __call__(self, direction: str, queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Score each query with its candidates.

        Args:
            direction (`str`): `"t2m"`: the queries are texts and the candidates molecules; `"m2t"`: the reverse.
            queries (`np.ndarray` of shape `(Q,)`): Row numbers.
            candidates (`np.ndarray` of shape `(Q, k)`): Row numbers.

        Returns:
            `np.ndarray` of shape `(Q, k)`, float32: Logits; higher is better.

        Raises:
            ValueError: If the direction is unknown.
        """
        if direction not in ("t2m", "m2t"):
            raise ValueError(f'`direction` must be "t2m" or "m2t": got {direction!r}.')
        repeated = np.repeat(queries, candidates.shape[1])
        texts, molecules = (repeated, candidates.ravel()) if direction == "t2m" else (candidates.ravel(), repeated)
        self._encode("molecules", self.molecules, np.unique(molecules))
        self._encode("texts", self.texts, np.unique(texts))
        lengths = np.array([len(self._encoded["texts"][row][0]) for row in texts])
        order = np.argsort(lengths, kind="stable")  # little padding, and pairs of one text stay together
        scores = np.empty(len(texts), dtype=np.float32)
        bar = tqdm(total=len(order), desc="Re-ranking", unit="pair", disable=len(order) < 10_000, mininterval=1)
        for start in range(0, len(order), PAIRS_PER_PASS):
            rows = order[start : start + PAIRS_PER_PASS]
            scores[rows] = self._score(molecules[rows], texts[rows]).float().cpu().numpy()
            bar.update(len(rows))
        bar.close()
        return scores.reshape(candidates.shape)

    def _score(self, molecules: np.ndarray, texts: np.ndarray) -> Tensor:
        """Join pairs. Row numbers `(R,)`, `(R,)` -> logits `(R,)`."""
        motif_states, motif_mask, molecule_embeds = self._pad([self._encoded["molecules"][row] for row in molecules])
        text_states, word_mask, text_embeds = self._pad([self._encoded["texts"][row] for row in texts])
        return self.model.match(
            FineMolTexOutput(
                motif_states=motif_states, motif_attention_mask=motif_mask, molecule_embeds=molecule_embeds
            ),
            FineMolTexOutput(word_states=text_states, text_embeds=text_embeds),
            word_mask,
        )

    @staticmethod
    def _pad(items: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
        """Stack tokens of different numbers: tokens `(R, L, H)`, mask `(R, L)`, embeddings `(R, P)`."""
        tokens = torch.nn.utils.rnn.pad_sequence([tokens for tokens, _ in items], batch_first=True)  # (R, L, H)
        lengths = torch.tensor([len(tokens) for tokens, _ in items], device=tokens.device)  # (R,)
        mask = torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]  # (R, L)
        return tokens, mask.long(), torch.stack([embeds for _, embeds in items])

    def _encode(self, side: str, items: Sequence[str], rows: np.ndarray) -> None:
        """Encode what has not been encoded yet, in batches of similar length."""
        known = self._encoded[side]
        missing = sorted((row for row in rows.tolist() if row not in known), key=lambda row: len(items[row]))
        for start in tqdm(
            range(0, len(missing), self.batch_size), desc=f"Encoding {side}", disable=len(missing) < 2_000
        ):
            batch_rows = missing[start : start + self.batch_size]
            given = [items[row] for row in batch_rows]
            batch = self.processor(smiles=given) if side == "molecules" else self.processor(text=given)
            batch = batch.to(self.model.device)
            output = self.model.finemoltex(**batch)
            if side == "molecules":
                tokens, mask, embeds = output.motif_states, output.motif_attention_mask, output.molecule_embeds
            else:
                tokens, mask, embeds = output.word_states, batch["attention_mask"], output.text_embeds
            for row, length, row_tokens, row_embeds in zip(
                batch_rows, mask.sum(1).tolist(), tokens, embeds, strict=True
            ):
                known[row] = (row_tokens[:length].clone(), row_embeds)
