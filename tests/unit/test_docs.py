"""What the documentation names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"]


def named_tests() -> list[str]:
    return sorted({name for page in DOCS for name in _named(page.read_text())})


def _named(text: str) -> list[str]:
    return re.findall(r"`(tests/[\w/]+\.py::\w+)`", text)


@pytest.mark.parametrize("name", named_tests())
def test_each_test_that_the_documentation_names_exists(name: str) -> None:
    file, _, function = name.partition("::")
    assert f"def {function}(" in (ROOT / file).read_text()


def test_each_of_the_eleven_invariants_names_a_test() -> None:
    parts = re.split(r"^(\d+)\. ", (ROOT / "docs/invariants.md").read_text(), flags=re.MULTILINE)
    numbered = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert sorted(map(int, numbered)) == list(range(1, 12))
    assert all("tests/" in text for text in numbered.values())


def test_each_row_of_the_ways_in_which_faust_loses_messages_names_a_test() -> None:
    _, _, found = (ROOT / "docs/checker.md").read_text().partition("ways of losing messages")
    lines = found.partition("\n## ")[0].splitlines()
    _, *rows = [line for line in lines if line.startswith("| ")]
    assert len(rows) == len(
        ["raises", "take", "concurrency=2", "noack", "CrashingSupervisor", "concurrency=1"]
    )
    assert all(_named(row) for row in rows)


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_each_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    for path in re.findall(r"`((?:schemas|streams|sinks)/[\w/]+\.py)`", text):
        assert (ROOT / path).exists(), path
