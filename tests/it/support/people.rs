//! The people. Each acts as her client would: fetch, check, sign, open, seal.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breakglass::api::{ApproveRequest, ProveRequest, SignedDocument};
use breakglass::app::{AppError, Caller};
use breakglass::domain::VERSION;
use breakglass::domain::act::{Act, Deed, LOGIN_NAMESPACE, Login, Opening, PhraseResult};
use breakglass::domain::canonical;
use breakglass::domain::ids::{Digest, PersonId};
use breakglass::domain::incident::Incident;
use breakglass::domain::manifest::{Kind, Manifest};
use breakglass::domain::roster::{Contacts, Person as RosterPerson, Role};
use breakglass::domain::terms::{Purpose, Target, Terms};
use breakglass::sealed::epoch::EpochName;
use breakglass::sealed::loaded_key::LoadedKey;
use breakglass::sealed::possession::PossessionKey;
use breakglass::sealed::release::{ReleaseLabel, seal_release};
use breakglass::sealed::share::{OpenedShare, ShareLabel, open_share};
use breakglass::sealed::unlocker::Opener;
use secrecy::ExposeSecret as _;

use super::vault::{TestVault, WORKSPACE};
use crate::passkey_support::SoftPasskey;

/// Somebody with keys.
pub struct Person {
    pub id: PersonId,
    pub key: LoadedKey,
    age: Opener,
    pub passkey: SoftPasskey,
    roles: Vec<Role>,
    /// Opens shares with the age identity instead of the SSH key.
    pub uses_age: bool,
}

impl Person {
    pub fn new(id: &str, roles: &[Role]) -> Self {
        Self {
            id: id.parse().unwrap(),
            key: LoadedKey::generate_ed25519(id).unwrap(),
            age: fresh_age(),
            passkey: passkey_of(id),
            roles: roles.to_vec(),
            uses_age: false,
        }
    }

    pub fn public_key(&self) -> String {
        self.key.public().text().to_owned()
    }

    /// Her entry in the roster.
    pub fn entry(&self) -> RosterPerson {
        let custodian = self.roles.contains(&Role::Custodian);
        let unlockers = [self.public_key(), self.age.age_recipient().unwrap()];
        RosterPerson {
            id: self.id.clone(),
            name: self.id.as_str().to_owned(),
            roles: self.roles.clone(),
            time_zone: "UTC".to_owned(),
            contacts: Contacts {
                mail: format!("{}@example.com", self.id),
                pager: None,
            },
            login_keys: vec![self.public_key(), self.passkey.text()],
            unlockers: if custodian {
                unlockers.to_vec()
            } else {
                Vec::new()
            },
            single_unlocker: None,
            paper: None,
        }
    }

    pub fn opener(&self) -> &Opener {
        if self.uses_age {
            &self.age
        } else {
            self.key.opener().unwrap()
        }
    }

    /// Her age identity, where the roster says that it stands on paper.
    pub fn paper(&self) -> &Opener {
        &self.age
    }

    pub fn unlocker(&self) -> String {
        if self.uses_age {
            self.age.age_recipient().unwrap()
        } else {
            self.public_key()
        }
    }

    /// A caller as the door makes one of her login token.
    pub fn caller(&self, vault: &TestVault) -> Caller {
        vault.login(self)
    }

    /// A signed login over a challenge.
    pub fn sign_login(&self, vault: &TestVault, challenge: &str, origin: &str) -> SignedDocument {
        let login = Login {
            origin: origin.to_owned(),
            challenge: challenge.to_owned(),
            key: self.public_key(),
            at_ms: vault.now(),
        };
        let bytes = canonical::to_bytes(&login).unwrap();
        signed(&self.key, LOGIN_NAMESPACE, bytes)
    }

    /// A signed act that belongs to no incident.
    pub fn sign(&self, vault: &TestVault, deed: Deed) -> SignedDocument {
        self.sign_act(&self.act(vault, deed))
    }

    /// A signed act about an incident and its terms in force.
    pub fn sign_about(&self, vault: &TestVault, incident: &Incident, deed: Deed) -> SignedDocument {
        self.sign_act(&self.act_about(vault, incident, deed))
    }

    pub fn act(&self, vault: &TestVault, deed: Deed) -> Act {
        Act {
            v: VERSION.to_owned(),
            vault: vault.id(),
            incident: None,
            terms_sha256: None,
            person: self.id.clone(),
            key: self.public_key(),
            at_ms: vault.now(),
            cp: vault.seen(),
            deed,
        }
    }

    pub fn act_about(&self, vault: &TestVault, incident: &Incident, deed: Deed) -> Act {
        Act {
            incident: Some(incident.id.clone()),
            terms_sha256: Some(incident.terms_sha256),
            ..self.act(vault, deed)
        }
    }

