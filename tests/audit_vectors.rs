//! Published test vectors of the formats the audit room speaks: RFC 6962, C2SP signed-note,
//! cosignature and tlog-tiles, the Go checksum database, Tessera, and one sample log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use breakglass::audit::checkpoint::{Checkpoint, format_hash, parse_hash};
use breakglass::audit::cosignature::{Cosignature, signed_message};
use breakglass::audit::merkle::{Edge, Hash, empty_root, leaf_hash};
use breakglass::audit::merkle_proof::{verify_consistency, verify_inclusion};
use breakglass::audit::note::{KeyKind, Note, NoteError, NoteSigner, VerifierKey};

const SAMPLE: &str = include_str!("vectors/audit/sample_entries.ndjson");

fn unhex(text: &str) -> Hash {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn roots<'a>(leaves: impl Iterator<Item = &'a [u8]>) -> Vec<Hash> {
    let mut edge = Edge::new();
    let mut roots = vec![edge.root()];
    for leaf in leaves {
        edge.push(leaf_hash(leaf)).unwrap();
        roots.push(edge.root());
    }
    roots
}

#[test]
fn rfc_6962_roots_of_sizes_0_to_8_match() {
    let leaves: Vec<Vec<u8>> = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    .iter()
    .map(|text| hex::decode(text).unwrap())
    .collect();
    let wanted = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    .map(unhex);
    assert_eq!(roots(leaves.iter().map(Vec::as_slice)), wanted);
    assert_eq!(empty_root(), wanted[0]);
    assert_eq!(
        format_hash(&leaf_hash(b"hello world")),
        "TszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0="
    );
}

#[test]
fn the_c2sp_signed_note_example_verifies() {
    let key =
        VerifierKey::parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
            .unwrap();
    let line = "\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";
    let text = format!("This is an example message.\n\n{line}\n");
    let note = Note::parse(text.as_bytes()).unwrap();
    assert_eq!(note.verify(std::slice::from_ref(&key)).unwrap(), [&key]);
    assert_eq!(note.to_string(), text);
    let other = text.replace("example message", "exemple message");
    assert_eq!(
        Note::parse(other.as_bytes())
            .unwrap()
            .verify(std::slice::from_ref(&key)),
        Err(NoteError::Signature("example.com/foo".to_owned()))
    );
}

/// Go's private key text is not ours; only this test reads it.
fn signer_from_go_text(text: &str) -> NoteSigner {
    let parts: Vec<&str> = text.splitn(5, '+').collect();
    let [private, key, name, _id, encoded] = parts.as_slice() else {
        panic!("five parts")
    };
    assert_eq!((*private, *key), ("PRIVATE", "KEY"));
    let bytes = STANDARD.decode(encoded).unwrap();
    NoteSigner::from_seed(name, &bytes[1..].try_into().unwrap()).unwrap()
}

