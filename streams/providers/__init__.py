"""Outbound connectors: Ayrshare, Meta, X. Read `protocol` first, then `retry`."""
