"""What may be asked on the read-only port: decided on the engine's own parse, by allow-lists.

Why a guard at all (measured, engine 26.9): `readonly=1` refuses writes, changed settings, and the
TABLE functions that reach files and the network. It does not refuse the scalar `file('/path')`,
nor `arrayMap(file, ['/path'])`, nor `SELECT * FROM "/path"` in the default database: each reads
any file the process may read. chDB also has no users, so base tables can't be closed by grants.

The statement is parsed by the engine (`parseQueryToJSON`, which takes it as a value, so there is
no text to break out of, and refuses several statements at once), and every node, function, table
and clause of the tree must be known here. What a newer engine adds is refused until someone has
looked at it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from sinks.embedded import vocabulary
from sinks.embedded.engine import Connection, Engine
from sinks.embedded.errors import EngineError, refusal

DEFAULT_DATABASE = "dm_analytics"
_READABLE_SUFFIX = "_analytics"
_SCHEMA_DATABASES = frozenset({"information_schema", "INFORMATION_SCHEMA"})

_NAME = r"(?:[A-Za-z_][A-Za-z_0-9]*|`[A-Za-z_0-9]+`)"
# parseQueryToJSON knows no DESCRIBE, EXISTS and SHOW CREATE; drivers send them in this plain form.
_ABOUT_TABLE = re.compile(
    rf"\s*(?:DESC|DESCRIBE|DESCRIBE\s+TABLE|EXISTS|EXISTS\s+TABLE|EXISTS\s+VIEW|SHOW\s+CREATE\s+TABLE|SHOW\s+CREATE\s+VIEW)"
    rf"\s+(?:({_NAME})\s*\.\s*)?({_NAME})(?:\s+FORMAT\s+\w+)?\s*;?\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The engine's names, sorted into what may be called and what not. Made once, at the start."""

    functions: frozenset[str]
    functions_any_case: frozenset[str]
    """In lower case; their names may be written in any case."""
    refused: frozenset[str]
    """In lower case. A column may have such a name, but not where a function could be meant."""
    combinators: tuple[str, ...]
    aggregates: frozenset[str]
    """In lower case."""

    def allows(self, name: str) -> bool:
        return (
            name in self.functions
            or name.lower() in self.functions_any_case
            or self._is_combined_aggregate(name)
        )

    def _is_combined_aggregate(self, name: str) -> bool:
        """`sumIf`, `uniqExactMerge`, `quantilesOrNullIf`: an aggregate and its combinators."""
        for suffix in self.combinators:
            base = name.removesuffix(suffix)
            if base != name and (
                base.lower() in self.aggregates or self._is_combined_aggregate(base)
            ):
                return True
        return False


def vocabulary_of(engine: Engine) -> Vocabulary:
    categories = ", ".join(f"'{name}'" for name in sorted(vocabulary.CATEGORIES))
    rows = engine.rows(
        "SELECT name, case_insensitive, is_aggregate,"
        f" if(alias_to = '', categories, '') IN ({categories}), alias_to FROM system.functions"
    )
    known = {name: row for name, *row in rows}

    def allowed(name: str) -> bool:
        _, is_aggregate, in_category, alias_to = known[name]
        if alias_to:
            return alias_to in known and allowed(alias_to)
        if name in vocabulary.REFUSED:
            return False
        return in_category == "1" or is_aggregate == "1" or name in vocabulary.FUNCTIONS

    functions = frozenset(name for name in known if allowed(name)) | vocabulary.SYNTAX
    return Vocabulary(
        functions=functions,
        functions_any_case=frozenset(
            n.lower() for n in functions if n in known and known[n][0] == "1"
        ),
        refused=frozenset(n.lower() for n in known) - frozenset(n.lower() for n in functions),
        combinators=tuple(
            row[0] for row in engine.rows("SELECT name FROM system.aggregate_function_combinators")
        ),
        aggregates=frozenset(n.lower() for n in functions if n in known and known[n][1] == "1"),
    )


