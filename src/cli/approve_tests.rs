//! A custodian against a vault made of pages: real keys, real share, real log, real HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::api::{Challenge, LoginReply, ShareView};
use crate::audit::entry::{Draft, stamp};
use crate::cli::client::history_tests::{head, inclusion, signer};
use crate::cli::client::test_pages::{Pages, serve};
use crate::cli::terms_check::tests::Scene;
use crate::domain::act::Act;
use crate::domain::ids::Digest;
use crate::domain::phrase::phrase as phrase_of;
use crate::sealed::epoch::EpochName;
use crate::sealed::identity::Identity;
use crate::sealed::loaded_key::LoadedKey;
use crate::sealed::possession::verify_release;
use crate::sealed::secret::Secret32;
use crate::sealed::shamir::Share;
use crate::sealed::share::{ShareLabel, seal_share};
use crate::sealed::sshsig::SshPublicKey;
use crate::sealed::unlocker::Unlocker;

struct Vault {
    folder: tempfile::TempDir,
    pages: Pages,
    ada: LoadedKey,
    possession: [u8; 32],
    terms_sha256: Digest,
    log: Vec<Vec<u8>>,
}

fn entry(seq: u64, kind: &str, members: Value) -> Vec<u8> {
    let Value::Object(members) = members else {
        panic!("an object")
    };
    let draft = Draft {
        kind: kind.to_owned(),
        members,
    };
    stamp(&draft, seq, 1_000, "n1", "00c0ffee").unwrap()
}

impl Vault {
    /// ada holds share 1 of epoch 4; rio has opened INC-7.
    fn new() -> Self {
        let ada = LoadedKey::generate_ed25519("ada").unwrap();
        let (share, name) = (
            Share::new(1, Secret32::random().unwrap()),
            EpochName::new("prod-eu", "live", 4).unwrap(),
        );
        let possession = PossessionKey::derive(&share, &name).public();
        let mut scene = Scene::new();
        let documents = &mut scene.documents;
        documents.roster.people[0].login_keys = vec![ada.public().text().to_owned()];
        documents.roster.people[0].unlockers = vec![ada.public().text().to_owned()];
        documents.roster_sha256 = documents.roster.sha256().unwrap();
        documents.manifest.roster_sha256 = documents.roster_sha256;
        documents.manifest.log_vkey = signer().verifier_key().to_string();
        documents.manifest.possession_keys[0] = hex::encode(possession);
        documents.manifest_sha256 = documents.manifest.sha256().unwrap();
        scene.terms.roster_sha256 = scene.documents.roster_sha256;
        scene.terms.manifest_sha256 = scene.documents.manifest_sha256;
        scene.terms.recipient = Identity::generate().unwrap().recipient().to_owned();
        scene.terms.asked_ms = clock::now();
        scene.terms.expires_ms = clock::now().plus_ms(60_000);
        let mut view = scene.view();
        view.terms_seq = 1;
        let documents = &scene.documents;
        let label = ShareLabel {
            name,
            k: 2,
            n: 3,
            index: 1,
            manifest_sha256: *documents.manifest_sha256.bytes(),
        };
        let unlocker = Unlocker::parse(ada.public().text()).unwrap();
        let sealed = seal_share(&label, &share, &[unlocker]).unwrap();
        let vkey = signer().verifier_key().to_string();
        let log = vec![
            entry(
                0,
                "log.genesis",
                json!({"vault": "prod-eu", "vkey": vkey,
                "roster_sha256": documents.roster_sha256, "policy_sha256": documents.policy_sha256}),
            ),
            entry(
                1,
                "incident.opened",
                json!({"inc": "INC-7", "terms_sha256": view.terms_sha256}),
            ),
        ];
        let pages = Pages::default();
        let terms_sha256 = scene.terms.sha256().unwrap();
        let vault = Self {
            folder: tempfile::tempdir().unwrap(),
            pages,
            ada,
            possession,
            terms_sha256,
            log,
        };
        vault.show_log();
        vault.page(
            "/login/challenge",
            &Challenge {
                challenge: "00".repeat(32),
                expires_ms: 0,
            },
        );
        vault.page(
            "/login",
            &LoginReply {
                token: "bgl_x".into(),
                expires_ms: i64::MAX,
                person: "ada".into(),
                name: "Ada".into(),
            },
        );
        vault.page(
            "/vault",
            &json!({"vault": "prod-eu", "origin": "o", "log_vkey": vkey,
            "roster": documents.roster, "roster_sha256": "", "policy": documents.policy,
            "policy_sha256": "", "manifest": documents.manifest, "manifest_sha256": "", "epoch": 4,
            "epoch_ready": true, "proved": [], "proofs_needed": 3,
            "rotation_owed_since_ms": null, "version": "0"}),
        );
        vault.page("/incidents/INC-7", &view);
        vault.page(
            "/incidents/INC-7/approve",
            &IncidentView {
                shares_in: 1,
                ..view.clone()
            },
        );
        vault.page("/incidents/INC-7/mismatch", &view);
        let share = ShareView {
            kind: "live".into(),
            epoch: 4,
            index: 1,
            share: STANDARD.encode(sealed),
        };
        vault.page("/shares/live/4", &share);
        vault
    }

    fn page<T: serde::Serialize>(&self, path: &str, body: &T) {
        self.pages.show(path, serde_json::to_vec(body).unwrap());
    }

