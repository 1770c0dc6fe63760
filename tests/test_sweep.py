"""Sweeps: which networks, and one table of them that is the same whoever makes it, and however."""

import json
import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from grokscope.errors import BadInput, StorageError
from grokscope.explain.explanation import explain
from grokscope.papers import HELLO, SWEEPS
from grokscope.runs import COLUMNS
from grokscope.snapshot import Snapshot
from grokscope.spec import Spec
from grokscope.sweep import Sweep, read_table, sweep
from grokscope.sweep.batch import Batch, How, digest, do
from grokscope.sweep.cost import cost_of
from grokscope.sweep.grid import grid, listed
from grokscope.sweep.opening import with_last_weights
from grokscope.sweep.plan import Plan, shape
from grokscope.sweep.settings import is_list
from grokscope.sweep.table import CLASSES, SHARDS, equal_part, run_class, shard
from grokscope.training.run import Run
from grokscope.training.train import train
from tests.faults.shim import installed
from tests.same import assert_same_results

BASE = Spec(
    task_args={"p": 7},
    model="mlp",
    model_args={"d_embed": 8, "d_mlp": 8},
    train_fraction=0.6,
    lr=2e-2,
    steps=60,
    eval_every=5,
    checkpoint_every=20,
)
SIX = [replace(BASE, seed=seed) for seed in range(6)]
BASE_SETTINGS = (
    "model=mlp", "task.p=7", "model.d_embed=8", "model.d_mlp=8", "train_fraction=.6", "lr=.02",
    "steps=60", "eval_every=5",
)  # fmt: skip


MANY = (
    "seed", "split_seed", "label_seed", "steps", "warmup", "eval_every", "lr", "checkpoint_every"
)  # fmt: skip


def made(specs: list[Spec], out: Path, read: str = "keys", keep: str = "none") -> pl.DataFrame:
    """The table of one batch, made here."""
    do(Batch.of(specs), How(str(out), str(out / "work"), read, keep))
    return read_table(out)


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return made(SIX, tmp_path_factory.mktemp("six"))


def same(table: pl.DataFrame, other: pl.DataFrame) -> None:
    assert_frame_equal(equal_part(table), equal_part(other), check_exact=True)


