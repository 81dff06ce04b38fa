"""What `make run` says on a machine that lacks something."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / ".ci" / "make-venv"


def run(folder: Path, python3: str) -> "subprocess.CompletedProcess[str]":
    """With only this `python3` on the path, beside the shell itself."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python3").write_text(f"#!/bin/sh\n{python3}\n")
    (programs / "python3").chmod(0o755)
    for name in ("bash", "env"):
        found = next(
            path for path in (Path("/bin") / name, Path("/usr/bin") / name) if path.exists()
        )
        (programs / name).symlink_to(found)
    return subprocess.run(
        [str(SCRIPT), str(folder / "venv")],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_old_python_is_told_in_one_sentence(tmp_path: Path) -> None:
    ended = run(tmp_path, "exit 1")  # it says no to "is your version new enough?"
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "needs Python 3.11" in line
    assert "apt install python3 python3-venv" in line


def test_a_python_without_environments_is_told_what_to_install(tmp_path: Path) -> None:
    """Debian ships `ensurepip` apart from Python."""
    script = f'case "$*" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac'
    ended = run(tmp_path, script)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "apt install python3-venv" in line
    assert not (tmp_path / "venv").exists()


def test_an_environment_that_works_is_left_alone(tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 0\n")  # it has pip
    python.chmod(0o755)
    ended = run(tmp_path, "exit 1")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert python.exists()
