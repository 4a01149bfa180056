"""Serves the handlers of some folders over HTTP, without our package, until its standard input closes.

usage: python -I endpoint_server.py FOLDER...

POST /NAME runs the handler of the folder of that name: 200, or 400 with `{"error": ...}`; an exception is a 500. The
header `X-Processor-Seconds` tells what the request cost, whatever else the machine was doing. GET / tells the memory.
"""

import importlib.util
import json
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import without_package  # noqa: E402, F401  # before anything could import the package


def load_handler(folder: Path):
    spec = importlib.util.spec_from_file_location(f"handler_{folder.name.replace('-', '_')}", folder / "handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EndpointHandler(str(folder))


def resident_bytes() -> int:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return 1024 * int(line.split()[1])


class Server(ThreadingHTTPServer):
    request_queue_size = 512  # of connections that wait to be accepted


class Endpoint(BaseHTTPRequestHandler):
    handlers: dict = {}
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.send({"resident_bytes": resident_bytes(), "threads": threading.active_count()}, 200, 0.0)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        start = time.thread_time()
        try:
            answer = self.handlers[self.path.strip("/")](json.loads(body))
            status = 400 if "error" in answer else 200
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            answer, status = {"error": f"not JSON: {error}"}, 400
        except Exception:
            answer, status = {"error": traceback.format_exc()}, 500
        self.send(answer, status, time.thread_time() - start)

    def send(self, content: dict, status: int, seconds: float) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Processor-Seconds", f"{seconds:.4f}")
        self.end_headers()
        self.wfile.write(data)


def main(folders: list[str]) -> None:
    Endpoint.handlers = {Path(folder).name: load_handler(Path(folder)) for folder in folders}
    server = Server(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()  # the parent holds it open


if __name__ == "__main__":
    main(sys.argv[1:])
