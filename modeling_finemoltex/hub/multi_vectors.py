"""A model as a `MultiVectorEncoder`: the token score as MaxSim, one vector a word."""

from typing import Any

import torch
from sentence_transformers import MultiVectorEncoder
from torch import Tensor

from ..embedding import MoleculeTextEncoder
from ..model.concepts_finemoltex import reach_counts
from ..model.tokens_finemoltex import CONCEPT_WORTH, MoleculeTokens, score_words, weigh_texts
from .sentence_transformers import PLACES, MoleculeTextRouter, MoleculeTextTower, describe_search, select_inputs


class TokenTower(MoleculeTextTower):
    r"""One side of a model whose words name structural concepts, as vectors whose products are its score.

    The score of text \(i\) and molecule \(j\) is the cosine plus \(\sum_{t \in i} \sum_{kc} u_{tkc}\, r_{jkc}\):
    what each word asks for, where the molecule has it. So a molecule is one vector, its embedding beside \(r_j\), and
    a word one, its share of the embedding of the text beside \(u_t\), which is negative under a negation. The last
    number is 1, and what a word adds for any molecule. The largest product of a word with the one vector of a molecule
    is their product, so MaxSim is the score itself.

    Shapes:
        - **input:** features of `B` texts or molecules, of `preprocess`
        - **output:** the same with `token_embeddings` `(B, T, P + C K + 1)`, float32, of `T` words or one molecule,
          and `attention_mask` `(B, T)`
    """

    def __init__(self, encoder: MoleculeTextEncoder, is_text: bool) -> None:
        sizes = encoder.model.config.token_config if encoder.token_size else None
        if sizes is None or sizes.levels != "none" or not sizes.num_concepts:
            raise ValueError(
                "A `MultiVectorEncoder` takes a model whose token score has structural concepts and no token vectors "
                f"(`levels` 'none'), got {'no token score' if sizes is None else f'`levels` {sizes.levels!r}'}: "
                "weights below 0 of the best cosine, and counts of tokens, are no sums of largest products. Use "
                "`to_sentence_transformer`, or `MoleculeTextIndex`, which scores any model."
            )
        super().__init__(encoder, is_text)
        self.sizes = sizes

    def get_embedding_dimension(self) -> int:
        """`P + C K + 1`, the width of a vector."""
        return self._encoder.embedding_size + self.sizes.num_concept_counts * self.sizes.num_concepts + 1

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Make the vectors of a batch; see the shapes above."""
        inputs = select_inputs(features)
        vectors, mask = self._place_words(**inputs) if self.is_text else self._place_molecules(inputs)
        order = features[PLACES].argsort()
        return {**features, "token_embeddings": vectors[order], "attention_mask": mask[order]}

    def _place_words(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Give each word a share of the embedding, and what it asks for. -> `(B, T, P + C K + 1)`, `(B, T)`."""
        model, num_texts = self.model.base_model, len(input_ids)
        states, means = model.encode_words(input_ids, attention_mask)  # (B, T, H), (B, H)
        words = model.tokenize_words(states, input_ids, attention_mask)
        worth = weigh_texts(words, num_texts, self.sizes) / model.inverse_temperature  # (B, 1)
        wanted = words.amounts[:, :, None] * words.shares[:, None]  # (W, C, K)
        nobody = words.text_of_word[:0]  # (0,)
        nothing = MoleculeTokens(words.vectors[:0], nobody, nobody.bool())  # of one molecule
        always = score_words(words.vectors, words.thresholds, words.weights, nothing, 1)  # (W, 1)
        shared = model.embed_texts(means, input_ids, attention_mask).float() / attention_mask.sum(1, keepdim=True)
        asked = torch.cat([CONCEPT_WORTH * wanted.flatten(1), always], dim=1)  # (W, C K + 1)
        is_word = attention_mask.bool()
        vectors = asked.new_zeros(*is_word.shape, self.get_embedding_dimension())  # (B, T, P + C K + 1)
        vectors[is_word] = torch.cat([shared[words.text_of_word], worth[words.text_of_word] * asked], dim=1)
        return vectors, is_word

    def _place_molecules(self, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Put the embedding beside what the molecule has. -> `(B, 1, P + C K + 1)`, `(B, 1)`."""
        embeds, tokens = self.model.base_model.embed_with_tokens(**inputs)
        steps = range(1, self.sizes.num_concept_counts + 1)
        there = [reach_counts(tokens.concepts, step).sigmoid() for step in steps]  # C of (B, K)
        vectors = torch.cat([embeds.float(), *there, torch.ones_like(there[0][:, :1])], dim=1)[:, None]
        return vectors, torch.ones_like(vectors[..., 0], dtype=torch.bool)


class TokenRouter(MoleculeTextRouter):
    """Both sides of a model as the one module of a `MultiVectorEncoder`, routed as by [`MoleculeTextRouter`]."""

    tower = TokenTower


def to_multi_vector_encoder(
    name_or_path: str, revision: str | None = None, device: str | None = None
) -> MultiVectorEncoder:
    """Make a `MultiVectorEncoder` of a model: late interaction of words with molecules, negations included.

    MaxSim of `encode_query(texts)` with `encode_document(molecules)` is the score that a search orders its best hits
    by: the cosine plus the token score. Vectors are not of length one, and a molecule has a single one.

    Args:
        name_or_path (`str`): Folder that `save_pretrained` wrote, or a Hub id. Its words name structural concepts, as
            those of the model that comes with the package do.
        revision (`str`, *optional*): Branch, tag or commit on the Hub.
        device (`str`, *optional*): Where to compute; an accelerator, if there is one and this is absent.

    Returns:
        `MultiVectorEncoder`: With one module, a `Router` of two towers. `save_pretrained` writes it, and
        `MultiVectorEncoder(folder, trust_remote_code=True)` loads it where this package is installed.

    Raises:
        ImportError: If sentence-transformers is not installed.
        ValueError: If `name_or_path` is no such model.

    Example:
    >>> encoder = to_multi_vector_encoder(default_model())
    >>> molecules = encoder.encode_document(["c1ccccc1", "Clc1ccccc1"])
    >>> encoder.similarity(encoder.encode_query(["an arene without chlorine"]), molecules).argmax().item()
    0
    """
    module = TokenRouter(MoleculeTextEncoder.from_pretrained(name_or_path, revision, device="cpu"))
    encoder = MultiVectorEncoder(modules=[module], device=device, similarity_fn_name="maxsim")
    describe_search(encoder.model_card_data)
    return encoder
