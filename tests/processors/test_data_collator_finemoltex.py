import math

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments

from modeling_finemoltex import FineMolTexDataCollator, featurize_pairs


def make_rows(processor, molecules):
    rows = []
    for index, (smiles, text) in enumerate(molecules.items()):
        graph = processor.feature_extractor.featurize(smiles)
        row = {name: array.reshape(-1).tolist() for name, array in graph.items()}
        ids = processor.tokenizer(text, truncation=True)["input_ids"]
        rows.append(
            {**row, "input_ids": ids, "pair_ids": index, "molecule_ids": -index, "text_ids": 2**62, "num_tokens": 3}
        )
    return rows


def test_rows_collate_to_what_the_processor_makes(processor, molecules):
    batch = FineMolTexDataCollator(processor)(make_rows(processor, molecules))
    expected = processor(smiles=list(molecules), text=list(molecules.values()))
    assert list(batch) == [*expected, "pair_ids", "molecule_ids", "text_ids"]
    for name, tensor in expected.items():
        assert torch.equal(batch[name], tensor), name
    assert batch["text_ids"].tolist() == [2**62] * len(molecules)


def test_from_loader_workers(processor, molecules):
    rows = make_rows(processor, molecules)
    loader = DataLoader(rows, batch_size=4, collate_fn=FineMolTexDataCollator(processor), num_workers=1)
    assert [len(batch["motif_counts"]) for batch in loader] == [4, 4, 2]


def test_padding(processor, molecules):
    rows = make_rows(processor, molecules)
    batch = FineMolTexDataCollator(processor, pad_to_multiple_of=8)(rows)
    assert batch["input_ids"].shape[1] % 8 == 0
    assert (batch["input_ids"][batch["attention_mask"] == 0] == processor.tokenizer.pad_token_id).all()
    assert batch["attention_mask"].sum(1).tolist() == [len(row["input_ids"]) for row in rows]


@pytest.mark.parametrize(
    ("labels", "dtype", "shape"),
    [([1, 0], torch.long, (2,)), ([0.5, 1], torch.float32, (2,)), ([[1.0, None], [0.0, 1.0]], torch.float32, (2, 2))],
)
def test_labels(processor, molecules, labels, dtype, shape):
    rows = [{**row, "labels": label} for row, label in zip(make_rows(processor, molecules), labels, strict=False)]
    found = FineMolTexDataCollator(processor)(rows)["labels"]
    assert found.dtype == dtype and found.shape == shape
    if len(shape) == 2:
        assert np.isnan(found[0, 1].item())


def test_one_side_alone(processor, molecules):
    rows = make_rows(processor, molecules)
    texts = FineMolTexDataCollator(processor)([{"input_ids": row["input_ids"]} for row in rows])
    assert list(texts) == ["input_ids", "attention_mask"]
    graphs = FineMolTexDataCollator(processor)([{k: v for k, v in row.items() if k != "input_ids"} for row in rows])
    assert "input_ids" not in graphs and len(graphs["motif_counts"]) == len(rows)


def test_no_rows(processor):
    with pytest.raises(ValueError, match="empty list"):
        FineMolTexDataCollator(processor)([])


def test_raw_pairs_are_prepared_here(processor, molecules):
    raw = [{"smiles": smiles, "text": text, "extra": 1} for smiles, text in molecules.items()]
    batch = FineMolTexDataCollator(processor)(raw)
    expected = processor(smiles=list(molecules), text=list(molecules.values()))
    assert list(batch) == list(expected)
    for name, tensor in expected.items():
        assert torch.equal(batch[name], tensor), name
    with pytest.raises(ValueError, match="at index 1"):
        FineMolTexDataCollator(processor)([{"smiles": "C"}, {"smiles": "C(("}])


def test_rows_without_anything_to_read_say_what_they_need(processor, molecules):
    with pytest.raises(ValueError, match="neither molecules nor texts: their columns are formula.*`featurize_pairs`"):
        FineMolTexDataCollator(processor)([{"formula": "CH4"}])
    rows = [{k: v for k, v in row.items() if k != "edge_index"} for row in make_rows(processor, molecules)]
    with pytest.raises(ValueError, match="lack the columns edge_index of a molecule"):
        FineMolTexDataCollator(processor)(rows)


def test_a_plain_trainer_trains_on_cached_rows(model, processor, tmp_path):
    data = Dataset.from_dict({"smiles": ["CCO", "CCN", "CC(=O)O", "C"], "text": ["a", "an alcohol", "c", "small"]})
    arguments = TrainingArguments(
        str(tmp_path), max_steps=1, report_to=[], per_device_train_batch_size=4, use_cpu=True, disable_tqdm=True
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=featurize_pairs(data, processor, max_length=16),
        data_collator=FineMolTexDataCollator(processor),
    )
    assert math.isfinite(trainer.train().training_loss)
