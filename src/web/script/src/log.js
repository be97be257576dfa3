// The log as this device remembers it: signed checkpoints that only grow (C2SP tlog-checkpoint),
// entries that are really in it (RFC 6962). The key comes from the pins, never from the server.
import { concat, ed25519Verify, same, sha256, unbase64, utf8, hex } from "./bytes.js";
import { broken } from "./stop.js";
import * as text from "./text/checks.js";

const leafHash = (entry) => sha256(concat([0], utf8(entry)));
const nodeHash = (left, right) => sha256(concat([1], left, right));
const hash = (base64) => {
  const bytes = unbase64(base64);
  if (bytes.length !== 32) throw new Error("no hash");
  return bytes;
};

// `<name>+<id>+<base64 of type and key>`, type 1 (C2SP signed-note).
export const parseVkey = async (vkey) => {
  const [, name, id, data] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey) ?? [];
  const bytes = data && unbase64(data);
  if (!bytes || bytes.length !== 33 || bytes[0] !== 1) throw broken(text.logKey);
  const expected = await sha256(concat(utf8(`${name}\n`), bytes));
  if (hex(expected.slice(0, 4)) !== id) throw broken(text.logKey);
  return { name, id: expected.slice(0, 4), key: bytes.slice(1) };
};

// A checkpoint whose signature holds under the pinned key.
export const openCheckpoint = async (note, vkey) => {
  const wrong = broken(text.checkpoint);
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0 || !note.endsWith("\n")) throw wrong;
  const said = note.slice(0, blank + 1);
  const { name, id, key } = await parseVkey(vkey);
  let signed = false;
  for (const line of note.slice(blank + 2, -1).split("\n")) {
    const [, by, data] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    if (by !== name) continue;
    const bytes = unbase64(data);
    if (!same(bytes.slice(0, 4), id)) continue;
    if (!(await ed25519Verify(key, bytes.slice(4), utf8(said)))) throw wrong;
    signed = true;
  }
  const lines = said.split("\n");
  if (!signed || lines.length !== 4 || lines[0] !== name || !/^(0|[1-9]\d{0,15})$/.test(lines[1])) throw wrong;
  hash(lines[2]);
  return { origin: name, size: Number(lines[1]), root: lines[2] };
};

// RFC 9162 §2.1.3.2; numbers stay below 2^53, so no shifts.
const half = (n) => Math.floor(n / 2);
const climb = (node, last) => ({
  left() {
    if (last === 0) throw new Error("proof too long");
    const left = node % 2 === 1 || node === last;
    if (left) while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    [node, last] = [half(node), half(last)];
    return left;
  },
  done: () => last === 0,
});

const included = async (seq, size, entry, proof, root) => {
  if (seq >= size) return false;
  const path = climb(seq, size - 1);
  let found = await leafHash(entry);
  for (const sibling of proof) {
    found = path.left() ? await nodeHash(sibling, found) : await nodeHash(found, sibling);
  }
  return path.done() && same(found, root);
};

// RFC 9162 §2.1.4.2, for 0 < old < size.
const extended = async (old, oldRoot, size, root, proof) => {
  let [node, last] = [old - 1, size - 1];
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  const path = climb(node, last);
  const whole = Number.isInteger(Math.log2(old));
  const [first, rest] = whole ? [oldRoot, proof] : [proof[0], proof.slice(1)];
  if (!first) return false;
  let [a, b] = [first, first];
  for (const sibling of rest) {
    if (path.left()) [a, b] = [await nodeHash(sibling, a), await nodeHash(sibling, b)];
    else b = await nodeHash(b, sibling);
  }
  return path.done() && same(a, oldRoot) && same(b, root);
};

// Whether the tree of a checkpoint begins with that of an earlier one.
export const grows = async (api, seen, now) => {
  if (now.size <= seen.size) return now.size === seen.size && now.root === seen.root;
  const { proof } = await api.get(`/log/consistency?old=${seen.size}&new=${now.size}`);
  return extended(seen.size, hash(seen.root), now.size, hash(now.root), proof.map(hash)).catch(() => false);
};

// The newest checkpoint, which must extend the pinned one.
export const head = async (api, pins) => {
  const now = await openCheckpoint(await api.text("/log/checkpoint"), pins.log_vkey);
  if (pins.checkpoint && !(await grows(api, pins.checkpoint, now))) throw broken(text.rewritten);
  return now;
};

// An entry, proved to be in the log under a checkpoint.
export const entry = async (api, checkpoint, seq) => {
  const found = await api.get(`/log/proof?seq=${seq}&size=${checkpoint.size}`);
  const good = await included(seq, checkpoint.size, found.entry, found.inclusion.map(hash), hash(checkpoint.root))
    .catch(() => false);
  const parsed = good && JSON.parse(found.entry);
  if (!parsed || parsed.seq !== seq) throw broken(text.entry);
  return parsed;
};
