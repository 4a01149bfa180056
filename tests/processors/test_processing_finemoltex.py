import json
import logging

import pytest
from rdkit import Chem

from modeling_finemoltex import FineMolTexFeatureExtractor, FineMolTexProcessor
from modeling_finemoltex.processors import processing_finemoltex as module


def test_key_order_and_shapes(processor):
    batch = processor(smiles=["CCO", "c1ccccc1"], text=["an alcohol", "a ring of carbon"])
    assert list(batch) == processor.model_input_names
    assert list(batch)[:2] == ["input_ids", "attention_mask"]
    assert "token_type_ids" not in batch
    assert len(batch["input_ids"]) == len(batch["motif_counts"]) == 2


def test_single_strings_and_single_sides(processor):
    assert processor(smiles="CCO", text="an alcohol")["input_ids"].shape[0] == 1
    assert list(processor(smiles="CCO")) == processor.feature_extractor.model_input_names
    assert list(processor(text=["a", "an alcohol"])) == ["input_ids", "attention_mask"]


def test_unknown_arguments_are_refused(processor):
    with pytest.raises(TypeError, match="takes no argument max_lenght"):
        processor(text=["an alcohol"], max_lenght=12)


def test_padding_and_length(processor):
    batch = processor(text=["a", "a carbon atom"], padding="max_length", max_length=12)
    assert batch["input_ids"].shape == (2, 12)
    assert batch["attention_mask"].sum(1).tolist()[0] == 3


def test_skip_drops_the_text_too(processor):
    batch = processor(smiles=["CCO", "C(C", "C"], text=["an alcohol", "a", "methane"], on_error="skip")
    assert batch["kept_indices"] == [0, 2]
    assert processor.batch_decode(batch["input_ids"], skip_special_tokens=True)[1] == "methane"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Nothing to process"),
        ({"smiles": ["C", "CC"], "text": "methane"}, "got 2 molecules and 1 texts"),
        ({"smiles": "C(C", "text": "methane"}, r"cannot parse the SMILES 'C\(C' at index 0"),
        ({"text": ["methane", None]}, "Each text must be a string, got NoneType None at index 1"),
        ({"text": []}, "No text given"),
        ({"text": 3}, "`text` must be a string or a sequence of strings"),
    ],
)
def test_bad_input(processor, arguments, message):
    with pytest.raises(ValueError, match=message):
        processor(**arguments)


def test_truncation_warns_once(processor, caplog, monkeypatch):
    monkeypatch.setattr(module.logger, "propagate", True)
    monkeypatch.setattr(logging.getLogger("transformers"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            batch = processor(text=["carbon " * 500], max_length=16)
    assert batch["input_ids"].shape == (1, 16)
    assert caplog.text.count("longer than 16 tokens") == 1


def test_needs_a_tokenizer(tokenizer):
    with pytest.raises(ValueError, match="needs a `tokenizer`"):
        FineMolTexProcessor(FineMolTexFeatureExtractor())
    assert FineMolTexProcessor(tokenizer=tokenizer).feature_extractor.motif_vocab_size > 500


def test_everything_is_saved(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    saved = json.loads((tmp_path / "processor_config.json").read_text())
    assert "AutoFeatureExtractor" in saved["feature_extractor"]["auto_map"]  # loads without this package too
    other = FineMolTexProcessor.from_pretrained(tmp_path)
    for name in ("motif_vocab", "fragmentation", "max_atoms"):
        assert getattr(other.feature_extractor, name) == getattr(processor.feature_extractor, name)
    texts = {"smiles": ["CCO", "[Na+].[Cl-]"], "text": ["an alcohol", "table salt"]}
    for name, tensor in processor(**texts).items():
        assert (other(**texts)[name] == tensor).all()


def test_motif_calls_are_passed_on(processor):
    ids = processor(smiles="CCO")["motif_ids"]
    assert processor.decode_motifs(ids) == ["CCO"]
    assert "<svg" in processor.draw_motifs("CCO")
    assert processor.decode(processor(text="carbon")["input_ids"][0], skip_special_tokens=True) == "carbon"


def test_every_text_is_normalised(processor):
    copied = ["a small\u00a0<b>alcohol</b>", "\uff41n &quot;ester&quot;"]
    plain = ["a small alcohol", 'an "ester"']
    assert processor(text=copied)["input_ids"].tolist() == processor(text=plain)["input_ids"].tolist()
    encoded = processor.tokenize_texts(copied[:1], return_offsets_mapping=True)
    assert encoded["offset_mapping"][0][-2][1] == len(plain[0])


def test_rdkit_molecules_and_inchi(processor):
    ethanol = Chem.MolFromSmiles("CCO")
    expected = processor(smiles="CCO")
    for smiles in (ethanol, [ethanol], ["InChI=1S/C2H6O/c1-2-3/h3H,2H2,1H3"]):
        batch = processor(smiles=smiles, text="an alcohol")
        assert sorted(batch["atom_features"].tolist()) == sorted(expected["atom_features"].tolist())
        assert batch["motif_ids"].tolist() == expected["motif_ids"].tolist()
