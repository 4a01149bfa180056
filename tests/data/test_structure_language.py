"""What queries say about structure: published wordings, further ones, and sentences that say nothing of the kind."""

import numpy as np
import pytest
from rdkit import Chem

from modeling_finemoltex.data import understand
from modeling_finemoltex.data.structural_facts import count_fact, structural_facts

PUBLISHED = [  # wording, what is understood, the words that say it
    ('a benzimidazole', 'benzimidazole', ('benzimidazole',)),
    ('The molecule contains a benzimidazole ring system.', 'benzimidazole', ('benzimidazole ring system',)),
    ('a benzofuran', 'benzofuran', ('benzofuran',)),
    ('The molecule has a benzofuran core.', 'benzofuran', ('benzofuran core',)),
    ('a pyrrolidine', 'pyrrolidine', ('pyrrolidine',)),
    ('The molecule contains a pyrrolidine ring.', 'pyrrolidine', ('pyrrolidine ring',)),
    ('a tetrahydrofuran', 'tetrahydrofuran', ('tetrahydrofuran',)),
    ('The molecule contains an oxolane ring.', 'tetrahydrofuran', ('oxolane ring',)),
    ('an imidazole', 'imidazole', ('imidazole',)),
    ('The molecule has an imidazole ring.', 'imidazole', ('imidazole ring',)),
    ('a 1,2,4-triazole', '1,2,4-triazole', ('1,2,4-triazole',)),
    ('The molecule contains a 1,2,4-triazole.', '1,2,4-triazole', ('1,2,4-triazole',)),
    ('a benzothiazole', 'benzothiazole', ('benzothiazole',)),
    ('The molecule is a benzothiazole.', 'benzothiazole', ('benzothiazole',)),
    ('a pyrazine', 'pyrazine', ('pyrazine',)),
    ('The molecule contains a pyrazine ring.', 'pyrazine', ('pyrazine ring',)),
    ('a coumarin', 'coumarin', ('coumarin',)),
    ('The molecule is a coumarin.', 'coumarin', ('coumarin',)),
    ('a flavone', 'flavone', ('flavone',)),
    ('The molecule has a flavone skeleton.', 'flavone', ('flavone',)),
    ('a primary amine', 'primary amine', ('primary amine',)),
    ('The molecule has a primary aliphatic amino group.', 'primary amine', ('primary aliphatic amino group',)),
    ('a methyl ester', 'methyl ester', ('methyl ester',)),
    ('The molecule is a methyl ester.', 'methyl ester', ('methyl ester',)),
    ('an organofluorine compound', 'fluorine', ('organofluorine compound',)),
    ('The molecule contains fluorine.', 'fluorine', ('fluorine',)),
    ('a ketone', 'ketone', ('ketone',)),
    ('The molecule has a keto group.', 'ketone', ('keto group',)),
    ('a hydroxamic acid', 'hydroxamic acid', ('hydroxamic acid',)),
    ('The molecule is a hydroxamic acid.', 'hydroxamic acid', ('hydroxamic acid',)),
    ('an oxime', 'oxime', ('oxime',)),
    ('The molecule contains an oxime.', 'oxime', ('oxime',)),
    ('a sulfoxide', 'sulfoxide', ('sulfoxide',)),
    ('The molecule contains a sulfinyl group.', 'sulfoxide', ('sulfinyl group',)),
    ('a disulfide', 'disulfide', ('disulfide',)),
    ('The molecule has a disulfide bridge.', 'disulfide', ('disulfide bridge',)),
    ('a boronic acid', 'boronic acid', ('boronic acid',)),
    ('The molecule is a boronic acid.', 'boronic acid', ('boronic acid',)),
    ('a catechol', 'catechol', ('catechol',)),
    ('The molecule contains a catechol.', 'catechol', ('catechol',)),
    ('an acetal', 'acetal', ('acetal',)),
    ('The molecule contains an acetal.', 'acetal', ('acetal',)),
    ('a lactam', 'lactam', ('lactam',)),
    ('The molecule is a lactam.', 'lactam', ('lactam',)),
    ('a cyclohexane ring', 'cyclohexane', ('cyclohexane ring',)),
    ('The molecule has a cyclohexane ring.', 'cyclohexane', ('cyclohexane ring',)),
    ('an azide', 'azide', ('azide',)),
    ('The molecule contains an azido group.', 'azide', ('azido group',)),
    ('an isopropyl group', 'isopropyl', ('isopropyl group',)),
    ('The molecule carries an isopropyl group.', 'isopropyl', ('isopropyl group',)),
    ('a sulfonic acid', 'sulfonic acid', ('sulfonic acid',)),
    ('The molecule is a sulfonic acid.', 'sulfonic acid', ('sulfonic acid',)),
    ('a benzimidazole with fluorine', 'benzimidazole · fluorine', ('benzimidazole', 'fluorine')),
    ('The molecule contains a benzimidazole and a fluorine atom.', 'benzimidazole · fluorine', ('benzimidazole', 'fluorine atom')),
    ('a pyrrolidine amide', 'pyrrolidine · amide', ('pyrrolidine', 'amide')),
    ('The molecule contains a pyrrolidine and an amide.', 'pyrrolidine · amide', ('pyrrolidine', 'amide')),
    ('a benzothiazole with an ether', 'benzothiazole · ether', ('benzothiazole', 'ether')),
    ('The molecule contains a benzothiazole and an ether.', 'benzothiazole · ether', ('benzothiazole', 'ether')),
    ('a triazole and a thioether', 'triazole · thioether', ('triazole', 'thioether')),
    ('The molecule contains a triazole ring and a sulfide.', 'triazole · thioether', ('triazole ring', 'sulfide')),
    ('a ketone with an aryl fluoride', 'ketone · aryl fluoride', ('ketone', 'aryl fluoride')),
    ('The molecule has a keto group and fluorine on an aromatic ring.', 'ketone · aryl fluoride', ('keto group', 'fluorine on an aromatic ring')),
    ('a methyl ester with an amide', 'methyl ester · amide', ('methyl ester', 'amide')),
    ('The molecule is a methyl ester and contains an amide.', 'methyl ester · amide', ('methyl ester', 'amide')),
    ('a tetrahydrofuran with an aromatic ring', 'tetrahydrofuran · aromatic ring', ('tetrahydrofuran', 'aromatic ring')),
    ('The molecule contains an oxolane ring and a benzene ring.', 'tetrahydrofuran · benzene', ('oxolane ring', 'benzene ring')),
    ('a cyclohexane with a hydroxy group', 'cyclohexane · alcoholic or phenolic hydroxy', ('cyclohexane', 'hydroxy group')),
    ('The molecule contains a cyclohexane ring and a hydroxy group.', 'cyclohexane · alcoholic or phenolic hydroxy', ('cyclohexane ring', 'hydroxy group')),
    ('a bromophenyl amide', 'bromobenzene · amide', ('bromophenyl amide',)),
    ('The molecule contains an amide and a bromobenzene.', 'amide · bromobenzene', ('amide', 'bromobenzene')),
    ('an imidazole with a carboxylic acid', 'imidazole · carboxylic acid', ('imidazole', 'carboxylic acid')),
    ('The molecule contains an imidazole ring and a carboxylic acid.', 'imidazole · carboxylic acid', ('imidazole ring', 'carboxylic acid')),
    ('a primary amine with a carboxylic acid', 'primary amine · carboxylic acid', ('primary amine', 'carboxylic acid')),
    ('The molecule has a primary amino group and a carboxylic acid.', 'primary amine · carboxylic acid', ('primary amino group', 'carboxylic acid')),
    ('a lactam and a nitro group', 'lactam · nitro', ('lactam', 'nitro group')),
    ('The molecule contains a lactam and a nitro group.', 'lactam · nitro', ('lactam', 'nitro group')),
    ('an ester without nitrogen', 'ester · not nitrogen', ('ester', 'nitrogen')),
    ('The molecule contains an ester and no nitrogen.', 'ester · not nitrogen', ('ester', 'nitrogen')),
    ('a fluorinated compound without amides', 'fluorine · not amide', ('fluorinated', 'amides')),
    ('The molecule contains fluorine but no amide.', 'fluorine · not amide', ('fluorine', 'amide')),
    ('an alcohol without aromatic rings', 'alcohol · not aromatic ring', ('alcohol', 'aromatic rings')),
    ('The molecule has a hydroxy group and no aromatic ring.', 'alcoholic or phenolic hydroxy · not aromatic ring', ('hydroxy group', 'aromatic ring')),
    ('a ketone without nitrogen', 'ketone · not nitrogen', ('ketone', 'nitrogen')),
    ('The molecule has a keto group and contains no nitrogen.', 'ketone · not nitrogen', ('keto group', 'nitrogen')),
    ('a thioether without oxygen', 'thioether · not oxygen', ('thioether', 'oxygen')),
    ('The molecule contains a sulfide and no oxygen.', 'thioether · not oxygen', ('sulfide', 'oxygen')),
    ('two hydroxy groups', '2 × alcoholic or phenolic hydroxy', ('hydroxy groups',)),
    ('The molecule has exactly two alcoholic hydroxy groups.', '2 × alcohol', ('alcoholic hydroxy groups',)),
    ('two amide groups', '2 × amide', ('amide groups',)),
    ('The molecule contains exactly two amide groups.', '2 × amide', ('amide groups',)),
    ('three fluorine atoms', '3 × fluorine', ('fluorine atoms',)),
    ('The molecule contains exactly three fluorine atoms.', '3 × fluorine', ('fluorine atoms',)),
    ('two bromine atoms', '2 × bromine', ('bromine atoms',)),
    ('The molecule contains exactly two bromine atoms.', '2 × bromine', ('bromine atoms',)),
    ('two benzene rings', '2 × benzene', ('benzene rings',)),
    ('The molecule contains two benzene rings.', '2 × benzene', ('benzene rings',)),
]  # fmt: skip

