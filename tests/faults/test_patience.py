"""The live server under those who say nothing, or half of something, and under many watchers."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from grokscope.page.live import patient
from grokscope.page.live.watch import Shown, Watch
from grokscope.training.run import Run

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
GET = HEAD + b"\r\n"
EVENTS = b"GET /events?page=old HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALVES = {
    "nothing": b"",
    "a word": b"GET / HT",
    "a head without end": HEAD + b"X: ",
    "no body": HEAD.replace(b"GET", b"POST") + b"Content-Length: 9999\r\n\r\n",
    "half a body": HEAD + b"Content-Length: 9999\r\n\r\nabc",
    "an endless body": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n",
    "a whole one": GET,
}


@pytest.fixture
def watch(tiny, tmp_path) -> Iterator[Watch]:
    """A run that has not begun, watched."""
    with Watch(Run(tiny(), tmp_path / "later")) as watch:
        yield watch


@pytest.fixture
def dial(watch) -> Iterator[Callable[[bytes], socket.socket]]:
    """A connection on which this was sent; all are closed afterwards."""
    where = ("127.0.0.1", urlsplit(watch.address).port)
    with ExitStack() as opened:

        def dial(sent: bytes) -> socket.socket:
            found = opened.enter_context(socket.create_connection(where, timeout=10))
            found.sendall(sent)
            return found

        yield dial


def status(watch: Watch) -> int:
    connection = HTTPConnection(urlsplit(watch.address).netloc, timeout=10)
    connection.request("GET", "/")
    found = connection.getresponse()
    found.read()
    connection.close()
    return found.status


def until(told: bytes, connection: socket.socket) -> bytearray:
    """All that is sent up to this, or to the end."""
    found = bytearray()
    while told not in found[-(1 << 17) :] and (more := connection.recv(1 << 16)):
        found += more
    return found


def seconds_open(connection: socket.socket, more: bytes = b"") -> float:
    """Until the server closes it, with this sent every twentieth of a second."""
    start = time.monotonic()
    connection.settimeout(0.05)
    while time.monotonic() < start + 8:
        with suppress(TimeoutError):
            try:
                connection.sendall(more)
                if not connection.recv(1 << 16):
                    break
            except ConnectionError:
                break
    return time.monotonic() - start


def test_a_page_is_served_while_300_requests_are_half_sent(watch, dial, monkeypatch):
    monkeypatch.setattr(patient, "PATIENCE", 120)  # none of them is hung up on meanwhile
    kinds = list(HALVES.values())
    halves = [dial(kinds[i % len(kinds)]) for i in range(300)]
    start = time.monotonic()
    assert [status(watch) for _ in range(5)] == [200] * 5
    assert time.monotonic() - start < 60
    assert len(watch._server.server_state.connections) <= patient.MOST // 2 + 3
    assert len(halves) == 300


@pytest.mark.parametrize("sent", HALVES.values(), ids=list(HALVES))
def test_who_sends_half_a_request_is_hung_up_on(sent, watch, dial, monkeypatch):
    monkeypatch.setattr(patient, "PATIENCE", 0.4)
    assert 0.3 < seconds_open(dial(sent)) < 3


@pytest.mark.parametrize("sent", HALVES.values(), ids=list(HALVES))
def test_and_so_is_who_sends_a_byte_now_and_then(sent, watch, dial, monkeypatch):
    monkeypatch.setattr(patient, "PATIENCE", 0.4)
    assert seconds_open(dial(sent), b"a") < 3


def test_200_listeners_are_told_while_pages_load(watch, dial):
    listeners = [dial(EVENTS) for _ in range(200)]
    for listener in listeners:
        assert b"200 OK" in until(b"event: changed", listener)
    halves = [dial(b"GET / HT") for _ in range(100)]
    watch.shown = Shown("<body>" + "x" * 2_000_000 + "</body></html>", is_last=False)
    loads = [dial(GET) for _ in range(20)]
    start = time.monotonic()
    for listener in listeners:
        assert watch.shown.version.encode() in until(b"\n\n", listener)
    for load in loads:
        assert len(until(b"</html>", load)) > 2_000_000
    assert time.monotonic() - start < 10
    assert status(watch) == 200
    assert len(halves) == 100


def test_a_listener_is_not_hung_up_on(watch, dial, monkeypatch):
    monkeypatch.setattr(patient, "PATIENCE", 0.1)
    listener = dial(EVENTS)
    until(b"event: changed", listener)
    time.sleep(0.6)
    watch.shown = Shown("<body></body>", is_last=True)
    assert b"event: finished" in until(b"event: finished", listener)


def test_an_idle_connection_is_used_again_and_closed_when_it_stays_idle(watch, dial, monkeypatch):
    monkeypatch.setattr(patient, "PATIENCE", 0.4)
    connection = dial(GET + GET)
    assert until(b"</html>", connection).startswith(b"HTTP/1.1 200 OK")
    until(b"</html>", connection)
    time.sleep(0.2)
    connection.sendall(GET)
    assert b"200 OK" in until(b"</html>", connection)
    assert 0.3 < seconds_open(connection) < 3


@pytest.mark.parametrize(("flush", "is_whole"), [(10.0, True), (0.1, False)])
def test_who_takes_a_page_slowly_has_time_but_not_for_ever(
    flush, is_whole, watch, dial, monkeypatch
):
    monkeypatch.setattr(patient, "PATIENCE", 0.1)
    monkeypatch.setattr(patient, "FLUSH", flush)
    watch.shown = Shown("<body>" + "x" * 60_000_000 + "</body></html>", is_last=False)
    connection = dial(GET)
    time.sleep(0.8)
    with suppress(ConnectionError):
        assert (b"</html>" in until(b"</html>", connection)) == is_whole


@pytest.mark.parametrize(("files", "most"), [(4096, 512), (256, 128), (-1, 512)])
def test_half_the_files_are_left_to_training(files, most, monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert patient.most_connections() == most
