"""Where a process is asked about itself, on its monitor's port."""

LIVE_PATH = "/health/live"
"""200 while there is progress; else 503: start it anew."""
READY_PATH = "/health/ready"
"""200 once recovered and able to work; else 503: wait."""
METRICS_PATH = "/metrics"
