"""Figures and tables of the sources by one command: the rule, the driver, and the items."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from grokscope.errors import BadInput, NotApplicable, UnknownName
from grokscope.papers.item import ITEMS, Item, Published, Row, Size, chosen, item, key, seeds
from grokscope.papers.items import load_items
from grokscope.papers.kept import INDEX, keep, read_index
from grokscope.papers.reproduce import home_of, made_before, reproduce
from grokscope.papers.rule import judge, verdict_of
from grokscope.papers.summary import write_item, write_summary
from grokscope.plots.items import dots, maps
from grokscope.spec import Spec
from grokscope.training.run import Run
from grokscope.training.train import train

load_items()

DRAW = partial(dots, columns=("steps",))
FILES = {"item.json", "table.csv", "rows.csv", "picture.svg", "picture.png", "index.html"}
THREE = [{"x": 0.9}, {"x": 1.0}, {"x": 1.1}]
ONE_OF_THREE = [{"x": 0}, {"x": 0}, {"x": 1}]  # one more would be between -2.5 and 3.2


# ---- the rule ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "rows", "size", "verdict"),
    [
        (Published("x", 1.3), THREE, "full", "agrees"),  # one more would be between .5 and 1.5
        (Published("x", 1.6), THREE, "full", "differs"),
        (Published("x", 1.0), THREE[:2], "full", "not comparable"),
        (Published("x", 1.0), ONE_OF_THREE, "full", "not comparable"),
        (Published("x", 9.0), ONE_OF_THREE, "full", "differs"),
        (Published("x", 0.0), [{"x": 0.01}, {"x": 0}, {"x": -0.01}], "full", "agrees"),
        (Published("x", 1.3), THREE, "quick", "not comparable"),
        (Published("x", 1.3, any_size=True), THREE, "quick", "agrees"),
        (Published("x", 1.3, why_not="another task"), THREE, "full", "not comparable"),
        (Published("y", 1.3), THREE, "full", "not comparable"),
        (Published("x", 9.0, "decade"), THREE[1:2], "full", "agrees"),
        (Published("x", 11.0, "decade"), THREE[1:2], "full", "differs"),
        (Published("x", 0.09, "decade"), THREE[1:2], "full", "differs"),
        (Published("x", 1.0, "decade"), [{"x": 0.0}], "full", "not comparable"),
        (Published("x", 0.5, "share"), [{"x": True}, {"x": False}], "full", "agrees"),
        (Published("x", 0.1, "share"), [{"x": True}] * 5, "full", "differs"),
        (Published("x", 1.0, "at most"), THREE, "full", "agrees"),
        (Published("x", 0.9, "at most"), THREE, "full", "differs"),
        (Published("x", 1.0, "at least"), THREE, "full", "agrees"),
        (Published("x", 1.1, "at least"), THREE, "full", "differs"),
        (Published("x", 1.0, "exact"), THREE, "full", "differs"),
        (Published("x", 1.0, "exact"), THREE[1:2], "full", "agrees"),
        (Published("x", 0.98, "exact", tolerance=0.03), THREE[1:2], "full", "agrees"),
        (Published("x", 9, "exact", {"k": 2}), [{"x": 9, "k": 2}, {"x": 1}], "full", "agrees"),
    ],
)
def test_a_published_number_agrees_differs_or_cannot_be_compared(published, rows, size, verdict):
    found = judge(published, rows, size)
    assert found.verdict == verdict
    assert bool(found.reason) == (verdict == "not comparable")


def test_an_item_differs_if_one_number_does_and_is_a_picture_without_any():
    agrees, differs = (judge(Published("x", x, "at most"), THREE, "full") for x in (2, 0.1))
    assert verdict_of([agrees]) == "agrees"
    assert verdict_of([agrees, differs]) == "differs"
    assert verdict_of([judge(Published("y", 1), THREE, "full")]) == "not comparable"
    assert verdict_of([]) == "picture"


# ---- the driver ----------------------------------------------------------------------------------


@pytest.fixture
def own(monkeypatch, tiny):
    """An item of one's own, of three tiny networks or of one, and how often it measured."""
    seen: list[str] = []

    def measure(run: Run) -> Row:
        seen.append(run.spec.id)
        return {"steps": run.rows[-1]["step"], "curve": [1, 2]}

    monkeypatch.setitem(ITEMS, "mine:steps", _item(measure, tiny()))
    return ITEMS["mine:steps"], seen


def _item(measure, spec: Spec, name: str = "mine:steps") -> Item:
    return Item(
        name,
        "how long it trained",
        Size(seeds(spec, 3), 0.1),
        Size((spec,), 0.01),
        (Published("steps", spec.steps),),
        DRAW,
        measure,
        None,
    )


