"""The arguments of a command as a dataclass: a field is an option, a base class a group that commands share."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer
from typer.models import OptionInfo

from .errors import plain_errors, quiet_loading

if TYPE_CHECKING:
    from modeling_finemoltex.data import MoleculeFile, MoleculeFilter
    from modeling_finemoltex.embedding import MoleculeTextEncoder
    from modeling_finemoltex.embedding.row_encoder import RowEncoder

Values = TypeVar("Values")
Precision = Annotated[
    str | None,
    typer.Option(help="of an export folder: float32, int8_text or int8", show_default="float32", metavar="PRECISION"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of a table")]
SmilesColumn = Annotated[str | None, typer.Option("--smiles_column", help="column of the molecules")]
FACTS_CHOICES = ("off", "mark", "require")
FactsOption = Annotated[
    str,
    typer.Option(
        help="what a text says about structure: mark hits that contradict it, require it, or off",
        metavar="|".join(FACTS_CHOICES),
    ),
]


@dataclass(kw_only=True)
class LoadingOptions:
    """How a model is loaded."""

    device: Annotated[str | None, typer.Option(help="such as cpu or cuda:1", show_default="the fastest")] = None
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="run the code in the model folder")
    ] = False


@dataclass(kw_only=True)
class EncoderOptions(LoadingOptions):
    """Which model embeds molecules and texts."""

    model: Annotated[str | None, typer.Option(help="model folder or Hub id", show_default="the shipped model")] = None

    def load_encoder(self, dtype: str | None = None) -> "MoleculeTextEncoder":
        """Load the model, to compute in the type `dtype`."""
        return load_encoder(self.model, device=self.device, dtype=dtype, trust_remote_code=self.trust_remote_code)


def load_any_encoder(model: str | None, precision: str | None = None, **options: Any) -> "RowEncoder":
    """Load a model as `load_encoder` does, or an export folder, without PyTorch and Transformers.

    Raises:
        ValueError: If an option is for the other kind.
    """
    from modeling_finemoltex.runtime import is_export_folder

    if model is None or not is_export_folder(model):
        if precision is not None:
            raise ValueError(
                f"`precision` chooses among the graphs of an export folder, and {model or 'the shipped model'} is "
                "none. Leave it out, or export the model first: finemoltex export."
            )
        return load_encoder(model, **options)
    given = [name for name, value in options.items() if value and (name, value) != ("device", "cpu")]
    if given:
        raise ValueError(f"`{given[0]}` is for models: {model} is an export folder, whose graphs run as they are.")
    from modeling_finemoltex.runtime import OnnxMoleculeTextEncoder

    return OnnxMoleculeTextEncoder(model, precision or "float32")  # type: ignore[arg-type]


def load_encoder(model: str | None, **options: Any) -> "MoleculeTextEncoder":
    """Load a model with options of `MoleculeTextEncoder.from_pretrained`, or the shipped one if none is named.

    Raises:
        ValueError: If it cannot be loaded, or is an export folder: the caller needs the model itself.
    """
    from modeling_finemoltex import default_model
    from modeling_finemoltex.runtime import is_export_folder, read_export

    if model is not None and is_export_folder(model):
        raise ValueError(
            f"This needs the model itself, and {model} holds its exported graphs: name the model that was exported, "
            f"{read_export(model).fingerprint.get('name_or_path')}."
        )
    from modeling_finemoltex.embedding import MoleculeTextEncoder

    with quiet_loading():
        return MoleculeTextEncoder.from_pretrained(model or default_model(), **options)


@dataclass(kw_only=True)
class LayoutOptions:
    """How the file is laid out."""

    smiles_column: SmilesColumn = None
    separator: Annotated[
        str | None,
        typer.Option(help="character between the cells of a csv, tsv or txt file, or tab", show_default="recognised"),
    ] = None
    column_names: Annotated[
        str | None, typer.Option("--column_names", help="columns of such a file without a header: smiles,name,...")
    ] = None

    def open_file(self, path: Path, **options: Any) -> "MoleculeFile":
        """Open a file with these options and others of `MoleculeFile`."""
        from modeling_finemoltex.data.molecule_files import MoleculeFile

        names = None if self.column_names is None else [name.strip() for name in self.column_names.split(",")]
        layout = {"smiles_column": self.smiles_column, "separator": self.separator, "column_names": names}
        return MoleculeFile(path, **layout, **options)


@dataclass(kw_only=True)
class RowOptions(LayoutOptions):
    """What is embedded of each row of a file."""

    text_column: Annotated[
        str | None, typer.Option("--text_column", help="embed the texts of this column instead of molecules")
    ] = None
    id_column: Annotated[str | None, typer.Option("--id_column", help="column of the ids")] = None

    def open_rows(self, path: Path) -> "MoleculeFile":
        """Open a file whose rows are to be embedded."""
        return self.open_file(path, text_column=self.text_column, id_column=self.id_column)


@dataclass(kw_only=True)
class MoleculeFileArguments(LayoutOptions):
    """Which file of molecules."""

    input_file: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="csv, tsv, txt, smi, sdf, jsonl (each also .gz, .bz2, .zst), parquet or xlsx file"
        ),
    ]


@dataclass(kw_only=True)
class FilterOptions:
    """Which molecules are wanted."""

    smarts: Annotated[list[str] | None, typer.Option(help="molecules must have this substructure; repeatable")] = None
    exclude_smarts: Annotated[
        list[str] | None,
        typer.Option("--exclude_smarts", help="molecules must not have this one; repeatable"),
    ] = None
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", help="descriptor range such as MolWt:200:500 or MolLogP::5; repeatable"),
    ] = None

    def make_filter(self, where: str | None = None) -> "MoleculeFilter | None":
        """Build the filter, with a condition on columns in SQL; `None` if everything is wanted."""
        if not (self.smarts or self.exclude_smarts or self.ranges or where):
            return None
        from modeling_finemoltex.data import MoleculeFilter
        from modeling_finemoltex.data.molecule_filters import parse_range

        ranges = dict(map(parse_range, self.ranges or ()))
        return MoleculeFilter(tuple(self.smarts or ()), tuple(self.exclude_smarts or ()), ranges, where)


def check_facts(facts: str) -> None:
    """Refuse another word for `--facts` than those that there are.

    Raises:
        ValueError: If it is another one.
    """
    if facts not in FACTS_CHOICES:
        raise ValueError(f"--facts must be one of {', '.join(FACTS_CHOICES)}: got {facts!r}.")


def takes(arguments: type[Values]) -> Callable[[Callable[[Values], None]], Callable[..., None]]:
    """Turn a function of one dataclass into a command of typer, whose errors are one sentence.

    Args:
        arguments (`type`): A dataclass, whose fields are `Annotated` for typer and named like what they set in Python.

    Returns:
        Decorator of a function that takes a value of it.
    """

    def decorate(command: Callable[[Values], None]) -> Callable[..., None]:
        """Wrap one command."""
        hints = get_type_hints(arguments, include_extras=True)

        @functools.wraps(command)
        def run(**values: Any) -> None:
            """Gather the options into the dataclass and call the command."""
            with plain_errors({name: _spell(name, hints[name]) for name in values}):
                command(arguments(**values))

        run.__annotations__ = hints
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if field.default is MISSING else field.default,
                    annotation=hints[field.name],
                )
                for field in fields(arguments)  # type: ignore[arg-type]
            ]
        )
        return run

    return decorate


def _spell(name: str, hint: Any) -> str:
    """Write an argument as it is typed on the command line."""
    (info,) = hint.__metadata__
    if not isinstance(info, OptionInfo):
        return info.metavar or name.upper()
    spelling = info.default  # the first word of an `Annotated` option: typer tells it from a default later
    return spelling.partition("/")[0] if isinstance(spelling, str) else f"--{name}"
