"""The Python SDK over the breadth of a server that nobody here wrote (PyPI `minilake`): directory,
address lists, clusters, pools, jobs, permissions, workspace, SQL, Unity Catalog, secrets, files.

Every object it makes is of its own run, and what differs from run to run by the server's own dice
(ids, times) is left out, so that two fresh servers must give the same results.
"""

import base64
import io

import common

# What minilake draws or stamps itself.
DRAWN = {"id", "user_id", "application_id", "cluster_id", "policy_id", "instance_pool_id", "job_id",
         "list_id", "object_id", "resource_id", "created_at", "created_at_timestamp", "updated_at",
         "created_time", "modified_at", "last_activity_time", "meta", "catalog_id", "schema_id",
         "table_id", "volume_id", "metastore_id", "storage_location", "storage_root", "path_id",
         "script_id", "created_timestamp", "updated_timestamp", "last_updated_timestamp", "created",
         "creator_user_name", "last_state_loss_time", "terminated_time", "driver", "spark_context_id",
         "credential_id", "full_location", "owner_id", "browse_only", "odbc_params"}


def steady(value):
    """A result without what the server draws."""
    if isinstance(value, dict):
        return {key: steady(item) for key, item in value.items() if key not in DRAWN}
    return [steady(item) for item in value] if isinstance(value, list) else value


def main():
    given = common.arguments(__doc__)
    w = common.workspace_client(given)
    from databricks.sdk.service import catalog, iam, jobs, settings, workspace

    results = {}

    def attempt(name, call):
        results[name] = steady(common.attempt(call))

    def everything(name, call):
        results[name] = steady(common.everything(call))

    def directory():
        group = w.groups.create(display_name="oncall")
        user = w.users.create(user_name="ada@example.com", display_name="Ada")
        add = iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": user.id}])
        w.groups.patch(group.id, operations=[add], schemas=[
            iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP])
        after = w.groups.get(group.id)
        w.users.delete(user.id)
        w.groups.delete(group.id)
        return {"members": len(after.members or []), "name": after.display_name}

    def address_list():
        made = w.ip_access_lists.create(
            label="office", list_type=settings.ListType.ALLOW, ip_addresses=["192.0.2.0/24"])
        found = w.ip_access_lists.get(made.ip_access_list.list_id)
        w.ip_access_lists.delete(made.ip_access_list.list_id)
        return found.ip_access_list

    def cluster():
        made = w.clusters.create(cluster_name="repair", spark_version="15.4.x-scala2.12",
                                 node_type_id="i3.xlarge", num_workers=1)
        found = w.clusters.get(made.cluster_id)
        w.clusters.permanent_delete(made.cluster_id)
        return {"name": found.cluster_name, "workers": found.num_workers}

    def job():
        task = jobs.Task(task_key="one", notebook_task=jobs.NotebookTask(notebook_path="/Shared/x"))
        made = w.jobs.create(name="nightly", tasks=[task])
        w.permissions.update("jobs", str(made.job_id), access_control_list=[
            iam.AccessControlRequest(group_name="admins",
                                     permission_level=iam.PermissionLevel.CAN_MANAGE)])
        found = w.jobs.get(made.job_id)
        w.jobs.delete(made.job_id)
        return {"name": found.settings.name, "tasks": [t.task_key for t in found.settings.tasks]}

    def notebook():
        w.workspace.mkdirs("/Shared/repair")
        w.workspace.import_("/Shared/repair/note", language=workspace.Language.PYTHON,
                            format=workspace.ImportFormat.SOURCE, overwrite=True,
                            content=base64.b64encode(b"print(1)\n").decode())
        text = w.workspace.export("/Shared/repair/note").content
        w.workspace.delete("/Shared/repair", recursive=True)
        return base64.b64decode(text).decode()

    def statement(text):
        found = list(w.warehouses.list())
        warehouse = found[0].id if found else w.warehouses.create(name="small").id
        done = w.statement_execution.execute_statement(text, warehouse, wait_timeout="30s")
        return {"state": done.status.state.value, "rows": done.result and done.result.data_array,
                "columns": done.manifest and [c.name for c in done.manifest.schema.columns]}

    def catalogs():
        w.catalogs.create(name="repair")
        w.schemas.create(name="s", catalog_name="repair")
        w.grants.update("schema", "repair.s", changes=[catalog.PermissionsChange(
            add=[catalog.Privilege.USE_SCHEMA], principal="ada@example.com")])
        granted = w.grants.get("schema", "repair.s")
        w.schemas.delete("repair.s")
        w.catalogs.delete("repair", force=True)
        return granted

    def secret():
        w.secrets.create_scope("etl")
        w.secrets.put_secret("etl", "key", string_value="not a secret")
        names = [item.key for item in w.secrets.list_secrets("etl")]
        w.secrets.delete_secret("etl", "key")
        w.secrets.delete_scope("etl")
        return names

    def file():
        path = "/Volumes/main/default/v/note.txt"
        w.files.upload(path, io.BytesIO(b"hello"), overwrite=True)
        text = w.files.download(path).contents.read().decode()
        w.files.delete(path)
        return text

    attempt("me", w.current_user.me)
    everything("groups", w.groups.list)
    everything("groups_filtered", lambda: w.groups.list(filter='displayName eq "admins"'))
    everything("users", w.users.list)
    attempt("directory", directory)
    attempt("user_missing", lambda: w.users.get("none"))
    everything("ip_access_lists", w.ip_access_lists.list)
    attempt("address_list", address_list)
    attempt("workspace_conf", lambda: w.workspace_conf.get_status("enableIpAccessLists"))
    everything("clusters", w.clusters.list)
    attempt("cluster", cluster)
    attempt("cluster_missing", lambda: w.clusters.get("none"))
    attempt("spark_versions", w.clusters.spark_versions)
    everything("pools", w.instance_pools.list)
    everything("policies", w.cluster_policies.list)
    everything("jobs", w.jobs.list)
    attempt("job", job)
    attempt("job_missing", lambda: w.jobs.get(999_999))
    attempt("notebook", notebook)
    everything("workspace", lambda: w.workspace.list("/"))
    attempt("workspace_missing", lambda: w.workspace.get_status("/none"))
    attempt("select", lambda: statement("SELECT 1 AS one, 'x' AS two"))
    attempt("select_failing", lambda: statement("SELECT * FROM nowhere"))
    everything("warehouses", w.warehouses.list)
    attempt("metastore", w.metastores.summary)
    everything("catalogs", w.catalogs.list)
    attempt("catalog_made", catalogs)
    attempt("catalog_missing", lambda: w.catalogs.get("none"))
    attempt("secret", secret)
    everything("scopes", w.secrets.list_scopes)
    attempt("file", file)
    attempt("file_missing", lambda: w.files.download("/Volumes/main/default/v/none"))
    everything("git_credentials", w.git_credentials.list)
    everything("init_scripts", w.global_init_scripts.list)
    attempt("node_types", lambda: len(w.clusters.list_node_types().node_types))
    attempt("zones", w.clusters.list_zones)
    attempt("unknown", lambda: w.api_client.do("PUT", "/api/2.0/no/such/thing"))
    common.finish(results)


if __name__ == "__main__":
    main()
