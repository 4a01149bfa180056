"""What a masked motif is predicted from in the text, and a masked word in the molecule: LIME over the other side.

Local surrogates after Ribeiro et al. 2016: words (or motifs) are hidden at random, the model predicts again, and a
linear model weighted by closeness says what each of them adds.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..model.wrapped_layers_finemoltex import read_weight
from .alignment import AlignedMotif
from .prepared_pairs import PreparedPairs, prepare_pairs
from .words import Word

MISSING = 'Explaining masked predictions needs scikit-learn: pip install "finemoltex[explain]"'
BATCH = 64
KERNEL_WIDTH = 0.25  # that of LIME for texts, in its distances of 0 to 1
RIDGE = 1e-3  # enough for solvable equations; LIME's own 1 would shrink the effects of the few rows of small molecules


@dataclass(frozen=True)
class MaskedPrediction:
    """A masked motif or word, what the model predicts in its place, and what the other side adds to that.

    Args:
        kind (`str`): `"motif"`, explained by words, or `"word"`, explained by motifs.
        target (`str`): What was masked.
        probability (`float`): Of the target; of a word of several pieces their geometric mean.
        predictions (list of `tuple[str, float]`): The likeliest entries of the vocabulary (in the place of the first
            piece of a word), with their probabilities.
        features (`list[str]`): Words or motifs of the other side.
        effects (`list[float]`): What each adds to the log-probability of the target when it is visible.
        fit (`float`): Share of the variance around this pair that the effects explain (R²); near 0 they say little.
    """

    kind: str
    target: str
    probability: float
    predictions: list[tuple[str, float]]
    features: list[str]
    effects: list[float]
    fit: float

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        return asdict(self)


class MaskedPredictionExplainer:
    """Explains the masked predictions of a pre-trained model.

    Args:
        model ([`FineMolTexForPreTraining`]): Trained with the masked objectives.
        processor (`FineMolTexProcessor`): The one the model was trained with.
        num_samples (`int`): Predictions per explanation; fewer where there are not so many ways to hide things.
        seed (`int`): Of what is hidden.

    Raises:
        ValueError: If the model has no heads for masked motifs and words.
        ImportError: If scikit-learn is absent.

    Example:
    >>> explainer = MaskedPredictionExplainer(model, processor, num_samples=20)
    >>> explanation = explainer.explain_motif("NS(=O)(=O)c1ccccc1", "benzene with a sulfonamide group", motif=0)
    >>> explanation.target, explanation.features
    ('N[SH](=O)=O', ['benzene', 'with', 'a', 'sulfonamide', 'group'])
    """

    def __init__(self, model: Any, processor: Any, num_samples: int = 500, seed: int = 0) -> None:
        try:
            from sklearn.linear_model import Ridge
        except ImportError as error:
            raise ImportError(MISSING) from error
        objectives = getattr(model, "objectives", {})
        if "masked_modelling" not in objectives:
            raise ValueError(
                f"This {type(model).__name__} predicts no masked motifs and words. Load a folder that was pre-trained "
                "with the objective `masked_modelling`, as `AutoModelForPreTraining`."
            )
        if num_samples < 2:
            raise ValueError(f"`num_samples` must be at least 2 to compare anything: got {num_samples}.")
        self._make_surrogate: Callable = Ridge
        model.require_weights("explaining masked predictions", *model.parts())
        self.model, self.processor = model.eval(), processor
        self.heads = objectives["masked_modelling"]
        self.num_samples, self.seed = num_samples, seed

    def explain_motif(self, smiles: str, text: str, motif: int, k: int = 5) -> MaskedPrediction:
        """Mask one motif, and explain its prediction by the words.

        Args:
            smiles (`str`): The molecule.
            text (`str`): The text.
            motif (`int`): Position of the motif, as `processor.draw_motifs` numbers them.
            k (`int`): Predictions to list.

        Returns:
            `MaskedPrediction` with the words as features.

        Raises:
            ValueError: If there is no such motif, the vocabulary does not have it, or the pair is bad.
        """
        pair = self._prepare(smiles, text)
        motifs, words = pair.motifs[0], pair.words[0]
        _check_place("motif", motif, [aligned.smiles for aligned in motifs])
        slot = pair.slots[0][motif]
        target = int(pair.inputs["motif_ids"][slot - 1])
        if not target:
            raise ValueError(f"The motif {motifs[motif].smiles!r} is not in the vocabulary: choose another.")
        always = self._hide_motifs(pair, np.arange(len(motifs))[None] == motif)[0]  # (K + 1,)

        def predict(is_visible: np.ndarray) -> Tensor:
            """Predict the hidden one from what is visible. `(n, F)` -> log-probabilities `(n, p, V)`."""
            states = self._run(pair, always.expand(len(is_visible), -1), self._hide_words(pair, ~is_visible))[0]
            return self.heads.motif_head(states[:, slot]).float().log_softmax(-1)[:, None]  # (n, 1, V)

        first, values = self._predict(predict, torch.tensor([target]), len(words))
        return self._explain("motif", motifs[motif].smiles, first, self.processor.decode_motifs, values, words, k)

    def explain_word(self, smiles: str, text: str, word: int | str, k: int = 5) -> MaskedPrediction:
        """Mask one word, and explain its prediction by the motifs.

        Args:
            smiles (`str`): The molecule.
            text (`str`): The text.
            word (`int` or `str`): Its number, or the word itself, whose first occurrence is masked.
            k (`int`): Predictions to list.

        Returns:
            `MaskedPrediction` with the motifs as features.

        Raises:
            ValueError: If there is no such word, or the pair is bad.
        """
        pair = self._prepare(smiles, text)
        motifs, words = pair.motifs[0], pair.words[0]
        names = [name.text for name in words]
        place = _check_place("word", names.index(word) if isinstance(word, str) and word in names else word, names)
        pieces = pair.pieces[0][place].nonzero()[:, 0]  # (p,)
        targets = pair.inputs["input_ids"][0, pieces]  # (p,)
        table = read_weight(self.model.finemoltex.get_input_embeddings())  # (V, H_text)
        always = self._hide_words(pair, np.arange(len(words))[None] == place)  # (1, T)

        def predict(is_visible: np.ndarray) -> Tensor:
            """Predict the hidden one from what is visible. `(n, F)` -> log-probabilities `(n, p, V)`."""
            hidden = always.expand(len(is_visible), -1)
            states = self._run(pair, self._hide_motifs(pair, ~is_visible), hidden)[1]
            return self.heads.word_head(states[:, pieces], table).float().log_softmax(-1)  # (n, p, V)

        first, values = self._predict(predict, targets, len(motifs))
        decode = self.processor.tokenizer.convert_ids_to_tokens
        return self._explain("word", names[place], first, decode, values, motifs, k)

    def _prepare(self, smiles: str, text: str) -> PreparedPairs:
        longest = min(self.processor.tokenizer.model_max_length, self.model.config.text_config.max_position_embeddings)
        return prepare_pairs(self.processor, [smiles], [text], longest)

    @staticmethod
    def _hide_motifs(pair: PreparedPairs, is_hidden: np.ndarray) -> Tensor:
        """Lay hidden motifs, by position, out like the motif sequence. `(n, K)` -> `(n, K + 1)`."""
        hidden = torch.zeros(len(is_hidden), is_hidden.shape[1] + 1, dtype=torch.bool)
        hidden[:, pair.slots[0]] = torch.from_numpy(is_hidden)
        return hidden

    @staticmethod
    def _hide_words(pair: PreparedPairs, is_hidden: np.ndarray) -> Tensor:
        """Hide all pieces of hidden words. `(n, W)` -> `(n, T)`."""
        return (torch.from_numpy(is_hidden).float() @ pair.pieces[0].float()) > 0

    def _run(self, pair: PreparedPairs, hidden_motifs: Tensor, hidden_pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Encode one pair with different things hidden: motif states `(n, K + 1, H)`, word states `(n, T, H)`."""
        count, device = len(hidden_motifs), self.model.device
        batch = dict(self.processor.feature_extractor.collate([pair.graphs[0]] * count))
        ids = pair.inputs["input_ids"].expand(count, -1).masked_fill(hidden_pieces, self.model.config.mask_token_id)
        batch |= {"input_ids": ids, "attention_mask": pair.inputs["attention_mask"].expand(count, -1)}
        batch |= {"hidden_motifs": hidden_motifs}
        inputs = {name: tensor.to(device) for name, tensor in batch.items()}
        output = self.model.finemoltex(**inputs, cross_attention=True)
        return output.motif_states, output.word_states

    @torch.inference_mode()
    def _predict(
        self, predict: Callable[[np.ndarray], Tensor], targets: Tensor, num_features: int
    ) -> tuple[Tensor, tuple[np.ndarray, np.ndarray]]:
        """Predict with all ways, or a sample of the ways, to hide features.

        Returns:
            Log-probabilities of the vocabulary with everything visible `(V,)`, in the place of the first piece; and
            what was visible `(n, F)` with the mean log-probability of the targets `(n,)`, everything visible first.
        """
        visible = _draw_visible(num_features, self.num_samples, self.seed)  # (n, F)
        first, values = torch.empty(0), []
        for start in range(0, len(visible), BATCH):
            scores = predict(visible[start : start + BATCH]).cpu()  # (b, p, V)
            first = first if start else scores[0, 0]
            values.append(scores[:, torch.arange(len(targets)), targets].mean(1))
        return first, (visible, torch.cat(values).numpy())

    def _explain(
        self,
        kind: str,
        target: str,
        first: Tensor,
        decode: Callable[[list[int]], list[str]],
        sample: tuple[np.ndarray, np.ndarray],
        features: Sequence[Word | AlignedMotif],
        k: int,
    ) -> MaskedPrediction:
        """Fit the surrogate, and name everything."""
        visible, values = sample
        best = first.topk(min(k, len(first)))
        # Cosine distance to everything visible: hiding one of many is a smaller step than one of few.
        distances = 1 - np.sqrt(visible.mean(1))  # (n,)
        weights = np.sqrt(np.exp(-(distances**2) / KERNEL_WIDTH**2))  # (n,), of the near ones the most
        surrogate = self._make_surrogate(alpha=RIDGE).fit(visible.astype(float), values, sample_weight=weights)
        fit = surrogate.score(visible.astype(float), values, weights)
        return MaskedPrediction(
            kind,
            target,
            float(np.exp(values[0])),
            list(zip(decode(best.indices.tolist()), best.values.exp().tolist(), strict=True)),
            [feature[0] for feature in features],
            surrogate.coef_.tolist(),
            float(fit),
        )


def _draw_visible(num_features: int, num_samples: int, seed: int) -> np.ndarray:
    """Draw what is visible `(n, F)`, everything in the first row; every way once where there are few.

    As in LIME for texts, the number of hidden features is uniform.
    """
    if 2**num_features <= num_samples:
        ways = np.arange(2**num_features)[:, None] >> np.arange(num_features)
        return (ways[::-1] & 1).astype(bool)
    generator = np.random.default_rng(seed)
    visible = np.ones((num_samples, num_features), dtype=bool)
    for row in visible[1:]:
        row[generator.permutation(num_features)[: generator.integers(1, num_features + 1)]] = False
    return visible


def _check_place(noun: str, place: Any, names: Sequence[str]) -> int:
    """Return `place`, which must be the number of a name."""
    if not isinstance(place, int) or not 0 <= place < len(names):
        listed = ", ".join(f"{number}: {name}" for number, name in enumerate(names[:40]))
        raise ValueError(f"The pair has no {noun} {place!r}; it has {listed}.")
    return place
