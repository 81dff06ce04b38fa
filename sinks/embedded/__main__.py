"""`python -m sinks.embedded --data PATH --port N --read-only-port M`: the embedded ClickHouse."""

import argparse
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sinks.embedded",
        description="ClickHouse's engine on a folder, spoken to over ClickHouse's HTTP protocol.",
    )
    parser.add_argument("--data", type=Path, required=True, help="the engine's folder")
    parser.add_argument("--port", type=int, required=True, help="the full port")
    parser.add_argument("--read-only-port", type=int, required=True, help="the analysts' port")
    parser.add_argument("--host", default="127.0.0.1", help="only loopback is safe: no passwords")
    arguments = parser.parse_args()

    # Imported late: `--help` and errors need not wait for the engine, and the process gives up
    # its rights before the engine's threads start.
    from sinks.embedded.process import StartError, serve  # noqa: PLC0415

    try:
        serve(
            arguments.data,
            host=arguments.host,
            port=arguments.port,
            read_only_port=arguments.read_only_port,
        )
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is the command's output
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
