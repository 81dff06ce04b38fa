"""What the documentation names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"]


def named_tests() -> list[str]:
    text = (ROOT / "docs/invariants.md").read_text()
    return sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", text)))


@pytest.mark.parametrize("name", named_tests())
def test_each_invariant_names_a_test_that_exists(name: str) -> None:
    file, _, function = name.partition("::")
    assert f"def {function}(" in (ROOT / file).read_text()


def test_each_of_the_eleven_invariants_names_a_test() -> None:
    parts = re.split(r"^(\d+)\. ", (ROOT / "docs/invariants.md").read_text(), flags=re.MULTILINE)
    numbered = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert sorted(map(int, numbered)) == list(range(1, 12))
    assert all("tests/" in text for text in numbered.values())


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_each_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    for path in re.findall(r"`((?:schemas|streams|sinks)/[\w/]+\.py)`", text):
        assert (ROOT / path).exists(), path
