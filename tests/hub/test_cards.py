"""Cards are made from the files of a folder, and from facts that tell nothing of the machine."""

import hashlib

import pytest
import yaml

from modeling_finemoltex import export_folder
from modeling_finemoltex.hub import build_model_card
from modeling_finemoltex.hub.cards import read_facts, save_facts

SPLITS = {"train": {"pairs": 5, "molecules": 4}, "validation": {"pairs": 2, "molecules": 2}}
TRAINING = {
    "global_step": 7,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 1e-05,
    "lr_scheduler_type": "cosine",
    "seed": 3,
    "output_dir": "/secret/run",
}


def preparation(**settings) -> dict:
    found = {"split": "scaffold", "seed": 3, "dataset": "/secret/pairs.csv"}
    return {"settings": found | settings, "splits": SPLITS, "removed": {"drugbank": 6}, "words": 9}


def test_a_card_is_made_again_from_the_folder_alone(model, processor, tmp_path):
    fields = {"dataset": "a few alcohols", "preparation": preparation(), "training": TRAINING, "limits": "Alcohols."}
    folder = export_folder(model, processor, tmp_path / "tiny", fields | {"metrics": {"valid/cosine": 0.25}})
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Pairs from a few alcohols." in card and "| valid/cosine | 0.2500 |" in card
    assert "7 steps, batch 8 per device x 1 accumulated" in card and "1e-05" in card
    assert "Split: `scaffold`, seed 3." in card and "6 pairs (drugbank)" in card
    again = tmp_path / "again.md"
    build_model_card(folder).save(again)
    assert again.read_text(encoding="utf-8") == card
    assert "/secret" not in (folder / "card_facts.yaml").read_text(encoding="utf-8")


def test_the_snippet_without_the_package_pins_a_revision_that_is_known(model, processor, tmp_path):
    folder = export_folder(model, processor, tmp_path / "tiny", {"revision": "v3"})
    assert build_model_card(folder).text.count('trust_remote_code=True, revision="v3")') == 2
    text = build_model_card(export_folder(model, processor, tmp_path / "loose")).text
    assert text.count("trust_remote_code=True)") == 2 and 'pin the revision you read with `revision="..."`' in text


def test_a_card_shows_failures_cost_and_checksums(model, processor, tmp_path):
    failure = {"text": "an alcohol", "right": "CCO", "rank": 4, "first": "CCN"}
    carbon = {"core_hours": 4, "watts_per_core": 25, "grams_per_kwh": 400}
    export_folder(model, processor, tmp_path, {"failures": [failure], "carbon": carbon})
    card = build_model_card(tmp_path)
    assert "| an alcohol | `CCO` | 4 | `CCN` |" in card.text and "40 g of CO2" in card.text
    assert card.data.co2_eq_emissions["emissions"] == 40
    digest = hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    assert f"`model.safetensors`: SHA-256 `{digest}`" in card.text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"test_size": 0.1}, "Split: `scaffold`, seed 3."),
        ({"validation_set": "valid.csv", "test_size": 0}, "The validation pairs were given; nothing was split off."),
        (
            {"validation_set": "valid.csv", "test_size": 0.1},
            "The validation pairs were given; the test pairs were split off (`scaffold`, seed 3).",
        ),
    ],
)
def test_a_card_says_what_was_split_off(model, processor, tmp_path, settings, says):
    export_folder(model, processor, tmp_path, {"preparation": preparation(**settings)})
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert says in card
    save_facts(tmp_path, read_facts(tmp_path))  # facts of one card serve for the next
    assert build_model_card(tmp_path).text.strip() in card


def test_what_a_run_left_in_its_folder_gives_training_and_metrics(model, processor, tmp_path):
    (tmp_path / "training_args.json").write_text('{"learning_rate": 0.5, "seed": 1, "output_dir": "/secret"}')
    (tmp_path / "trainer_state.json").write_text('{"global_step": 11, "log_history": []}')
    (tmp_path / "test_results.json").write_text('{"test/cosine": 0.75}')
    export_folder(model, processor, tmp_path)
    facts = yaml.safe_load((tmp_path / "card_facts.yaml").read_text(encoding="utf-8"))
    assert facts["training"] == {"global_step": 11, "learning_rate": 0.5, "seed": 1}
    assert facts["metrics"] == {"test/cosine": 0.75} and facts["model_id"] == tmp_path.name
    assert "| test/cosine | 0.7500 |" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_a_misspelt_fact_is_refused(model, processor, tmp_path):
    with pytest.raises(ValueError, match="Unknown facts for a card: datset. Known are model_id, revision, dataset, "):
        export_folder(model, processor, tmp_path, {"datset": "ChEBI"})
