"""Captions written from what RDKit computes: true by construction, in many phrasings, the same for every seed."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from rdkit import Chem
from rdkit.Chem import QED, Descriptors, rdMolDescriptors

from .identifiers import attempt, explain_refusal, try_parse
from .structural_terms import count_ring_systems, count_terms, find_ring_systems

REVISION = 4  # part of cache keys: raise it whenever the captions change
GENERATED = "generated"  # mark of a caption that nobody wrote, for the column `source` of a table

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
RING_COUNTS = {2: "bi", 3: "tri", 4: "tetra", 5: "penta", 6: "hexa"}
MOST_NOUNS = 4  # a list names at most this many groups, so that sentences stay readable
STRUCTURE = ("kinds", "groups", "rings")  # what a chemist says first: most captions have each of these
STRUCTURE_SHARE = 0.8
# What a caption of properties draws from: it tells molecules of one skeleton apart.
PROPERTY_TOPICS = (
    "donors",
    "acceptors",
    "logp",
    "drug-likeness",
    "polar surface",
    "solubility",
    "flexibility",
    "weight",
)
MOST_OTHERS = 4
FEWEST_FACTS = 3  # fewer would fit thousands of molecules
CHAIN_FROM = 6  # shorter carbon chains are not worth a word
MACROCYCLE_FROM = 12  # ring atoms, the usual definition
# Property models were fitted on organic molecules of one component: elsewhere no band is stated.
ORGANIC = {1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 35, 53}
LARGEST_DESCRIBED = 150  # heavy atoms

COMPONENTS = {
    "[Na+]": "sodium ion", "[K+]": "potassium ion", "[Li+]": "lithium ion", "[Ca+2]": "calcium ion",
    "[Mg+2]": "magnesium ion", "[Zn+2]": "zinc ion", "[NH4+]": "ammonium ion", "[Cl-]": "chloride ion",
    "[Br-]": "bromide ion", "[I-]": "iodide ion", "Cl": "hydrogen chloride molecule",
    "Br": "hydrogen bromide molecule", "O": "water molecule",
}  # fmt: skip

# Where two properties must agree, so that a statement holds by either.
LIPOPHILIC_LOGP, SPARING_SOLUBILITY, SMALL_SURFACE, MEDIUM_WEIGHT = 3.0, -4.0, 70.0, 500.0

# Bands: the phrases of the first limit that the value lies below. Neighbouring bands share no phrase.
LOGP = (
    (0.0, ("is hydrophilic", "prefers water to fat", "favours the aqueous phase")),
    (1.5, ("is slightly lipophilic", "leans a little towards fat")),
    (LIPOPHILIC_LOGP, ("is moderately lipophilic", "leans clearly towards fat")),
    (5.0, ("is lipophilic", "prefers fat to water", "favours the oily phase")),
    (float("inf"), ("is very lipophilic", "is strongly hydrophobic", "strongly prefers fat to water")),
)
WEIGHT = (
    (200.0, ("is a small molecule", "has a low molecular weight")),
    (MEDIUM_WEIGHT, ("is of medium size", "has a medium molecular weight")),
    (1000.0, ("is a large molecule", "is heavy for a small organic compound")),
    (float("inf"), ("is a very large molecule", "is a giant among organic compounds")),
)
POLAR_SURFACE = (
    (40.0, ("has a very small polar surface area", "exposes hardly any polar surface", "is hardly polar")),
    (SMALL_SURFACE, ("has a small polar surface area", "exposes little polar surface")),
    (100.0, ("has a medium polar surface area", "exposes a moderate polar surface")),
    (140.0, ("has a large polar surface area", "exposes much polar surface", "permeates membranes badly",
             "shows poor passive permeability", "has a low membrane permeability", "is rather polar")),
    (float("inf"), ("has a very large polar surface area", "hardly crosses membranes", "is of very low permeability",
                    "is highly polar")),
)  # fmt: skip
DRUG_LIKENESS = (
    (0.3, ("would make a poor drug", "has an unfavourable drug-likeness score", "is not drug-like at all",
           "looks unlike a drug")),
    (0.5, ("differs from oral drugs in much", "has a poor drug-likeness score", "is not quite drug-like",
           "looks little like a drug")),
    (0.7, ("has a middling drug-likeness score", "resembles oral drugs in part")),
    (0.85, ("is drug-like", "resembles typical oral drugs", "has a favourable drug-likeness score")),
    (float("inf"), ("is very drug-like", "is much like known drugs", "has a high drug-likeness score",
                    "looks like a drug")),
)  # fmt: skip
DONORS = (
    (1, ("donates no hydrogen bond", "offers fewer donors for hydrogen bonds than most molecules",
         "has fewer donors than most molecules")),
    (3, ("is poor in hydrogen-bond donors",)),
    (float("inf"), ("is rich in hydrogen-bond donors", "offers more donors for hydrogen bonds than most molecules",
                    "has more donors than most molecules")),
)  # fmt: skip
ACCEPTORS = (
    (3, ("is poor in hydrogen-bond acceptors", "offers fewer acceptors for hydrogen bonds than most molecules",
         "has fewer acceptors than most molecules")),
    (6, ("has several acceptors for hydrogen bonds",)),
    (float("inf"), ("is rich in hydrogen-bond acceptors",
                    "offers more acceptors for hydrogen bonds than most molecules",
                    "has more acceptors than most molecules")),
)  # fmt: skip
SOLUBILITY = (  # decimal logarithm of mol/l
    (-5.0, ("hardly dissolves in water", "is poorly water-soluble", "is practically insoluble in aqueous media")),
    (SPARING_SOLUBILITY, ("is sparingly soluble in aqueous media",)),
    (-2.0, ("is somewhat soluble in aqueous media",)),
    (float("inf"), ("dissolves readily in water", "is well water-soluble", "is freely soluble in aqueous media")),
)
FLEXIBILITY = (
    (1, ("is rigid", "has no rotatable bond")),
    (4, ("is fairly rigid", "has few rotatable bonds")),
    (8, ("is moderately flexible", "has several rotatable bonds")),
    (float("inf"), ("is very flexible", "has many rotatable bonds")),
)


class Fact(NamedTuple):
    """One true statement about a molecule, in equivalent phrasings."""

    topic: str
    predicates: tuple[str, ...]  # third person singular; `{}` stands for the list of nouns
    nouns: tuple[str, ...] = ()  # some of them are enough for a true statement


def describe_molecule(smiles: str, seed: int = 0) -> str:
    """Describe one molecule in one to seven sentences, from its structure alone.

    Says some of: kind of compound, functional groups, ring systems, formula, weight, elements, hydrogen bonding, bands
    of logP, solubility, polar surface and drug-likeness, flexibility, charge, components, stereo.

    Args:
        smiles (`str`): The molecule; every spelling of it gives the same caption.
        seed (`int`): Chooses the facts and the words.

    Returns:
        `str`: English sentences.

    Raises:
        ValueError: If the SMILES cannot be parsed.

    Example:
    >>> describe_molecule("CCO", seed=0) == describe_molecule("OCC", seed=0)
    True
    """
    return write_captions(smiles, 1, seed)[0]


def write_captions(smiles: str, num_captions: int, seed: int = 0, topics: Sequence[str] | None = None) -> list[str]:
    """Describe one molecule in several ways.

    Args:
        smiles (`str`): The molecule.
        num_captions (`int`): Different captions wanted; a molecule of which little can be said may give fewer.
        seed (`int`): Chooses the facts and the words.
        topics (sequence of `str`, *optional*): Say these alone, such as `PROPERTY_TOPICS`; anything by default.

    Returns:
        `list[str]`: Captions without repetition; the first of any topics is that of `describe_molecule`. Empty,
        if nothing can be said of the topics.

    Raises:
        ValueError: If the SMILES cannot be parsed.
    """
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"{explain_refusal(smiles)}, so it cannot be described.")
    name = attempt(Chem.MolToSmiles, molecule)
    # The order of atoms decides on the order of words, and on rounding.
    every_fact = None if name is None else attempt(list_facts, try_parse(name) or molecule)
    if every_fact is None:
        raise ValueError(f"RDKit cannot compute what is said of {str(smiles)[:200]!r}, so it cannot be described.")
    facts = [fact for fact in every_fact if topics is None or fact.topic in topics]
    attempts = (_compose(facts, random.Random(f"{seed} {number} {name}")) for number in range(2 * num_captions))
    return [caption for caption in dict.fromkeys(attempts) if caption][:num_captions]


def list_facts(molecule: Chem.Mol) -> list[Fact]:
    """List all that can be said about a molecule; every statement holds, and no two contradict each other."""
    terms = count_terms(molecule)
    kinds = [_with_article(term.kind) for term in terms if term.kind] + _polycyclic_kinds(molecule)
    groups = [_count(number, term.group) for term, number in terms.items() if term.group]
    rings = [_count(n, f"{name} {'skeleton' if name == 'steroid' else 'ring'}")
             for name, n in sorted(count_ring_systems(molecule).items())]  # fmt: skip
    facts = [
        Fact("kinds", ("is {}", "can be classified as {}", "counts as {}"), tuple(kinds)),
        Fact("groups", ("contains {}", "carries {}", "has {}", "bears {}"), tuple(groups)),
        Fact("rings", ("contains {}", "features {}", "includes {}", "has {} in its skeleton"), tuple(rings)),
    ]
    facts = [fact for fact in facts if fact.nouns]
    return facts + _composition_facts(molecule) + _shape_facts(molecule) + _property_facts(molecule)


def _composition_facts(molecule: Chem.Mol) -> list[Fact]:
    """State formula, weight, elements, charge and components."""
    formula = rdMolDescriptors.CalcMolFormula(molecule)
    weight = _weigh(molecule)
    rounded = f"{weight:.0f}"
    elements: dict[str, int] = {}
    for atom in sorted(filter(Chem.Atom.GetAtomicNum, molecule.GetAtoms()), key=Chem.Atom.GetSymbol):  # 0: any atom
        name = Chem.GetPeriodicTable().GetElementName(atom.GetAtomicNum()).lower()
        elements[name] = elements.get(name, 0) + 1
    atoms = tuple(_count(number, f"{name} atom") for name, number in elements.items() if name != "hydrogen")
    facts = [
        Fact("formula", (f"has the formula {formula}", f"has molecular formula {formula}")),
        Fact("weight", (f"has a molecular weight of about {rounded}", f"weighs about {rounded} g/mol",
                        *_choose_band(weight, WEIGHT))),
        Fact("elements", ("has {}", "counts {} in its formula"), atoms),
        _charge_fact(molecule),
    ]  # fmt: skip
    parts = [Chem.MolToSmiles(part) for part in Chem.GetMolFrags(molecule, asMols=True)]
    if len(parts) > 1:
        named = [name for part, name in COMPONENTS.items() if part in parts]
        counts = tuple(_count(parts.count(part), name) for part, name in COMPONENTS.items() if name in named)
        several = f"consists of {_number(len(parts))} separate components"
        facts.append(Fact("components", (several,)))
        if counts:
            facts.append(Fact("ions", ("contains {} as separate components", "has {} beside its other parts"), counts))
    return [fact for fact in facts if fact.nouns or "{}" not in fact.predicates[0]]


def _charge_fact(molecule: Chem.Mol) -> Fact:
    """State the net charge, or that opposite charges balance within one component."""
    charge = Chem.GetFormalCharge(molecule)
    if charge:
        sign, kind = ("+", "cation") if charge > 0 else ("-", "anion")
        amount = f"{sign}{abs(charge)}"
        return Fact("charge", (f"carries a net charge of {amount}", f"is {_with_article(kind)} of charge {amount}"))
    # Charges that neighbours balance (nitro groups, N-oxides) are a way of drawing bonds.
    charges = {atom.GetIdx(): atom.GetFormalCharge() for atom in molecule.GetAtoms()}
    free_signs = {
        charge > 0
        for atom, charge in charges.items()
        if charge and all(charge * charges[n.GetIdx()] >= 0 for n in molecule.GetAtomWithIdx(atom).GetNeighbors())
    }
    if len(free_signs) == 2 and len(Chem.GetMolFrags(molecule)) == 1:
        return Fact("charge", ("is a zwitterion", "has opposite charges that balance"))
    return Fact("charge", ("has no net charge", "is neutral overall"))


def _shape_facts(molecule: Chem.Mol) -> list[Fact]:
    """State rings, chains, flexibility and stereo."""
    rings = molecule.GetRingInfo().AtomRings()
    facts = []
    if rings:
        aromatic = rdMolDescriptors.CalcNumAromaticRings(molecule)
        which = f"{_number(aromatic)} of them aromatic" if aromatic else "none of them aromatic"
        if len(rings) == 1:
            which = "which is aromatic" if aromatic else "which is not aromatic"
        facts.append(Fact("ring count", (f"has {_count(len(rings), 'ring')}, {which},",
                                         f"contains {_count(len(rings), 'ring')} in all")))  # fmt: skip
        if max(map(len, rings)) >= MACROCYCLE_FROM:
            facts.append(Fact("macrocycle", ("is a macrocycle", f"has a ring of {max(map(len, rings))} atoms")))
    else:
        facts.append(Fact("ring count", ("has no rings", "is acyclic")))
    chain = longest_carbon_chain(molecule)
    if chain >= CHAIN_FROM:
        facts.append(Fact("chain", (f"has a chain of {_number(chain)} carbon atoms outside rings",)))
    facts.append(Fact("flexibility", _choose_band(rdMolDescriptors.CalcNumRotatableBonds(molecule), FLEXIBILITY)))
    return facts + _stereo_facts(molecule)


def _stereo_facts(molecule: Chem.Mol) -> list[Fact]:
    """State stereocentres and double-bond geometry."""
    labels = [label for _, label in Chem.FindMolChiralCenters(molecule, includeUnassigned=True)]
    specified = sum(label != "?" for label in labels)
    centres = f"has {_plural(len(labels), 'stereocentre')}"
    if not labels:
        predicates: tuple[str, ...] = (centres,)
    elif len(labels) == 1:
        which = f"with {labels[0]} configuration" if specified else "of unspecified configuration"
        predicates = (f"{centres} {which}",)
    else:
        amount = {0: "none", len(labels): "all"}.get(specified, _number(specified))
        predicates = (f"{centres}, {amount} of them specified,",)
    facts = [Fact("stereocentres", predicates)]
    stereo = [bond.GetStereo() for bond in molecule.GetBonds()]
    names = {Chem.BondStereo.STEREOE: "E-configured double bond", Chem.BondStereo.STEREOZ: "Z-configured double bond"}
    nouns = tuple(_count(stereo.count(kind), name) for kind, name in names.items() if kind in stereo)
    if nouns:
        facts.append(Fact("double bonds", ("has {}", "contains {}"), nouns))
    return facts


def _property_facts(molecule: Chem.Mol) -> list[Fact]:
    """State hydrogen bonding, and the bands of logP, solubility, polar surface and drug-likeness where they apply."""
    donors, acceptors = rdMolDescriptors.CalcNumHBD(molecule), rdMolDescriptors.CalcNumHBA(molecule)
    facts = [
        Fact("donors", (f"has {_plural(donors, 'hydrogen-bond donor')}",
                        f"offers {_plural(donors, 'donor')} for hydrogen bonds", *_choose_band(donors, DONORS))),
        Fact("acceptors", (f"has {_plural(acceptors, 'hydrogen-bond acceptor')}",
                           f"offers {_plural(acceptors, 'acceptor')} for hydrogen bonds",
                           *_choose_band(acceptors, ACCEPTORS))),
    ]  # fmt: skip
    numbers = {atom.GetAtomicNum() for atom in molecule.GetAtoms()}
    is_organic = 6 in numbers and numbers <= ORGANIC and len(Chem.GetMolFrags(molecule)) == 1
    if not is_organic or Chem.GetFormalCharge(molecule) or molecule.GetNumHeavyAtoms() > LARGEST_DESCRIBED:
        return facts
    logp = _compute_logp(molecule)
    facts += [
        Fact("logp", (f"has a calculated logP of about {round(logp, 1) + 0.0}", *_choose_band(logp, LOGP))),
        Fact("drug-likeness", _choose_band(QED.qed(molecule), DRUG_LIKENESS)),
    ]
    surface = rdMolDescriptors.CalcTPSA(molecule)
    predicates = _choose_band(surface, POLAR_SURFACE)
    if surface < SMALL_SURFACE and _weigh(molecule) < MEDIUM_WEIGHT:
        # Size stops larger ones, however little polar they are.
        predicates += (
            "permeates membranes easily",
            "shows good passive permeability",
            "has a high membrane permeability",
            "is of high permeability",
        )
    facts.append(Fact("polar surface", predicates))
    solubility = estimate_solubility(molecule)
    # Estimate and logP must agree: nothing that loves fat is called soluble, and nothing else insoluble.
    is_soluble = solubility > SPARING_SOLUBILITY and logp < LIPOPHILIC_LOGP
    if is_soluble or (solubility < SPARING_SOLUBILITY and logp > LIPOPHILIC_LOGP):
        facts.append(Fact("solubility", _choose_band(solubility, SOLUBILITY)))
    return facts


def estimate_solubility(molecule: Chem.Mol) -> float:
    """Estimate the decimal logarithm of the aqueous solubility in mol/l by the ESOL equation (Delaney, 2004)."""
    heavy = molecule.GetNumHeavyAtoms()
    aromatic_share = sum(atom.GetIsAromatic() for atom in molecule.GetAtoms()) / heavy if heavy else 0.0
    return (
        0.16 - 0.63 * _compute_logp(molecule) - 0.0062 * _weigh(molecule)
        + 0.066 * rdMolDescriptors.CalcNumRotatableBonds(molecule) - 0.74 * aromatic_share
    )  # fmt: skip


def longest_carbon_chain(molecule: Chem.Mol) -> int:
    """Count the atoms of the longest path of carbon atoms outside rings."""
    neighbours = {
        atom.GetIdx(): [n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() == 6 and not n.IsInRing()]
        for atom in molecule.GetAtoms()
        if atom.GetAtomicNum() == 6 and not atom.IsInRing()
    }
    longest, done = 0, set[int]()
    for atom in neighbours:
        if atom not in done:  # the atom farthest from any atom of a tree is an end of its longest path
            tree = _walk_tree(neighbours, atom)
            done.update(tree)
            longest = max(longest, *_walk_tree(neighbours, list(tree)[-1]).values())
    return longest


def _walk_tree(neighbours: dict[int, list[int]], start: int) -> dict[int, int]:
    """Number the atoms of a tree by their place on the path from `start`, nearest first."""
    places = {start: 1}
    order = [start]
    for atom in order:
        for neighbour in neighbours[atom]:
            if neighbour not in places:
                places[neighbour] = places[atom] + 1
                order.append(neighbour)
    return places


def _weigh(molecule: Chem.Mol) -> float:
    """Compute the average molecular weight in g/mol."""
    return Descriptors.MolWt(molecule)  # type: ignore[attr-defined]


def _compute_logp(molecule: Chem.Mol) -> float:
    """Compute the octanol-water partition coefficient by the method of Wildman and Crippen."""
    return rdMolDescriptors.CalcCrippenDescriptors(molecule)[0]


def _polycyclic_kinds(molecule: Chem.Mol) -> list[str]:
    """Name the largest ring system by its number of rings, as "an organic heterotricyclic compound"."""
    rings = [set(ring) for ring in molecule.GetRingInfo().AtomRings()]
    counts = {
        sum(ring <= system for ring in rings): any(molecule.GetAtomWithIdx(a).GetAtomicNum() != 6 for a in system)
        for system in find_ring_systems(molecule)
    }
    most = max(counts, default=0)
    if most not in RING_COUNTS:
        return []
    return [f"{'an organic hetero' if counts[most] else 'a carbo'}{RING_COUNTS[most]}cyclic compound"]


def _compose(facts: Sequence[Fact], generator: random.Random) -> str:
    """Choose facts and words, and join them into sentences."""
    chosen = [fact for fact in facts if fact.topic in STRUCTURE and generator.random() < STRUCTURE_SHARE]
    others = [fact for fact in facts if fact.topic not in STRUCTURE]
    number = max(generator.randint(1, MOST_OTHERS), FEWEST_FACTS - len(chosen))
    chosen += generator.sample(others, min(len(others), number))
    if generator.random() < 0.5:  # half of the captions begin with the structure
        generator.shuffle(chosen)
    sentences: list[str] = []
    while chosen:
        pair = chosen[: generator.choice((1, 1, 2))]
        chosen = chosen[len(pair) :]
        subject = (
            "It" if sentences and generator.random() < 0.8 else generator.choice(("The molecule", "The compound"))
        )
        predicates = [_phrase(fact, generator) for fact in pair]
        sentences.append(f"{subject} {' and '.join(predicates)}".rstrip(",") + ".")
    return " ".join(sentences)


def _phrase(fact: Fact, generator: random.Random) -> str:
    """Choose one phrasing of a fact, and some of its nouns."""
    nouns = generator.sample(fact.nouns, min(len(fact.nouns), MOST_NOUNS))
    joined = " and ".join(filter(None, (", ".join(nouns[:-1]), *nouns[-1:])))
    return generator.choice(fact.predicates).format(joined)


def _choose_band(value: float, bands: Sequence[tuple[float, tuple[str, ...]]]) -> tuple[str, ...]:
    """Return the phrases of the band that holds the value."""
    return next(phrases for limit, phrases in bands if value < limit)


def _number(count: int) -> str:
    """Write a count, small ones as words."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _plural(count: int, noun: str) -> str:
    """Write a count with its noun: "no donors", "one donor", "two donors"."""
    return f"{_number(count)} {noun}{'' if count == 1 else 's'}"


def _count(count: int, noun: str) -> str:
    """Write a positive count with its noun: "a nitro group", "two nitro groups"."""
    return _with_article(noun) if count == 1 else _plural(count, noun)


def _with_article(noun: str) -> str:
    """Put "a" or "an" before a noun: by sound, so "an N-oxide"."""
    return f"{'an' if noun[0] in 'aeioEN' else 'a'} {noun}"
