"""Workers on a Ray cluster. The only file that knows Ray.

Starts them where there is room, gives them work, tells what they have made and which are lost.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from engines import ModelFile
from engines.errors import EngineUnavailable, LivebrushError, UsageError
from engines.install import install_line
from engines.machine import cpu_threads
from realtime.cli import say
from realtime.files.farm.part_painter import PartPainter, pack_model

LOCAL = "local"
# Of a worker: it paints on one, and decodes and encodes on the other.
_CPUS = 2
_CONNECT_S = 5.0
_FAILED_STARTS = 5
_PATIENCE_S = 60.0
_SAY_AFTER_S = 20.0


@dataclass(eq=False)
class Worker:
    """One process on some machine."""

    actor: Any
    """Ray's handle of it."""
    node: str = ""
    """The name of its machine; empty until it has started."""
    stream: Any = None
    """What it is making, one after the other; None while it is free."""
    node_id: str = field(default="", repr=False)
    """Tells its machine from others."""


@dataclass(frozen=True)
class Made:
    """``worker`` has made ``item``."""

    worker: Worker
    item: object


@dataclass(frozen=True)
class Ended:
    """``worker`` has made all that it was asked for, and is free."""

    worker: Worker


@dataclass(frozen=True)
class Lost:
    """``worker`` is gone, and with it what it had not finished."""

    worker: Worker


class _Actor(PartPainter):
    """PartPainter as Ray starts it."""

    def __init__(self, model_files: dict[str, bytes]) -> None:
        import ray

        self._node_id: str = ray.get_runtime_context().get_node_id()
        own_address: Callable[[], str] = ray.util.get_node_ip_address
        super().__init__(model_files, f"{socket.gethostname()} ({own_address()})")

    def hello(self) -> Iterator[tuple[str, str]]:
        yield self._node, self._node_id


