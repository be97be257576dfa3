"""mlflow-skinny against Databricks tracking: an experiment made, a run logged to its end and read
back in every way, experiments and runs searched, and errors with their codes.

Names and ids differ from run to run: what is printed is what was logged under them.
"""

import contextlib
import json
import os
import sys
import uuid

import common


def shown(run):
    """A run without its ids and moments."""
    return {"name": run.info.run_name, "status": run.info.status, "stage": run.info.lifecycle_stage,
            "ended": run.info.end_time, "params": run.data.params, "metrics": run.data.metrics,
            "tags": {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}}


def failed(call):
    """Class and code of the error that a call must raise."""
    try:
        call()
    except Exception as error:  # noqa: BLE001, the class is the result
        return [type(error).__name__, getattr(error, "error_code", "")]
    return "no error"


def whole_run(client):
    """From a new experiment to its end."""
    from mlflow.entities import Metric, Param, RunTag

    name = f"/Shared/night-{uuid.uuid4().hex}"
    experiment = client.create_experiment(name)
    seen = client.get_experiment(experiment)
    results = {"created": [seen.name == name, seen.lifecycle_stage],
               "twice": failed(lambda: client.create_experiment(name))}
    run = client.create_run(experiment, start_time=1_767_225_600_000, run_name="night-repair",
                            tags={"ticket": "OPS-8812"}).info.run_id
    client.log_param(run, "depth", 7)
    for step in range(3):
        client.log_metric(run, "loss", 0.5 / (step + 1), timestamp=1_767_225_600_000 + step, step=step)
    client.log_batch(run, metrics=[Metric("accuracy", 0.875, 1_767_225_600_009, 2)],
                     params=[Param("seed", "42"), Param("größe", "11 µm")], tags=[RunTag("by", "rio")])
    client.set_tag(run, "by", "ada")
    results["running"] = shown(client.get_run(run))
    results["history"] = [[one.value, one.step, one.timestamp]
                          for one in client.get_metric_history(run, "loss")]
    client.set_terminated(run, "FINISHED", end_time=1_767_225_700_000)
    other = client.create_run(experiment, run_name="second").info.run_id
    found = client.search_runs([experiment])
    results["found"] = [one.info.run_name for one in found]
    results["finished"] = shown(next(one for one in found if one.info.run_id == run))
    results["distinct"] = run != other
    client.delete_experiment(experiment)
    results["deleted"] = client.get_experiment(experiment).lifecycle_stage
    return results


def main():
    given = common.arguments(__doc__)
    os.environ.update({"DATABRICKS_HOST": given.host, "DATABRICKS_TOKEN": common.token(),
                       "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"})
    for name in ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET", "DATABRICKS_ACCOUNT_ID"):
        os.environ.pop(name, None)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri="databricks")
    # The library greets whoever ends a run.
    with contextlib.redirect_stdout(sys.stderr):
        results = whole_run(client)
    results["search"] = sorted(one.name for one in client.search_experiments(max_results=10))
    results["missing_experiment"] = failed(lambda: client.get_experiment("404404"))
    results["missing_run"] = failed(lambda: client.get_run("0" * 31 + "f"))
    print(json.dumps(results, sort_keys=True))


if __name__ == "__main__":
    main()
