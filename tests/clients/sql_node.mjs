// @databricks/sql (Thrift over HTTPS): rows, types, many batches, an error.

import { readFileSync } from "node:fs";

import { attempt, finish, forgetEnvironment, fromPackages, given, required } from "./common.mjs";

const options = given();
const token = required("DATABRICKS_TOKEN");
forgetEnvironment();

const { DBSQLClient, DBSQLLogger, LogLevel } = fromPackages("@databricks/sql");
const at = new URL(options.host);
const client = new DBSQLClient({ logger: new DBSQLLogger({ level: LogLevel.error }) });
await client.connect({
  host: at.hostname,
  port: Number(at.port || 443),
  path: `/sql/1.0/warehouses/${options["warehouse-id"]}`,
  token,
  // The driver retries for up to 15 minutes; a test must end.
  retriesTimeout: 20_000,
  customCaCert: readFileSync(options["ca-file"]),
  telemetryEnabled: false,
});
const session = await client.openSession();

async function query(text, fetch) {
  const operation = await session.executeStatement(text, { useCloudFetch: false, ...fetch });
  try {
    await operation.finished();
    const schema = await operation.getSchema();
    const rows = await operation.fetchAll();
    const columns = schema.columns.map((column) => [
      column.columnName, column.typeDesc.types[0].primitiveEntry?.type ?? null]);
    return { columns, rows };
  } finally {
    await operation.close();
  }
}

async function many() {
  const { rows } = await query("SELECT * FROM range(350)", { maxRows: 100 });
  return { count: rows.length, first: rows[0], last: rows.at(-1) };
}

const results = {
  select: await attempt(() => query("SELECT 1")),
  literals: await attempt(() => query("SELECT 'x' AS t, NULL AS n, true AS b, 1.50 AS d")),
  types: await attempt(() => query("SELECT * FROM samples.people")),
  many: await attempt(many),
  show: await attempt(() => query("SHOW CATALOGS")),
  failing: await attempt(() => query("SELECT * FROM nowhere")),
  links: await attempt(() => query("SELECT 1", { useCloudFetch: true })),
};
await session.close();
await client.close();
finish(results);
