// The page's pure parts without a browser: proofs, other people's signatures, possession keys.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { base64, canonical, ed25519Verify, hex, unhex } from "../src/bytes.js";
import * as log from "../src/log.js";
import { openShare, possessionKey, release } from "../src/share.js";
import { parseAct, verify } from "../src/signatures.js";
import { name, note, path, root, sha, subproof, vkey } from "./log.mjs";

const entries = Array.from({ length: 19 }, (_, seq) => canonical({ seq, t: "x" }));
const leaves = entries.map((entry) => sha([0], entry));

const served = (size, proof, consistency, change = (x) => x) => ({
  text: async () => note(size, root(leaves.slice(0, size))),
  get: async (asked) => change(asked.startsWith("/log/consistency")
    ? { proof: consistency.map((h) => base64(h)) }
    : { entry: entries[Number(/seq=(\d+)/.exec(asked)[1])], inclusion: proof.map((h) => base64(h)) }),
});
const pinned = (size) => ({ log_vkey: vkey, checkpoint: { origin: name, size, root: base64(root(leaves.slice(0, size))) } });

test("the log only grows: every pair of sizes up to 19", async () => {
  for (let old = 1; old <= 19; old++) {
    for (let size = old; size <= 19; size++) {
      const proof = old === size ? [] : subproof(old, leaves.slice(0, size), true);
      const found = await log.head(served(size, [], proof), pinned(old));
      assert.equal(found.size, size);
      if (proof.length) {
        const bent = proof.map((h, i) => (i === proof.length - 1 ? sha(h) : h));
        await assert.rejects(log.head(served(size, [], bent), pinned(old)), { code: "log_broken" });
        await assert.rejects(log.head(served(size, [], [...proof, proof[0]]), pinned(old)), { code: "log_broken" });
      }
    }
  }
  await assert.rejects(log.head(served(3, [], []), pinned(5)), { code: "log_broken" });
});

test("a checkpoint by another key is not the log's", async () => {
  const other = generateKeyPairSync("ed25519").privateKey;
  await assert.rejects(log.openCheckpoint(note(3, root(leaves.slice(0, 3)), other), vkey), { code: "log_broken" });
  await assert.rejects(log.openCheckpoint("x\n1\nAA==\n\n", vkey), { code: "log_broken" });
  await assert.rejects(log.parseVkey(vkey.replace(/\+[0-9a-f]{8}\+/, "+00000000+")), { code: "log_broken" });
});

test("every entry of every tree is found, and no other in its place", async () => {
  for (let size = 1; size <= 19; size++) {
    const tree = leaves.slice(0, size);
    const head = { origin: name, size, root: base64(root(tree)) };
    for (let seq = 0; seq < size; seq++) {
      const api = served(size, path(seq, tree), []);
      assert.equal((await log.entry(api, head, seq)).seq, seq);
      const other = served(size, path(seq, tree), [], (reply) => ({ ...reply, entry: entries[(seq + 1) % 19] }));
      await assert.rejects(log.entry(other, head, seq), { code: "log_broken" });
    }
  }
});

