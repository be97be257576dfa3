// A share: opened here, checked here, sealed to one incident here. Nothing of it leaves unsealed.
import { Decrypter, Encrypter } from "age-encryption";
import { base64, canonical, concat, ed25519Verify, hex, same, sha256, unbase64, unhex, utf8 } from "./bytes.js";
import { rejected } from "./stop.js";
import * as text from "./text/shared.js";

const open = async (file, identity) => {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(file);
};

const seal = async (plaintext, recipient) => {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(plaintext);
};

// Ed25519 key from HKDF of the share (PROTOCOL §3).
const pkcs8Ed25519 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
export const possessionKey = async (y, { vault, epoch }, index) => {
  const number = new Uint8Array(5);
  new DataView(number.buffer).setUint32(0, epoch);
  number[4] = index;
  const ikm = await crypto.subtle.importKey("raw", y, "HKDF", false, ["deriveBits"]);
  const info = concat(utf8("breakglass/share/v1\0"), number);
  const how = { name: "HKDF", hash: "SHA-256", salt: utf8(vault), info };
  const seed = new Uint8Array(await crypto.subtle.deriveBits(how, ikm, 256));
  const der = concat(pkcs8Ed25519, seed);
  const key = await crypto.subtle.importKey("pkcs8", der, "Ed25519", false, ["sign"]);
  seed.fill(0);
  der.fill(0);
  return async (message) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, message));
};

// Opens one's own share and checks label and possession against the manifest.
export const openShare = async (file, unlocker, manifest, manifestSha256, index) => {
  let bytes;
  try {
    bytes = await open(unbase64(file), unlocker.identity);
  } catch {
    throw rejected(text.shareShut);
  }
  const inside = new TextDecoder().decode(bytes);
  bytes.fill(0);
  const share = (() => {
    try {
      const parsed = JSON.parse(inside);
      return canonical(parsed) === inside ? parsed : {};
    } catch {
      return {};
    }
  })();
  const { vault, kind, epoch, k, n } = manifest;
  const expected = { epoch, index, k, kind, manifest_sha256: manifestSha256, n, v: "breakglass/1", vault };
  const { y, ...label } = share;
  if (canonical(label) !== canonical(expected) || !/^[0-9a-f]{64}$/.test(y ?? "")) {
    throw rejected(text.otherShare(index, epoch));
  }
  const raw = unhex(y);
  const sign = await possessionKey(raw, manifest, index);
  raw.fill(0);
  const probe = utf8("breakglass/possession-check");
  const fits = await ed25519Verify(unhex(manifest.possession_keys[index - 1]), await sign(probe), probe);
  if (!fits) throw rejected(text.misfit(index, epoch));
  return { y, sign };
};

// The envelope of an approval, and the signature that binds it to the act (PROTOCOL §4).
export const release = async (share, terms, termsSha256, index, document) => {
  const { vault, kind, epoch, incident, nonce, recipient } = terms;
  const plaintext = canonical({
    epoch, incident, index, kind, nonce, terms_sha256: termsSha256, v: "breakglass/1", vault, y: share.y,
  });
  const envelope = await seal(plaintext, recipient);
  const message = concat(await sha256(envelope), await sha256(utf8(document)));
  return { envelope: base64(envelope), possession: base64(await share.sign(message)) };
};

export const proof = async (share, document) =>
  base64(await share.sign(await sha256(utf8(document))));

// What is inside a test envelope, in hexadecimal.
export const openTest = async (file, unlocker) => {
  try {
    return hex(await open(unbase64(file), unlocker.identity));
  } catch {
    throw rejected(text.testShut);
  }
};

// Whether a recipient and an unlocker belong together, without any server.
export const opensOwn = async (recipient, unlocker) => {
  const inside = crypto.getRandomValues(new Uint8Array(32));
  return same(await open(await seal(inside, recipient), unlocker.identity), inside);
};
