"""The tokens of a SMILES: a fixed vocabulary, and which atoms each token is about.

A bracket atom that is frequent is one token, such as `[C@@H]`. Any other is spelled in parts: `[`, isotope, element,
chirality, hydrogens, charge, `]`. So nearly every SMILES can be written again from its tokens, letter by letter; what
the vocabulary lacks is `[UNK]`.
"""

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rdkit import Chem

PAD, UNKNOWN, FIRST, LAST, MASK, RING = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[RING]"
SPECIAL = (PAD, UNKNOWN, FIRST, LAST, MASK, RING)  # the last stands for any ring number
RING_NUMBERS = (*map(str, range(10)), *(f"%{number}" for number in range(10, 30)))
_BARE_ATOMS = tuple("B C N O P S F Cl Br I * b c n o p s".split())
_BONDS = ("-", "=", "#", "$", ":", "/", "\\", "~", "->", "<-")
_SYNTAX = ("(", ")", ".")
_COMMON_BRACKETS = tuple(
    """
    [nH] [C@H] [C@@H] [C@] [C@@] [N+] [O-] [N-] [NH+] [NH2+] [NH3+] [n+] [nH+] [n-] [S-] [S+] [s+] [o+] [C-] [c-] [CH-]
    [CH2-] [C+] [NH-] [NH4+] [OH-] [O+] [OH+] [OH2+] [SH] [SH+] [P+] [P@] [P@@] [PH] [S@] [S@@] [S@+] [S@@+] [N@] [N@@]
    [N@+] [N@@+] [N@H+] [N@@H+] [Si] [SiH] [SiH2] [Se] [se] [B-] [BH-] [BH2-] [BH3-] [CH] [CH2] [CH3] [H+] [2H] [3H]
    [13CH3] [13C] [14C] [15N] [18F] [Na+] [K+] [Li+] [Cl-] [Br-] [I-] [F-] [Ca+2] [Mg+2] [Zn+2] [Cl+] [I+] [I+3]
    """.split()
)
_ELEMENTS = tuple(Chem.GetPeriodicTable().GetElementSymbol(number) for number in range(1, 119))
_AROMATIC = ("b", "c", "n", "o", "p", "s", "as", "se", "te", "si")
# Parts of bracket atoms; those that would read like a bond, a ring number or an atom outside have a name of their own.
_PARTS = (
    *("[", "]", "{*}", "{@}", "{@@}", "{@TH}", "{@AL}", "{@SP}", "{@TB}", "{@OH}", "{+}", "{-}", "{:}", "{h}"),
    *(f"{{{digit}}}" for digit in range(10)),
    *(f"{{{symbol}}}" for symbol in (*_ELEMENTS, *_AROMATIC)),
)
VOCABULARY = (*SPECIAL, *RING_NUMBERS, *_BARE_ATOMS, *_BONDS, *_SYNTAX, *_COMMON_BRACKETS, *_PARTS)
IDS = {token: number for number, token in enumerate(VOCABULARY)}
PAD_ID, UNKNOWN_ID, FIRST_ID, LAST_ID, MASK_ID, RING_ID = range(len(SPECIAL))
FIRST_RING_ID, END_RING_ID = len(SPECIAL), len(SPECIAL) + len(RING_NUMBERS)

_TOKEN = re.compile(r"\[[^\]]*\]|%\d\d|%\(\d+\)|Cl|Br|->|<-|[BCNOPSFI*bcnops]|.", re.DOTALL)
_SYMBOLS = "|".join(sorted((*_ELEMENTS, *_AROMATIC), key=len, reverse=True))
_BRACKET = re.compile(
    rf"\[(?P<isotope>\d*)(?P<symbol>{_SYMBOLS}|\*)(?P<chirality>@@|@(?:TH|AL|SP|TB|OH)\d+|@)?"
    r"(?P<hydrogens>H\d*)?(?P<charge>[+-]+\d*)?(?P<number>:\d+)?\]"
)
_PIECE = re.compile(r"@@|@(?:TH|AL|SP|TB|OH)|.")
_ATOM, _RING, _SIGN = range(3)  # kinds of symbols
_SYMBOL_PARTS = frozenset(f"{{{symbol}}}" for symbol in (*_ELEMENTS, *_AROMATIC, "*"))


