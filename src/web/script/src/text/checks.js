// What is said when the vault's documents, its log or an incident's terms are not as they must be.

export const nothingReleased = "Nothing was released.";
export const brokenNow = "Sign nothing. Call the requester on a number you know, and security.";

// The log.
export const logKey = "The log's key is damaged.";
export const checkpoint = "The vault's checkpoint is not signed by the log this device knows.";
export const rewritten = "History was rewritten or cut: the log does not extend what this device has seen.";
export const entry = "An entry is not in the log as the vault shows it.";

// Roster, policy, manifest.
export const documents = { roster: "roster", policy: "policy", manifests: "manifest", acts: "acts" };
export const unapproved = (what) => `The vault's ${documents[what] ?? "document"} is not one that the log approved.`;
export const otherVault = "This is another vault or log than the one this device knows.";
export const otherManifest = "The manifest is of another vault, log or kind of epoch.";
export const otherBeginning = "The log began as another vault's.";
export const outOfOrder = "The vault's versions are not in order.";
export const doesNotStand = (what, why) => `A ${documents[what]} of the log does not stand: ${why}.`;
export const older = "The vault shows an older roster or policy than this device has seen.";
export const dealtToNobody = "The epoch was dealt to a roster that nobody approved.";
export const notInRoster = "You are not in the roster.";
export const notInRosterNow = "Ask an operator.";
export const notInRosterKey = "This passkey is not in the roster.";
export const notInRosterKeyNow = "Use one you enrolled with.";
export const epochBack = "The vault shows an older or another epoch than the one this device has seen.";

// Why a version does not stand; the end of a sentence.
export const notExpected = "not the expected document";
export const twice = "something appears twice";
export const lacksKeys = "a person of it lacks keys";
export const rosterRule = "it breaks a rule of every roster";
export const policyRule = "it breaks a rule of every policy";
export const notNext = "it does not follow the version in force";
export const nothingDiffers = "nothing differs";
export const agreesElsewhere = "an act under it agrees to something else";
export const somebodyElse = "an act under it is by a key of somebody else";
export const signatureFails = "a signature under it does not hold";
export const tooFew = "too few of the right people signed it";

// What differs from before.
export const neverSigned = "You have not signed a roster of this vault on this device yet.";
export const rosterChanged = (before, now, k, n) =>
  `The roster changed since you last signed: version ${before} \u2192 ${now}, ${k} of ${n} shares open it.`;
export const joined = (name, roles) => `+ ${name} joined as ${roles}`;
export const has = (name, members) => `~ ${name} has other ${members}`;
export const left = (name) => `\u2212 ${name} left`;
export const policyChanged = "The policy changed since you last signed.";

// Terms.
export const parts = {
  vault: "vault", manifest: "manifest", epoch: "epoch", threshold: "threshold", needed: "number of approvals",
  roster: "roster", policy: "policy", delay: "delay", purpose: "purpose", useCase: "use case", answers: "answers",
  reason: "reason", ticket: "ticket", target: "target", scope: "scope", grants: "grants",
  displaces: "displaced incident", continues: "continued incident", minutes: "minutes", claimKey: "claim key",
};
export const notApproved = (part) => `The terms' ${parts[part]} is not the approved one.`;
export const notSigned = (part) => `The terms' ${parts[part]} is not what was signed when it was opened.`;
export const otherKind = (kind) => `The terms ask for ${kind} shares for another purpose.`;
export const rotationSession = "The terms of a rotation ask for a session.";
export const otherOpening = "The opening is not the one the terms name.";
export const noResponder = "The opening was not signed by a responder of the roster.";
export const otherTerms = (id) => `The terms shown for ${id} are not the ones in the log.`;
export const lapsed = (id) => `${id} has lapsed.`;
export const lapsedNow = "The responder opens again if it is still needed.";
