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


def hostile_string(random: random.Random) -> str:
    """A string that is no molecule and hardly a sentence, or one that costs a lot to look at."""
    length = random.choice((1, 10, 300, 1_900, 5_000, 200_000))
    start, unit, end = random.choice(
        (
            ("", "\x00", ""),
            ("", "C", ""),
            ("", "C1", ""),
            ("", "(", ""),
            ("", "[", "C]"),
            ("", "c1ccccc1", ""),
            ("", "C%99", ""),
            ("", "[C+999]", ""),
            ("C", "(C)", ""),
            ("*", "(C)(C)", ""),
            ("", ".", ""),
            ("", "C.", ""),
            ("", "F/C=C/", ""),
            ("", "\u200b", ""),
            ("\u202e", "x", ""),
            ("", "😀", ""),
            ("", "%s%n%x", ""),
            *((text, "", "") for text in ("", " \t\n", "[999999999999C]", "\ud800", "<script>alert(1)</script>")),
            *((text, "", "") for text in ("../../etc/passwd", "{{7*7}}", "data:;base64,####")),
            ("".join(map(chr, random.choices(range(32, 0x3000), k=min(length, 200)))), "", ""),
        )
    )
    return start + unit * length + end


def make_side(random: random.Random) -> Any:
    """What somebody sends in place of molecules or texts."""
    return random.choice(
        (
            lambda: random.choice(NOT_STRINGS),
            lambda: nested(50),
            lambda: hostile_string(random),
            lambda: [hostile_string(random)],
            lambda: ["CCO", *NOT_STRINGS],
            lambda: ["CCO"] * random.choice((65, 5_000)),
            lambda: [hostile_string(random) for _ in range(random.randrange(1, 64))],
        )
    )()


def make_request(random: random.Random) -> Any:
    """A request to the endpoint, wrong in one way or several."""
    good = {"smiles": ["CCO"], "text": ["an alcohol"]}
    wrong = {name: make_side(random) for name in random.sample(("smiles", "text"), random.randrange(1, 3))}
    tasks = ("feature-extraction", "similarity", "zero-shot-classification", "retrieval", "property-prediction")
    parameters = random.choice(
        (
            {"task": random.choice((*NOT_STRINGS[1:], *tasks, "x" * 10_000, "__class__"))},
            {"task": "retrieval", "k": random.choice((*NOT_STRINGS, 0, 10**30, "3"))},
            {"task": "similarity", hostile_string(random)[:50] or "x": 1},
            random.choice(NOT_STRINGS[1:8]),
            {},
        )
    )
    return random.choice(
        (
            random.choice(NOT_STRINGS),
            nested(500),
            {"inputs": make_side(random)},
            {"inputs": good | wrong, "parameters": parameters},
            {"inputs": wrong, "parameters": parameters},
            {"inputs": good, "parameters": parameters, "options": {}},
            {"inputs": good | {"extra": 1}},
        )
    )
