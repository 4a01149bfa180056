import pytest
from contracts.objective import ObjectiveContract

from modeling_finemoltex import FineMolTexProcessor

VIEWS = ["graph", "paths", "conformer"]


@pytest.fixture(scope="module")
def spatial(processor):
    """The processor with all views."""
    return FineMolTexProcessor(processor.feature_extractor.with_views(VIEWS), processor.tokenizer)


@pytest.fixture(scope="module")
def spatial_batch(spatial, molecules):
    return spatial(smiles=list(molecules), text=list(molecules.values()), return_tensors="pt", padding=True)


class TestBlendObjective(ObjectiveContract):
    name = "blend"
    losses = ("blend_spd", "blend_edge", "blend_distance", "blend_noise")

    @pytest.fixture
    def batch(self, spatial_batch):
        return dict(spatial_batch)

    @pytest.fixture
    def change_config(self, change_config):
        graph = {"encoder": "blend", "encoder_options": {"num_heads": 4, "num_kernels": 8}}
        return lambda **fields: change_config(graph_config=graph, **fields)
