"""WorkspaceClient: identity, clusters, jobs, permissions, SQL, secrets, errors."""

import common


def main():
    given = common.arguments(__doc__)
    w = common.workspace_client(given)
    warehouse = given.warehouse_id
    nightly = "0101-120000-nightly1"

    def statement(text, **options):
        return w.statement_execution.execute_statement(text, warehouse, **options)

    def all_rows():
        reply = statement("SELECT * FROM range(250)")
        rows = list(reply.result.data_array)
        index = reply.result.next_chunk_index
        while index is not None:
            chunk = w.statement_execution.get_statement_result_chunk_n(reply.statement_id, index)
            rows += chunk.data_array
            index = chunk.next_chunk_index
        return {"rows": len(rows), "last": rows[-1], "chunks": reply.manifest.total_chunk_count}

    def polled():
        first = statement("SELECT 'later' AS t", wait_timeout="0s")
        second = w.statement_execution.get_statement(first.statement_id)
        return [first.status.state.value, second.status.state.value, second.result.data_array]

    def ran():
        run = w.jobs.run_now(101)
        seen = w.jobs.get_run(run.run_id)
        output = w.jobs.get_run_output(run.run_id)
        return {"state": seen.state.as_dict(), "name": seen.run_name,
                "output": output.notebook_output.as_dict()}

    def cancelled():
        run = w.jobs.run_now(102)
        before = w.jobs.get_run(run.run_id).state.life_cycle_state.value
        w.jobs.cancel_run(run.run_id)
        return [before, w.jobs.get_run(run.run_id).state.result_state.value]

    attempt, everything = common.attempt, common.everything
    common.finish({
        "me": attempt(w.current_user.me),
        "workspace_id": attempt(w.get_workspace_id),
        "groups_admins": everything(lambda: w.groups.list(filter='displayName eq "admins"')),
        "groups_bare": everything(lambda: w.groups.list(filter="displayName sw data")),
        "groups_bad_filter": everything(lambda: w.groups.list(filter="displayName")),
        "users_paged": everything(lambda: w.users.list(count=4, attributes="userName")),
        "group_missing": attempt(lambda: w.groups.get("1234")),
        "clusters": everything(w.clusters.list),
        "cluster": attempt(lambda: w.clusters.get(nightly)),
        "cluster_missing": attempt(lambda: w.clusters.get("no-such-cluster")),
        "cluster_events": everything(lambda: w.clusters.events(nightly)),
        "jobs": everything(w.jobs.list),
        "jobs_named": everything(lambda: w.jobs.list(name="nightly-etl")),
        "job": attempt(lambda: w.jobs.get(101)),
        "job_missing": attempt(lambda: w.jobs.get(999_999)),
        "run_missing": attempt(lambda: w.jobs.get_run(1)),
        "run_now": attempt(ran),
        "run_cancelled": attempt(cancelled),
        "job_permissions": attempt(lambda: w.permissions.get("jobs", "101")),
        "cluster_permissions": attempt(lambda: w.permissions.get("clusters", nightly)),
        "ip_access_lists": everything(w.ip_access_lists.list),
        "workspace_conf": attempt(lambda: w.workspace_conf.get_status("enableIpAccessLists")),
        "warehouses": everything(w.warehouses.list),
        "warehouse_missing": attempt(lambda: w.warehouses.get("none")),
        "select": attempt(lambda: statement("SELECT 1")),
        "select_types": attempt(lambda: statement("SELECT * FROM samples.people")),
        "select_chunks": attempt(all_rows),
        "select_later": attempt(polled),
        "select_failing": attempt(lambda: statement("SELECT * FROM nowhere")),
        "select_bad_wait": attempt(lambda: statement("SELECT 1", wait_timeout="3s")),
        "scopes": everything(w.secrets.list_scopes),
        "secrets": everything(lambda: w.secrets.list_secrets("etl")),
        "secret_denied": attempt(lambda: w.secrets.get_secret("payroll", "key")),
        "secret_scope_missing": everything(lambda: w.secrets.list_secrets("none")),
        "workspace": everything(lambda: w.workspace.list("/")),
        "workspace_shared": everything(lambda: w.workspace.list("/Shared")),
        "workspace_export": attempt(lambda: w.workspace.export("/Shared/nightly")),
        "workspace_missing": attempt(lambda: w.workspace.get_status("/none")),
        "tokens": everything(w.tokens.list),
        "catalogs": everything(w.catalogs.list),
        "grants": attempt(lambda: w.grants.get("catalog", "main")),
        "unknown_endpoint": attempt(lambda: w.api_client.do("PUT", "/api/2.0/no/such/thing")),
    })


if __name__ == "__main__":
    main()
