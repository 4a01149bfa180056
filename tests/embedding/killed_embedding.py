"""Run the command line until a real SIGKILL in the middle of writing a shard (not a test itself).

`python killed_embedding.py SHARD ARGUMENT...` runs `finemoltex ARGUMENT...`, killing itself while shard SHARD is
half-written.
"""

import os
import signal
import sys

import pyarrow.parquet as pq

from modeling_finemoltex.cli.main import app


def main() -> None:
    """Replace the writing of the given shard by half of it and a SIGKILL."""
    shard = int(sys.argv.pop(1))
    write_table, written = pq.write_table, []

    def write_or_die(table, file, **options) -> None:
        written.append(file)
        if len(written) > shard:
            file.write(b"PAR1 half of a shard")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        write_table(table, file, **options)

    pq.write_table = write_or_die
    app()


if __name__ == "__main__":
    main()