class Guard:
    """Checks statements before they run on the read-only port."""

    def __init__(self, engine: Engine) -> None:
        self._words = vocabulary_of(engine)

    def database(self, wanted: str) -> str:
        """The database to start in. Clients name `default` without meaning it: in the engine that
        is the one whose tables are the files of this machine."""
        if wanted in ("", "default"):
            return DEFAULT_DATABASE
        if not _is_readable(wanted):
            raise _denied(f"database {wanted[:60]}")
        return wanted

    def check(self, connection: Connection, sql: bytes) -> None:
        """Raises EngineError where the statement does, or may do, more than read the views."""
        text = sql.decode("utf-8", "replace")
        about = _ABOUT_TABLE.fullmatch(text)
        if about is not None:
            self._check_table([part.strip("`") for part in about.groups() if part])
            return
        for node, parent in _nodes(_parsed(connection, text)):
            self._check_node(node, parent)

    def _check_node(self, node: dict[str, Any], parent: str) -> None:
        kind = node["type"]
        if kind not in vocabulary.NODES:
            raise _refused(f"{_words(kind)}")
        if node.get("out_file") is not None:
            raise _refused("INTO OUTFILE")
        match kind:
            case "Function" if parent == "table_function":
                if node["name"].lower() not in vocabulary.TABLE_FUNCTIONS:
                    raise _refused(f"the table function {node['name'][:60]}")
            case "Function":
                self._check_function(node)
            case "ColumnsApplyTransformer":
                if "func_name" in node and not self._words.allows(node["func_name"]):
                    raise _refused(f"the function {node['func_name'][:60]}")
            case "TableIdentifier":
                self._check_table(_parts(node))
            case "ShowTablesQuery" if "dictionaries" in node or "caches" in node:
                raise _refused("this SHOW")
            case _:
                pass

    def _check_function(self, node: dict[str, Any]) -> None:
        name = node["name"]
        if not self._words.allows(name):
            raise _refused(f"the function {name[:60]}")
        arguments = (node.get("arguments") or {}).get("children", [])
        for argument in arguments:
            # A function's name may stand where a lambda is asked for: arrayMap(file, [...]).
            if (
                argument.get("type") == "Identifier"
                and argument["name"].lower() in self._words.refused
            ):
                raise _refused(f"the function {argument['name'][:60]}")
        # `x IN dm.event_log` names a table where columns stand.
        if name.lower() in vocabulary.IN_FUNCTIONS:
            for argument in arguments[1:]:
                if argument.get("type") == "Identifier" and len(parts := _parts(argument)) > 1:
                    self._check_table(parts)

    def _check_table(self, parts: list[str]) -> None:
        """`[table]`, in the database the statement starts in or a WITH; or `[database, table]`."""
        if len(parts) == 1:
            return
        database, table = parts[0], parts[1]
        if database == "system":
            if table not in vocabulary.SYSTEM_TABLES:
                raise _denied(f"system.{table[:60]}")
        elif not _is_readable(database):
            raise _denied(f"database {database[:60]}")


def _nodes(tree: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every node, with the name under which its parent has it. Not recursive: a statement may be
    nested deeper than Python's stack."""
    waiting = [(tree, "")]
    while waiting:
        item, parent = waiting.pop()
        if isinstance(item, list):
            waiting.extend((child, parent) for child in item)
        elif isinstance(item, dict):
            if "type" in item:
                yield item, parent
            waiting.extend((child, key) for key, child in item.items())


def _is_readable(database: str) -> bool:
    return database.endswith(_READABLE_SUFFIX) or database in _SCHEMA_DATABASES


def _parts(node: dict[str, Any]) -> list[str]:
    if node.get("children"):  # {name:Identifier}: what it will be can't be seen in the tree
        raise _refused("a parameter of type Identifier")
    return list(node.get("name_parts") or [node["name"]])


def _parsed(connection: Connection, text: str) -> Any:
    escaped = (
        text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    )
    try:
        tree, _ = connection.query(
            b"SELECT parseQueryToJSON({statement:String})",
            "TabSeparatedRaw",
            {"statement": escaped},
        )
    except EngineError as error:
        # It names the function that we put around the statement: not the reader's business.
        text = re.sub(
            r": In scope SELECT parseQueryToJSON\(.*(?= \([A-Z_]+\)$)",
            "",
            error.text,
            flags=re.DOTALL,
        )
        if "parseQueryToJSON" in text:
            raise _refused("a statement of this kind") from error
        raise EngineError(error.code, text) from error
    try:
        return orjson.loads(tree)
    except orjson.JSONDecodeError as error:  # deeper than its 1,024 levels
        raise refusal(167, "TOO_DEEP_AST", "The statement is nested too deep.") from error


def _words(kind: str) -> str:
    """`CreateQuery` -> `CREATE`."""
    if kind == "SetQuery":
        return "a SETTINGS clause or SET"
    words = re.findall(r"[A-Z][a-z]+", kind.removesuffix("Query"))
    return " ".join(words).upper() or kind[:60]


def _refused(what: str) -> EngineError:
    return refusal(164, "READONLY", f"The read-only port does not take {what}.")


def _denied(what: str) -> EngineError:
    return refusal(
        497, "ACCESS_DENIED", f"The read-only port does not show {what}: use dm_analytics."
    )
