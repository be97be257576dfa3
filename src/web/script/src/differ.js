// Every difference between two documents, one line each, complete: what is signed is shown.
import { alike } from "./bytes.js";
import * as text from "./text/custody.js";

const isObject = (value) => value !== null && typeof value === "object";
const titleOf = (item) => item.name ?? item.id;
const shown = (value) => typeof value === "string" ? value || text.nothing : JSON.stringify(value ?? null);

// Keys and hashes by their beginning and end: what a person can compare by eye. All else is whole.
const keys = ["login_keys", "unlockers", "auditor_recipients"];
const brief = (member, long) => {
  if (!keys.includes(member) && !member.endsWith("sha256")) return long;
  const [kind, data] = long.split(" ");
  if (data && data.length > 40) return `${kind} \u2026${data.slice(-12)}`;
  return long.length > 60 && !long.includes(" ") ? `${long.slice(0, 8)}\u2026${long.slice(-12)}` : long;
};

const ofLists = (before, after, path, member) => {
  const named = [...before, ...after].every((item) => isObject(item) && titleOf(item) !== undefined);
  const key = named ? (item) => item.id ?? item.name : JSON.stringify;
  const find = (list, item) => list.find((other) => key(other) === key(item));
  const name = (item) => named ? titleOf(item) : brief(member, shown(item));
  const lines = before.filter((item) => !find(after, item)).map((item) => text.gone(path, name(item)));
  for (const item of after) {
    const old = find(before, item);
    if (!old) lines.push(text.added(path, name(item)), ...(named ? lists(`${path} ${titleOf(item)}`, item) : []));
    else if (named) lines.push(...differences(old, item, `${path} ${titleOf(item)}`));
  }
  // The order counts too: that of custodians decides whose share is which.
  const common = (list, other) => list.filter((item) => find(other, item)).map(key);
  const moved = !alike(common(before, after), common(after, before));
  return moved || !lines.length ? [...lines, text.reordered(path)] : lines;
};

// What a new item says, member by member.
const lists = (path, item) =>
  Object.entries(item).filter(([member, value]) => !["id", "name"].includes(member) && [value].flat().length)
    .flatMap(([member, value]) => {
      const where = `${path}, ${member.replaceAll("_", " ")}`;
      if (isObject(value) && !Array.isArray(value)) return lists(where, value);
      return [text.added(where, [value].flat().map((each) => brief(member, shown(each))).join(", "))];
    });

export const differences = (before, after, path = "") => {
  const lines = [];
  for (const member of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[member] ?? null, after[member] ?? null];
    const where = `${path} ${member}`.trim().replaceAll("_", " ");
    if (alike(old, now)) continue;
    if (Array.isArray(old) && Array.isArray(now)) lines.push(...ofLists(old, now, where, member));
    else if (isObject(old) && isObject(now)) lines.push(...differences(old, now, where));
    else lines.push(text.changed(where, brief(member, shown(old)), brief(member, shown(now))));
  }
  return lines;
};