class Cluster:
    """The workers that paint with ``model`` on the Ray cluster at ``address``.

    ``address``: HOST:PORT of a running cluster, or ``local`` for one of this machine alone, which
    ends with this program. One thread; end with ``close``. Until then nothing but errors reaches
    standard output, to which Ray would write.

    Raises EngineUnavailable if Ray is not installed, nothing answers at the address, or no machine
    there has a CPU to give.
    """

    def __init__(self, address: str, model: ModelFile) -> None:
        if importlib.util.find_spec("ray") is None:
            raise EngineUnavailable(
                f"--cluster needs Ray, which is not installed. Type: {install_line('farm')}"
            )
        _check_address(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Whoever reaches a cluster without one can run anything there.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        import ray

        self._ray: ModuleType = ray
        self.workers: list[Worker] = []
        self._failed_starts = 0
        self._alone_since_s: float | None = None
        self._has_said = False
        self._to_undo = contextlib.ExitStack()
        self._to_undo.enter_context(contextlib.redirect_stdout(io.StringIO()))
        self._to_undo.callback(_connect(address))
        sizes = [int(node["Resources"].get("CPU", 0)) for node in self._nodes()]
        if not any(sizes):
            self.close()
            raise EngineUnavailable(
                f"--cluster {address}: no machine of this cluster has CPUs to give."
            )
        self.cpus = min(_CPUS, *(size for size in sizes if size))
        self._model_files = ray.put(pack_model(model))

    @property
    def room(self) -> int:
        """Return how many workers the cluster has room for, if nobody else uses it."""
        return sum(int(node["Resources"].get("CPU", 0)) // self.cpus for node in self._nodes())

    def grow(self, wanted: int) -> None:
        """Start workers until there are ``wanted``, or as many as there is room for.

        They are free once they have started.
        """
        self._wait_for_machines()
        actor = self._ray.remote(_Actor).options(num_cpus=self.cpus, scheduling_strategy="SPREAD")
        for _ in range(min(wanted, self.room) - len(self.workers)):
            worker = Worker(actor.remote(self._model_files))
            self.workers.append(worker)
            self.begin(worker, "hello")

    @property
    def free(self) -> list[Worker]:
        """Return the workers that have started and have nothing to do."""
        return [worker for worker in self.workers if worker.node and worker.stream is None]

    def begin(self, worker: Worker, method: str, *arguments: Any) -> None:
        """Have ``worker`` call a method of PartPainter that yields; ``next_event`` tells what."""
        worker.stream = (
            getattr(worker.actor, method).options(num_returns="streaming").remote(*arguments)
        )

    def next_event(self, timeout_s: float) -> Made | Ended | Lost | None:
        """Return what happened first; None if nothing did within ``timeout_s``.

        Raises the LivebrushError that a worker ended with.
        """
        streams = {worker.stream: worker for worker in self.workers if worker.stream is not None}
        ready = (
            self._ray.wait(list(streams), num_returns=1, timeout=timeout_s)[0] if streams else []
        )
        return self._take_event(streams[ready[0]]) if ready else None

    def drop(self, worker: Worker) -> None:
        """End it, whatever it is doing."""
        self.workers.remove(worker)
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(worker.actor)

    def close(self) -> None:
        """End all workers, and the cluster if it is local. Closing twice is harmless."""
        for worker in list(self.workers):
            self.drop(worker)
        self._to_undo.close()

    def _take_event(self, worker: Worker) -> Made | Ended | Lost | None:
        errors = self._ray.exceptions
        try:
            item = self._ray.get(next(worker.stream))
        except StopIteration:
            worker.stream = None
            return Ended(worker)
        except errors.RayTaskError as error:
            worker.stream = None
            raise error.cause if isinstance(error.cause, LivebrushError) else error from None
        except errors.RayError as error:
            return self._drop_lost(worker, error)
        if not worker.node:
            worker.stream = None
            worker.node, worker.node_id = item
            self._failed_starts = 0
            return None
        return Made(worker, item)

    def _drop_lost(self, worker: Worker, error: Exception) -> Lost:
        """Drop ``worker``, and the free workers of its machine.

        If it is the machine that is gone, they would be asked in vain.
        """
        for other in (worker, *(free for free in self.free if free.node_id == worker.node_id)):
            self.drop(other)
        if not worker.node:
            self._failed_starts += 1
            if self._failed_starts == _FAILED_STARTS:
                reason = str(error).strip().splitlines()[-1]
                raise EngineUnavailable(
                    f"--cluster: workers do not start ({reason}). Every machine needs the same "
                    f"Livebrush and the same Python: {install_line('farm')}"
                ) from error
        return Lost(worker)

    def _wait_for_machines(self) -> None:
        """Give up after a while: machines may come back, and others' work may end."""
        if any(worker.node for worker in self.workers):
            self._alone_since_s = None
            return
        now_s = time.monotonic()
        before_s, self._alone_since_s = self._alone_since_s or now_s, self._alone_since_s or now_s
        if now_s - before_s > _PATIENCE_S and not self.room:
            raise EngineUnavailable(
                "--cluster: no machine with CPUs is left in the cluster. Start them again, and add "
                "--resume."
            )
        if now_s - before_s > _SAY_AFTER_S and not self._has_said:
            self._has_said = True
            say(
                f"waiting for {self.cpus} free CPUs in the cluster, which has "
                f"{self.room * self.cpus}"
            )

    def _nodes(self) -> list[dict[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]


def _check_address(address: str) -> None:
    """Raise UsageError for what is no address, EngineUnavailable if nobody answers there.

    Ray itself takes a minute and a half to find that out, and then ends the program.
    """
    host, _, port = address.rpartition(":")
    if address == LOCAL:
        return
    if not host or not port.isdecimal() or int(port) > 65_535 or "/" in host:
        raise UsageError(
            f"--cluster is HOST:PORT, as `ray start --head` shows it, or local, not {address!r}."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except OSError as error:
        raise EngineUnavailable(
            f"--cluster {address}: no cluster answers there ({error.strerror or error}). On its "
            "first machine: ray start --head"
        ) from error


def _connect(address: str) -> Callable[[], None]:
    """Connect, and return what disconnects.

    Ray sets a handler for SIGTERM, and would tell of every lost machine in forty lines.
    """
    import ray

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    is_local = address == LOCAL
    try:
        ray.init(
            address=address,
            num_cpus=cpu_threads() if is_local else None,
            include_dashboard=False if is_local else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # Ray has no class for what goes wrong here
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise EngineUnavailable(
            f"--cluster {address}: {reason}. Its token must be in ~/.ray/auth_token here too: copy "
            "that of the cluster's first machine, where `ray get-auth-token --generate` makes it."
        ) from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    with contextlib.suppress(OSError):  # it is elsewhere, or somebody else's
        (Path.home() / ".ray" / "auth_token").chmod(0o600)
    return ray.shutdown
