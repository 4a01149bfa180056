"""Words that name motifs: the functional groups of RDKit's fragment definitions, and ring systems by their names."""

import csv
import functools
import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rdkit import Chem
from rdkit.Chem import Fragments

from ..data.identifiers import try_parse
from ..data.structural_terms import RING_SYSTEMS

# Name -> definition: a code of RDKit's `FragmentDescriptors.csv` or a SMARTS where it has none; and the expression
# that finds the name in a text. Names count inside longer words, since names of compounds are built of them.
GROUPS = {
    "carboxylic acid": ("fr_COO2", r"carboxylic acids?|carboxylates?|carboxy(?![a-z])"),
    "ester": ("fr_ester", r"(?<![a-z])(?:di)?esters?(?![a-z])"),
    "amide": ("fr_amide", r"(?<!sulfon)(?<!thio)amides?(?![a-z])"),
    "sulfonamide": ("fr_sulfonamd", r"sulfonamid|sulfamoyl"),
    "sulfone": ("fr_sulfone", r"sulfones?(?![a-z])|sulfonyl"),
    "urea": ("fr_urea", r"ureas?(?![a-z])|ureido"),
    "imide": ("fr_imide", r"imides?(?![a-z])"),
    "guanidine": ("fr_guanido", r"guanidin"),
    "amidine": ("fr_amidine", r"amidin"),
    "nitrile": ("fr_nitrile", r"nitrile|cyano(?!h)"),
    "nitro": ("fr_nitro", r"nitro(?!g|s|u)"),
    "nitroso": ("fr_nitroso", r"nitroso"),
    "azo": ("fr_azo", r"(?<![a-z])azo(?![a-z])|diazene"),
    "azide": ("fr_azide", r"azid(?:e|o)"),
    "oxime": ("fr_oxime", r"oxime"),
    "hydrazone": ("fr_hdrzone", r"hydrazone"),
    "hydrazine": ("fr_hdrzine", r"hydrazine"),
    "isothiocyanate": ("fr_isothiocyan", r"isothiocyanat"),
    "aldehyde": ("fr_aldehyde", r"aldehyde|formyl"),
    "ketone": ("fr_ketone", r"ketone|(?<![a-z])oxo(?![a-z])"),
    "ether": ("fr_ether", r"(?<!thio)(?<![a-z])ethers?(?![a-z])"),
    "methoxy": ("fr_methoxy", r"methoxy"),
    "alcohol": ("fr_Al_OH", r"alcohols?(?![a-z])"),
    "hydroxy": ("[OX2H][#6;!$(C=O)]", r"hydroxy(?!l?amin|mic)"),
    "primary amine": ("[NX3;H2;!$(NC=[O,N,S]);!$(N[!#6])]", r"primary (?:amino|amines?)|(?<![a-z])amino(?![a-z])"),
    "quaternary ammonium": ("[NX4+;$(N([#6])([#6])([#6])[#6])]", r"quaternary ammonium"),
    "thiol": ("fr_SH", r"thiols?(?![a-z])|sulfanyl"),
    "thioether": ("fr_sulfide", r"thioether|organic sulfide"),
    "phosphate": ("fr_phos_acid", r"phosphate"),
    "boronic acid": ("[BX3]([OX2H])[OX2H]", r"boronic acid"),
    "trifluoromethyl": ("[CX4](F)(F)F", r"trifluoromethyl"),
    "fluoro": ("[F;$(F[#6])]", r"fluor(?!en)"),
    "chloro": ("[Cl;$(Cl[#6])]", r"chlor(?!oph|id)"),
    "bromo": ("[Br;$(Br[#6])]", r"brom(?!id)"),
    "iodo": ("[I;$(I[#6])]", r"iodo|iodine|iodinat"),
    "tert-butyl": ("[CX4]([CH3])([CH3])[CH3]", r"tert-butyl"),
}  # fmt: skip
# Rings that texts name as such; their structures are those of `RING_SYSTEMS`.
RINGS = (
    *("benzene", "naphthalene", "pyridine", "pyrimidine", "pyrazine", "pyridazine", "pyrrole", "furan", "thiophene"),
    *("imidazole", "pyrazole", "oxazole", "isoxazole", "thiazole", "tetrazole", "indole", "indazole"),
    *("benzimidazole", "benzofuran", "benzothiophene", "benzothiazole", "quinoline", "isoquinoline", "quinazoline"),
    *("purine", "coumarin", "chromone", "xanthone", "anthraquinone", "carbazole", "piperidine", "piperazine"),
    *("morpholine", "pyrrolidine", "tetrahydrofuran", "cyclopropane", "cyclobutane", "cyclopentane", "cyclohexane"),
    *("adamantane", "uracil", "oxirane", "1,2,4-triazole", "1,3-benzodioxole"),
)
RING_SYNONYMS = {"benzene": "phenyl(?!al|ene)", "pyridine": "pyridyl", "thiophene": "thienyl", "oxirane": "epoxide"}
# A longer name is that of another ring: isoquinoline is no quinoline, dihydropyridine no pyridine.
_NO_OTHER_RING = "".join(f"(?<!{prefix})" for prefix in ("is", "iso", "benz", "benzo", "hydro", "bi"))

