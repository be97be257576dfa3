// The sentences of what is done between incidents: keys, proofs, new versions.

// Making keys.
export const keyLabel = "Break-glass share \u2013 do not delete";
export const keyName = (name) => `Break-glass share of ${name} \u2013 do not delete`;
export const sameKey = "That device holds your first key already.";
export const sameKeyNow = "Use another device for the second.";
export const prfDiffers = "This key gave two different answers.";
export const prfDiffersNow = "Use another key or browser.";
export const noUnlocker = "What was sealed to this key did not open with it.";
export const noUnlockerNow = "Use another key or browser.";
export const firstKey = "Make your first key";
export const secondKey = "Now your second key";
export const firstKeyNow =
  "Your phone, laptop or security key. You will touch it three times: browsers differ, so it is tried twice before it is trusted.";
export const secondKeyNow = "On another device or a security key, so that one lost key loses no share.";
export const listedAs = (label) => `It will be listed as \u201c${label}\u201d. Keep it.`;
export const makeFirst = "Make the key";
export const makeSecond = "Make the second key";
export const you = "you";
export const bothWork = "Both keys work";
export const sendLines = "Send these lines to the operator who writes the roster:";
export const copy = "Copy";
export const isCopied = (name) => `${name} copied`;
export const linkNext =
  "The operator gives you an enrol link. Open it here: it tests both keys and shows four words, which you compare by phone.";

// Enrolling them here.
export const enrol = "Enrol your keys here";
export const unknownKey = "This passkey is none of your unlockers in the roster.";
export const unknownKeyNow = "Use one you enrolled with.";
export const factVault = "Vault";
export const factYou = "You";
export const factOpened = "Keys that opened a test here";
export const touchEach = "Touch each of your keys once; each opens a test envelope.";
export const allOpened = "Every passkey of yours opened its test envelope.";
export const testKey = "Test a key";
export const readToOperator = "Read these words to an operator by phone; breakglass person list must show her the same:";
export const nextProve = "Next: prove your share";
export const enrolled = "Enrolled";
export const maySignIn = (name) => `${name} may sign in on this device.`;
export const toSignIn = "To the console";

// Proving.
export const noShare = (epoch) => `You hold no share of epoch ${epoch}.`;
export const noShareNow = "If you have just become a custodian, you get one with the next epoch.";
export const prove = (index, epoch) => `Prove share ${index} of epoch ${epoch}`;
export const proveMeans = (k, n) =>
  `${k} of ${n} shares open the vault. By proving you sign that these are the people and uses you know:`;
export const person = (name, roles) => `${name}: ${roles}`;
export const useCase = (id, minutes) => `${id}: up to ${minutes} minutes`;
export const staysHere = "The share is opened on this device and does not leave it.";
export const proveButton = "Prove my share";
export const badChallenge = "The vault's challenge is not 32 bytes.";
export const tryAgain = "Try again.";
export const proved = "Proved";
export const provedNow = (index, epoch) => `Share ${index} of epoch ${epoch} opens. It stayed on this device.`;
export const mayClose = "You may close this page.";

// New versions.
export const herself = (name) => `${name} herself`;
export const twoOperators = "two operators";
export const custodians = (k) => `${k} custodians`;
export const oneAndOne = "one operator and one custodian";
export const nothingWaits = "Nothing waits for your signature";
export const inForce = (roster, policy) => `Roster ${roster} and policy ${policy} are in force.`;
export const othersHaveTo = "You have signed what waits; others have still to.";
export const signVersion = "Sign a new version?";
export const versionOf = (what, seq) => `${what === "roster" ? "Roster" : "Policy"} ${seq}`;
export const factBy = "Proposed by";
export const factSigned = "Signed so far";
export const nobody = "nobody";
export const factMust = "Must sign";
export const differs = "What differs from the version in force:";
export const signButton = (what, seq) => `Sign ${what === "roster" ? "roster" : "policy"} ${seq}`;
export const notExpected = "If you did not expect this, sign nothing and call the person who proposed it.";
export const otherVersion = "The vault answered about another version.";
export const otherVersionNow = "Look at it again.";
export const isInForce = (what) => what === "roster" ? "The roster is in force" : "The policy is in force";
export const youSigned = "You signed";
export const counts = (seq) => `Version ${seq} counts from now on.`;
export const countsLater = "It counts when the others have signed too.";
export const nothingOpened = "Nothing of your share was opened.";

// Differences, one line each; `where` is the path to a member, as the document names it.
export const nothing = "nothing";
export const gone = (where, what) => `\u2212 ${where}: ${what}`;
export const added = (where, what) => `+ ${where}: ${what}`;
export const reordered = (where) => `~ ${where}: another order`;
export const changed = (where, before, now) => `~ ${where}: ${before} \u2192 ${now}`;
