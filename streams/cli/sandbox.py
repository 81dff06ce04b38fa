"""`dmstream sandbox`."""

from streams.sandbox.command import sandbox_command

__all__ = ["sandbox_command"]
