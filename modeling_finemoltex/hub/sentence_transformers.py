"""A model for sentence-transformers: a router of two towers, for texts and for molecules."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..embedding import MoleculeTextEncoder

try:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import InputModule, Router
except ImportError as error:
    raise ImportError(
        'This needs sentence-transformers 6.2 or later: pip install "finemoltex[sentence-transformers]"'
    ) from error

# Routes. None may be called "text": by the name of a modality the library would route tasks that it does not know.
TEXTS, MOLECULES = "texts", "molecules"
TASKS = {"query": TEXTS, "text": TEXTS, "document": MOLECULES, "molecule": MOLECULES}
PLACES = "places"  # of the rows of a batch, which is sorted by size
EXAMPLES = ("an alcohol", "CCO", "c1ccccc1")  # of the card: a query, then documents
LOADED_WITH = {"dtype"}  # what `model_kwargs` may hold


class MoleculeTextTower(InputModule):
    """One side of a model, as a module of sentence-transformers.

    Args:
        encoder ([`MoleculeTextEncoder`]): The model with its processor; both sides of a router share it.
        is_text (`bool`): Whether its rows are texts, or molecules.

    Shapes:
        - **input:** features of `B` texts or molecules, of `preprocess`
        - **output:** the same with `sentence_embedding` `(B, P)`, float32, L2-normalised
    """

    def __init__(self, encoder: MoleculeTextEncoder, is_text: bool) -> None:
        super().__init__()
        self._encoder, self.is_text = encoder, is_text
        self.model, self.processor = encoder.model, encoder.processor

    @property
    def tokenizer(self) -> Any:
        """Tokenizer of the texts; molecules have none."""
        return self.processor.tokenizer if self.is_text else None

    @property
    def max_seq_length(self) -> int | None:
        """Tokens per text; longer texts are cut. Molecules are not."""
        return self._encoder.max_length if self.is_text else None

    @max_seq_length.setter
    def max_seq_length(self, value: int) -> None:
        """Cut texts after so many tokens."""
        self.processor.tokenizer.model_max_length = value

    def get_embedding_dimension(self) -> int:
        """`P`, the width of the embeddings."""
        return self._encoder.embedding_size

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Tensor]:
        """Turn texts or molecules into what the model reads.

        Args:
            inputs (sequence of `str` or `rdkit.Chem.Mol`): `B` rows.
            prompt (`str`, *optional*): Written before each text; molecules take none.

        Returns:
            `dict[str, Tensor]`: Inputs of the model, and `places` `(B,)` of their rows in `inputs`.

        Raises:
            ValueError: If a row cannot be embedded; says which and why.
        """
        rows = list(inputs)
        if prompt and not self.is_text:
            raise ValueError(f"A molecule takes no prompt, got {prompt!r}. Give prompts for texts only.")
        if prompt:
            rows = [prompt + row if isinstance(row, str) else row for row in rows]
        window = self._encoder.preparation(self.is_text, len(rows))(rows)
        for place, reason in window.rejected.items():
            # The library sorts rows before it cuts batches: only the row itself tells which one it was.
            raise ValueError(
                f"{'Text' if self.is_text else 'Molecule'} {rows[place]!r:.80} cannot be embedded. {reason} "
                f"`MoleculeTextEncoder.encode_{'texts' if self.is_text else 'molecules'}` with `on_error='skip'` "
                "leaves such rows out and tells their indices."
            )
        (batch,) = window.batches
        features = {name: torch.from_numpy(array) for name, array in batch.inputs.items()}
        return {**features, PLACES: torch.tensor(batch.places)}

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Embed a batch; see the shapes above."""
        embed = self.model.get_text_features if self.is_text else self.model.get_molecule_features
        embeds = F.normalize(embed(**select_inputs(features)).float(), dim=-1)  # (B, P)
        return {**features, "sentence_embedding": embeds[features[PLACES].argsort()]}

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Save the model and its processor, as safetensors."""
        self.model.save_pretrained(output_path)
        self.processor.save_pretrained(output_path)


class MoleculeTextRouter(Router):
    """Both towers of a model as the one module of a `SentenceTransformer`.

    Texts are the route of the tasks `"text"` and `"query"`, and of no task; molecules that of `"molecule"` and
    `"document"`; other tasks are refused. The folder that it saves is one of [`MoleculeTextEncoder`] too, and holds
    the weights once.

    Args:
        encoder ([`MoleculeTextEncoder`]): The model with its processor.
    """

    tower: ClassVar[type[MoleculeTextTower]] = MoleculeTextTower
    save_in_root = True

    def __init__(self, encoder: MoleculeTextEncoder) -> None:
        super().__init__(
            {name: [self.tower(encoder, name == TEXTS)] for name in (TEXTS, MOLECULES)},
            default_route=TEXTS,
            route_mappings={(task, None): route for task, route in TASKS.items()},
        )

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Save the model and its processor, as safetensors."""
        self.sub_modules[TEXTS][0].save(output_path)

    @classmethod
    def load(
        cls,
        model_name_or_path: str,
        subfolder: str = "",
        model_kwargs: Mapping[str, Any] | None = None,
        backend: str = "torch",
        **kwargs: Any,
    ) -> "MoleculeTextRouter":
        """Load what `save` wrote, with the code of this package.

        Args:
            model_name_or_path (`str`), subfolder (`str`): A folder or a Hub id, and the folder in it.
            model_kwargs (`dict`, *optional*): May hold `dtype`, the type to compute in.
            backend (`str`): `"torch"`.
            kwargs: Where on the Hub: `token`, `cache_folder`, `revision` and `local_files_only`.

        Raises:
            ValueError: If there is no such model, or an option is unknown.
        """
        unknown = sorted(set(model_kwargs or {}) - LOADED_WITH)
        if unknown or backend != "torch":
            raise ValueError(
                f"This model runs on backend 'torch' and takes {sorted(LOADED_WITH)} as `model_kwargs`, got backend "
                f"{backend!r} and {unknown}. Leave the others out."
            )
        names = ("token", "cache_folder", "revision", "local_files_only")
        where = {name: kwargs[name] for name in names if name in kwargs}
        folder = cls.load_dir_path(model_name_or_path, subfolder, **where)
        if folder is None:
            raise ValueError(f"{model_name_or_path!r} has no folder {subfolder!r}: save the model again.")
        return cls(MoleculeTextEncoder.from_pretrained(folder, device="cpu", dtype=(model_kwargs or {}).get("dtype")))


