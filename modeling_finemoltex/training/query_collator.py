"""Batches of pairs with further structure queries, of which no molecule is needed."""

import random
from itertools import chain, islice
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..data.structural_queries import QueryWriter
from ..model.answers_finemoltex import UNKNOWN
from ..processors import FineMolTexDataCollator


class QueryCollator:
    """Collate pairs, and write new queries beside them in every batch.

    What a query asks is known without a molecule. So words can learn from many more texts than there are rows, each
    seen once, for what its few words cost.

    Args:
        collator (`FineMolTexDataCollator`): Collates the rows, and has the tokenizer.
        writer (`QueryWriter`): Writes queries about the molecules of the training data.
        num_queries (`int`): `Q`, the queries of a batch.
    """

    def __init__(self, collator: FineMolTexDataCollator, writer: QueryWriter, num_queries: int) -> None:
        self.collator, self.writer, self.num_queries = collator, writer, num_queries
        self.seed = writer.random.random()

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Tensor]:
        """Make one batch; the queries are a function of the seed of the writer and of the rows.

        Args:
            rows (`list[dict]`): `B` rows, see [`FineMolTexDataCollator`].

        Returns:
            `dict[str, torch.Tensor]`: That of the collator, `query_input_ids` and `query_attention_mask` (Q, T) and
            `query_conditions` (Q, C, 3), -1 where nothing is asked.
        """
        batch = self.collator(rows)
        pair_ids = batch["pair_ids"].tolist() if "pair_ids" in batch else [len(rows)]
        self.writer.random = random.Random(f"{self.seed} {pair_ids}")
        groups = self.writer.write(self.num_queries)  # each has a query or more
        queries = list(islice(chain.from_iterable(groups), self.num_queries))
        texts = self.collator.processor(
            text=[query.text for query in queries], padding=True, truncation=True, return_tensors="pt"
        )
        conditions = [torch.tensor([one[:3] for one in query.conditions]) for query in queries]
        return batch | {
            "query_input_ids": texts["input_ids"],
            "query_attention_mask": texts["attention_mask"],
            "query_conditions": pad_sequence(conditions, batch_first=True, padding_value=UNKNOWN),
        }


__all__ = ["QueryCollator"]