def test_an_item_leaves_its_table_its_rows_its_picture_and_a_page(own, tmp_path):
    mine, _ = own
    made = reproduce(mine, "full", tmp_path)
    assert (made.verdict, made.size, len(made.rows)) == ("agrees", "full", 3)
    home = home_of(mine, tmp_path)
    assert home == tmp_path / "mine/steps"
    write_item(made, home)
    assert {x.name for x in home.iterdir()} == FILES
    (line,) = csv.DictReader((home / "table.csv").read_text().splitlines())
    assert (line["published"], line["ours"], line["networks"]) == ("60", "60.0", "3")
    content = json.loads((home / "item.json").read_text())
    assert content["command"] == "grokscope reproduce mine:steps"
    assert "agrees" in (home / "index.html").read_text()


def test_what_is_there_is_not_made_again(own, tmp_path):
    mine, seen = own
    reproduce(mine, "quick", tmp_path)
    assert len(seen) == 1
    reproduce(mine, "full", tmp_path)
    assert len(seen) == 3  # the quick one is one of them
    weights = {x: x.stat().st_mtime_ns for x in (tmp_path / "runs").rglob("*.safetensors")}
    again = reproduce(mine, "full", tmp_path)
    assert len(seen) == 3
    assert again.is_whole
    assert {x: x.stat().st_mtime_ns for x in weights} == weights


def test_a_whole_full_size_is_not_replaced_by_a_quick_one(own, tmp_path):
    mine, _ = own
    reproduce(mine, "full", tmp_path)
    assert reproduce(mine, "quick", tmp_path).size == "full"


def test_an_item_that_was_interrupted_is_unfinished_and_goes_on(own, tmp_path, monkeypatch):
    mine, seen = own

    def dies(run: Run) -> Row:
        if len(seen) == 2:
            raise KeyboardInterrupt
        return mine.measure(run)

    monkeypatch.setattr(type(mine), "code", "the same")
    with pytest.raises(KeyboardInterrupt):
        reproduce(replace(mine, measure=dies), "full", tmp_path)
    half = made_before(mine, tmp_path)
    assert half is not None
    assert (half.verdict, len(half.rows), half.wanted) == ("unfinished", 2, 3)
    assert reproduce(mine, "full", tmp_path).is_whole
    assert len(seen) == 3


def test_of_an_item_whose_specs_changed_no_more_is_made_than_has_changed(own, tmp_path, tiny):
    mine, seen = own
    reproduce(mine, "full", tmp_path)
    changed = replace(mine, full=Size((*mine.full.subjects[:2], tiny(lr=1e-3)), 0.1))
    before = made_before(changed, tmp_path)
    assert before is not None
    assert (before.outdated, before.is_whole) == (1, False)
    assert reproduce(changed, "full", tmp_path).is_whole
    assert len(seen) == 4


def test_another_function_measures_anew_and_trains_nothing(own, tmp_path):
    mine, seen = own
    reproduce(mine, "quick", tmp_path)
    other = replace(mine, measure=lambda run: {"steps": -1})
    assert reproduce(other, "quick", tmp_path).rows[0]["steps"] == -1
    assert len(seen) == 1


def test_networks_that_nothing_is_measured_of_are_told_and_not_drawn(own, tmp_path):
    mine, _ = own

    def measure(run: Run) -> Row:
        if run.spec.seed == 0:
            raise NotApplicable("it never learned.")
        return {"map": [[1.0, 2.0]]}

    item = replace(mine, measure=measure, draw=partial(maps, column="map"))
    home = home_of(item, tmp_path)
    assert reproduce(item, "quick", tmp_path).is_whole
    assert not (home / "picture.svg").exists()
    reproduce(item, "full", tmp_path)
    assert (home / "picture.svg").exists()
    assert (home / "rows.csv").read_text().count("it never learned.") == 1


def test_a_damaged_item_is_made_again(own, tmp_path):
    mine, _ = own
    reproduce(mine, "quick", tmp_path)
    (home_of(mine, tmp_path) / "item.json").write_text("{")
    assert made_before(mine, tmp_path) is None
    assert reproduce(mine, "quick", tmp_path).is_whole


def test_a_function_that_gives_no_row_is_told(own, tmp_path):
    mine, _ = own
    with pytest.raises(BadInput, match=r"mine:steps.*plain data"):
        reproduce(replace(mine, measure=lambda run: {"x": run}), "quick", tmp_path)
    with pytest.raises(BadInput, match="what measures mine:steps failed: KeyError"):
        reproduce(replace(mine, measure=lambda run: {}["x"]), "quick", tmp_path)


