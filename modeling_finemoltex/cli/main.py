"""The command line: `finemoltex COMMAND --help`.

Each command reads its arguments and calls one function of the package, so all of it can be used from Python too.
This folder is installed beside the package, as `finemoltex_cli`: importing a part of the package imports the package
first. Its files import each other relatively and the package by name inside the commands, so that help, completion and
usage errors load neither the package nor PyTorch.
"""

import atexit
import gc
import sys
from typing import Annotated

import typer

from .caption import caption
from .convert import convert
from .edit import edit
from .embed import embed
from .evaluate import app as evaluate
from .explain import explain
from .export import export
from .fragments import app as fragments
from .index import index
from .info import info
from .predict import predict
from .pretrain import pretrain
from .push import push
from .search import search
from .vocab import vocab

# Plain help: rich would take twice as long to import as the rest of the command line.
app = typer.Typer(name="finemoltex", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)


def _print_version(is_asked: bool) -> None:
    """Print the version: that of the package if it is loaded, else that of the installation."""
    if not is_asked:
        return
    from importlib.metadata import version

    package = sys.modules.get("modeling_finemoltex")
    typer.echo(f"finemoltex {version('finemoltex') if package is None else package.__version__}")
    raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Embed molecules and texts, search one with the other, predict properties, edit as a text asks."""
    # Importing PyTorch makes a million objects and no garbage. Python would look for garbage every 700 objects, a
    # seventh of the time of a short command.
    gc.set_threshold(100_000, 50, 50)
    # At its end Python would look through all of them again, several times: seconds after Ctrl-C or a result.
    atexit.register(gc.freeze)


# The options of `pretrain` are those of its dataclasses, which take PyTorch to know: it parses them itself.
app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    pretrain
)
for command in (vocab, embed, index, search, predict, edit, caption, explain, convert, export, push, info):
    app.command()(command)
app.add_typer(evaluate)
app.add_typer(fragments)
