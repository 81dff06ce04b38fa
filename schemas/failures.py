"""What could not be understood or done: kept whole, with where and why."""

from dataclasses import dataclass
from typing import Literal

Stage = Literal[
    "read", "normalise", "register", "state", "command", "deliver", "backfill", "hook", "sink"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure. `message` says what happened and what to do; never a message text or a secret.

    Reasons in use: `unreadable` (not JSON), `not_an_object`, `unknown_shape`, `missing_account`,
    `bad_value`, `unknown_provider`, `unknown_account`, `invalid_event`, `invalid_command`,
    `reader_fault` (an error of dmstream's own; mend it, then replay). Of the stage `backfill`: the
    classes of `streams.providers.protocol.ErrorClass`, `credential_missing`, `wrong_account`. Of
    the stage `hook`: `webhook_given_up`, `webhook_disabled`.
    """

    stage: Stage
    reason: str
    message: str
    error_class: str = ""
