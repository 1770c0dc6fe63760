"""A Hugging Face Hub on this machine: as much of its protocol as the real client needs to make a
repository, push files and fetch them again."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0" * 40


class Hub:
    """A server while it is entered; `files` are what each repository holds."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *x: Answer(self, *x))
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Answer(BaseHTTPRequestHandler):
    def __init__(self, hub: Hub, *rest: Any) -> None:
        self.hub = hub
        super().__init__(*rest)

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        words = self.path.split("?")[0].strip("/").split("/")
        match words:
            case ["api", "repos", "create"]:
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                self.hub.files.setdefault(name, {})
                self.say({"url": f"{self.hub.address}/{name}", "name": name})
            case ["api", "models", owner, name, "preupload", _]:
                files = json.loads(body)["files"]
                plain = [
                    {"path": x["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for x in files
                ]
                self.say({"files": plain})
            case ["api", "models", owner, name, "commit", _]:
                for line in map(json.loads, body.splitlines()):
                    if line["key"] == "file":
                        value = line["value"]
                        content = base64.b64decode(value["content"])
                        self.hub.files[f"{owner}/{name}"][value["path"]] = content
                at = f"{self.hub.address}/{owner}/{name}/commit/{COMMIT}"
                self.say({"commitUrl": at, "commitOid": COMMIT, "success": True})
            case _:
                self.say({"errors": [], "warnings": []})

    def do_GET(self) -> None:
        words = self.path.split("?")[0].strip("/").split("/")
        match words:
            case ["api", "models", owner, name, *rest]:
                files = self.hub.files.get(f"{owner}/{name}")
                if files is None:
                    self.missing("RepoNotFound")
                elif rest[:1] == ["tree"]:
                    self.say([self.entry(path, x) for path, x in files.items()])
                else:
                    siblings = [{"rfilename": path} for path in files]
                    own = {"id": f"{owner}/{name}", "sha": COMMIT, "siblings": siblings}
                    self.say({**own, "private": False, "tags": [], "downloads": 0, "likes": 0})
            case [owner, name, "resolve", _, *path]:
                content = self.hub.files.get(f"{owner}/{name}", {}).get("/".join(path))
                if content is None:
                    self.missing("EntryNotFound")
                else:
                    self.send(200, content, "application/octet-stream")
            case _:
                self.missing("EntryNotFound")

    do_HEAD = do_GET

    @staticmethod
    def entry(path: str, content: bytes) -> dict[str, Any]:
        oid = hashlib.sha1(content).hexdigest()
        return {"type": "file", "path": path, "size": len(content), "oid": oid}

    def say(self, value: Any) -> None:
        self.send(200, json.dumps(value).encode(), "application/json")

    def missing(self, code: str) -> None:
        self.send(404, b"{}", "application/json", {"X-Error-Code": code})

    def send(
        self, status: int, content: bytes, kind: str, more: dict[str, str] | None = None
    ) -> None:
        tag = hashlib.sha256(content).hexdigest()
        headers = {
            "Content-Type": kind, "Content-Length": str(len(content)), "ETag": f'"{tag}"',
            "X-Repo-Commit": COMMIT, **(more or {}),
        }  # fmt: skip
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
