"""What each metric is, in plain Python: loops and sums over the events of one profile.

Each function is named as its view and gives the view's rows, as tuples in no order. Columns that
depend on the time of the query stand in the views' other tests.
"""

from collections.abc import Callable

from tests.pipeline.metric_model.answering import (
    auto_response_effect,
    closing_windows,
    first_response_times,
    first_responses,
    reporting_spans,
    response_times_daily,
    waiting_conversations,
)
from tests.pipeline.metric_model.correspondents import (
    active_conversations,
    conversations_started_daily,
    correspondent_retention,
)
from tests.pipeline.metric_model.delivery import (
    delivery_daily,
    read_rates_daily,
    send_outcomes_daily,
    sends,
)
from tests.pipeline.metric_model.profile import Profile
from tests.pipeline.metric_model.reply_windows import reply_windows, reply_windows_daily
from tests.pipeline.metric_model.rows import Rows
from tests.pipeline.metric_model.volume import (
    attachments_daily,
    conversation_activity,
    ingestion_delays_daily,
    messages_daily,
    messages_hourly,
    profiles,
    reactions_daily,
)

MODELS: dict[str, Callable[[Profile], Rows]] = {
    model.__name__: model
    for model in (
        messages_daily, messages_hourly, conversations_started_daily, active_conversations,
        waiting_conversations, reporting_spans, first_responses, response_times_daily,
        auto_response_effect, reply_windows, reply_windows_daily, sends, send_outcomes_daily,
        delivery_daily, reactions_daily, read_rates_daily, correspondent_retention,
        attachments_daily, ingestion_delays_daily, profiles, closing_windows,
        first_response_times, conversation_activity,
    )
}  # fmt: skip

NOT_COMPARED: dict[str, tuple[str, ...]] = {
    "waiting_conversations": ("waiting_seconds", "window_remaining_seconds"),
    "closing_windows": ("window_remaining_seconds",),
}
"""Columns that say how long it is until the query or from it."""