# ---- which networks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (["lr=1e-3,1e-2"], {"lr": [1e-3, 1e-2]}),
        (["seed=0..3"], {"seed": [0, 1, 2, 3]}),
        (["seed=0..2,7,9..10"], {"seed": [0, 1, 2, 7, 9, 10]}),
        (["task=a+b, a*b"], {"task": ["a+b", "a*b"]}),
        (["task.p=7,11", "model.d_mlp=8"], {"task.p": [7, 11]}),
        (["betas=[0.9,0.98],[0.9,0.95]"], {"betas": [(0.9, 0.98), (0.9, 0.95)]}),
        (["betas=[0.9,0.95]"], {}),
        (['load_parts="W_E,W_U",all'], {"load_parts": ["W_E,W_U", "all"]}),
        (["stop_after_grok=none,100"], {"stop_after_grok": [None, 100]}),
    ],
)
def test_settings_of_several_values_span_a_grid(settings, values):
    made = grid(Spec(), settings)
    assert made.values() == values
    assert len(made) == math.prod(map(len, values.values()))
    assert len({spec.id for spec in made}) == len(made)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["seed=5..2"], r"`seed=5\.\.2` is empty. Write low\.\.high"),
        (["seed=0..99999999"], "more than 10,000,000 values"),
        (["seed=1,1"], "`seed` has the value 1 twice"),
        (["lr=.1,0.10"], "`lr` has the value 0.1 twice"),
        (["seed=1,,2"], "has an empty value"),
        (["sed=1,2"], "no setting is called `sed`. Did you mean `seed`"),
        (["lr=.1", "lr=.2"], "`lr` is set twice.*grokscope sweep lr=ONE,OTHER"),
        (["betas=0.9,0.98"], "`betas` must be two numbers"),
        (["lr"], "`lr` is not a setting"),
        ([f"{key}=1..11" for key in MANY], "214,358,881 networks are more than"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_with_the_cure(settings, said):
    with pytest.raises(BadInput, match=said):
        grid(Spec(), settings)


def test_a_larger_sample_has_all_of_a_smaller_one():
    whole = grid(Spec(), ["seed=0..99", "lr=.1,.2"])
    some, more = ({spec.id for spec in whole.sample(n)} for n in (20, 150))
    assert (len(some), len(more)) == (20, 150)
    assert some < more < {spec.id for spec in whole}
    with pytest.raises(BadInput, match="from 1 to 200"):
        whole.sample(201)


def test_a_table_of_settings_says_the_same_in_every_format(tmp_path):
    table = pl.DataFrame({"lr": [0.1, 0.2], "task": ["a+b", "a*b"], "seed": [None, 3]})
    table.write_parquet(tmp_path / "x.parquet")
    table.write_csv(tmp_path / "x.csv")
    table.write_ndjson(tmp_path / "x.jsonl")
    for name in ("x.parquet", "x.csv", "x.jsonl"):
        made = grid(Spec(seed=1), ["weight_decay=1,2"], listed(tmp_path / name))
        assert [(s.lr, s.task, s.seed, s.weight_decay) for s in made] == [
            (0.1, "a+b", 1, 1.0), (0.1, "a+b", 1, 2.0), (0.2, "a*b", 3, 1.0), (0.2, "a*b", 3, 2.0)
        ]  # fmt: skip
    with pytest.raises(BadInput, match="each row sets `lr` already"):
        grid(Spec(), ["lr=.3"], listed(tmp_path / "x.csv"))


def test_a_setting_that_only_later_rows_have_is_read(tmp_path):
    rows = ['{"seed": 0}'] * 300 + ['{"seed": 1, "task": "composition", "task.group": "C7"}']
    (tmp_path / "x.jsonl").write_text("\n".join(rows))
    assert listed(tmp_path / "x.jsonl")[-1] == ("seed=1", "task=composition", "task.group=C7")


def test_the_sweep_of_the_page_has_its_1125_networks():
    whole = SWEEPS["pair_parity_sweep"].grid()
    assert len({spec.id for spec in whole}) == 1125
    sizes = {(run := Run(spec, Path("x"))).is_train.sum().item() for spec in whole[:5]}
    assert sizes == {750}
    assert (~run.is_train).sum() == 5000
    assert len(SWEEPS["pair_parity_sweep"].grid(["seed=0", "weight_decay=.1"])) == 25


def test_every_network_is_in_one_batch_with_others_of_its_shape_and_cells_come_mixed():
    specs = grid(BASE, ["seed=0..39", "task.p=7,11"])
    there = {specs[0].id, specs[5].id}
    plan = Plan.of(specs, there)
    batches = list(plan.batches(lambda shape, some: (2, 10), workers=2))
    ids = [spec.id for batch in batches for spec in batch.specs]
    assert sorted(ids) == sorted({spec.id for spec in specs} - there)
    assert all(len({shape(spec) for spec in batch.specs}) == 1 for batch in batches)
    assert {spec.task_args["p"] for batch in batches[:4] for spec in batch.specs} == {7, 11}
    assert max(len(batch.specs) for batch in batches) == 10
    assert len(batches[-1].specs) <= 2
    with pytest.raises(BadInput, match="networks 1 and 3 are the same"):
        Plan.of([BASE, replace(BASE, seed=1), BASE], ())


# ---- the table -----------------------------------------------------------------------------------


def test_a_row_says_what_was_asked_and_what_became_of_it(six, tmp_path):
    run = train(SIX[2], tmp_path)
    (row,) = six.filter(pl.col("id") == SIX[2].id).to_dicts()
    last = run.rows[-1]
    assert (row["task"], row["task.p"], row["model.d_mlp"], row["seed"]) == ("a+b p=7", 7, 8, 2)
    assert (row["state"], row["step"], row["steps"]) == ("trained", 60, 60)
    assert row["test_accuracy"] == last["test_accuracy"]
    assert row["norm"] == pytest.approx(last["sum_of_squares"] ** 0.5)
    assert row["weights_sha256"] == digest(run)
    assert [point["step"] for point in row["curve"]] == [x["step"] for x in run.rows]
    assert row["best_test_loss"] == min(x["test_loss"] for x in run.rows)
    assert row["betas"] == "[0.9, 0.98]"
    assert {"key_parts", "lens", "cpu_s_read", "host_cpu"} <= row.keys()
    assert "load" not in row  # none has any


def test_what_a_network_does_is_in_the_table_where_that_is_asked(tmp_path):
    spec = replace(HELLO.spec, task_args={"p": 11}, steps=300)
    (row,) = made([spec], tmp_path, "explain").to_dicts()
    found = explain(Snapshot.of(train(spec, tmp_path / "alone")))
    best = next(iter(found.named.values()), None)
    assert (row["verdict"], row["algorithm"]) == (found.verdict, found.algorithm)
    assert (row["form"], row["size"]) == (
        (None, None) if best is None else (best.circuit.form, best.circuit.size)
    )
    assert row["proved"] == found.bound
    assert row["cpu_s_explain"] > 0


@pytest.mark.parametrize(("read", "has", "has_not"), [("events", "delay", "lens"),
                                                      ("keys", "lens", "verdict")])  # fmt: skip
def test_no_more_is_read_than_was_asked(read, has, has_not, tmp_path, six):
    table = made(SIX[:2], tmp_path, read)
    assert has in table
    assert has_not not in table
    shared = equal_part(table).columns
    same(table, six.filter(pl.col("id").is_in(table["id"].to_list())).select(*shared))


@pytest.mark.parametrize("parts", [[6], [1, 5], [3, 3], [1, 1, 1, 1, 1, 1]])
def test_the_rows_are_the_same_whatever_the_batches(parts, tmp_path, six):
    left = list(reversed(SIX))
    for size in parts:
        made(left[:size], tmp_path)
        left = left[size:]
    same(read_table(tmp_path), six)


def test_a_batch_that_is_there_is_not_made_again(tmp_path, monkeypatch):
    made(SIX[:2], tmp_path)
    monkeypatch.setattr("grokscope.sweep.batch.train_in", None)
    assert do(Batch.of(SIX[:2]), How(str(tmp_path), str(tmp_path / "work"))).networks == 2


def test_a_network_takes_little_room(tmp_path, six):
    rows = six.drop("class").to_dicts()
    many = [{**row, "id": f"{i}{row['id']}"} for i in range(11) for row in rows]
    assert len(shard(many)) / len(many) < 3000


def test_twins_are_one_row_and_what_was_trained_goes_before_what_failed(tmp_path):
    (tmp_path / SHARDS).mkdir()
    rows = [
        [{"id": "x", "state": "failed", "lr": 1}, {"id": "y", "state": "trained", "lr": 1}],
        [{"id": "x", "state": "trained", "lr": 2.5}],
        [{"id": "x", "state": "trained", "task.p": 7}, {"id": "z", "state": "failed", "lr": "a"}],
    ]
    for i, some in enumerate(rows):
        (tmp_path / SHARDS / f"batch-{i}.parquet").write_bytes(shard(some))
    table = read_table(tmp_path).sort("id")
    assert table.rows() == [("x", "trained", "2.5", None), ("y", "trained", "1", None),
                            ("z", "failed", "a", None)]  # fmt: skip


@pytest.mark.parametrize(
    ("train_loss", "test_loss", "ratio", "of"),
    [(2e-5, 1e-9, 1e9, 0), (1e-6, 2e-5, 1e9, 1), (1e-6, 1e-6, 4e4, 2), (1e-6, 1e-6, 6e4, 3)],
)
def test_the_class_of_a_run_is_that_of_the_page(train_loss, test_loss, ratio, of):
    row = {"best_train_loss": train_loss, "best_test_loss": test_loss, "largest_loss_ratio": ratio}
    table = pl.DataFrame([row]).with_columns(run_class())
    assert table["class"].to_list() == [CLASSES[of]]


def test_the_last_weights_are_kept_where_that_is_asked(tmp_path):
    (row,) = made(SIX[:1], tmp_path, keep="last").to_dicts()
    file = tmp_path / "weights" / row["weights"]
    n_bytes = sum(w.numel() * 4 for w in Run(SIX[0], tmp_path).new_model().parameters())
    assert n_bytes < file.stat().st_size < n_bytes + 4000
    (row,) = made(SIX[1:2], tmp_path, keep="all").filter(pl.col("seed") == 1).to_dicts()
    run = Run.open(tmp_path / "weights" / row["weights"] / row["id"])
    assert run.is_finished
    assert run.steps == train(SIX[1], tmp_path / "alone").steps


def test_the_last_weights_of_a_row_are_a_run_that_can_be_explained(tmp_path):
    rows = made(SIX[:2], tmp_path, keep="last").to_dicts()
    for row in rows:
        run = with_last_weights(row, tmp_path, tmp_path / "runs")
        assert run is not None
        assert run.steps == [row["step"]]
        assert digest(run) == row["weights_sha256"]
        assert Snapshot.of(run).step == row["step"]
    none = made(SIX[:1], tmp_path / "none", keep="none").to_dicts()[0]
    assert with_last_weights(none, tmp_path / "none", tmp_path / "runs") is None


@pytest.mark.parametrize("keep", ["none", "all"])
def test_a_row_is_opened_as_the_run_that_it_would_have_been(keep, call, tmp_path):
    spec = replace(SIX[0], task="(a+b)**2", betas=(0.9, 0.95), freeze="W_x")
    made([spec, replace(spec, seed=1)], tmp_path / "x", keep=keep)
    alone = train(spec, tmp_path / "alone")
    last = spec.id.rpartition("-")[2]
    said = call("open", tmp_path / "x", last[:6], "--out", tmp_path / "runs", "--json")
    assert said.code == 0
    assert "are not those of the table" not in said.err
    opened = Run.open(tmp_path / "runs" / spec.id)
    assert_same_results(opened, alone)
    assert Path(json.loads(said.out)["report"]).exists()
    assert "Did you mean" in call("open", tmp_path / "x", f"{spec.id}x").err
    assert "Write more of it" in call("open", tmp_path / "x", spec.id[:5]).err
    assert "has no finished batch" in call("open", tmp_path / "nowhere", last).err


# ---- what fails ----------------------------------------------------------------------------------


def test_a_network_that_cannot_be_trained_or_diverges_is_a_row_that_says_so(tmp_path, six):
    hopeless = replace(BASE, task_args={"p": 1})
    table = made([SIX[0], replace(BASE, lr=1e30), hopeless, SIX[1]], tmp_path)
    failed = {row["id"]: row["reason"] for row in table.filter(state="failed").to_dicts()}
    assert "no number at step" in failed.pop(replace(BASE, lr=1e30).id)
    assert "at least 2 symbols" in failed.pop(hopeless.id)
    assert not failed
    two = table.filter(pl.col("id").is_in([SIX[0].id, SIX[1].id]))
    same(two.drop("class"), six.filter(pl.col("seed") < 2).drop("class"))


def test_where_training_breaks_the_other_networks_do_not_suffer(tmp_path, six, monkeypatch):
    from grokscope.training.stack import Stack

    real = Stack.__init__

    def short_of_memory(self, models, *rest):
        weights = torch.cat([w.flatten() for m in models for w in m.parameters()])
        if bool((weights == mark).any()):
            raise MemoryError("no room")
        real(self, models, *rest)

    mark = next(Run(SIX[3], tmp_path).new_model().parameters()).flatten()[0]
    monkeypatch.setattr(Stack, "__init__", short_of_memory)
    monkeypatch.setattr("grokscope.sweep.batch.check", lambda run, device: None)
    table = made(SIX, tmp_path)
    assert table.filter(state="failed").select("seed", "reason").rows() == [
        (3, "MemoryError: no room")
    ]
    assert len(table) == 6
    others = table.filter(state="trained")
    same(others, six.filter(pl.col("seed") != 3))


def test_a_column_of_a_plug_in_that_fails_is_told_and_the_rest_is_read(tmp_path, monkeypatch):
    def mine(x):
        return 1 // x.run.spec.seed

    monkeypatch.setitem(COLUMNS, "mine", mine)
    table = made(SIX[:2], tmp_path).sort("seed")
    assert table["mine"].to_list() == [None, 1]
    assert "the column `mine` failed" in table["reason"][0]
    assert table["delay"].dtype == pl.Int64
    assert table["state"].to_list() == ["trained"] * 2


def test_on_a_full_disk_nothing_is_claimed_and_with_room_the_batch_goes_on(tmp_path, six):
    how = How(str(tmp_path), str(tmp_path / "work"), save_every=0.0)
    for at in (0, 4, 9, 30, 10_000):
        count = iter(range(at))

        def refuse(operation: str, path: str, count=count) -> None:
            if str(tmp_path) in path and next(count, None) is None:
                raise OSError(28, "No space left on device")

        with installed(refuse):
            if at < 10_000:
                with pytest.raises(StorageError, match="No space left"):
                    do(Batch.of(SIX), how)
                assert not list((tmp_path / SHARDS).glob("*.parquet"))
            else:
                do(Batch.of(SIX), how)
    same(read_table(tmp_path), six)


# ---- the driver ----------------------------------------------------------------------------------


@pytest.fixture
def here(monkeypatch):
    """Batches are made in this process, one after the other."""
    monkeypatch.setattr(
        "grokscope.sweep.drive._engine",
        lambda name, how, *rest: lambda batches: (do(batch, how) for batch in batches),
    )


def test_a_sweep_can_be_enlarged_and_makes_nothing_twice(here, tmp_path):
    few, more = (grid(BASE, [f"seed=0..{n}", "lr=.02,.03"]) for n in (1, 2))
    told = []
    first = sweep(few, tmp_path, settings=["seed=0..1"], track=told.append)
    assert (told[-1].done, told[-1].total, told[-1].made) == (4, 4, 4)
    shards = {f: f.read_bytes() for f in (tmp_path / SHARDS).iterdir()}
    second = sweep(more, tmp_path, settings=["seed=0..2"], track=told.append)
    assert (told[-1].done, told[-1].total, told[-1].made) == (6, 6, 2)
    assert all(file.read_bytes() == content for file, content in shards.items())
    assert len(second.table()) == 6
    assert (first.axes["seed"], second.axes["seed"]) == ([0, 1], [0, 1, 2])
    assert Sweep.open(tmp_path) == second
    assert second.settings == [["seed=0..1"], ["seed=0..2"]]
    with pytest.raises(BadInput, match="was made with --read keys"):
        sweep(more, tmp_path, read="explain")


def test_what_failed_is_made_again_only_when_asked(here, tmp_path, monkeypatch):
    told = []
    with monkeypatch.context() as patch:
        patch.setattr("grokscope.sweep.batch._why_not", lambda *rest: "for a reason")
        for _ in range(2):
            failed = sweep(SIX[:2], tmp_path, track=told.append).table()
            assert failed["state"].to_list() == ["failed"] * 2
    assert told[-1].made == 0
    there = sweep(SIX[:2], tmp_path, again=True, track=told.append).table()
    assert there["state"].to_list() == ["trained"] * 2
    assert (told[-1].done, told[-1].total, told[-1].made) == (2, 2, 2)


@pytest.fixture
def memory():
    """A store that is no folder."""
    pytest.importorskip("fsspec", reason='pip install -e ".[stores]"')
    from fsspec.implementations.memory import MemoryFileSystem

    yield MemoryFileSystem
    MemoryFileSystem.store.clear()


def test_a_sweep_in_an_object_store_is_the_same_and_one_out_of_reach_ends_clearly(
    here, memory, six, monkeypatch, tmp_path
):
    out = "memory://bucket/mine"
    with monkeypatch.context() as patch:
        patch.setattr(memory, "pipe_file", None)
        with pytest.raises(StorageError, match="cannot write memory://bucket/mine/sweep"):
            sweep(SIX, out)
    told = []
    same(sweep(SIX, out, keep="last", track=told.append).table(), six)
    assert Sweep.open(out).networks == 6
    assert [name for name in memory.store if name.startswith("/bucket/mine/weights/")]
    sweep(SIX, out, keep="last", track=told.append)
    assert told[-1].made == 0
    same(sweep(SIX, f"file://{tmp_path}/x").table(), six)
    with pytest.raises(BadInput, match="no store that can be reached"):
        sweep(SIX, "nonesuch://bucket/mine")


def test_two_drivers_do_not_make_one_sweep(here, tmp_path):
    from grokscope.training.keeping import lock

    held = lock(tmp_path)
    with pytest.raises(StorageError, match="another process"):
        sweep(SIX, tmp_path)
    held.release()


def test_what_a_network_costs_is_timed_and_grows_with_its_steps():
    short, long = (cost_of([replace(BASE, steps=n)] * 2, "events", "all") for n in (1000, 4000))
    assert 1 < long.train / short.train < 16
    assert long.kept > short.kept > 0
    with pytest.raises(BadInput, match="at least 2 symbols"):
        cost_of([replace(BASE, task_args={"p": 1})], "events", "none")


# ---- the command ---------------------------------------------------------------------------------


def test_a_dry_run_says_what_it_would_cost_and_trains_nothing(call, tmp_path):
    words = ("sweep", *BASE_SETTINGS, "seed=0..9", "weight_decay=.5,1", "--out", tmp_path / "x")
    said = json.loads(call(*words, "--dry-run", "--json").out)
    assert (said["networks"], said["in_the_table"], len(said["first"])) == (20, 0, 3)
    assert said["cpu_seconds_at_most"] > 0
    assert said["axes"] == {"seed": list(range(10)), "weight_decay": [0.5, 1.0]}
    assert not (tmp_path / "x").exists()
    assert "20 networks take at most about" in call(*words, "--dry-run").out


def test_above_an_hour_it_asks_and_a_script_is_told_what_to_add(call, tmp_path):
    words = ("sweep", *BASE_SETTINGS, "steps=1000000000", "--out", tmp_path)
    said = call(*[w for w in words if w != "steps=60"], "seed=0..9", "--workers", 1)
    assert said.code == 2
    assert "days of one processor" in said.err
    assert "Add --yes" in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sweep"], "say what to sweep"),
        (["sweep", "helo", "seed=0..9"], "no spec or sweep is called `helo`. Did you mean `hello`"),
        (["sweep", "hello", "task.q=1,2"], "task.q"),
        (["sweep", "hello", "seed=0..9", "--sample", "11"], "--sample"),
        (["sweep", "hello", "seed=0..9", "--workers", "0"], "--workers"),
        (["sweep", "hello", "--list", "nowhere.csv"], "there is no such file"),
        (["run", "hello", "train_fraction=0.3,0.4"],
         "grokscope sweep hello train_fraction=0.3,0.4"),
        (["run", "hello", "seed=0..9"], "grokscope sweep hello seed=0..9"),
        (["run", "task=a+b,a*b", "task.p=7"], "grokscope sweep 'task=a+b,a*b' task.p=7"),
        (["run", "hello", "task=a+b", "task=a*b"], "`task` is set twice"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_refused_with_the_command_to_use(call, words, said, tmp_path):
    told = call(*words, "--out", tmp_path / "x")
    assert told.code == 2
    assert said in told.err
    assert not (tmp_path / "x").exists()


def test_a_list_is_told_from_a_value():
    lists = ["lr=1,2", "seed=0..9", "betas=[0.9,0.98],[0.9,0.95]"]
    values = ["lr=1", "betas=[0.9,0.98]", 'x="a,b"', "task=f(a,b)"]
    assert all(map(is_list, lists))
    assert not any(map(is_list, values))


def test_the_command_makes_the_same_table_as_one_batch_and_says_what_it_made(call, tmp_path):
    words = ("sweep", *BASE_SETTINGS, "checkpoint_every=20", "seed=0..5", "--out", tmp_path / "x")
    said = json.loads(call(*words, "--workers", 2, "--json").out)
    assert (said["networks"], said["failed"], said["folder"]) == (6, 0, str(tmp_path / "x"))
    same(read_table(tmp_path / "x"), made(SIX, tmp_path / "y"))
    assert not list((tmp_path / "x/work").iterdir())
