"""What the steps of `up` share."""

from dataclasses import dataclass, field

from streams.local.screen import Screen
from streams.local.supervisor import Supervisor
from streams.settings import Settings


@dataclass(slots=True)
class Pipeline:
    settings: Settings
    """As the children get them: with secrets, and with `embedded` told."""
    screen: Screen
    apache: bool = False
    """Apache Kafka is started here: its log is the data folder's own, and stays."""
    supervisor: Supervisor = field(init=False)
    serving: bool = False
    """Everything asked for is done; from now on a stop is the ordinary end."""
    accepts: bool = False
    """The gateway is there and workers read: what is under way is worth waiting for."""
    log: str = ""
    """The incarnation of the log, once the broker is up."""

    api_key: str = field(default="", repr=False)
    """Of the REST API, for the person at this machine."""

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.screen.note)