FURTHER = [
    ('a guanidine', 'guanidine', ('guanidine',)),
    ('The compound carries a primary carboxamide.', 'primary amide', ('primary carboxamide',)),
    ('an epoxide without halogens', 'epoxide · not halogen', ('epoxide', 'halogens')),
    ('a tetrazole and a biphenyl', 'tetrazole · biphenyl', ('tetrazole', 'biphenyl')),
    ('a sulfonylurea with an aryl chloride', 'sulfonylurea · aryl chloride', ('sulfonylurea', 'aryl chloride')),
    ('two nitro groups', '2 × nitro', ('nitro groups',)),
    ('at least three ether linkages', '≥ 3 × ether', ('ether linkages',)),
    ('an indole bearing a tertiary amine', 'indole · tertiary amine', ('indole', 'tertiary amine')),
    ('a quinoline or an isoquinoline', 'quinoline or isoquinoline', ('quinoline', 'isoquinoline')),
    ('a phosphonic acid lacking aromatic rings', 'phosphonate · not aromatic ring', ('phosphonic acid', 'aromatic rings')),
    ('a brominated thiophene', 'bromothiophene', ('brominated thiophene',)),
    ('a 4-chlorophenyl ketone', 'chlorobenzene · ketone', ('chlorophenyl ketone',)),
    ('a bis(trifluoromethyl) compound', '2 × trifluoromethyl', ('bis(trifluoromethyl)',)),
    ('piperazine sulfonamide', 'piperazine · sulfonamide', ('piperazine', 'sulfonamide')),
    ('non-halogenated lactones', 'not halogen · lactone', ('non-halogenated', 'lactones')),
    ('a nitrogen-free phenol', 'not nitrogen · phenol', ('nitrogen', 'phenol')),
    ('it contains neither sulfur nor phosphorus', 'not sulfur · not phosphorus', ('sulfur', 'phosphorus')),
    ('more than two carboxylic acids', '≥ 3 × carboxylic acid', ('carboxylic acids',)),
    ('a steroid with no ketone', 'steroid · not ketone', ('steroid', 'ketone')),
    ('one or two methoxy groups', '1–2 × methyl ether', ('methoxy groups',)),
    ('a cyano group on a pyridine', 'cyanopyridine', ('cyano group on a pyridine',)),
    ('nitriles', 'nitrile', ('nitriles',)),
    ('aldehydes without a hydroxy group', 'aldehyde · not alcoholic or phenolic hydroxy', ('aldehydes', 'hydroxy group')),
    ('a γ-lactone', 'gamma-butyrolactone', ('γ-lactone',)),
    ('find me a purine with a sugar', 'purine · sugar', ('purine', 'sugar')),
    ('a morpholine ring attached to a pyrimidine', 'morpholine · pyrimidine', ('morpholine ring', 'pyrimidine')),
    ('dihydroxybenzoic acid', '≥ 2 × alcoholic or phenolic hydroxy · benzoic acid', ('dihydroxybenzoic acid',)),
    ('tert-butyl ester and free carboxylic acid', 'tert-butyl ester · carboxylic acid', ('tert-butyl ester', 'carboxylic acid')),
    ('an alkyne but no alkene', 'alkyne · not alkene', ('alkyne', 'alkene')),
    ('a dimethylamino substituent', 'dimethylamine', ('dimethylamino substituent',)),
    ('molecules containing silicon', 'silicon', ('silicon',)),
    ('a diazo compound', 'diazo', ('diazo compound',)),
    ('exactly one chlorine atom', '1 × chlorine', ('chlorine atom',)),
    ('fewer than three hydroxyl groups', '≤ 2 × alcoholic or phenolic hydroxy', ('hydroxyl groups',)),
    ('a hydrazone derivative', 'hydrazone', ('hydrazone',)),
    ('a thiazole-containing kinase inhibitor', 'thiazole', ('thiazole',)),
    ('a naphthalene sulfonamide', 'naphthalene · sulfonamide', ('naphthalene', 'sulfonamide')),
    ('compounds free of oxygen', 'not oxygen', ('oxygen',)),
    ('quaternary ammonium salts', 'quaternary ammonium', ('quaternary ammonium salts',)),
    ('a phenylpiperazine', 'benzene · piperazine', ('phenylpiperazine',)),
    ('a spirocyclic lactam', 'spiro centre · lactam', ('spirocyclic', 'lactam')),
    ('an iodinated benzene ring', 'iodobenzene', ('iodinated benzene ring',)),
    ('methylated xanthines', 'methyl · xanthine', ('methylated', 'xanthines')),
    ('three aromatic rings', '3 × aromatic ring', ('aromatic rings',)),
    ('an oxazolidinone with an acetamide', 'oxazolidin-2-one · acetamide', ('oxazolidinone', 'acetamide')),
    ('a boronate ester', 'boronic ester', ('boronate ester',)),
    ('a coumarin that has no hydroxyl', 'coumarin · not alcoholic or phenolic hydroxy', ('coumarin', 'hydroxyl')),
    ('a disulfide-bridged peptide', 'disulfide · peptide', ('disulfide', 'peptide')),
    ('urea or thiourea', 'urea or thiourea', ('urea', 'thiourea')),
    ('an N-oxide of pyridine', 'N-oxide · pyridine', ('N-oxide', 'pyridine')),
    ('two six-membered aromatic rings', '2 × six-membered aromatic ring', ('six-membered aromatic rings',)),
    ('dichloro compound without fluorine', '2 × chlorine · not fluorine', ('dichloro', 'fluorine')),
    ('a pyrazole substituted with a trifluoromethyl group', 'pyrazole · trifluoromethyl', ('pyrazole', 'trifluoromethyl group')),
    ('an imine, an oxime or a hydrazone', 'imine or oxime or hydrazone', ('imine', 'oxime', 'hydrazone')),
    ('a carbamate rather than an amide', 'carbamate · not amide', ('carbamate', 'amide')),
    ('piperidine-4-carboxamide', 'piperidine · amide', ('piperidine', 'carboxamide')),
    ('both an ester and an amide', 'ester · amide', ('ester', 'amide')),
    ('no rings', 'not ring', ('rings',)),
    ('a molecule with a thiol; no disulfide', 'thiol · not disulfide', ('thiol', 'disulfide')),
    ('a bis(4-chlorophenyl) sulfone', '2 × chlorobenzene · sulfone', ('bis(4-chlorophenyl', 'sulfone')),
    ('ammonium salts', 'ammonium', ('ammonium salts',)),
    ('lipid with an N-acylated amine', 'amine', ('amine',)),
    ('the molecule is a member of the class of pyridines', 'pyridine', ('pyridines',)),
    ('carries a sulfonic acid and is not aromatic', 'sulfonic acid · not aromatic ring', ('sulfonic acid', 'aromatic')),
    ('ester/amide', 'ester or amide', ('ester', 'amide')),
    ('1,3-thiazole; 2-aminothiazole', 'thiazole · aminothiazole', ('1,3-thiazole', 'aminothiazole')),
    ('a fluoroquinolone antibiotic', 'fluorine · quinolin-4-one', ('fluoroquinolone',)),
    ("an amine that isn't aromatic", 'amine · not aromatic ring', ('amine', 'aromatic')),
    ('a ring', 'ring', ('ring',)),
    ('w/o halogens', 'not halogen', ('halogens',)),
    ('2,4-dichlorophenol', '≥ 2 × chlorine · phenol', ('dichlorophenol',)),
    ('has a CF3 group', 'trifluoromethyl', ('CF3 group',)),
    ('an α,β-unsaturated ketone', 'enone', ('α,β-unsaturated ketone',)),
    ('thiols and/or disulfides', 'thiol · disulfide', ('thiols', 'disulfides')),
]  # fmt: skip

