//! Share files against the stock `age` program: what we seal, other people's tools open.

use std::path::Path;
use std::process::Command;

use breakglass::sealed::epoch::EpochName;
use breakglass::sealed::loaded_key::LoadedKey;
use breakglass::sealed::secret::Secret32;
use breakglass::sealed::shamir::Share;
use breakglass::sealed::share::{ShareLabel, open_share, seal_share};
use breakglass::sealed::unlocker::{Opener, Unlocker};
use secrecy::SecretString;
use tempfile::TempDir;

fn label() -> ShareLabel {
    ShareLabel {
        name: EpochName::new("vault-1", "live", 7).unwrap(),
        k: 3,
        n: 5,
        index: 1,
        manifest_sha256: [0x11; 32],
    }
}

fn expected_plaintext() -> String {
    let y: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    format!(
        r#"{{"epoch":7,"index":1,"k":3,"kind":"live","manifest_sha256":"{}","n":5,"v":"breakglass/1","vault":"vault-1","y":"{y}"}}"#,
        "11".repeat(32)
    )
}

fn sealed_to(unlockers: &[&str]) -> Vec<u8> {
    let y: Vec<u8> = (0..32).collect();
    let share = Share::new(1, Secret32::copied_from(&y).unwrap());
    let unlockers: Vec<Unlocker> = unlockers
        .iter()
        .map(|text| Unlocker::parse(text).unwrap())
        .collect();
    seal_share(&label(), &share, &unlockers).unwrap()
}

fn ssh_key(dir: &Path, name: &str, kind: &[&str], passphrase: &str) -> String {
    let path = dir.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-C", name, "-N", passphrase, "-f"])
        .arg(&path)
        .arg("-t")
        .args(kind)
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::read_to_string(path.with_extension("pub")).unwrap()
}

fn age_key(dir: &Path, name: &str) -> String {
    let made = Command::new("age-keygen")
        .arg("-o")
        .arg(dir.join(name))
        .output()
        .unwrap();
    assert!(made.status.success());
    let shown = Command::new("age-keygen")
        .arg("-y")
        .arg(dir.join(name))
        .output()
        .unwrap();
    String::from_utf8(shown.stdout).unwrap().trim().to_owned()
}

fn opened_by_age(dir: &Path, key: &str, file: &[u8]) -> String {
    let path = dir.join("share.age");
    std::fs::write(&path, file).unwrap();
    let opened = Command::new("age")
        .arg("-d")
        .arg("-i")
        .arg(dir.join(key))
        .arg(&path)
        .output()
        .unwrap();
    String::from_utf8(opened.stdout).unwrap()
}

#[test]
fn stock_age_opens_a_share_with_each_kind_of_unlocker() {
    let dir = TempDir::new().unwrap();
    let ed25519 = ssh_key(dir.path(), "id_ed25519", &["ed25519"], "");
    let rsa = ssh_key(dir.path(), "id_rsa", &["rsa", "-b", "3072"], "");
    let age = age_key(dir.path(), "age.txt");
    let file = sealed_to(&[&ed25519, &rsa, &age]);
    for key in ["id_ed25519", "id_rsa", "age.txt"] {
        assert_eq!(
            opened_by_age(dir.path(), key, &file),
            expected_plaintext(),
            "{key}"
        );
    }
}

#[test]
fn our_own_keys_open_what_we_sealed() {
    let dir = TempDir::new().unwrap();
    let plain = ssh_key(dir.path(), "plain", &["ed25519"], "");
    let locked = ssh_key(dir.path(), "locked", &["ed25519"], "horse");
    let rsa = ssh_key(dir.path(), "rsa", &["rsa", "-b", "3072"], "");
    let age = age_key(dir.path(), "age.txt");
    let file = sealed_to(&[&plain, &locked, &rsa, &age]);
    for (name, passphrase) in [("plain", None), ("locked", Some("horse")), ("rsa", None)] {
        let key = std::fs::read(dir.path().join(name)).unwrap();
        let ask = || passphrase.map(|p: &str| SecretString::from(p.to_owned()));
        let key = LoadedKey::from_openssh(&key, ask).unwrap();
        let opened = open_share(&file, key.opener().unwrap()).unwrap();
        assert_eq!(opened.label(), &label(), "{name}");
    }
    let text = std::fs::read_to_string(dir.path().join("age.txt")).unwrap();
    let opener = Opener::from_age_text(&text).unwrap();
    assert_eq!(opener.age_recipient().unwrap(), age);
    assert!(open_share(&file, &opener).is_ok());
}

#[test]
fn a_file_made_by_stock_age_opens_with_us() {
    let dir = TempDir::new().unwrap();
    let ed25519 = ssh_key(dir.path(), "id_ed25519", &["ed25519"], "");
    std::fs::write(dir.path().join("plain"), expected_plaintext()).unwrap();
    let made = Command::new("age")
        .args(["-r", ed25519.trim(), "-o"])
        .arg(dir.path().join("made.age"))
        .arg(dir.path().join("plain"))
        .status()
        .unwrap();
    assert!(made.success());
    let file = std::fs::read(dir.path().join("made.age")).unwrap();
    let key = std::fs::read(dir.path().join("id_ed25519")).unwrap();
    let key = LoadedKey::from_openssh(&key, || None).unwrap();
    let opened = open_share(&file, key.opener().unwrap()).unwrap();
    assert_eq!(opened.label(), &label());
}
