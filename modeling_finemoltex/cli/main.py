"""The command line: `finemoltex COMMAND --help`.

Each command reads its arguments here and calls one function of the package, so all of it can be used from Python too.
Heavy modules are imported inside the commands: `finemoltex --help` answers at once.
"""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .errors import plain_errors, quiet_loading
from .explain import register_explain

if TYPE_CHECKING:
    from ..editing import Edit, MoleculeEditor
    from ..retrieval import Hit, MoleculeTextIndex

SHOWN_MOTIFS = 12

app = typer.Typer(
    name="finemoltex",
    help="Embed molecules and texts, search one with the other, predict properties, edit as a text asks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def main() -> None:
    """Embed molecules and texts, search one with the other, predict properties, edit as a text asks."""


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def pretrain(context: typer.Context) -> None:
    """Pre-train on pairs of molecules and texts; `finemoltex pretrain --help` lists the options.

    `accelerate launch -m modeling_finemoltex.cli pretrain ...` trains on several devices.
    """
    from ..evaluation import format_retrieval_table
    from ..training import pretrain as run

    with plain_errors():
        result = run(context.args, prog="finemoltex pretrain")
    if not result.is_complete:
        raise typer.Exit(130)  # the exit status of a program stopped by Ctrl-C
    if result.is_main_process:
        typer.echo(format_retrieval_table(result.metrics))
        typer.echo(f"The model, its processor and its card are in {result.output_dir}")


@app.command()
def vocab(
    source: Annotated[
        str,
        typer.Argument(
            help="csv, tsv, smi, sdf or parquet file to train on; or a .json vocabulary, model folder, Hub id"
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="write the vocabulary to this .json file")] = None,
    smiles_column: Annotated[str | None, typer.Option("--smiles_column", help="column of the molecules")] = None,
    fragmentation: Annotated[str, typer.Option(help="functional or paper")] = "functional",
    min_count: Annotated[int, typer.Option("--min_count", help="motifs seen less often are unknown")] = 5,
    max_size: Annotated[int | None, typer.Option("--max_size", help="keep at most so many, the most frequent")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Train a motif vocabulary on molecules, or show that of a model."""
    from .. import processors
    from ..data.molecule_files import MoleculeFile, has_format

    with plain_errors():
        path = Path(source)
        if path.is_file() and path.suffix == ".json":
            found = json.loads(path.read_text(encoding="utf-8"))
            found = found.get(fragmentation, found) if isinstance(found, dict) else found
            found = processors.FineMolTexFeatureExtractor(found).motif_vocab  # refuses what is no vocabulary
        elif path.is_file() or has_format(path):
            smiles = MoleculeFile(path, smiles_column).smiles()
            found = processors.train_motif_vocab(smiles, fragmentation, min_count, max_size)
        else:
            found = processors.FineMolTexFeatureExtractor.from_pretrained(source).motif_vocab
        if output is not None:
            output.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            typer.echo(f"{output}: {len(found['motifs'])} motifs", err=True)
        _echo_facts(_summarize_vocab(found), as_json)


@app.command()
def embed(
    input_file: Annotated[
        Path, typer.Argument(metavar="INPUT", help="csv, tsv, smi, sdf (each also .gz) or parquet file")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="folder of the embeddings; made if needed")],
    model: Annotated[str, typer.Option(help="model folder or Hub id")],
    smiles_column: Annotated[str | None, typer.Option("--smiles_column", help="column of the molecules")] = None,
    text_column: Annotated[
        str | None, typer.Option("--text_column", help="embed the texts of this column instead of molecules")
    ] = None,
    id_column: Annotated[str | None, typer.Option("--id_column", help="column of the ids")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option("--batch_size", help="rows the model takes at once", show_default="64 on a CPU, 512 else"),
    ] = None,
    shard_rows: Annotated[int, typer.Option("--shard_rows", help="input rows per file of the output")] = 8192,
    num_workers: Annotated[
        int | None,
        typer.Option("--num_workers", help="processes that prepare batches; 0: none", show_default="by the cores"),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="type to compute in, such as bfloat16", show_default="of the weights")
    ] = None,
    device: Annotated[str | None, typer.Option(help="such as cpu or cuda:1", show_default="the fastest")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="run the code in the model folder")
    ] = False,
) -> None:
    """Embed a file of molecules (or texts) into Parquet files; run it again to go on after an interruption.

    `accelerate launch -m modeling_finemoltex.cli embed ...` shares the work among several devices, `torchrun
    --nproc_per_node 2 -m modeling_finemoltex.cli embed ...` among several processes on CPUs.
    """
    from ..data.molecule_files import MoleculeFile
    from ..embedding.embedding_job import embed_file
    from ..embedding.encoder import MoleculeTextEncoder, get_processes

    with plain_errors():
        source = MoleculeFile(input_file, smiles_column, text_column, id_column)
        encoder = MoleculeTextEncoder.from_pretrained(
            model, device=device, dtype=dtype, trust_remote_code=trust_remote_code
        )
        facts = embed_file(source, output, encoder, batch_size, shard_rows, num_workers)
    if get_processes().is_main_process:
        typer.echo(f"{output}: {facts['num_rows']} rows embedded in {facts['num_shards']} shards.")
        if facts["num_rejected"]:
            typer.echo(f"{facts['num_rejected']} rows rejected, with reasons in {output / 'rejected.csv'}.")


@app.command()
def index(
    embeddings: Annotated[Path, typer.Argument(help="folder that `finemoltex embed` wrote")],
    output: Annotated[Path, typer.Argument(metavar="INDEX", help="folder for the index")],
    method: Annotated[
        str, typer.Option(help="auto (chooses by size), flat (exact), ivf_flat, hnsw or ivf_pq (compressed)")
    ] = "auto",
    force: Annotated[bool, typer.Option("--force", help="replace an index that is there")] = False,
) -> None:
    """Make a searchable index of embeddings."""
    with plain_errors():
        from ..retrieval import MoleculeTextIndex

        if output.exists() and not force:
            raise ValueError(f"{output} exists: give another folder, or --force to replace the index in it.")
        made = MoleculeTextIndex.from_embeddings(embeddings, method=method)
        made.save(output)
    typer.echo(f"{output}: {len(made):,} {made.kind}, method {made.method}, width {made.embedding_size}", err=True)


@app.command()
def search(
    folder: Annotated[Path, typer.Argument(metavar="INDEX", help="folder that `finemoltex index` wrote")],
    queries: Annotated[list[str], typer.Argument(help="texts, each in quotes; SMILES with --smiles")],
    k: Annotated[int, typer.Option("-k", help="hits per query")] = 10,
    smiles: Annotated[bool, typer.Option("--smiles", help="the queries are molecules")] = False,
    model: Annotated[str | None, typer.Option(help="model folder or Hub id, if it moved since the index")] = None,
    smarts: Annotated[list[str] | None, typer.Option(help="hits must have this substructure; repeatable")] = None,
    exclude_smarts: Annotated[
        list[str] | None, typer.Option("--exclude_smarts", help="hits must not have this substructure; repeatable")
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option("--range", help="descriptor range such as MolWt:200:500 or MolLogP::5; repeatable"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    html: Annotated[Path | None, typer.Option(help="also write the hits, drawn, to this HTML file")] = None,
) -> None:
    """Find the molecules (or texts) that fit best."""
    with plain_errors():
        from ..data import MoleculeFilter
        from ..data.molecule_filters import parse_range
        from ..retrieval import MoleculeTextIndex

        filters = None
        if smarts or exclude_smarts or ranges:
            bounds = dict(map(parse_range, ranges or ()))
            filters = MoleculeFilter(tuple(smarts or ()), tuple(exclude_smarts or ()), bounds)
        library = MoleculeTextIndex.load(folder)
        library.encoder = _load_encoder(library, model)
        wanted: dict[str, Any] = {"smiles" if smiles else "texts": queries}
        results = library.search(**wanted, k=k, filters=filters)
        if as_json:
            entries = [
                {"query": query, "hits": [hit.to_dict() for hit in hits]}
                for query, hits in zip(queries, results, strict=True)
            ]
            typer.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        else:
            typer.echo("\n\n".join(map(_format_hits, queries, results)))
        if any(len(hits) < k for hits in results):
            typer.echo(f"Fewer than {k} hits: no more of the {len(library):,} molecules pass the filter.", err=True)
        if html is not None:
            from ..retrieval.hits_page import render_hits_page

            summary = f"{k} best of {len(library):,} {library.kind}{' that pass the filter' if filters else ''}"
            html.write_text(render_hits_page(queries, results, summary, smiles), encoding="utf-8")
            typer.echo(f"{html}: {sum(map(len, results))} hits drawn", err=True)


@app.command()
def predict(
    input_file: Annotated[
        Path, typer.Argument(metavar="INPUT", help="csv, tsv, smi, sdf (each also .gz) or parquet file")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="csv file to write")],
    model: Annotated[str, typer.Option(help="folder of a fine-tuned model")],
    smiles_column: Annotated[str | None, typer.Option("--smiles_column", help="column of the molecules")] = None,
    batch_size: Annotated[int, typer.Option("--batch_size", help="molecules the model takes at once")] = 64,
    num_workers: Annotated[int, typer.Option("--num_workers", help="processes that prepare batches; 0: none")] = 0,
    device: Annotated[str | None, typer.Option(help="such as cpu or cuda:1", show_default="the fastest")] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust_remote_code", help="run the code in the model folder")
    ] = False,
) -> None:
    """Predict properties of the molecules of a file: its rows with columns added, whatever its size."""
    from ..data.molecule_files import MoleculeFile
    from ..property_prediction import PropertyPredictor, predict_file

    with plain_errors():
        source = MoleculeFile(input_file, smiles_column, keep_cells=True)
        with quiet_loading():
            predictor = PropertyPredictor.from_pretrained(model, device, trust_remote_code)
        counts = predict_file(source, output, predictor, batch_size, num_workers)
    typer.echo(
        f"{output}: {counts['num_rows']} rows, {counts['num_errors']} of them without prediction (see `error`)."
    )


@app.command()
def edit(
    smiles: Annotated[str, typer.Argument(metavar="SMILES", help="molecule to edit")],
    prompt: Annotated[str, typer.Argument(help="what it is to become, in quotes")],
    model: Annotated[str, typer.Option(help="model folder or Hub id")],
    opposite: Annotated[
        str | None, typer.Option(help="what it is not to become, in words of its own; sharpens the prompt")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="number of edits")] = 10,
    min_similarity: Annotated[
        float, typer.Option("--min_similarity", help="least Tanimoto similarity to the molecule")
    ] = 0.4,
    smarts: Annotated[list[str] | None, typer.Option(help="edits must have this substructure; repeatable")] = None,
    ranges: Annotated[
        list[str] | None, typer.Option("--range", help="descriptor range such as MolWt::500; repeatable")
    ] = None,
    editor: Annotated[
        str, typer.Option(help="search, or latent: optimise the latent of a generator, which the folder must hold")
    ] = "search",
    fragments: Annotated[
        Path | None, typer.Option(help="CReM fragment database, see `build_fragment_database`; proposes more edits")
    ] = None,
    selfies: Annotated[bool, typer.Option("--selfies", help="propose random SELFIES mutations too")] = False,
    num_generations: Annotated[
        int, typer.Option("--num_generations", help="times that the search goes on from the best edits")
    ] = 2,
    seed: Annotated[int, typer.Option(help="equal seeds give equal edits")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    draw: Annotated[Path | None, typer.Option(help="also draw the edits to this .html or .png file")] = None,
) -> None:
    """Edit a molecule so that a sentence fits it better: similar, valid analogues, the best first."""
    with plain_errors():
        from ..data import MoleculeFilter
        from ..data.molecule_filters import parse_range
        from ..editing import EditConstraints, SearchSettings, write_edits

        condition = MoleculeFilter(tuple(smarts or ()), (), dict(map(parse_range, ranges or ())))
        constraints = EditConstraints(min_similarity, condition=condition)
        settings = SearchSettings(num_generations=num_generations, seed=seed)
        made = _make_editor(editor, model, constraints, settings, fragments, selfies)
        edits = made.edit(smiles, prompt, opposite, k)
        if as_json:
            entry = {"smiles": smiles, "prompt": prompt, "edits": [one.to_dict() for one in edits]}
            typer.echo(json.dumps(entry, indent=2, ensure_ascii=False))
        else:
            typer.echo(_format_edits(edits))
        if not edits:
            typer.echo("No admissible edit: lower --min_similarity, or relax --smarts and --range.", err=True)
        if draw is not None:
            write_edits(draw, prompt, smiles, edits, f"{len(edits)} edits of {smiles}")
            typer.echo(f"{draw}: {len(edits)} edits drawn", err=True)


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="folder that pretraining, fine-tuning or `export_folder` wrote")],
    repo_id: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="repository on the Hub; made if needed")],
    tag: Annotated[str | None, typer.Option(help="name for this state, to pin it with revision=")] = None,
    private: Annotated[bool | None, typer.Option("--private/--public", help="of a new repository")] = None,
    message: Annotated[str | None, typer.Option(help="title of the commit")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a sentence")] = False,
) -> None:
    """Push a model folder to the Hub in one commit: model, processor, code, card, results and endpoint.

    Log in first: `hf auth login`, or set HF_TOKEN.
    """
    from ..hub.publishing import push_folder

    with plain_errors(), quiet_loading():
        info = push_folder(folder, repo_id, tag=tag, private=private, commit_message=message)
    if as_json:
        typer.echo(json.dumps({"repo_id": repo_id, "commit": info.oid, "tag": tag, "url": str(info.commit_url)}))
    else:
        typer.echo(f"{info.commit_url}\nPin it with revision={(tag or info.oid)!r}.")


@app.command()
def info(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="model folder or Hub id")],
    revision: Annotated[str | None, typer.Option(help="branch, tag or commit on the Hub")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Say what a model is: class, sizes, labels, measured figures; its weights are not downloaded."""
    from ..hub.publishing import describe_model

    with plain_errors():
        _echo_facts(describe_model(model, revision), as_json)


def _summarize_vocab(vocab: dict[str, Any]) -> dict[str, Any]:
    """Say how much of the molecules a vocabulary names, and its most frequent motifs."""
    total = vocab.get("num_motif_tokens")
    return {
        "fragmentation": vocab["fragmentation"],
        "motifs": len(vocab["motifs"]),
        "molecules": vocab.get("num_molecules"),
        "min_count": vocab.get("min_count"),
        "coverage": round(sum(vocab["motifs"].values()) / total, 4) if total else None,
        "most_frequent": dict(itertools.islice(vocab["motifs"].items(), SHOWN_MOTIFS)),
    }


def _echo_facts(facts: dict[str, Any], as_json: bool) -> None:
    """Print facts as JSON, or those that are known as a table."""
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} ({count:,})" for key, count in value.items())
        elif isinstance(value, list):
            rows = (" ".join(map(str, one.values())) if isinstance(one, dict) else str(one) for one in value)
            value = f"\n{'':<{width}}  ".join(rows)
        elif isinstance(value, int) and not isinstance(value, bool):
            value = f"{value:,}"
        if value not in (None, ""):
            typer.echo(f"{name:<{width}}  {value}")


def _make_editor(
    kind: str, model: str, constraints: Any, settings: Any, fragments: Path | None, selfies: bool
) -> "MoleculeEditor":
    """Load a model into the editor asked for."""
    from ..editing import LatentOptimizationEditor, SearchEditor, make_proposers
    from ..embedding import MoleculeTextEncoder

    if kind not in ("search", "latent"):
        raise ValueError(f"--editor must be search or latent, got {kind!r}.")
    with quiet_loading():
        if kind == "latent":
            return LatentOptimizationEditor.from_pretrained(model, constraints=constraints)
        encoder = MoleculeTextEncoder.from_pretrained(model)
    proposers = make_proposers(encoder.processor.feature_extractor, fragments, selfies)
    return SearchEditor(encoder, proposers, constraints, settings)


def _load_encoder(library: "MoleculeTextIndex", model: str | None) -> Any:
    """Load the model given, else the one the index was made with."""
    from ..embedding import MoleculeTextEncoder

    made_with = library.model or {}
    name = model or made_with.get("name_or_path")
    if not name:
        raise ValueError("The index does not tell where its model is: name the folder with --model.")
    try:
        with quiet_loading():  # the heads of pre-training, also in the folder, are not needed here
            revision = None if model else made_with.get("revision") or None
            return MoleculeTextEncoder.from_pretrained(name, revision=revision)
    except ValueError as error:
        hint = "" if model else " If the index's model moved, name its folder with --model."
        raise ValueError(f"{error}{hint}") from error


def _format_hits(query: str, hits: "Sequence[Hit]") -> str:
    """Lay out the hits of one query as a table."""
    width = max((len(hit.id) for hit in hits), default=2)
    lines = [query, f"{'rank':>4}  score  {'id':<{width}}  {'text' if hits and hits[0].text else 'SMILES'}"]
    lines += [f"{hit.rank:>4}  {hit.score:5.3f}  {hit.id:<{width}}  {hit.smiles or hit.text}" for hit in hits]
    return "\n".join(lines if hits else [query, "no hits"])


def _format_edits(edits: "Sequence[Edit]") -> str:
    """Lay out edits as a table: how much nearer to the text, how similar, what changed."""
    if not edits:
        return "no edits"
    names = list(edits[0].property_changes)
    lines = ["rank    text  similarity  " + "  ".join(f"{name:>12}" for name in names) + "  SMILES"]
    for rank, one in enumerate(edits, start=1):
        changes = "  ".join(f"{one.property_changes[name]:>+12.2f}" for name in names)
        lines.append(f"{rank:>4}  {one.text_score:>+6.3f}  {one.similarity:>10.2f}  {changes}  {one.smiles}")
    return "\n".join(lines)


register_explain(app)
