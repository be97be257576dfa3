// What every view of the page says: around it, about keys and shares, and when the vault is silent.
// A step that stops tells three things: what happened, whether anything was released, what to do now.

// Around every view.
export const brand = "Breakglass";
export const documentTitle = (title) => `${title} \u2013 ${brand}`;
export const errorTitle = (what) => `Error: ${what}`;
export const who = (name, vault) => `${name} at ${vault}`;
export const touch = "Touch your key\u2026";
export const role = (word) => word;
export const roles = (words) => words.map(role).join(", ");

// Answers of the vault.
export const unreachable = "The vault did not answer.";
export const unreachableNow = "Check the connection and try again.";
export const shareMayHaveArrived = "Your share may have arrived: look at the incident before you try again.";
export const mayHaveArrived = "Nothing was released, but what you signed may have arrived.";
export const exactly = "In the vault's own words:";

// Passkeys.
export const wrongPlace = "This page is not where your passkey belongs: it works on the vault's own address only.";
export const notConfirmed = "Your device did not confirm that it was you.";
export const notConfirmedNow = "Try again, or use your other key.";
export const noPrf = "This browser or key cannot open shares: it has no PRF.";
export const noPrfNow = "Use another browser or key; Chrome, Edge and Safari 18.4 or newer have it. Your other unlocker works too.";
export const othersPasskey = (name) => `That passkey is ${name}'s; this device is enrolled for another person.`;
export const othersPasskeyNow = "Use your own passkey, or your own device.";
export const unlockerUnknown = "This device does not know yet which unlocker this passkey is.";
export const unlockerUnknownNow = "Open your enrol link on this device once more.";

// The share.
export const shareShut = "Your share did not open with this key.";
export const otherShare = (index, epoch) => `What opened is not share ${index} of epoch ${epoch}.`;
export const misfit = (index, epoch) => `Share ${index} does not fit the manifest of epoch ${epoch}.`;
export const testShut = "The test envelope did not open with this key.";
export const rejectedNow = "Use your other key, or tell an operator which share it is.";
