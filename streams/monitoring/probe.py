"""`python -m streams.monitoring.probe`: whether what runs in this container is live. For health
checks: it imports nothing but the standard library, so it costs a tenth of a second.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from streams.monitoring.paths import LIVE_PATH
from streams.monitoring.running import running

SECONDS = 4.0


def main() -> int:
    """0 where every process of DM_DATA_DIR is live, 1 where one is not or none runs."""
    notes = [note for note in running(Path(os.environ.get("DM_DATA_DIR", "data"))) if note.port]
    if not notes:
        print("nothing runs here that is watched")  # noqa: T201 - it is a command
        return 1
    verdicts = [_asked(note.port) for note in notes]
    for note, (_, because) in zip(notes, verdicts, strict=True):
        print(f"{note.name}: {because}")  # noqa: T201
    return 0 if all(good for good, _ in verdicts) else 1


def _asked(port: int) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}{LIVE_PATH}", timeout=SECONDS
        ) as answer:
            return True, str(json.loads(answer.read())["because"])
    except urllib.error.HTTPError as error:
        with error:
            return False, str(json.loads(error.read())["because"])
    except (OSError, ValueError, KeyError) as error:
        return False, f"no answer ({type(error).__name__})"


if __name__ == "__main__":
    sys.exit(main())