def select_inputs(features: Mapping[str, Any]) -> dict[str, Tensor]:
    """Select what the model reads: all tensors but the places of the rows."""
    return {name: value for name, value in features.items() if isinstance(value, Tensor) and name != PLACES}


def to_sentence_transformer(
    name_or_path: str, revision: str | None = None, device: str | None = None
) -> SentenceTransformer:
    """Make a `SentenceTransformer` of a model: `encode` and `encode_query` embed texts, `encode_document` molecules.

    `encode(..., task="molecule")` embeds molecules too: a SMILES is a string, and without a task it is read as words.
    The embeddings are those of [`MoleculeTextEncoder`], of length one. Where this package is installed,
    `SentenceTransformer(folder, trust_remote_code=True)` loads what `save_pretrained(folder)` wrote, and the folders
    that `export_folder`, `finemoltex push` and the package itself make, as they are: `default_model()` is one.

    Args:
        name_or_path (`str`): Folder that `save_pretrained` wrote, or a Hub id.
        revision (`str`, *optional*): Branch, tag or commit on the Hub.
        device (`str`, *optional*): Where to compute; an accelerator, if there is one and this is absent.

    Returns:
        `SentenceTransformer`: With one module, a `Router` of two towers, and the cosine as its similarity.

    Raises:
        ImportError: If sentence-transformers is not installed.
        ValueError: If `name_or_path` is no model that embeds molecules and texts.

    Example:
    >>> transformer = to_sentence_transformer(folder)
    >>> molecules = transformer.encode_document(["CCO", "c1ccccc1"])
    >>> transformer.similarity(transformer.encode(["an alcohol"]), molecules).shape
    torch.Size([1, 2])
    """
    module = MoleculeTextRouter(MoleculeTextEncoder.from_pretrained(name_or_path, revision, device="cpu"))
    transformer = SentenceTransformer(modules=[module], device=device, similarity_fn_name="cosine")
    describe_search(transformer.model_card_data)
    return transformer


def describe_search(card: Any) -> None:
    """Let the card that the library writes show a search, not `encode` on sentences about the weather."""
    card.ir_model, card.task_name, card.usage_examples = True, "search of molecules with texts", list(EXAMPLES)
