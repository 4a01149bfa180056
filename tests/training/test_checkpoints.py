import json
import os

import pytest
import torch
from safetensors.torch import save_file

from modeling_finemoltex.training.checkpoints import (
    find_resumable_checkpoint,
    resolve_resume_argument,
    set_aside_other_checkpoints,
)

FILES = ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]


@pytest.fixture
def write_checkpoint(tmp_path):
    def write(step):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        save_file({"weight": torch.ones(64)}, folder / "model.safetensors")
        for name in FILES[1:4]:
            torch.save({"state": torch.ones(64)}, folder / name)
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}), encoding="utf-8")
        return folder

    return write


def test_the_newest_by_step_not_by_name(write_checkpoint, tmp_path):
    for step in (9, 10, 2):
        write_checkpoint(step)
    assert find_resumable_checkpoint(tmp_path).name == "checkpoint-10"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_a_half_written_checkpoint_is_passed_over_and_left_alone(write_checkpoint, tmp_path, name, damage):
    write_checkpoint(5)
    file = write_checkpoint(10) / name
    if damage == "missing":
        file.unlink()
    else:
        os.truncate(file, 0 if damage == "empty" else file.stat().st_size - 5)
    before = sorted(path.name for path in (tmp_path / "checkpoint-10").iterdir())
    assert find_resumable_checkpoint(tmp_path).name == "checkpoint-5"
    assert sorted(path.name for path in (tmp_path / "checkpoint-10").iterdir()) == before


def test_sharded_weights_need_every_shard(write_checkpoint, tmp_path):
    folder = write_checkpoint(3)
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert find_resumable_checkpoint(tmp_path) is None
    save_file({"weight": torch.ones(3)}, folder / "model-2.safetensors")
    assert find_resumable_checkpoint(tmp_path) == folder


def test_other_folders_are_no_checkpoints(write_checkpoint, tmp_path):
    (tmp_path / "checkpoint-best").mkdir()
    assert find_resumable_checkpoint(tmp_path) is None
    assert find_resumable_checkpoint(tmp_path / "nowhere") is None


def test_resolving_the_argument(write_checkpoint, tmp_path):
    assert resolve_resume_argument(None, tmp_path) is None
    assert resolve_resume_argument("latest", tmp_path) is None  # nothing yet: a new run
    folder = write_checkpoint(4)
    assert resolve_resume_argument("latest", tmp_path) == str(folder)
    assert resolve_resume_argument(str(folder), "elsewhere") == str(folder)
    (folder / "optimizer.pt").unlink()
    with pytest.raises(ValueError, match=r"optimizer\.pt is missing.*latest"):
        resolve_resume_argument(str(folder), tmp_path)


def test_checkpoints_beyond_the_start_are_set_aside_never_deleted(write_checkpoint, tmp_path):
    for step in (5, 10, 20):
        write_checkpoint(step)
    set_aside_other_checkpoints(tmp_path, start_step=10)
    assert find_resumable_checkpoint(tmp_path).name == "checkpoint-10"
    assert (tmp_path / "_earlier_checkpoints" / "checkpoint-20.1" / "optimizer.pt").is_file()
    write_checkpoint(20)
    set_aside_other_checkpoints(tmp_path, start_step=0)
    assert find_resumable_checkpoint(tmp_path) is None
    names = sorted(path.name for path in (tmp_path / "_earlier_checkpoints").iterdir())
    assert names == ["checkpoint-10.1", "checkpoint-20.1", "checkpoint-20.2", "checkpoint-5.1"]