test("signatures of stock ssh-keygen hold for their document and namespace only", async () => {
  const dir = mkdtempSync(join(tmpdir(), "breakglass-page-"));
  for (const [kind, bits] of [["ed25519", "256"], ["ecdsa", "256"], ["rsa", "3072"]]) {
    const file = join(dir, kind);
    const document = '{"reason":"\u00e9"}';
    execFileSync("ssh-keygen", ["-q", "-t", kind, "-b", bits, "-N", "", "-f", file]);
    writeFileSync(`${file}.doc`, document);
    execFileSync("ssh-keygen", ["-Y", "sign", "-f", file, "-n", "breakglass-open", `${file}.doc`], { stdio: "ignore" });
    const key = readFileSync(`${file}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
    const signature = readFileSync(`${file}.doc.sig`, "utf8");
    assert.equal(await verify(key, "open", { document, signature }), true, kind);
    assert.equal(await verify(key, "stop", { document, signature }), false, kind);
    assert.equal(await verify(key, "open", { document: document.replace("\u00e9", "e"), signature }), false, kind);
    // One bit of the signature itself, which ends the blob.
    const blob = Buffer.from(signature.split("\n").slice(1, -2).join(""), "base64");
    blob[blob.length - 9] ^= 1;
    const bent = `-----BEGIN SSH SIGNATURE-----\n${blob.toString("base64")}\n-----END SSH SIGNATURE-----\n`;
    assert.equal(await verify(key, "open", { document, signature: bent }), false, kind);
  }
  rmSync(dir, { recursive: true });
});

test("a possession key is the one of the protocol's vector", async () => {
  const y = Uint8Array.from({ length: 32 }, (_, i) => i);
  const sign = await possessionKey(y, { vault: "vault-1", epoch: 7 }, 1);
  const message = new Uint8Array([1, 2, 3]);
  const publicHalf = unhex("14fe037277530b17f363606baaa6b840e8ae463e9d805032b8aa2169bf2fc290");
  assert.equal(await ed25519Verify(publicHalf, await sign(message), message), true);
});

const shareOf = async (label, y, recipient) => {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return base64(await encrypter.encrypt(canonical({ ...label, y })));
};

test("only her own share of this epoch is accepted, and it is released to this incident alone", async () => {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const y = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
  const manifest = {
    vault: "vault-1", kind: "live", epoch: 7, k: 2, n: 3,
    possession_keys: ["14fe037277530b17f363606baaa6b840e8ae463e9d805032b8aa2169bf2fc290", "00", "00"],
  };
  const label = { v: "breakglass/1", vault: "vault-1", kind: "live", epoch: 7, k: 2, n: 3, index: 1, manifest_sha256: "ab" };
  const open = async (file) => openShare(file, { identity }, manifest, "ab", 1);
  const share = await open(await shareOf(label, y, recipient));

  for (const bent of [{ epoch: 6 }, { index: 2 }, { kind: "drill" }, { vault: "vault-2" }, { manifest_sha256: "cd" }, { more: 1 }]) {
    const file = await shareOf({ ...label, ...bent }, y, recipient);
    await assert.rejects(open(file), { code: "share_rejected" }, JSON.stringify(bent));
  }
  const otherY = await shareOf(label, y.replace("1f", "1e"), recipient);
  await assert.rejects(open(otherY), /does not fit the manifest/);
  const stranger = await identityToRecipient(await generateX25519Identity());
  await assert.rejects(open(await shareOf(label, y, stranger)), /did not open/);

  const incident = await generateX25519Identity();
  const terms = { ...manifest, incident: "INC-7", nonce: "n", recipient: await identityToRecipient(incident) };
  const { envelope, possession } = await release(share, terms, "cafe", 1, "{}");
  const opener = new Decrypter();
  opener.addIdentity(incident);
  const bytes = new Uint8Array(Buffer.from(envelope, "base64"));
  assert.equal(await opener.decrypt(bytes, "text"),
    `{"epoch":7,"incident":"INC-7","index":1,"kind":"live","nonce":"n","terms_sha256":"cafe","v":"breakglass/1","vault":"vault-1","y":"${y}"}`);
  const message = Buffer.concat([sha(bytes), sha("{}")]);
  const holds = await ed25519Verify(unhex(manifest.possession_keys[0]), new Uint8Array(Buffer.from(possession, "base64")), message);
  assert.equal(holds, true);
});

test("documents have one spelling", () => {
  assert.equal(canonical({ b: [1, null, true], a: { d: "\u2028\"", c: "" } }), '{"a":{"c":"","d":"\u2028\\""},"b":[1,null,true]}');
  assert.throws(() => canonical({ a: 1.5 }));
  assert.throws(() => parseAct('{"b":1,"a":2}'));
  assert.throws(() => parseAct('{"a":1,"a":1}'));
  assert.equal(hex(unhex("00ff")), "00ff");
  assert.throws(() => unhex("0F"));
});
