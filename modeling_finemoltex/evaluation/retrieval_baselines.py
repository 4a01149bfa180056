"""Baselines of retrieval that learn no joint space, as encoders to be evaluated like a model.

- *Fragment words*: a molecule is the bag of names of its functional groups, rings and elements; a text the bag of the
  same words found in it. Needs no training.
- *Nearest text*: a molecule has the text of its most similar training molecule. What memory alone gives.
- *Ridge*: a text is the fingerprint that a linear model makes of its letters. The strongest of the three.

All use TF-IDF and need scikit-learn: `pip install "finemoltex[retrieval]"`.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from datasets.utils import tqdm
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

from ..data.identifiers import PROGRESS_FROM, try_parse

MISSING = 'The lexical baselines need scikit-learn: pip install "finemoltex[retrieval]"'
FINGERPRINT_RADIUS, FINGERPRINT_BITS = 2, 2048  # ECFP4, folded as usual
LETTERS = (2, 5)  # of the n-grams that the ridge reads
MOST_LETTERS = 60_000  # different n-grams, the commonest
MOST_RIDGE_PAIRS = 20_000  # whose kernel is solved: 1.6 GB
RIDGE = 0.3  # beside the 1 of a text with itself
LEAST_DEVIATION = 0.05  # of a count: rare ones are not blown up further
TINY = 1e-9
BLOCK = 1024  # texts compared with the training texts at once

# Words of chemical English -> SMARTS of what they name. Words count inside longer ones, since names are built of them:
# "dichlorophenyl" holds chloro and phenyl.
FRAGMENT_WORDS = {
    # functional groups
    "carboxylic acid|carboxy|oic acid": "[CX3](=O)[OX2H1]",
    "carboxylate|anion": "[CX3](=O)[O-]",
    "ester": "[CX3](=O)[OX2][#6]",
    "lactone|olide": "[CX3;R](=O)[OX2;R]",
    "amide|carboxamide": "[CX3](=O)[NX3]",
    "lactam": "[CX3;R](=O)[NX3;R]",
    "peptide|aminoacyl": "[NX3][CX4][CX3](=O)[NX3][CX4][CX3]=O",
    "amino acid": "[NX3,NX4+;!$(N-C=O)][CX4][CX3](=O)[O]",
    "urea|carbamoyl": "[NX3]C(=O)[NX3]",
    "carbamate": "[NX3]C(=O)[OX2]",
    "ketone|oxo|anone": "[#6][CX3](=O)[#6]",
    "aldehyde|formyl": "[CX3H1]=O",
    "alcohol|hydroxy": "[OX2H][CX4]",
    "phenol|hydroxy": "[OX2H]c",
    "diol": "[OX2H][CX4][CX4][OX2H]",
    "ether|oxy": "[OD2]([#6;!$(C=O)])[#6;!$(C=O)]",
    "methoxy": "[OX2][CH3]",
    "epoxide|epoxy": "C1OC1",
    "peroxide|peroxy": "[OX2][OX2]",
    "acetal|glycoside|glucoside|glycosyl": "[OX2][CX4;R]([OX2;R])",
    "amine|amino": "[NX3;!$(N-[C,S]=[O,S]);!$(N~[!#6;!#1])]",
    "ammonium|zwitterion|cation": "[NX4+]",
    "guanidine|guanidino": "NC(=N)N",
    "amidine": "[CX3](=N)[NX3]",
    "imine": "[CX3]=[NX2]",
    "oxime": "C=N[OX2]",
    "hydrazone|hydrazide|hydrazine": "[NX3][N]",
    "nitrile|cyano": "C#N",
    "nitro": "[N+](=O)[O-]",
    "azo": "N=N",
    "azide": "N=[N+]=[N-]",
    "thiol|sulfanyl|mercapto": "[SX2H]",
    "sulfide|thio|sulfanyl": "[SX2]([#6])[#6]",
    "disulfide": "[SX2][SX2]",
    "sulfoxide|sulfinyl": "[SX3]=O",
    "sulfone|sulfonyl": "[#6][SX4](=O)(=O)[#6]",
    "sulfonamide|sulfamoyl": "S(=O)(=O)N",
    "sulfate|sulfonic acid|sulfo": "S(=O)(=O)[O;!$(O[#6])]",
    "phosphate|phospho": "P(=O)([O])([O])[O]",
    "diphosphate": "P(=O)([O])OP(=O)[O]",
    "phosphonic|phosphonate": "[#6]P(=O)([O])[O]",
    "boronic": "[#5]([O])[O]",
    "silyl": "[Si]",
    "phosphocholine|phosphatidylcholine": "P(=O)([O-])OCC[N+](C)(C)C",
    "carnitine": "C[N+](C)(C)CC(O)CC(=O)",
    "coenzyme a|acyl-coa|coa": "SCCNC(=O)CCNC(=O)",
    "glycer": "[OX2]CC([OX2])C[OX2]",
    "alkene|olefin|enoic|unsaturated": "[CX3;!R]=[CX3;!R]",
    "alkyne|ynyl|yne": "C#C",
    "vinyl|ethenyl": "C=[CH2]",
    # carbon skeletons
    "fatty acid|fatty": "CCCCCCCC(=O)[O]",
    "long-chain|lipid|alkane": "[CH2][CH2][CH2][CH2][CH2][CH2][CH2][CH2]",
    "methyl": "[CH3]",
    "isopropyl|propan-2-yl": "[CH]([CH3])[CH3]",
    "tert-butyl": "C([CH3])([CH3])[CH3]",
    "trifluoromethyl": "C(F)(F)F",
    "prenyl": "CC(C)=CC",
    "terpen|isopren": "CC(C)=CCCC(C)=C",
    "acetyl|acetate": "[CH3]C=O",
    "steroid|sterol|androst|pregn|cholest": "C1CCC2C(C1)CCC1C2CCC2CCCC12",
    "terpenoid": "C1CCC2CCCCC2(C)C1",
    # rings
    "benzene|phenyl|arene|aromatic|benz": "c1ccccc1",
    "naphthal|naphthyl": "c1ccc2ccccc2c1",
    "biphenyl": "c1ccccc1-c1ccccc1",
    "anthra|anthraquinone": "c1ccc2cc3ccccc3cc2c1",
    "benzyl": "[CX4]c1ccccc1",
    "quinone": "O=C1C=CC(=O)C=C1",
    "pyridin|pyridyl": "c1ccncc1",
    "pyrimidin": "c1cncnc1",
    "pyrazin": "c1cnccn1",
    "triazin": "[#6]1~n~[#6]~n~[#6]~n1",
    "quinolin": "c1ccc2ncccc2c1",
    "isoquinolin": "c1ccc2cnccc2c1",
    "quinazolin": "c1ccc2ncncc2c1",
    "purin|adenin": "c1ncc2ncnc2n1",
    "xanthin": "O=c1[nH]c(=O)c2ncnc2[nH]1",
    "uracil|uridin": "O=c1ccnc(=O)n1",
    "pyrrol": "c1cc[nH0,nH]c1",
    "indol": "c1ccc2nccc2c1",
    "imidazol": "c1cncn1",
    "benzimidazol": "c1ccc2ncnc2c1",
    "pyrazol": "c1ccnn1",
    "triazol": "[#7]1~[#7,#6]~[#7]~[#6]~[#7,#6]1",
    "tetrazol": "c1nnnn1",
    "furan|furyl": "c1ccoc1",
    "benzofuran": "c1ccc2occc2c1",
    "thiophen|thienyl": "c1ccsc1",
    "thiazol": "c1cscn1",
    "oxazol": "c1cocn1",
    "isoxazol": "c1cnoc1",
    "oxadiazol": "c1nnco1",
    "carbazol": "c1ccc2c(c1)nc1ccccc12",
    "coumarin|chromen": "O=c1ccc2ccccc2o1",
    "flavon|flavonoid|chromen": "O=c1cc(-c2ccccc2)oc2ccccc12",
    "flavan|flavanone": "C1Cc2ccccc2OC1c1ccccc1",
    "isoflavon": "O=c1c(-c2ccccc2)coc2ccccc12",
    "chalcone": "O=C(C=Cc1ccccc1)c1ccccc1",
    "benzodioxol": "c1ccc2OCOc2c1",
    "piperidin": "C1CCNCC1",
    "piperazin": "C1CNCCN1",
    "morpholin": "C1COCCN1",
    "pyrrolidin": "C1CCNC1",
    "azetidin": "C1CNC1",
    "beta-lactam|penicillin|cephalosporin": "O=C1CCN1",
    "tetrahydrofuran|oxolan|furanose": "C1CCOC1",
    "pyran|pyranose|hexose|oxan": "C1CCOCC1",
    "glucos|galactos|mannos|saccharide|sugar": "OCC1OC(O)C(O)C(O)C1O",
    "ribos|nucleoside|ribofuranos": "OCC1OC(n)C(O)C1O",
    "cyclopropan|cyclopropyl": "C1CC1",
    "cyclobut": "C1CCC1",
    "cyclopent": "C1CCCC1",
    "cyclohex": "C1CCCCC1",
    "cyclohexen": "C1CCC=CC1",
    "porphyrin|tetrapyrrole": "c1cc2cc3ccc(n3)cc3ccc(n3)cc3ccc([nH]3)cc1n2",
    # elements and charges
    "fluor": "F",
    "chlor": "Cl",
    "brom": "Br",
    "iodo|iodi": "I",
    "sulf|thio": "[#16]",
    "phosph": "[#15]",
    "boron|borane": "[#5]",
    "silicon|silane": "[#14]",
    "selen": "[#34]",
    "sodium": "[Na]",
    "potassium": "[K]",
    "calcium": "[Ca]",
    "iron|ferr": "[Fe]",
    "zinc": "[Zn]",
    "copper": "[Cu]",
    "magnesium": "[Mg]",
    "platinum": "[Pt]",
    "arsen": "[As]",
    "mercur": "[Hg]",
    "stann|organotin": "[Sn]",
    "isotop|deuter": "[2H,3H,13C,14C,15N,18O]",
    "radical": "[#6v3,#7v2,#8v1;+0]",
    "anion|conjugate base": "[-]",
    "cation|conjugate acid": "[+]",
}


class FragmentWordEncoder:
    """Describes molecules and texts by the chemical words they share: TF-IDF over the entries of `FRAGMENT_WORDS`.

    A molecule counts the matches of each pattern, a text the places of its words; each side is weighted by its own
    document frequencies. Rows of wordless items are zero and tie with one another.

    Raises:
        ImportError: If scikit-learn is absent.

    Example:
    >>> encoder = FragmentWordEncoder()
    >>> molecules = encoder.encode_molecules(["Clc1ccccc1", "CCO"])
    >>> (molecules @ encoder.encode_texts(["chlorobenzene", "an alcohol"]).T).toarray().argmax(axis=1).tolist()
    [0, 1]
    """

    def __init__(self) -> None:
        try:
            from sklearn.feature_extraction.text import TfidfTransformer
        except ImportError as error:
            raise ImportError(MISSING) from error
        self._weights = TfidfTransformer(sublinear_tf=True)

    def encode_molecules(self, smiles: Sequence[str]) -> Any:
        """Weigh the fragments of molecules: SciPy sparse `(C, V)`. One that cannot be parsed has none."""
        patterns = [Chem.MolFromSmarts(smarts) for smarts in FRAGMENT_WORDS.values()]
        molecules = map(try_parse, _progress(smiles, "Fragment words"))
        return self._weigh([[len(m.GetSubstructMatches(p)) if m else 0 for p in patterns] for m in molecules])

    def encode_texts(self, texts: Sequence[str]) -> Any:
        """Weigh the fragment words of texts: SciPy sparse `(D, V)`."""
        expressions = [re.compile(words) for words in FRAGMENT_WORDS]
        return self._weigh([[len(e.findall(text.lower())) for e in expressions] for text in texts])

    def _weigh(self, counts: list[list[int]]) -> Any:
        """Turn counts into rows of unit length."""
        from scipy.sparse import csr_matrix

        return self._weights.fit_transform(csr_matrix(np.asarray(counts, dtype=np.float32)))


class NearestTextEncoder:
    """Gives each molecule the text of its most similar training molecule, by Tanimoto similarity of ECFP4.

    Texts are TF-IDF vectors of their words, weighted by the training texts.

    Args:
        smiles (sequence of length `N`): Training molecules; those that cannot be parsed are left out.
        texts (sequence of length `N`): Their texts.

    Raises:
        ImportError: If scikit-learn is absent.
        ValueError: If no training molecule can be parsed, or the training lists differ in length.
    """

    def __init__(self, smiles: Sequence[str], texts: Sequence[str]) -> None:
        make_vectorizer = _prepare_words(smiles, texts)
        self._fingerprint = rdFingerprintGenerator.GetMorganGenerator(
            FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS
        ).GetFingerprint
        parsed = zip(map(try_parse, smiles), texts, strict=True)
        known = [(self._fingerprint(molecule), text) for molecule, text in parsed if molecule is not None]
        if not known:
            raise ValueError(f"None of the {len(smiles)} training molecules can be parsed.")
        self._known, self._texts = (list(column) for column in zip(*known, strict=True))
        # Words in more than half of all texts ("the molecule is a") tell nothing and cost most of the time.
        self._words = make_vectorizer(sublinear_tf=True, max_df=0.5 if len(known) > 1 else 1.0, dtype=np.float32)
        self._words.fit(self._texts)

    def encode_molecules(self, smiles: Sequence[str]) -> Any:
        """Weigh the words of the borrowed texts: SciPy sparse `(C, V)`. A molecule that cannot be parsed has none."""
        borrowed = []
        for molecule in map(try_parse, _progress(smiles, "Nearest training molecules")):
            similarities = [] if molecule is None else self._similarities(molecule)
            borrowed.append(self._texts[int(np.argmax(similarities))] if len(similarities) else "")
        return self._words.transform(borrowed)

    def encode_texts(self, texts: Sequence[str]) -> Any:
        """Weigh the words of texts: SciPy sparse `(D, V)`."""
        return self._words.transform(texts)

    def _similarities(self, molecule: Chem.Mol) -> list[float]:
        """Compare one molecule with all training molecules: `N` values."""
        return DataStructs.BulkTanimotoSimilarity(self._fingerprint(molecule), self._known)


class RidgeEncoder:
    r"""Predicts the fingerprint of a molecule from the letters of its text, by ridge regression.

    Texts are TF-IDF vectors of character n-grams, molecules standardised logarithms of ECFP4 counts, both of length
    one. The regression is solved in its dual form, over the training pairs.

    Args:
        smiles (sequence of length `N`): Training molecules; those that cannot be parsed are left out.
        texts (sequence of length `N`): Their texts. Of more than 20,000, so many are drawn.

    Raises:
        ImportError: If scikit-learn is absent.
        ValueError: If fewer than two training molecules can be parsed, or the training lists differ in length.

    Example:
    >>> encoder = RidgeEncoder(["CCO", "CCCO", "c1ccccc1"], ["ethanol", "propanol", "benzene"])
    >>> scores = encoder.encode_texts(["butanol"]) @ encoder.encode_molecules(["CCCCO", "Cc1ccccc1"]).T
    >>> bool(scores[0, 0] > scores[0, 1])
    True
    """

    def __init__(self, smiles: Sequence[str], texts: Sequence[str]) -> None:
        make_vectorizer = _prepare_words(smiles, texts)
        self._count = rdFingerprintGenerator.GetMorganGenerator(
            FINGERPRINT_RADIUS, fpSize=FINGERPRINT_BITS
        ).GetCountFingerprintAsNumPy
        drawn = np.random.default_rng(0).permutation(len(smiles))[:MOST_RIDGE_PAIRS]
        counts, parsed = self._count_molecules([smiles[place] for place in drawn])
        if parsed.sum() < 2:
            raise ValueError(f"Of the {len(smiles)} training molecules, {parsed.sum()} can be parsed: two are needed.")
        self._letters = make_vectorizer(
            analyzer="char_wb", ngram_range=LETTERS, sublinear_tf=True, max_features=MOST_LETTERS, dtype=np.float32
        )
        known = [texts[place] for place, is_known in zip(drawn, parsed, strict=True) if is_known]
        self._known = self._letters.fit_transform(known)  # (N, V)
        counts = counts[parsed]
        self._mean, self._deviation = counts.mean(0), counts.std(0) + LEAST_DEVIATION
        kernel = (self._known @ self._known.T).toarray()  # (N, N)
        kernel[np.diag_indices_from(kernel)] += RIDGE
        self._weights = np.linalg.solve(kernel, self._standardise(counts))  # (N, F)

    def encode_molecules(self, smiles: Sequence[str]) -> np.ndarray:
        """Standardise the fingerprints of molecules: `(C, F)`, of length one. One that cannot be parsed is zero."""
        counts, parsed = self._count_molecules(smiles)
        return np.where(parsed[:, None], self._standardise(counts), 0)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Predict the fingerprints that texts speak of: `(D, F)`, of length one."""
        letters = self._letters.transform(texts)
        blocks = (letters[start : start + BLOCK] @ self._known.T for start in range(0, len(texts), BLOCK))
        predicted = np.concatenate([block.toarray() @ self._weights for block in blocks])  # (D, F)
        return predicted / (np.linalg.norm(predicted, axis=1, keepdims=True) + TINY)

    def _count_molecules(self, smiles: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Take logarithms of fingerprint counts: `(N, F)`, and which molecules were parsed: `(N,)`."""
        molecules = [try_parse(one) for one in _progress(smiles, "Fingerprints")]
        counts = np.zeros((len(molecules), FINGERPRINT_BITS), dtype=np.float32)
        for place, molecule in enumerate(molecules):
            if molecule is not None:
                counts[place] = self._count(molecule)
        return np.log1p(counts), np.array([molecule is not None for molecule in molecules], dtype=bool)

    def _standardise(self, counts: np.ndarray) -> np.ndarray:
        """Centre and scale, then bring to length one: `(N, F)` -> `(N, F)`."""
        scaled = (counts - self._mean) / self._deviation
        return scaled / (np.linalg.norm(scaled, axis=1, keepdims=True) + TINY)


def _prepare_words(smiles: Sequence[str], texts: Sequence[str]) -> Any:
    """Check training pairs, and give the class that weighs their words.

    Raises:
        ImportError: If scikit-learn is absent.
        ValueError: If there is not one text for each molecule.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise ImportError(MISSING) from error
    if len(smiles) != len(texts):
        raise ValueError(f"Training pairs must match: got {len(smiles)} molecules and {len(texts)} texts.")
    return TfidfVectorizer


def _progress(smiles: Sequence[str], description: str) -> Any:
    """Show a bar over many molecules."""
    return tqdm(smiles, desc=description, unit=" molecules", disable=len(smiles) < PROGRESS_FROM or None)
