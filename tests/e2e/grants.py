"""A session that grants two people and makes seven kinds of objects leaves nothing unlisted.

    python tests/e2e/grants.py --binary target/debug/breakglass

The principal is no admin of the workspace before; two people of the terms become admins; through
the proxy the session adds a group member, a job permission, a catalog privilege and an app, which
the close takes away again, and makes a job, a cluster and a secret scope, which stay and must be
review items. The rights at Databricks after the close are compared with those before.
"""

import json

import vault as v

SCOPE = ("ws:read", "ws:change", "ws:code", "ws:privilege", "account:read", "account:privilege")
ADA, BEN, RIO = "4000000001", "4000000002", "4000000006"


def opened(vault, *grants):
    """An open session whose terms name these people; what a custodian was shown."""
    words = ["open", "--no-wait", "--because", "catastrophic-outage", "--answers", v.ANSWERS,
             "--workspace", vault.databricks["workspace_id"], "--account", "--for", "30m"]
    for pattern in SCOPE:
        words += ["--scope", pattern]
    for person in grants:
        words += ["--grant", person]
    asked = vault.does("rio", *words, "nobody can sign in to the workspace")
    incident = asked["incident"]
    vault.approves(incident, asked["phrase"])
    v.until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    return incident, vault.token(incident)


def made(checks, vault, token):
    """What the session adds and makes; every call must succeed."""
    job = json.loads(vault.through(token, "POST", "/api/2.2/jobs/create",
                                   {"name": "night-repair", "tasks": []}).body)["job_id"]
    scim = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
    calls = {
        "member": ("PATCH", "/api/2.0/preview/scim/v2/Groups/1003", {"schemas": scim, "Operations": [
            {"op": "add", "path": "members", "value": [{"value": RIO}]}]}),
        "permission": ("PATCH", f"/api/2.0/permissions/jobs/{job}", {"access_control_list": [
            {"user_name": "rio@example.com", "permission_level": "CAN_MANAGE"}]}),
        "privilege": ("PATCH", "/api/2.1/unity-catalog/permissions/catalog/main", {"changes": [
            {"principal": "rio@example.com", "add": ["SELECT"]}]}),
        "app": ("POST", "/api/2.0/apps", {"name": "night-app"}),
        "cluster": ("POST", "/api/2.1/clusters/create",
                    {"cluster_name": "night", "spark_version": "15.4.x", "num_workers": 1}),
        "scope": ("POST", "/api/2.0/secrets/scopes/create", {"scope": "night"}),
    }
    for name, (method, path, body) in calls.items():
        reply = vault.through(token, method, path, body)
        checks.equal(f"the session makes: {name}", (reply.status // 100, reply.status < 300),
                     (2, True))
    return job


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with v.Vault(given.binary, keep=given.keep, store=given.store) as vault:
        workspace = int(vault.databricks["workspace_id"])
        principal = int(vault.databricks["principal_id"])
        vault.sim("assign", "POST", {"workspace": workspace, "principal": principal})
        before = vault.sim("rights")
        checks.hold("the principal is no admin of the workspace before",
                    str(principal) not in before["assignments"][str(workspace)])
        incident, token = opened(vault, "ada", "ben")
        checks.equal("it is while the session is open",
                     vault.sim("rights")["assignments"][str(workspace)][str(principal)], "ADMIN")
        ids = {}
        for person, right in (("ada", "workspace-admin"), ("ada", "account-admin"),
                              ("ben", "workspace-admin")):
            granted = vault.does("rio", "grant", incident, person, right)
            checks.hold(f"{person} is {right}, with the address to sign in",
                        granted["url"].startswith("http") and not granted["had_it"], granted)
            ids[person] = granted["person"]
        code, _, said = vault.runs("rio", "grant", incident, "cleo", "workspace-admin")
        checks.hold("somebody whom the terms do not name is refused (exit 5)", code == 5, said)
        now = vault.sim("rights")
        checks.hold("Databricks shows both grants", int(ADA) in now["account_admins"] and all(
            now["assignments"][str(workspace)].get(who) == "ADMIN" for who in (ADA, BEN)), now)
        job = made(checks, vault, token)
        vault.close(incident)
        checks.equal("every right is as before the session", vault.sim("rights"), before)
        view = vault.api("tess", "GET", f"/reviews/{incident}")
        undone = [one for one in view["record"]["timeline"] if one["kind"] == "undo.done"]
        checks.equal("seven rights and one app were taken away and read to be gone",
                     len(undone), 8)
        items = {(one["kind"], one["about"]) for one in view["items"]}
        for wanted in (("stays", "POST /api/2/jobs/create"),
                       ("stays", "POST /api/2/clusters/create"),
                       ("stays", "POST /api/2/secrets/scopes/create"),
                       ("granted", f"account-admin for {ids['ada']}"),
                       ("granted", f"workspace-admin for {ids['ada']}"),
                       ("granted", f"workspace-admin for {ids['ben']}")):
            checks.hold(f"the review asks about {wanted}", wanted in items, sorted(items))
        left = {one for one in items if one[0] in ("difference", "not_undone", "kept")}
        checks.equal("nothing differs that is not named", left, set())
        print(f"     job {job}: 2 people granted 3 rights, 7 kinds of objects made: 8 undone, "
              f"{len([i for i in items if i[0] == 'stays'])} listed, {len(left)} unlisted",
              flush=True)
    checks.finish()


if __name__ == "__main__":
    main()
