"""The rows of the table: one module for those that are measured together."""

from bench.rows import archive, conversations, cores, gateway, latency, state, visible

GROUPS = (
    conversations.GROUP,
    archive.GROUP,
    gateway.GROUP,
    visible.GROUP,
    latency.GROUP,
    state.GROUP,
    cores.GROUP,
)