def test_the_summary_names_every_item(own, tmp_path):
    mine, _ = own
    reproduce(mine, "quick", tmp_path)
    page = write_summary(ITEMS, tmp_path).read_text()
    for name in ITEMS:
        assert name.partition(":")[2] in page
    assert "href='mine/steps/index.html'" in page


# ---- the tables that are kept --------------------------------------------------------------------


def test_a_part_of_a_size_is_made_and_the_rest_later(own, tmp_path):
    mine, seen = own
    part = reproduce(mine, "full", tmp_path, first=2)
    assert (len(part.rows), part.wanted, part.verdict) == (2, 3, "unfinished")
    assert reproduce(mine, "full", tmp_path).is_whole
    assert len(seen) == 3


def test_the_tables_of_what_is_there_are_kept_the_larger_ones_for_good(own, tmp_path):
    mine, _ = own
    items, home = {mine.name: mine}, tmp_path / "kept"
    reproduce(mine, "full", tmp_path, first=2)
    page = keep(items, tmp_path, home).read_text()
    assert "[steps](mine-steps.csv) *2/3*" in page
    reproduce(mine, "quick", other := tmp_path / "other")
    keep(items, other, home)
    assert (line := read_index(home)[mine.name])["size"] == "full"
    assert (line["made"], line["of"], line["command"]) == (
        "2",
        "3",
        f"grokscope reproduce {mine.name}",
    )
    reproduce(mine, "full", tmp_path)
    assert "[steps](mine-steps.csv) |" in keep(items, tmp_path, home).read_text()
    assert "60" in (home / "mine-steps.csv").read_text()


def test_an_index_of_something_else_is_refused(own, tmp_path):
    (tmp_path / INDEX).write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="no index of results"):
        read_index(tmp_path)


# ---- the command ---------------------------------------------------------------------------------

PLUGIN = """
from functools import partial
from grokscope.papers.item import Published, Size, item
from grokscope.plots.items import dots, maps

@item("own2026:squares", shows="squares", full=Size([{"n": n} for n in (1, 2, 3)], 0.001),
      published=[Published("square", 4, "exact", {"n": 2})], draw=partial(dots, columns=["square"]))
def squares(cell):
    return {"square": cell["n"] ** 2}
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    monkeypatch.setattr("grokscope.papers.item.ITEMS", ITEMS)
    before = dict(ITEMS)
    file = tmp_path / "own.py"
    file.write_text(PLUGIN)
    yield file
    ITEMS.clear()
    ITEMS.update(before)


def test_a_paper_of_ones_own_is_a_file(plugin, tmp_path, call):
    out = tmp_path / "out"
    said = call("reproduce", "own2026:squares", "--quick", "--use", plugin, "--out", out)
    assert said.code == 0, said.err
    assert "agrees" in said.out
    assert "has one size" in said.err
    assert (out / "own2026/squares/picture.svg").is_file()
    assert (out / "index.html").is_file()
    tables = tmp_path / "tables"
    assert call("reproduce", "--out", out, "--tables", tables, "--use", plugin).code == 0
    assert "[squares](own2026-squares.csv)" in (tables / "index.md").read_text()
    assert call("reproduce", "own2026:squares", "--first", "0", "--use", plugin).code == 2


def test_alone_it_lists_every_item_with_its_cost(call):
    said = call("reproduce")
    assert said.code == 0
    for x in ITEMS.values():
        assert x.name in said.out
    rows = json.loads(call("reproduce", "--json").out)
    assert len(rows) == len(ITEMS)


def test_a_wrong_name_is_answered_with_the_nearest(call, tmp_path):
    said = call("reproduce", "nanda2023:fig77", "--out", tmp_path)
    assert said.code == 2
    assert "nanda2023:fig7" in said.err
    with pytest.raises(UnknownName, match="pair2023"):
        chosen("pair2032", ITEMS)


@pytest.mark.parametrize("name", ["fig7", "nanda 2023:fig7", ":x", "x:"])
def test_an_item_is_called_by_its_paper_and_its_own_name(name):
    with pytest.raises(BadInput, match="paper:item"):
        item(name, shows="", full=Size((), 0), draw=DRAW)


def test_an_item_of_ours_cannot_be_replaced():
    with pytest.raises(BadInput, match="own"):
        item("nanda2023:fig7", shows="", full=Size((), 0), draw=DRAW)(lambda run: {})


# ---- the items -----------------------------------------------------------------------------------

PAPERS = {
    "nanda2023",
    "furuta2024",
    "zhong2023",
    "chughtai2023",
    "stander2023",
    "wu2024",
    "pair2023",
}


def test_every_source_has_items():
    assert {x.paper for x in ITEMS.values() if x.is_ours} == PAPERS


@pytest.mark.parametrize("name", sorted(ITEMS))
def test_an_items_subjects_are_different_and_its_quick_size_is_small(name):
    x = ITEMS[name]
    for size in (s for s in (x.full, x.quick) if s is not None):
        some = list(size.subjects[:300])
        assert len({key(s) for s in some}) == len(some)
    if x.quick is not None:
        assert x.quick.hours <= 0.1
        assert x.quick.hours < x.full.hours


def _tiny(spec: Spec, **changes) -> Spec:
    brief = {"steps": 100, "lr": 1e-2, "eval_every": 5, "checkpoint_every": 20, "seed": 0}
    return replace(spec, **brief, give_up_after=None, stop_after_grok=None, **changes)


WIDTH = {"d_model": 16, "n_heads": 2, "d_mlp": 24}


def _specs_of(name: str) -> Sequence[Spec]:
    """Tiny networks of an item's kinds: those of its quick size, mod 7 or on S3."""
    quick = ITEMS[name].quick
    assert quick is not None
    kinds = {(s.task, s.model, s.freeze, str(s.model_args.get("kind"))): s for s in quick.specs}
    return [_shrunk(s) for s in kinds.values()]


