//! Keys of every kind of PROTOCOL §2: they log in, sign acts, and are dealt to.

use std::path::Path;
use std::process::Command;

use breakglass::domain::incident::Phase;
use breakglass::sealed::loaded_key::LoadedKey;

use crate::restart::all_is_well;
use crate::support::{Plan, TestVault};

/// A key pair as `ssh-keygen` makes it: the loaded private key.
fn made(folder: &Path, name: &str, kind: &[&str]) -> LoadedKey {
    let path = folder.join(name);
    let status = Command::new("ssh-keygen")
        .args(["-q", "-C", name, "-N", "", "-f"])
        .arg(&path)
        .arg("-t")
        .args(kind)
        .status()
        .unwrap();
    assert!(status.success());
    LoadedKey::from_openssh(&std::fs::read(&path).unwrap(), || None).unwrap()
}

/// The generator of P-256 as a hardware recipient: a valid point that opens for nobody here.
fn hardware_recipient() -> String {
    let point = hex::decode("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    let prefix = bech32::Hrp::parse("age1tag").unwrap();
    bech32::encode::<bech32::Bech32>(prefix, &point.unwrap()).unwrap()
}

#[test]
fn a_p256_key_signs_and_shares_are_dealt_to_rsa_and_hardware_unlockers() {
    let folder = tempfile::tempdir().unwrap();
    let p256 = made(folder.path(), "p256", &["ecdsa", "-b", "256"]);
    let rsa = made(folder.path(), "rsa", &["rsa", "-b", "3072"]);
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/sealed");
    let sk = std::fs::read_to_string(vectors.join("sk_ecdsa.pub")).unwrap();
    let [own, opens] = [&p256, &rsa].map(|key| key.public().text().to_owned());
    let plan = Plan {
        roster: Box::new(move |roster| {
            let ada = &mut roster.people[0];
            ada.login_keys
                .extend([own.clone(), opens.clone(), sk.trim().to_owned()]);
            ada.unlockers.extend([opens.clone(), hardware_recipient()]);
        }),
        ..Plan::default()
    };
    let mut vault = TestVault::planned(plan);
    vault.people.ada.key = p256;
    vault.people.ada.uses_age = true;
    let (incident, _) = vault.opened();
    vault.close(&incident).unwrap();
    vault.settle();
    assert!(matches!(
        vault.incident(&incident.id).phase,
        Phase::InReview(_)
    ));
    all_is_well(&vault);
    // The next epoch's share opens with the RSA key too.
    let share = vault.sealed_share(&vault.people.ada, 2);
    assert!(breakglass::sealed::share::open_share(&share, rsa.opener().unwrap()).is_ok());
}