    fn show_log(&self) {
        self.pages
            .show("/log/checkpoint", head(&self.log).1.into_bytes());
        for seq in 0..2 {
            let path = format!("/log/proof?seq={seq}&size=2");
            self.page(&path, &inclusion(&self.log, seq));
        }
    }

    async fn approve(&self, phrase: &str) -> (Result<Exit, CliError>, String) {
        let server = serve(self.pages.clone()).await;
        let key = self.folder.path().join("id_ed25519");
        crate::cli::files::write_private(&key, self.ada.to_openssh().unwrap().as_bytes()).unwrap();
        let globals = Globals {
            config: Some(self.folder.path().join("config")),
            state: Some(self.folder.path().join("state")),
            json: true,
            ..Globals::default()
        };
        let folder = self.folder.path().join("config");
        std::fs::create_dir_all(&folder).unwrap();
        let settings = format!(
            "vault = \"prod-eu\"\nserver = \"{server}\"\nperson = \"ada\"\nkey = \"{}\"\n[pins]\nlog_vkey = \"{}\"\n",
            key.display(),
            signer().verifier_key()
        );
        std::fs::write(folder.join("prod-eu.toml"), settings).unwrap();
        let (out, kept) = Output::captured(&globals);
        let args = Args {
            incident: IncidentId::numbered(7),
            phrase: Some(phrase.to_owned()),
            lifts: Vec::new(),
            without_share: false,
            paper: false,
        };
        (run(args, &globals, &out).await, kept.stdout())
    }
}

#[tokio::test]
async fn the_right_phrase_releases_a_bound_share_and_pins_what_was_signed() {
    let vault = Vault::new();
    let (done, stdout) = vault
        .approve(&phrase_of(&vault.terms_sha256).join(" "))
        .await;
    assert_eq!(done.unwrap(), Exit::DONE);
    let object: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&object["index"], &object["shares_in"]),
        (&json!(1), &json!(1))
    );
    let sent = vault.pages.posted("/incidents/INC-7/approve").unwrap();
    let request: ApproveRequest = serde_json::from_slice(&sent).unwrap();
    let document = request.act.document.as_bytes();
    let act = Act::parse(document).unwrap();
    assert_eq!(
        (act.terms_sha256, act.cp.size),
        (Some(vault.terms_sha256), 2)
    );
    let key = SshPublicKey::parse(&act.key).unwrap();
    key.verify("breakglass-approve", document, &request.act.signature)
        .unwrap();
    let envelope = STANDARD.decode(&request.envelope).unwrap();
    let possession: [u8; 64] = STANDARD
        .decode(&request.possession)
        .unwrap()
        .try_into()
        .unwrap();
    verify_release(&vault.possession, &envelope, document, &possession).unwrap();
    let pins = std::fs::read_to_string(vault.folder.path().join("config/prod-eu.toml")).unwrap();
    assert!(
        pins.contains("epoch = 4") && pins.contains("roster_sha256"),
        "{pins}"
    );
}

#[tokio::test]
async fn a_wrong_phrase_sends_a_mismatch_and_nothing_else() {
    let vault = Vault::new();
    for (phrase, pick, code) in [
        ("able able able", "wrong", "wrong_phrase"),
        ("none", "nothing_heard", "nothing_heard"),
    ] {
        let error = vault.approve(phrase).await.0.unwrap_err();
        assert_eq!((error.exit, error.code.as_str()), (Exit::REFUSED, code));
        let sent = vault.pages.posted("/incidents/INC-7/mismatch").unwrap();
        let signed: Value = serde_json::from_slice(&sent).unwrap();
        assert!(signed["document"].as_str().unwrap().contains(pick));
        assert!(vault.pages.posted("/incidents/INC-7/approve").is_none());
    }
}

#[tokio::test]
async fn terms_that_are_not_in_the_log_get_no_share() {
    let mut vault = Vault::new();
    vault.log[1] = entry(
        1,
        "incident.opened",
        json!({"inc": "INC-7", "terms_sha256": Digest::of(b"x")}),
    );
    vault.show_log();
    let words = phrase_of(&vault.terms_sha256).join(" ");
    let error = vault.approve(&words).await.0.unwrap_err();
    assert_eq!(error.exit, Exit::LOG_BROKEN);
    assert!(vault.pages.posted("/incidents/INC-7/approve").is_none());
}

#[tokio::test]
async fn a_foreign_share_is_exit_6_and_never_sent() {
    let vault = Vault::new();
    let (share, name) = (
        Share::new(2, Secret32::random().unwrap()),
        EpochName::new("prod-eu", "live", 3).unwrap(),
    );
    let label = ShareLabel {
        name,
        k: 2,
        n: 3,
        index: 2,
        manifest_sha256: [0; 32],
    };
    let unlocker = Unlocker::parse(vault.ada.public().text()).unwrap();
    for file in [
        seal_share(&label, &share, &[unlocker]).unwrap(),
        b"garbage".to_vec(),
    ] {
        let view = ShareView {
            kind: "live".into(),
            epoch: 4,
            index: 1,
            share: STANDARD.encode(file),
        };
        vault.page("/shares/live/4", &view);
        let words = phrase_of(&vault.terms_sha256).join(" ");
        let error = vault.approve(&words).await.0.unwrap_err();
        assert_eq!(error.exit, Exit::SHARE_REJECTED, "{error}");
        assert!(vault.pages.posted("/incidents/INC-7/approve").is_none());
    }
}
