"""A tiny pre-trained folder, and tables whose labels can be read off the molecules."""

import itertools

import pytest
import torch

CORES = ["c1ccc({})cc1{}", "C1CCC({})CC1{}", "c1cc({})ncc1{}", "C1CCN({})C1{}", "c1cc({})sc1{}", "{}CCC{}"]
SUBSTITUENTS = ["C", "CC", "F", "Cl", "O", "N"]
MOLECULES = [core.format(*pair) for core in CORES for pair in itertools.combinations(SUBSTITUENTS, 2)]  # 90


def write_table(file, columns, smiles=MOLECULES):
    """Write a csv file of molecules and columns, each a function of the SMILES."""
    lines = [",".join(["smiles", *columns])]
    lines += [",".join([one, *(str(make(one)) for make in columns.values())]) for one in smiles]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(file)


@pytest.fixture(scope="package", autouse=True)
def few_trees():
    """Forests of few trees show all that a test asks of them, in a tenth of the time."""
    from modeling_finemoltex.property_prediction import estimators, fingerprint_baselines

    with pytest.MonkeyPatch.context() as patch:
        for module in (estimators, fingerprint_baselines):
            patch.setattr(module, "NUM_TREES", 20)
        yield


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory, config, processor) -> str:
    from modeling_finemoltex import FineMolTexForPreTraining

    folder = tmp_path_factory.mktemp("pretrained")
    torch.manual_seed(0)
    FineMolTexForPreTraining(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def tuned_folder(tmp_path_factory, change_config, processor) -> str:
    """A model with two trained tasks, as fine-tuning leaves it."""
    from modeling_finemoltex import FineMolTexForPropertyPrediction
    from modeling_finemoltex.property_prediction import TrainingFingerprints

    torch.manual_seed(0)
    model = FineMolTexForPropertyPrediction(
        change_config(
            id2label={0: "toxic", 1: "soluble"},
            label2id={"toxic": 0, "soluble": 1},
            problem_type="multi_label_classification",
            property_config={"calibration_temperature": 2.0},
        )
    )
    torch.nn.init.normal_(model.classifier.weight, std=0.5)
    folder = tmp_path_factory.mktemp("tuned")
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    TrainingFingerprints.from_smiles(["CCO", "c1ccccc1"]).save(folder)
    return str(folder)
