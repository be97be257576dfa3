//! Our SSH signatures against stock `ssh-keygen`, both ways, for every key type it makes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use breakglass::sealed::loaded_key::{KeyError, LoadedKey};
use breakglass::sealed::sshsig::{PublicKeyError, SignatureError, SshPublicKey};
use secrecy::SecretString;
use tempfile::TempDir;

const NAMESPACE: &str = "breakglass-approve";
const DOCUMENT: &[u8] = br#"{"act":"approve","v":"breakglass/1"}"#;

fn make_key(dir: &Path, name: &str, kind: &[&str], passphrase: &str) -> PathBuf {
    let path = dir.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-C", name, "-N", passphrase, "-f"])
        .arg(&path)
        .arg("-t")
        .args(kind)
        .status()
        .unwrap();
    assert!(made.success());
    path
}

fn public_of(key: &Path) -> Result<SshPublicKey, PublicKeyError> {
    let text = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    SshPublicKey::parse(&text)
}

fn sign_with_ssh_keygen(key: &Path) -> String {
    let document = key.with_extension("doc");
    std::fs::write(&document, DOCUMENT).unwrap();
    let signed = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"])
        .arg(key)
        .arg(&document)
        .status()
        .unwrap();
    assert!(signed.success());
    std::fs::read_to_string(key.with_extension("doc.sig")).unwrap()
}

fn ssh_keygen_accepts(dir: &Path, key: &SshPublicKey, namespace: &str, armored: &str) -> bool {
    let allowed = dir.join("allowed_signers");
    let line = key.allowed_signers_line("ada", "breakglass-*");
    std::fs::write(&allowed, format!("{line}\n")).unwrap();
    let signature = dir.join("signature");
    std::fs::write(&signature, armored).unwrap();
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-I", "ada", "-n", namespace, "-f"])
        .arg(&allowed)
        .arg("-s")
        .arg(&signature)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, DOCUMENT).unwrap();
    drop(stdin);
    child.wait().unwrap().success()
}

#[test]
fn stock_ssh_keygen_accepts_what_we_sign() {
    let dir = TempDir::new().unwrap();
    for (name, kind) in [
        ("ed25519", &["ed25519"][..]),
        ("p256", &["ecdsa", "-b", "256"]),
    ] {
        let path = make_key(dir.path(), name, kind, "");
        let file = std::fs::read(&path).unwrap();
        let key = LoadedKey::from_openssh(&file, || None).unwrap();
        let signature = key.sign(NAMESPACE, DOCUMENT).unwrap();
        assert!(ssh_keygen_accepts(
            dir.path(),
            key.public(),
            NAMESPACE,
            &signature
        ));
        assert!(!ssh_keygen_accepts(
            dir.path(),
            key.public(),
            "breakglass-open",
            &signature
        ));
    }
}

#[test]
fn we_accept_what_stock_ssh_keygen_signs() {
    let dir = TempDir::new().unwrap();
    for (name, kind) in [
        ("ed25519", &["ed25519"][..]),
        ("p256", &["ecdsa", "-b", "256"]),
        ("rsa", &["rsa", "-b", "3072"]),
    ] {
        let path = make_key(dir.path(), name, kind, "");
        let public = public_of(&path).unwrap();
        let signature = sign_with_ssh_keygen(&path);
        assert_eq!(
            public.verify(NAMESPACE, DOCUMENT, &signature),
            Ok(()),
            "{name}"
        );
        assert_eq!(
            public.verify(NAMESPACE, b"other", &signature),
            Err(SignatureError::Wrong)
        );
        assert!(ssh_keygen_accepts(
            dir.path(),
            &public,
            NAMESPACE,
            &signature
        ));
    }
}

#[test]
fn an_encrypted_key_asks_once_and_does_everything() {
    let dir = TempDir::new().unwrap();
    let path = make_key(dir.path(), "encrypted", &["ed25519"], "correct horse");
    let file = std::fs::read(&path).unwrap();
    let mut asked = 0;
    let key = LoadedKey::from_openssh(&file, || {
        asked += 1;
        Some(SecretString::from("correct horse".to_owned()))
    })
    .unwrap();
    assert_eq!(asked, 1);
    assert!(key.opener().is_some());
    let signature = key.sign(NAMESPACE, DOCUMENT).unwrap();
    assert!(ssh_keygen_accepts(
        dir.path(),
        key.public(),
        NAMESPACE,
        &signature
    ));
    let wrong = || Some(SecretString::from("wrong".to_owned()));
    assert_eq!(
        LoadedKey::from_openssh(&file, wrong).unwrap_err(),
        KeyError::WrongPassphrase
    );
    assert_eq!(
        LoadedKey::from_openssh(&file, || None).unwrap_err(),
        KeyError::PassphraseNeeded
    );
}

#[test]
fn fingerprints_are_the_ones_ssh_keygen_prints() {
    let dir = TempDir::new().unwrap();
    let path = make_key(dir.path(), "ada", &["ed25519"], "");
    let shown = Command::new("ssh-keygen")
        .arg("-lf")
        .arg(path.with_extension("pub"))
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(
        shown.split(' ').nth(1).unwrap(),
        public_of(&path).unwrap().fingerprint()
    );
}

#[test]
fn short_rsa_and_other_curves_are_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let short = make_key(dir.path(), "short", &["rsa", "-b", "2048"], "");
    assert_eq!(
        public_of(&short).unwrap_err(),
        PublicKeyError::RsaBits { bits: 2048 }
    );
    let p384 = make_key(dir.path(), "p384", &["ecdsa", "-b", "384"], "");
    assert!(matches!(
        public_of(&p384).unwrap_err(),
        PublicKeyError::Kind { kind } if kind == "ecdsa-sha2-nistp384"
    ));
}

#[test]
fn an_rsa_key_opens_shares_but_is_signed_by_ssh_keygen() {
    let dir = TempDir::new().unwrap();
    let path = make_key(dir.path(), "rsa", &["rsa", "-b", "3072"], "");
    let key = LoadedKey::from_openssh(&std::fs::read(&path).unwrap(), || None).unwrap();
    assert!(key.opener().is_some());
    assert!(!key.can_sign());
    assert!(matches!(
        key.sign(NAMESPACE, DOCUMENT).unwrap_err(),
        KeyError::CannotSign { kind } if kind == "ssh-rsa"
    ));
}
