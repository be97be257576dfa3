//! What a client checks before it relies on an incident's terms (PROTOCOL §5).
//!
//! Everything shown and signed afterwards comes from the typed terms hashed here, never from the
//! server's other words. Knows nothing of shares.

use crate::api::IncidentView;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::domain::act::{Act, Deed};
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::terms::{Purpose, Requester, Terms};
use crate::domain::time::Timestamp;
use crate::domain::{VERSION, canonical};
use crate::sealed::login_key::LoginKey;
use crate::sealed::passkey::Origins;

use super::client::{Client, Documents, check_manifest, hashed, typed};
use super::terms_request::{check_delay, check_members, check_signer, remarks};
use super::{CliError, Exit, clock};

/// An incident whose terms were checked.
#[derive(Debug)]
pub(super) struct Case {
    /// The server's words; only for display.
    pub(super) view: IncidentView,
    /// The terms.
    pub(super) terms: Terms,
    /// Their hash, computed here.
    pub(super) terms_sha256: Digest,
    /// The epoch's manifest, the one the terms name.
    pub(super) manifest: Manifest,
    /// The head under which they were found.
    pub(super) head: Checkpoint,
    /// What a careful reader should be told.
    pub(super) remarks: Vec<String>,
    /// The signed opening; none when the vault asked.
    pub(super) request: Option<Act>,
}

/// Fetches and checks an incident's terms.
///
/// # Errors
/// Log broken, or refused with the check that failed.
pub(super) async fn fetch(
    client: &mut Client,
    documents: &Documents,
    id: &IncidentId,
) -> Result<Case, CliError> {
    let view = client.incident(id).await?;
    check_view(client, documents, view, id).await
}

/// [`fetch`] for an answer that is already here.
///
/// # Errors
/// As [`fetch`].
pub(super) async fn check_view(
    client: &mut Client,
    documents: &Documents,
    view: IncidentView,
    id: &IncidentId,
) -> Result<Case, CliError> {
    let case = check_session(client, documents, view, id).await?;
    expired(&case.terms, case.request.as_ref(), clock::now())?;
    Ok(case)
}

/// [`check_view`] for terms under which a session is open: those have no time to lapse in.
///
/// # Errors
/// As [`fetch`].
pub(super) async fn check_session(
    client: &mut Client,
    documents: &Documents,
    view: IncidentView,
    id: &IncidentId,
) -> Result<Case, CliError> {
    let terms: Terms = typed("terms", &view.terms)?;
    let head = client.head().await?;
    let entry = client.entry(view.terms_seq, &head).await?;
    let manifest = manifest_of(client, documents, &terms).await?;
    check_manifest(
        &manifest,
        &client.kept.settings,
        &documents.log_vkeys,
        terms.kind,
    )?;
    let facts = Facts {
        id,
        view: &view,
        documents,
        manifest: &manifest,
        entry: &entry,
    };
    let (terms_sha256, request) = facts.check(&terms)?;
    let remarks = remarks(&terms, request.as_ref(), &documents.policy);
    Ok(Case {
        view,
        terms,
        terms_sha256,
        manifest,
        head,
        remarks,
        request,
    })
}

/// The hash of an incident's terms, for acts that only name them.
///
/// # Errors
/// Log broken, when the server's hash is another.
pub(super) fn terms_hash(view: &IncidentView, id: &IncidentId) -> Result<Digest, CliError> {
    let terms: Terms = typed("terms", &view.terms)?;
    let sha256 = hashed("terms", terms.sha256())?;
    if terms.incident == *id && view.terms_sha256 == sha256.hex() {
        return Ok(sha256);
    }
    Err(CliError::log_broken(
        "the server shows terms and hash that do not belong together",
    ))
}

async fn manifest_of(
    client: &Client,
    documents: &Documents,
    terms: &Terms,
) -> Result<Manifest, CliError> {
    if documents.manifest_sha256 == terms.manifest_sha256 {
        return Ok(documents.manifest.clone());
    }
    let path = format!("/log/files/manifests/{}.json", terms.manifest_sha256);
    let bytes = client.api.get_bytes(&path).await?;
    if Digest::of(&bytes) != terms.manifest_sha256 {
        return Err(CliError::log_broken(
            "the manifest is not the one the terms name",
        ));
    }
    canonical::parse_exact(&bytes)
        .map_err(|why| CliError::log_broken(format!("the manifest is none: {why}")))
}

/// Everything the checks look at.
pub(super) struct Facts<'a> {
    /// The incident that was asked about.
    pub(super) id: &'a IncidentId,
    /// What the server shows.
    pub(super) view: &'a IncidentView,
    /// Approved roster and policy.
    pub(super) documents: &'a Documents,
    /// The manifest the terms name.
    pub(super) manifest: &'a Manifest,
    /// The entry proved to be in the log.
    pub(super) entry: &'a Entry,
}