    pub fn sign_act(&self, act: &Act) -> SignedDocument {
        signed(&self.key, &act.namespace(), act.bytes().unwrap())
    }

    /// The claim: signed by the key the opening named, not by her own.
    pub fn sign_claim(
        &self,
        vault: &TestVault,
        incident: &Incident,
        claim_key: &LoadedKey,
    ) -> SignedDocument {
        let act = Act {
            terms_sha256: None,
            key: claim_key.public().text().to_owned(),
            ..self.act_about(vault, incident, Deed::Claim {})
        };
        signed(claim_key, &act.namespace(), act.bytes().unwrap())
    }

    /// Her own share of an epoch, fetched, opened and checked against the manifest.
    pub fn share(&self, vault: &TestVault, epoch: u32) -> Result<OpenedShare, AppError> {
        self.share_of(vault, Kind::Live, epoch)
    }

    /// The same of either kind.
    pub fn share_of(
        &self,
        vault: &TestVault,
        kind: Kind,
        epoch: u32,
    ) -> Result<OpenedShare, AppError> {
        let caller = self.caller(vault);
        let view = vault.block(vault.app().own_share(&caller, kind, epoch))?;
        let row = vault
            .block(vault.store().epoch(kind, epoch))
            .unwrap()
            .unwrap();
        let opened = open_share(&BASE64.decode(view.share).unwrap(), self.opener()).unwrap();
        let label = share_label(&row.manifest, view.index);
        let public = row.manifest.possession_key(view.index).unwrap();
        opened.check(&label, &public).unwrap();
        Ok(opened)
    }

    /// Releases her share to the terms in force, as `breakglass approve` does.
    pub fn release(&self, vault: &TestVault, incident: &Incident) -> ApproveRequest {
        let terms = &incident.terms;
        let share = self.share_of(vault, terms.kind, terms.epoch).unwrap();
        self.release_share(vault, incident, &share)
    }

    /// Releases whatever share is given as if it were hers.
    pub fn release_share(
        &self,
        vault: &TestVault,
        incident: &Incident,
        share: &OpenedShare,
    ) -> ApproveRequest {
        let act = self.act_about(vault, incident, self.approval(incident, share));
        let label = release_label(&incident.terms, incident.terms_sha256);
        self.release_act(&act, &label, share, &incident.terms.recipient)
    }

    /// The deed of an approval.
    pub fn approval(&self, incident: &Incident, share: &OpenedShare) -> Deed {
        Deed::Approve {
            index: share.label().index,
            manifest_sha256: incident.terms.manifest_sha256,
            unlocker: self.unlocker(),
            phrase: PhraseResult::Matched,
            overrides: Vec::new(),
            witness_sha256: None,
        }
    }

    /// An approval with every part chosen by the caller.
    pub fn release_act(
        &self,
        act: &Act,
        label: &ReleaseLabel,
        share: &OpenedShare,
        recipient: &str,
    ) -> ApproveRequest {
        let envelope = seal_release(label, share.share(), recipient).unwrap();
        let document = act.bytes().unwrap();
        let key = PossessionKey::derive(share.share(), &share.label().name);
        let possession = key.sign_release(&envelope, &document);
        ApproveRequest {
            act: signed(&self.key, &act.namespace(), document),
            envelope: BASE64.encode(envelope),
            possession: BASE64.encode(possession),
        }
    }

    /// A proof that she can open her share of the current epoch.
    pub fn proof(&self, vault: &TestVault) -> ProveRequest {
        let caller = self.caller(vault);
        let challenge = vault
            .block(vault.app().prove_challenge(&caller))
            .unwrap()
            .challenge;
        let row = vault.current_epoch();
        let share = self.share(vault, row.manifest.epoch).unwrap();
        let deed = Deed::Prove {
            kind: Kind::Live,
            epoch: row.manifest.epoch,
            index: share.label().index,
            manifest_sha256: row.manifest_sha256,
            roster_sha256: vault.app().roster().sha256().unwrap(),
            policy_sha256: vault.app().policy().sha256().unwrap(),
            unlocker: self.unlocker(),
            challenge,
        };
        self.prove_with(vault, &self.act(vault, deed))
    }

    /// A proof with an act of the caller's own.
    pub fn prove_with(&self, vault: &TestVault, act: &Act) -> ProveRequest {
        let share = self
            .share(vault, vault.current_epoch().manifest.epoch)
            .unwrap();
        let key = PossessionKey::derive(share.share(), &share.label().name);
        let possession = BASE64.encode(key.sign_proof(&act.bytes().unwrap()));
        ProveRequest {
            act: self.sign_act(act),
            possession,
            resealed: None,
        }
    }
}

