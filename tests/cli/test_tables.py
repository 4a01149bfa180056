"""Facts as a table or as JSON."""

import json

from modeling_finemoltex.cli.tables import echo_facts

FACTS = {
    "class": "Model",
    "parameters": 1234567,
    "endpoint": True,
    "license": None,
    "motifs": {"CO": 1200, "C": 7},
    "evaluation": [{"set": "a", "value": 1}, {"set": "b", "value": 2}],
}


def test_the_table_leaves_out_what_is_unknown(capsys):
    echo_facts(FACTS, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "class       Model",
        "parameters  1,234,567",
        "endpoint    True",
        "motifs      CO (1,200), C (7)",
        "evaluation  a 1",
        "            b 2",
    ]


def test_json_tells_everything(capsys):
    echo_facts(FACTS, as_json=True)
    assert json.loads(capsys.readouterr().out) == FACTS
