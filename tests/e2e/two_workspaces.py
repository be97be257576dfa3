"""Two workspaces and the account behind one vault; one resource by name; access details.

    python3 tests/e2e/two_workspaces.py --binary target/release/breakglass

Both workspaces are the simulator's, told apart by the host and the header of each request: a
session reaches the one its terms name and the account, whatever its client asks for. A session for
one job changes that job and no other. What the policy wants a responder to read, she reads.
"""

import json

import vault as v

OTHER = "900800700601"
DETAILS = "Begin at the platform team's page; leave the billing workspace alone."
POLICY = f'use = "built_in"\naccess_details = "{DETAILS}"\n'


class TwoPlaces(v.Vault):
    """The staged vault with a second workspace, known by another host name."""

    def start(self):
        port = self.databricks["http"].rsplit(":", 1)[1]
        text = self.config.read_text()
        heading = "[databricks.workspaces]\n"
        if heading not in text:
            raise v.Failed(f"the staged configuration has no {heading}: {text}")
        text = text.replace(heading, f'{heading}"{OTHER}" = "http://localhost:{port}"\n')
        self.config.write_text(text)
        super().start()

    def start_simulator(self, **knobs):
        command = [self.binary, "simulate", "--json", "--http", self.databricks["http"],
                   "--state-file", str(self.dir / "simulator.json"),
                   "--workspace-id", self.databricks["workspace_id"], "--workspace-id", OTHER]
        self.simulator = v.Process(command, self.dir / "simulator.log")

    def opened(self, workspace, *more):
        """An open session on one workspace: incident, token and what `claim` printed."""
        asked = self.does("rio", "open", "--no-wait", "--because", "catastrophic-outage",
                          "--answers", v.ANSWERS, "--workspace", workspace, "--for", "30m", *more,
                          "nobody can sign in")
        incident = asked["incident"]
        self.approves(incident, asked["phrase"])
        v.until("the open session", lambda: self.phase(incident) == "open")
        claimed = self.does("rio", "claim", incident)
        return incident, self.token(incident), claimed

    def home(self, incident):
        self.close(incident)
        v.until("the way back", lambda: self.phase(incident) == "in_review")


def seen(vault, incident, path):
    """Host name and workspace header of this session's requests to a path."""
    return {(one["host"].split(":")[0], one["workspace_header"])
            for one in vault.upstream(incident) if one["path"].split("?")[0] == path}


def each_place(checks, vault):
    first = vault.databricks["workspace_id"]
    account = f"/api/2.0/accounts/{vault.databricks['account_id']}/scim/v2/Groups"
    jobs = "/api/2.2/jobs/list"
    scopes = ["--account", "--scope", "ws:read", "--scope", "account:read"]
    for workspace, host, other in [(first, "127.0.0.1", OTHER), (OTHER, "localhost", first)]:
        incident, token, claimed = vault.opened(workspace, *scopes)
        checks.equal(f"{workspace}: the access details are read when the session opens",
                     claimed["access_details"], DETAILS)
        # The client asks for the other workspace; the terms decide.
        lie = {"x-databricks-workspace-id": other}
        reply = vault.through(token, "GET", jobs, headers=lie)
        checks.equal(f"{workspace}: a client that means {other} is refused", reply.status, 403)
        reply = vault.through(token, "GET", jobs)
        checks.equal(f"{workspace}: a call is answered", reply.status, 200)
        checks.equal(f"{workspace}: it went there and nowhere else",
                     seen(vault, incident, jobs), {(host, workspace)})
        reply = vault.through(token, "GET", account)
        checks.equal(f"{workspace}: the account is reached in the same session", reply.status, 200)
        at = {one for one, _ in seen(vault, incident, account)}
        checks.equal(f"{workspace}: at the account's host", at, {"127.0.0.1"})
        vault.home(incident)


def outside_the_terms(checks, vault):
    code, _, said = vault.runs("rio", "open", "--no-wait", "--because", "catastrophic-outage",
                               "--answers", v.ANSWERS, "--workspace", "111", "--for", "30m",
                               "a workspace that is not guarded")
    checks.hold("a workspace that is not configured is refused at once", code != 0, said)
    # The third and last opening of rio's hour.
    incident, token, _ = vault.opened(OTHER, "--resource", "job:101")
    path = f"/api/2.0/accounts/{vault.databricks['account_id']}/scim/v2/Groups"
    reply = vault.through(token, "GET", path)
    checks.equal("without --account the account is refused", reply.status, 403)
    checks.equal("and was not asked", seen(vault, incident, path), set())
    one_job(checks, vault, incident, token)
    vault.home(incident)


def one_job(checks, vault, incident, token):
    run = "/api/2.2/jobs/run-now"
    listed = json.loads(vault.through(token, "GET", "/api/2.2/jobs/list").body)
    ids = [job["job_id"] for job in listed["jobs"]]
    checks.hold("the simulator has job 101 and another one", 101 in ids and len(ids) > 1, ids)
    other = next(one for one in ids if one != 101)
    reply = vault.through(token, "POST", run, {"job_id": 101})
    checks.equal("--resource job:101 runs job 101", reply.status, 200)
    reply = vault.through(token, "POST", run, {"job_id": other})
    checks.equal("and no other job", reply.status, 403)
    reply = vault.through(token, "POST", "/api/2.1/clusters/start", {"cluster_id": "x"})
    checks.equal("and starts no cluster", reply.status, 403)
    sent = [one for one in vault.upstream(incident) if one["path"] == run]
    checks.equal("one change went upstream", len(sent), 1)


def details_shown(checks, vault):
    shown = vault.does("otto", "policy", "show")
    checks.equal("`policy show` has them", shown["policy"]["access_details"], DETAILS)
    before = vault.dir / "next-policy.toml"
    before.write_text(POLICY.replace("Begin", "Start"))
    code, _, said = vault.runs("otto", "policy", "propose", str(before), "--yes")
    checks.equal("a change of them is proposed", code, 0)
    checks.hold("and previewed to whoever signs",
                "read when a session opens: Start at the platform" in said, said)
    before.write_text(POLICY.replace("Begin", "x" * 400))
    code, _, said = vault.runs("otto", "policy", "propose", str(before), "--yes")
    checks.hold("more than 400 characters are refused", code == 2 and "1 to 400" in said, said)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    with TwoPlaces(given.binary, keep=given.keep, policy=POLICY) as vault:
        each_place(checks, vault)
        outside_the_terms(checks, vault)
        details_shown(checks, vault)
        vault.exported()
        checks.hold("the log of it all verifies", True)
    checks.finish()


if __name__ == "__main__":
    main()
