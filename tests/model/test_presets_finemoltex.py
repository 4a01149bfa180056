import pytest

from modeling_finemoltex import FineMolTexConfig, FineMolTexModel
from modeling_finemoltex.model.presets_finemoltex import PRESETS
from modeling_finemoltex.model.pretraining_finemoltex import OBJECTIVES, build_objectives


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_configuration_with_objectives_that_exist(preset):
    config = FineMolTexConfig.from_preset(preset)
    assert config.objectives and config.objectives.keys() <= OBJECTIVES.keys()
    if preset != "paper":  # its tables take a second to fill
        assert build_objectives(config).keys() == config.objectives.keys()
    assert set(PRESETS[preset]) <= set(FineMolTexConfig().to_dict())


def test_the_paper_is_the_default():
    paper, default = FineMolTexConfig.from_preset("paper").to_dict(), FineMolTexConfig().to_dict()
    assert {name for name in default if paper[name] != default[name]} <= {"text_config"}


def test_sizes_of_small_and_tiny():
    sizes = {name: FineMolTexModel(FineMolTexConfig.from_preset(name)).num_parameters() for name in ("tiny", "small")}
    assert sizes["tiny"] < 2e5 and 5e6 < sizes["small"] < 15e6
