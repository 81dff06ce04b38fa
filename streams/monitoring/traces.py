"""One trace from a webhook to its rows, by OpenTelemetry; off unless DM_TRACES says so.

The context travels as W3C's `traceparent` in the records' headers: from the gateway's record to the
events that it leads to, and from there to the insert that archives them. What agents write beyond
that (places in the month, decisions on commands) has no webhook of its own and no trace.

Off, a call here costs a comparison. OpenTelemetry is imported only where it is on.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

TRACEPARENT = "traceparent"

Headers = list[tuple[str, bytes]]


class Record(Protocol):
    @property
    def headers(self) -> Any: ...


class TracesNotInstalledError(RuntimeError):
    def __init__(self) -> None:
        super().__init__(
            "DM_TRACES is on and OpenTelemetry is not installed: pip install 'dmstream[traces]'"
        )


@dataclass(frozen=True, slots=True)
class Begun:
    headers: Headers
    """They continue the trace; empty where traces are off."""
    end: Callable[[], None]


_tracer: "Tracer | None" = None
_NOT_BEGUN = Begun([], lambda: None)
_OFF: AbstractContextManager[Headers] = nullcontext([])


def configure(process: str, exporter: "SpanExporter | None" = None) -> None:
    """Turns traces on. Without an exporter they go by OTLP to where OTEL_EXPORTER_OTLP_ENDPOINT
    says. Raises TracesNotInstalledError."""
    global _tracer  # noqa: PLW0603 - as the API itself has it: one provider a process
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
            BatchSpanProcessor,
            SimpleSpanProcessor,
        )
    except ImportError as error:
        raise TracesNotInstalledError from error
    resource = Resource.create({"service.name": f"dmstream-{process}"})
    provider = TracerProvider(resource=resource)
    if exporter is None:
        provider.add_span_processor(BatchSpanProcessor(_otlp()))
    else:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    _tracer = provider.get_tracer("dmstream")


def turn_off() -> None:
    global _tracer  # noqa: PLW0603
    _tracer = None


def begun(name: str, **attributes: str) -> Begun:
    """A span that begins a trace and lasts until its `end` is called."""
    if _tracer is None:
        return _NOT_BEGUN
    from opentelemetry.trace.propagation import set_span_in_context  # noqa: PLC0415

    span = _tracer.start_span(name, attributes=attributes)
    return Begun(_headers_of(set_span_in_context(span)), span.end)


def following(record: Record, name: str, **attributes: str) -> AbstractContextManager[Headers]:
    """A span below the one that `record` came with. Gives the headers for what follows from it;
    empty where the record has no trace."""
    if _tracer is None:
        return _OFF
    context = _context_of(record)
    return _OFF if context is None else _span(_tracer, name, context, attributes)


def inserted(records: Iterable[Record], began: int, ended: int, *, topic: str) -> None:
    """One span for each traced record of an insert. Times in nanoseconds since 1970."""
    if _tracer is None:
        return
    for record in records:
        context = _context_of(record)
        if context is not None:
            span = _tracer.start_span(
                "archive insert", context=context, start_time=began, attributes={"topic": topic}
            )
            span.end(ended)


@contextmanager
def _span(
    tracer: "Tracer", name: str, context: "Context", attributes: dict[str, str]
) -> Generator[Headers]:
    from opentelemetry.trace.propagation import set_span_in_context  # noqa: PLC0415

    # An exception's own text may quote a message: it is not recorded.
    with tracer.start_as_current_span(
        name,
        context=context,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield _headers_of(set_span_in_context(span))


def _headers_of(context: "Context") -> Headers:
    carrier: dict[str, str] = {}
    _propagator().inject(carrier, context)
    return [(name, value.encode()) for name, value in carrier.items()]


def _context_of(record: Record) -> "Context | None":
    for name, value in _headers(record):
        if name == TRACEPARENT:
            context: Context = _propagator().extract(
                {TRACEPARENT: value.decode("ascii", "replace")}
            )
            return context
    return None


def _headers(record: Record) -> Iterator[tuple[str, bytes]]:
    yield from record.headers or ()


def _propagator() -> Any:
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
        TraceContextTextMapPropagator,
    )

    return TraceContextTextMapPropagator()


def _otlp() -> "SpanExporter":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
    except ImportError as error:
        raise TracesNotInstalledError from error
    return OTLPSpanExporter()
