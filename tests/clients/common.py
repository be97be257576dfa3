"""What the client scripts share: arguments, credentials from the environment, one JSON object out.

Each script prints normalised results, so that a run directly against the simulator and a run
through the proxy can be compared byte for byte. No credential is ever taken from argv.
"""

import argparse
import json
import os
import sys

# Members whose values differ from run to run.
VOLATILE = {
    "run_id", "number_in_job", "statement_id", "start_time", "end_time", "last_modified",
    "etag", "request_id", "token_id", "creation_time", "expiry_time", "original_attempt_run_id",
}


def arguments(description):
    """The parsed command line; every script takes the same one."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", required=True, help="http://ADDRESS:PORT or https://NAME[:PORT]")
    parser.add_argument("--account-id", default=os.environ.get("DATABRICKS_ACCOUNT_ID"))
    parser.add_argument("--principal-id", default=os.environ.get("BREAKGLASS_PRINCIPAL_ID"),
                        help="SCIM id of the break-glass service principal")
    parser.add_argument("--workspace-id", default=os.environ.get("DATABRICKS_WORKSPACE_ID"))
    parser.add_argument("--warehouse-id", default="wh0000000000001")
    parser.add_argument("--ca-file", help="certificate authority for https (SQL connector)")
    return parser.parse_args()


def token():
    """The bearer to use, from DATABRICKS_TOKEN."""
    return required("DATABRICKS_TOKEN")


def required(name):
    """An environment variable that must be set."""
    value = os.environ.get(name)
    if not value:
        sys.exit(f"{name} is not set")
    return value


def workspace_client(arguments_given):
    """A WorkspaceClient that uses the bearer and nothing else from the environment."""
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    secret = token()
    forget_environment()
    return WorkspaceClient(config=Config(
        host=arguments_given.host, token=secret, auth_type="pat", retry_timeout_seconds=20))


def account_client(arguments_given):
    """An AccountClient that uses the bearer and nothing else from the environment."""
    from databricks.sdk import AccountClient
    from databricks.sdk.core import Config

    secret = token()
    forget_environment()
    return AccountClient(config=Config(
        host=arguments_given.host, token=secret, account_id=arguments_given.account_id,
        auth_type="pat", retry_timeout_seconds=20))


def forget_environment():
    """Removes settings that would make the SDK see two authorization methods."""
    for name in list(os.environ):
        if name.startswith("DATABRICKS_"):
            del os.environ[name]


def plain(value):
    """SDK objects as plain data, without volatile members."""
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in VOLATILE}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def attempt(call):
    """The plain result of a call, or the class and message of the error it raised."""
    try:
        return plain(call())
    except Exception as error:  # every failure is a result here
        message = str(error).split(" [ReqId:")[0].split(" Config:")[0]
        return {"raised": type(error).__name__, "message": message.strip()}


def everything(call):
    """Like attempt, for a call that answers an iterator over pages."""
    return attempt(lambda: [plain(item) for item in call()])


def finish(results):
    """Prints the one JSON object."""
    print(json.dumps(results, sort_keys=True))
