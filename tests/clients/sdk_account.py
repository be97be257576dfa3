"""AccountClient: directory, workspace assignments, secrets of service principals."""

import common


def main():
    given = common.arguments(__doc__)
    a = common.account_client(given)
    principal, workspace = int(given.principal_id), int(given.workspace_id)

    def secrets():
        listed = a.service_principal_secrets.list(str(principal))
        return [{"status": secret.status, "has_hash": bool(secret.secret_hash),
                 "has_expiry": bool(secret.expire_time)} for secret in listed][:1]

    attempt, everything = common.attempt, common.everything
    by_name = 'userName eq "ada@example.com"'
    common.finish({
        "users": everything(lambda: a.users.list(attributes="userName,active")),
        "users_paged": everything(lambda: a.users.list(count=3, attributes="userName")),
        "user_by_name": everything(lambda: a.users.list(filter=by_name)),
        "groups": everything(a.groups.list),
        "group": attempt(lambda: a.groups.get("2003")),
        "group_missing": attempt(lambda: a.groups.get("1")),
        "service_principals": everything(a.service_principals.list),
        "service_principal": attempt(lambda: a.service_principals.get(str(principal))),
        "assignments": everything(lambda: a.workspace_assignment.list(workspace)),
        "workspaces": everything(a.workspaces.list),
        "secrets": attempt(secrets),
        "secrets_missing_principal": everything(lambda: a.service_principal_secrets.list("1")),
    })


if __name__ == "__main__":
    main()
