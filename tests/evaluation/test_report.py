"""One report of several systems on the same tasks."""

import json

import numpy as np
import pytest

from modeling_finemoltex.evaluation import RetrievalSetting, RetrievalTask, report_systems

SETTING = RetrievalSetting((2,), (1,), molecule_ids=[0, 0, 1], text_ids=[0, 1, 2])
TASK = RetrievalTask("toy", ["C", "C", "CC"], ["a", "b", "c"], SETTING)
PERFECT, BLANK = TASK.score(np.eye(3), np.eye(3)), TASK.score(np.ones((3, 2)), np.ones((3, 2)))


def test_figures_differences_and_ranks():
    report = report_systems([TASK], {"model": [PERFECT], "blank": [BLANK]}, num_samples=50)
    assert json.loads(json.dumps(report)) == report
    assert report["tasks"]["toy"]["queries"] == 3 and report["tasks"]["toy"]["unique_text_share"] == 1.0
    assert report["figures"]["model"]["toy/t2m_hits@1"] == 1.0 > report["figures"]["blank"]["toy/t2m_hits@1"]
    assert set(report["differences"]) == {"blank"} and report["differences"]["blank"]["toy/t2m_hits@1"] < 0
    assert report["ranks"]["model"]["toy"]["t2m_rank"] == [1.0, 1.0, 1.0]
    low, high = (report["figures"]["blank"][f"toy/t2m_hits@1_{bound}"] for bound in ("low", "high"))
    assert low <= report["figures"]["blank"]["toy/t2m_hits@1"] <= high


def test_without_resamples_there_are_no_intervals():
    report = report_systems([TASK], {"model": [PERFECT], "blank": [BLANK]}, num_samples=0)
    assert not [key for key in report["figures"]["model"] if key.endswith("_low")]


def test_a_task_without_scores_is_named():
    with pytest.raises(ValueError, match="'blank' has scores of 0 tasks: there are 1"):
        report_systems([TASK], {"model": [PERFECT], "blank": []})
