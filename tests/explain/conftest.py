"""A tiny model over pairs in which a word always goes with a motif; the slow tests let it learn them."""

import copy

import pytest
import torch

# Motif on a ring or chain -> the word that says it; the scaffold has a word of its own.
PARTS = {"C(=O)O": "acid", "N": "amino", "C=O": "aldehyde", "Cl": "chlorine", "C#N": "nitrile", "O": "alcohol"}
SCAFFOLDS = {"c1ccccc1": "benzene", "C1CCCCC1": "cyclohexane", "c1ccncc1": "pyridine"}
FILLERS = ("a {} with {}", "{} and {} in one", "here {} is bound to {}")


@pytest.fixture(scope="session")
def motif_words() -> dict[str, str]:
    """Part or scaffold -> its word."""
    return {**PARTS, **SCAFFOLDS}


@pytest.fixture(scope="session")
def word_pairs() -> list[tuple[str, str]]:
    """SMILES and texts: every scaffold with every part, in several wordings, and each of them alone."""
    both = [
        (f"{part}{scaffold}" if part in ("N", "Cl", "O") else f"{scaffold}{part}", filler.format(said, word))
        for scaffold, said in SCAFFOLDS.items()
        for part, word in PARTS.items()
        for filler in FILLERS
    ]
    return [*both, *SCAFFOLDS.items(), *PARTS.items()]


@pytest.fixture(scope="session")
def word_processor(tmp_path_factory):
    """A tokenizer that knows those words, all but one whole, and the built-in motif vocabulary."""
    from transformers import BertTokenizerFast

    from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexProcessor

    fillers = {word for filler in FILLERS for word in filler.replace("{}", "").split()}
    words = sorted({*PARTS.values(), *SCAFFOLDS.values(), *fillers} - {"aldehyde"})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, "alde", "##hyde", *".,;()-"]
    file = tmp_path_factory.mktemp("words") / "vocab.txt"
    file.write_text("\n".join(vocabulary), encoding="utf-8")
    tokenizer = BertTokenizerFast(vocab=str(file), model_max_length=32)
    return FineMolTexProcessor(FineMolTexFeatureExtractor(), tokenizer)


@pytest.fixture(scope="session")
def word_model(word_pairs, word_processor):
    """A pre-training model for `word_pairs`, masked objectives included, with random weights."""
    from modeling_finemoltex import FineMolTexConfig, FineMolTexForPreTraining

    config = FineMolTexConfig.from_preset(
        "tiny",
        text_config={"vocab_size": len(word_processor.tokenizer), "hidden_dropout_prob": 0.0},
        graph_config={"dropout": 0.0},
        motif_config={"vocab_size": word_processor.feature_extractor.motif_vocab_size},
        multimodal_config={"hidden_dropout_prob": 0.0},
        mask_token_id=word_processor.tokenizer.mask_token_id,
        special_token_ids=word_processor.tokenizer.all_special_ids,
        projection_dim=32,
        objectives={"masked_modelling": {"draw": "random", "word_share": 0.4, "motif_share": 0.4}},
    )
    torch.manual_seed(0)
    return FineMolTexForPreTraining(config).eval()


@pytest.fixture(scope="session")
def learned_model(word_model, word_pairs, word_processor):
    """That model after 150 steps on all pairs."""
    model = copy.deepcopy(word_model).train()
    smiles, texts = zip(*word_pairs, strict=True)
    batch = word_processor(smiles=list(smiles), text=list(texts))
    # Pairs of one molecule in other words are no negatives of each other.
    ids = torch.tensor([smiles.index(molecule) for molecule in smiles])
    optimizer = torch.optim.Adam([weight for weight in model.parameters() if weight.requires_grad], lr=5e-3)
    torch.manual_seed(0)
    for _ in range(150):
        optimizer.zero_grad()
        model(**batch, molecule_ids=ids, text_ids=ids).loss.backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope="session")
def word_folder(word_model, word_processor, tmp_path_factory):
    """The model and its processor, saved."""
    folder = tmp_path_factory.mktemp("explain") / "model"
    word_model.save_pretrained(folder)
    word_processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def aligner(word_model, word_processor):
    """Aligns with random weights."""
    from modeling_finemoltex import MoleculeTextEncoder, MotifWordAligner

    return MotifWordAligner(MoleculeTextEncoder(word_model.finemoltex, word_processor))


@pytest.fixture(scope="session")
def learned_aligner(learned_model, word_processor):
    """Aligns with the model that has learned."""
    from modeling_finemoltex import MoleculeTextEncoder, MotifWordAligner

    return MotifWordAligner(MoleculeTextEncoder(learned_model.finemoltex, word_processor))
