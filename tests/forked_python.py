"""New Python processes without the ten seconds that each of them needs to import Transformers.

A process imports PyTorch and Transformers, nothing of ours, and forks for every run. What runs there finds a Python
that has just started, isolated as by `python -I`, and those two libraries imported.

usage: python -I forked_python.py, which reads runs from its standard input
"""

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterable
from pathlib import Path

# Where lazy Transformers keeps what every model needs.
IMPORTED = "from transformers import AutoModel, AutoProcessor, BertModel, PreTrainedModel, ProcessorMixin, pipeline"


class ForkedPython:
    """Starts the process that forks, and asks it to run code.

    Settings that libraries read when they are imported, such as `HF_ENDPOINT`, are those of this process.

    Args:
        folder: Takes the code that Transformers copies, and what the runs print.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        environment = {**os.environ, "HF_MODULES_CACHE": str(folder / "modules")}
        command = [sys.executable, "-I", __file__]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=folder, text=True
        )

    def run(
        self, code: str | Path, *words: object, cwd: Path, path: Iterable[Path] = ()
    ) -> subprocess.CompletedProcess:
        """Run code or a file to its end, as `subprocess.run` does.

        Args:
            code: Code, or the file that holds it.
            words: Its arguments.
            cwd: The folder it runs in.
            path: Where it finds packages, beside those of the environment.
        """
        job, outputs = self._describe(code, words, cwd, path)
        done = self._ask(job)
        return subprocess.CompletedProcess(job["argv"], done, *(one.read_text(encoding="utf-8") for one in outputs))

    def start(self, code: str | Path, *words: object, cwd: Path) -> tuple[int, list[Path]]:
        """Start code that goes on until its standard input closes, which `close` does: its number and its outputs."""
        job, outputs = self._describe(code, words, cwd, ())
        return self._ask({**job, "goes_on": True}), outputs

    def close(self) -> None:
        """End the process, and what it started."""
        self.process.stdin.close()
        self.process.wait()

    def _describe(self, code, words, cwd, path) -> tuple[dict, list[Path]]:
        self.count += 1
        outputs = [self.folder / f"{name}-{self.count}.txt" for name in ("stdout", "stderr")]
        for output in outputs:
            output.touch()
        job = {"argv": ["-c" if isinstance(code, str) else code, *words], "cwd": cwd, "path": list(path)}
        job |= {"outputs": outputs, "code": code if isinstance(code, str) else None}
        return json.loads(json.dumps(job, default=str)), outputs

    def _ask(self, job: dict) -> int:
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the process that forks has ended"
        return json.loads(answer)


def serve() -> None:
    """Fork for every line, and answer with the exit status, or the number of a process that goes on."""
    gc.disable()
    exec(IMPORTED, {})
    gc.freeze()
    gc.enable()
    held: list[int] = []  # the other ends of what processes that go on read
    for line in sys.stdin:
        job = json.loads(line)
        source, end = os.pipe()
        with warnings.catch_warnings():  # newer Pythons warn of the threads of numerical libraries, which stand this
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if not child:
            for other in (end, *held):
                os.close(other)
            leave(become(job, source))
        os.close(source)
        if job.get("goes_on"):
            held.append(end)
            answer = child
        else:
            os.close(end)
            answer = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def become(job: dict, source: int) -> int:
    """Be the new process, with its input, outputs, folder, packages and arguments, and return its exit status."""
    os.dup2(source, 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    for number, output in enumerate(job["outputs"], start=1):
        os.dup2(os.open(output, os.O_WRONLY), number)
    os.chdir(job["cwd"])
    sys.path[:0] = job["path"]
    sys.argv = job["argv"]
    try:
        if job["code"] is None:
            runpy.run_path(sys.argv[0], run_name="__main__")
        else:
            exec(compile(job["code"], "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return 1 if isinstance(end.code, str) else int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def leave(status: int) -> None:
    """Leave as Python does, but for taking a million objects apart first."""
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which close the input
    serve()
