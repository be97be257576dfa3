"""oauth-m2m: client id and secret from the environment, discovery, token, one call."""

import common


def main():
    given = common.arguments(__doc__)
    client_id = common.required("DATABRICKS_CLIENT_ID")
    client_secret = common.required("DATABRICKS_CLIENT_SECRET")
    common.forget_environment()
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    def client(secret):
        return WorkspaceClient(config=Config(
            host=given.host, client_id=client_id, client_secret=secret, auth_type="oauth-m2m",
            retry_timeout_seconds=20))

    def wrong():
        return client(client_secret + "x").current_user.me()

    w = client(client_secret)
    common.finish({
        "me": common.attempt(w.current_user.me),
        "clusters": common.everything(w.clusters.list),
        "wrong_secret": common.attempt(wrong),
    })


if __name__ == "__main__":
    main()
