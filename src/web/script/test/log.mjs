// A log for tests: a tree straight from RFC 6962 §2.1, its proofs, its signed checkpoints.
import { createHash, generateKeyPairSync, sign as nodeSign } from "node:crypto";
import { base64, unbase64url } from "../src/bytes.js";

export const sha = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(Array.isArray(part) ? Buffer.from(part) : part);
  return hash.digest();
};

// RFC 6962 §2.1, straight from its recursion.
const split = (n) => { let k = 1; while (k * 2 < n) k *= 2; return k; };
export const root = (leaves) => leaves.length === 1 ? leaves[0]
  : sha([1], root(leaves.slice(0, split(leaves.length))), root(leaves.slice(split(leaves.length))));
export const path = (m, leaves) => {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return m < k ? [...path(m, leaves.slice(0, k)), root(leaves.slice(k))]
    : [...path(m - k, leaves.slice(k)), root(leaves.slice(0, k))];
};
export const subproof = (m, leaves, whole) => {
  if (m === leaves.length) return whole ? [] : [root(leaves)];
  const k = split(leaves.length);
  return m <= k ? [...subproof(m, leaves.slice(0, k), whole), root(leaves.slice(k))]
    : [...subproof(m - k, leaves.slice(k), false), root(leaves.slice(0, k))];
};

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
// The log under a name: its key, and its signed checkpoints.
export const keyed = (name) => {
  const raw = unbase64url(publicKey.export({ format: "jwk" }).x);
  const keyBytes = Buffer.concat([Buffer.from([1]), raw]);
  const id = sha(`${name}\n`, keyBytes).subarray(0, 4);
  const vkey = `${name}+${id.toString("hex")}+${keyBytes.toString("base64")}`;
  const note = (size, rootHash, by = privateKey) => {
    const text = `${name}\n${size}\n${base64(rootHash)}\n`;
    const line = Buffer.concat([id, nodeSign(null, Buffer.from(text), by)]).toString("base64");
    return `${text}\n\u2014 ${name} ${line}\n`;
  };
  return { vkey, note };
};
export const name = "vault.example/log/prod-eu/e1";
export const { vkey, note } = keyed(name);
