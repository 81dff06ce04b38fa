"""The core: every rule of messaging as pure functions. No Faust, no Kafka, no clock, no I/O.

Three verbs, one noun:

- `evolve(state, event) -> state` applies a fact. State is nothing but the fold of the log.
- `react(state, event, rules) -> events` says which facts follow from a fact just applied.
- `decide(state, command, at, rules) -> events` answers a command.
- `can_reply(profile, conversation, at, rules) -> Decision` asks without sending.

What interleaving two topics leaves open is decided once, by `react` and `decide`, and written into
events (a conversation's rank, above all). `evolve` never decides, so the log alone gives the state.
"""
