"""An engine whose only user has what sinks/roles.sql gives an analyst: run as a process.

chDB has no place to keep roles that SQL makes, but it takes users from a file. So the file is made
from roles.sql: its settings profile with the bounds, and its grants.
"""

import json
import re
import sys
from importlib import resources
from pathlib import Path
from xml.sax.saxutils import escape

import chdb

from sinks import migrate

CONFIG = "<clickhouse><users_config>{users}</users_config></clickhouse>"
USERS = """<clickhouse>
<profiles><default/>{profile}</profiles>
<quotas><default/></quotas>
<users>
<default><password></password><networks><ip>::/0</ip></networks><profile>{used}</profile>
<quota>default</quota>{grants}</default>
<owner><password></password><networks><ip>::/0</ip></networks><profile>default</profile>
<quota>default</quota><access_management>1</access_management></owner>
</users>
</clickhouse>"""


def roles() -> str:
    text = (resources.files("sinks") / "roles.sql").read_text("utf-8")
    return re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)


def profile_of(sql: str) -> str:
    """The settings profile as the file has it: values, and what may be done with them."""
    found = re.search(r"CREATE SETTINGS PROFILE IF NOT EXISTS dm_analyst SETTINGS\s+([^;]+);", sql)
    assert found
    values, bounds = "", ""
    for part in found[1].split(","):
        told = re.fullmatch(r"\s*(\w+) = (\d+)(?: (CONST|MAX (\d+)))?\s*", part)
        assert told, part
        name, value, bound, most = told.groups()
        values += f"<{name}>{value}</{name}>"
        if bound:
            inner = f"<max>{most}</max>" if most else "<const/>"
            bounds += f"<{name}>{inner}</{name}>"
    return f"<dm_analyst>{values}<constraints>{bounds}</constraints></dm_analyst>"


def grants_of(sql: str) -> str:
    found = re.findall(r"(GRANT [^;]+) TO dm_analyst;", sql)
    assert found
    return "<grants>" + "".join(f"<query>{escape(one)}</query>" for one in found) + "</grants>"


def engine(folder: Path, *, analyst: bool) -> "chdb.state.sqlitelike.Connection":
    users, config = folder / "users.xml", folder / "config.xml"
    sql = roles()
    users.write_text(
        USERS.format(
            profile=profile_of(sql),
            used="dm_analyst" if analyst else "default",
            grants=grants_of(sql) if analyst else "<access_management>1</access_management>",
        )
    )
    config.write_text(CONFIG.format(users=users))
    return chdb.connect(f"{folder / 'data'}?config-file={config}")


def main(folder: Path, analyst: bool) -> None:
    """Statements come as a JSON array; for each goes out its answer, or the error's name."""
    connection = engine(folder, analyst=analyst)
    answers = []
    for statement in json.load(sys.stdin):
        try:
            answers.append(["answer", str(connection.query(statement)).strip()])
        except Exception as error:  # noqa: BLE001 - chDB has one kind
            names = re.findall(r"\(([A-Z_]+)\)", str(error))
            answers.append(["refused", names[-1] if names else str(error)[:200]])
    json.dump(answers, sys.stdout)


def made_by_the_owner() -> list[str]:
    """The statements of all migrations, with views that run as the owner, as `dmstream migrate` of
    the role dm_owner makes them."""
    values = {"database": "dm", "analytics": "dm_analytics", "on_cluster": "", "replicated": ""}
    return [
        "CREATE DATABASE dm",
        "CREATE DATABASE dm_analytics",
        migrate.notes_table(values),
        *(
            statement.replace("DEFINER = CURRENT_USER", "DEFINER = owner")
            for migration in migrate.migrations()
            for statement in migration.statements(values)
        ),
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), analyst=sys.argv[2] == "analyst")
