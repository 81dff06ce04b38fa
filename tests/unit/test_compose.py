"""docker-compose.yml and the Dockerfile say what the code says: it can't be run in every test."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from streams.cli import app
from streams.monitoring import probe
from streams.monitoring.ports import NAMES, port_of
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "dmstream"}


def address(variable: str) -> str:
    return str(SERVICES["gateway"]["environment"][variable])


def test_our_services_are_those_of_the_pipeline() -> None:
    assert set(OURS) == {
        "topics",
        "migrate",
        "gateway",
        "conversations",
        "history",
        "delivery",
        "webhooks",
    }


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_a_setting(name: str) -> None:
    settings = {f"DM_{field.upper()}" for field in Settings.model_fields}
    assert set(OURS[name]["environment"]) <= settings


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_is_one_of_the_command_line(name: str) -> None:
    command, *rest = OURS[name]["command"]
    root = typer.main.get_command(app)
    known = root.get_command(None, command)  # type: ignore[attr-defined, arg-type]
    assert known is not None
    known.make_context(command, list(rest))


@pytest.mark.parametrize("name", ["gateway", "conversations", "history", "delivery", "webhooks"])
def test_what_runs_waits_for_topics_and_tables(name: str) -> None:
    waits = OURS[name]["depends_on"]
    done = {"condition": "service_completed_successfully"}
    assert waits == {"topics": done, "migrate": done}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_is_waited_for_is_there_and_can_say_that_it_is_healthy(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]


def test_addresses_inside_are_those_that_the_servers_have() -> None:
    kafka = SERVICES["kafka"]["environment"]
    assert f"INSIDE://{address('DM_KAFKA')}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert address("DM_CLICKHOUSE_URL") == "http://clickhouse:8123"
    assert "8123" in SERVICES["clickhouse"]["ports"][0].split(":")[-1]
    assert SERVICES["clickhouse"]["environment"]["CLICKHOUSE_USER"] == address("DM_CLICKHOUSE_USER")


def test_published_ports_are_loopback_and_those_of_the_defaults() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)
    defaults = Settings(_env_file=None)
    outside = {int(port.split(":")[1]) for port in published}
    assert outside == {
        defaults.port,
        int(defaults.kafka.rpartition(":")[2]),
        int(defaults.clickhouse_url.rpartition(":")[2]),
        3000,  # Grafana's own
        9090,  # Prometheus' own
    }


@pytest.mark.parametrize("name", NAMES)
def test_what_runs_is_asked_whether_it_gets_on_by_a_module_that_is_there(name: str) -> None:
    health = OURS[name]["healthcheck"]
    assert health["test"] == ["CMD", "python", "-m", probe.__name__]
    assert float(health["timeout"].rstrip("s")) > probe.SECONDS
    image = re.search(r"HEALTHCHECK .*\\\n\s+CMD (\[.*\])", (ROOT / "Dockerfile").read_text())
    assert image is not None
    assert yaml.safe_load(image[1]) == health["test"][1:]


def test_prometheus_asks_each_process_on_its_own_port() -> None:
    told = yaml.safe_load((ROOT / "docs/prometheus/prometheus.yml").read_text())
    (job,) = told["scrape_configs"]
    asked = {name: sd["port"] for sd in job["dns_sd_configs"] for name in sd["names"]}
    assert asked == {name: port_of(None, name) for name in NAMES}
    assert set(asked) <= set(OURS)
    for name in NAMES:
        environment = OURS[name]["environment"]
        assert environment["DM_MONITOR_HOST"] == "0.0.0.0"  # noqa: S104 - inside its network
        assert "DM_MONITOR_PORT" not in environment
    (volume,) = SERVICES["prometheus"]["volumes"]
    folder, inside, _ = volume.split(":")
    for rules in told["rule_files"]:
        assert (ROOT / rules.replace(inside, folder)).exists()


def test_no_secret_has_a_value_in_the_file() -> None:
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|TOKEN", variable):
                assert value.startswith("${"), f"{variable} has a value"


def test_the_image_does_not_run_as_root_and_starts_the_command_line() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    last_stage = dockerfile.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!root)\w+$", last_stage, re.MULTILINE)
    assert 'ENTRYPOINT ["dmstream"]' in last_stage


def test_all_that_is_copied_into_the_image_is_let_through() -> None:
    let_through = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    names = {name for line in copied for name in line.split()}
    assert names == let_through
    assert all((ROOT / name).exists() for name in names)
