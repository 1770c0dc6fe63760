"""MLflow: a run of the experiment "grokscope", in files of its own or where
MLFLOW_TRACKING_URI says."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from grokscope.trackers.tracker import Log, Numbers, settings, tracker
from grokscope.training.run import Run

EXPERIMENT = "grokscope"
LONGEST = 500  # letters of a parameter, which MLflow takes


@tracker("mlflow", extra="mlflow")
@contextmanager
def mlflow(run: Run, place: Path) -> Iterator[Log]:
    """Its parameters are the fields of the spec, its metrics the evaluations."""
    place.mkdir(parents=True, exist_ok=True)
    # Its database store needs more packages than the small client brings.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = os.environ.get("MLFLOW_TRACKING_URI", place.absolute().as_uri())
    package, entities = import_module("mlflow"), import_module("mlflow.entities")
    client = package.MlflowClient(tracking_uri=uri)
    known = client.get_experiment_by_name(EXPERIMENT)
    home = known.experiment_id if known else client.create_experiment(EXPERIMENT)
    began = client.create_run(home, run_name=run.name).info.run_id
    params = [entities.Param(k, str(v)[:LONGEST]) for k, v in settings(run).items()]
    client.log_batch(began, params=params)

    def log(step: int, numbers: Numbers) -> None:
        now = int(time.time() * 1000)
        client.log_batch(began, [entities.Metric(k, v, now, step) for k, v in numbers.items()])

    yield log
    client.set_terminated(began)
