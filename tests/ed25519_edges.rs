//! The edge cases of C2SP/CCTV `ed25519/` against both verifiers of the log: ours and `verify.py`.
//!
//! The published file pairs one scalar for keys and one for R, each with every part of low order, and
//! every encoding of the points of low order, under short messages that make the parts cancel or not.
//! Both scalars follow from what is published, so the whole family is made here; that they are the
//! right ones is shown by the published points and signatures they give again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use breakglass::audit::export::VERIFY_PY;
use breakglass::audit::note::{KeyKind, Signature, VerifierKey};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as BASE, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity as _, IsIdentity as _};
use sha2::{Digest as _, Sha512};

/// S of every published vector whose key has low order: S = r then.
const R_SCALAR: &str = "05ba9a796274d80437afa36f1236563f2f3b0aa84cecddc3d20914615ba4fe02";
/// Number 4: R is the point of order 4 with y = 0, so S = k·a.
const NUMBER_4: Published = Published {
    key: "10eb7c3acfb2bed3e0d6ab89bf5a3d6afddd1176ce4812e38d9fd485058fdb1f",
    r: "0000000000000000000000000000000000000000000000000000000000000000",
    s: "5e176f12cfb0d4e6eb6929b19ae4c998ef05c1c2cf628a9b1fa1c21312627108",
    message: "ed25519vectors 7",
};
/// Second encodings of points of low order: (encoding, the first one).
const SECOND_ENCODINGS: [(&str, &str); 6] = [
    (
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0000000000000000000000000000000000000000000000000000000000000080",
    ),
    (
        "0100000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0100000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ),
];

struct Published {
    key: &'static str,
    r: &'static str,
    s: &'static str,
    message: &'static str,
}

fn bytes32(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn scalar(text: &str) -> Scalar {
    Scalar::from_canonical_bytes(bytes32(text)).unwrap()
}

/// RFC 8032 §5.1.7: k is the hash of R, A and the message.
fn challenge(r: &[u8; 32], key: &[u8; 32], message: &str) -> Scalar {
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(key)
        .chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

/// The scalar of the published keys, by number 4.
fn key_scalar() -> Scalar {
    let k = challenge(
        &bytes32(NUMBER_4.r),
        &bytes32(NUMBER_4.key),
        NUMBER_4.message,
    );
    scalar(NUMBER_4.s) * k.invert()
}

/// One of the 22 forms of A or R: a part of low order, perhaps a multiple of the base, an encoding.
#[derive(Clone)]
struct Point {
    encoded: [u8; 32],
    canonical: [u8; 32],
    low: EdwardsPoint,
    scalar: Scalar,
}

impl Point {
    fn low_order(&self) -> bool {
        self.scalar == Scalar::ZERO
    }

    fn second_encoding(&self) -> bool {
        self.encoded != self.canonical
    }

    /// 8 points of low order, their 6 second encodings, and 8 with a part of prime order.
    fn forms(scalar: Scalar) -> Vec<Self> {
        let made = |scalar: Scalar| {
            EIGHT_TORSION.iter().map(move |low| {
                let encoded = (low + scalar * BASE).compress().to_bytes();
                Self {
                    encoded,
                    canonical: encoded,
                    low: *low,
                    scalar,
                }
            })
        };
        let mut forms: Vec<Self> = made(Scalar::ZERO).chain(made(scalar)).collect();
        for (second, first) in SECOND_ENCODINGS {
            let first = bytes32(first);
            let of = forms.iter().find(|form| form.encoded == first).unwrap();
            forms.push(Self {
                encoded: bytes32(second),
                ..of.clone()
            });
        }
        forms
    }
}

/// One vector with the flags of the published file that decide.
struct Vector {
    key: [u8; 32],
    signature: [u8; 64],
    message: String,
    low_order: bool,
    residue: bool,
    reencoded: bool,
}

impl Vector {
    fn made(a: &Point, r: &Point, message: &str, reencoded: bool) -> Self {
        let k = challenge(&r.encoded, &a.encoded, message);
        let signed = if reencoded {
            challenge(&r.canonical, &a.canonical, message)
        } else {
            k
        };
        let s = r.scalar + signed * a.scalar;
        Self {
            key: a.encoded,
            signature: [r.encoded, s.to_bytes()].concat().try_into().unwrap(),
            message: message.to_owned(),
            low_order: a.low_order() || r.low_order(),
            residue: !(r.low + k * a.low).is_identity(),
            reencoded,
        }
    }

    /// Verified without the cofactor by points and scalars, whatever their order or encoding: to show
    /// that these are near misses and not noise.
    fn satisfies_the_bare_equation(&self) -> bool {
        let point = |bytes: &[u8]| CompressedEdwardsY::from_slice(bytes).unwrap().decompress();
        let (Some(a), Some(r)) = (point(&self.key), point(&self.signature[..32])) else {
            return false;
        };
        let s = Scalar::from_canonical_bytes(self.signature[32..].try_into().unwrap()).unwrap();
        let encoded = self.signature[..32].try_into().unwrap();
        let k = challenge(&encoded, &self.key, &self.message);
        s * BASE == r + k * a
    }

    /// By the code that checks checkpoints.
    fn verifies(&self) -> bool {
        VerifierKey::from_public("vault.example/log", KeyKind::Log, &self.key).is_ok_and(|key| {
            let payload = [&key.key_id().to_be_bytes()[..], &self.signature].concat();
            let line = format!("\u{2014} {} {}", key.name(), STANDARD.encode(payload));
            key.verifies(&self.message, &Signature::parse(&line).unwrap())
        })
    }

    /// By the library the acts, passkeys and possession proofs go through.
    fn verifies_strictly(&self) -> bool {
        ed25519_dalek::VerifyingKey::from_bytes(&self.key).is_ok_and(|key| {
            let signature = ed25519_dalek::Signature::from_bytes(&self.signature);
            key.verify_strict(self.message.as_bytes(), &signature)
                .is_ok()
        })
    }
}

/// Every pair of forms with the first message under which the parts of low order cancel, the first
/// under which they do not, and, where an encoding is a second one, both with k from the first one.
fn family() -> Vec<Vector> {
    let (keys, rs) = (Point::forms(key_scalar()), Point::forms(scalar(R_SCALAR)));
    let messages: Vec<String> = (0..48).map(|n| format!("ed25519vectors {n}")).collect();
    let mut family = Vec::new();
    for a in &keys {
        for r in &rs {
            for reencoded in [false, true] {
                if reencoded && !a.second_encoding() && !r.second_encoding() {
                    continue;
                }
                for residue in [false, true] {
                    let made = |message: &String| Vector::made(a, r, message, reencoded);
                    family.extend(messages.iter().map(made).find(|v| v.residue == residue));
                }
            }
        }
    }
    family
}

#[test]
fn the_two_scalars_give_the_published_points_and_signatures_again() {
    let (keys, rs) = (Point::forms(key_scalar()), Point::forms(scalar(R_SCALAR)));
    let encoded = |forms: &[Point], text: &str| {
        let wanted = bytes32(text);
        forms
            .iter()
            .find(|form| form.encoded == wanted)
            .cloned()
            .unwrap()
    };
    const KEY: &str = "ef75b20e7540e3dff77404193652ba2bd13df99c1508eee1515e27ae25f28076";
    const ONE_AGAIN: &str = "0100000000000000000000000000000000000000000000000000000000000080";
    const ONE_OVER_P: &str = "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    const ORDER_8: &str = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc";
    // Numbers 316, 317, 319, 320, 335, 336, 348 and 349.
    let published = [
        (
            ONE_AGAIN.to_owned(),
            "2d32f9eeccaa31dba2ff4ab4e196b61e2ee1648073bbb5f599dcff4f7ea02900",
            5,
            false,
        ),
        (
            ONE_AGAIN.to_owned(),
            "330b30d6c1f07511e2208d233b6a34d4ed7109da2dea615bcd97daee3a842704",
            7,
            true,
        ),
        (
            ONE_OVER_P.to_owned(),
            "367b7a92fea8539e8793cf812e799e8ed342c635592e74323a8dfd38a06aea0b",
            6,
            false,
        ),
        (
            ONE_OVER_P.to_owned(),
            "330b30d6c1f07511e2208d233b6a34d4ed7109da2dea615bcd97daee3a842704",
            7,
            true,
        ),
        (
            format!("{ORDER_8}05"),
            "aac16c21847c8f77ede0e03571488e65c01bc418470acebc90a5f65a69c3c60f",
            17,
            false,
        ),
        (
            "5ae36d433a7bd0efb150b6b04610d1986e3044c46b6ad69bae17aaf76b608d21".to_owned(),
            "fd3eacd8d7a35408e669bbf20fa791fc50be2a753015c51a7ff9554c4c540902",
            9,
            false,
        ),
        (
            format!("{ORDER_8}85"),
            "78b7a7a27ec214b774ab6434c7afe22bc3e6fa5f12d24e81dfbd99085789170b",
            6,
            false,
        ),
        (
            "fa9dde274f4820efb19a890f8ba2d8791710a4303ceef4aedf9dddc4e81a1f11".to_owned(),
            "4aa4b690ec5d1502a0c77d89ede55349d93b2f4df581bc979f8f0adbe60da300",
            7,
            false,
        ),
    ];
    for (r, s, message, reencoded) in published {
        let (a, point) = (encoded(&keys, KEY), encoded(&rs, &r));
        let vector = Vector::made(&a, &point, &format!("ed25519vectors {message}"), reencoded);
        assert_eq!(hex::encode(&vector.signature[32..]), s, "{r}");
    }
    encoded(&keys, NUMBER_4.key);
    assert!(EdwardsPoint::identity().is_identity());
}

#[test]
fn of_the_whole_family_only_what_its_holder_alone_can_make_is_taken() {
    let family = family();
    let (mut taken, mut near) = (0, 0);
    for vector in &family {
        let good = !vector.low_order && !vector.residue && !vector.reencoded;
        let what = || {
            format!(
                "{} {}",
                hex::encode(vector.key),
                hex::encode(vector.signature)
            )
        };
        assert_eq!(vector.verifies(), good, "{}", what());
        assert_eq!(vector.verifies_strictly(), good, "{}", what());
        taken += usize::from(good);
        near += usize::from(!good && vector.satisfies_the_bare_equation());
    }
    println!(
        "{} vectors, {taken} taken, {near} near misses",
        family.len()
    );
    assert!(
        family.len() >= 914,
        "as many as are published: {}",
        family.len()
    );
    assert!(near > 100, "otherwise any wrong signature would do: {near}");
}

#[test]
fn verify_py_takes_the_same_ones() {
    const DRIVER: &str = "
import sys
sys.argv = ['verify.py']
name, source = 'verify', sys.stdin.readline()
import json
space = {'__name__': name}
exec(compile(json.loads(source), 'verify.py', 'exec'), space)
for line in sys.stdin:
    key, signature, message = json.loads(line)
    good = space['ed25519_verify'](bytes.fromhex(key), message.encode(), bytes.fromhex(signature))
    print('taken' if good else 'refused')
";
    let family = family();
    let mut child = Command::new("python3")
        .args(["-c", DRIVER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = format!("{}\n", serde_json::to_string(VERIFY_PY).unwrap());
    for vector in &family {
        let (key, signature) = (hex::encode(vector.key), hex::encode(vector.signature));
        let line = serde_json::to_string(&(key, signature, &vector.message)).unwrap();
        input.push_str(&line);
        input.push('\n');
    }
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let said: Vec<&str> = std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        .collect();
    assert_eq!(said.len(), family.len());
    for (vector, said) in family.iter().zip(said) {
        let expected = if vector.verifies() {
            "taken"
        } else {
            "refused"
        };
        assert_eq!(said, expected, "{}", hex::encode(vector.signature));
    }
}
