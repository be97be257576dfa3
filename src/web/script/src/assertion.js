// What a touch signs, and what of it may leave the page.
import { base64url, canonical, sha256, unbase64url, utf8 } from "./bytes.js";

// What a passkey signs for a document (PROTOCOL §4).
export const challengeOf = (word, document) => sha256(utf8(`breakglass/${word}/v1\n${document}`));

// Four fields and no more: toJSON() would hand over the PRF result.
export const assertionOf = (credential) => {
  const { authenticatorData, clientDataJSON, signature } = credential.response;
  const text = (buffer) => base64url(new Uint8Array(buffer));
  return canonical({
    authenticatorData: text(authenticatorData),
    clientDataJSON: text(clientDataJSON),
    id: text(credential.rawId),
    signature: text(signature),
  });
};

// Signs a document with one passkey, or any of this host, and nothing else.
export const signOnly = async (word, document, id = null) => {
  const credential = await navigator.credentials.get({
    publicKey: { challenge: await challengeOf(word, document), rpId: location.hostname, userVerification: "required",
      allowCredentials: id ? [{ type: "public-key", id: unbase64url(id) }] : [] },
  });
  return { document, signature: assertionOf(credential) };
};
