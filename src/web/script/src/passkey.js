// Passkeys: signing documents with them, and the age identity that their PRF output gives. PRF is
// asked for only where a share or a test envelope is opened, never at sign-in. Making them is the
// business of `newkey.js`: the page of a night does without.
import { identityToRecipient } from "age-encryption";
import { base64url, concat, unbase64url, utf8 } from "./bytes.js";
import { assertionOf, challengeOf } from "./assertion.js";
import { Stop } from "./stop.js";
import * as text from "./text/shared.js";

export const prfInput = utf8("breakglass/unlocker/v1");
export const host = () => location.hostname;

const pkcs8X25519 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20];

// PRF output → X25519 identity that cannot be read out of this variable, and its recipient.
const unlockerOf = async (prf) => {
  const ikm = await crypto.subtle.importKey("raw", prf, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: utf8("breakglass/passkey-age/v1") };
  const scalar = new Uint8Array(await crypto.subtle.deriveBits(how, ikm, 256));
  const der = concat(pkcs8X25519, scalar);
  const identity = await crypto.subtle.importKey("pkcs8", der, "X25519", false, ["deriveBits"]);
  scalar.fill(0);
  der.fill(0);
  return { identity, recipient: await identityToRecipient(identity) };
};

// The result of the extension, wiped once it is used. Some browsers give a list of numbers.
const prfOf = (credential) => {
  const first = credential.getClientExtensionResults().prf?.results?.first;
  return first && new Uint8Array(first.slice ? first.slice(0) : first);
};

export const refusedBy = (error) => {
  const why = error?.name === "SecurityError"
    ? text.wrongPlace
    : text.notConfirmed;
  return new Stop("not_confirmed", why, text.notConfirmedNow);
};

export const ask = async (publicKey) => {
  try {
    return await navigator.credentials.get({ publicKey });
  } catch (error) {
    throw refusedBy(error);
  }
};

// Signs a document. `id` names the passkey, or any of this host's when it is null. With `open`
// the same touch also gives the unlocker.
export const sign = async (word, document, id, open = false) => {
  const credential = await ask({
    challenge: await challengeOf(word, document),
    rpId: host(),
    userVerification: "required",
    allowCredentials: id ? [{ type: "public-key", id: unbase64url(id) }] : [],
    extensions: open ? { prf: { eval: { first: prfInput } } } : {},
  });
  const signed = { document, signature: assertionOf(credential) };
  const used = base64url(new Uint8Array(credential.rawId));
  if (!open) return { signed, id: used };
  return { signed, id: used, unlocker: await unlockerIn(credential) };
};

export const noPrf = () => new Stop("no_prf", text.noPrf, text.noPrfNow);

// The unlocker that a touch gave besides.
export const unlockerIn = async (credential) => {
  const prf = prfOf(credential);
  if (!prf) throw noPrf();
  const unlocker = await unlockerOf(prf);
  prf.fill(0);
  return unlocker;
};
