"""`finemoltex push`: a folder of a model or a dataset to the Hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from .arguments import takes
from .errors import quiet_loading
from .tables import echo_json


@dataclass(kw_only=True)
class PushArguments:
    """What to push, and where to."""

    folder: Annotated[
        Path,
        typer.Argument(help="folder that training or one of the export functions wrote"),
    ]
    repo_id: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="repository on the Hub; made if needed")]
    tag: Annotated[str | None, typer.Option(help="name for this state, to pin it with revision=")] = None
    private: Annotated[bool | None, typer.Option("--private/--public", help="of a new repository")] = None
    commit_message: Annotated[str | None, typer.Option("--message", help="title of the commit")] = None
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a sentence")] = False


@takes(PushArguments)
def push(arguments: PushArguments) -> None:
    """Push a model folder to the Hub in one commit: model, processor, code, card, results and endpoint.

    Of a dataset folder, the card and the files that it names.

    Log in first: `hf auth login`, or set HF_TOKEN.
    """
    from modeling_finemoltex.hub import push_folder

    with quiet_loading():
        commit = push_folder(
            arguments.folder,
            arguments.repo_id,
            tag=arguments.tag,
            private=arguments.private,
            commit_message=arguments.commit_message,
        )
    url, revision = str(commit.commit_url), arguments.tag or commit.oid
    if arguments.as_json:
        echo_json({"repo_id": arguments.repo_id, "commit": commit.oid, "tag": arguments.tag, "url": url})
    else:
        typer.echo(f"{url}\nPin it with revision={revision!r}.")
