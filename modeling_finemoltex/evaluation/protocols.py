"""Published retrieval protocols: files in, tasks with a name of their own out.

A task is what a protocol fixes: pairs, further candidates, and a `RetrievalSetting`. Its name says what was really
read (`chebi20_validation_full33k`) and, with `duplicates="wrong"`, that equal molecules and texts count as errors, as
the published evaluators do. In every figure *t2m* is given a text and chooses a molecule.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.identifiers import canonical_smiles, map_unique
from ..data.pairs import load_pairs
from .chance import score_at_random
from .pools import RetrievalSetting, choices_that_fit, load_negatives
from .ranking_metrics import score_queries

logger = logging.getLogger(__name__)

SPLIT_NAMES = {"val": "validation", "valid": "validation", "dev": "validation"}
CHOOSE_FROM = (4, 10, 20)
# Folder of the DrugBank sets as published: `raw/` and `index/` hold files of the same names.
DRUGBANK_FILES = {
    "description": "SMILES_description_removed_from_PubChem_full.txt",
    "pharmacodynamics": "SMILES_pharmacodynamics_removed_from_PubChem_full.txt",
    "atc": "SMILES_ATC_5_full.txt",
}
ATC_PROMPT = "This molecule is for {}."
ATC_LEVEL = 4  # of five-character codes, which the published file is named after
# PCdes: line `i` of one file belongs to line `i` of the other; the splits are ranges of lines.
PCDES_SMILES, PCDES_TEXTS = "align_smiles.txt", "align_des_filt3.txt"
PCDES_SPLITS = {"train": (0, 10_500), "validation": (10_500, 12_000), "test": (12_000, 15_000)}
PCDES_MIN_WORDS = 5  # shorter sentences are left out, as published
IN_BATCH = 64


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """Pairs to find, candidates that are nobody's pair, and what is counted.

    Args:
        name (`str`): Prefix of the result keys.
        smiles (`list[str]` of length `R`): Molecules of the pairs.
        texts (`list[str]` of length `R`): Texts of the pairs.
        setting (`RetrievalSetting`): Who asks, which answers are right, what is counted.
        extra_smiles (`list[str]` of length `X`): Further candidates of *t2m*.
        extra_texts (`list[str]` of length `Y`): Further candidates of *m2t*.
        text_parts (`list[list[str]]`, *optional*): Sentences of each pair's text; the score of a pair is then the mean
            cosine over its sentences.
    """

    name: str
    smiles: list[str]
    texts: list[str]
    setting: RetrievalSetting
    extra_smiles: list[str] = field(default_factory=list)
    extra_texts: list[str] = field(default_factory=list)
    text_parts: list[list[str]] | None = None

    @property
    def all_smiles(self) -> list[str]:
        """The candidates of *t2m*, `R + X` of them."""
        return [*self.smiles, *self.extra_smiles]

    @property
    def all_texts(self) -> list[str]:
        """The candidates of *m2t*, `R + Y` of them."""
        return [*self.texts, *self.extra_texts]

    def score(self, molecule_embeds: Any, text_embeds: Any, **options: Any) -> dict[str, np.ndarray]:
        """Score every query: `score_queries` on the rows of `all_smiles` and `all_texts`, with its options."""
        size = len(self.smiles)
        parts = (molecule_embeds[:size], text_embeds[:size], self.setting, molecule_embeds[size:], text_embeds[size:])
        # Means over sentences are no longer of unit length, and cosines with them would not be means of cosines.
        return score_queries(*parts, normalize=self.text_parts is None, **options)

    def score_at_random(self) -> dict[str, np.ndarray]:
        """Score a random order."""
        return score_at_random(self.setting, len(self.smiles), len(self.extra_smiles), len(self.extra_texts))

    def with_queries(self, num_queries: int, seed: int = 0) -> "RetrievalTask":
        """Let a random part of the pairs ask; all stay candidates.

        Args:
            num_queries (`int`): How many; all if there are no more.
            seed (`int`): Seed of the choice.

        Returns:
            `RetrievalTask`, its name saying how many ask.
        """
        if num_queries >= len(self.smiles):
            return self
        queries = np.sort(np.random.default_rng(seed).choice(len(self.smiles), size=num_queries, replace=False))
        return replace(self, name=f"{self.name}_{num_queries}queries", setting=replace(self.setting, queries=queries))


def embed_tasks(tasks: Sequence[RetrievalTask], encoder: Any) -> list[tuple[Any, Any]]:
    """Embed each distinct molecule and text of all tasks exactly once.

    Args:
        tasks (sequence of `RetrievalTask`): What will be scored.
        encoder (`MoleculeTextEncoder`, or a baseline): Its `encode_molecules` and `encode_texts` turn a list into rows
            of unit length, a NumPy array or a SciPy sparse matrix.

    Returns:
        `list` of pairs: For each task the embeddings of `all_smiles`, `(R + X, P)`, and of `all_texts`, `(R + Y, P)`;
        where a text has parts, its row is their mean, not rescaled.
    """
    smiles = pd.unique(pd.Series([one for task in tasks for one in task.all_smiles], dtype=object))
    texts = pd.unique(pd.Series([text for task in tasks for parts in _parts_of(task) for text in parts], dtype=object))
    molecule_rows, text_rows = pd.Index(smiles), pd.Index(texts)
    molecule_embeds, text_embeds = encoder.encode_molecules(list(smiles)), encoder.encode_texts(list(texts))
    embeds = []
    for task in tasks:
        parts = _parts_of(task)
        rows = text_embeds[text_rows.get_indexer([text for sentences in parts for text in sentences])]
        if task.text_parts is not None:
            rows = _average([len(sentences) for sentences in parts]) @ rows
        embeds.append((molecule_embeds[molecule_rows.get_indexer(task.all_smiles)], rows))
    return embeds


def _average(lengths: list[int]) -> Any:
    """Build the matrix that averages consecutive runs of rows: sparse (runs, rows)."""
    from scipy.sparse import csr_matrix  # comes with scikit-learn; sentence-level PCdes alone needs it

    weights = np.repeat(1 / np.asarray(lengths, dtype=np.float32), lengths)
    return csr_matrix((weights, np.arange(len(weights)), np.concatenate([[0], np.cumsum(lengths)])))


def _parts_of(task: RetrievalTask) -> list[list[str]]:
    """List the sentences of each text, extra ones last."""
    parts = task.text_parts or [[text] for text in task.texts]
    return [*parts, *([text] for text in task.extra_texts)]


def load_chebi20(
    texts: str, pool: str | Sequence[str] | None = None, split: str | None = None, duplicates: str = "right"
) -> list[RetrievalTask]:
    """Load the ChEBI-20 (Text2Mol) protocol: the molecules of one split, and of all splits, as candidates.

    Args:
        texts (`str`): Pairs of the split that asks, anything `load_pairs` reads.
        pool (`str` or sequence of `str`, *optional*): All molecules: a table with a `smiles` column, and perhaps
            `split`, or the published files of all splits, whose texts then are candidates too.
        split (`str`, *optional*): Name of the split that asks; by default what the pool says of its molecules, or
            the name of the file.
        duplicates (`str`): `"right"` or `"wrong"`.

    Returns:
        `list[RetrievalTask]`: `chebi20_{split}_full33k`, its figure counted from the pool, and `chebi20_{split}_only`,
        where only the asking split is searched. Without the texts of the pool the former has *t2m* alone: for *m2t*
        there are the texts of the asking split only, which is the latter.
    """
    pairs = load_pairs(texts)
    smiles, sentences = list(pairs["smiles"]), list(pairs["text"])
    if pool is None:
        return [_build_task(f"chebi20_{split or _stem(texts)}_only", smiles, sentences, duplicates, choose_from=None)]
    everything = _read_pool([pool] if isinstance(pool, str) else pool)
    own, others = _molecule_keys(smiles), _molecule_keys(list(everything["smiles"]))
    is_extra = ~others.isin(own)
    absent = int((~own.isin(others)).sum())
    if absent:
        logger.warning("%d of %d asking molecules are not in the pool; they are added to it.", absent, len(smiles))
    if split is None and "split" in everything:
        names = list(everything["split"][~is_extra].unique())
        split = SPLIT_NAMES.get(names[0], names[0]) if len(names) == 1 else None
    start = f"chebi20_{split or _stem(texts)}"
    extras = everything[is_extra]
    extra_texts = list(extras["text"]) if "text" in extras else []
    size = len(smiles) + len(extras)
    full = _build_task(
        f"{start}_full{f'{round(size / 1000)}k' if size >= 1000 else size}",
        smiles,
        sentences,
        duplicates,
        list(extras["smiles"]),
        extra_texts,
        molecule_keys=own.append(others[is_extra]),
        directions=("t2m", "m2t") if extra_texts else ("t2m",),
    )
    return [full, _build_task(f"{start}_only", smiles, sentences, duplicates, molecule_keys=own, choose_from=None)]


def load_drugbank(
    texts: str,
    kind: str,
    index: str | None = None,
    duplicates: str = "right",
    seed: int = 0,
    atc_level: int | None = None,
) -> list[RetrievalTask]:
    """Load a DrugBank T-choose-one protocol, T of 4, 10 and 20.

    Args:
        texts (`str`): The published folder with `raw/` and `index/`; one of its raw files, whose lines are
            `SMILES<tab>text`, for ATC `SMILES<tab>code<tab>name`; or, for ATC, a csv table with the columns `smiles`
            and `atc_name_1` to `atc_name_4`, where `;` joins several names, each of which becomes a pair.
        kind (`str`): `"description"`, `"pharmacodynamics"` or `"atc"`; an ATC name is put into the published prompt.
        index (`str`, *optional*): File of fixed negatives; that of the folder if `texts` is one.
        duplicates (`str`): `"right"` or `"wrong"`.
        seed (`int`): Seed of the negatives where no index is given.
        atc_level (`int`, *optional*): Level of the names of an ATC table, 1 (broad) to 4, the default.

    Returns:
        `list[RetrievalTask]`: One, named `drugbank_{kind}_index` with fixed negatives, else `drugbank_{kind}_drawn`; a
        level that was asked for is in the name (`drugbank_atc_level3_drawn`).
        Fixed negatives are used as they are, although some have the same text as the pair.
    """
    file = Path(texts)
    if file.is_dir():
        index = index or str(file / "index" / DRUGBANK_FILES[kind])
        file = file / "raw" / DRUGBANK_FILES[kind]
    if kind == "atc" and file.suffix == ".csv":
        rows = _read_atc_table(file, f"atc_name_{atc_level or ATC_LEVEL}")
    elif atc_level is not None:
        raise ValueError(f"`atc_level` chooses a column of an ATC table (.csv); {file} is none. Leave it out.")
    else:
        rows = [(cells[0], cells[-1]) for cells in _read_tab_lines(file, 3 if kind == "atc" else 2)]
    smiles = [smiles for smiles, _ in rows]
    sentences = [ATC_PROMPT.format(text) if kind == "atc" else text for _, text in rows]
    negatives = None if index is None else load_negatives(index)
    if negatives is not None and len(negatives) != len(rows):
        raise ValueError(f"{index} has {len(negatives)} lines for {len(rows)} pairs in {file}: give the matching one.")
    level = "" if atc_level is None else f"_level{atc_level}"
    name = f"drugbank_{kind}{level}_{'drawn' if index is None else 'index'}"
    return [_build_task(name, smiles, sentences, duplicates, choose_from=CHOOSE_FROM, negatives=negatives, seed=seed)]


def load_pcdes(
    texts: str, level: str, split: str = "test", duplicates: str = "right", seed: int = 0
) -> list[RetrievalTask]:
    """Load PCdes: 64-way choice in batches of the file's order, and the full split.

    The published evaluators swap the labels of the directions between accuracy and recall; here *t2m* is always given
    the text. Their accuracy is `in_batch_64`, their recall `hits@20`.

    Args:
        texts (`str`): The published folder with `align_smiles.txt` and `align_des_filt3.txt`, or anything `load_pairs`
            reads, taken whole.
        level (`str`): `"paragraph"`, or `"sentence"`: pieces between full stops, those of 5 words or more.
        split (`str`): `"test"`, `"validation"` or `"train"`, the published ranges of lines.
        duplicates (`str`): `"right"` or `"wrong"`.
        seed (`int`): Seed of the drawn sentences.

    Returns:
        `list[RetrievalTask]`: `pcdes_{split}_paragraph`; or `pcdes_{split}_sentence_drawn`, one sentence of each
        molecule at random (the published accuracy), and `pcdes_{split}_sentence_mean`, the mean cosine over the
        sentences of a molecule (the published recall). A text without a long enough sentence stays whole.
    """
    folder = Path(texts)
    if (folder / PCDES_SMILES).is_file():
        if split not in PCDES_SPLITS:
            raise ValueError(f"PCdes has the splits {', '.join(PCDES_SPLITS)}: got {split!r}.")
        lines = [_read_tab_lines(folder / name, 1) for name in (PCDES_SMILES, PCDES_TEXTS)]
        if len(lines[0]) != len(lines[1]):
            counts = f"{len(lines[0])} and {len(lines[1])}"
            raise ValueError(
                f"{folder}: {PCDES_SMILES} and {PCDES_TEXTS} must match line by line: got {counts} lines."
            )
        smiles, paragraphs = ([cells[0] for cells in table[slice(*PCDES_SPLITS[split])]] for table in lines)
        if not smiles:
            raise ValueError(
                f"{folder} has {len(lines[0])} pairs, none in the lines {PCDES_SPLITS[split]} of {split}."
            )
    else:
        pairs = load_pairs(texts)
        smiles, paragraphs = list(pairs["smiles"]), list(pairs["text"])
    common: dict[str, Any] = {"duplicates": duplicates, "in_batch": IN_BATCH}
    name = f"pcdes_{split}_{level}"
    if level == "paragraph":
        return [_build_task(name, smiles, paragraphs, **common)]
    parts = [_split_sentences(paragraph) or [paragraph] for paragraph in paragraphs]
    generator = np.random.default_rng(seed)
    drawn = [sentences[generator.integers(len(sentences))] for sentences in parts]
    return [
        _build_task(f"{name}_drawn", smiles, drawn, **common),
        _build_task(f"{name}_mean", smiles, paragraphs, text_parts=parts, **common),
    ]


def load_pool_of_pairs(texts: str, name: str | None = None, duplicates: str = "right") -> list[RetrievalTask]:
    """Load any table of pairs, searched whole and in batches of 64.

    Args:
        texts (`str`): Anything `load_pairs` reads; for PubChem324k its 2,000 test pairs as a table.
        name (`str`, *optional*): Name of the task before that of the file.
        duplicates (`str`): `"right"` or `"wrong"`.

    Returns:
        `list[RetrievalTask]`: One, `{name}_{file}`.
    """
    pairs = load_pairs(texts)
    full = "_".join(filter(None, (name, _stem(texts))))
    smiles, sentences = list(pairs["smiles"]), list(pairs["text"])
    return [_build_task(full, smiles, sentences, duplicates, in_batch=IN_BATCH, choose_from=None)]


@dataclass(frozen=True)
class Protocol:
    """A published protocol: what it asks, and its loader with fixed arguments."""

    description: str
    load: Callable[..., list[RetrievalTask]]
    fixed: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()


PROTOCOLS = {
    "chebi20": Protocol("ChEBI-20, full pool and one split alone (Text2Mol)", load_chebi20, {}, ("pool", "split")),
    **{
        f"drugbank_{kind}": Protocol(
            f"DrugBank {kind}, T-choose-one (MoleculeSTM)",
            load_drugbank,
            {"kind": kind},
            ("index", "seed", "atc_level"),
        )
        for kind in DRUGBANK_FILES
    },
    **{
        f"pcdes_{level}": Protocol(
            f"PCdes {level} level, 64-way and full (KV-PLM)", load_pcdes, {"level": level}, ("split", "seed")
        )
        for level in ("sentence", "paragraph")
    },
    "pubchem324k": Protocol("PubChem324k, full test (MolCA)", load_pool_of_pairs, {"name": "pubchem324k"}),
    "pairs": Protocol("your own pairs, the whole table as pool", load_pool_of_pairs),
}


def load_protocol(name: str, texts: str, duplicates: str = "right", **options: Any) -> list[RetrievalTask]:
    """Load the tasks of a protocol by its name.

    Args:
        name (`str`): A key of `PROTOCOLS`.
        texts (`str`): File or folder of the pairs, in the published layout.
        duplicates (`str`): `"right"`: equal molecules and texts are as right as the pair; `"wrong"`: errors, as
            published. The latter is added to the names.
        options: What the protocol takes: `pool`, `split`, `index`, `atc_level`, `seed`; `None` is as good as absent.

    Returns:
        `list[RetrievalTask]`, each with a name of its own.

    Raises:
        ValueError: If the protocol or an option is unknown to it, or a file cannot be read.
    """
    if name not in PROTOCOLS:
        raise ValueError(f"Unknown protocol {name!r}: choose from {', '.join(PROTOCOLS)}.")
    protocol = PROTOCOLS[name]
    given = {key: value for key, value in options.items() if value is not None}
    unknown = sorted(set(given) - set(protocol.options))
    if unknown:
        raise ValueError(f"{name} takes no {', '.join(unknown)}; it takes {', '.join(protocol.options) or 'none'}.")
    return protocol.load(texts, duplicates=duplicates, **protocol.fixed, **given)


def _build_task(
    name: str,
    smiles: list[str],
    texts: list[str],
    duplicates: str,
    extra_smiles: Sequence[str] = (),
    extra_texts: Sequence[str] = (),
    molecule_keys: pd.Index | None = None,
    choose_from: Sequence[int] | None = (),
    **setting: Any,
) -> RetrievalTask:
    """Number molecules by canonical SMILES and texts as they are; say in the name what duplicates count.

    `choose_from=None` stands for the usual choices as far as the pairs are enough for them.
    """
    text_parts = setting.pop("text_parts", None)
    keys = _molecule_keys([*smiles, *extra_smiles]) if molecule_keys is None else molecule_keys
    molecule_ids = pd.factorize(keys)[0]
    text_ids = pd.factorize(pd.Index([*texts, *extra_texts]))[0]
    if choose_from is None:
        choose_from = choices_that_fit(CHOOSE_FROM, molecule_ids[: len(smiles)], text_ids[: len(smiles)])
    fixed = RetrievalSetting(
        choose_from=choose_from, molecule_ids=molecule_ids, text_ids=text_ids, duplicates=duplicates, **setting
    )
    name = f"{name}_duplicates_wrong" if duplicates == "wrong" else name
    return RetrievalTask(name, smiles, texts, fixed, list(extra_smiles), list(extra_texts), text_parts)


def _molecule_keys(smiles: Sequence[str]) -> pd.Index:
    """Write canonical SMILES; what cannot be parsed stays for the encoder, which says where it is."""
    keys = map_unique(canonical_smiles, smiles, description="Canonical SMILES")
    return pd.Index([given if key is None else key for given, key in zip(smiles, keys, strict=True)])


def _stem(path: str) -> str:
    """Name a file without its extensions."""
    return Path(path).name.partition(".")[0]


def _read_pool(files: Sequence[str]) -> pd.DataFrame:
    """Read all molecules, with their texts if the files have them."""
    tables = []
    for file in files:
        separator = "\t" if Path(file.removesuffix(".gz")).suffix in (".tsv", ".txt") else ","
        tabular = Path(file.removesuffix(".gz")).suffix in (".csv", ".tsv", ".txt")
        try:
            names = list(pd.read_csv(file, sep=separator, nrows=0).columns) if tabular else ["text"]
        except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise ValueError(f"{file} cannot be read as a table of molecules: {error}") from error
        if {"text", "description"} & set(names):
            tables.append(load_pairs(file).to_pandas()[["smiles", "text"]])
        elif "smiles" in names:
            tables.append(pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False))
        else:
            raise ValueError(f"{file} needs a column 'smiles' to be a pool; it has {names}.")
    if len({"text" in table for table in tables}) > 1:
        raise ValueError(f"Some pool files have texts and some do not: {', '.join(files)}. Give one kind.")
    return pd.concat(tables, ignore_index=True)


def _read_tab_lines(file: Path, num_cells: int) -> list[list[str]]:
    """Read lines of tab-separated cells without a header; the last cell may hold tabs."""
    if not file.is_file():
        raise ValueError(f"{file} does not exist. Give the published folder, or one of its files.")
    rows = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            cells = [cell.strip() for cell in line.strip("\r\n").split("\t", num_cells - 1)]
            if len(cells) != num_cells or not all(cells):
                raise ValueError(
                    f"{file}, line {number}: expected {num_cells} tab-separated cells, got {line[:80]!r}."
                )
            rows.append(cells)
    if not rows:
        raise ValueError(f"{file} is empty.")
    return rows


def _read_atc_table(file: Path, column: str) -> list[tuple[str, str]]:
    """Read drugs and their ATC names, one row for each name."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    if not {"smiles", column} <= set(table.columns):
        raise ValueError(f"{file} needs the columns 'smiles' and {column!r}; it has {list(table.columns)}.")
    pairs = zip(table["smiles"], table[column], strict=True)
    rows = [(smiles, name.strip()) for smiles, names in pairs for name in dict.fromkeys(names.split(";"))]
    return [(smiles, name) for smiles, name in rows if name]


def _split_sentences(paragraph: str) -> list[str]:
    """Cut a paragraph at full stops and keep the longer pieces, as published."""
    pieces = [piece.strip() for piece in paragraph.split(".")]
    return [piece for piece in pieces if len(piece.split()) >= PCDES_MIN_WORDS]
