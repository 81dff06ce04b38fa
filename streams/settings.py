"""All settings, one class. Environment variables `DM_...`, `.env` read if there.

Secrets live only here.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from schemas.business_hours import BusinessHours
from streams.limits import Limit, parsed, waits

EMBEDDED_PARTITIONS = 2
"""As many as workers of a name have cores there. A fetch costs the embedded broker by partitions
that it asks for, and an insert costs ClickHouse the same whatever it holds (docs/state-at-scale.md
and docs/performance.md have both): eight took more than a core of two at any rate of messages."""


class Settings(BaseSettings):
    """Every process is made from one of these; nothing else reads the environment."""

    model_config = SettingsConfigDict(
        env_prefix="DM_", env_file=".env", extra="ignore", allow_inf_nan=False
    )

    # Where things are
    data_dir: Path = Path("data")
    """Embedded ClickHouse's folder, logs and run files of `dmstream up`."""
    kafka: str = "127.0.0.1:19092"
    """Bootstrap servers, comma separated."""
    clickhouse_url: str = "http://127.0.0.1:18123"
    """Where the gateway and the workers reach it."""
    clickhouse_read_only_url: str = "http://127.0.0.1:18124"
    """Where analysts connect: the embedded server's second port. Refuses whatever writes."""
    clickhouse_user: str = "default"
    clickhouse_password: SecretStr = SecretStr("")
    clickhouse_database: str = "dm"
    """Base tables. The views for analysts are in `dm_analytics`."""
    clickhouse_read_only_user: str = "default"
    clickhouse_read_only_password: SecretStr = SecretStr("")
    clickhouse_cluster: str = ""
    """Tables are made replicated, on all servers of this cluster; empty for a single server."""
    clickhouse_connect_seconds: int = Field(default=5, ge=1)
    """How long a connection may take."""
    clickhouse_answer_seconds: int = Field(default=60, ge=1)
    """After it an insert's fate is unknown, and it is sent again under its token."""

    # Kafka
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_username: str = ""
    kafka_password: SecretStr = SecretStr("")
    kafka_ca_file: Path | None = None
    """Of the authority that signed the brokers' certificates; else the system's."""
    partitions: int = Field(default=8, ge=1)
    """Of every topic keyed by profile; on the embedded broker 2, where it does not say. Keys are
    spread by it: docs/scaling.md says what changing it later takes."""
    replication: int = Field(default=1, ge=1)
    """Copies of each partition: 3 where three brokers are."""
    min_insync: int | None = Field(default=None, ge=1)
    """How many replicas must have a record before it is acknowledged: of every topic that we make,
    the workers' changelogs too. None: 2 with DM_REPLICATION of 3 or more, else 1."""
    local_kafka: Literal["embedded", "apache"] = "embedded"
    """What `dmstream up` starts at DM_KAFKA: the embedded broker, which forgets at exit, or Apache
    Kafka, which keeps its log in the data folder and needs Java."""
    apache_kafka_version: str = Field(default="4.4.0", pattern=r"^\d+\.\d+\.\d+$")
    """Of that Apache Kafka; fetched by Maven once. Its data can't go back to an older one."""
    embedded: bool = False
    """The broker is the embedded one: short session timeouts, no idempotent producer."""
    kafka_session_seconds: float | None = Field(default=None, ge=2)
    """How long a worker may be silent before its partitions go to another. None: Faust's 60 s, on
    the embedded broker 4 s."""
    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """Put before every topic and group name: several pipelines on one Kafka, and tests."""

    # Gateway
    host: str = "127.0.0.1"
    """The gateway's address. Put something that ends TLS before it."""
    port: int = Field(default=8080, ge=1, le=65535)
    """The gateway's port."""
    max_body_bytes: int = Field(default=1024 * 1024, ge=1, le=1024 * 1024)
    """At most 1 MiB: the topics take records of four times that."""
    ayrshare_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Webhook secrets; several while one rotates, comma separated."""
    meta_app_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    meta_verify_token: SecretStr = SecretStr("")
    meta_app_ids: Annotated[tuple[str, ...], NoDecode] = ()
    """The Meta apps that are ours, comma separated: thread control is told by them."""
    x_consumer_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    webhook_tolerance_seconds: int = Field(default=300, ge=0)
    """How far the time that comes with a signature may be from ours. 0: unchecked."""
    publish_timeout_seconds: float = Field(default=4.0, gt=0)
    """A webhook that the broker has not acknowledged by then is answered 503. Below the shortest
    patience among the platforms, Meta's 5 s, so that they hear our answer."""
    request_timeout_seconds: float = Field(default=10.0, gt=0)
    """A request must have arrived whole by then, else 408: slow senders hold nothing for long."""
    max_in_flight_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    """Bodies read and not yet acknowledged, all together; above it webhooks are answered 503."""
    shutdown_grace_seconds: int = Field(default=10, ge=1)
    """How long requests under way may take once the gateway was asked to stop."""

    # REST API
    api_wait_seconds: float = Field(default=10.0, ge=0, le=60)
    """How long a request to send waits for its outcome, where it does not say (`Prefer: wait=`)."""
    api_fresh_seconds: float = Field(default=2.0, ge=0, le=30)
    """How long a question waits for the archive to have all that the log had when it was asked."""
    api_rate_max: int = Field(default=300, ge=1)
    """Requests of one key to one profile in a period, at each gateway."""
    api_rate_seconds: int = Field(default=300, ge=1)
    """That period."""
    api_streams_max: int = Field(default=100, ge=1)
    """Live streams open at once, at each gateway. Each is a reader of Kafka."""

    # Webhooks out
    hook_allow_private: bool = False
    """Plain http, and addresses of our own network: for tests on one machine."""
    hook_timeout_seconds: float = Field(default=15.0, gt=0)
    """A receiver that has not answered by then failed."""
    hook_retry_seconds: Annotated[tuple[float, ...], NoDecode] = Field(
        default=(5, 15, 60, 180, 300, 600, 900, 1500, 3600), min_length=1
    )
    """Waits before each further attempt, comma separated; the last one repeats. Spread by a fifth
    to either side. Nine attempts within the first hour, then one an hour."""
    hook_give_up_hours: float = Field(default=24.0, gt=0, le=8_784)
    """An event that was refused for so long is given up, and the next one is tried."""
    hook_disable_hours: float = Field(default=72.0, gt=0, le=8_784)
    """A receiver that took nothing for so long is told nothing more until it is registered anew."""

    # Dashboard
    dashboard_host: str = "127.0.0.1"
    dashboard_port: int = Field(default=8081, ge=1, le=65535)
    dashboard_login: Literal["keys", "none"] = "keys"
    """It shows messages: `keys` asks for an API key that may read all profiles. `none` lets in
    whoever is on this machine, and is refused on any address but loopback."""
    dashboard_https: bool = False
    """People reach it by https (something before it ends TLS): its cookie goes over that only."""

    # Where sends go; credentials are looked up by name (streams.providers.credentials)
    ayrshare_url: str = "https://api.ayrshare.com/api"
    meta_graph_url: str = "https://graph.facebook.com/v25.0"
    """Messenger, and Instagram through the linked page."""
    meta_instagram_url: str = "https://graph.instagram.com/v25.0"
    """Instagram through its own login."""
    x_url: str = "https://api.x.com"
    sandbox: bool = False
    """The addresses above are a sandbox's: credentials are made up, real ones are not looked at.
    `dmstream up` sets it for its workers, unless it is told --real-platforms."""
    sandbox_port: int = Field(default=8090, ge=1, le=65535)
    """Where `dmstream up` starts the sandbox, on loopback."""
    media_allow_private: bool = False
    """Fetch media for X from addresses of our own network too: for the sandbox and tests."""

    # How many sends leave for one account (docs/rules; streams.providers.rates has the sources).
    # `15/900, 1440/86400`: 15 in 900 seconds, and 1,440 in a day. Empty: no limit of ours.
    meta_send_limits: Annotated[tuple[Limit, ...], NoDecode] = (Limit(300, 1),)
    """Messages of one page or Instagram account."""
    meta_media_limits: Annotated[tuple[Limit, ...], NoDecode] = (Limit(10, 1),)
    """Those of them that are audio or video."""
    meta_person_limits: Annotated[tuple[Limit, ...], NoDecode] = (Limit(200, 86_400),)
    """Messages of one account for each person that it wrote to in that time."""
    x_send_limits: Annotated[tuple[Limit, ...], NoDecode] = (Limit(15, 900), Limit(1440, 86_400))
    """Messages of one account. What X's headers say replaces the first."""
    ayrshare_send_limits: Annotated[tuple[Limit, ...], NoDecode] = (Limit(300, 300),)
    """Calls of one profile, on all its networks. What Ayrshare's headers say replaces the first."""
    send_burst: float = Field(default=1 / 3, gt=0, le=0.9)
    """The share of a limit that may leave at once; the rest is spread over its time."""

    # Rules whose numbers are settings (docs/rules)
    auto_register: bool = True
    """A webhook of an account that nobody linked links it; off, it is kept as a failure."""
    monthly_limit: int = Field(default=100, ge=0)
    """Active conversations of a profile in a month, where it has no limit of its own."""
    month_zone: str = "UTC"
    """IANA name; months begin at midnight there."""
    business_hours: str = "12345 09:00-17:00"
    """Weekdays (1 is Monday) and hours in the profile's zone, for profiles that set none of their
    own. Response times in business hours count these."""

    @field_validator(
        "ayrshare_secrets",
        "meta_app_secrets",
        "meta_app_ids",
        "x_consumer_secrets",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator(
        "meta_send_limits",
        "meta_media_limits",
        "meta_person_limits",
        "x_send_limits",
        "ayrshare_send_limits",
        mode="before",
    )
    @classmethod
    def _read_limits(cls, value: object) -> object:
        return parsed(value) if isinstance(value, str) else value

    @field_validator("hook_retry_seconds", mode="before")
    @classmethod
    def _read_waits(cls, value: object) -> object:
        return waits(value) if isinstance(value, str) else value

    @field_validator("clickhouse_url", "clickhouse_read_only_url")
    @classmethod
    def _address(cls, value: str) -> str:
        """The error does not repeat it: a password may stand in it."""
        try:
            parts = urlsplit(value)
            is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # no number for a port, brackets that do not close
            is_one = False
        if not is_one:
            raise ValueError("must be an address as http://127.0.0.1:8123 or https://host:8443")
        return value

    @field_validator("month_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("no zone of that name: use one as Europe/Berlin") from error
        return value

    @field_validator("business_hours")
    @classmethod
    def _hours(cls, value: str) -> str:
        BusinessHours.parse(value)
        return value

    # For those who watch (docs/operations.md)
    monitor_host: str = "127.0.0.1"
    """Where metrics and health are served, without a key."""
    monitor_port: int | None = Field(default=None, ge=0, le=65535)
    """None: 9460 for the gateway, 9461 to 9464 for the workers. 0: nowhere."""
    live_seconds: float = Field(default=120.0, gt=0)
    """Lag without a commit for so long, and no server that is waited for: not live."""
    restarts: int = Field(default=0, ge=0)
    """How often this process was started anew; told by who starts it."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """auto: JSON, except on a terminal."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""
    traces: bool = False
    """OpenTelemetry spans from webhook to row; needs the extra `traces`, and its own OTEL_...
    variables say where they go."""
    ready_file: Path | None = None
    """A worker writes this file once it owns its partitions and its state is recovered."""

    @model_validator(mode="after")
    def _few_partitions_where_embedded(self) -> Self:
        if self.embedded and "partitions" not in self.model_fields_set:
            self.partitions = EMBEDDED_PARTITIONS
        return self

    @model_validator(mode="after")
    def _who_signs_in_says_who_it_is(self) -> Self:
        missing = [
            variable
            for variable, value in (
                ("DM_KAFKA_USERNAME", self.kafka_username),
                ("DM_KAFKA_PASSWORD", self.kafka_password.get_secret_value()),
            )
            if not value
        ]
        if "SASL" in self.kafka_security and missing:
            raise ValueError(
                f"DM_KAFKA_SECURITY is {self.kafka_security}: set {' and '.join(missing)} too"
            )
        return self

    def on_embedded_broker(self) -> "Settings":
        """These, for the embedded broker."""
        said = self.embedded or "partitions" in self.model_fields_set
        partitions = self.partitions if said else EMBEDDED_PARTITIONS
        return self.model_copy(update={"embedded": True, "partitions": partitions})

    @property
    def insync(self) -> int:
        """Two of three survive one that dies, and take writes without it."""
        return self.min_insync or (2 if self.replication > 2 else 1)  # noqa: PLR2004 - see above

    def topic(self, name: str) -> str:
        return self.topic_prefix + name

    @cached_property
    def log_dir(self) -> Path:
        return self.data_dir / "logs"