/// Everybody in the roster, and mallory, who is not.
pub struct People {
    pub ada: Person,
    pub ben: Person,
    pub cleo: Person,
    pub dora: Person,
    pub emil: Person,
    pub rio: Person,
    pub vera: Person,
    pub tess: Person,
    pub otto: Person,
    pub olga: Person,
    pub sam: Person,
    pub mallory: Person,
}

impl People {
    pub fn new() -> Self {
        let mut emil = Person::new("emil", &[Role::Custodian]);
        // One of them opens with her other unlocker, so that both kinds are used.
        emil.uses_age = true;
        Self {
            ada: Person::new("ada", &[Role::Custodian]),
            ben: Person::new("ben", &[Role::Custodian]),
            cleo: Person::new("cleo", &[Role::Custodian]),
            dora: Person::new("dora", &[Role::Custodian]),
            emil,
            rio: Person::new("rio", &[Role::Responder]),
            vera: Person::new("vera", &[Role::Auditor]),
            tess: Person::new("tess", &[Role::Auditor]),
            otto: Person::new("otto", &[Role::Operator]),
            olga: Person::new("olga", &[Role::Operator]),
            sam: Person::new("sam", &[Role::Security]),
            mallory: Person::new("mallory", &[Role::Operator]),
        }
    }

    pub fn everybody(&self) -> [&Person; 11] {
        let Self {
            ada,
            ben,
            cleo,
            dora,
            emil,
            rio,
            vera,
            tess,
            otto,
            olga,
            sam,
            ..
        } = self;
        [ada, ben, cleo, dora, emil, rio, vera, tess, otto, olga, sam]
    }

    /// Custodians in the order of their shares.
    pub fn custodians(&self) -> [&Person; 5] {
        [&self.ada, &self.ben, &self.cleo, &self.dora, &self.emil]
    }
}

/// The opening of the built-in use case without a delay.
pub fn opening(claim_key: &LoadedKey) -> Opening {
    let answers = [
        ("harm_within_hour", true),
        ("admin_can_sign_in", false),
        ("rollback_elsewhere", false),
        ("platform_down", true),
    ];
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).unwrap();
    Opening {
        purpose: Purpose::Incident,
        use_case: "catastrophic-outage".to_owned(),
        answers: answers
            .iter()
            .map(|(id, yes)| ((*id).to_owned(), *yes))
            .collect(),
        reason: "the nightly load deletes tables".to_owned(),
        ticket: "OPS-17".to_owned(),
        target: Target {
            account: false,
            workspace: Some(WORKSPACE.to_owned()),
        },
        scope: Vec::new(),
        grants_to: Vec::new(),
        max_minutes: 30,
        claim_key: Some(claim_key.public().text().to_owned()),
        displaces: None,
        continues: None,
        client_nonce: hex::encode(nonce),
    }
}

/// The opening of a rotation without a session.
pub fn rotation_opening() -> Opening {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).unwrap();
    Opening {
        purpose: Purpose::Rotate,
        use_case: String::new(),
        answers: BTreeMap::new(),
        reason: "a rotation is owed".to_owned(),
        ticket: String::new(),
        target: Target::default(),
        scope: Vec::new(),
        grants_to: Vec::new(),
        max_minutes: 0,
        claim_key: None,
        displaces: None,
        continues: None,
        client_nonce: hex::encode(nonce),
    }
}

/// What an envelope for these terms says.
pub fn release_label(terms: &Terms, terms_sha256: Digest) -> ReleaseLabel {
    ReleaseLabel {
        name: EpochName::new(terms.vault.as_str(), terms.kind.word(), terms.epoch).unwrap(),
        incident: terms.incident.to_string(),
        terms_sha256: *terms_sha256.bytes(),
        nonce: terms.nonce.clone(),
    }
}

fn share_label(manifest: &Manifest, index: u8) -> ShareLabel {
    ShareLabel {
        name: EpochName::new(
            manifest.vault.as_str(),
            manifest.kind.word(),
            manifest.epoch,
        )
        .unwrap(),
        k: manifest.k,
        n: manifest.n,
        index,
        manifest_sha256: *manifest.sha256().unwrap().bytes(),
    }
}

/// Half of the people have one algorithm, half the other.
fn passkey_of(id: &str) -> SoftPasskey {
    let seed = Digest::of(id.as_bytes()).bytes()[0];
    if seed.is_multiple_of(2) {
        SoftPasskey::es256(seed)
    } else {
        SoftPasskey::eddsa(seed)
    }
}

fn signed(key: &LoadedKey, namespace: &str, bytes: Vec<u8>) -> SignedDocument {
    let signature = key.sign(namespace, &bytes).unwrap();
    SignedDocument {
        document: String::from_utf8(bytes).unwrap(),
        signature,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test person's identity is written out once"
)]
fn fresh_age() -> Opener {
    let identity = age::x25519::Identity::generate();
    Opener::from_age_text(identity.to_string().expose_secret()).unwrap()
}
