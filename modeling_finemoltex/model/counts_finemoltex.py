"""Embeddings by counting: character n-grams of a text and neighbourhoods of a molecule, aligned in closed form.

A trained encoder knows what it saw often; what a rare name has in common with others is spelled in its letters. Both
sides are linear in their counts, and `fit_counts` finds them by regularised canonical correlation, without a gradient.

Axes: `B` molecules or texts, `T` words, `V` buckets, `R` size of the embedding, `L` letters of a word.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import initialization

from .masking_finemoltex import mix_bits
from .molecules_finemoltex import Molecules
from .neighbourhoods_finemoltex import count_neighbourhoods
from .parts_finemoltex import Part

SPACE = 32  # before each word that is no continuation of another and begins with a letter or digit
MOST_LETTERS = 2**15  # numbers told apart, as many as two bytes hold
STEP = 3  # keeps an n-gram from being that of its letters in another order


class FineMolTexCountProjection(nn.Module):
    r"""Place counts \(c\) in the shared space: \(\log(1 + c)\,W - b\), L2-normalised.

    `fit_counts` sets the weights; no training changes them. Before, every embedding is zero.

    Shapes:
        - **input:** counts `(B, V)`
        - **output:** `(B, R)`, float32
    """

    def __init__(self, num_buckets: int, size: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(num_buckets, size), requires_grad=False)
        self.offset = nn.Parameter(torch.empty(size), requires_grad=False)

    def reset_own_parameters(self, config: Any) -> None:
        """Start at zero, where a fit begins."""
        initialization.zeros_(self.table)
        initialization.zeros_(self.offset)

    def forward(self, counts: Tensor) -> Tensor:
        """Place the counts; see the shapes above."""
        table = self.table.float()  # (V, R)
        placed = add_up_rows(counts.log1p(), table) if torch.compiler.is_exporting() else counts.log1p() @ table
        return F.normalize(placed - self.offset.float(), dim=-1)


class FineMolTexTextCounts(nn.Module):
    """Embed texts by the character n-grams of their words, which the letters of the vocabulary tell.

    Shapes:
        - **input:** word ids and their mask, `(B, T)` each
        - **output:** `(B, R)`, float32, L2-normalised
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        sizes = config.count_config
        self.lengths = range(sizes.shortest, sizes.longest + 1)
        self.num_buckets = sizes.num_text_buckets
        self.projection = FineMolTexCountProjection(sizes.num_text_buckets, sizes.size)
        self.register_buffer(
            "letters", torch.zeros(config.text_config.vocab_size, sizes.most_letters, dtype=torch.int16)
        )

    def reset_own_parameters(self, config: Any) -> None:
        """Start with words that have no letters."""
        initialization.zeros_(self.letters)

    def spell(self, words: dict[str, int], special_ids: list[int]) -> None:
        """Note the letters of the vocabulary.

        Args:
            words (`dict[str, int]`): The tokens of a WordPiece tokenizer and their ids, as `get_vocab` gives them.
            special_ids (`list[int]`): Tokens without letters, such as [CLS].
        """
        letters = torch.zeros_like(self.letters)
        for word, number in words.items():
            if number not in special_ids and number < len(letters):
                spelled = spell_word(word)[: letters.shape[1]]
                letters[number, : len(spelled)] = torch.tensor(spelled, dtype=torch.int16)
        self.letters.copy_(letters)

    def count(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Count the hashed n-grams of each text, those across words included. `(B, T)`, `(B, T)` -> `(B, V)`."""
        is_known = (attention_mask > 0) & (input_ids < len(self.letters))  # (B, T); a word added later has no letters
        spelled = self.letters[input_ids * is_known].long() * is_known[..., None]  # (B, T, L)
        text, place = spelled.flatten(1).nonzero(as_tuple=True)  # (n,) each, in the order of reading
        letter = mix_bits(spelled.flatten(1)[text, place])  # (n,)
        counts = torch.zeros(input_ids.shape[0] * self.num_buckets, device=letter.device)  # (B * V,)
        gram = letter
        for length in range(1, self.lengths.stop):
            if length > 1:
                gram = mix_bits(gram[:-1] * STEP + letter[length - 1 :])  # (n - length + 1,)
            if length in self.lengths:
                first, last = text[: gram.shape[0]], text[length - 1 :]
                buckets = (first * self.num_buckets + gram % self.num_buckets)[first == last]
                counts = counts.index_add(0, buckets, torch.ones_like(buckets, dtype=counts.dtype))
        return counts.view(input_ids.shape[0], self.num_buckets)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Embed the texts; see the shapes above."""
        return self.projection(self.count(input_ids, attention_mask))


class FineMolTexMoleculeCounts(nn.Module):
    """Embed molecules by how often each neighbourhood of atoms occurs in them.

    Shapes:
        - **input:** [`Molecules`]
        - **output:** `(B, R)`, float32, L2-normalised
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        sizes = config.count_config
        self.radius, self.num_buckets = sizes.radius, sizes.num_molecule_buckets
        self.projection = FineMolTexCountProjection(sizes.num_molecule_buckets, sizes.size)

    def count(self, molecules: Molecules) -> Tensor:
        """Count the hashed neighbourhoods of the atoms. -> `(B, V)`."""
        return count_neighbourhoods(molecules, self.radius, self.num_buckets)

    def forward(self, molecules: Molecules) -> Tensor:
        """Embed the molecules; see the shapes above."""
        return self.projection(self.count(molecules))


class FineMolTexCounts(nn.Module):
    r"""Stand the count embedding beside the learned one, so that their cosines add up by weight.

    The cosine of the whole is \((1 - w) \cos_\mathrm{learned} + w \cos_\mathrm{counted}\).

    Shapes:
        - **input:** learned embeddings `(B, P')`, L2-normalised, and what to count
        - **output:** `(B, P' + R)`, L2-normalised
    """

    def __init__(self, config: Any, with_text: bool = True) -> None:
        super().__init__()
        self.weight = config.count_config.weight
        self.molecules = FineMolTexMoleculeCounts(config)
        self.texts = FineMolTexTextCounts(config) if with_text else None

    def parts(self) -> dict[str, Part]:
        """Declare both sides."""
        sides = {"molecule_counts": self.molecules, "text_counts": self.texts}
        return {name: Part("fitted", (module,)) for name, module in sides.items() if module is not None}

    def join_molecules(self, embeds: Tensor, molecules: Molecules) -> Tensor:
        """Add the count embedding of molecules; see the shapes above."""
        return self._join(embeds, self.molecules(molecules))

    def join_texts(self, embeds: Tensor, input_ids: Tensor | None, attention_mask: Tensor | None = None) -> Tensor:
        """Add the count embedding of texts, `(B, T)` word ids; see the shapes above.

        Raises:
            ValueError: If there are no word ids whose letters could be counted.
        """
        if input_ids is None or self.texts is None:
            raise ValueError("This model counts the letters of words: give texts as `input_ids`.")
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return self._join(embeds, self.texts(input_ids, mask))

    def _join(self, learned: Tensor, counted: Tensor) -> Tensor:
        return torch.cat([math.sqrt(1 - self.weight) * learned, math.sqrt(self.weight) * counted], dim=-1)


def add_up_rows(counts: Tensor, table: Tensor) -> Tensor:
    """Multiply counts that are mostly 0 with a table, by the rows that count alone. `(B, V)`, `(V, R)` -> `(B, R)`.

    An exported graph runs on few texts at a time, of which each has some hundred of the thousands of buckets.
    """
    item, bucket = counts.nonzero(as_tuple=True)  # (n,) each
    held = table.index_select(0, bucket) * counts[item, bucket][:, None]  # (n, R)
    return counts.new_zeros(counts.shape[0], table.shape[1]).index_add(0, item, held)


def spell_word(token: str) -> list[int]:
    """Write a WordPiece token as numbers of its letters.

    Example:
    >>> spell_word("##ol"), spell_word("ol"), spell_word("-")
    ([111, 108], [32, 111, 108], [45])
    """
    is_continuation = token.startswith("##")
    word = token.removeprefix("##")
    spelled = [ord(letter) % (MOST_LETTERS - 1) + 1 if ord(letter) >= MOST_LETTERS else ord(letter) for letter in word]
    return spelled if is_continuation or not word[:1].isalnum() else [SPACE, *spelled]


__all__ = [
    "FineMolTexCountProjection",
    "FineMolTexCounts",
    "FineMolTexMoleculeCounts",
    "FineMolTexTextCounts",
    "spell_word",
]
