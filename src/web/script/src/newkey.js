// Making a passkey, and trying what its PRF gives, between incidents.
import { base64url, unbase64url } from "./bytes.js";
import { ask, host, noPrf, prfInput, refusedBy, unlockerIn } from "./passkey.js";
import { Stop } from "./stop.js";
import * as text from "./text/custody.js";
import { brand } from "./text/shared.js";

// One evaluation of a passkey's PRF, for nothing but its unlocker.
export const unlock = async (id) => {
  const credential = await ask({
    challenge: crypto.getRandomValues(new Uint8Array(32)),
    rpId: host(),
    userVerification: "required",
    allowCredentials: id ? [{ type: "public-key", id: unbase64url(id) }] : [],
    extensions: { prf: { eval: { first: prfInput } } },
  });
  return { ...(await unlockerIn(credential)), id: base64url(new Uint8Array(credential.rawId)) };
};

// Makes a passkey and evaluates its PRF in two more ceremonies: browsers have returned different
// values from one time to the next. `others` are ids that must not be made again on their device.
export const make = async (name, others) => {
  let made;
  try {
    made = await navigator.credentials.create({
      publicKey: {
        challenge: crypto.getRandomValues(new Uint8Array(32)),
        rp: { id: host(), name: brand },
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
  const key = `passkey ${host()}/${id}/${base64url(new Uint8Array(made.response.getPublicKey()))}`;
  const [first, second] = [await unlock(id), await unlock(id)];
  if (first.recipient !== second.recipient) {
    throw new Stop("prf_differs", text.prfDiffers, text.prfDiffersNow);
  }
  return { id, key, recipient: first.recipient, unlocker: second };
};
