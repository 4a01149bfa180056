"""Every sentence is checked against RDKit, and none of them is the wording of an evaluation."""

import importlib.util
import re
import sys
from pathlib import Path

import datasets
import pytest
from rdkit import Chem
from rdkit.Chem import QED, Crippen, Descriptors, Fragments, Lipinski, rdMolDescriptors

from modeling_finemoltex.data import describe_molecule, write_captions
from modeling_finemoltex.data import descriptor_captions as captions
from modeling_finemoltex.data import structural_terms as terms
from modeling_finemoltex.data.chemicals_corpus import SMILES, _table_path

# One molecule for each structural term, with the occurrences counted by hand.
EXAMPLES = {
    "carboxy group": ("OC(=O)CC(=O)O", 2), "carboxylate group": ("CC(=O)[O-]", 1),
    "ester group": ("COC(=O)CC(=O)OC", 2),
    "lactone group": ("O=C1CCCO1", 1), "carboxamide group": ("CC(=O)NCCNC(=O)C", 2), "lactam group": ("O=C1CCCN1", 1),
    "peptide bond": ("NCC(=O)NCC(=O)NCC(=O)O", 2), "imide group": ("O=C1CCC(=O)N1", 1), "urea group": ("NC(=O)N", 1),
    "carbamate group": ("CNC(=O)OC", 1), "carbonate group": ("COC(=O)OC", 1), "anhydride group": ("CC(=O)OC(C)=O", 1),
    "acyl halide group": ("CC(=O)Cl", 1), "thioester group": ("CC(=O)SC", 1), "aldehyde group": ("O=CCC=O", 2),
    "keto group": ("CC(=O)CC(C)=O", 2), "alcoholic hydroxy group": ("OCC(O)CO", 3), "methoxy group": ("COCCOC", 2),
    "phenolic hydroxy group": ("Oc1ccc(O)cc1CO", 2), "ether linkage": ("CCOCCOCC", 2), "epoxide ring": ("CC1CO1", 1),
    "peroxide bond": ("CC(C)(C)OO", 1), "pyranose ring": ("OC[C@H]1O[C@@H](O)[C@H](O)[C@@H](O)[C@@H]1O", 1),
    "primary amino group": ("NCCN", 2), "secondary amino group": ("CNC", 1),
    "tertiary amino group": ("CN(C)CCN(C)C", 2),
    "ammonium group": ("[NH3+]CC(=O)[O-]", 1), "quaternary ammonium group": ("C[N+](C)(C)CCO", 1),
    "N-oxide group": ("C[N+](C)(C)[O-]", 1), "nitro group": ("O=[N+]([O-])c1cccc([N+](=O)[O-])c1", 2),
    "nitrate ester group": ("CO[N+](=O)[O-]", 1), "nitrosamine group": ("CN(C)N=O", 1), "cyano group": ("N#CCC#N", 2),
    "azido group": ("CN=[N+]=[N-]", 1), "azo group": ("c1ccccc1N=Nc1ccccc1", 1), "hydrazone group": ("CC(C)=NN", 1),
    "oxime group": ("CC(C)=NO", 1), "hydroxamic acid group": ("CC(=O)NO", 1), "guanidine group": ("CNC(=N)N", 1),
    "amidine group": ("CC(=N)N", 1), "isothiocyanate group": ("CN=C=S", 1), "thiocarbonyl group": ("NC(N)=S", 1),
    "thiol group": ("SCCS", 2), "thioether linkage": ("CSCSC", 2), "disulfide bond": ("CSSC", 1),
    "sulfinyl group": ("CS(C)=O", 1), "sulfonyl group": ("CS(C)(=O)=O", 1), "sulfonamide group": ("CS(N)(=O)=O", 1),
    "sulfo group": ("CS(=O)(=O)O", 1), "sulfonate group": ("CS(=O)(=O)[O-]", 1),
    "sulfate ester group": ("COS(=O)(=O)O", 1),
    "phosphate ester group": ("COP(=O)(O)O", 1), "phosphonate group": ("CP(=O)(O)O", 1),
    "boronic acid group": ("OB(O)c1ccccc1", 1), "fluorine substituent": ("FC(F)F", 3),
    "chlorine substituent": ("ClCCl", 2),
    "bromine substituent": ("BrCBr", 2), "iodine substituent": ("ICI", 2), "trifluoromethyl group": ("CC(F)(F)F", 1),
    "tert-butyl group": ("CC(C)(C)O", 1), "carbon-carbon double bond": ("C=CC=Cc1ccccc1", 2),
    "carbon-carbon triple bond": ("C#CC", 1), "methyl ester": ("COC(=O)C", 1), "acetate ester": ("CCOC(C)=O", 1),
    "cyclic ketone": ("O=C1CCCC1", 1), "aromatic ketone": ("CC(=O)c1ccccc1", 1), "methyl ketone": ("CC(=O)CC", 1),
    "enone": ("CC(=O)C=C", 1), "primary alcohol": ("CCO", 1), "secondary alcohol": ("CC(O)C", 1),
    "tertiary alcohol": ("CC(C)(C)O", 1), "catechol": ("Oc1ccccc1O", 1), "enol": ("CC(O)=C", 1),
    "aromatic ether": ("COc1ccccc1", 1), "acetal": ("COCOC", 1), "aromatic amine": ("Nc1ccccc1", 1),
    "alpha-amino acid": ("NC(C)C(=O)O", 1), "flavone": ("O=c1cc(-c2ccccc2)oc2ccccc12", 1),
    "isoflavone": ("O=c1c(-c2ccccc2)coc2ccccc12", 1), "flavanone": ("O=C1CC(c2ccccc2)Oc2ccccc12", 1),
    "chalcone": ("O=C(C=Cc1ccccc1)c1ccccc1", 1), "cinnamic acid derivative": ("OC(=O)C=Cc1ccccc1", 1),
    "benzoic acid derivative": ("OC(=O)c1ccccc1", 1), "biphenyl derivative": ("c1ccccc1-c1ccccc1", 1),
    "aniline derivative": ("Nc1ccccc1", 1), "phenethylamine derivative": ("NCCc1ccccc1", 1),
    "beta-lactam": ("O=C1CCN1", 1), "penam": ("CC1(C)SC2CC(=O)N2C1", 1), "cephem": ("O=C1CC2SCC=CN12", 1),
    "nucleoside derivative": ("Nc1ccn([C@@H]2O[C@H](CO)[C@@H](O)[C@H]2O)c(=O)n1", 1),
    "triglyceride": ("CC(=O)OCC(OC(C)=O)COC(C)=O", 1),
    "glycerophospholipid": ("CCC(=O)OCC(OC(=O)CC)COP(=O)(O)OCCN", 1),
}  # fmt: skip

