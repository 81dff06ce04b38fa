"""Happenings into webhook bodies, byte for byte as the providers send them."""

from streams.simulator.bodies.render import Post, render

__all__ = ["Post", "render"]