SENTENCES = (
    "The molecule contains {}.",
    "A compound with {}.",
    "It is a molecule built from {}.",
    "This structure combines {}.",
    "{} are found in this molecule.",
    "The compound carries {} as its parts.",
    "One sees {} in the structure.",
    "A small organic molecule that features {}.",
)


class MotifName(NamedTuple):
    """A name, what it names, and how texts say it."""

    name: str
    pattern: Chem.Mol
    is_ring: bool
    expression: re.Pattern


@functools.cache
def load_motif_names() -> tuple[MotifName, ...]:
    """Compile the table on first use.

    Raises:
        ValueError: If RDKit's definitions lack a code of the table.
    """
    with Path(Fragments.defaultPatternFileName).open(encoding="utf-8") as file:
        rows = [row for row in csv.reader(file, delimiter="\t") if len(row) > 2 and not row[0].startswith("#")]
    codes = {row[0].strip(): row[2] for row in rows}
    names = []
    for name, (definition, words) in GROUPS.items():
        if definition.startswith("fr_") and definition not in codes:
            raise ValueError(f"{name}: RDKit's {Fragments.defaultPatternFileName} has no code {definition!r}.")
        pattern = Chem.MolFromSmarts(codes.get(definition, definition))
        names.append(MotifName(name, pattern, False, re.compile(words, re.IGNORECASE)))
    for name in RINGS:
        # As a pattern, [nH] would leave out rings that bear something there.
        pattern = Chem.MolFromSmarts(RING_SYSTEMS[name].replace("[nH]", "n"))
        words = _NO_OTHER_RING + re.escape(name.split("-")[-1]) + "(?!o)"
        words = "|".join([words, *filter(None, [RING_SYNONYMS.get(name)])])
        names.append(MotifName(name, pattern, True, re.compile(words, re.IGNORECASE)))
    return tuple(names)


def name_motifs(smiles: str, motif_atoms: Sequence[Sequence[int]]) -> list[list[str]]:
    """Name the motifs of a molecule.

    A ring name needs the motif to hold the match and no further ring atoms; the name of a group needs it to hold all
    of its atoms that are not carbon (an ester stays one without its alcohol). Of matches one inside the other the
    larger gives the name: an imide is no amide.

    Args:
        smiles (`str`): The molecule.
        motif_atoms (sequence of atom numbers): The atoms of each motif.

    Returns:
        Names of each motif, none where it has none.

    Raises:
        ValueError: If the molecule cannot be parsed.
    """
    molecule = try_parse(smiles)
    if molecule is None:
        raise ValueError(f"RDKit cannot parse the SMILES {smiles!r:.200}.")
    ring_atoms = {atom.GetIdx() for atom in molecule.GetAtoms() if atom.IsInRing()}
    carbons = {atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 6}
    matches: list[list[tuple[set[int], str]]] = [[] for _ in motif_atoms]
    for name in load_motif_names():
        for match in map(set, molecule.GetSubstructMatches(name.pattern)):
            core = match if name.is_ring else (match - carbons or match)
            for place, atoms in enumerate(map(set, motif_atoms)):
                if core <= atoms and not (name.is_ring and (atoms & ring_atoms) - match):
                    matches[place].append((match, name.name))
    return [
        list(dict.fromkeys(name for match, name in motif if not any(match < other for other, _ in motif)))
        for motif in matches
    ]


def find_names(text: str) -> dict[str, list[tuple[int, int]]]:
    """Find the names of motifs in a text: the spans of each name that occurs."""
    spans = {name.name: [match.span() for match in name.expression.finditer(text)] for name in load_motif_names()}
    return {name: places for name, places in spans.items() if places}


def write_sentences(smiles: Sequence[str], feature_extractor: Any, seed: int = 0) -> list[str]:
    """Write a sentence about each molecule that names its motifs, in an order and wording of its own.

    Args:
        smiles (sequence of `str`): Molecules.
        feature_extractor (`FineMolTexFeatureExtractor`): Knows their motifs.
        seed (`int`): Of order and wording.

    Returns:
        One sentence per molecule; empty where fewer than two of the names are at hand.

    Raises:
        ValueError: If a molecule cannot be parsed.
    """
    rings, generator, sentences = set(RINGS), random.Random(seed), []
    for molecule in smiles:
        named = name_motifs(molecule, [motif.atoms for motif in feature_extractor.motifs(molecule)])
        names = sorted({name for motif in named for name in motif})
        generator.shuffle(names)
        noun: Mapping[bool, Sequence[str]] = {True: (" ring", "", " unit"), False: (" group", "", " moiety")}
        parts = []
        for name in names:
            article = "an" if name[0] in "aeiou" and not name.startswith("u") else "a"
            parts.append(f"{article} {name}{generator.choice(noun[name in rings])}")
        listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else ""
        sentence = generator.choice(SENTENCES).format(listed)
        sentences.append(sentence[0].upper() + sentence[1:] if listed else "")
    return sentences
