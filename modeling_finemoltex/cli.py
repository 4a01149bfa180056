"""The command line: `finemoltex COMMAND --help`.

Each command reads its arguments here and calls one function of the package, so all of it can be used from Python too.
Heavy modules are imported inside the commands: `finemoltex --help` answers at once.
"""

import typer

app = typer.Typer(
    name="finemoltex",
    help="Embed molecules and texts, and search one with the other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def main() -> None:
    """Embed molecules and texts, and search one with the other."""
