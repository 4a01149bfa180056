"""Dataclasses as commands: their fields become options, and errors name what is typed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from rdkit import Chem
from typer.testing import CliRunner

from modeling_finemoltex.cli.arguments import EncoderOptions, FilterOptions, MoleculeFileArguments, RowOptions, takes


@dataclass(kw_only=True)
class Arguments(EncoderOptions, RowOptions, MoleculeFileArguments):
    output: Annotated[Path, typer.Argument(metavar="OUTPUT")]
    method: Annotated[str, typer.Option(help="how")]
    most: Annotated[int, typer.Option("-m", "--most")] = 3
    ratio: Annotated[float, typer.Option()] = 0.5


@pytest.fixture
def call():
    """Function that calls a command of `Arguments`; it returns the outcome and the value that the command got."""
    values, app = [], typer.Typer()

    @app.command()
    @takes(Arguments)
    def work(arguments: Arguments) -> None:
        """Work on a file."""
        values.append(arguments)
        if arguments.most < 1:
            raise ValueError("`most` is 0. Set `ratio` or `input_file`, or give `trust_remote_code=True`.")

    def call(*words: str):
        values.clear()
        return CliRunner().invoke(app, words), *values

    return call


def test_fields_are_options_with_their_defaults(call):
    done, value = call("in.csv", "out", "--method", "x")
    assert done.exit_code == 0 and value == Arguments(input_file=Path("in.csv"), output=Path("out"), method="x")
    assert value.model is None
    words = ("--model", "folder", "-m", "5", "--trust_remote_code", "--smiles_column", "s", "--id_column", "i")
    done, value = call("in.csv", "out", "--method", "x", *words)
    found = (value.model, value.most, value.trust_remote_code, value.smiles_column, value.id_column)
    assert found == ("folder", 5, True, "s", "i")


def test_the_help_shows_docstring_and_groups(call):
    (done,) = call("--help")
    assert "Work on a file." in done.output
    for word in ("INPUT", "OUTPUT", "--model", "(the shipped model)", "--device", "--id_column", "--most", "--ratio"):
        assert word in done.output


def test_a_required_option_is_a_usage_error(call):
    (done,) = call("in.csv", "out")
    assert done.exit_code == 2 and "--method" in done.stderr


def test_errors_name_what_is_typed(call):
    done, _ = call("in.csv", "out", "--method", "x", "-m", "0")
    assert done.exit_code == 1
    assert done.stderr == "Error: -m is 0. Set --ratio or INPUT, or give --trust_remote_code.\n"


def test_filters_are_built_from_patterns_and_ranges():
    assert FilterOptions().make_filter() is None
    light_acids = FilterOptions(smarts=["C(=O)[OH]"], exclude_smarts=["N"], ranges=["MolWt::100"]).make_filter()
    molecules = [Chem.MolFromSmiles(smiles) for smiles in ("CC(=O)O", "NCC(=O)O", "CCO", "CCCCCCCCCC(=O)O")]
    assert [light_acids.accepts(molecule) for molecule in molecules] == [True, False, False, False]