impl Facts<'_> {
    /// All checks that need no clock.
    ///
    /// # Errors
    /// The first that fails.
    pub(super) fn check(&self, terms: &Terms) -> Result<(Digest, Option<Act>), CliError> {
        let sha256 = hashed("terms", terms.sha256())?;
        self.check_entry(terms, &sha256)?;
        self.check_epoch(terms)?;
        check_purpose(terms)?;
        let request = self.check_request(terms)?;
        Ok((sha256, request))
    }

    fn check_entry(&self, terms: &Terms, sha256: &Digest) -> Result<(), CliError> {
        let asked = matches!(
            self.entry.kind.as_str(),
            "incident.opened" | "incident.asked_again"
        );
        let same = self.entry.text("inc") == Some(self.id.as_str())
            && self.entry.text("terms_sha256") == Some(&sha256.hex())
            && self.view.terms_sha256 == sha256.hex();
        if asked && same && terms.v == VERSION && terms.incident == *self.id {
            return Ok(());
        }
        Err(CliError::log_broken(format!(
            "the terms shown for {} are not the ones in the log",
            self.id
        )))
    }

    fn check_epoch(&self, terms: &Terms) -> Result<(), CliError> {
        let (documents, manifest) = (self.documents, self.manifest);
        let manifest_sha256 = hashed("manifest", manifest.sha256())?;
        let checks = [
            (
                "vault",
                terms.vault == manifest.vault && terms.vault == documents.roster.vault,
            ),
            ("manifest", terms.manifest_sha256 == manifest_sha256),
            (
                "epoch",
                terms.epoch == manifest.epoch && terms.kind == manifest.kind,
            ),
            ("threshold", (terms.k, terms.n) == (manifest.k, manifest.n)),
            (
                "number of approvals",
                (terms.k..=terms.n).contains(&terms.needed),
            ),
            ("roster", terms.roster_sha256 == documents.roster_sha256),
            ("roster of the epoch", documents.dealt_to(manifest).is_ok()),
            ("policy", terms.policy_sha256 == documents.policy_sha256),
        ];
        match checks.iter().find(|check| !check.1) {
            None => Ok(()),
            Some((what, _)) => Err(refused(format!(
                "the terms' {what} is not the approved one"
            ))),
        }
    }

    fn check_request(&self, terms: &Terms) -> Result<Option<Act>, CliError> {
        let signed = match (&terms.requester, &self.view.request, &terms.request_sha256) {
            (Requester::Vault, None, None) if terms.purpose == Purpose::Rotate => return Ok(None),
            (Requester::Person(_), Some(signed), Some(sha256))
                if Digest::of(signed.document.as_bytes()) == *sha256 =>
            {
                signed
            }
            _ => {
                return Err(refused(
                    "the opening is not the one the terms name".to_owned(),
                ));
            }
        };
        let act = Act::parse(signed.document.as_bytes())
            .map_err(|why| refused(format!("the opening is no act: {why}")))?;
        let Deed::Open(opening) = &act.deed else {
            return Err(refused("the act the terms name is no opening".to_owned()));
        };
        check_signer(&act, terms, &self.documents.roster)?;
        let key = LoginKey::parse(&act.key).map_err(|why| refused(why.to_string()))?;
        key.verify(
            "open",
            signed.document.as_bytes(),
            &signed.signature,
            Origins::OfItsHost,
        )
        .map_err(|why| refused(format!("the opening's signature does not hold: {why}")))?;
        check_members(opening, terms, &self.documents.policy)?;
        check_delay(&act, terms, &self.documents.policy)?;
        Ok(Some(act))
    }
}

/// Live shares for incidents, drill shares for drills; a rotation can never carry a session.
fn check_purpose(terms: &Terms) -> Result<(), CliError> {
    let wanted = match terms.purpose {
        Purpose::Incident => Kind::Live,
        Purpose::Drill => Kind::Drill,
        Purpose::Rotate => terms.kind,
    };
    if terms.kind != wanted {
        let kind = terms.kind.word();
        return Err(refused(format!(
            "the terms ask for {kind} shares for another purpose"
        )));
    }
    let sessionless = terms.scope.is_empty()
        && terms.grants_to.is_empty()
        && terms.max_minutes == 0
        && terms.claim_key.is_none();
    if terms.purpose == Purpose::Rotate && !sessionless {
        return Err(refused(
            "the terms of a rotation ask for a session".to_owned(),
        ));
    }
    Ok(())
}

/// Terms lapse, except those of a rotation inside a closing incident (PROTOCOL §6 a).
fn expired(terms: &Terms, request: Option<&Act>, now: Timestamp) -> Result<(), CliError> {
    let of_incident = request.is_some_and(|act| match &act.deed {
        Deed::Open(opening) => opening.purpose != Purpose::Rotate,
        _ => false,
    });
    let endless = terms.purpose == Purpose::Rotate && of_incident;
    if endless || now < terms.expires_ms {
        return Ok(());
    }
    let at = terms.expires_ms.date_clock_utc();
    Err(CliError::new(
        Exit::TIMED_OUT,
        "lapsed",
        format!("{} lapsed at {at}", terms.incident),
    )
    .hint("nothing was sent; the responder opens again if it is still needed"))
}

pub(super) fn refused(message: String) -> CliError {
    CliError::new(Exit::REFUSED, "terms_refused", message)
        .hint("sign nothing: call the requester and security")
        .page("custodian")
}

#[cfg(test)]
#[path = "terms_check_tests.rs"]
pub(in crate::cli) mod tests;
