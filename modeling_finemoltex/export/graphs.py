"""Towers as programs of `torch.export`, programs as ONNX, and ONNX with weights of 8 bits."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .towers import Tower

try:
    import onnxscript
    from onnxruntime.quantization import QuantType, quantize_dynamic
except ModuleNotFoundError as error:
    raise ImportError(
        'Exporting to ONNX needs onnx, onnxscript and onnxruntime: pip install "finemoltex[onnx]"'
    ) from error

OPSET = 18  # of ONNX: the lowest that PyTorch writes, and so the one that most run times read
LONG = 7  # ONNX's number of the type int64
ops = onnxscript.opset18


def trace_tower(tower: Tower, inputs: Mapping[str, Tensor]) -> torch.export.ExportedProgram:
    """Trace a tower with axes of any length.

    Args:
        tower ([`Tower`]): What to trace.
        inputs (mapping of `str` to `torch.Tensor`): An example, with at least two rows on every axis.

    Returns:
        `torch.export.ExportedProgram`
    """
    example = tuple(inputs[name] for name in tower.inputs)
    with torch.no_grad(), _quiet():
        return torch.export.export(tower, example, dynamic_shapes=tower.dynamic_shapes(), strict=False)


def write_onnx(
    program: torch.export.ExportedProgram, inputs: Sequence[str], outputs: Sequence[str], path: Path
) -> None:
    """Write a program as ONNX, all in one file.

    Args:
        program (`torch.export.ExportedProgram`): Of `trace_tower`.
        inputs, outputs (sequences of `str`): Names of what goes in and comes out, in order.
        path (`Path`): The file.
    """
    with _quiet():
        written = torch.onnx.export(
            program,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            custom_translation_table={torch.ops.aten.repeat_interleave.Tensor: _number_owners},
            verbose=False,
        )
        written.save(path)


def write_int8(source: Path, target: Path) -> None:
    """Write an ONNX file again with weights of 8 bits; what is multiplied with them is scaled when it is known.

    Args:
        source (`Path`): An ONNX file.
        target (`Path`): The file to write.
    """
    with _quiet(), tempfile.TemporaryDirectory() as work:
        # Seven bits of eight: two products then fit into the 16 bits that older processors add them up in.
        quantize_dynamic(
            source, Path(work) / "int8.onnx", weight_type=QuantType.QInt8, per_channel=True, reduce_range=True
        )
        target.write_bytes((Path(work) / "int8.onnx").read_bytes())


def _number_owners(counts: Any, output_size: Any = None) -> Any:
    """Give every member the number of its group: `repeat_interleave` of counts, which ONNX lacks. `(G,)` -> `(L,)`."""
    ends = ops.CumSum(counts, ops.Constant(value_int=0))  # (G,)
    places = ops.Range(ops.Constant(value_int=0), output_size, ops.Constant(value_int=1))  # (L,)
    ended = ops.GreaterOrEqual(
        ops.Unsqueeze(places, ops.Constant(value_ints=[1])), ops.Unsqueeze(ends, ops.Constant(value_ints=[0]))
    )  # (L, G)
    return ops.ReduceSum(ops.Cast(ended, to=LONG), ops.Constant(value_ints=[1]), keepdims=0)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what exporters say of themselves from whoever exports; errors are raised all the same."""
    names = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
    loggers = [*map(logging.getLogger, names), logging.getLogger()]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
