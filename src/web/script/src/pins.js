// What this device remembers of a vault. Never a secret: keys of the log, hashes, names, and
// which passkey opens which recipient. A vault's pins are first taken from an enrol link.

const prefix = "breakglass:";

export const load = (vault) => JSON.parse(localStorage.getItem(prefix + vault) ?? "null");

export const save = (pins) => localStorage.setItem(prefix + pins.vault, JSON.stringify(pins));

// The vault this device is enrolled at, if it is one.
export const only = () => {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(prefix));
  return names.length === 1 ? load(names[0].slice(prefix.length)) : null;
};
