"""A run's page while it trains: who is answered and who is not, what listeners are told, when."""

import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from grokscope.errors import BadInput
from grokscope.page.live import watch as module
from grokscope.page.live.watch import FILES, Shown, Watch, live, waiting
from grokscope.training.run import Run
from grokscope.training.train import train

HOSTILE = '<img src=x onerror=alert(1)>"&\u202e'


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny) -> Run:
    return train(tiny(steps=20), tmp_path_factory.mktemp("finished"))


@pytest.fixture
def begun(finished, tmp_path) -> Run:
    """The same run before its last evaluation."""
    run = Run(finished.spec, tmp_path / finished.name)
    run.folder.mkdir()
    lines = (finished.folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (run.folder / "metrics.jsonl").write_text("".join(lines[:-1]))
    for step in (0, 1):
        run.checkpoint(step).write_bytes(finished.checkpoint(step).read_bytes())
    run.write_spec()
    return run


@pytest.fixture
def pages(monkeypatch) -> Iterator[Callable[[Run], Watch]]:
    """Runs watched with little rest, their pages made in a moment; all closed afterwards."""
    opened = []
    monkeypatch.setattr(module, "read", lambda run, track: run)
    monkeypatch.setattr(
        module, "page", lambda run: f"<body><p>{len(run.rows)} rows</p></body></html>"
    )

    def watch(run: Run) -> Watch:
        opened.append(Watch(run, look_every=0.02, least_rest=0.02))
        return opened[-1]

    yield watch
    for each in opened:
        each.close()


def ask(
    watch: Watch, path: str, host: str | None = None, method: str = "GET"
) -> tuple[int, str, dict[str, str]]:
    """The status, the text and the headers of an answer. The path is sent as it is."""
    connection = HTTPConnection(urlsplit(watch.address).netloc, timeout=5)
    connection.putrequest(method, path, skip_host=host is not None)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, text, dict(answer.getheaders())


@contextmanager
def listening(watch: Watch, page: str = "") -> Iterator[Iterator[tuple[str, str]]]:
    """The events that a listener with this page is told."""
    connection = HTTPConnection(urlsplit(watch.address).netloc, timeout=5)
    connection.request("GET", f"/events?page={page}")
    with closing(connection), connection.getresponse() as answer:
        assert answer.getheader("Content-Type", "").startswith("text/event-stream")
        lines = (line.decode().strip() for line in iter(answer.readline, b""))
        yield (
            (name.removeprefix("event: "), next(lines).removeprefix("data:").strip())
            for name in lines
            if name.startswith("event: ")
        )


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds, at most five seconds."""
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def test_the_page_of_a_run_is_the_reports_with_a_bar(finished):
    with Watch(finished) as watch:
        eventually(lambda: watch.shown.is_last)
        status, text, headers = ask(watch, "/")
    assert status == 200, watch.shown.html
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert finished.task.name in text
    assert text.count('id="live"') == 1
    assert text.rstrip().endswith("</html>")
    assert not (finished.folder / "report.html").exists()


def test_only_who_calls_it_by_this_machines_name_is_answered(pages, finished):
    watch = pages(finished)
    port = urlsplit(watch.address).port
    for host in (f"127.0.0.1:{port}", "127.0.0.1", f"localhost:{port}", "LOCALHOST"):
        assert ask(watch, "/", host)[0] == 200, host
    foreign = ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "a@evil.example")
    for host in (*foreign, "", "127.0.0.1@evil.example", "0.0.0.0", "[::1]", "localhost."):
        for path in ("/", "/events", "/spec.json"):
            status, text, _ = ask(watch, path, host)
            assert status == 400, (host, path)
            assert "rows" not in text
            assert "task" not in text


def test_it_listens_on_this_machine_alone(pages, finished):
    watch = pages(finished)
    assert watch.address.startswith("http://127.0.0.1:")
    assert watch._socket.getsockname()[0] == "127.0.0.1"


def test_the_runs_own_files_are_sent_and_no_others(pages, finished):
    (finished.folder.parent / "secret.txt").write_text("secret")
    watch = pages(finished)
    status, text, headers = ask(watch, "/metrics.jsonl")
    assert (status, text) == (200, (finished.folder / "metrics.jsonl").read_text())
    assert headers["content-disposition"] == 'attachment; filename="metrics.jsonl"'
    assert json.loads(ask(watch, "/spec.json")[1])["steps"] == 20
    assert ask(watch, "/circuit.py")[0] == 404
    outside = ("/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "//../secret.txt")
    inside = ("/.lock", "/resume.safetensors", "/step-000000.safetensors", "/report.html")
    strange = ("/spec.json/../../secret.txt", "/spec.json%00", "/etc/passwd", "/..\\secret.txt")
    for path in (*outside, *inside, *strange):
        status, text, _ = ask(watch, path)
        assert status == 404, path
        assert "secret" not in text
    assert ask(watch, "/spec.json", method="POST")[0] == 405


def test_a_link_out_of_the_folder_is_not_followed(pages, begun, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (begun.folder / "circuit.py").symlink_to(tmp_path / "secret.txt")
    watch = pages(begun)
    assert ask(watch, "/circuit.py")[0] == 404
    assert "circuit.py" not in ask(watch, "/")[1]
    assert 'href="metrics.jsonl"' in ask(watch, "/")[1]


def test_a_new_row_is_told_and_then_the_end(pages, begun, finished):
    watch = pages(begun)
    eventually(lambda: "rows" in watch.shown.html)
    has = watch.shown.version
    assert f'data-page="{has}"' in ask(watch, "/")[1]
    with listening(watch, has) as events:
        begun.append(finished.rows[len(begun.rows)])
        name, version = next(event for event in events if event[0] != "row")
        assert (name, version != has) == ("changed", True)
        for row in finished.rows[len(begun.rows) :]:
            begun.append(row)
        for step in finished.steps:
            begun.checkpoint(step).write_bytes(finished.checkpoint(step).read_bytes())
        told = list(events)
    assert told[-1] == ("finished", watch.shown.version)
    assert {name for name, _ in told[:-1]} <= {"changed", "row"}
    last = ask(watch, "/")[1]
    assert 'data-last="yes"' in last
    assert "Training is finished." in last


def test_between_two_pages_the_last_row_is_told(begun, finished, monkeypatch):
    monkeypatch.setattr(module, "read", lambda run, track: run)
    monkeypatch.setattr(module, "page", lambda run: "<body></body>")
    with Watch(begun, look_every=0.02, least_rest=60.0) as watch:
        eventually(lambda: "<p>" not in watch.shown.html)
        with listening(watch, watch.shown.version) as events:
            keys = ("step", "train_accuracy", "test_accuracy")
            for row in (begun.rows[-1], finished.rows[-1]):
                name, told = next(events)
                assert name == "row"
                assert json.loads(told) == {key: row[key] for key in keys}
                with (begun.folder / "metrics.jsonl").open("a") as file:
                    file.write(json.dumps(finished.rows[-1]) + '\n{"step": 20, "tra')


def test_a_new_checkpoint_is_told(pages, begun, finished, monkeypatch):
    monkeypatch.setattr(module, "page", lambda run: f"<body>{run.steps}</body>")
    watch = pages(begun)
    eventually(lambda: "[0, 1]" in watch.shown.html)
    with listening(watch, watch.shown.version) as events:
        begun.checkpoint(2).write_bytes(finished.checkpoint(2).read_bytes())
        assert "changed" in (name for name, _ in events)
    assert "[0, 1, 2]" in ask(watch, "/")[1]


def test_who_reads_stays_in_place_when_the_page_is_made_anew(
    pages, begun, finished, monkeypatch, browser
):
    def chapters(run: Run) -> str:
        fold = f"<details><summary>{len(run.rows)}</summary>x</details>"
        chapter = f"<h2>a</h2><p style='height: 40vh'></p>{fold}"
        return f"<body data-ready><article>{9 * chapter}</article></body></html>"

    monkeypatch.setattr(module, "page", chapters)
    watch = pages(begun)
    eventually(lambda: "<h2>" in watch.shown.html)
    page = browser.new_page()
    page.goto(watch.address)
    fold = page.locator("summary").nth(4)
    fold.click()
    place, old = fold.bounding_box()["y"], fold.inner_text()
    assert page.evaluate("scrollY") > 100
    begun.append(finished.rows[len(begun.rows)])
    page.locator("summary", has_text=str(int(old) + 1)).first.wait_for()
    page.wait_for_timeout(200)
    assert fold.bounding_box()["y"] == pytest.approx(place, abs=2)
    assert page.evaluate("[...document.querySelectorAll('details')].map((x) => x.open)") == [
        i == 4 for i in range(9)
    ]
    assert page.evaluate("document.activeElement === document.querySelectorAll('summary')[4]")
    page.close()


def test_who_has_an_old_page_is_told_at_once(pages, begun):
    watch = pages(begun)
    eventually(lambda: "rows" in watch.shown.html)
    with listening(watch, "older") as events:
        assert next(events) == ("changed", watch.shown.version)


def test_a_slow_page_holds_up_nothing(pages, begun, monkeypatch):
    is_made = threading.Event()
    monkeypatch.setattr(module, "page", lambda run: is_made.wait(5) and "<body>made</body>")
    watch = pages(begun)
    start = time.monotonic()
    with listening(watch) as events:
        assert next(events)[0] == "changed"  # to the page that says to wait
        assert "no checkpoint yet" in ask(watch, "/")[1]
        assert time.monotonic() - start < 2
        is_made.set()
        assert "changed" in (name for name, _ in events)
    assert "made" in ask(watch, "/")[1]


def test_a_run_that_has_not_begun_is_waited_for(pages, begun, tmp_path):
    watch = pages(Run(begun.spec, tmp_path / "later"))
    text = ask(watch, "/")[1]
    assert "It has no checkpoint yet." in text
    assert 'data-last="no"' in text
    begun.folder.rename(tmp_path / "later")
    eventually(lambda: "rows" in watch.shown.html)


def test_a_damaged_run_is_said_to_be_and_looked_at_again(pages, begun):
    path = begun.folder / "metrics.jsonl"
    good = path.read_text()
    path.write_text(f"<script>\n{good}")
    watch = pages(begun)
    eventually(lambda: "is damaged in line 1" in watch.shown.html)
    path.write_text(good)
    eventually(lambda: "rows" in watch.shown.html)


def test_hostile_names_are_shown_as_text(tmp_path, finished):
    spec = replace(finished.spec, source=HOSTILE)
    run = Run(spec, tmp_path / HOSTILE)
    assert run.name == HOSTILE
    for text in (waiting(run), waiting(run, HOSTILE), live(Shown(waiting(run), False), run)):
        assert "&lt;img src=x onerror=alert(1)&gt;&quot;&amp;" in text
        assert not re.search(r"<img|onerror=alert\(1\)>", text)


def test_the_bar_stands_in_the_body_however_the_page_ends(finished):
    for html in ("<body>x</body></html>", "<body><script>'</body>'</script>x</body>", "x"):
        text = live(Shown(html, False), finished)
        before, _, after = html.rpartition("</body>")
        assert text.startswith(before or "x")
        assert text.endswith("</body>" + after if before else "</script>\n")
        assert text.count('<aside id="live"') == 1


def test_it_closes_while_it_is_listened_to(pages, begun):
    watch = pages(begun)
    eventually(lambda: "rows" in watch.shown.html)
    with listening(watch, watch.shown.version) as one, listening(watch, "older") as other:
        start = time.monotonic()
        assert next(other)[0] == "changed"
        watch.close()
        assert time.monotonic() - start < 2
        assert [name for name, _ in (*one, *other) if name != "row"] == ["closed", "closed"]
    assert not any(thread.is_alive() for thread in watch._threads)
    port = urlsplit(watch.address).port or 0
    with socket.create_server(("127.0.0.1", port)):
        watch.close()  # again: nothing happens


def test_it_closes_in_the_midst_of_a_reading(begun, monkeypatch):
    is_reading = threading.Event()

    def read(run, track):
        is_reading.set()
        for done in range(1000):
            time.sleep(0.01)
            track(done, 1000)

    monkeypatch.setattr(module, "read", read)
    with Watch(begun):
        assert is_reading.wait(5)
        start = time.monotonic()
    assert time.monotonic() - start < 2


def test_settling_makes_the_last_page_without_rest(begun, finished, monkeypatch):
    monkeypatch.setattr(module, "read", lambda run, track: run)
    monkeypatch.setattr(module, "page", lambda run: f"<body>{len(run.rows)} rows</body>")
    with Watch(begun, look_every=60.0, least_rest=60.0) as watch:
        eventually(lambda: "rows" in watch.shown.html)
        before = len(begun.rows)
        begun.append(finished.rows[-1])
        watch.settle()
        assert f"{before + 1} rows" in watch.shown.html


def test_a_port_that_cannot_be_had_is_refused(finished):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(BadInput, match="--port 0 takes a free one"),
    ):
        Watch(finished, taken.getsockname()[1])
    with pytest.raises(BadInput, match="from 0 to 65535"):
        Watch(finished, 65536)


def test_training_while_it_is_watched_gives_the_same_weights(call, tmp_path, finished, tiny):
    settings = ("task.p=7", "model.d_model=16", "model.n_heads=2", "model.d_mlp=32", "lr=5e-3",
                "train_fraction=.5", "steps=20", "eval_every=5", "checkpoint_every=10")  # fmt: skip
    said = call("run", *settings, "--watch", "--out", tmp_path, "--threads", 1)
    assert said.code == 0, said.err
    assert re.search(r"is shown while it trains: http://127\.0\.0\.1:\d+/\n", said.err)
    run = Run.of(tiny(steps=20), tmp_path)
    assert f"report: {run.folder / 'report.html'}" in said.out
    for name, weight in run.model().state_dict().items():
        assert weight.equal(finished.model().state_dict()[name]), name


def test_the_verb_prints_the_address_and_ends_on_ctrl_c(call, finished, monkeypatch):
    def wait(watch: Watch) -> None:
        assert ask(watch, "/")[0] == 200
        raise KeyboardInterrupt

    monkeypatch.setattr(Watch, "wait", wait)
    said = call("watch", finished.folder, "--port", 0)
    assert said.code == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", said.out)
    assert "until you press Ctrl-C" in said.err
    assert call("watch", "nosuchrun", "--out", finished.folder.parent).code == 2


def test_without_its_packages_the_verb_says_what_installs_them(call, finished, monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    monkeypatch.delitem(sys.modules, "grokscope.page.live.watch")
    said = call("watch", finished.folder)
    assert said.code == 2
    assert 'pip install "grokscope[watch]"' in said.err


def test_the_files_that_are_sent_hold_no_weights():
    assert set(FILES) == {"metrics.jsonl", "spec.json", "circuit.py", "trace.parquet"}


def test_nothing_else_needs_the_packages_of_watching():
    source = Path(module.__file__).parents[1]
    needs = re.compile(r"^ *(from|import) (starlette|uvicorn)", re.MULTILINE)
    found = {f.name for f in source.rglob("*.py") if needs.search(f.read_text())}
    assert found == {"watch.py", "patient.py"}
    at_once = re.compile(r"^(from|import) grokscope.page.live.(watch|patient)", re.MULTILINE)
    assert not any(at_once.search(f.read_text()) for f in source.rglob("*.py"))


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals go to the main one"
)
def test_ctrl_c_ends_the_waiting(pages, finished):
    watch = pages(finished)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        watch.wait()
    timer.join()
    watch.close()
    assert watch.is_closed


def test_a_notebook_shows_the_last_row_or_the_report_that_is_up_to_date(begun: Run, finished):
    assert f"<th>step</th><td>{begun.rows[-1]['step']}</td>" in begun._repr_html_()
    report = begun.folder / "report.html"
    report.write_text('<p title="x">told</p>')
    shown = begun._repr_html_()
    assert 'srcdoc="&lt;p title=&quot;x&quot;&gt;told&lt;/p&gt;"' in shown
    assert "allow-same-origin" not in shown
    time.sleep(0.02)
    begun.append(finished.rows[len(begun.rows)])
    assert f"<th>step</th><td>{begun.rows[-1]['step']}</td>" in begun._repr_html_()


def test_a_notebook_shows_a_run_that_has_not_begun(tmp_path: Path, finished):
    run = Run(replace(finished.spec, source=HOSTILE), tmp_path / HOSTILE)
    assert "&lt;img src=x" in run._repr_html_()
    assert "<img" not in run._repr_html_()