NOT_STRUCTURE = [
    "pyridine-free route",
    "used as a fluorine source",
    "inhibits amine oxidase",
    "a ketone reductase",
    "a metabolite of benzene",
    "role as an alcohol sensor",
    "ether-soluble",
    "amide hydrolase inhibitor",
    "acts as an ester prodrug of penicillin",
    "soluble in alcohol and ether",
    "degrades lactams",
    "is used to make amides",
    "a benzodiazepine receptor ligand",
    "alcohol dehydrogenase",
    "treated with amines",
    "reacts with alcohols",
    "lowers blood sugar",
    "obtained by condensation of the carboxy group of alanine with the amino group of glycine",
    "conjugate base of a carboxylic acid",
    "a benzene-like odour",
    "reactive oxygen species",
    "converts ketones into amines",
]
# Text, a molecule as it says, and one that is not.
MOLECULES = [
    ("an ester without nitrogen or sulfur", "CC(=O)OC", "CC(=O)OCCN"),
    ("a chlorinated pyridine", "Clc1ccncc1", "ClCc1ccncc1"),
    ("a fluorine on an aromatic ring", "Fc1ccccc1", "FCc1ccccc1"),
    ("exactly two ketones", "CC(=O)CC(=O)C", "CC(=O)C"),
    ("two to three bromine atoms", "BrCC(Br)CBr", "BrC(Br)C(Br)Br"),
    ("at most one nitro group", "C[N+](=O)[O-]", "O=[N+]([O-])CC[N+](=O)[O-]"),
    ("a furan, a pyrrole or a thiophene", "c1ccsc1", "c1ccccc1"),
    ("two aromatic rings", "c1ccc(cc1)Cc1ccncc1", "c1ccccc1"),
    ("a dichlorophenyl amide", "O=C(C)Nc1ccc(Cl)c(Cl)c1", "O=C(C)Nc1ccc(Cl)cc1"),
    ("a diol", "OCCO", "OCCCC"),
    ("an acyclic ketone", "CCC(C)=O", "O=C1CCCCC1"),
    ("a hydroxy group", "Oc1ccccc1", "CC(=O)O"),
    ("an oxadiazole", "c1nnco1", "c1ncco1"),
    ("a triazole", "c1c[nH]nn1", "c1nnn[nH]1"),
    ("a thiadiazole", "c1ncsn1", "c1cscn1"),
    ("a triazine", "c1ncncn1", "c1ccncn1"),
]


