"""Requests that nobody should send and somebody will: of the wrong type, huge, nested, hostile."""

import random
from typing import Any

NOT_STRINGS = (None, 7, -1, 0.5, float("nan"), float("inf"), True, [], {}, ["CCO"], {"smiles": "CCO"}, [[[[]]]])


def nested(depth: int) -> Any:
    """A list in a list in a list."""
    value: Any = "CCO"
    for _ in range(depth):
        value = [value]
    return value


def hostile_strings(random: random.Random) -> str:
    """A string that is no molecule and hardly a sentence, or one that costs a lot to look at."""
    length = random.choice((1, 10, 300, 1_900, 5_000, 200_000))
    kinds = (
        "",
        " \t\n",
        "\x00" * length,
        "C" * length,
        "C1" * length,
        "(" * length,
        "[" * length + "C" + "]" * length,
        "c1ccccc1" * length,
        "C%99" * length,
        "[C+999]" * length,
        "[999999999999C]",
        "C" + "(C)" * length,
        "*" + "(C)(C)" * length,
        "." * length,
        "C." * length,
        "F/C=C/" * length,
        "\ud800",
        "\u200b" * length,
        "\u202e" + "x" * length,
        "😀" * length,
        "<script>alert(1)</script>",
        "../../etc/passwd",
        "{{7*7}}",
        "%s%n%x" * length,
        "data:;base64,####",
        "".join(chr(random.randrange(32, 0x3000)) for _ in range(min(length, 2_000))),
    )
    return random.choice(kinds)


def make_request(random: random.Random) -> Any:
    """A request to the endpoint, wrong in one way or several."""
    side: list[Any] = [
        *NOT_STRINGS,
        nested(50),
        hostile_strings(random),
        [hostile_strings(random)],
        ["CCO", *NOT_STRINGS],
        ["CCO"] * random.choice((65, 5_000)),
        [hostile_strings(random) for _ in range(random.randrange(1, 64))],
    ]
    good = {"smiles": ["CCO"], "text": ["an alcohol"]}
    wrong = {name: random.choice(side) for name in random.sample(("smiles", "text"), random.randrange(1, 3))}
    tasks = ("feature-extraction", "similarity", "zero-shot-classification", "retrieval", "property-prediction")
    parameters = random.choice(
        (
            {"task": random.choice((*NOT_STRINGS[1:], *tasks, "x" * 10_000, "__class__"))},
            {"task": "retrieval", "k": random.choice((*NOT_STRINGS, 0, 10**30, "3"))},
            {"task": "similarity", hostile_strings(random)[:50] or "x": 1},
            random.choice(NOT_STRINGS[1:8]),
            {},
        )
    )
    return random.choice(
        (
            random.choice(NOT_STRINGS),
            nested(500),
            {"inputs": random.choice(side)},
            {"inputs": good | wrong, "parameters": parameters},
            {"inputs": wrong, "parameters": parameters},
            {"inputs": good, "parameters": parameters, "options": {}},
            {"inputs": good | {"extra": 1}},
        )
    )
