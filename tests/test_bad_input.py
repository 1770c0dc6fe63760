"""What cannot be done is refused before anything is written, by one sentence that says what can.

One table, asked twice: of the library and of the command line.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from grokscope.errors import BadInput
from grokscope.spec import Spec
from grokscope.training.train import train

SMALL = ("task.p=7", "model.d_model=16", "model.n_heads=2", "model.d_mlp=16", "steps=5")
S5 = ("model=mlp", "task=composition")  # goes without SMALL, whose settings it has not

UNKNOWN = [
    (["task=compositoin"], "no task is called `compositoin`. Did you mean `composition`?"),
    (["task=plus"], "no task is called `plus`. Known: a*b, a+b, "),
    (["task=<script>[red]:bomb:"], "no task is called `<script>[red]:bomb:`. Known: "),
    (["model=transfomer"], "no model is called `transfomer`. Did you mean `transformer`?"),
    (["stepz=10"], "no setting is called `stepz`. Did you mean `steps`?"),
    (["weight-decay=1"], "no setting is called `weight-decay`. Did you mean `weight_decay`?"),
    (["split=orderd"], "no split is called `orderd`. Did you mean `ordered`?"),
    (["formulation=fas"], "no formulation is called `fas`. Did you mean `fast`?"),
    (["task.q=3"], "no argument of task `a+b` is called `task.q`. Did you mean `task.p`?"),
    (["task.zer0=false"], "is called `task.zer0`. Did you mean `task.zero`?"),
    (["model.d_mpl=3"], "of model `transformer` is called `model.d_mpl`. Did you mean `model.d_m"),
    (["model.n_symbols=3"], "no argument of model `transformer` is called `model.n_symbols`."),
    (["tsk.p=3"], "no setting is called `tsk.p`. Did you mean `task.p`?"),
    (["task.p.q=3"], "no setting is called `task.p.q`. Did you mean `task.p`?"),
    (["task_args={}"], "no setting is called `task_args`."),
    (["=3"], "no setting is called ``. Known: "),
    ([*S5, "task.p=5"], "no argument of task `composition` is called `task.p`."),
]
NUMBERS = [
    (["train_fraction=0"], "`train_fraction` must be between 0 and 1, not 0.0."),
    (["train_fraction=1"], "`train_fraction` must be between 0 and 1, not 1.0."),
    (["train_fraction=1.5"], "`train_fraction` must be between 0 and 1, not 1.5."),
    (["train_fraction=-1"], "`train_fraction` must be between 0 and 1, not -1.0."),
    (["train_fraction=nan"], "`train_fraction` must be a number, not 'nan'."),
    (["train_fraction=NaN"], "`train_fraction` must be a number, not nan."),
    (["train_fraction=true"], "`train_fraction` must be a number, not True."),
    (["train_fraction=0,5"], "`train_fraction` must be a number, not [0, 5]."),
    (["train_fraction=0.001"], "train_fraction=0.001 leaves no train pair of the 49 of a+b mod 7"),
    (["train_fraction=0.02", "split=unordered"], "leaves no train pair of the 49"),
    (["weight_decay=-1"], "`weight_decay` must be at least 0, not -1.0."),
    (["weight_decay=inf"], "`weight_decay` must be a number, not 'inf'."),
    (["weight_decay=1e400"], "`weight_decay` must be a number, not inf."),
    (["lr=0"], "`lr` must be above 0, not 0.0."),
    (["lr=fast"], "`lr` must be a number, not 'fast'."),
    (["betas=[0.9,1.0]"], "`betas` must be from 0 to 0.999999, not (0.9, 1.0)."),
    (["betas=0.9"], "`betas` must be two numbers, as in 0.9,0.98, not 0.9."),
    (["betas=0.9,0.9,0.9"], "`betas` must be two numbers, as in 0.9,0.98, not [0.9, 0.9, 0.9]."),
    (['betas=["a",0.9]'], "`betas` must be a number, not 'a'."),
    (["steps=0"], "`steps` must be from 1 to 1,000,000,000, not 0."),
    (["steps=abc"], "`steps` must be a whole number, not 'abc'."),
    (["steps="], "`steps` must be a whole number, not ''."),
    (["steps=1.5"], "`steps` must be a whole number, not 1.5."),
    (["steps=none"], "`steps` must be a whole number, not None."),
    (["steps=1e12"], "`steps` must be from 1 to 1,000,000,000, not 1000000000000."),
    (["steps=Infinity"], "`steps` must be a whole number, not inf."),
    (["seed=-1"], "`seed` must be from 0 to 9,223,372,036,854,775,807, not -1."),
    (
        ["seed=99999999999999999999"],
        "`seed` must be from 0 to 9,223,372,036,854,775,807",
    ),
    (["split_seed=1.5"], "`split_seed` must be a whole number, not 1.5."),
    (["eval_every=0"], "`eval_every` must be at least 1, not 0."),
    (["checkpoint_every=0"], "`checkpoint_every` must be at least 1, not 0."),
    (["grok_patience=0"], "`grok_patience` must be at least 1, not 0."),
    (["label_noise=1.1"], "`label_noise` must be from 0 to 1, not 1.1."),
    (["precision=float16"], "`precision` must be float32 or float64, not 'float16'."),
    (["loss_precision=[1]"], "`loss_precision` must be float32 or float64, not [1]."),
]
SIZES = [
    (["task.p=1"], "a+b mod 1: a task needs a whole number of at least 2 symbols, not 1."),
    (["task.p=0"], "a whole number of at least 2 symbols, not 0."),
    (["task.p=-3"], "a whole number of at least 2 symbols, not -3."),
    (
        ["task.p=1415"],
        "2,002,225 pairs are more than the 1,000,000 that are written out. Choose at",
    ),
    (["task.p=10000000000000000000"], "Choose at most 1000 symbols"),
    (
        ["model.n_heads=3"],
        "model.n_heads=3 does not divide model.d_model=16. Choose model.n_heads=2",
    ),
    (["model.n_heads=0"], "`model.n_heads` must be a whole number of at least 1, not 0."),
    (["model.d_mlp=0"], "`model.d_mlp` must be a whole number of at least 1, not 0."),
    (["model.d_mlp=-4"], "`model.d_mlp` must be a whole number of at least 1, not -4."),
    (["model.d_mlp=1.5"], "`model.d_mlp` must be a whole number of at least 1, not 1.5."),
    (["model.d_mlp=true"], "`model.d_mlp` must be a whole number of at least 1, not True."),
    (["model.d_mlp=wide"], "`model.d_mlp` must be a whole number of at least 1, not 'wide'."),
]
GROUPS = [
    (
        [*S5, f"task.group={name}"],
        f"no group is called `{name}`. Write a letter and a number, as in",
    )
    for name in ("S1", "S0", "C1", "S", "5S", "S-5", "S5.0")
] + [
    ([*S5, "task.group=s5"], "no group is called `s5`. Did you mean `S5`?"),
    ([*S5, "task.group=S5 "], "no group is called `S5 `. Did you mean `S5`?"),
    ([*S5, "task.elements=size"], "Known: chughtai2023, lexicographic, stander2023."),
    ([*S5, "task.group=S99"], "the group S99 has more than 1,000 elements"),
    ([*S5, "task.group=S8"], "the group S8 has more than 1,000 elements"),
    ([*S5, "task.group=C999999"], "the group C999999 has more than 1,000 elements"),
    ([*S5, "task.group=C1415"], "the group C1415 has more than 1,000 elements"),
    ([*S5, "task.group=S7"], "the group S7 has more than 1,000 elements"),
]
DIVISIONS = [
    (
        ["task=a/(b-b)"],
        "`a/(b-b)` mod 7 divides by zero at (a, b) = (0, 0). Divide by a or b alone",
    ),
    (["task=1/0"], "`1/0` mod 7 divides by zero"),
    (["task=a/0"], "`a/0` mod 7 divides by zero"),
    (["task=a/7"], "`a/7` mod 7 divides by zero"),
    (["task=a/(a+1)"], "divides by zero at (a, b) = (6, 0)."),
    (
        ["task=a/b", "task.p=8"],
        "`a/b` mod 8 divides by 2, which has no inverse, at (a, b) = (0, 2)",
    ),
    (["task=a/2", "task.p=8"], "divides by 2, which has no inverse"),
]
NO_FORMULAS = [
    ([f"task={text}"], message)
    for text, message in [
        ("", "`task` must be a name, not ''."),
        (" ", "`task` must be a name, not ' '."),
        ("__import__('os').mkdir('pwned')", "is not allowed. A formula holds a, b, whole numbers"),
        ("a+__import__('os').mkdir('pwned')", "`__import__('os').mkdir('pwned')` is not allowed"),
        ("open('pwned', 'w')", "is not allowed"),
        ("a.__class__", "no task is called `a.__class__`"),
        ("a+b.__class__", "`b.__class__` is not allowed"),
        ("(lambda: 0)()", "`(lambda: 0)()` is not allowed"),
        ("a if b else a", "`a if b else a` is not allowed"),
        ("[a]", "no task is called `[a]`"),
        ("[a]+b", "`[a]` is not allowed"),
        ("[a for a in (1, 2)]", "is not allowed"),
        ("(a, b)", "`(a, b)` is not allowed"),
        ("a+(b:=3)", "is not allowed"),
        ("f'{a}'+b", "is not allowed"),
        ("a**b", "`a**b`: a power must be a whole number, as in a**3."),
        ("a**-1", "`a**-1`: a power must be a whole number"),
        ("a**99999999", "`a**99999999`: powers above 10000 are not computed."),
        ("a**2**99", "a power must be a whole number"),
        ("9**9999**a", "a power must be a whole number"),
        ("1e5*a", "`100000.0` is not allowed"),
        ("a+1j", "`1j` is not allowed"),
        ("a+True", "`True` is not allowed"),
        ("a+99999999999", "`99999999999` is not allowed"),
        ('"x"', 'no task is called `"x"`'),
        ('"x"+a', "`'x'` is not allowed"),
        ("a//b", "is not allowed"),
        ("a%b", "is not allowed"),
        ("a@b+a", "is not allowed"),
        ("a and b", "is not allowed"),
        ("a+c", "`c` is not allowed"),
        ("A+b", "`A` is not allowed"),
        ("ä+b", "`ä` is not allowed"),
        ("а+b", "`а` is not allowed"),  # Cyrillic
        ("a+b)", "is not a formula. Write it as in a**2 + a*b."),
        ("a+", "is not a formula"),
        ("a b", "is not a formula"),
        ("a+b;a", "is not a formula"),
        ("a+b\nimport os", "is not a formula"),
        ("a+\0b", "is not a formula"),
        ("a+" * 200 + "a", "the formula has 401 characters; at most 200 are read."),
        ("(" * 3000 + "a" + ")" * 3000, "at most 200 are read"),
        ("-" * 150 + "a", "is nested more than 30 deep"),
        ("(" * 99 + "a+1" + ")**2" * 24, "is not a formula"),
        ("a" + "**2" * 40, "a power must be a whole number"),
    ]
]
CASES = UNKNOWN + NUMBERS + SIZES + GROUPS + DIVISIONS + NO_FORMULAS
IDS = [", ".join(settings)[:60] for settings, _ in CASES]
refusals = pytest.mark.parametrize(("settings", "message"), CASES, ids=IDS)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Formulas that run code would leave something in this folder."""
    monkeypatch.chdir(tmp_path)


