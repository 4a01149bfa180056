"""Molecule-name pairs from the PubChem table that the MIT-licensed PyPI package `chemicals` ships."""

import importlib.util
import logging
import random
import re
from pathlib import Path

import datasets

from .identifiers import try_parse

logger = logging.getLogger(__name__)

TABLE = Path("Identifiers", "chemical identifiers pubchem large.tsv")
SMILES, FORMULA, INCHIKEY, IUPAC_NAME, FIRST_SYNONYM = 4, 2, 6, 7, 8  # columns of the table, which has no header

MIN_LETTERS = 3  # an IUPAC name below this is a symbol, not a name

FEATURES = datasets.Features({name: datasets.Value("string") for name in ("smiles", "text", "inchikey", "kind")})

# Registry numbers, screening libraries and vendors that are written with four or more letters in a row; shorter
# prefixes (stk366316, brn 1250329, nsc-1234) already fail for want of a word.
_REGISTRY = re.compile(
    r"\b(einecs|elincs|mfcd|ccris|hsdb|caswell|rcra|fema|unii|s?chembl|zinc\d|akos|dsstox|tox21|ncgc|bdbm|spectrum\d?_"
    r"|prestwick|lopac|bspbio|bpbio|kbio|divk|oprea|maybridge|cbdive|cbmicro|biomol|bionet|smsf|chebi|drugbank|kegg"
    r"|pubchem|epa pesticide|wln|megxp|aids\d|aids-|nchem|ksc\d|inchi|ec no|hms\d|dtxsid|dtxcid|flavis"
    r"|aldrich|fluka|sigma|jecfa|ins no|timtec|ambap|labotest|spbio|agn-pc|gtpl\d|selleck)"
    r"|^ac1[a-z0-9]+$|\b\d{2,7}-\d\d-\d\b"
)
_GARBLED = re.compile(r"[?;|\\^~]|inverted exclam|currency|&[a-z]+|\baa'a")  # broken encodings and joined lists
_INDEX_NOTE = re.compile(r"\s*[(\[](?:\d+ci[ ,]*|usan[:a-z ]*|inn[:a-z \-]*|ban|jan|iso|mart\.?|usp|nf)+[)\]]$")
_WORD = re.compile(r"[a-z]{4}")
_LONG_NUMBER = re.compile(r"\d{4}")  # locants and counts of a name have three digits at most
_UNII = re.compile(r"(?=.*\d)[a-z0-9]{10}")
_SYSTEMATIC = re.compile(
    r"\d'*-|methyl|ethyl|propyl|butyl|phenyl|benzyl|chlor|brom|fluor|iod|amino|hydroxy|oxo"
    r"|nitro|acid|amide|amine|ester"
)


def load_chemicals_pairs(synonyms_per_molecule: int = 1, seed: int = 0) -> datasets.Dataset:
    """Load molecule-name pairs of about 71,000 PubChem compounds, offline.

    Each molecule gives its IUPAC name and up to `synonyms_per_molecule` other names. Registry numbers, catalogue
    codes, formulae and spellings that differ only by punctuation or case are left out; names that tell structure
    (substituents, locants) come before trivial ones. Rows that RDKit cannot parse or that have no name are dropped and
    counted in the log. The SMILES mostly carry no stereo. Nothing is held out: use `deduplicate_against`.

    Args:
        synonyms_per_molecule (`int`): Names beside the IUPAC name; 0 keeps the IUPAC names alone.
        seed (`int`): Seed of the choice among equally good names.

    Returns:
        `datasets.Dataset` with string columns `smiles`, `text`, `inchikey` and `kind` (`"iupac"` or `"synonym"`); the
        rows of one molecule are neighbours.

    Raises:
        ImportError: If the package `chemicals` is not installed.
        ValueError: If `synonyms_per_molecule` is negative.
    """
    if synonyms_per_molecule < 0:
        raise ValueError(f"`synonyms_per_molecule` must be 0 or more: got {synonyms_per_molecule}.")
    columns: dict[str, list[str]] = {name: [] for name in FEATURES}
    dropped = 0
    with _table_path().open(encoding="utf-8") as table:
        for line in table:
            cells = line.rstrip("\n").split("\t")
            names = _names(cells, synonyms_per_molecule, seed)
            if not names or try_parse(cells[SMILES]) is None:
                dropped += 1
                continue
            for kind, name in names:
                row = {"smiles": cells[SMILES], "text": name, "inchikey": cells[INCHIKEY], "kind": kind}
                for column, value in row.items():
                    columns[column].append(value)
    logger.info("Loaded %d pairs; left out %d rows without a name or a valid SMILES.", len(columns["text"]), dropped)
    return datasets.Dataset.from_dict(columns, features=FEATURES)


def is_chemical_name(name: str, formula: str = "") -> bool:
    """Tell names of a molecule from registry numbers, catalogue codes and formulae.

    Args:
        name (`str`): A candidate in lower case, as PubChem's synonym lists have it.
        formula (`str`): Molecular formula, to recognise spellings of it such as `nacl`.

    Returns:
        `bool`: True if the string has a word of four letters and none of the marks of a code.

    Example:
    >>> [name for name in ("2-ethylphenol", "90-00-6", "stk366316", "einecs 201-958-4") if is_chemical_name(name)]
    ['2-ethylphenol']
    """
    if not _WORD.search(name) or _REGISTRY.search(name) or _GARBLED.search(name) or _LONG_NUMBER.search(name):
        return False
    is_formula = len(name) == len(formula) and sorted(name) == sorted(formula.lower())  # in any order of elements
    return not is_formula and not _UNII.fullmatch(name)


def _names(cells: list[str], limit: int, seed: int) -> list[tuple[str, str]]:
    """Pick the IUPAC name and up to `limit` other names of one row, with their kinds."""
    iupac_name = cells[IUPAC_NAME]
    # PubChem joins the names of salts and mixtures with ";" in the IUPAC name; elsewhere ";" is a list gone wrong.
    names = [("iupac", iupac_name)] if sum(map(str.isalpha, iupac_name)) >= MIN_LETTERS else []
    seen = {_letters_and_digits(iupac_name)}
    candidates = cells[FIRST_SYNONYM:]
    random.Random(f"{seed} {cells[INCHIKEY]}").shuffle(candidates)
    candidates.sort(key=lambda name: _SYSTEMATIC.search(name) is None)  # stable: structure-telling names first
    synonyms: list[tuple[str, str]] = []
    for candidate in candidates:
        if len(synonyms) == limit:
            break
        name = _INDEX_NOTE.sub("", candidate)
        key = _letters_and_digits(name)
        if key not in seen and is_chemical_name(name, cells[FORMULA]):
            seen.add(key)
            synonyms.append(("synonym", name))
    return names + synonyms


def _letters_and_digits(name: str) -> str:
    """Reduce a name to what distinguishes it from other spellings of the same name."""
    return "".join(filter(str.isalnum, name.lower()))


def _table_path() -> Path:
    """Find the table without importing the package, whose modules take seconds."""
    spec = importlib.util.find_spec("chemicals")
    path = Path(spec.submodule_search_locations[0]) / TABLE if spec and spec.submodule_search_locations else None
    if path is None or not path.is_file():
        raise ImportError(
            "The names corpus needs the package `chemicals`, which was not found with its table "
            f"{TABLE.as_posix()!r}. Install it with `pip install chemicals`."
        )
    return path
