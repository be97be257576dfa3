// Bytes and their spellings, hashes, canonical JSON (RFC 8785 for what our documents hold).

export const utf8 = (text) => new TextEncoder().encode(text);

export const concat = (...parts) => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

export const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

export const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

export const unhex = (text) => {
  if (!/^([0-9a-f]{2})*$/.test(text)) throw new Error("not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
};

export const base64 = (bytes) => btoa(String.fromCharCode(...bytes));

export const unbase64 = (text) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  if (base64(bytes) !== text) throw new Error("not base64");
  return bytes;
};

export const base64url = (bytes) =>
  base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

export const unbase64url = (text) => {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/");
  const bytes = unbase64(padded + "=".repeat((4 - (padded.length % 4)) % 4));
  if (base64url(bytes) !== text) throw new Error("not base64url");
  return bytes;
};

export const sha256 = async (bytes) =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

// Members sorted by name; integers, texts, lists, null. Names are ASCII, so this order is UTF-16's.
export const canonical = (value) => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value && typeof value === "object") {
    const members = Object.keys(value).sort();
    return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new Error("not an integer");
  return JSON.stringify(value);
};

export const hashOf = async (document) => hex(await sha256(utf8(canonical(document))));

// Whether two documents say the same, member by member.
export const alike = (a, b) => canonical(a) === canonical(b);

export const ed25519Verify = async (key, signature, message) => {
  const imported = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
};