def with_small(settings: list[str]) -> list[str]:
    return settings if settings[:2] == [*S5] else [*SMALL, *settings]


@refusals
def test_the_library_refuses(settings, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        train(Spec().override(*with_small(settings)), "out")
    assert not list(Path().iterdir())


@refusals
def test_the_command_line_refuses(settings, message, call):
    said = call("run", *with_small(settings), "--out", "out")
    assert said.code == 2
    assert said.err.strip().startswith("error: ")
    assert message in said.err
    assert said.out == ""
    assert not list(Path().iterdir())


def test_the_small_settings_alone_are_good(call):
    """Else every refusal above could have another reason."""
    for settings in (SMALL, (*S5, "task.group=S3"), (*S5, "task.group=C7"), (*SMALL, "task=a/b")):
        said = call("run", *settings, "--out", "out", "--dry-run")
        assert (said.code, said.err) == (0, "")


WRONG_TYPES = [
    ([*SMALL, "task.p=2.5"], "a whole number of at least 2 symbols, not 2.5."),
    ([*SMALL, "task.p=x"], "a whole number of at least 2 symbols, not 'x'."),
    ([*SMALL, "task.p=none"], "a whole number of at least 2 symbols, not None."),
    ([*SMALL, "task.p=[7]"], "a whole number of at least 2 symbols, not [7]."),
    ([*S5, "task.group=5"], "task.group=5 is not a group. Write a name, as in C113 or S5."),
]
TRAIN_ALL = """
import json, sys
from grokscope import BadInput, Spec, train

for settings in json.loads(sys.argv[1]):
    try:
        train(Spec().override(*settings), "out")
    except BadInput as error:
        print(error)
"""


def test_arguments_of_a_wrong_type_are_refused():
    """In a process of its own, where the run-time checks of the tests are not before ours."""
    asked = json.dumps([settings for settings, _ in WRONG_TYPES])
    done = subprocess.run(
        [sys.executable, "-c", TRAIN_ALL, asked], capture_output=True, text=True, check=True
    )
    for line, (_, message) in zip(done.stdout.splitlines(), WRONG_TYPES, strict=True):
        assert message in line
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("tpu", "no device is called `tpu`. Write cpu or cuda."),
        ("", "no device is called ``. Write cpu or cuda."),
        ("cuda", "torch finds no CUDA device of that number. Use --device cpu, or install"),
        ("cuda:1", "torch finds no CUDA device"),
    ],
)
def test_a_device_that_is_not_there_is_refused(device, message, call, tiny, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadInput, match=re.escape(message)):
        train(tiny(), "out", device=device)
    for more in ([], ["--dry-run"]):
        said = call("run", *SMALL, "--out", "out", "--device", device, *more)
        assert said.code == 2
        assert message in said.err
    assert not list(Path().iterdir())


