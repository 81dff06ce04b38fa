"""The REST API: what Ayrshare's clients speak, on the pipeline. docs/api.md is its manual.

The way of a request: `streams.gateway` (sockets, arrival limits), `app` (which path goes where),
`bounds` (size of the body), `access` (key, profile, scope, rate), one file of routes, and then
either `performing` (commands onto the log, outcomes from it) or `sinks.reading` (the archive).

It knows no rule of messaging: commands are decided by the conversations worker, and what may be
sent is asked of the core, on state that is folded from the archive (`states`).
"""