#[test]
fn the_go_note_example_is_signed_to_the_same_bytes() {
    let signer = signer_from_go_text(
        "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz",
    );
    let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    assert_eq!(
        signer.verifier_key().to_string(),
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    );
    assert_eq!(
        signer.sign(text).to_string(),
        "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    );
    assert!(format!("{signer:?}").ends_with("***)"));
}

#[test]
fn the_tessera_testdata_log_has_its_published_roots() {
    let leaves =
        "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten";
    let roots = roots(leaves.split(' ').map(str::as_bytes));
    for (size, root) in [
        (1, "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek="),
        (8, "bC+VwvrJbalNVjfkdI8kUgs7mJoXrqiXCE7bgnD28pY="),
        (15, "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="),
    ] {
        assert_eq!(format_hash(&roots[size]), root);
    }
    let key = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
    assert_eq!(VerifierKey::parse(key).unwrap().to_string(), key);
}

#[test]
fn the_published_cosignature_parses() {
    let bytes = STANDARD
        .decode("jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==")
        .unwrap();
    assert_eq!(bytes[..4], [0x8d, 0x66, 0xcf, 0x3f]);
    let parsed = Cosignature::parse(&bytes[4..]).unwrap();
    assert_eq!(parsed.time_s, 1_679_315_147);
    assert_eq!(
        signed_message(parsed.time_s, "body\n"),
        b"cosignature/v1\ntime 1679315147\nbody\n"
    );
    assert!(Cosignature::parse(&bytes[4..bytes.len() - 1]).is_none());
    assert!(Cosignature::parse(&[0xff; 72]).is_none());
}

#[test]
fn the_sample_log_has_its_roots_proofs_and_signatures() {
    let roots = roots(SAMPLE.lines().map(str::as_bytes));
    let wanted = [
        "51543e93a059d66667c3823dcf57226458a2efbef563f2eba3be5ea87520500b",
        "d7b3e4e6c0fe08e7642f9b289c98a30a3f026ed0b72a8338c15ba303aa645be0",
        "1493e8b86f5ab84c0df89b1cd0894c292176b18696917f62d44c59e56837d97d",
        "d0127a3d1772bed85c5f138f999242dfdd4500ba97c316b664772b70417b5539",
    ]
    .map(unhex);
    assert_eq!(roots[1..], wanted);
    let leaf = leaf_hash(SAMPLE.lines().nth(2).unwrap().as_bytes());
    let hashes = |text: &str| {
        text.split(' ')
            .map(|h| parse_hash(h).unwrap())
            .collect::<Vec<_>>()
    };
    let inclusion = hashes(
        "5DfqmkhyfYirOLAFUaG5lqoPYNGK7ejvplvl1WWpHLU= 17Pk5sD+COdkL5sonJijCj8CbtC3KoM4wVujA6pkW+A=",
    );
    verify_inclusion(2, 4, &leaf, &inclusion, &roots[4]).unwrap();
    assert!(verify_inclusion(1, 4, &leaf, &inclusion, &roots[4]).is_err());
    let consistency = hashes(
        "CHGwuGYsFoJckiNl9UMPAV05jtmL/0oxq5tTwR8AZfo= 5DfqmkhyfYirOLAFUaG5lqoPYNGK7ejvplvl1WWpHLU= 17Pk5sD+COdkL5sonJijCj8CbtC3KoM4wVujA6pkW+A=",
    );
    verify_consistency(3, &roots[3], 4, &roots[4], &consistency).unwrap();
    assert!(verify_consistency(2, &roots[2], 4, &roots[4], &consistency).is_err());

    let body = Checkpoint {
        origin: "test.example/bgv/e1".into(),
        size: 4,
        root: roots[4],
    };
    let note = format!(
        "{body}\n\u{2014} test.example/bgv/e1 63s3H1Sys/lHkpGjB3NrqEPxFgrJ2csqDnCxBFrCl8Ra4OYM8P4LMh9JWKTm4BVkUECklBYwUCeNfUNRjzo9zFykHAo=\n\u{2014} w1.example QtdduQAAAABpVbkB5Xd+vXTgOo3HEy1xGwymMbeIQGGLPXLiR9biOLO+5CbwAYqCSWHPfcZfzOiO8jR0vAiaWXUAGuitz4M9rQ/MDA==\n"
    );
    let log = VerifierKey::parse(
        "test.example/bgv/e1+eb7b371f+AcN2lX/Tbyc5yEFLWyqkJnjsg2UZHcHowSFx5B483Res",
    )
    .unwrap();
    let witness =
        VerifierKey::parse("w1.example+42d75db9+BARQf7h6cKy2BgswUYQQtgFZsxtIDyVYJKFEEuBnUbCF")
            .unwrap();
    assert_eq!(Checkpoint::open(note.as_bytes(), &log).unwrap(), body);
    assert_eq!(witness.kind(), KeyKind::Witness);
    let both = [log, witness];
    assert_eq!(
        Note::parse(note.as_bytes())
            .unwrap()
            .verify(&both)
            .unwrap()
            .len(),
        2
    );
    assert!(Checkpoint::open(note.as_bytes(), &both[1]).is_err());
}
