"""One exported graph in ONNX Runtime: inputs are checked before it sees them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

try:
    import onnxruntime
except ModuleNotFoundError as error:
    raise ImportError('An exported model needs onnxruntime: pip install "finemoltex[onnx]"') from error


class OnnxTower:
    """A graph that turns named arrays into named arrays.

    Args:
        path (`str` or `Path`): The file.
        limits (mapping of `str` to `int`): Largest length of the last axis of inputs, by name.
        num_threads (`int`, *optional*): Threads of one call; the variable OMP_NUM_THREADS, or all cores, if absent.

    Raises:
        ValueError: If ONNX Runtime cannot read the graph, or `num_threads` is below 1.
    """

    def __init__(
        self, path: str | Path, limits: Mapping[str, int] | None = None, num_threads: int | None = None
    ) -> None:
        self.name, self.limits = Path(path).name, dict(limits or {})
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), _session_options(num_threads), providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's own classes, which have no public common base
            raise ValueError(
                f"ONNX Runtime {onnxruntime.__version__} cannot read {path}: {str(error).strip()}. Export the model "
                "again, or upgrade onnxruntime."
            ) from error
        self.inputs = tuple(one.name for one in self._session.get_inputs())
        self.outputs = tuple(one.name for one in self._session.get_outputs())

    def run(self, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]:
        """Compute outputs.

        Args:
            inputs (mapping of `str` to `np.ndarray`): At least those of `self.inputs`; others are left alone.
            outputs (sequence of `str`): Some of `self.outputs`.

        Returns:
            `dict[str, np.ndarray]`: The outputs by name.

        Raises:
            ValueError: If an input is missing, has no rows or is longer than the graph can take, or an output is
                unknown.
        """
        unknown = [name for name in outputs if name not in self.outputs]
        if unknown:
            raise ValueError(f"{self.name} gives {', '.join(self.outputs)}: it has no {', '.join(unknown)}.")
        given = self._check(inputs)
        return dict(zip(outputs, self._session.run(list(outputs), given), strict=True))

    def _check(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Take what the graph reads, if it can."""
        missing = [name for name in self.inputs if name not in inputs]
        if missing:
            raise ValueError(f"{self.name} lacks {', '.join(missing)}: it reads {', '.join(self.inputs)}.")
        given = {name: np.asarray(inputs[name]) for name in self.inputs}
        first = given[self.inputs[0]]
        if not first.shape[0]:
            raise ValueError(f"{self.name} got a batch of 0: {self.inputs[0]} has no rows. Give at least one.")
        for name, limit in self.limits.items():
            if given[name].shape[-1] > limit:
                raise ValueError(
                    f"{self.name} takes up to {limit:,} along the last axis of {name}: got {given[name].shape[-1]:,}. "
                    "Give shorter rows."
                )
        return given


def _session_options(num_threads: int | None) -> Any:
    """Set threads, which sleep between calls instead of spinning."""
    if num_threads is None:
        told = os.environ.get("OMP_NUM_THREADS", "")
        num_threads = int(told) if told.isdecimal() and int(told) else 0  # 0: by the cores
    elif num_threads < 1:
        raise ValueError(f"`num_threads` must be at least 1, got {num_threads}.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors
    return options