def test_what_does_not_fit_into_memory_is_refused(call, tiny, monkeypatch):
    monkeypatch.setattr("grokscope.training.memory.free_memory", lambda device: 10_000)
    message = "GB of memory on cpu, and 0.0 GB are free. Choose a smaller task"
    with pytest.raises(BadInput, match=message) as error:
        train([tiny(), tiny(seed=1)], "out")
    assert tiny().id in str(error.value)
    said = call("run", *SMALL, "--out", "out")
    assert said.code == 2
    assert message in said.err
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "say what to run. Known: hello, demo, "),
        (["run", "dmeo"], "no spec is called `dmeo`. Did you mean `demo`?"),
        (["run", "demo", "demo"], "`demo` is not a setting. Write one name, then key=value pairs."),
        (["run", "steps=3", "demo"], "`demo` is not a setting. Write one name, then key=value"),
        (["run", "demo", "steps"], "`steps` is not a setting"),
        (["run", "demo", "--threads", "0"], "`--threads` must be a whole number from 1 to "),
        (["run", "demo", "--threads", "-2"], "`--threads` must be a whole number from 1 to "),
        (["run", "demo", "--threads", "two"], "--threads"),
        (
            ["run", "demo", "--seeds", "0"],
            "--seeds must be a whole number from 1 to 10,000, not 0.",
        ),
        (["run", "demo", "--seeds", "1.5"], "--seeds"),
        (["run", "demo", "seed=9223372036854775807", "--seeds", "2"], "not 9223372036854775808"),
        (["run", "demo", "--steps", "3"], "--steps"),
        (["rnu", "demo"], "rnu"),
        (["list", "tsaks"], "Did you mean: grokscope list tasks"),
        (["show"], "say of which run: grokscope show RUN"),
        (["show", "a+b"], "there are no runs in runs. `grokscope run demo` makes one."),
        (["report", "a+b"], "there are no runs in runs."),
        (["report", "."], ". is not a run: it has no spec.json."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_makes_no_sense_is_refused(arguments, message, call):
    said = call(*arguments)
    assert said.code == 2
    assert message in said.err
    assert said.out == ""
    assert not list(Path().iterdir())


@pytest.mark.parametrize("verb", [["run", *SMALL], ["list"], ["show", "a"], ["report", "a"]])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--use mine.py: there is no such file."),
        ("raise RuntimeError('it is [red]broken[/red]')", "RuntimeError: it is [red]broken[/red]"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def (", "SyntaxError: invalid syntax"),
        ("raise SystemExit(0)", "--use mine.py failed: SystemExit"),
    ],
)
def test_a_plug_in_that_fails_is_named(content, message, verb, call):
    if content is not None:
        Path("mine.py").write_text(content)
    said = call(*verb, "--out", "out", "--use", "mine.py")
    assert said.code == 2
    assert "--use mine.py" in said.err
    assert message in said.err
    assert not Path("out").exists()


def test_a_batch_with_one_bad_spec_trains_none(tiny):
    with pytest.raises(BadInput, match="no task is called `bad`"):
        train([tiny(), tiny(task="bad", task_args={})], "out")
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["task.text=a*b"], "no argument of task `a+b` is called `task.text`"),
        (["task.zero=no"], "`task.zero` must be true or false, not 'no'."),
        (["task=ａ+b"], "is not allowed"),  # a letter that Python's parser takes for an a
        (["task=a+b #c"], "`#` is not allowed"),
        (["steps=" + "9" * 5000], "`steps` must be a whole number, not "),
        (["steps=" + "[" * 5000], "`steps` must be a whole number, not "),
        (["--threads", "100000"], "`--threads` must be a whole number from 1 to "),
        (["--out", "file"], "file"),
        (["--out", "file/below"], "file/below"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_these_are_refused_too(arguments, message, call):
    Path("file").write_text("not a folder")
    said = call("run", *SMALL, "--out", "out", *arguments)
    assert said.code in (1, 2)
    assert message in said.err
