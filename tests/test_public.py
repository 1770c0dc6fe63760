"""The public surface, which changes on purpose only."""

import grokscope


def test_the_public_names():
    assert sorted(grokscope.__all__) == [
        "BadInput",
        "Certificate",
        "Circuit",
        "DamagedFile",
        "Evidence",
        "Explanation",
        "Fold",
        "GrokscopeError",
        "Model",
        "NotApplicable",
        "Reading",
        "RewriteError",
        "Run",
        "Snapshot",
        "Spec",
        "StorageError",
        "Task",
        "UnknownName",
        "edit",
        "explore",
        "lenses",
        "make_task",
        "plot_ablations",
        "plot_maps",
        "plot_prices",
        "plot_spectrum",
        "plot_sweep",
        "plot_trace",
        "read",
        "read_spectrum",
        "record",
        "trace",
        "train",
        "write_page",
    ]


def test_every_public_name_is_there_and_documented():
    for name in grokscope.__all__:
        assert getattr(grokscope, name).__doc__, name
