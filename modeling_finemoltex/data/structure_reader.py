"""Read the words of a query one after the other: which structures it mentions, and what it says about them."""

from collections.abc import Sequence
from typing import NamedTuple

from .structure_tokens import (
    CONJUNCTIONS,
    DETERMINERS,
    FOREIGN,
    FOREIGN_VERBS,
    FUNCTION_WORDS,
    GLUED,
    GOVERNORS,
    HEADS,
    JOINED,
    JOINED_BY,
    LINKING,
    NEGATORS,
    NUMBERS,
    OF_STRUCTURE,
    ON_WORDS,
    REACTIONS,
    REACTS,
    TRANSPARENT,
    WEAK_NEGATORS,
    Token,
)
from .structure_words import Reading, Term, join_readings, read_phrase, relate

LONGEST = 7  # words of a phrase
# Pairs of words that are governors together: "instead of", "other than".
NEGATIVE_PAIRS = (("other", "than"), ("rather", "than"), ("instead", "of"), ("apart", "from"), ("free", "from"))
MANY = {"multiple": 2, "several": 2, "many": 2, "numerous": 2, "plural": 2}
COUNT_STARTS = {  # words before a number -> which bounds it gives, and what is added to it
    ("at", "least"): ("least", 0), ("no", "less", "than"): ("least", 0), ("no", "fewer", "than"): ("least", 0),
    ("not", "less", "than"): ("least", 0), ("not", "fewer", "than"): ("least", 0), ("minimum", "of"): ("least", 0),
    ("a", "minimum", "of"): ("least", 0), ("more", "than"): ("least", 1), ("over",): ("least", 1),
    ("at", "most"): ("most", 0), ("up", "to"): ("most", 0), ("no", "more", "than"): ("most", 0),
    ("not", "more", "than"): ("most", 0), ("maximum", "of"): ("most", 0), ("a", "maximum", "of"): ("most", 0),
    ("less", "than"): ("most", -1), ("fewer", "than"): ("most", -1), ("exactly",): ("both", 0),
    ("precisely",): ("both", 0), ("only",): ("both", 0), ("just",): ("both", 0),
}  # fmt: skip
PAIRS = {("a", "pair", "of"): 2, ("pair", "of"): 2, ("a", "couple", "of"): 2, ("couple", "of"): 2, ("a", "single"): 1,
         ("only", "a", "single"): 1, ("single",): 1}  # fmt: skip
LARGER = {"more": "least", "greater": "least", "fewer": "most", "less": "most"}


class Mention(NamedTuple):
    """A structure that a text speaks of."""

    start: int  # first token
    end: int  # behind the last one
    terms: tuple[Term, ...]
    is_alternative: bool = False  # "or" stands before it


class _Chain(NamedTuple):
    """Phrases that follow each other without a little word: "chlorinated pyridine amide"."""

    parts: list[tuple[int, int, Reading]]
    end: int  # behind the words that belong to it
    is_structure: bool  # a word that makes something else of it does not follow: "amine oxidase"
    is_negated: bool  # "-free"


def read_mentions(tokens: Sequence[Token], is_loose: bool = False) -> tuple[list[Mention], set[int]]:
    """Find what a text says about structure.

    Args:
        tokens (sequence of `Token`): As `cut_tokens` cuts them.
        is_loose (`bool`): Take every phrase of the vocabulary as meant.

    Returns:
        The mentions in order, and the places of the tokens that are used or mean nothing by themselves.
    """
    reader = _Reader(tokens, is_loose)
    place = 0
    while place < len(tokens):
        place = reader.step(place)
    return _drop_open_alternatives(tokens, reader.mentions, reader.counted), reader.used


def _drop_open_alternatives(tokens: Sequence[Token], mentions: list[Mention], counted: set[int]) -> list[Mention]:
    """Leave out what stands beside "or" with something that is not understood: "a ketone or a bitter taste"."""
    starts = {mention.start: number for number, mention in enumerate(mentions)}
    covered = {place for mention in mentions for place in range(mention.start, mention.end)}
    groups: list[int] = []  # of each mention: alternatives share one
    for mention in mentions:
        groups.append(groups[-1] if groups and mention.is_alternative else len(groups))
    dropped = set()
    for place, token in enumerate(tokens):
        if CONJUNCTIONS.get(token.key) != "or" or place in counted:
            continue
        before = place - 1
        while before >= 0 and tokens[before].key in HEADS and before not in covered:
            before -= 1
        after = place + 1
        while after < len(tokens) and after not in starts and not _ends_noun_phrase(tokens[after]):
            after += 1
        left = next((number for number, one in enumerate(mentions) if one.start <= before < one.end), None)
        right = starts.get(after)
        if (left is None) != (right is None):
            number = left if right is None else right
            if number is not None and all(term.most is None or term.least for term in mentions[number].terms):
                dropped.add(groups[number])
    return [mention for mention, group in zip(mentions, groups, strict=True) if group not in dropped]