def accepts(understood, smiles: str) -> bool:
    molecule = Chem.MolFromSmiles(smiles)
    return bool(understood.accepts(lambda fact: np.array([count_fact(molecule, fact)]))[0])


@pytest.mark.parametrize(("text", "meaning", "words"), [*PUBLISHED, *FURTHER])
def test_wordings_are_understood(text, meaning, words):
    understood = understand(text)
    assert str(understood) == meaning
    assert tuple(text[start:end] for start, end in understood.spans) == words


def test_the_tables_hold_both_wordings_of_every_published_query():
    assert len(PUBLISHED) == 96 and len(FURTHER) >= 60
    assert not {text for text, _, _ in PUBLISHED} & {text for text, _, _ in FURTHER}


@pytest.mark.parametrize("text", NOT_STRUCTURE)
def test_other_sentences_say_nothing_until_structure_is_asked_for(text):
    assert not understand(text) and understand(text).unrecognised
    assert understand(text, is_loose=True).conditions


@pytest.mark.parametrize(("text", "right", "wrong"), MOLECULES)
def test_molecules_are_told_apart(text, right, wrong):
    understood = understand(text)
    assert accepts(understood, right) and not accepts(understood, wrong)


def test_spans_point_into_the_original():
    text = "a <i>\u03b2</i>-lactam \u2014 no &alpha;-amino acid"
    understood = understand(text)
    assert str(understood) == "beta-lactam \u00b7 not amino acid"
    assert [text[start:end] for start, end in understood.spans] == ["\u03b2</i>-lactam", "&alpha;-amino acid"]


