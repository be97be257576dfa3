// What this device remembers of a vault. Never a secret: keys of the log, hashes, names, and
// which passkey opens which recipient. A vault's pins are first taken from an enrol link.

const prefix = "breakglass:";

export const load = (vault) => JSON.parse(localStorage.getItem(prefix + vault) ?? "null");

export const save = (pins) => localStorage.setItem(prefix + pins.vault, JSON.stringify(pins));

// What was learnt, joined to what is kept by now: another tab may have learnt more meanwhile. A log and
// its epochs only grow, so what was found in a smaller log, or signed of an older epoch, is no news.
export const learn = (pins, learnt) => {
  const now = load(pins.vault) ?? pins;
  // Enrolled anew meanwhile: nothing of before belongs there.
  if (now.log_vkey !== pins.log_vkey || now.person !== pins.person) return { ...pins, ...learnt };
  const { checkpoint, newest_roster, newest_policy, epoch, manifest_sha256 } = now;
  const joined = { ...now, ...learnt, passkeys: { ...now.passkeys, ...learnt.passkeys } };
  if (checkpoint?.size > learnt.checkpoint?.size) Object.assign(joined, { checkpoint, newest_roster, newest_policy });
  if (epoch > learnt.epoch) Object.assign(joined, { epoch, manifest_sha256 });
  save(joined);
  return joined;
};

// What changed when the log went on under a new name. Another tab that was first found the same.
export const move = (pins, moved) => {
  const now = { ...pins, ...load(pins.vault), ...moved };
  save(now);
  return now;
};

// The vault this device is enrolled at, if it is one.
export const only = () => {
  const names = Object.keys(localStorage).filter((name) => name.startsWith(prefix));
  return names.length === 1 ? load(names[0].slice(prefix.length)) : null;
};
