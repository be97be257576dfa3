// Passkeys: making them, signing documents with them, and the age identity that their PRF output
// gives. PRF is asked for only where a share or a test envelope is opened, never at sign-in.
import { identityToRecipient } from "age-encryption";
import { base64url, concat, unbase64url, utf8 } from "./bytes.js";
import { assertionOf, challengeOf } from "./assertion.js";
import { Stop } from "./stop.js";
import * as text from "./text/shared.js";

const prfInput = utf8("breakglass/unlocker/v1");
const host = () => location.hostname;
const keyText = (id, spki) => `passkey ${host()}/${id}/${spki}`;

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

const refusedBy = (error) => {
  const why = error?.name === "SecurityError"
    ? text.wrongPlace
    : text.notConfirmed;
  return new Stop("not_confirmed", why, text.notConfirmedNow);
};

const ask = async (publicKey) => {
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
  const prf = prfOf(credential);
  if (!prf) throw noPrf();
  const unlocker = await unlockerOf(prf);
  prf.fill(0);
  return { signed, id: used, unlocker };
};

const noPrf = () => new Stop("no_prf", text.noPrf, text.noPrfNow);

// One evaluation of a passkey's PRF, for nothing but its unlocker.
export const unlock = async (id) => {
  const credential = await ask({
    challenge: crypto.getRandomValues(new Uint8Array(32)),
    rpId: host(),
    userVerification: "required",
    allowCredentials: id ? [{ type: "public-key", id: unbase64url(id) }] : [],
    extensions: { prf: { eval: { first: prfInput } } },
  });
  const prf = prfOf(credential);
  if (!prf) throw noPrf();
  const unlocker = await unlockerOf(prf);
  prf.fill(0);
  return { ...unlocker, id: base64url(new Uint8Array(credential.rawId)) };
};

// Makes a passkey and evaluates its PRF in two more ceremonies: browsers have returned different
// values from one time to the next. `others` are ids that must not be made again on their device.
export const make = async (name, others) => {
  let made;
  try {
    made = await navigator.credentials.create({
      publicKey: {
        challenge: crypto.getRandomValues(new Uint8Array(32)),
        rp: { id: host(), name: text.brand },
        user: {
          id: crypto.getRandomValues(new Uint8Array(16)),
          name: text.keyName(name),
          displayName: text.keyLabel,
        },
        pubKeyCredParams: [{ type: "public-key", alg: -8 }, { type: "public-key", alg: -7 }],
        authenticatorSelection: { residentKey: "required", userVerification: "required" },
        excludeCredentials: others.map((id) => ({ type: "public-key", id: unbase64url(id) })),
        extensions: { prf: { eval: { first: prfInput } } },
      },
    });
  } catch (error) {
    if (error?.name === "InvalidStateError") {
      throw new Stop("same_key", text.sameKey, text.sameKeyNow);
    }
    throw refusedBy(error);
  }
  const id = base64url(new Uint8Array(made.rawId));
  if (made.getClientExtensionResults().prf?.enabled === false) throw noPrf();
  const key = keyText(id, base64url(new Uint8Array(made.response.getPublicKey())));
  const [first, second] = [await unlock(id), await unlock(id)];
  if (first.recipient !== second.recipient) {
    throw new Stop("prf_differs", text.prfDiffers, text.prfDiffersNow);
  }
  return { id, key, recipient: first.recipient, unlocker: second };
};
