"""Which engine it is that painted, so that another one like it can go on with the work."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engines.base import Engine
from engines.machine import cpu_threads


@dataclass(frozen=True)
class EngineIdentity:
    """All of an engine that decides how its pixels come out, beside the model and the versions."""

    name: str
    precision: str
    """As the engine has resolved it, never "auto"."""
    device: str
    threads: int
    """CPU threads for inference, as many as were asked for or may be used."""

    @classmethod
    def of(cls, engine: Engine) -> EngineIdentity:
        """Return the identity of an open engine."""
        threads = engine.options.threads or cpu_threads()
        return cls(engine.name, engine.precision, engine.device, threads)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, JSON-ready, as manifests of interrupted runs have them."""
        return asdict(self)
