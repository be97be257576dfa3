// Bytewords: the phrase of some terms, its decoys, and the fingerprint of enrolment.
import { sha256, unhex, utf8 } from "./bytes.js";
import list from "./bytewords.txt";

const words = list.trim().split(/\s+/);
const spoken = (bytes) => Array.from(bytes, (byte) => words[byte]).join(" ");

// Words of bytes 0 to 2 of the terms' hash (PROTOCOL §5).
export const phrase = (termsSha256) => spoken(unhex(termsSha256).slice(0, 3));

export const fingerprint = async (text) => spoken((await sha256(utf8(text))).slice(0, 4));

const below = (bound) => crypto.getRandomValues(new Uint32Array(1))[0] % bound;

// The right phrase among three others in random order; those of other incidents come first.
export const choices = (right, others) => {
  const list = [...new Set([right, ...others])].slice(0, 4);
  while (list.length < 4) {
    const drawn = spoken(crypto.getRandomValues(new Uint8Array(3)));
    if (!list.includes(drawn)) list.push(drawn);
  }
  for (let last = 3; last > 0; last--) {
    const other = below(last + 1);
    [list[last], list[other]] = [list[other], list[last]];
  }
  return list;
};
