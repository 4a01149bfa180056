"""Time, memory and ratios of cases that take turns, and the one form in which they are written down."""

import gc
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

FORM = 1
PACKAGES = (
    *("finemoltex", "torch", "torch_geometric", "transformers", "rdkit", "numpy", "faiss-cpu", "tokenizers"),
    *("selfies", "crem", "scikit-learn", "onnxruntime"),
)
KINDS = ("wall", "processor")


@dataclass
class Case:
    """Something to measure.

    Args:
        run (callable): Does the work once; what it returns is forgotten.
        count (`int`): Units of work that it does.
        baseline (`str`, *optional*): Name of the case that its rate is divided by.
        figures (`dict`): What else is known of it, such as a recall.
        repeats (`int`, *optional*): Rounds that it takes part in; all of them, if absent.
        clock (`str`, *optional*): `"wall"` where other processes do the work; that of the settings, if absent.
    """

    run: Callable[[], Any]
    count: int
    baseline: str | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    repeats: int | None = None
    clock: str | None = None


class Clock:
    """Wall time, and processor time of this process and its ended children, since the last call."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.times = self._read()

    def lap(self) -> dict[str, float]:
        """Seconds since the last call, once the device has done all that it was asked to."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
        before, self.times = self.times, self._read()
        return {kind: now - then for kind, now, then in zip(KINDS, self.times, before, strict=True)}

    def _read(self) -> tuple[float, float]:
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in usage)


class Memory:
    """Most memory that is held at a time, in MB: of the process, or of an accelerator."""

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.before = 0.0

    def start(self) -> None:
        """Forget what was held before."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self.before = torch.cuda.memory_allocated(self.device) / 1e6
            return
        resets = Path("/proc/self/clear_refs")
        if resets.exists():
            resets.write_text("5")
        self.before = _read_status("VmRSS")

    def stop(self) -> dict[str, float]:
        """Peak, and what of it is on top of what was there at the start."""
        peak = torch.cuda.max_memory_allocated(self.device) / 1e6 if self.device.type == "cuda" else measure_peak()
        return {"peak_memory_mb": peak, "added_memory_mb": max(0.0, peak - self.before)}


def measure_peak() -> float:
    """Most memory that this process held since the last `Memory.start`, or ever where the system cannot forget."""
    return _read_status("VmHWM")


def _read_status(name: str) -> float:
    """Read a size of this process in MB; where there is no such table, the most that it ever held."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return int(lines[name].split()[0]) * 1024 / 1e6


def measure(cases: dict[str, Case], settings: Any, label: str) -> dict[str, dict[str, Any]]:
    """Run the cases in turns, so that what disturbs the machine disturbs all of them.

    Args:
        cases (`dict[str, Case]`): By name.
        settings (`Settings`): Of the run.
        label (`str`): For the progress bar.

    Returns:
        `dict` by name: see `describe`.
    """
    laps: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    memory: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    clock, held = Clock(settings.device), Memory(settings.device)
    rounds = [(number, name) for number in range(settings.warm_up + settings.repeats) for name in cases]
    for number, name in tqdm(rounds, desc=label, unit=" runs", disable=settings.quiet, file=sys.stderr):
        case = cases[name]
        if case.repeats is not None and number >= settings.warm_up + case.repeats:
            continue
        gc.collect()
        held.start()
        clock.lap()
        case.run()
        lap = clock.lap()
        memory[name].append(held.stop())
        if number >= settings.warm_up:
            laps[name].append(lap)
    found = {}
    for name, held_by_runs in memory.items():
        most = {key: max(one[key] for one in held_by_runs) for key in held_by_runs[0]}
        found[name] = describe(name, cases, laps, settings) | most
    return found


def describe(name: str, cases: dict[str, Case], laps: dict[str, list], settings: Any) -> dict[str, Any]:
    """Write one case down: seconds and rate by both clocks, and the ratio of its rate to that of its baseline.

    Seconds are those of one run of `count` units: the median and the quartiles. The ratio is the median of the ratios
    within a round, by the clock of the settings.
    """
    case = cases[name]
    clock = case.clock or settings.clock
    found: dict[str, Any] = {"count": case.count, "repeats": len(laps[name])}
    for kind in KINDS:
        seconds = [lap[kind] for lap in laps[name]]
        found[kind] = spread(seconds) | {"per_second": case.count / max(statistics.median(seconds), 1e-9)}
    found["clock"], found["per_second"] = clock, found[clock]["per_second"]
    found["milliseconds_each"] = 1000 * found[clock]["median"] / case.count
    if case.baseline is not None:
        base = cases[case.baseline]
        pairs = zip(laps[name], laps[case.baseline], strict=False)
        ratios = [(b[clock] / base.count) / max(a[clock] / case.count, 1e-12) for a, b in pairs]
        found |= {"baseline": case.baseline, "ratio": spread(ratios)}
    return found | ({"figures": case.figures} if case.figures else {})


def spread(values: list[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": statistics.median(values), "low": low, "high": high}


def describe_machine(device: str) -> dict[str, Any]:
    """Say what the figures were measured on."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    names = {line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {
        "processor": ", ".join(sorted(names)) or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": cores,
        "system": platform.system(),
        "python": platform.python_version(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found["memory_gb"] = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    if hasattr(os, "getloadavg"):
        found["load_at_start"] = round(os.getloadavg()[0], 1)
    if torch.device(device).type == "cuda":
        found["accelerator"] = torch.cuda.get_device_name(device)
    return found


def list_versions() -> dict[str, str]:
    """List what is installed of the packages that the figures depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