# What must not be there: lookalikes that a careless pattern would take.
LOOKALIKES = {
    "CC(=O)O": {"alcoholic hydroxy group", "ketone", "carboxylic ester", "aldehyde", "enol"},
    "CC(=O)Oc1ccccc1": {"ether", "aromatic ether", "ketone", "phenol", "carboxylic acid"},
    "CC(=O)N": {"primary amino group", "ketone", "urea derivative"},
    "NC(=O)N": {"carboxamide", "amidine", "guanidine derivative"},
    "COC(=O)N": {"carboxylic ester", "ether", "carboxamide"},
    "c1ccncc1": {"tertiary amino group", "aromatic amine"},
    "C[N+](=O)[O-]": {"N-oxide", "ammonium group", "tertiary amino group"},
    "CS(=O)(=O)N": {"primary amino group", "sulfone", "sulfoxide"},
    "Oc1ccccc1": {"enol", "alcoholic hydroxy group", "ether"},
    "O=C1CCCO1": {"carboxylic ester", "ether", "cyclic ketone"},
    "COCOC": {"ether"},
}

# The prompts of the text-based editing protocol, and of retrieval by drug class.
PROPERTIES = [
    "is soluble in water", "is insoluble in water", "is like a drug", "is not like a drug", "has high permeability",
    "has low permeability", "has more hydrogen bond acceptors", "has more hydrogen bond donors",
    "has high bioavailability", "has low toxicity", "is metabolically stable", "has amino groups", "contains benzene",
    "is chloride", "contains hydroxyl groups", "has carboxyl groups", "has higher molecular weight",
    "has lower molecular weight", "looks like Penicillin", "is for antibacterials",
]  # fmt: skip
PROMPTS = [f"This molecule {one}" for one in PROPERTIES]
PROMPTS += [f"This molecule {one} and {other}" for one in PROPERTIES[:4] for other in PROPERTIES[4:8]]