def test_words_that_say_something_else_are_listed():
    understood = understand("a bitter kinase inhibitor with a pyridine")
    assert str(understood) == "pyridine" and understood.unrecognised == ("bitter", "kinase", "inhibitor")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a ketone or a bitter taste", ""),
        ("a pyridine and a ketone or something sweet", "pyridine"),
        ("a kinase inhibitor or an amide, with a ring", "ring"),
        ("an amide or ester group", "amide or ester"),
        ("an ester that has an amide or is aromatic", "ester \u00b7 amide or aromatic ring"),
        ("no ketone or sweet taste", "not ketone"),
    ],
)
def test_what_may_be_something_else_is_no_condition(text, meaning):
    assert str(understand(text)) == meaning


def test_contradictions_are_named():
    understood = understand("a pyridine with two fluorine atoms and no ester or amide")
    counts = dict.fromkeys(understood.facts, 0)
    assert understood.contradictions(counts) == ("pyridine", "2 \u00d7 fluorine")
    names = [structural_facts()[fact].name for fact in understood.facts]
    full = dict(zip(understood.facts, [2 if name == "fluorine atom" else 1 for name in names], strict=True))
    assert understood.contradictions(full) == ("not ester", "not amide")


def test_what_is_not_wanted_is_turned_round():
    assert str(understand("a ketone or an ester").excluded()) == "not ketone \u00b7 not ester"
    assert not understand("a ketone with fluorine").excluded() and not understand("no ketone").excluded()
    assert str(understand("a ring") + understand("a ketone").excluded()) == "ring \u00b7 not ketone"


def test_a_text_without_structure_cannot_be_tested():
    with pytest.raises(ValueError, match="'a bitter taste' says nothing about structure"):
        understand("a bitter taste").accepts({})


@pytest.mark.parametrize(
    "text", ["", " ", ".", "-", "(((", "no", "two", "without", "1,2,", "or or or", "at least", "a" * 5000]
)
def test_odd_texts_are_no_error(text):
    assert not understand(text) and not understand(text, is_loose=True)
