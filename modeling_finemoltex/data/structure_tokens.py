"""Words of a query about structure, and the classes of little words that tell what is said about it."""

import re
from typing import NamedTuple

from .structure_words import key_of

DETERMINERS = frozenset(
    "a an the any some its their this these that those such own other another each every all".split()
)
# What is said to be in a molecule follows these.
GOVERNORS = frozenset(
    "contains contain containing contained has have having with bears bear bearing carries carry carrying possesses "
    "possess possessing includes include including features feature featuring featured incorporates incorporate "
    "incorporating comprises comprise comprising holds hold holding is are be being was were shows show find search "
    "want wants need needs give get gets list having presents present displays display where plus consists composed "
    "named called looking query seek seeking on onto and/or".split()
)
LINKING = frozenset("has have having is are be being was were".split())  # "has no", "is not": "not" may follow
NEGATORS = frozenset(
    "without no not lacking lacks lack lacked devoid absent excluding exclude excludes except minus neither nor never "
    "omitting omits missing free w/o sans cannot non avoid avoiding avoids none zero absence".split()
)
WEAK_NEGATORS = frozenset("no not non cannot zero".split())  # "no ester and a ketone" asks for the ketone
FOREIGN = frozenset(
    "as in from by to for against into at during via through than like toward towards between under over per about "
    "of if because due".split()
)
FOREIGN_VERBS = frozenset("using used inhibits inhibit blocks block binds bind reacts react".split())
# Words before "of" after which structure may follow.
OF_STRUCTURE = frozenset(
    "derivative derivatives analogue analogues analog analogs pair couple number class family consists consist "
    "composed free devoid lack absence presence type kind instead combination hybrid sum set isomer isomers instance "
    "example examples member members lots plenty one two any maximum minimum".split()
)
JOINED = frozenset(
    "fused attached linked bonded bound connected joined tethered coupled substituted annulated annelated adjacent "
    "next decorated functionalized functionalised appended condensed ortho meta para".split()
)
JOINED_BY = frozenset("to with by at via through on onto in".split())
ON_WORDS = frozenset("on onto at to".split())
GLUED = frozenset("containing bearing based bridged capped functionalised modified terminated rich".split())
REACTIONS = ("condens", "react", "treat", "esterif", "acylat", "coupling", "alkylat")
REACTS = tuple(
    "react interact treat associat mix compet combin incubat complex bind reflux wash extract dissolv crystalli "
    "conjugat compar compat contaminat stain coat dilut neutrali label begin start end deal help cope work".split()
)
# Heads of noun phrases that leave the molecule meant: "pyridine derivative".
HEADS = frozenset(
    "compound compounds molecule molecules derivative derivatives analogue analogues analog analogs ring rings core "
    "cores scaffold scaffolds skeleton skeletons moiety moieties group groups unit units fragment fragments motif "
    "motifs substituent substituents function functions functionality functionalities system systems nucleus nuclei "
    "framework frameworks structure structures substructure substructures linkage linkages bond bonds bridge bridges "
    "linker linkers chain chains backbone atom atoms drug drugs alkaloid alkaloids member ligand ligands warhead "
    "headgroup pharmacophore pharmacophores heterocycles chemotype chemotypes analogous species' natural product "
    "products building block blocks substance substances side class family chemical chemicals entity entities hybrid "
    "hybrids conjugate conjugates functional substitution substitutions isomer isomers antibiotic antibiotics "
    "candidate candidates hit hits lead leads library series centre centers centres center".split()
)
TRANSPARENT = frozenset(
    "substituted fused bearing containing based linked attached only too also please present somewhere itself alone "
    "inside altogether anywhere respectively together each mono di".split()
)
CONJUNCTIONS = {"and": "and", "&": "and", "+": "and", "or": "or", "nor": "or", "but": "but", "/": "or", "yet": "but"}
FUNCTION_WORDS = frozenset(
    "which who whose it they there that whether then also only just really very must should may can could shall will "
    "would not do does did me my i we us you please so both either exactly precisely least most more less fewer up "
    "many several multiple one ones few rather other anything something everything what how".split()
)
NUMBERS = {
    word: number
    for number, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())
}
GREEK = frozenset("alpha beta gamma delta n o s".split())
CLOSING = {")": "(", "]": "[", "}": "{"}
_WORD = re.compile(r"[^\s;:!?\"]+")
_SPLIT = re.compile(r"(?<=[A-Za-z0-9)\]'])-+(?=[A-Za-z0-9(\[])|(?<=[A-Za-z])/(?=[A-Za-z])")
_ENUMERATION = re.compile(r"(?<=[a-z]{3}),(?=[a-z]{3})", re.IGNORECASE)


class Token(NamedTuple):
    """A word of a text."""

    text: str
    start: int
    end: int
    glue: str = " "  # what stands before it: a blank, a hyphen, a slash, a comma or the end of a sentence
    key: str = ""  # as the lexicon writes it

    @property
    def is_break(self) -> bool:
        """Whether a noun phrase cannot go on across what stands before it."""
        return self.glue in (",", ".", "/")


def cut_tokens(text: str) -> list[Token]:
    """Cut a text into words; hyphens and slashes cut too, brackets and commas within names do not.

    Args:
        text (`str`): A normalised text.

    Example:
    >>> [(token.key, token.glue) for token in cut_tokens("A 1,2,4-triazole, (amide-free)")]
    [('a', '.'), ('1,2,4', ' '), ('triazole', '-'), ('amide', ','), ('free', '-')]
    """
    tokens: list[Token] = []
    end_before = 0
    for match in _WORD.finditer(text):
        for start, end, glue in _cut_word(text, match.start(), match.end()):
            start, end = _strip(text, start, end)
            if start >= end:
                continue
            between = text[end_before:start]
            if glue == " ":
                is_end = not tokens or any(mark in between for mark in ".;:!?")
                glue = "." if is_end else "," if any(mark in between for mark in ",()") else " "
            tokens.append(Token(text[start:end], start, end, glue, key_of(text[start:end])))
            end_before = end
    return tokens


def _cut_word(text: str, start: int, end: int) -> list[tuple[int, int, str]]:
    """Cut one run of characters at hyphens, slashes and commas between words."""
    word, pieces, done, glue = text[start:end], [], 0, " "
    if word.lower().strip(".,()") in ("w/o", "and/or"):
        return [(start, end, " ")]
    cuts = [*_SPLIT.finditer(word)]
    cuts += [one for one in _ENUMERATION.finditer(word) if not _is_greek_before(word, one.start())]
    for cut in sorted(cuts, key=lambda one: one.start()):
        pieces.append((start + done, start + cut.start(), glue))
        glue = {"/": "/", ",": ","}.get(cut[0][0], "-")
        done = cut.end()
    return [*pieces, (start + done, end, glue)]


def _is_greek_before(word: str, place: int) -> bool:
    """Tell whether a comma follows the name of a Greek letter: "alpha,beta-unsaturated"."""
    return re.split(r"[^A-Za-z]", word[:place].lower())[-1] in GREEK


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out the marks around a word, but not brackets that belong to a name: "2(5H)", "imidazo[1,2"."""
    while start < end and text[start] in "([{,.'*_-<>`":
        if any(text[start] == opening and mark in text[start : end - 1] for mark, opening in CLOSING.items()):
            break
        start += 1
    while end > start and text[end - 1] in ")]},.'*_-<>`":
        mark, word = text[end - 1], text[start:end]
        if mark in CLOSING and word.count(CLOSING[mark]) >= word.count(mark):
            break
        end -= 1
    return start, end
