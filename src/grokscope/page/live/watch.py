"""A run's page while it trains, served to this machine alone.

    GET /               the report's page, with a bar that says it is live
    GET /events?page=   server-sent events to who has that page: row, changed, finished, closed
    GET /FILE           one of `FILES` of the run's folder

The server listens on 127.0.0.1 and answers only who calls it so: a foreign site whose name is made
to point here (DNS rebinding) is refused. One thread looks at the run's files and makes the page
anew, another serves what there is, so that a slow page holds up no event. Who sends half a request
is hung up on (`patient.py`); 200 may watch at once.
"""

import asyncio
import hashlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from string import Template
from threading import Event, Thread

from grokscope.disk import open_regular
from grokscope.errors import BadInput, GrokscopeError
from grokscope.page.page import page
from grokscope.reading.reading import read
from grokscope.training.files import as_json
from grokscope.training.run import Run

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route

    from grokscope.page.live.patient import Patient, most_connections
except ModuleNotFoundError as error:
    raise BadInput(
        f"watching a run needs the package `{error.name}`, which is not installed. Install it: "
        'pip install "grokscope[watch]"'
    ) from None

HERE = "127.0.0.1"
HOSTS = [HERE, "localhost"]
FILES = {
    "metrics.jsonl": "application/jsonl",
    "spec.json": "application/json",
    "circuit.py": "text/x-python",
    "trace.parquet": "application/vnd.apache.parquet",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
ASSETS = Path(__file__).parents[1] / "assets"

LOOK_EVERY = 1.0  # seconds between looks at the run's files
REST = 4  # times as long as a page took to make until the next: it costs training a fifth at most
LEAST_REST = 2.0  # seconds
LONGEST_ROW = 4096  # bytes
TICK = 0.2  # seconds until a listener is told
HEARTBEAT = 15.0  # seconds after which a silent stream says that it is there


@dataclass(frozen=True)
class Shown:
    """A page as it is served."""

    html: str
    is_last: bool  # the run is finished, and this is its end

    @cached_property
    def version(self) -> str:
        """What the page is told apart by."""
        return hashlib.sha256(f"{self.is_last} {self.html}".encode()).hexdigest()[:16]


class _Closed(Exception):
    """The server is to close while a page is made."""


class Watch:
    """A run's page, live at `address` from here on and until `close`; a context that closes.

    Port 0 is one that is free. Raises `BadInput` for a port that cannot be had.
    """

    def __init__(
        self,
        run: Run,
        port: int = 0,
        *,
        look_every: float = LOOK_EVERY,
        least_rest: float = LEAST_REST,
    ):
        self.run = run
        self.shown = Shown(waiting(run), is_last=False)
        self.row: str | None = None  # the last evaluation, as JSON
        self.look_every, self.least_rest = look_every, least_rest
        self._socket = _listen(port)
        self.address = f"http://{HERE}:{self._socket.getsockname()[1]}/"
        self._ending, self._closed = Event(), Event()
        # Its own logger would write between the lines of the progress bar.
        config = uvicorn.Config(
            _app(self), log_config=None, log_level="critical", access_log=False, lifespan="off",
            ws="none", proxy_headers=False, server_header=False, http=Patient,
            limit_concurrency=most_connections(), timeout_graceful_shutdown=3,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._threads = [Thread(target=f, daemon=True) for f in (self._follow, self._serve)]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def wait(self) -> None:
        """Until it is closed, or someone presses Ctrl-C."""
        while not self._closed.wait(TICK):  # a wait without end is deaf to Ctrl-C on some systems
            pass

    def settle(self) -> None:
        """Make the last page, now that training is over; it is served on. When this returns the
        run's files are left alone."""
        self._ending.set()
        while self._threads[0].is_alive():
            self._threads[0].join(TICK)

    def close(self) -> None:
        """Tell the listeners, and give the port back."""
        self._closed.set()
        self._ending.set()
        self._server.should_exit = True
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def _follow(self) -> None:
        """Look at the run's files, and make its page when they have changed."""
        seen = None
        while not self._closed.is_set():
            is_over, start, rest = self._ending.is_set(), time.monotonic(), self.look_every
            try:
                stamp = _stamp(self.run)  # first: what changes from here on is seen next time
                if stamp != seen:
                    self.shown, seen = self._made(), stamp
                    rest = max(self.least_rest, REST * (time.monotonic() - start))
            except _Closed:
                return
            except Exception as error:  # half written, or damaged: say so, and look again
                self.shown = Shown(waiting(self.run, f"It cannot be read: {error}"), is_over)
                rest = max(self.least_rest, REST * (time.monotonic() - start))
            if is_over or self.shown.is_last:
                return
            self._rest(rest)

    def _rest(self, seconds: float) -> None:
        """Make no page, but see how far it is."""
        end = time.monotonic() + seconds
        while not self._ending.wait(self.look_every) and time.monotonic() < end:
            self.row = _last_row(self.run) or self.row

    def _made(self) -> Shown:
        run = self.run
        self.row = _last_row(run)
        is_last = run.is_finished
        if not run.steps or not (run.rows or run.is_imported):
            return Shown(waiting(run), is_last)
        return Shown(page(read(run, self._going_on)), is_last)

    def _going_on(self, done: int, total: int) -> None:
        if self._closed.is_set():
            raise _Closed

    async def events(self, has: str) -> AsyncIterator[str]:
        """The events for a listener that has the page of this version."""
        yield "retry: 2000\n\n"
        row, silent = None, time.monotonic()
        while not self._closed.is_set():
            shown = self.shown
            if shown.is_last:
                yield _event("finished", shown.version)
                return
            if shown.version != has:
                has, silent = shown.version, time.monotonic()
                yield _event("changed", has)
            elif time.monotonic() > silent + HEARTBEAT:
                silent = time.monotonic()
                yield ": still here\n\n"
            if self.row != row and self.row is not None:
                row = self.row
                yield _event("row", row)
            await asyncio.sleep(TICK)
        yield _event("closed", "")


def waiting(run: Run, told: str | None = None) -> str:
    """The page of a run that has none yet."""
    told = told or "It has no checkpoint yet. This page shows it as soon as there is one."
    text = Template((ASSETS / "waiting.html").read_text("utf-8"))
    return text.substitute(title=escape(run.name), told=escape(told))


def live(shown: Shown, run: Run) -> str:
    """The page with its bar, which listens unless it is the last."""
    links = [f'<a href="{name}" download>{name}</a>' for name in FILES if _has(run, name)]
    bar = Template((ASSETS / "live.html").read_text("utf-8")).substitute(
        version=shown.version,
        is_last="yes" if shown.is_last else "no",
        told="Training is finished." if shown.is_last else "Training.",
        files=" ".join(links),
    )
    before, end, after = shown.html.rpartition("</body>")
    return f"{before}{bar}{end}{after}" if end else shown.html + bar


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


def _stamp(run: Run) -> tuple[int, ...]:
    """What changes with the run's evaluations and checkpoints."""
    steps = run.steps
    files = [run.metrics_file, *(run.checkpoint(step) for step in steps[-1:])]
    found = [file.stat() for file in files if file.exists()]
    return len(steps), *(x for stat in found for x in (stat.st_mtime_ns, stat.st_size))


def _last_row(run: Run) -> str | None:
    """Step and accuracies of the last evaluation that is written in full, as JSON."""
    with suppress(OSError, ValueError, LookupError, TypeError, GrokscopeError):
        row = json.loads(_end_of_rows(run).split(b"\n")[-2])
        return as_json({key: row[key] for key in ("step", "train_accuracy", "test_accuracy")})
    return None


def _end_of_rows(run: Run) -> bytes:
    if run.share is not None:
        return run.lines
    with open_regular(run.metrics_file) as file:  # a pipe would be waited for
        file.seek(-min(LONGEST_ROW, file.seek(0, os.SEEK_END)), os.SEEK_END)
        return file.read()


def _has(run: Run, name: str) -> bool:
    shared = run.share is not None and name in ("metrics.jsonl", "spec.json")
    return shared or _own(run.folder, name) is not None


def _content(run: Run, name: str) -> bytes | None:
    """What may be sent of the run under this name; of a batch's files, its own share."""
    if run.share is not None and name == "metrics.jsonl":
        return run.lines
    if run.share is not None and name == "spec.json":
        return run.spec.to_json().encode()
    path = _own(run.folder, name)
    return None if path is None else path.read_bytes()


def _own(folder: Path, name: str) -> Path | None:
    """The file of the run that may be sent, if it is there and is not a link out of the folder."""
    path, home = (Path(os.path.realpath(x)) for x in (folder / name, folder))
    is_own = name in FILES and path.parent == home and path.is_file()
    return path if is_own else None


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise BadInput(f"`--port` must be from 0 to 65535, not {port}. 0 takes a free one.")
    try:
        return socket.create_server((HERE, port))
    except OSError as error:
        raise BadInput(
            f"--port {port} cannot be had: {error.strerror or error}. --port 0 takes a free one."
        ) from None


def _app(watch: Watch) -> Starlette:
    """The page, its events and the files, and an icon that browsers ask for; nothing else."""

    def home(request: Request) -> Response:
        html = live(watch.shown, watch.run)
        return Response(html, media_type="text/html", headers=HEADERS)

    async def events(request: Request) -> Response:
        has = request.query_params.get("page", "")
        return StreamingResponse(watch.events(has), media_type="text/event-stream", headers=HEADERS)

    def file(name: str) -> Callable[[Request], Response]:
        def sent(request: Request) -> Response:
            content = _content(watch.run, name)
            if content is None:
                raise HTTPException(404, f"the run has no {name} yet")
            own = {"Content-Disposition": f'attachment; filename="{name}"'}
            return Response(content, media_type=FILES[name], headers={**HEADERS, **own})

        return sent

    def icon(request: Request) -> Response:
        return Response(status_code=204)

    routes = [Route("/", home), Route("/events", events), Route("/favicon.ico", icon)]
    routes += [Route(f"/{name}", file(name)) for name in FILES]
    guard = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    return Starlette(routes=routes, middleware=[guard])
