// Builds the custodian's page, the page that reads a paper's text, and their hashes.
// Byte for byte the same on every machine with this lock file: tests/run compares.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { html } from "./src/text/html.js";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../assets");

// Parts of age-encryption that this page never uses: post-quantum and P-256 recipients,
// passphrases, its own WebAuthn recipients, armor. WebCrypto does X25519.
const stubs = {
  "@noble/post-quantum/hybrid.js": "export const MLKEM768P256 = null, MLKEM768X25519 = null;",
  "@noble/curves/nist.js": "export const p256 = null;",
  "@noble/hashes/scrypt.js": "export const scrypt = null;",
  "@noble/curves/ed25519.js":
    "const no = () => { throw new Error('this browser has no X25519'); };" +
    "export const x25519 = { GuBytes: new Uint8Array([9, ...new Uint8Array(31)]), scalarMult: no, scalarMultBase: no };",
  "./webauthn.js": "export {};",
  "./armor.js": "export {};",
};

const stub = {
  name: "stub",
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path, importer }) =>
      path in stubs && importer.includes("age-encryption")
        ? { path, namespace: "stub" }
        : undefined,
    );
    // Their classes go too: the page seals to X25519 recipients and nothing else.
    build.onLoad({ filter: /age-encryption.dist.recipients\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8")
        .replace(/^export class (?!X25519)(\w+) \{\n[^]*?^\}/gm, "export class $1 {}"),
    }));
    build.onLoad({ filter: /.*/, namespace: "stub" }, ({ path }) => ({ contents: stubs[path] }));
  },
};

mkdirSync(out, { recursive: true });
const bundled = async (entry, more = {}) => (await build({
  entryPoints: [join(here, entry)],
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  loader: { ".txt": "text" },
  plugins: [stub],
  outdir: out,
  write: false,
  ...more,
})).outputFiles;
// The page's own words stand with all others; a name that has none stops the build.
const worded = (page) => page.replace(/\{(\w+)\}/g, (_, name) => html[name] ?? (() => { throw new Error(name); })());
const only = ([file]) => Buffer.from(file.contents);
// What is needed between incidents comes when it is asked for: the page of a night stays light.
const parts = await bundled("src/main.js", { splitting: true, entryNames: "custodian", chunkNames: "[name]" });
const files = {
  ...Object.fromEntries(parts.map((part) => [basename(part.path), Buffer.from(part.contents)])),
  "acts.js": only(await bundled("src/acts.js")),
  "sign-in.js": only(await bundled("src/sign-in.js")),
  "custodian.css": only(await bundled("src/custodian.css")),
  "paper.js": only(await bundled("src/paper.js")),
  "paper.css": readFileSync(join(here, "src/paper.css")),
  "paper.html": Buffer.from(worded(readFileSync(join(here, "src/paper.html"), "utf8"))),
  "index.html": Buffer.from(worded(readFileSync(join(here, "src/index.html"), "utf8"))),
};
const brotli = (bytes) => ({ params: {
  [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
} });
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const lines = Object.entries(files).map(([name, bytes]) => `${sha256(bytes)}  ${name}\n`);
for (const [name, bytes] of Object.entries(files)) {
  writeFileSync(join(out, name), bytes);
  // Compressed once, here: the vault sends these bytes as they are.
  writeFileSync(join(out, `${name}.gz`), gzipSync(bytes, { level: 9 }));
  writeFileSync(join(out, `${name}.br`), brotliCompressSync(bytes, brotli(bytes)));
}
// The hash of this list is the hash of the page.
writeFileSync(join(out, "SHA256SUMS"), lines.sort().join(""));
console.log(lines.sort().join("") + `page ${sha256(lines.sort().join(""))}`);
