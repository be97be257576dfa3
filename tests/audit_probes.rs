//! The 196 proof probes of transparency-dev/merkle, made here by the rules its `testdata` follows:
//! ten honest proofs, each spoilt in every listed way, and cases of nothing. Proofs and roots are
//! the published ones; a list that is not all 32-byte hashes is refused where it is read.
//! Also the Ed25519 vectors of RFC 8032 §7.1; the edge cases of C2SP/CCTV are in `ed25519_edges.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use breakglass::audit::merkle::leaf_hash;
use breakglass::audit::merkle_proof::{verify_consistency, verify_inclusion};
use breakglass::audit::note::NoteSigner;

type Bytes = Vec<u8>;

const EMPTY_TREE: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const SOME_HASH: &str = "abacaba000000000000000000000000000000000000000000060061e00123456";

/// Roots of the trees of sizes 1 to 8.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const N01: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const N23: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const N47: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const L4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const N67: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const N45: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
const L6: &str = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f";

fn bytes(text: &str) -> Bytes {
    hex::decode(text).unwrap()
}

fn list(texts: &[&str]) -> Vec<Bytes> {
    texts.iter().map(|text| bytes(text)).collect()
}

fn root(size: u64) -> Bytes {
    bytes(ROOTS[usize::try_from(size).unwrap() - 1])
}

fn with_end(proof: &[Bytes], more: Bytes) -> Vec<Bytes> {
    [proof, &[more]].concat()
}

fn with_start(proof: &[Bytes], more: Bytes) -> Vec<Bytes> {
    [&[more], proof].concat()
}

/// Each copy of the proof with one bit of one hash turned.
fn bits_turned(proof: &[Bytes], bit: u8) -> Vec<Vec<Bytes>> {
    let turn = |index: usize| {
        let mut copy = proof.to_vec();
        copy[index][0] ^= bit;
        copy
    };
    (0..proof.len()).map(turn).collect()
}

struct Inclusion {
    index: u64,
    size: u64,
    root: Bytes,
    leaf: Bytes,
    proof: Vec<Bytes>,
}

impl Inclusion {
    fn holds(&self) -> bool {
        let proof: Option<Vec<_>> = self.proof.iter().map(hash).collect();
        let (Some(proof), Some(leaf), Some(root)) = (proof, hash(&self.leaf), hash(&self.root))
        else {
            return false;
        };
        verify_inclusion(self.index, self.size, &leaf, &proof, &root).is_ok()
    }
}

struct Consistency {
    old: u64,
    new: u64,
    old_root: Bytes,
    new_root: Bytes,
    proof: Vec<Bytes>,
}

impl Consistency {
    fn holds(&self) -> bool {
        let proof: Option<Vec<_>> = self.proof.iter().map(hash).collect();
        let roots = (hash(&self.old_root), hash(&self.new_root));
        let (Some(proof), (Some(old_root), Some(new_root))) = (proof, roots) else {
            return false;
        };
        verify_consistency(self.old, &old_root, self.new, &new_root, &proof).is_ok()
    }
}

fn hash(bytes: &Bytes) -> Option<[u8; 32]> {
    bytes.as_slice().try_into().ok()
}

/// Spoils an honest inclusion proof in every way of the probes.
fn spoilt_inclusions(index: u64, size: u64, leaf: &Bytes, proof: &[Bytes]) -> Vec<Inclusion> {
    let of = |index, size, root: Bytes, leaf: &Bytes, proof: Vec<Bytes>| Inclusion {
        index,
        size,
        root,
        leaf: leaf.clone(),
        proof,
    };
    let good = || proof.to_vec();
    let mut spoilt = vec![
        of(index.wrapping_sub(1), size, root(size), leaf, good()),
        of(index + 1, size, root(size), leaf, good()),
        of(index ^ 2, size, root(size), leaf, good()),
        of(index, size * 2, root(size), leaf, good()),
        of(index, size / 2, root(size), leaf, good()),
        of(index, size, root(size), &b"WrongLeaf".to_vec(), good()),
        of(index, size, bytes(EMPTY_TREE), leaf, good()),
        of(index, size, bytes(SOME_HASH), leaf, good()),
        of(index, size, root(size), leaf, with_end(proof, Bytes::new())),
        of(index, size, root(size), leaf, with_end(proof, root(size))),
        of(
            index,
            size,
            root(size),
            leaf,
            with_start(proof, Bytes::new()),
        ),
        of(index, size, root(size), leaf, with_start(proof, root(size))),
    ];
    for turned in bits_turned(proof, 8) {
        spoilt.push(of(index, size, root(size), leaf, turned));
    }
    if let Some((_, shorter)) = proof.split_last() {
        spoilt.push(of(index, size, root(size), leaf, shorter.to_vec()));
    }
    if proof.len() > 1 {
        let mut longer = proof.to_vec();
        longer.insert(1, bytes(SOME_HASH));
        spoilt.push(of(index, size, root(size), leaf, longer));
    }
    spoilt
}