FEW = {"digit_addition": {"digits": 2}, "skip_trigram": {"keys": 3, "length": 5},
       "repeated_subsequence": {"symbols": 5, "length": 10, "size": 3}}  # fmt: skip
KEPT = ("kind", "attention_rate", "n_layers", "attention_only")


def _shrunk(s: Spec) -> Spec:
    args = {k: v for k, v in s.model_args.items() if k in KEPT}
    if s.model == "sequence":
        few = {**FEW[s.task], "samples": 60}
        return _tiny(s, task_args=few, model_args={**args, **WIDTH}, train_fraction=0.5)
    if s.model in ("transformer", "furuta"):
        args |= WIDTH
    if s.model == "pizza":
        args |= {"d_model": 16, "n_heads": 2}
    task = {**s.task_args, **({"p": 7} if "p" in s.task_args else {"group": "S4"})}
    return _tiny(s, task_args=task, model_args=args, train_fraction=0.6)


OF_RUNS = sorted(
    name for name, x in ITEMS.items()
    if x.is_ours and x.read is None and x.quick is not None and x.quick.specs
    and x.paper != "pair2023" and not x.quick.sources
)  # fmt: skip


LATE = {  # what those that generalise alone have
    "memorisation ends", "formation ends", "cleanup ends", "least without a cluster",
    "largest without a cluster", "neurons by their part, polynomial",
}  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("items")


@pytest.mark.parametrize("name", OF_RUNS)
def test_an_item_measures_what_was_published_and_draws_it(name, out):
    x = ITEMS[name]
    rows = [
        json.loads(
            json.dumps({"task": run.spec.task, **run.spec.task_args, "seed": 0, **x.measure(run)})
        )
        for run in train(_specs_of(name), out)
    ]
    there = {column for row in rows for column in row}
    assert {p.column for p in x.published} - LATE <= there
    assert x.draw(rows).axes


SMALLEST = {  # what each comes to: it, and what was printed, do not change
    "pair2023:construction": "agrees", "furuta2024:table_a2": "agrees",
    "stander2023:table5": "differs", "furuta2024:app_k": "picture",
    "pair2023:main_figures": "not comparable",
}  # fmt: skip


def test_the_five_smallest_items_are_made_whole_with_their_page(tmp_path, call):
    for name, verdict in SMALLEST.items():
        said = call("reproduce", name, "--quick", "--out", tmp_path)
        assert said.code == 0, said.err
        assert f": {verdict}." in said.out, name
        home = home_of(ITEMS[name], tmp_path)
        assert {x.name for x in home.iterdir()} == FILES
    page = keep(ITEMS, tmp_path, tmp_path / "kept").read_text()
    assert "2 agree, 1 differ, 2 were made and have nothing to compare" in page


@pytest.mark.long
@pytest.mark.parametrize("name", ["pair2023:parity", "pair2023:un_grok", "nanda2023:fig7"])
def test_small_items_are_made_by_one_command(name, tmp_path, call):
    said = call("reproduce", name, "--quick", "--out", tmp_path)
    assert said.code == 0, said.err
    assert (home_of(ITEMS[name], tmp_path) / "picture.svg").is_file()
