"""docs/settings.md, from the settings themselves: `python -m streams.local.settings_page`."""

import ast
import inspect
from collections.abc import Iterator

from pydantic import SecretStr

from streams.local.environment import PREFIX, as_text
from streams.settings import Settings

_HEAD = """\
# Settings

Each is a variable of the environment, or a line of `.env`. Written by `make settings` from
`streams/settings.py`; a test holds it against that. Empty: nothing is set.

| variable | default | what it is |
|---|---|---|
"""


def page() -> str:
    return _HEAD + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    told = _docstrings()
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        # A folder is told as it stands in the code, not as it is on this machine.
        shown = "" if default is None else as_text(default, absolute=False)
        secret = " Secret." if isinstance(default, SecretStr) or name.endswith("secrets") else ""
        value = f"`{shown}`" if shown else ""
        yield f"| `{PREFIX}{name.upper()}` | {value} | {told.get(name, '')}{secret} |"


def _docstrings() -> dict[str, str]:
    """A setting's own stands behind it, where Python keeps nothing of it."""
    (definition,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(definition, ast.ClassDef)
    told = {}
    for field, behind in zip(definition.body, definition.body[1:], strict=False):
        match field, behind:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                told[name] = " ".join(text.split()).replace("|", "\\|")
    return told


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - it is a command