#[test]
fn the_98_inclusion_probes_hold_or_fail_as_published() {
    let honest: [(u64, u64, &str, &[&str]); 5] = [
        (0, 1, "", &[]),
        (0, 8, "", &[N01, N23, N47]),
        (5, 8, "40414243", &[L4, N67, ROOTS[3]]),
        (2, 3, "10", &[ROOTS[1]]),
        (1, 5, "00", &[ROOTS[0], N23, L4]),
    ];
    let mut probes = 0;
    for (index, size, leaf, proof) in honest {
        let (leaf, proof) = (leaf_hash(&bytes(leaf)).to_vec(), list(proof));
        let good = Inclusion {
            index,
            size,
            root: root(size),
            leaf: leaf.clone(),
            proof: proof.clone(),
        };
        assert!(good.holds(), "entry {index} of {size}");
        let spoilt = spoilt_inclusions(index, size, &leaf, &proof);
        probes += 1 + spoilt.len();
        for (way, probe) in spoilt.iter().enumerate() {
            assert!(
                !probe.holds(),
                "entry {index} of {size}, spoilt in way {way}"
            );
        }
    }
    let of_nothing = |index, size, root: Bytes, leaf: Bytes| Inclusion {
        index,
        size,
        root,
        leaf,
        proof: Vec::new(),
    };
    for (index, size) in [(0, 0), (0, 1), (1, 0), (2, 1)] {
        let (empty, some) = (bytes(EMPTY_TREE), bytes(SOME_HASH));
        assert!(!of_nothing(index, size, Bytes::new(), some.clone()).holds());
        assert!(!of_nothing(index, size, empty.clone(), Bytes::new()).holds());
        assert!(!of_nothing(index, size, empty, some).holds());
        probes += 3;
    }
    let data = leaf_hash(b"data").to_vec();
    assert!(of_nothing(0, 1, data.clone(), data.clone()).holds());
    assert!(!of_nothing(0, 1, data.clone(), Bytes::new()).holds());
    assert!(!of_nothing(0, 1, Bytes::new(), data).holds());
    assert!(!of_nothing(0, 1, Bytes::new(), Bytes::new()).holds());
    assert_eq!(probes + 4, 98);
}

/// Spoils an honest consistency proof in every way of the probes.
fn spoilt_consistencies(old: u64, new: u64, proof: &[Bytes]) -> Vec<Consistency> {
    let (one, two) = (root(old), root(new));
    let of = |old, new, old_root: &Bytes, new_root: &Bytes, proof: Vec<Bytes>| Consistency {
        old,
        new,
        old_root: old_root.clone(),
        new_root: new_root.clone(),
        proof,
    };
    let good = || proof.to_vec();
    let wrong = b"WrongRoot".to_vec();
    let mut spoilt = vec![
        of(old - 1, new, &one, &two, good()),
        of(old + 1, new, &one, &two, good()),
        of(old ^ 2, new, &one, &two, good()),
        of(old, new * 2, &one, &two, good()),
        of(old, new / 2, &one, &two, good()),
        of(old, new, &wrong, &two, good()),
        of(old, new, &one, &wrong, good()),
        of(old, new, &two, &one, good()),
        of(old, new, &one, &two, Vec::new()),
    ];
    for more in [Bytes::new(), one.clone(), two.clone()] {
        spoilt.push(of(old, new, &one, &two, with_end(proof, more.clone())));
        spoilt.push(of(old, new, &one, &two, with_start(proof, more)));
    }
    spoilt.push(of(
        old,
        new,
        &one,
        &two,
        with_start(proof, proof[0].clone()),
    ));
    spoilt.push(of(old, new, &one, &two, proof[..proof.len() - 1].to_vec()));
    for turned in bits_turned(proof, 16) {
        spoilt.push(of(old, new, &one, &two, turned));
    }
    spoilt
}

