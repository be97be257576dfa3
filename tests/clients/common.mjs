// What the Node.js client scripts share: arguments, the packages, one JSON object out. Like
// common.py: a direct run and a run through the proxy must print the same. No credential in argv.

import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

// Members whose values differ from run to run; the same as in common.py.
const VOLATILE = new Set([
  "run_id", "number_in_job", "statement_id", "start_time", "end_time", "last_modified", "etag",
  "request_id", "token_id", "creation_time", "expiry_time", "original_attempt_run_id",
]);

/** The parsed command line; every script takes the same one. */
export function given() {
  const options = {
    host: { type: "string" },
    "ca-file": { type: "string" },
    "warehouse-id": { type: "string", default: "wh0000000000001" },
  };
  const { values } = parseArgs({ options });
  if (!values.host) throw new Error("--host is missing");
  return values;
}

/** An environment variable that must be set. */
export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** A package from the folder that BREAKGLASS_TEST_NPM names: the scripts are not beside it. */
export function fromPackages(name) {
  return createRequire(join(required("BREAKGLASS_TEST_NPM"), "package.json"))(name);
}

/** Removes settings that would make a client see two ways to authenticate. */
export function forgetEnvironment() {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("DATABRICKS_")) delete process.env[name];
  }
}

/** A value as plain data, without volatile members, its members in order. */
export function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (value instanceof Date || typeof value === "bigint") return String(value);
  if (Buffer.isBuffer(value)) return value.toString("hex");
  if (value === null || typeof value !== "object") return value ?? null;
  const kept = Object.entries(value).filter(
    ([name, item]) => !VOLATILE.has(name) && typeof item !== "function");
  return Object.fromEntries(kept.sort().map(([name, item]) => [name, plain(item)]));
}

/** The plain result of a call, or the class and message of the error it raised. */
export async function attempt(call) {
  try {
    return plain(await call());
  } catch (error) {
    const status = error.statusCode ?? null;
    const code = error.errorCode ?? null;
    return { raised: error.constructor.name, status, code, message: String(error.message).trim() };
  }
}

/** Like attempt, for a call that answers an iterator over pages. */
export function everything(call) {
  return attempt(async () => {
    const found = [];
    for await (const item of call()) found.push(item);
    return found;
  });
}

/** Prints the one JSON object, and ends: clients keep connections that would hold Node.js. */
export function finish(results) {
  process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
}
