"""HTTP for a server that has no proxy before it: who says nothing is hung up on.

uvicorn closes a connection that is silent after an answer, but waits without end for the rest of a
request that has begun (neither it nor h11 has a time limit for that), and counts such connections
against its limit. Here a connection waits while no request of it is being answered: before the
first, in the midst of one, after one. It waits for `PATIENCE` seconds at most, however slowly
something comes meanwhile, and where too many wait, the one that has waited longest makes room.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 5.0  # seconds for a whole request, head and body
FLUSH = 60.0  # seconds more for the rest of an answer to be taken
MOST = 512  # connections, of which half may wait


class Patient(H11Protocol):
    """One connection. It needs uvicorn's `limit_concurrency`."""

    waits_since: float | None = None  # on the loop's clock; None while a request is answered
    _timer: asyncio.TimerHandle | None = None

    def connection_made(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, transport: asyncio.Transport
    ) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._be_busy()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._be_busy()

    def on_response_complete(self) -> None:
        self._wait()  # first: the next request may have come already, and is begun below
        super().on_response_complete()

    def _wait(self) -> None:
        self._be_busy()
        self.waits_since = self.loop.time()
        self._timer = self.loop.call_later(PATIENCE, self._hang_up)
        self._make_room()

    def _be_busy(self) -> None:
        self.waits_since = None
        if self._timer is not None:
            self._timer.cancel()

    def _hang_up(self) -> None:
        """At once, or when the answer has been taken."""
        if self.transport.get_write_buffer_size():
            self._timer = self.loop.call_later(FLUSH, self._cut)
            self.transport.close()
        else:
            self._cut()

    def _cut(self) -> None:
        self._be_busy()  # it is not chosen again
        self.transport.abort()

    def _make_room(self) -> None:
        patient = (x for x in self.connections if isinstance(x, Patient))
        waiting = {x: x.waits_since for x in patient if x.waits_since is not None}
        if len(waiting) > (self.limit_concurrency or MOST) // 2:
            min(waiting, key=lambda x: waiting[x])._cut()


def most_connections() -> int:
    """How many a server may have: half the files that this process may open, since it trains."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return MOST
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else min(MOST, files // 2)
