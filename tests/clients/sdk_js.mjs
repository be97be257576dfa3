// @databricks/sdk-experimental: identity, clusters, jobs, permissions, SQL, secrets, errors, and
// the token endpoint of tools that insist on an id and a secret.

import { attempt, everything, finish, forgetEnvironment, fromPackages, given, required } from "./common.mjs";

const options = given();
const token = required("DATABRICKS_TOKEN");
const clientId = required("DATABRICKS_CLIENT_ID");
const clientSecret = required("DATABRICKS_CLIENT_SECRET");
forgetEnvironment();

const { WorkspaceClient } = fromPackages("@databricks/sdk-experimental");
const common = { host: options.host, retryTimeoutSeconds: 20 };
const w = new WorkspaceClient({ ...common, token, authType: "pat" });
const m2m = (secret) =>
  new WorkspaceClient({ ...common, clientId, clientSecret: secret, authType: "oauth-m2m" });
const warehouse_id = options["warehouse-id"];
const nightly = "0101-120000-nightly1";
const statement = (text) =>
  w.statementExecution.executeStatement({ statement: text, warehouse_id, wait_timeout: "10s" });

/** The first items of a SCIM list: this SDK (0.17) asks for the same page for ever. */
async function firstPage(count, list) {
  return attempt(async () => {
    const found = [];
    for await (const item of list(count)) {
      found.push(item);
      if (found.length === count) return found;
    }
    return found;
  });
}

async function ran() {
  const started = await w.jobs.runNow({ job_id: 101 });
  const seen = await w.jobs.getRun({ run_id: started.run_id });
  return { name: seen.run_name, state: seen.state };
}

finish({
  me: await attempt(() => w.currentUser.me()),
  users: await firstPage(4, (count) => w.usersV2.list({ count, attributes: "userName" })),
  groups: await firstPage(1, () => w.groupsV2.list({ filter: 'displayName eq "admins"' })),
  clusters: await everything(() => w.clusters.list({})),
  cluster: await attempt(() => w.clusters.get({ cluster_id: nightly })),
  cluster_missing: await attempt(() => w.clusters.get({ cluster_id: "no-such-cluster" })),
  jobs: await everything(() => w.jobs.list({ limit: 5 })),
  job: await attempt(() => w.jobs.get({ job_id: 101 })),
  job_missing: await attempt(() => w.jobs.get({ job_id: 999999 })),
  run_now: await attempt(ran),
  permissions: await attempt(() => w.permissions.get({
    request_object_type: "jobs", request_object_id: "101" })),
  ip_access_lists: await everything(() => w.ipAccessLists.list()),
  warehouses: await everything(() => w.warehouses.list({})),
  warehouse_missing: await attempt(() => w.warehouses.get({ id: "none" })),
  select: await attempt(() => statement("SELECT 1")),
  select_types: await attempt(() => statement("SELECT * FROM samples.people")),
  select_failing: await attempt(() => statement("SELECT * FROM nowhere")),
  scopes: await everything(() => w.secrets.listScopes()),
  secret_denied: await attempt(() => w.secrets.getSecret({ scope: "payroll", key: "key" })),
  workspace: await everything(() => w.workspace.list({ path: "/" })),
  workspace_missing: await attempt(() => w.workspace.getStatus({ path: "/none" })),
  catalogs: await everything(() => w.catalogs.list({})),
  tokens: await everything(() => w.tokens.list()),
  m2m: await attempt(() => m2m(clientSecret).currentUser.me()),
  m2m_wrong_secret: await attempt(() => m2m("not-the-secret").currentUser.me()),
});
