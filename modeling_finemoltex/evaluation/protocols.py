"""Published retrieval protocols: files in, tasks with a name of their own out.

A task is what a protocol fixes: pairs, further candidates, and a `RetrievalSetting`. Its name says what was really
read (`chebi20_validation_full33k`) and, with `duplicates="wrong"`, that equal molecules and texts count as errors, as
the published evaluators do. In every figure *t2m* is given a text and chooses a molecule.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..data.pairs import load_pairs
from .pools import RetrievalSetting, choices_that_fit, load_negatives
from .protocol_files import canonical_keys, read_atc_table, read_pool, read_tab_lines, split_sentences, stem_of
from .retrieval_tasks import RetrievalTask

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
IN_BATCH = 64


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
        return [
            _build_task(f"chebi20_{split or stem_of(texts)}_only", smiles, sentences, duplicates, choose_from=None)
        ]
    everything = read_pool([pool] if isinstance(pool, str) else pool)
    asking, others = canonical_keys(smiles), canonical_keys(list(everything["smiles"]))
    is_extra = ~others.isin(asking)
    absent = int((~asking.isin(others)).sum())
    if absent:
        logger.warning("%d of %d asking molecules are not in the pool; they are added to it.", absent, len(smiles))
    if split is None and "split" in everything:
        names = list(everything["split"][~is_extra].unique())
        split = SPLIT_NAMES.get(names[0], names[0]) if len(names) == 1 else None
    start = f"chebi20_{split or stem_of(texts)}"
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
        molecule_keys=asking.append(others[is_extra]),
        directions=("t2m", "m2t") if extra_texts else ("t2m",),
    )
    return [full, _build_task(f"{start}_only", smiles, sentences, duplicates, molecule_keys=asking, choose_from=None)]


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
        rows = read_atc_table(file, f"atc_name_{atc_level or ATC_LEVEL}")
    elif atc_level is not None:
        raise ValueError(f"`atc_level` chooses a column of an ATC table (.csv); {file} is none. Leave it out.")
    else:
        rows = [(cells[0], cells[-1]) for cells in read_tab_lines(file, 3 if kind == "atc" else 2)]
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
        lines = [read_tab_lines(folder / name, 1) for name in (PCDES_SMILES, PCDES_TEXTS)]
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
    parts = [split_sentences(paragraph) or [paragraph] for paragraph in paragraphs]
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
    full = "_".join(filter(None, (name, stem_of(texts))))
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
    keys = canonical_keys([*smiles, *extra_smiles]) if molecule_keys is None else molecule_keys
    molecule_ids = pd.factorize(keys)[0]
    text_ids = pd.factorize(pd.Index([*texts, *extra_texts]))[0]
    if choose_from is None:
        choose_from = choices_that_fit(CHOOSE_FROM, molecule_ids[: len(smiles)], text_ids[: len(smiles)])
    fixed = RetrievalSetting(
        choose_from=choose_from, molecule_ids=molecule_ids, text_ids=text_ids, duplicates=duplicates, **setting
    )
    name = f"{name}_duplicates_wrong" if duplicates == "wrong" else name
    return RetrievalTask(name, smiles, texts, fixed, list(extra_smiles), list(extra_texts), text_parts)
