"""A day of direct messages that never was: signed webhooks, and a file of what they mean.

Read `world` (who there is), `happenings` and `scene` (what can happen), `story` (how it goes),
`bodies` (how the platforms tell it), `delivery` (in which order, how often, how broken),
`outcome` (what it comes to), `compare` (whether the archive says the same). `simulation` puts
these together without a clock or a network; `client` and `running` send it.
"""
