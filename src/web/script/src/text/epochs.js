// What is said when the log goes on under a new name after a restore.

export const newEpoch = ({ epoch, prev_size: saved, why, custody_epoch: custody, newest_epoch: newest }, names) =>
  `NEW LOG EPOCH ${epoch}: the vault was restored, and its log goes on under a new name from entry ${saved}. `
  + `Signed by ${names}. Reason: ${why}.`
  + (newest > custody ? ` It holds custody epoch ${custody}, but epoch ${newest} was dealt later: what is sealed in it is dead.` : "");
export const newEpochNow = "Not expected? Sign nothing, and call security by phone. Otherwise try again.";
export const nothingLost = "Nothing that this device had seen is missing.";
export const lost = (count, seen) => `${count} entries that this device had seen (up to ${seen}) are LOST.`;

// Why it is not followed.
export const unlinked = "The log goes by a name that the one this device knows does not lead to.";
export const unseen = "The log goes on under a new name, and this device has never seen how it began. Ask an operator for a fresh enrol link, and clear what this device keeps of this site before you open it.";
export const otherStart = "The log begins with another entry than the one this device has seen.";
export const notSaved = "What was restored is not what this device has seen.";
export const notInForce = "The new log epoch names a roster or policy that was not in force.";
export const doesNotStand = (why) => `The new log epoch was not declared rightly: ${why}.`;
export const tooFew = "Too few of the right people declared the new log epoch.";
