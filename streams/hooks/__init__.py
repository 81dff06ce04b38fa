"""Webhooks out: subscriptions, payloads in Ayrshare's flat form, signatures, and the request."""
