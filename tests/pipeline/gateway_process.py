"""The gateway as a process of its own, keyed by a small rule; settings come as DM_... variables."""

from streams.gateway.server import serve
from streams.settings import Settings
from tests.unit.gateway.calls import first_account

if __name__ == "__main__":
    serve(Settings(_env_file=None), reference=first_account)