@pytest.fixture(scope="module")
def smiles() -> list[str]:
    """Some hundred molecules of every kind: salts, metals, peptides, dyes."""
    with _table_path().open(encoding="utf-8") as lines:
        column = [line.split("\t", SMILES + 1)[SMILES] for number, line in enumerate(lines) if number % 300 == 0]
    return [one for one in column if Chem.MolFromSmiles(one) is not None] + ["C/C=C/C=C\\C[C@H](N)C", "*CC", "[H][H]"]


@pytest.fixture(scope="module")
def texts(smiles) -> dict[str, list[str]]:
    return {
        one: write_captions(one, 2, seed=5) + write_captions(one, 2, seed=5, topics=captions.PROPERTY_TOPICS)
        for one in smiles
    }


def words_of(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9'-]+", text.lower().replace("hydrogen-bond", "hydrogen bond")))


def test_no_caption_uses_the_wording_of_an_evaluation(texts):
    windows = set()
    for prompt in PROMPTS:
        words = words_of(prompt).split()
        windows |= {" ".join(words[start : start + 5]) for start in range(max(1, len(words) - 4))}
    assert "molecule is soluble in water" in windows and len(texts) > 200
    for caption in (caption for several in texts.values() for caption in several):
        padded = f" {words_of(caption)} "
        assert not [window for window in windows if f" {window} " in padded], caption
        assert "this molecule" not in padded


NUMBER = rf"an?|{'|'.join(captions.NUMBERS)}|\d+"


def number(word: str) -> int:
    if word in ("a", "an"):
        return 1
    return captions.NUMBERS.index(word) if word in captions.NUMBERS else int(word)


def between(function, low, high=float("inf")):
    return lambda molecule, match: low <= function(molecule) < high


def counted(function):
    return lambda molecule, match: function(molecule) == number(match[1])


def is_rings(molecule, match):
    rings, aromatic = rdMolDescriptors.CalcNumRings(molecule), rdMolDescriptors.CalcNumAromaticRings(molecule)
    words = {"none": 0, "which is aromatic": 1, "which is not": 0, "": aromatic}
    said = words[match[2]] if match[2] in words else number(match[2])
    return number(match[1]) == rings and said == aromatic


def is_centres(molecule, match):
    labels = [label for _, label in Chem.FindMolChiralCenters(molecule, includeUnassigned=True)]
    if match[2] or match[4]:
        return labels == [match[2] or "?"]
    words = {"all": len(labels), "none": 0, None: 0}
    specified = words[match[3]] if match[3] in words else number(match[3])
    return number(match[1]) == len(labels) and specified == sum(label != "?" for label in labels)


def charge_signs(molecule):
    return {atom.GetFormalCharge() > 0 for atom in molecule.GetAtoms() if atom.GetFormalCharge()}


donors, acceptors, rotatable = Lipinski.NumHDonors, Lipinski.NumHAcceptors, rdMolDescriptors.CalcNumRotatableBonds
charge, weight, logp, surface, qed = (
    Chem.GetFormalCharge, Descriptors.MolWt, Crippen.MolLogP, Descriptors.TPSA, QED.qed,
)  # fmt: skip
# Statement -> whether it holds. Longer ones first, so that none is read as a part of another.
STATEMENTS = [
    (r"has (?:the|molecular) formula (\S+?)(?=\.? |\.?$)", lambda m, x: rdMolDescriptors.CalcMolFormula(m) == x[1]),
    (r"(?:has a molecular weight of|weighs) about (\d+)(?: g/mol)?", lambda m, x: abs(weight(m) - int(x[1])) <= 0.5),
    (r"is a small molecule|has a low molecular weight", between(weight, 0, 200)),
    (r"is of medium size|has a medium molecular weight", between(weight, 200, 500)),
    (r"is a large molecule|is heavy for a small organic compound", between(weight, 500, 1000)),
    (r"is a very large molecule|is a giant among organic compounds", between(weight, 1000)),
    (r"(?:carries a net|is an? (?:cation|anion) of) charge (?:of )?([+-]\d+)", lambda m, x: charge(m) == int(x[1])),
    (r"is a zwitterion|has opposite charges that balance", lambda m, x: not charge(m) and len(charge_signs(m)) == 2),
    (r"has no net charge|is neutral overall", lambda m, x: charge(m) == 0),
    (rf"consists of ({NUMBER}) separate components", counted(lambda m: len(Chem.GetMolFrags(m)))),
    (r"has no rings|is acyclic", lambda m, x: not m.GetRingInfo().NumRings()),
    (rf"has ({NUMBER}) rings?, (?:(none|which is aromatic|which is not|{NUMBER})(?: of them)?(?: aromatic)?),?",
     is_rings),
    (rf"contains ({NUMBER}) rings? in all()", is_rings),
    (r"is a macrocycle", lambda m, x: max(map(len, m.GetRingInfo().AtomRings())) >= 12),
    (rf"has a ring of ({NUMBER}) atoms", counted(lambda m: max(map(len, m.GetRingInfo().AtomRings())))),
    (rf"has a chain of ({NUMBER}) carbon atoms outside rings",
     lambda m, x: m.HasSubstructMatch(Chem.MolFromSmarts("~;!@".join(["[#6;!R]"] * number(x[1]))))
     and not m.HasSubstructMatch(Chem.MolFromSmarts("~;!@".join(["[#6;!R]"] * (number(x[1]) + 1))))),
    (r"is fairly rigid|has few rotatable bonds", between(rotatable, 1, 4)),
    (r"is rigid|has no rotatable bond", between(rotatable, 0, 1)),
    (r"is moderately flexible|has several rotatable bonds", between(rotatable, 4, 8)),
    (r"is very flexible|has many rotatable bonds", between(rotatable, 8)),
    (rf"has ({NUMBER}) stereocentres?(?: with ([RSrs]) configuration|, (all|none|{NUMBER}) of them specified,?"
     r"|( of unspecified configuration))?", is_centres),
    (rf"(?:has|offers) ({NUMBER}) (?:hydrogen-bond donors?|donors? for hydrogen bonds)", counted(donors)),
    (r"donates no hydrogen bond|(?:offers|has) fewer donors (?:for hydrogen bonds )?than most molecules",
     between(donors, 0, 1)),
    (r"is poor in hydrogen-bond donors", between(donors, 1, 3)),
    (r"is rich in hydrogen-bond donors|(?:offers|has) more donors (?:for hydrogen bonds )?than most molecules",
     between(donors, 3)),
    (rf"(?:has|offers) ({NUMBER}) (?:hydrogen-bond acceptors?|acceptors? for hydrogen bonds)", counted(acceptors)),
    (r"is poor in hydrogen-bond acceptors|(?:offers|has) fewer acceptors (?:for hydrogen bonds )?than most molecules",
     between(acceptors, 0, 3)),
    (r"has several acceptors for hydrogen bonds", between(acceptors, 3, 6)),
    (r"is rich in hydrogen-bond acceptors|offers more acceptors for hydrogen bonds than most molecules"
     r"|has more acceptors than most molecules",
     between(acceptors, 6)),
    (r"has a calculated logP of about (-?\d+\.\d)", lambda m, x: abs(logp(m) - float(x[1])) <= 0.05001),
    (r"is hydrophilic|prefers water to fat|favours the aqueous phase", between(logp, -99, 0)),
    (r"is slightly lipophilic|leans a little towards fat", between(logp, 0, 1.5)),
    (r"is moderately lipophilic|leans clearly towards fat", between(logp, 1.5, 3)),
    (r"is very lipophilic|is strongly hydrophobic|strongly prefers fat to water", between(logp, 5)),
    (r"is lipophilic|prefers fat to water|favours the oily phase", between(logp, 3, 5)),
    (r"permeates membranes easily|shows good passive permeability|has a high membrane permeability"
     r"|is of high permeability",
     lambda m, x: surface(m) < 70 and weight(m) < 500),
    (r"has a very small polar surface area|exposes hardly any polar surface|is hardly polar",
     between(surface, 0, 40)),
    (r"has a small polar surface area|exposes little polar surface", between(surface, 40, 70)),
    (r"has a medium polar surface area|exposes a moderate polar surface", between(surface, 70, 100)),
    (r"has a large polar surface area|exposes much polar surface|permeates membranes badly"
     r"|shows poor passive permeability|has a low membrane permeability|is rather polar",
     between(surface, 100, 140)),
    (r"has a very large polar surface area|hardly crosses membranes|is of very low permeability|is highly polar",
     between(surface, 140)),
    (r"would make a poor drug|has an unfavourable drug-likeness score|is not drug-like at all|looks unlike a drug",
     between(qed, 0, 0.3)),
    (r"differs from oral drugs in much|has a poor drug-likeness score|is not quite drug-like|looks little like a drug",
     between(qed, 0.3, 0.5)),
    (r"has a middling drug-likeness score|resembles oral drugs in part", between(qed, 0.5, 0.7)),
    (r"is drug-like|resembles typical oral drugs|has a favourable drug-likeness score", between(qed, 0.7, 0.85)),
    (r"is very drug-like|is much like known drugs|has a high drug-likeness score|looks like a drug",
     between(qed, 0.85)),
    (r"dissolves readily in water|is well water-soluble|is freely soluble in aqueous media",
     lambda m, x: logp(m) < 3 and captions.estimate_solubility(m) >= -2),
    (r"is somewhat soluble in aqueous media",
     lambda m, x: logp(m) < 3 and -4 < captions.estimate_solubility(m) < -2),
    (r"is sparingly soluble in aqueous media",
     lambda m, x: logp(m) > 3 and -5 <= captions.estimate_solubility(m) < -4),
    (r"hardly dissolves in water|is poorly water-soluble|is practically insoluble in aqueous media",
     lambda m, x: logp(m) > 3 and captions.estimate_solubility(m) < -5),
]  # fmt: skip


def count_nouns(molecule) -> dict[str, int]:
    """Count by noun: terms are checked by hand in `EXAMPLES`, atoms and ions here."""
    counts = {}
    for term, amount in terms.count_terms(molecule).items():
        counts |= {name: amount for name in (term.group, term.kind) if name}
    for name, amount in terms.count_ring_systems(molecule).items():
        counts[f"{name} skeleton" if name == "steroid" else f"{name} ring"] = amount
    for atom in molecule.GetAtoms():
        name = f"{Chem.GetPeriodicTable().GetElementName(atom.GetAtomicNum()).lower()} atom"
        counts[name] = counts.get(name, 0) + 1
    parts = Chem.MolToSmiles(molecule).split(".")
    counts |= {name: parts.count(part) for part, name in captions.COMPONENTS.items() if part in parts}
    stereo = [str(bond.GetStereo()) for bond in molecule.GetBonds()]
    return counts | {f"{one}-configured double bond": stereo.count(f"STEREO{one}") for one in "EZ"}


POLYCYCLIC = re.compile(r"(?:an organic (hetero)|a carbo)(bi|tri|tetra|penta|hexa)cyclic compound")
ALLOWED = set(
    "the molecule compound it and is can be classified as counts contains carries has bears features".split()
)
ALLOWED |= set("includes in its skeleton formula separate components beside other parts".split())


def check(molecule: Chem.Mol, counts: dict[str, int], caption: str) -> None:
    """Verify and remove every statement; nothing but connecting words may be left."""
    rest = caption
    for pattern, holds in STATEMENTS:
        for match in re.finditer(pattern, rest):
            assert holds(molecule, match), f"{match[0]!r} does not hold for {Chem.MolToSmiles(molecule)}"
        rest = re.sub(pattern, "", rest)
    rings = [set(ring) for ring in molecule.GetRingInfo().AtomRings()]
    for match in POLYCYCLIC.finditer(rest):
        amount = {"bi": 2, "tri": 3, "tetra": 4, "penta": 5, "hexa": 6}[match[2]]
        systems = [s for s in terms.find_ring_systems(molecule) if sum(ring <= s for ring in rings) == amount]
        assert any(
            (match[1] is not None) == any(molecule.GetAtomWithIdx(a).GetAtomicNum() != 6 for a in s) for s in systems
        )
    rest = POLYCYCLIC.sub("", rest)
    kinds = {term.kind for term in terms.TERMS}
    for noun in sorted(counts, key=len, reverse=True):
        pattern = rf"\b({NUMBER}) {re.escape(noun)}s?(?![\w-])"
        for match in re.finditer(pattern, rest):
            assert counts[noun] == number(match[1]) or (noun in kinds and counts[noun]), (
                f"{match[0]} of {counts[noun]}"
            )
        rest = re.sub(pattern, "", rest)
    left = set(re.findall(r"[^\s.,]+", rest.lower())) - ALLOWED
    assert not left, f"nobody checked {left} in {caption!r}"


def test_every_statement_holds(texts):
    seen = " ".join(caption for several in texts.values() for caption in several)
    for one, several in texts.items():
        molecule = Chem.MolFromSmiles(one)
        counts = count_nouns(molecule)
        for caption in several:
            check(molecule, counts, caption)
    said = [pattern for pattern, _ in STATEMENTS if re.search(pattern, seen)]
    assert len(said) > 0.8 * len(STATEMENTS)  # the molecules are various enough to try nearly all


@pytest.mark.parametrize("term", terms.TERMS, ids=lambda term: term.group or term.kind)
def test_structural_terms_are_counted_as_by_hand(term):
    smiles, amount = EXAMPLES[term.group or term.kind]
    found = terms.count_terms(Chem.MolFromSmiles(smiles)).get(term, 0)
    assert found == amount if term.group else found


@pytest.mark.parametrize("smiles", LOOKALIKES)
def test_lookalikes_are_told_apart(smiles):
    found = {name for term in terms.count_terms(Chem.MolFromSmiles(smiles)) for name in (term.group, term.kind)}
    assert not found & LOOKALIKES[smiles]


def test_counts_agree_with_the_fragment_counts_of_rdkit(smiles):
    pairs = {
        "aldehyde group": Fragments.fr_aldehyde, "thiol group": Fragments.fr_SH, "epoxide ring": Fragments.fr_epoxide,
        "isothiocyanate group": Fragments.fr_isothiocyan, "azido group": Fragments.fr_azide,
    }  # fmt: skip
    for one in smiles:
        molecule = Chem.MolFromSmiles(one)
        counts = {term.group: amount for term, amount in terms.count_terms(molecule).items()}
        for name, count in pairs.items():
            assert counts.get(name, 0) == count(molecule), (one, name)


@pytest.mark.parametrize("name", terms.RING_SYSTEMS)
def test_ring_systems_know_themselves(name):
    assert terms.count_ring_systems(Chem.MolFromSmiles(terms.RING_SYSTEMS[name])) == {name: 1}


@pytest.mark.parametrize(
    ("smiles", "names"),
    [
        ("CN1C=NC2=C1C(=O)N(C(=O)N2C)C", {"xanthine": 1}),  # caffeine, Kekulé form
        ("CC(C)CCCC(C)C1CCC2C1(CCC3C2CC=C4C3(CCC(C4)O)C)C", {"steroid": 1}),  # cholesterol
        ("CC12CCC3C(C1CCC2O)CCC4=C3C=CC(=C4)O", {"steroid": 1}),  # estradiol: its ring A is aromatic
        ("Cn1ccc2ccccc21", {"indole": 1}),
        ("O=c1cc[nH]c2ccccc12", {}),  # a quinolone is no quinoline
        ("c1ccccc1-c1ccccc1", {"benzene": 2}),
        ("C1CCC2(CC1)CCCC2", {}),  # spiro
    ],
)
def test_ring_systems_are_found_in_molecules(smiles, names):
    assert terms.count_ring_systems(Chem.MolFromSmiles(smiles)) == names


def test_captions_depend_on_molecule_and_seed_alone(smiles):
    assert describe_molecule("OCC", 3) == describe_molecule("C(O)C", 3)
    assert len({describe_molecule("CC(=O)Oc1ccccc1C(=O)O", seed) for seed in range(50)}) > 45
    assert write_captions("CCO", 4, 1) == write_captions("CCO", 4, 1) != write_captions("CCO", 4, 2)
    assert describe_molecule(smiles[0]) == write_captions(smiles[0], 3)[0]


def test_hydrogen_bonding_agrees_with_hyphen_or_without():
    facts = {fact.topic: fact for fact in captions.list_facts(Chem.MolFromSmiles("NCC(=O)O"))}
    assert "has two hydrogen-bond donors" in facts["donors"].predicates
    assert set(facts) >= {"kinds", "groups", "formula", "weight", "charge", "logp", "solubility", "drug-likeness"}


def test_nothing_is_said_about_properties_of_salts_and_metals():
    for smiles in ("[Na+].[Cl-]", "[Fe+2]", "CC(=O)[O-].[Na+]", "C[Hg]C"):
        topics = {fact.topic for fact in captions.list_facts(Chem.MolFromSmiles(smiles))}
        assert not topics & {"logp", "solubility", "drug-likeness", "polar surface"}


def test_a_bad_smiles_is_named():
    with pytest.raises(ValueError, match="cannot parse the SMILES 'C1CC'"):
        describe_molecule("C1CC")


def test_the_example_writes_marked_captions_that_can_be_loaded(tmp_path, monkeypatch, capsys):
    (tmp_path / "molecules.csv").write_text("smiles\nCCO\nC1CC\nc1ccccc1\n", encoding="utf-8")
    script = Path(__file__).resolve().parents[2] / "examples" / "write_descriptor_captions.py"
    output = tmp_path / "captions.jsonl.gz"
    spec = importlib.util.spec_from_file_location(script.stem, script)
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, script.stem, example)  # its worker processes look it up by name
    spec.loader.exec_module(example)
    assert example.main([str(tmp_path / "molecules.csv"), str(output), "--captions_per_molecule", "2"]) == 0
    assert "Described 2 of 3 molecules" in capsys.readouterr().out
    rows = datasets.load_dataset("json", data_files=str(output), split="train", cache_dir=str(tmp_path))
    assert rows["text"][:] == [*write_captions("CCO", 2), *write_captions("c1ccccc1", 2)]
    assert set(rows["source"]) == {"generated"}
