// Signatures of other people: SSH ones (OpenSSH PROTOCOL.sshsig) by WebCrypto, and passkeys'.
import { challengeOf } from "./assertion.js";
import { base64url, canonical, concat, ed25519Verify, same, sha256, unbase64, unbase64url, utf8 } from "./bytes.js";

const reader = (bytes) => {
  let at = 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const take = (n) => {
    if (at + n > bytes.length) throw new Error("cut off");
    at += n;
    return bytes.slice(at - n, at);
  };
  const string = () => {
    const n = view.getUint32((take(4), at - 4));
    return take(n);
  };
  return { take, string, text: () => new TextDecoder().decode(string()), end: () => at === bytes.length };
};

const field = (bytes) => {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return concat(length, bytes);
};

const p256Verify = async (point, signature, message) => {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const key = await crypto.subtle.importKey("raw", point, algorithm, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, message);
};

// Two big-endian numbers of any length as 64 bytes.
const raw64 = (...numbers) =>
  concat(...numbers.map((n) => {
    const bare = n.slice(Math.max(0, n.findIndex((byte) => byte !== 0)));
    if (bare.length > 32) throw new Error("too long");
    return concat(new Uint8Array(32 - bare.length), bare);
  }));

const sshVerify = async (key, namespace, document, armored) => {
  const [, body] = /^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)-----END SSH SIGNATURE-----\s*$/.exec(armored) ?? [];
  if (!body) return false;
  const r = reader(unbase64(body.replaceAll("\n", "")));
  if (new TextDecoder().decode(r.take(6)) !== "SSHSIG" || !same(r.take(4), [0, 0, 0, 1])) return false;
  const publicKey = r.string();
  const [space, reserved, hash] = [r.text(), r.string(), r.text()];
  const signature = reader(r.string());
  const [kind, data] = key.split(" ");
  if (!r.end() || space !== namespace || !same(publicKey, unbase64(data))) return false;
  const digest = new Uint8Array(await crypto.subtle.digest(hash === "sha512" ? "SHA-512" : "SHA-256", utf8(document)));
  const signed = concat(utf8("SSHSIG"), field(utf8(namespace)), field(reserved), field(utf8(hash)), field(digest));
  return signedBy(kind, reader(publicKey), signature, signed);
};

// A signature of one kind of key over these bytes. What security keys sign says that somebody
// touched them (PROTOCOL.u2f of OpenSSH).
const signedBy = async (kind, key, signature, signed) => {
  const made = signature.text();
  if (key.text() !== kind) return false;
  if (kind === "ssh-rsa") return rsaVerify(made, key.string(), key.string(), signature.string(), signed);
  if (made !== kind) return false;
  const elliptic = kind.includes("ecdsa");
  if (elliptic) key.string();
  const point = key.string();
  const bytes = signature.string();
  let message = signed;
  if (kind.startsWith("sk-")) {
    const touch = signature.take(5);
    if (!(touch[0] & 1)) return false;
    message = concat(await sha256(key.string()), touch, await sha256(signed));
  }
  if (!elliptic) return ed25519Verify(point, bytes, message);
  const pair = reader(bytes);
  return p256Verify(point, raw64(pair.string(), pair.string()), message);
};

const rsaVerify = async (made, e, n, signature, message) => {
  const hash = { "rsa-sha2-256": "SHA-256", "rsa-sha2-512": "SHA-512" }[made];
  if (!hash) return false;
  const bare = (number) => base64url(number.slice(number.findIndex((byte) => byte !== 0)));
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash };
  const key = await crypto.subtle.importKey("jwk", { kty: "RSA", e: bare(e), n: bare(n) }, algorithm, false, ["verify"]);
  return crypto.subtle.verify(algorithm, key, signature, message);
};

// DER of two integers (RFC 3279 §2.2.3), as authenticators sign with ES256.
const derPair = (der) => {
  const int = (at) => {
    if (der[at] !== 2) throw new Error("no integer");
    return [der.slice(at + 2, at + 2 + der[at + 1]), at + 2 + der[at + 1]];
  };
  if (der[0] !== 0x30 || der[1] !== der.length - 2) throw new Error("no pair");
  const [r, next] = int(2);
  const [s] = int(next);
  return raw64(r, s);
};

const passkeyVerify = async (key, word, document, text) => {
  const [host, id, spki] = key.slice("passkey ".length).split("/");
  const said = JSON.parse(text);
  const [client, data, signature] = [said.clientDataJSON, said.authenticatorData, said.signature].map(unbase64url);
  const statement = JSON.parse(new TextDecoder().decode(client));
  const signed = concat(data, await sha256(client));
  const der = unbase64url(spki);
  const wellSaid = said.id === id && statement.type === "webauthn.get" && !statement.crossOrigin
    && statement.challenge === base64url(await challengeOf(word, document))
    && new URL(statement.origin).hostname === host
    && same(data.slice(0, 32), await sha256(utf8(host))) && (data[32] & 5) === 5;
  if (!wellSaid) return false;
  return der.length === 44
    ? ed25519Verify(der.slice(12), signature, signed)
    : p256Verify(der.slice(26), derPair(signature), signed);
};

// Whether this key signed this document as an act of this word.
export const verify = async (key, word, { document, signature }) => {
  try {
    return key.startsWith("passkey ")
      ? await passkeyVerify(key, word, document, signature)
      : await sshVerify(key, `breakglass-${word}`, document, signature);
  } catch {
    return false;
  }
};

// An act from the exact text that was signed; no other spelling, no doubled member.
export const parseAct = (document) => {
  const act = JSON.parse(document);
  if (canonical(act) !== document) throw new Error("not canonical");
  return act;
};