def _ends_noun_phrase(token: Token) -> bool:
    """Tell whether a word cannot stand between "or" and the noun that follows it."""
    return token.is_break or token.key in CONJUNCTIONS or token.key in FOREIGN or token.key in GOVERNORS - LINKING


class _Reader:
    """What has been read so far, and what the next noun would say."""

    def __init__(self, tokens: Sequence[Token], is_loose: bool) -> None:
        self.tokens, self.is_loose = tokens, is_loose
        self.mentions: list[Mention] = []
        self.used: set[int] = set()
        self.counted: set[int] = set()  # words of numbers
        self.governs = True  # the words around say that the molecule has what follows
        self.negation = ""  # the word that denies what follows
        self.count: tuple[int, int | None] | None = None
        self.link = ""  # conjunction since the last mention
        self.last_end = -1  # behind the last mention
        self.follows_comma: list[bool] = []  # of each mention

    def key(self, place: int) -> str:
        """Give the key of a token; empty beyond the end."""
        return self.tokens[place].key if 0 <= place < len(self.tokens) else ""

    def step(self, place: int) -> int:
        """Read what stands at a place; return where to go on."""
        token = self.tokens[place]
        if token.glue == ".":
            self.governs, self.negation, self.count, self.link = True, "", None, ""
        elif token.glue in (",", "/") and not self.link:
            self.link = "or" if token.glue == "/" else ","
        chain = self._read_chain(place)
        if chain is not None and chain.parts[0][1] - place > 1:
            return self._take(chain)  # "six-membered ring" is no count
        counted = self._read_count(place)
        if counted:
            self.used.update(range(place, counted))
            self.counted.update(range(place, counted))
            return counted
        if chain is not None:
            return self._take(chain)
        return self._read_word(place)

    def _read_word(self, place: int) -> int:
        """Read a little word, or one that is not known."""
        token = self.tokens[place]
        key = token.key
        pair = (key, self.key(place + 1))
        known = True
        if pair in NEGATIVE_PAIRS:
            self.governs, self.negation, self.count = True, key, None
            self.used.add(place)
            place += 1
        elif key in NEGATORS or key.endswith("n't"):
            self._negate(place, key)
        elif key in JOINED and self.key(place + 1) in JOINED_BY:
            self.governs, self.count = True, None
            self.used.add(place)
            place += 1
        elif key in CONJUNCTIONS:
            self._join(place, CONJUNCTIONS[key])
        elif key == "of":
            self.governs = self.governs and (place == self.last_end or self.key(place - 1) in OF_STRUCTURE)
        elif key in GOVERNORS:
            self._govern(place, key)
        elif key in FOREIGN:
            self.governs, self.count = False, None
        elif key in DETERMINERS or key in FUNCTION_WORDS:
            pass
        elif key in HEADS or key in TRANSPARENT or key in OF_STRUCTURE:
            self.count = None
        else:
            known = False
            if key in FOREIGN_VERBS or self._is_verb(place):
                self.governs = False
        if known:
            self.used.add(place)
        return place + 1

    def _negate(self, place: int, key: str) -> None:
        """Read "without" or "not"."""
        if key == "free" and self.key(place + 1) != "of":
            return
        if key == "not" and self.key(place + 1) == "only":
            return
        if key in ("absence", "lack") and self.key(place + 1) != "of" and key != "lack":
            return
        self.governs, self.negation, self.count = True, key, None

    def _join(self, place: int, conjunction: str) -> None:
        """Read "and", "or", "but"."""
        if conjunction == "but":
            self.negation = ""
        next_key = self.key(place + 1)
        ends = next_key in DETERMINERS or next_key in NUMBERS
        if conjunction == "and" and self.negation in WEAK_NEGATORS and ends:
            self.negation = ""
        self.link, self.count = conjunction, None

    def _govern(self, place: int, key: str) -> None:
        """Read "contains", "with", "is"."""
        before = self.key(place - 1)
        if key == "with" and self._is_reaction(place):
            self.governs = False
            return
        if before not in NEGATORS and not before.endswith("n't"):
            self.negation = ""
        elif before in ("free", "absence"):
            self.negation = ""
        self.governs, self.count = True, None

    def _is_reaction(self, place: int) -> bool:
        """Tell whether "with" names what something reacts with: "condensation of the acid with an amine"."""
        before = self.key(place - 1)
        if before.startswith(REACTS) and read_phrase(before) is None:
            return True
        while place > 0 and self.tokens[place].glue != ".":
            place -= 1
            if self.key(place).startswith(REACTIONS):
                return True
        return False

    def _is_verb(self, place: int) -> bool:
        """Guess whether an unknown word says what happens to the next noun: "lowers blood sugar"."""
        key, following = self.key(place), place + 1
        if following >= len(self.tokens) or self.tokens[following].glue != " " or self.tokens[place].glue == "-":
            return False
        next_key = self.key(following)
        if next_key in CONJUNCTIONS or next_key in GOVERNORS or next_key in NEGATORS or next_key in FUNCTION_WORDS:
            return False
        if key.endswith("ed"):
            return next_key in DETERMINERS
        is_third_person = key.endswith("s") and not key.endswith(("ss", "us", "is"))
        return len(key) > 3 and (is_third_person or (key.endswith("ing") and next_key in DETERMINERS))

    def _read_count(self, place: int) -> int:
        """Read "at least two"; return the place behind it, 0 if there is no number."""
        for words, number in PAIRS.items():
            if self._stands(place, words):
                self.count = (number, number)
                return place + len(words)
        for words, (bound, added) in COUNT_STARTS.items():
            if self._stands(place, words) and self._number(place + len(words)) is not None:
                number = int(self._number(place + len(words)) or 0) + added
                self.count = {"least": (number, None), "most": (0, number), "both": (number, number)}[bound]
                return place + len(words) + 1
        if self.key(place) in MANY:
            self.count = (MANY[self.key(place)], None)
            return place + 1
        if self.key(place) == "between" and self.key(place + 2) == "and":
            return self._read_range(place + 1)
        number = self._number(place)
        return 0 if number is None else self._read_range(place) or self._read_number(place, number)

    def _read_range(self, place: int) -> int:
        """Read "two to four", "2-4", "one or two", "two or more"."""
        low, word = self._number(place), self.key(place + 1)
        if low is None:
            return 0
        if word in ("or", "and") and self.key(place + 2) in LARGER:
            self.count = (low, None) if LARGER[self.key(place + 2)] == "least" else (0, low)
            return place + 3
        joined = self._number(place + 1) if self.tokens[min(place + 1, len(self.tokens) - 1)].glue == "-" else None
        high, end = (joined, place + 2) if joined is not None else (self._number(place + 2), place + 3)
        if high is None or high <= low or (joined is None and word not in ("or", "to", "and")):
            return 0
        self.count = (low, high)
        return end

    def _read_number(self, place: int, number: int) -> int:
        """Take a number that stands before a noun, not as a position in a name."""
        following = place + 1
        if following < len(self.tokens) and self.tokens[following].glue == "-":
            return 0
        self.count = (number, number)
        return following

    def _stands(self, place: int, words: tuple[str, ...]) -> bool:
        return all(self.key(place + offset) == word for offset, word in enumerate(words))

    def _number(self, place: int) -> int | None:
        """Give the number that a word stands for."""
        key = self.key(place)
        if key in NUMBERS:
            return NUMBERS[key]
        return int(key) if key.isdecimal() and len(key) < 4 else None

    def _longest(self, place: int) -> tuple[int, Reading] | None:
        """Find the longest phrase of the vocabulary at a place, and where it ends."""
        last = place + 1
        while last < min(len(self.tokens), place + LONGEST) and not self.tokens[last].is_break:
            last += 1
        for end in range(last, place, -1):
            reading = read_phrase(" ".join(token.key for token in self.tokens[place:end]))
            if reading is not None:
                return end, reading
        return None

    def _read_chain(self, place: int) -> _Chain | None:
        """Read phrases that follow each other, and look at the word behind them."""
        parts: list[tuple[int, int, Reading]] = []
        end, is_negated = place, False
        if self.key(place) == "non" and self.tokens[min(place + 1, len(self.tokens) - 1)].glue == "-":
            found = self._longest(place + 1)
            if found is not None:
                parts.append((place, found[0], found[1]._replace(is_negative=not found[1].is_negative)))
                end = found[0]
        while end < len(self.tokens):
            if parts and self.tokens[end].is_break:
                return _Chain(parts, end, True, is_negated)
            found = self._longest(end)
            if found is not None:
                parts.append((end, *found))
                end = found[0]
                continue
            key, glue = self.key(end), self.tokens[end].glue
            if not parts:
                return None
            if key in ("free", "less") and (glue == "-" or self.key(end + 1) not in ("of", "from", "than")):
                parts[-1] = (*parts[-1][:2], parts[-1][2]._replace(is_negative=True))
                is_negated, end = True, end + 1
            elif glue == "-" and (key in GLUED or key in JOINED):
                return _Chain(parts, end + 1, True, is_negated)
            elif key in HEADS or key == "substituted" or (glue == "-" and key.rstrip("'").isdecimal()):
                end += 1
            elif glue == "-":
                return _Chain(parts, end, False, is_negated)
            else:
                return _Chain(parts, end, self._may_follow(key), is_negated)
        return _Chain(parts, end, True, is_negated) if parts else None

    def _may_follow(self, key: str) -> bool:
        """Tell whether a word leaves the noun before it what it is."""
        if key in ("like", "as"):
            return False
        return (
            any(key in words for words in (DETERMINERS, GOVERNORS, NEGATORS, FOREIGN, JOINED, TRANSPARENT))
            or key in CONJUNCTIONS
            or key in FUNCTION_WORDS
            or key in NUMBERS
            or key.endswith("n't")
        )

    def _take(self, chain: _Chain) -> int:
        """Note what a chain says, if it says something about the molecule."""
        first = chain.parts[0][0]
        if not (self.is_loose or (self.governs and chain.is_structure)):
            self.count, self.link = None, ""
            return chain.parts[-1][1]
        parts = self._joined_parts(chain.parts)
        for number, (start, end, reading) in enumerate(parts):
            is_last = number == len(parts) - 1
            terms = tuple(self._apply(term, reading, is_last) for term in reading.terms)
            on_ring = self._stands_on(end, chain.end, reading) if is_last else None
            if on_ring is not None:
                self._note(start, on_ring[0], (on_ring[1],), first)
                chain = chain._replace(end=on_ring[0])
            else:
                self._note(start, end, terms, first)
        self.used.update(range(first, chain.end))
        self.count, self.link, self.last_end = None, "", chain.end
        return chain.end

    def _joined_parts(self, parts: list[tuple[int, int, Reading]]) -> list[tuple[int, int, Reading]]:
        """Join a modifier with the ring behind it, where the vocabulary has a fact for both."""
        joined: list[tuple[int, int, Reading]] = []
        for start, end, reading in reversed(parts):
            if joined and reading.is_modifier and not reading.is_negative and len(reading.terms) == 1:
                later_start, later_end, later = joined[-1]
                if not later.is_negative and relate(reading.terms[0].fact, later.terms[0].fact) is not None:
                    joined[-1] = (start, later_end, join_readings(reading, later))
                    continue
            joined.append((start, end, reading))
        return joined[::-1]

    def _stands_on(self, end: int, place: int, reading: Reading) -> tuple[int, Term] | None:
        """Read "on an aromatic ring" behind a substituent."""
        if self.key(place) in JOINED:
            place += 1
        if self.key(place) not in ON_WORDS or len(reading.terms) != 1 or self.negation or reading.is_negative:
            return None
        place += 1
        while self.key(place) in DETERMINERS:
            place += 1
        found = self._longest(place) if place < len(self.tokens) else None
        fact = None if found is None else relate(reading.terms[0].fact, found[1].terms[0].fact)
        if found is None or fact is None:
            return None
        stop = found[0]
        while self.key(stop) in HEADS and not self.tokens[stop].is_break:
            stop += 1
        return stop, self._apply(reading.terms[0], reading, True)._replace(fact=fact)

    def _apply(self, term: Term, reading: Reading, is_last: bool) -> Term:
        """Put count and negation into a term."""
        if is_last and self.count is not None and term.least == 1 and term.most is None:
            term = term._replace(least=self.count[0], most=self.count[1])
        if bool(self.negation) != reading.is_negative:
            term = term._replace(least=0, most=max(term.least - 1, 0))
        return term

    def _note(self, start: int, end: int, terms: tuple[Term, ...], first: int) -> None:
        """Add a mention, as an alternative to the one before where "or" joins them."""
        is_denied = any(term.most == 0 for term in terms)
        follows = self.link in ("or", ",") and start == first and bool(self.mentions) and not is_denied
        mention = Mention(start, end, terms, follows and self.link == "or")
        if mention.is_alternative:  # "a, b or c": the comma says the same
            self._join_list()
        self.mentions.append(mention)
        self.follows_comma.append(self.link == ",")

    def _join_list(self) -> None:
        """Turn the commas before an "or" into "or"."""
        place = len(self.mentions) - 1
        while place > 0 and self.follows_comma[place]:
            self.mentions[place] = self.mentions[place]._replace(is_alternative=True)
            place -= 1
