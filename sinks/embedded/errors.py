"""Errors as ClickHouse tells them: a code, a sentence, the HTTP status its server would answer."""

import re

_CODE = re.compile(r"Code: (\d+)\. ")
# chDB wraps a server error in a second one ("Code: 164. DB::Exception: Code: 164. ...").
_PREFIX = re.compile(r"^Code: \d+\. DB::Exception: (?:default: )?(?=Code: \d+\. )")
_VERSION = re.compile(r" \(version [0-9.]+\)\.?")

UNKNOWN_EXCEPTION = 1002

# HTTPHandler.cpp's exceptionCodeToHTTPStatus: clients decide by it what can be tried again.
_STATUS: dict[int, int] = (
    dict.fromkeys((194, 516), 401)
    | dict.fromkeys((192, 193, 164, 291, 497), 403)
    | dict.fromkeys((6, 26, 27, 36, 38, 41, 42, 43, 44, 49, 53, 62, 69, 72, 117, 131, 167), 400)
    | dict.fromkeys((168, 321, 427, 456, 457), 400)
    | dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 511), 404)
    | {159: 408, 209: 503, 76: 503, 381: 411, 48: 501, 202: 503, 223: 413, 373: 409}
)  # fmt: skip


class EngineError(Exception):
    """What ClickHouse would answer: `code`, `text` (without the version) and `status` for HTTP."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @property
    def status(self) -> int:
        return _STATUS.get(self.code, 500)


def from_engine(error: Exception) -> EngineError:
    """The engine's error, freed of what chDB wraps around it."""
    text = str(error)
    start = text.find("Code: ")
    if start < 0:
        return EngineError(UNKNOWN_EXCEPTION, f"Code: {UNKNOWN_EXCEPTION}. DB::Exception: {text}")
    text = _VERSION.sub("", text[start:]).strip()
    while (unwrapped := _PREFIX.sub("", text)) != text:
        # The symbolic name stands at the end of each layer: drop one with its layer.
        text = re.sub(r"( \([A-Z_0-9]+\))\.?( \([A-Z_0-9]+\))$", r"\2", unwrapped)
    found = _CODE.match(text)
    return EngineError(int(found[1]) if found else UNKNOWN_EXCEPTION, text)


def refusal(code: int, name: str, sentence: str) -> EngineError:
    """An error of ours in ClickHouse's form."""
    return EngineError(code, f"Code: {code}. DB::Exception: {sentence} ({name})")
