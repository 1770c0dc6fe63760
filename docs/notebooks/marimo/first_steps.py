"""First steps as a marimo notebook: what is chosen in the page is seen by the cells below it.

marimo edit first_steps.py          as a notebook
marimo run first_steps.py           as a page
python first_steps.py               as a program
"""

import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    from grokscope import Snapshot, explore, plot_trace, read, trace, train
    from grokscope.papers import EXPERIMENTS

    return EXPERIMENTS, Snapshot, explore, mo, plot_trace, read, trace, train


@app.cell
def _(EXPERIMENTS, train):
    run = train(EXPERIMENTS["hello"].spec)
    print(run, run.events)
    return (run,)


@app.cell
def _(plot_trace, run, trace):
    plot_trace(trace(run, ["train_accuracy", "test_accuracy", "gini"]))
    return


@app.cell
def _(explore, mo, read, run):
    page = mo.ui.anywidget(explore(read(run)))
    page
    return (page,)


@app.cell
def _(Snapshot, page, run):
    step = page.value["step"]
    right = Snapshot.of(run, step).is_right.double().mean()
    print(f"at step {step} it is right on {right:.1%} of all pairs")
    return


if __name__ == "__main__":
    app.run()
