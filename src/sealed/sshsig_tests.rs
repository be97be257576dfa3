//! Tests of SSH keys and signatures that need no other program; stock `ssh-keygen` is compared in
//! `tests/sealed_ssh_keygen.rs`.

use ed25519_dalek::{Signer as _, SigningKey};
use sha2::{Digest as _, Sha256};
use ssh_key::public::{Ed25519PublicKey, SkEd25519};
use ssh_key::{LineEnding, Signature};

use super::*;
use crate::sealed::loaded_key::LoadedKey;

#[test]
fn a_signature_fits_only_its_document_namespace_and_key() {
    let ada = LoadedKey::generate_ed25519("ada").unwrap();
    let ben = LoadedKey::generate_ed25519("ben").unwrap();
    let signature = ada.sign("breakglass-approve", b"document").unwrap();
    let verify =
        |key: &LoadedKey, namespace, document| key.public().verify(namespace, document, &signature);
    assert_eq!(verify(&ada, "breakglass-approve", b"document"), Ok(()));
    assert_eq!(
        verify(&ada, "breakglass-approve", b"Document"),
        Err(SignatureError::Wrong)
    );
    assert!(matches!(
        verify(&ada, "breakglass-open", b"document"),
        Err(SignatureError::Namespace { .. })
    ));
    assert!(matches!(
        verify(&ben, "breakglass-approve", b"document"),
        Err(SignatureError::OtherKey { .. })
    ));
    assert_eq!(
        fingerprint_in(&signature).unwrap(),
        ada.public().fingerprint()
    );
    assert_eq!(
        ada.public()
            .verify("breakglass-approve", b"document", "nonsense"),
        Err(SignatureError::Damaged)
    );
}

#[test]
fn a_claim_key_s_raw_bytes_are_the_same_key() {
    let key = LoadedKey::generate_ed25519("claim").unwrap();
    let parsed = SshPublicKey::parse(&format!("{} a comment", key.public().text())).unwrap();
    assert_eq!(&parsed, key.public());
    let raw = parsed.key.key_data().ed25519().unwrap().0;
    assert_eq!(&SshPublicKey::from_ed25519(&raw).unwrap(), key.public());
    let mut weak = [0; 32];
    weak[0] = 1;
    assert_eq!(SshPublicKey::from_ed25519(&weak), Err(PublicKeyError::Weak));
}

/// A security key made of software: signs as FIDO does, with the flags it is told.
fn software_sk(flags: u8) -> (SshPublicKey, String) {
    let pair = SigningKey::from_bytes(&[7; 32]);
    let public = SkEd25519::new(
        Ed25519PublicKey(pair.verifying_key().to_bytes()),
        "ssh:".to_owned(),
    );
    let signed = SshSig::signed_data("breakglass-approve", HashAlg::Sha512, b"document").unwrap();
    let mut trailer = vec![flags];
    trailer.extend_from_slice(&9u32.to_be_bytes());
    let mut message = Sha256::digest(b"ssh:").to_vec();
    message.extend_from_slice(&trailer);
    message.extend_from_slice(&Sha256::digest(&signed));
    let mut data = pair.sign(&message).to_bytes().to_vec();
    data.extend_from_slice(&trailer);
    let signature = Signature::new(Algorithm::SkEd25519, data).unwrap();
    let key = KeyData::SkEd25519(public);
    let armored = SshSig::new(
        key.clone(),
        "breakglass-approve",
        HashAlg::Sha512,
        signature,
    )
    .unwrap()
    .to_pem(LineEnding::LF)
    .unwrap();
    (SshPublicKey::from_key(&key.into()).unwrap(), armored)
}

#[test]
fn a_security_key_must_have_been_touched() {
    let (key, touched) = software_sk(0x01);
    assert!(key.is_security_key());
    assert_eq!(
        key.verify("breakglass-approve", b"document", &touched),
        Ok(())
    );
    let (key, untouched) = software_sk(0x00);
    assert_eq!(
        key.verify("breakglass-approve", b"document", &untouched),
        Err(SignatureError::NoTouch)
    );
    assert_eq!(
        key.verify("breakglass-approve", b"other", &touched),
        Err(SignatureError::Wrong)
    );
}

#[test]
fn key_types_that_cannot_log_in_are_refused_by_name() {
    assert_eq!(SshPublicKey::parse(""), Err(PublicKeyError::Damaged));
    assert_eq!(
        SshPublicKey::parse("ssh-ed25519 AAAAC3NzaC1lZDI1"),
        Err(PublicKeyError::Damaged)
    );
    // A P-384 key, made for this test.
    let p384 = "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBAAA";
    assert!(SshPublicKey::parse(p384).is_err());
}

#[test]
fn the_allowed_signers_line_names_person_and_namespaces() {
    let key = LoadedKey::generate_ed25519("ada").unwrap();
    let line = key.public().allowed_signers_line("ada", "breakglass-*");
    assert!(line.starts_with("ada namespaces=\"breakglass-*\" ssh-ed25519 AAAA"));
    assert!(!line.contains('\n'));
}

#[test]
fn a_key_that_is_no_key_is_refused_without_its_content() {
    let error = LoadedKey::from_openssh(b"CANARY", || None).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("CANARY"));
}
