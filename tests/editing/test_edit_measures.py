"""New alerts, reactive groups and synthetic accessibility of edits."""

import pytest
from rdkit import Chem

from modeling_finemoltex.editing import EDIT_MEASURES

NITRO, NITROSO, PHENOL = "O=[N+]([O-])c1ccccc1", "O=Nc1ccccc1", "Oc1ccccc1"


@pytest.mark.parametrize(
    ("source", "edit", "alert", "reactive"),
    [(PHENOL, NITRO, 1, 0), (NITRO, NITRO, 0, 0), (PHENOL, NITROSO, 0, 1), (NITROSO, PHENOL, 0, 0)],
)
def test_what_the_source_has_is_not_new(source, edit, alert, reactive):
    before, after = map(Chem.MolFromSmiles, (source, edit))
    assert EDIT_MEASURES["new_brenk_alert"](before, after) == alert
    assert EDIT_MEASURES["new_reactive_group"](before, after) == reactive
    assert EDIT_MEASURES["sa_change"](before, after) == -EDIT_MEASURES["sa_change"](after, before)
