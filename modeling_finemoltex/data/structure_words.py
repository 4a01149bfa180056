"""What a word or a phrase says about structure: the nouns of the vocabulary, and words that are built from them."""

import functools
import re
from typing import NamedTuple

from .structural_facts import make_plural, nouns_of, structural_facts
from .structural_tables import SUBSTITUENTS

MULTIPLES = {"mono": 1, "bis": 2, "di": 2, "tris": 3, "tri": 3, "tetra": 4, "penta": 5, "hexa": 6}
# Parts of names that end otherwise than in "-yl", and formulas.
RADICALS = {
    "phenyl": "benzene", "aryl": "aromatic ring", "heteroaryl": "heteroaromatic ring", "pyridyl": "pyridine",
    "furyl": "furan", "thienyl": "thiophene", "piperidyl": "piperidine", "piperidino": "piperidine",
    "morpholino": "morpholine", "pyrrolidino": "pyrrolidine", "piperazino": "piperazine", "quinolyl": "quinoline",
    "isoquinolyl": "isoquinoline", "naphthyl": "naphthalene", "indolyl": "indole", "norbornyl": "norbornane",
    "adamantyl": "adamantane", "phthalimido": "phthalimide",
    "cf3": "trifluoromethyl substituent", "ocf3": "trifluoromethyl ether", "cooh": "carboxylic acid",
    "co2h": "carboxylic acid", "no2": "nitro compound", "nh2": "amino compound",
    "oh": "alcoholic or phenolic hydroxy group",
    "sh": "thiol", "cn": "nitrile", "cho": "aldehyde", "conh2": "primary amide", "so2nh2": "primary sulfonamide",
    "ome": "methyl ether", "ch3": "methyl substituent",
}  # fmt: skip
PLAIN_FACTS = {"hydroxyl": "alcoholic or phenolic hydroxy group"}  # nobody means the OH of an acid by these words
# Words that no fact has for itself: facts with numbers, one below zero being the least.
PLAIN_SENSE = {
    "diol": (("alcoholic or phenolic hydroxy group", 2),), "triol": (("alcoholic or phenolic hydroxy group", 3),),
    "tetraol": (("alcoholic or phenolic hydroxy group", 4),), "polyol": (("alcoholic or phenolic hydroxy group", -3),),
    "diene": (("alkene", 2),), "triene": (("alkene", 3),), "polyene": (("alkene", -3),), "diyne": (("alkyne", 2),),
    "dicarboxylic acid": (("carboxylic acid", 2),), "diacid": (("carboxylic acid", 2),),
    "tricarboxylic acid": (("carboxylic acid", 3),), "triacid": (("carboxylic acid", 3),),
    "polyhalogenated": (("halogen atom", -2),), "perfluorinated": (("fluorine atom", -3),),
    "amino alcohol": (("amine", 1), ("alcohol", 1)),
    "hydroxy acid": (("alcoholic or phenolic hydroxy group", 1), ("carboxylic acid", 1)),
    "keto acid": (("ketone", 1), ("carboxylic acid", 1)), "keto ester": (("ketone", 1), ("ester", 1)),
    "bicyclic": (("fused ring system", 1),), "tricyclic": (("fused ring system", 1),),
    "tetracyclic": (("fused ring system", 1),),
    "carbocyclic": (("ring", 1),),
    "heteroaromatic compound": (("heteroaromatic ring", 1),),
    "vinyl sulfone": (("sulfone", 1), ("alkene", 1)),
}  # fmt: skip
OPPOSITES = {"acyclic": "ring", "nonaromatic": "aromatic ring", "nonhalogenated": "halogen atom"}
# Ring -> what it is with a substituent, where the table has no fact for this ring and this substituent together.
ON_BENZENE = {
    "fluorine atom": "fluorobenzene", "chlorine atom": "chlorobenzene", "bromine atom": "bromobenzene",
    "iodine atom": "iodobenzene", "methyl substituent": "toluene", "methyl ether": "methoxybenzene",
    "hydroxyl": "hydroxybenzene", "nitro compound": "nitrobenzene", "carboxylic acid": "benzoic acid",
    "trifluoromethyl substituent": "trifluoromethylbenzene", "nitrile": "benzonitrile",
}  # fmt: skip
ON_AROMATIC = {
    "fluorine atom": "aryl fluoride", "chlorine atom": "aryl chloride", "bromine atom": "aryl bromide",
    "iodine atom": "aryl iodide", "halogen atom": "aryl halide", "methyl substituent": "methylarene",
    "methyl ether": "anisole", "hydroxyl": "phenol", "nitro compound": "nitroarene", "nitrile": "benzonitrile",
    "amino compound": "aromatic primary amine", "ether": "aryl ether", "thioether": "aryl thioether",
    "ketone": "aryl ketone",
}  # fmt: skip
SAME_GROUP = {  # what a substituent may also be called, as far as rings go
    "alcoholic or phenolic hydroxy group": "hydroxyl", "phenol": "hydroxyl", "alcohol": "hydroxyl",
    "amine": "amino compound",
    "primary amine": "amino compound",
}  # fmt: skip