#[test]
fn the_84_probes_of_consistency_proofs_hold_or_fail_as_published() {
    let honest: [(u64, u64, &[&str]); 5] = [
        (1, 1, &[]),
        (1, 8, &[N01, N23, N47]),
        (6, 8, &[N45, N67, ROOTS[3]]),
        (2, 5, &[N23, L4]),
        (6, 7, &[N45, L6, ROOTS[3]]),
    ];
    let mut probes = 0;
    for (old, new, proof) in honest {
        let proof = list(proof);
        let good = Consistency {
            old,
            new,
            old_root: root(old),
            new_root: root(new),
            proof: proof.clone(),
        };
        assert!(good.holds(), "from {old} to {new}");
        probes += 1;
        if proof.is_empty() {
            continue;
        }
        let spoilt = spoilt_consistencies(old, new, &proof);
        probes += spoilt.len();
        for (way, probe) in spoilt.iter().enumerate() {
            assert!(!probe.holds(), "from {old} to {new}, spoilt in way {way}");
        }
    }
    assert_eq!(probes, 84);
}

#[test]
fn the_14_probes_of_consistency_without_a_proof_hold_or_fail_as_published() {
    // The probes' roots "don't care 1" and "don't care 2" are no hashes, so they would be refused
    // for their length alone; hashes of them stand here, which asks more of the rule itself.
    let one = || leaf_hash(b"don't care 1").to_vec();
    let two = || leaf_hash(b"don't care 2").to_vec();
    let empty = || bytes(EMPTY_TREE);
    let nothing = Vec::new;
    let probes: [(u64, u64, Bytes, Bytes, Vec<Bytes>, bool); 14] = [
        (0, 0, one(), two(), nothing(), false),
        (1, 1, one(), two(), nothing(), false),
        (0, 0, one(), one(), nothing(), false),
        (0, 1, one(), two(), nothing(), false),
        (1, 1, two(), two(), nothing(), true),
        (1, 0, one(), two(), nothing(), false),
        (2, 1, one(), two(), nothing(), false),
        (1, 2, one(), two(), nothing(), false),
        (0, 0, empty(), two(), nothing(), false),
        (1, 1, empty(), two(), nothing(), false),
        (0, 0, empty(), empty(), vec![empty()], false),
        (1, 1, empty(), empty(), vec![empty()], false),
        (0, 1, empty(), two(), nothing(), false),
        (0, 1, empty(), empty(), vec![empty()], false),
    ];
    for (which, (old, new, old_root, new_root, proof, holds)) in probes.into_iter().enumerate() {
        let probe = Consistency {
            old,
            new,
            old_root,
            new_root,
            proof,
        };
        assert_eq!(probe.holds(), holds, "probe {which}: from {old} to {new}");
    }
}

#[derive(serde::Deserialize)]
struct Rfc8032 {
    name: String,
    seed: String,
    public: String,
    message: String,
    signature: String,
}

/// Our signatures are over text, so the messages of RFC 8032, which are arbitrary bytes, go through
/// the library the note code signs with; the one empty message goes through the note code itself.
#[test]
fn the_five_vectors_of_rfc_8032_sign_and_verify() {
    use ed25519_dalek::{Signer as _, SigningKey};
    let vectors: Vec<Rfc8032> =
        serde_json::from_str(include_str!("vectors/ed25519/rfc8032.json")).unwrap();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let seed = bytes(&vector.seed).try_into().unwrap();
        let (message, name) = (bytes(&vector.message), &vector.name);
        let key = SigningKey::from_bytes(&seed);
        assert_eq!(
            hex::encode(key.verifying_key().as_bytes()),
            vector.public,
            "{name}"
        );
        let signature = key.sign(&message);
        assert_eq!(
            hex::encode(signature.to_bytes()),
            vector.signature,
            "{name}"
        );
        assert!(
            key.verifying_key()
                .verify_strict(&message, &signature)
                .is_ok(),
            "{name}"
        );
        let signer = NoteSigner::from_seed("vault.example/log", &seed).unwrap();
        let public = bytes(&vector.public);
        assert_eq!(
            signer.verifier_key().public_bytes().as_slice(),
            public,
            "{name}"
        );
    }
}
