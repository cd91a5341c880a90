"""Records of what becomes of the spans of a process; times are in seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass

JAEGER_PAGES_HINT = "Port 16686 is that of Jaeger's pages: it accepts spans and drops them. Send to 4318 or 4317."
GRPC_HINT = "Port 4318 takes OTLP over HTTP, and this sends over gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf."
HTTP_HINT = "Port 4317 takes OTLP over gRPC, and this sends over HTTP: send to port 4318."


@dataclass(frozen=True, slots=True)
class Exporter:
    """A span exporter of a process, and what has become of its exports since the monitor watches it.

    ``name`` and ``processor`` are the names of their classes; ``name`` is empty for a processor in which no exporter is
    known. ``exported`` spans were accepted, ``lost`` ones were in exports that failed, and ``dropped`` ones found a
    full queue; None where that is not known. ``failures`` is the number of exports that failed since the last success,
    ``reason`` that of the last failure. ``running_since`` is when an export under way began.
    """

    name: str
    processor: str
    endpoint: str | None = None
    is_watched: bool = False
    exported: int = 0
    lost: int = 0
    dropped: int | None = None
    failures: int = 0
    last_success_at: float | None = None
    last_failure_at: float | None = None
    running_since: float | None = None
    reason: str = ""

    @property
    def loses(self) -> bool:
        """Whether it loses spans now, or has lost some."""
        return bool(self.failures or self.lost or self.dropped)

    @property
    def hints(self) -> list[str]:
        """What is wrong with the port of its endpoint, by the usual ones of OTLP and Jaeger."""
        _, _, rest = (self.endpoint or "").rpartition("//")
        port = rest.partition("/")[0].rpartition(":")[2]
        over_grpc, over_http = ".grpc." in self.name, ".http." in self.name
        return [
            hint
            for hint, applies in (
                (JAEGER_PAGES_HINT, port == "16686"),
                (GRPC_HINT, over_grpc and port == "4318"),
                (HTTP_HINT, over_http and port == "4317"),
            )
            if applies
        ]


@dataclass(frozen=True, slots=True)
class Tracing:
    """What becomes of a process's spans: its exporters, and why there are none.

    ``without_parent`` dispatches had no span around them, and none had one; ``advice`` says what to do about it.
    """

    exporters: tuple[Exporter, ...] = ()
    without_parent: int = 0
    advice: str = ""
