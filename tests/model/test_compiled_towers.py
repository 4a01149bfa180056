"""Compiled, both towers are whole graphs, and batches of other sizes need no other graphs."""

import random

import pytest
import torch

from modeling_finemoltex import FineMolTexModel

MOST_GRAPHS = 5  # of an epoch: what is 0 or 1 of a size is compiled apart


@pytest.fixture
def tower_model(config):
    torch.manual_seed(0)
    return FineMolTexModel(config).eval()


@pytest.fixture
def epoch(processor, molecules):
    """Batches of 2 to 17 molecules and texts of all lengths."""
    generator, pairs = random.Random(0), list(molecules.items())
    drawn = [generator.choices(pairs, k=size) for size in range(2, 18)]
    return [
        processor(
            smiles=[smiles for smiles, _ in rows],
            text=[" ".join([text] * generator.randrange(1, 4)) for _, text in rows],
            return_tensors="pt",
            padding=True,
        )
        for rows in drawn
    ]


@pytest.mark.parametrize("tower", ["get_molecule_features", "get_text_features"])
def test_an_epoch_of_varied_batches_is_a_few_graphs_without_breaks(tower_model, epoch, tower):
    torch.compiler.reset()
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    encode = getattr(tower_model, tower)
    compiled = torch.compile(encode, fullgraph=True, dynamic=True, backend=count)  # fullgraph: a break is an error
    words = ("input_ids", "attention_mask")
    with torch.no_grad():
        for batch in epoch:
            given = {name: one for name, one in batch.items() if (name in words) == (tower == "get_text_features")}
            torch.testing.assert_close(compiled(**given), encode(**given), atol=1e-5, rtol=1e-4)
    assert len(graphs) <= MOST_GRAPHS
