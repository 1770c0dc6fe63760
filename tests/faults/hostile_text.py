"""Hostile and odd input that is not a checkpoint of someone else's: settings, formulas, tables of
groups, names, and run folders. All of it is made by code."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

from grokscope.training.run import Run

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m"
MARKS = "\u202egnp.exe\u2066\u061c\u200f"
BROKEN = "\udcff\ud800"  # a byte that is not UTF-8, and half of a character
NAMES = {
    "escapes": ESCAPES,
    "eight-bit controls": "\x9b31m\x9d0;owned\x9c",
    "marks of direction": MARKS,
    "halves of characters": BROKEN,
    "newlines": "one\ntwo\rthree\vfour\u2028five",
    "delete": "a\x7f\x08b",
    "markup": "[bold red]x[/] :bomb: [link=file:///etc/passwd]y[/link]",
    "long": "x" * 10_000,
    "digits of elsewhere": "٣٤",
}

SMALL = ("model=mlp", "task.p=7", "model.d_embed=8", "model.d_mlp=8", "steps=5", "eval_every=1")
HUGE = "9" * 399  # no float holds it
HUGER = "9" * 4299  # Python still makes a number of it
HUGEST = "9" * 5000  # and none of this
DEEP = "[" * 400 + "]" * 400
DEEPER = "[" * 100_000
WHOLE = ("steps", "seed", "eval_every", "warmup", "stop_after_grok", "grok_patience")
REAL = ("lr", "weight_decay", "train_fraction", "temperature", "eps", "norm_clamp", "label_noise")
WIDTHS = {
    "mlp": ("d_embed", "d_mlp"),
    "transformer": ("d_model", "n_heads", "d_mlp", "n_layers"),
    "pair": ("d_embed", "d_mlp"),
}
TEXTS = ("task", "model", "split", "loss", "optimizer", "gradient", "formulation", "precision")


def settings() -> list[tuple[str, ...]]:
    """What follows `grokscope run`: none of it can be trained."""
    found = [(f"{k}={x}",) for k in WHOLE for x in (HUGE, HUGER, HUGEST, "1e309", DEEP, "{}")]
    found += [(f"{k}={x}",) for k in REAL for x in ("-" + HUGE, HUGE, HUGER, HUGEST, "1e999", DEEP)]
    found += [
        (f"model={model}", f"model.{k}={x}")
        for model, widths in WIDTHS.items()
        for k in widths
        for x in ("1000000000", HUGE, HUGER, HUGEST, "1e300", DEEP, "0", "-1")
    ]
    found += [("model.d_embed=1000000", "model.d_mlp=1000000")]
    found += [(f"task.p={x}",) for x in ("1e300", HUGE, HUGER, DEEP, "10000001")]
    found += [(f"{k}={name}",) for k in TEXTS for name in NAMES.values()]
    found += [(f"task.{name}=3",) for name in NAMES.values()]
    found += [("task=composition", f"task.group={x}") for x in (*NAMES.values(), HUGE, f"S{HUGE}")]
    found += [
        ("task=composition", f"task.group={x}") for x in ("C2x" * 3000 + "C2", "S9wrS9", "C٣")
    ]
    found += [("task=composition", f"task.elements={x}") for x in (BROKEN, DEEP, "x" * 9999)]
    found += [("task=mixture", f"task.formulas={x}") for x in (DEEP, "a," * 5000, ESCAPES, "a,a")]
    found += [("task=word", f"task.text={x}") for x in (DEEP, "a" * 201, ESCAPES, "a*", "a^-2")]
    found += [
        (f"task={task}", f"task.{k}={x}")
        for task, k in (("sparse_parity", "n"), ("digit_addition", "digits"))
        for x in ("64", HUGE, HUGER, DEEP, "-1", "1e300")
    ]
    found += [(f"load={name}",) for name in NAMES.values()]
    found += [(f"freeze={name}",) for name in NAMES.values()]
    found += [("betas=" + x,) for x in (DEEP, f"{HUGE},{HUGE}", f"{HUGEST},0", "nan,nan")]
    found += [(f"model.{DEEP}=1",), (f"{HUGER}=1",), ("=",), ("a" * 100_000,), ("task.=1",)]
    return found


FORMULAS = [
    "9**9**9**9", "a**9**9", "9**10001", "a**10001", "a**(10**4)", f"a+{HUGE}", f"{HUGER}*a",
    "(" * 101 + "a" + ")" * 101, "(" * 5000 + "a" + ")" * 5000, "-" * 199 + "a", "+" * 5000 + "a",
    "a" * 10_000, "a+" * 99 + "a+b", "a+" * 5000 + "a", "a+٣", "a**²", "ａ+ｂ", "a+b\u202e",
    "a\x00+b", "a+b\x1b[2J", f"a+{BROKEN}", "a+b#", "a+b;import os", "a if a else b", "a<b", "~a+b",
    "a@b", "a//b", "a%b", "a<<b", "a|b", "a&b", "a^b^a", "not a+b", "*a+b", "a+b=c", "a:=b+1",
    "lambda: a+b", "[a+b]", "{a+b}", "(a+b,)", "a.b+c", "a[b]+1", "a(b)+1", "f'{a}'+b", "''+a",
    "b''+a", "1.5*a", "1e9*a", "1j+a", "0x7+c", "1_0+c", "None+a", "True+a", "...+a", "__debug__+a",
    "await a+b", "yield+a", "a+b\nb", "\ta+b+c", "a/0", "a/(a-a)", "1/7", "()", "(())",
    "+", "**", "a**", "/a", "a b", "a+", "(a", "a)", " ", "\n", "a**-1", "a**b", "a**1.0", "2**a",
]  # fmt: skip


def npy(header: str, content: bytes = b"", version: int = 1) -> bytes:
    """A file of numpy with this header."""
    text = header.encode("latin1")
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + content


def shaped(shape: str, kind: str = "<i8", content: bytes = b"\0" * 32) -> bytes:
    return npy(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n", content)


TABLES: dict[str, bytes] = {
    "shape of a truth.npy": shaped("(True,)"),
    "shape of truths.npy": shaped("(True, True)"),
    "long double.npy": shaped("(1, 1)", "<f16"),
    "huge shape.npy": shaped(f"({10**12}, {10**12})"),
    "a terabyte.npy": shaped(f"({10**6}, {10**6})"),
    "huger shape.npy": shaped(f"({HUGE},)"),
    "negative shape.npy": shaped("(-1, -4)"),
    "deep shape.npy": npy("(" * 9000 + ")" * 9000),
    "open header.npy": npy("{'descr': '<i8', 'fortran_order': (False,"),
    "code for a header.npy": npy("__import__('os').system('touch pwned')"),
    "long header.npy": npy(" " * 60_000),
    "header of version 9.npy": npy("{}", version=9),
    "complex.npy": shaped("(1, 1)", "<c16"),
    "dates.npy": shaped("(2, 2)", "<M8[s]"),
    "objects.npy": shaped("(2, 2)", "|O"),
    "letters.npy": shaped("(2, 2)", "<U2"),
    "nothing.npy": b"",
    "magic alone.npy": b"\x93NUMPY",
    "zeros.npy": b"\0" * 1000,
    "empty square.npy": shaped("(0, 0)"),
    "no axis.npy": shaped("()", content=b"\0" * 8),
    "words.csv": b"e,a\na,e",
    "escapes.csv": f"{ESCAPES},0\n0,1".encode(),
    "not UTF-8.csv": b"0,1\n1,\xff",
    "a NUL.csv": b"0,1\n1,\x00",
    "commas.csv": b"," * 15_000_000,
    "newlines.csv": b"\n" * 15_000_000,
    "zeros.csv": b"0\n" * 7_500_000,
    "a long number.csv": b"9" * 15_000_000,
    "many digits.csv": f"0,{HUGER}\n1,0".encode(),
    "one long line.csv": b"0," * 7_500_000,
    "digits of elsewhere.csv": "0,١\n١,٢".encode(),
    "too large.csv": b"0" * 17_000_000,
}

# Run folders: each changes the copy of a good one. A link may lead anywhere.


def _spec(**changes: object) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        path = run.folder / "spec.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


def _file(name: str, content: bytes | str) -> Callable[[Run], None]:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    return lambda run: _put(run.folder / name, raw)


def _put(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def _row(first: bool = False, **changes: object) -> Callable[[Run], None]:
    """A row with other values, in the place of the first or after the last."""

    def change(run: Run) -> None:
        path = run.folder / "metrics.jsonl"
        lines = path.read_text().splitlines()
        row = json.dumps(json.loads(lines[-1]) | changes)
        path.write_text("\n".join([row, *lines[1:]] if first else [*lines, row]) + "\n")

    return change


def _line(text: str) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        path = run.folder / "metrics.jsonl"
        path.write_text(f"{text}\n{path.read_text()}")

    return change


def _folder(name: str) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        path = run.folder / name
        path.unlink(missing_ok=True)
        path.mkdir()

    return change


def _link(name: str, to: str) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        path = run.folder / name
        path.unlink(missing_ok=True)
        path.symlink_to(to)

    return change


def _pipe(name: str) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        path = run.folder / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)

    return change


def _gone(name: str) -> Callable[[Run], None]:
    return lambda run: (run.folder / name).unlink()


def _sparse(name: str, size: int) -> Callable[[Run], None]:
    def change(run: Run) -> None:
        path = run.folder / name
        path.unlink(missing_ok=True)
        with path.open("wb") as file:
            file.truncate(size)

    return change


LAST = "step-000005.safetensors"
# What is wrong, and which verbs must say so: those that read that file.
READS = {
    "spec.json": ("list", "show", "trace", "spectrum", "explain", "report", "export", "judge"),
    "metrics.jsonl": ("list", "show", "report"),
    LAST: ("show", "trace", "spectrum", "explain", "report", "export", "judge"),
    "trace.parquet": ("show", "trace", "report"),
    "judgement.json": ("judge",),
}
Damage = tuple[str, Callable[[Run], None], tuple[str, ...]]


def _everywhere(name: str) -> list[Damage]:
    """What may stand in the place of any file."""
    reads = READS[name]
    return [
        (f"{name} is a folder", _folder(name), reads),
        (f"{name} is a pipe", _pipe(name), reads),
        (f"{name} is a device without end", _link(name, "/dev/zero"), reads),
        (f"{name} is a link to itself", _link(name, name), reads),
        (f"{name} is a link to a terminal", _link(name, "/dev/ptmx"), reads),
        (f"{name} has 5 GB", _sparse(name, 5 * 10**9), reads if name != "trace.parquet" else ()),
    ]


def damages() -> list[Damage]:
    found = [damage for name in READS for damage in _everywhere(name)]
    of_spec = {
        "is lost": _gone("spec.json"),
        "is empty": _file("spec.json", ""),
        "is no JSON": _file("spec.json", "{"),
        "is deep": _file("spec.json", DEEPER),
        "is deep in its place": _spec(task_args={"p": json.loads(DEEP)}),
        "is a list": _file("spec.json", "[]"),
        "is not UTF-8": _file("spec.json", b"\xff\xfe{}"),
        "has a huge number": _file("spec.json", f'{{"steps": {HUGEST}}}'),
        "has a large number": _file("spec.json", f'{{"lr": {HUGE}}}'),
        "has a number as task": _spec(task=3),
        "has an unknown field": _spec(**{ESCAPES: 1}),
        "has a long field": _spec(**{"x" * 10_000: 1}),
    }
    found += [(f"spec.json {k}", change, READS["spec.json"]) for k, change in of_spec.items()]
    of_task = {
        f"of a task called {name}": _spec(task=text) for name, text in NAMES.items() if text.strip()
    }
    of_task |= {f"of a model called {name}": _spec(model=text) for name, text in NAMES.items()}
    of_task |= {
        "of a task with a NUL": _spec(task="a\0b"),
        "of a group misspelt": _spec(task="composition", task_args={"group": "s5"}),
        "of a lost table": _spec(task="composition", task_args={"table": "gone.csv"}),
        "of a device as table": _spec(task="composition", task_args={"table": "/dev/zero.csv"}),
        "of a p that is huge": _spec(task_args={"p": int(HUGER)}),
        "of a table called NUL": _spec(task="composition", task_args={"table": "a\0.csv"}),
        "of a table called long": _spec(
            task="composition", task_args={"table": "x" * 5000 + ".npy"}
        ),
        "of a table called broken": _spec(task="composition", task_args={"table": "\ud800.npy"}),
        "of a width of 1e9": _spec(model_args={"d_embed": 8, "d_mlp": 10**9}),
        "of a width of 1e6": _spec(model_args={"d_embed": 10**6, "d_mlp": 10**6}),
        "of a width that is huge": _spec(model_args={"d_mlp": int(HUGER)}),
    }
    reads = tuple(verb for verb in READS["spec.json"] if verb != "list")
    found += [(k, change, reads) for k, change in of_task.items()]
    of_rows = {
        "a huge step first": _row(True, step=1e300),
        "a huge step": _row(step=10**300),
        "a null step": _row(True, step=None),
        "a step of text": _row(True, step="x"),
        "a negative step": _row(True, step=-1),
        "half a step": _row(True, step=0.5),
        "a true step": _row(True, step=[True]),
        "a huge loss": _row(True, test_loss=int(HUGER)),
        "a list for a loss": _row(True, test_loss=[]),
        "a line of brackets": _line(DEEPER),
        "a line of braces": _line('{"a":' * 100_000),
        "a line of digits": _line(HUGEST),
        "a line of escapes": _line(ESCAPES),
        "a line of NULs": _line("\0" * 1000),
        "an array for a line": _line("[1, 2]"),
    }
    found += [
        (f"metrics.jsonl has {k}", change, READS["metrics.jsonl"]) for k, change in of_rows.items()
    ]
    of_weights = {
        "is empty": _file(LAST, b""),
        "is text": _file(LAST, "hello" * 100),
        "has a huge header": _file(LAST, b"\xff" * 8 + b"{}"),
        "has a deep header": _file(LAST, struct.pack("<Q", 50_000) + b"[" * 50_000),
        "has no metadata": _file(LAST, struct.pack("<Q", 24) + b'{"__metadata__": null}  '),
    }
    found += [(f"{LAST} {k}", change, READS[LAST]) for k, change in of_weights.items()]
    of_judgements = {
        "is deep": DEEPER,
        "is empty": "",
        "is a list": "[]",
        "is null": "null",
        "has a number for its text": json.dumps({**JUDGEMENT, "verdict": 3}),
        "has a list for a share": json.dumps({**JUDGEMENT, "accuracy": {"all": []}}),
        "has numbers for names": json.dumps({**JUDGEMENT, "algorithms": [1]}),
        "has a field more": json.dumps({**JUDGEMENT, ESCAPES: 1}),
    }
    found += [
        (f"judgement.json {k}", _file("judgement.json", text), READS["judgement.json"])
        for k, text in of_judgements.items()
    ]
    return found


JUDGEMENT = {
    "grokscope": "0", "rules": "0", "network": "0", "date": "", "step": 5, "verdict": "x",
    "algorithm": None, "algorithms": [], "bound": 0.0, "accuracy": {"all": 0.5}, "earlier": [],
}  # fmt: skip

# What is odd and harmless: no verb calls it damage.
HARMLESS: list[tuple[str, Callable[[Run], None]]] = [
    ("a checkpoint of a huge number", _file("step-999999999999999999999.safetensors", "")),
    ("a checkpoint with digits of elsewhere", _file("step-٠٠٠٠١٠.safetensors", "")),
    ("a checkpoint with a zero too many", _file("step-0000005.safetensors", "")),
    ("a checkpoint of no number", _file("step-x.safetensors", "")),
    ("a table that is none", _file("trace.parquet", "hello")),
    ("an empty table", _file("trace.parquet", "")),
    ("a file called by escapes", _file(f"{ESCAPES}.safetensors", "")),
    ("a last line that is cut off", lambda run: _append(run, '{"step": 6, "tra')),
    ("a last line of brackets", lambda run: _append(run, DEEPER)),
    ("a report that is a pipe", _pipe("report.html")),
]


def _append(run: Run, text: str) -> None:
    with (run.folder / "metrics.jsonl").open("a") as file:
        file.write(text)


def copied(run: Run, out: Path, name: str | None = None) -> Run:
    """The run in another folder, to be damaged."""
    folder = out / (name or run.folder.name)
    shutil.copytree(run.folder, folder)
    return Run(run.spec, folder)