class SmilesTokens(NamedTuple):
    """The tokens of one SMILES.

    Args:
        ids (`list[int]`): `L` places in `VOCABULARY`.
        ends (`list[tuple[int, int]]`): The atoms that each token is about, by their order in the SMILES: twice the
            same of an atom, both ends of a bond, of a ring closure and of a branch.
        places (`list[int]`): Token that stands for each atom.
    """

    ids: list[int]
    ends: list[tuple[int, int]]
    places: list[int]


def split_smiles(smiles: str) -> list[list[str]]:
    """Cut a SMILES into atoms, bonds, ring numbers and branches, bracket atoms into parts unless they are frequent.

    Args:
        smiles (`str`): As RDKit writes it.

    Returns:
        `list[list[str]]`: For each symbol its tokens: one, or the parts of a bracket atom. A symbol that the
        vocabulary lacks is `[UNK]`.

    Example:
    >>> split_smiles("C[C@@H](O)Cl"), split_smiles("[2HH]")
    ([['C'], ['[C@@H]'], ['('], ['O'], [')'], ['Cl']], [['[', '{2}', '{H}', '{h}', ']']])
    """
    return [list(_split_symbol(symbol)) for symbol in _TOKEN.findall(smiles)]


def tokenize_smiles(smiles: str) -> SmilesTokens:
    """Turn a SMILES into ids of tokens, and tell which atoms each is about.

    Args:
        smiles (`str`): As RDKit writes it.

    Returns:
        [`SmilesTokens`].

    Raises:
        ValueError: If it is no SMILES: a branch or a ring is not closed, or a bond has no end.

    Example:
    >>> tokens = tokenize_smiles("C=1CC1")
    >>> tokens.ends, tokens.places
    ([(0, 0), (0, 2), (0, 2), (1, 1), (2, 2), (0, 2)], [0, 3, 4])
    """
    reader = _Reader()
    read = {_ATOM: reader.read_atom, _RING: reader.read_ring, _SIGN: reader.read_sign}
    for text in _TOKEN.findall(smiles):
        symbol = _look_up(text)
        read[symbol.kind](symbol)
    return reader.finish(smiles)


def write_smiles(ids: Sequence[int]) -> str:
    """Write the SMILES of tokens; the inverse of [`tokenize_smiles`] where no token is `[UNK]`.

    Args:
        ids (sequence of `int`): Places in `VOCABULARY`. `[CLS]`, `[SEP]` and `[PAD]` are left out.

    Raises:
        ValueError: If there is no such place.

    Example:
    >>> write_smiles(tokenize_smiles("C[C@@H](O)[235U]").ids)
    'C[C@@H](O)[235U]'
    """
    left_out = (PAD_ID, FIRST_ID, LAST_ID)
    for number in ids:
        if not 0 <= number < len(VOCABULARY):
            raise ValueError(f"There is no SMILES token {number}: the vocabulary has {len(VOCABULARY)}.")
    return "".join(_WRITTEN[number] for number in ids if number not in left_out)


class _Symbol(NamedTuple):
    """What a symbol of a SMILES is: its kind, its tokens, and which of them names the element of an atom."""

    text: str
    kind: int
    ids: tuple[int, ...]
    own: int = 0


@functools.lru_cache(maxsize=4096)
def _look_up(text: str) -> _Symbol:
    ids = tuple(IDS[part] for part in _split_symbol(text))
    if text[0] == "[" or text in _BARE_ATOMS:
        own = next((place for place, number in enumerate(ids) if VOCABULARY[number] in _SYMBOL_PARTS), 0)
        return _Symbol(text, _ATOM, ids, own)
    return _Symbol(text, _RING if text[0] == "%" or text.isdigit() else _SIGN, ids)


def _split_symbol(text: str) -> tuple[str, ...]:
    if text in IDS and text not in (*SPECIAL, *_PARTS):
        return (text,)
    found = _BRACKET.fullmatch(text)
    if found is None:
        return (UNKNOWN,)
    parts = [f"{{{digit}}}" for digit in found["isotope"]]
    parts.append(f"{{{found['symbol']}}}")
    rest = (found["chirality"] or "", found["charge"] or "", found["number"] or "")
    chirality, charge, number = ([f"{{{one}}}" for one in _PIECE.findall(text)] for text in rest)
    hydrogens = [f"{{{one}}}" for one in (found["hydrogens"] or "").replace("H", "h")]
    return ("[", *parts, *chirality, *hydrogens, *charge, *number, "]")


