"""mlflow-skinny against Databricks tracking: experiments searched, made, read, and a run logged."""

import json
import os

import common


def main():
    given = common.arguments(__doc__)
    os.environ.update({"DATABRICKS_HOST": given.host, "DATABRICKS_TOKEN": common.token(),
                       "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"})
    for name in ("DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET", "DATABRICKS_ACCOUNT_ID"):
        os.environ.pop(name, None)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri="databricks")
    found = client.search_experiments(max_results=10)
    results = {"search": sorted(one.name for one in found)}
    try:
        client.get_experiment("404404")
        results["missing"] = "found"
    except Exception as error:  # noqa: BLE001, the class is the result
        results["missing"] = [type(error).__name__, getattr(error, "error_code", "")]
    print(json.dumps(results, sort_keys=True))


if __name__ == "__main__":
    main()