class Term(NamedTuple):
    """A fact, and how often it is meant."""

    fact: int
    least: int = 1
    most: int | None = None  # None: any number


class Reading(NamedTuple):
    """What a phrase says."""

    terms: tuple[Term, ...]  # all of them
    is_plural: bool = False
    is_modifier: bool = False  # "chlorinated", "hydroxy": says how something else is
    is_negative: bool = False  # "acyclic"


@functools.cache
def fact_numbers() -> dict[str, int]:
    """Map the name of each fact to its number."""
    return {fact.name: number for number, fact in reversed(list(enumerate(structural_facts())))}


def key_of(phrase: str) -> str:
    """Write a phrase as the lexicon does: small letters, hyphens as blanks, American sulfur.

    Example:
    >>> key_of("Tert-butyl  sulphide")
    'tert butyl sulfide'
    """
    return " ".join(phrase.lower().replace("-", " ").replace("sulph", "sulf").split())


def radical_of(ring: str) -> str:
    """Name a ring as a substituent.

    Example:
    >>> [radical_of(ring) for ring in ("imidazole", "cyclopropane", "furan", "tetralin")]
    ['imidazolyl', 'cyclopropyl', 'furanyl', 'tetralinyl']
    """
    if ring.startswith("cyclo") and ring.endswith("ane"):
        return f"{ring[:-3]}yl"
    return f"{ring[:-1] if ring.endswith('e') else ring}yl"


@functools.cache
def lexicon() -> dict[str, Reading]:
    """Map the key of every phrase of the vocabulary to what it says."""
    readings: dict[str, Reading] = {}

    def add(phrase: str, fact: int, **how: bool) -> None:
        """Add a phrase that is not there yet."""
        readings.setdefault(key_of(phrase), Reading((Term(fact),), **how))

    numbers = fact_numbers()
    for phrase, terms in PLAIN_SENSE.items():
        wanted = tuple(Term(numbers[name], abs(count), count if count > 1 else None) for name, count in terms)
        readings[phrase] = Reading(wanted, is_modifier=phrase.endswith(("ed", "ic")))
        readings[make_plural(phrase)] = Reading(wanted, is_plural=True)
    for phrase, name in OPPOSITES.items():
        readings[phrase] = Reading((Term(numbers[name]),), is_modifier=True, is_negative=True)
    for number, fact in enumerate(structural_facts()):
        number = numbers[PLAIN_FACTS.get(fact.name, fact.name)]
        for noun in nouns_of(fact):
            add(noun, number)
            add(make_plural(noun), number, is_plural=True)
        for mass in fact.masses:
            add(mass, number)
            add(f"{mass}s", number, is_plural=True)
        for adjective in fact.adjectives:
            add(adjective, number, is_modifier=True)
        for group in fact.groups:
            add(group, number, is_modifier=True)
        if fact.kind == "ring":
            for name in fact.names:
                add(radical_of(name), number, is_modifier=True)
    for radical, name in RADICALS.items():
        add(radical, numbers[name], is_modifier=True)
        add(f"{radical} group", numbers[name])
        add(f"{radical} groups", numbers[name], is_plural=True)
        add(f"{radical} ring", numbers[name])
        add(f"{radical} rings", numbers[name], is_plural=True)
    for name, (_, _, participle) in SUBSTITUENTS.items():
        add(participle, numbers[name], is_modifier=True)
    return readings


@functools.cache
def _prefixes() -> tuple[tuple[str, int], ...]:
    """List what the first part of a compound word can be, the longest first: "hydroxy", "phenyl"."""
    found = {
        key: reading.terms[0].fact
        for key, reading in lexicon().items()
        if reading.is_modifier and len(key) > 3 and key.isalpha() and key.endswith(("o", "y", "yl"))
    }
    return tuple(sorted(found.items(), key=lambda item: -len(item[0])))