def _write_token(token: str) -> str:
    return token[1:-1].replace("h", "H") if token == "{h}" else token.strip("{}") if token[0] == "{" else token


_WRITTEN = [_write_token(token) for token in VOCABULARY]


class _Reader:
    """Reads symbols one after the other, and remembers what is still open."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.ends: list[tuple[int, int]] = []
        self.places: list[int] = []
        self.last = -1  # the atom that the next one is bound to
        self.waiting: list[int] = []  # tokens that are about the next atom too
        self.branches: list[tuple[int, int]] = []  # atom and token of each open branch
        self.rings: dict[str, tuple[int, list[int]]] = {}  # atom and tokens of each open ring

    def read_atom(self, symbol: _Symbol) -> None:
        """Read an atom, which ends the bonds and branches before it."""
        atom, ends = len(self.places), self.ends
        if self.waiting:
            for token in self.waiting:
                ends[token] = (ends[token][0], atom)
            self.waiting = []
        self.places.append(len(ends) + symbol.own)
        self.ids.extend(symbol.ids)
        ends.extend([(atom, atom)] * len(symbol.ids))
        self.last = atom

    def read_ring(self, symbol: _Symbol) -> None:
        """Read a ring number, which opens a bond or closes it."""
        about, self.waiting = [*self.waiting, len(self.ids)], []
        self._add(symbol)
        if symbol.text not in self.rings:
            self.rings[symbol.text] = (self.last, about)
            return
        partner, others = self.rings.pop(symbol.text)
        for token in (*about, *others):
            self.ends[token] = (partner, self.last)

    def read_sign(self, symbol: _Symbol) -> None:
        """Read a bond, a dot, or the begin or end of a branch."""
        start, text = len(self.ids), symbol.text
        self._add(symbol)
        if text == ")":
            if not self.branches or self.waiting:
                raise ValueError("a branch is closed that was not open, or a bond has no end")
            self.last, opened = self.branches.pop()
            self.ends[start] = self.ends[opened]
            return
        self.waiting.append(start)
        if text == "(":
            self.branches.append((self.last, start))

    def _add(self, symbol: _Symbol) -> None:
        if self.last < 0:
            raise ValueError(f"a SMILES cannot begin with {symbol.text!r}")
        self.ids.extend(symbol.ids)
        self.ends.extend([(self.last, self.last)] * len(symbol.ids))

    def finish(self, smiles: str) -> SmilesTokens:
        """Check that nothing is open."""
        if self.waiting or self.branches or self.rings:
            raise ValueError(f"{smiles[:200]!r} ends with an open bond, branch or ring")
        return SmilesTokens(self.ids, self.ends, self.places)


def as_arrays(tokens: SmilesTokens, order: Sequence[int]) -> dict[str, np.ndarray]:
    """Number the atoms of tokens as a molecule does.

    Args:
        tokens ([`SmilesTokens`]): Of a SMILES of `n` atoms.
        order (sequence of `int`): The molecule's number of each atom, in the order of the SMILES.

    Returns:
        `dict[str, np.ndarray]`: `smiles_ids` (L,), `smiles_ends` (L, 2) and `smiles_places` (n,), 16-bit.

    Raises:
        ValueError: If the molecule has another number of atoms.
    """
    if len(tokens.places) != len(order):
        raise ValueError(f"its SMILES has {len(tokens.places)} atoms and the molecule {len(order)}")
    numbers = np.array(order, dtype=np.int64)
    places = np.empty(len(order), dtype=np.uint16)
    places[numbers] = tokens.places
    return {
        "smiles_ids": np.array(tokens.ids, dtype=np.uint16),
        "smiles_ends": numbers[np.array(tokens.ends, dtype=np.int64)].astype(np.uint16),
        "smiles_places": places,
    }


__all__ = ["VOCABULARY", "SmilesTokens", "as_arrays", "split_smiles", "tokenize_smiles", "write_smiles"]
