"""Raw webhook bodies into canonical events: pure functions of (provider, body, receipt time).

`normalise` is the door. It hands the parsed body to `meta`, `x` or `ayrshare`, which walk it and
frame each item (which account, which correspondent, when, by which side); the modules beside them
read what happened. `common` reads values of doubtful types, `building` makes events and ids and
turns what can't be read into failures. `*_payloads` are the bodies' shapes.
"""

from schemas.webhooks.normalise import Normalised, account_reference, normalise

__all__ = ["Normalised", "account_reference", "normalise"]