@functools.cache
def _relations() -> dict[tuple[int, int], int]:
    """Map ring and substituent to the fact that says both."""
    relations = {fact.needs: number for number, fact in enumerate(structural_facts()) if fact.kind == "relation"}
    numbers = fact_numbers()
    for ring, table in (("benzene", ON_BENZENE), ("aromatic ring", ON_AROMATIC)):
        relations |= {(numbers[ring], numbers[substituent]): numbers[fact] for substituent, fact in table.items()}
    return relations


def relate(substituent: int, ring: int) -> int | None:
    """Find the fact of a substituent on a ring.

    Args:
        substituent (`int`): Number of its fact.
        ring (`int`): Number of the ring's fact.

    Returns:
        `int`: A number of a fact, or `None` if the vocabulary has none for the two.
    """
    facts, relations = structural_facts(), _relations()
    for name in (facts[substituent].name, SAME_GROUP.get(facts[substituent].name)):
        number = None if name is None else relations.get((ring, fact_numbers()[name]))
        if number is not None:
            return number
    return None


def join_readings(first: Reading, second: Reading, count: tuple[int, int | None] | None = None) -> Reading:
    """Read a substituent and what it stands on as one.

    Args:
        first ([`Reading`]): The substituent; its first term counts.
        second ([`Reading`]): What follows.
        count (`tuple`, *optional*): How often the substituent is there.

    Returns:
        [`Reading`]: The fact of both where there is one, else all terms.
    """
    least, most = count or first.terms[0][1:]
    (head, *others) = second.terms
    on_ring = structural_facts()[head.fact]
    is_relation = on_ring.kind == "relation"  # "nitropyridine", on which something more stands
    fact = relate(first.terms[0].fact, on_ring.needs[0] if is_relation else head.fact)
    terms = (first.terms[0]._replace(least=least, most=most), head) if fact is None else (Term(fact, least, most),)
    if fact is not None and (head.least > 1 or is_relation):
        terms = (*terms, head)
    return second._replace(terms=(*terms, *others))


@functools.lru_cache(maxsize=4096)
def read_phrase(key: str) -> Reading | None:
    """Tell what a phrase says, from the lexicon or by its parts.

    Args:
        key (`str`): As `key_of` writes it.

    Returns:
        [`Reading`] or `None`.

    Example:
    >>> facts = structural_facts()
    >>> [(facts[term.fact].name, term.least) for term in read_phrase("dichlorophenyl ring").terms]
    [('chlorobenzene', 2)]
    >>> [facts[term.fact].name for term in read_phrase("phenylpiperazines").terms]
    ['benzene', 'piperazine']
    """
    known = lexicon().get(key)
    if known is not None:
        return known
    if "(" in key or ")" in key:  # "bis(4-chlorophenyl)"
        return read_phrase(" ".join(key.replace("(", " ").replace(")", " ").split()))
    for multiple, count in MULTIPLES.items():
        if key.startswith(multiple):
            found = _read_multiple(_after_locants(key.removeprefix(multiple)), count, multiple in ("bis", "tris"))
            if found is not None:
                return found
    for prefix, fact in _prefixes():
        if key.startswith(prefix) and len(key) > len(prefix):
            rest = _after_locants(key.removeprefix(prefix))
            found = read_phrase(rest) if len(rest) > 3 else None
            if found is not None:
                return join_readings(Reading((Term(fact),)), found)
    return None


def _read_multiple(rest: str, count: int, is_complex: bool) -> Reading | None:
    """Read what follows "di": a group several times, or one that stands several times on something.

    "Dichlorophenyl" is a phenyl with two chlorines, "bis(chlorophenyl)" two phenyls with one each.
    """
    for prefix, fact in _prefixes() if is_complex else reversed(_prefixes()):
        if rest.startswith(prefix):
            tail = _after_locants(rest.removeprefix(prefix))
            if not tail:
                return Reading((Term(fact, count, count),), is_modifier=True)
            found = read_phrase(tail) if len(tail) > 3 else None
            if found is not None:
                return join_readings(Reading((Term(fact),)), found, (count, None))
            if lexicon().get(rest) is None:
                continue
    known = lexicon().get(rest)
    if known is None or known.is_plural and count == 1:
        return None
    head = known.terms[-1]
    if structural_facts()[head.fact].kind not in ("group",):
        return None
    return known._replace(terms=(*known.terms[:-1], head._replace(least=count, most=count)))


def _after_locants(text: str) -> str:
    """Drop the numbers of positions at the beginning: "chloro 5 nitropyridine"."""
    return re.sub(r"^(?: ?\d[\d,']*(?= ))? *", "", text)
