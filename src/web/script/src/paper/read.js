// The text of a paper, as it is being typed: each group of four has its mark, and a whole text says
// which characters look wrong. The same rules and the same places as the command's own reader (facts
// of the text: `bgs1`, 61 characters for 38 bytes, 13 of checksum). What is typed stays in this
// module's caller; nothing is kept, logged or sent.
import { isZero, locator, syndrome } from "./checksum.js";

export const TEXT_CHARS = 78;
export const GROUP_CHARS = 4;
const PREFIX = "bgs1";
const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const DATA_CHARS = 61;
const LENGTH = 74;
const PAPER_VERSION = 2;

let search = null;
const searched = () => (search ??= locator(LENGTH));

// Letters and digits in lower case; spaces, dashes and line breaks do not matter, `?` stands for a
// character that nobody can read. Full-width letters are those some keyboards write.
export const normalise = (typed) => [...typed].map((letter) => {
  const code = letter.codePointAt(0);
  return code >= 0xff01 && code <= 0xff5e ? String.fromCharCode(code - 0xfee0) : letter;
}).join("").toLowerCase().replace(/[^a-z0-9?]/g, "");

const valueOf = (letter) => ALPHABET.indexOf(letter);
// Places as people count them: from 1, the prefix included.
const counted = (place) => place + PREFIX.length + 1;
const groupOf = (place) => Math.ceil(place / GROUP_CHARS);

// What the whole text says: `kind` is good, prefix, wrong, missing, extra, length, many, version or
// not_empty. `places` count from 1.
export const look = (typed) => {
  const letters = normalise(typed);
  if (!letters.startsWith(PREFIX)) return { kind: "prefix" };
  const data = [...letters.slice(PREFIX.length)];
  const values = data.map(valueOf);
  const known = values.map((value) => Math.max(value, 0));
  if (data.length !== LENGTH) return offByOne(known);
  const left = syndrome(known);
  const wrong = isZero(left) ? [] : searched().upToThree(left);
  if (!wrong) return { kind: "many" };
  const places = [...new Set([
    ...wrong.map(({ place }) => place), ...[...values.keys()].filter((place) => values[place] < 0),
  ])].sort((a, b) => a - b);
  // Only what was marked as unreadable is filled in: a mended guess is the reader's to confirm.
  if (places.some((place) => data[place] !== "?")) return { kind: "wrong", places: places.map(counted) };
  for (const { place, off } of wrong) known[place] ^= off;
  return meaning(known, places.map(counted));
};

// One character too few or too many is found by trying each place.
const offByOne = (known) => {
  if (known.length + 1 === LENGTH) {
    for (let place = 0; place < LENGTH; place += 1) {
      const left = syndrome([...known.slice(0, place), 0, ...known.slice(place)]);
      if (isZero(left) || searched().one(left)?.place === place) return { kind: "missing", places: [counted(place)] };
    }
  }
  if (known.length === LENGTH + 1) {
    for (let place = 0; place <= LENGTH; place += 1) {
      if (isZero(syndrome(known.filter((_, at) => at !== place)))) return { kind: "extra", places: [counted(place)] };
    }
  }
  return { kind: "length", found: known.length + PREFIX.length };
};

// The 38 bytes: version, mark of the vault, three that a paper leaves empty, the secret.
const meaning = (known, filled) => {
  const bit = (at) => (known[Math.floor(at / 5)] >> (4 - (at % 5))) & 1;
  const byte = (place) => [0, 1, 2, 3, 4, 5, 6, 7].reduce((so, n) => (so << 1) | bit(place * 8 + n), 0);
  if (byte(0) !== PAPER_VERSION) return { kind: "version", version: byte(0) };
  const empty = [3, 4, 5].every((place) => byte(place) === 0) && bit(DATA_CHARS * 5 - 1) === 0;
  if (!empty) return { kind: "not_empty" };
  const secret = Uint8Array.from({ length: 32 }, (_, place) => byte(6 + place));
  return { kind: "good", vault: [byte(1), byte(2)], secret, filled };
};

// A mark for each group, while somebody types: `empty`, `part` (fewer than four), `odd` (a letter that
// no text has), `typed`; and once the text is whole `good`, or `wrong` where the checksum says so.
export const marks = (typed) => {
  const letters = normalise(typed);
  const count = Math.max(Math.ceil(TEXT_CHARS / GROUP_CHARS), Math.ceil(letters.length / GROUP_CHARS));
  const whole = letters.length >= TEXT_CHARS - 1 ? look(typed) : null;
  const wrong = new Set((whole?.places ?? []).map(groupOf));
  return Array.from({ length: count }, (_, at) => {
    const from = at * GROUP_CHARS;
    const group = letters.slice(from, from + GROUP_CHARS);
    const full = Math.max(0, Math.min(GROUP_CHARS, TEXT_CHARS - from));
    const known = (letter, place) => (from + place < PREFIX.length
      ? letter === PREFIX[from + place] : letter === "?" || valueOf(letter) >= 0);
    if (!group) return "empty";
    if (![...group].every(known) || group.length > full) return "odd";
    if (wrong.has(at + 1)) return "wrong";
    if (group.length < full) return "part";
    return whole?.kind === "good" ? "good" : "typed";
  });
};

export { groupOf };
