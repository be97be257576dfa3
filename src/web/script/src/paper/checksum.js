// The 13-character checksum of a paper's text: BIP-93's code over GF(32) with our own start value and
// target, as src/sealed has it. A residue of 65 bits is kept in three parts of 22 bits, because a
// number holds 53 and bitwise operators 32. Knows nothing of what the values spell.

const PART = 22;
const MASK = (1 << PART) - 1;
const parts = (big) => [Number(big >> 44n), Number((big >> 22n) & 0x3fffffn), Number(big & 0x3fffffn)];
const xor = (a, b) => [a[0] ^ b[0], a[1] ^ b[1], a[2] ^ b[2]];
const isZero = (a) => (a[0] | a[1] | a[2]) === 0;

// The generator polynomial of BIP-93, times each power of two.
const GENERATOR = [
  0x19dc500ce73fde210n, 0x1bfae00def77fe529n, 0x1fbd920fffe7bee52n, 0x1739640bdeee3fdadn, 0x07729a039cfc75f5an,
].map(parts);
// The first 65 bits of SHA-256("bgs"), where BIP-93 has its own thirteen letters.
const TARGET = parts(0x041bf2eea59df5308n);
// The prefix `bgs` as Bech32 expands it (BIP-173).
const PREFIX = [3, 3, 3, 0, 2, 7, 19];

// One value more: the upper five of 65 bits choose what is added, the others move up by five.
const step = ([high, middle, low], value) => {
  const top = high >> 16;
  let next = [
    ((high & 0xffff) << 5) | (middle >> (PART - 5)),
    ((middle << 5) & MASK) | (low >> (PART - 5)),
    ((low << 5) & MASK) ^ value,
  ];
  for (let bit = 0; bit < 5; bit += 1) if ((top >> bit) & 1) next = xor(next, GENERATOR[bit]);
  return next;
};

const START = PREFIX.reduce(step, [0, 0, 1]);

// What is wrong with values that end in their checksum: nothing where all parts are zero.
export const syndrome = (values) => xor(values.reduce(step, START), TARGET);
export { isZero };

// Of two parts one number, which a map finds quickly; the third is compared.
const key = ([high, middle]) => high * (1 << PART) + middle;

// What each single wrong value does to the syndrome; made once for a length.
export const locator = (length) => {
  const single = [];
  const found = new Map();
  for (let off = 1; off < 32; off += 1) {
    let effect = [0, 0, off];
    for (let place = length - 1; place >= 0; place -= 1) {
      const wrong = { place, off, effect };
      single.push(wrong);
      const at = key(effect);
      found.set(at, [...(found.get(at) ?? []), wrong]);
      effect = step(effect, 0);
    }
  }
  const one = (of) => found.get(key(of))?.find(({ effect }) => effect[2] === of[2]);
  const two = (of) => {
    for (const first of single) {
      const second = one(xor(of, first.effect));
      if (second) return [first, second];
    }
    return null;
  };
  // The one to three values that explain it. The code's distance is nine: no other three do.
  const upToThree = (of) => {
    const alone = one(of);
    const pair = alone ? [alone] : two(of);
    if (pair) return pair;
    for (const third of single) {
      const others = two(xor(of, third.effect));
      if (others) return [...others, third];
    }
    return null;
  };
  return { one, upToThree };
};
