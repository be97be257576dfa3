//! Versions of roster and policy that wait for signatures: written, shown, signed.
//!
//! Everything shown comes from the documents themselves, hashed and held here against the version
//! in force; who must sign is computed here as well (PROTOCOL §1, §9).

use serde_json::{Value, json};

use super::client::{Client, Documents};
use super::{CliError, Exit, Output, changes, escape, text};
use crate::api::{ProposalList, ProposalView, ProposeRequest};
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::policy::Policy;
use crate::domain::roster::{Roster, change};
use crate::sealed::versions::What;

/// A version with what it would change.
pub(super) struct Proposal {
    pub(super) what: What,
    pub(super) sha256: Digest,
    pub(super) document: String,
    pub(super) number: u32,
    pub(super) lines: Vec<String>,
    pub(super) needs: String,
}

impl Proposal {
    /// Reads a version and holds it against what is in force.
    ///
    /// # Errors
    /// Refused, when it can never take effect.
    pub(super) fn read(
        documents: &Documents,
        what: What,
        document: String,
    ) -> Result<Self, CliError> {
        let bytes = document.as_bytes();
        let needs = documents
            .versions
            .needs(what, bytes)
            .map_err(|why| refused(format!("this {} can never take effect: {why}", what.word())))?;
        let none = |why: canonical::CanonicalError| refused(why.to_string());
        let (number, lines) = match what {
            What::Roster => {
                let after: Roster = canonical::parse_exact(bytes).map_err(none)?;
                (after.seq, change::lines(&documents.roster, &after))
            }
            What::Policy => {
                let after: Policy = canonical::parse_exact(bytes).map_err(none)?;
                let lines = changes::policy_lines(&documents.policy, &after);
                (after.seq, lines)
            }
        };
        Ok(Self {
            what,
            sha256: Digest::of(bytes),
            number,
            lines: lines.iter().map(|line| escape::line(line)).collect(),
            needs: needs.words(),
            document,
        })
    }

    /// As a signer reads it.
    pub(super) fn text(&self, by: &str, signed: &[String]) -> String {
        let (what, number) = (self.what.word(), self.number);
        let mut text = format!(
            "{what} {number} ({}), proposed by {by}; {} must sign it",
            &self.sha256.hex()[..12],
            self.needs
        );
        if !signed.is_empty() {
            text.push_str(&format!("; signed so far: {}", signed.join(", ")));
        }
        for line in &self.lines {
            text.push_str(&format!("\n  {line}"));
        }
        text
    }

    fn json(&self) -> Value {
        json!({"what": self.what.word(), "version": self.number, "sha256": self.sha256,
            "differences": self.lines, "needs": self.needs})
    }
}

/// Proposals for one document, each checked; those that can never take effect are left out.
///
/// # Errors
/// What the server says.
pub(super) async fn waiting(
    client: &mut Client,
    documents: &Documents,
    what: What,
) -> Result<Vec<(Proposal, ProposalView)>, CliError> {
    let list: ProposalList = client.get_again("/proposals").await?;
    let mut found = Vec::new();
    for view in list.proposals.into_iter().filter(|v| v.what == what.word()) {
        if let Ok(proposal) = Proposal::read(documents, what, view.document.clone()) {
            found.push((proposal, view));
        }
    }
    Ok(found)
}

/// Proposals as `show` prints and reports them.
///
/// # Errors
/// What the server says.
pub(super) async fn shown(
    client: &mut Client,
    documents: &Documents,
    what: What,
) -> Result<(String, Vec<Value>), CliError> {
    let (mut text, mut objects) = (String::new(), Vec::new());
    for (proposal, view) in waiting(client, documents, what).await? {
        let by = name(documents, &view.by);
        let signed = names(documents, &view.signed);
        text.push_str(&format!(
            "\n\nWaits for signatures: {}",
            proposal.text(&by, &signed)
        ));
        let mut object = proposal.json();
        object["by"] = json!(view.by);
        object["signed"] = json!(view.signed);
        objects.push(object);
    }
    Ok((text, objects))
}

/// Shows a version of one's own, asks, signs and proposes it.
///
/// # Errors
/// Refused by the person or the vault.
pub(super) async fn propose(
    client: &mut Client,
    documents: &Documents,
    what: What,
    document: Vec<u8>,
    yes: bool,
    out: &Output,
) -> Result<(Proposal, ProposalView), CliError> {
    let document = String::from_utf8(document)
        .map_err(|_| CliError::failed("document", "a document is always text"))?;
    let proposal = Proposal::read(documents, what, document)?;
    out.warn(&proposal.text("you", &[]));
    if !yes {
        text::confirm(out, "Sign and propose this?", "--yes").await?;
    }
    let act = client.sign_act(&documents.head, None, what.deed(proposal.sha256))?;
    let request = ProposeRequest {
        act,
        document: proposal.document.clone(),
    };
    let view: ProposalView = client.api.post("/proposals", &request).await?;
    signed(client, what, &proposal, &view).await?;
    Ok((proposal, view))
}

/// `roster sign` and `policy sign`: shows what waits, asks, signs.
///
/// # Errors
/// Refused by the person or the vault; sealed (exit 3) when nothing waits.
pub(super) async fn sign(
    client: &mut Client,
    what: What,
    wanted: Option<&str>,
    yes: bool,
    out: &Output,
) -> Result<Exit, CliError> {
    let documents = client.documents().await?;
    let word = what.word();
    let mut waiting = waiting(client, &documents, what).await?;
    if let Some(wanted) = wanted {
        waiting.retain(|(proposal, _)| proposal.sha256.hex().starts_with(wanted));
    }
    let mine = client.me().to_string();
    waiting.retain(|(_, view)| !view.signed.contains(&mine));
    let (proposal, view) = match (waiting.pop(), waiting.len()) {
        (Some(only), 0) => only,
        (None, _) => {
            return Err(CliError::new(
                Exit::SEALED,
                "nothing_waits",
                format!("no {word} waits for your signature"),
            ));
        }
        (Some(_), more) => {
            return Err(
                CliError::usage(format!("{} versions of the {word} wait", more + 1)).hint(format!(
                    "name one: breakglass {word} sign SHA256, as `breakglass {word} show` prints it"
                )),
            );
        }
    };
    let by = name(&documents, &view.by);
    // What is signed is shown, `-q` or not.
    out.warn(&proposal.text(&by, &names(&documents, &view.signed)));
    if !yes {
        text::confirm(out, &format!("Sign this {word}?"), "--yes").await?;
    }
    let act = client.sign_act(&documents.head, None, what.deed(proposal.sha256))?;
    let view: ProposalView = client.api.post("/proposals/sign", &act).await?;
    signed(client, what, &proposal, &view).await?;
    report(&documents, &proposal, &view, "", json!([]), out);
    Ok(Exit::DONE)
}

/// A version that one has signed and that is in force is no news at the next approval.
async fn signed(
    client: &mut Client,
    what: What,
    proposal: &Proposal,
    view: &ProposalView,
) -> Result<(), CliError> {
    if !view.in_force {
        return Ok(());
    }
    let sha256 = Some(proposal.sha256);
    client
        .save_pins(|pins| {
            match what {
                What::Roster => pins.roster_sha256 = sha256,
                What::Policy => pins.policy_sha256 = sha256,
            }
            Ok(())
        })
        .await
}

/// Says how a version stands; `more` follows for people, `links` for scripts.
pub(super) fn report(
    documents: &Documents,
    proposal: &Proposal,
    view: &ProposalView,
    more: &str,
    links: Value,
    out: &Output,
) {
    let (word, number) = (proposal.what.word(), proposal.number);
    let stands = if view.in_force {
        format!("{word} {number} is in force.")
    } else {
        let signed = names(documents, &view.signed).join(", ");
        format!(
            "{word} {number} waits: {} must sign it; signed so far: {signed}.\n\
             They run: breakglass {word} sign",
            proposal.needs
        )
    };
    let mut object = proposal.json();
    object["signed"] = json!(view.signed);
    object["in_force"] = json!(view.in_force);
    object["people"] = links;
    out.result(object, &format!("{stands}{more}"));
}

/// Where a document is written to, as canonical bytes.
///
/// # Errors
/// When it has no canonical form.
pub(super) fn bytes(document: &impl serde::Serialize) -> Result<Vec<u8>, CliError> {
    canonical::to_bytes(document)
        .map_err(|why| CliError::failed("document", format!("this has no hash: {why}")))
}

fn name(documents: &Documents, id: &str) -> String {
    let person = documents.roster.find(id);
    escape::line(&person.map_or_else(|| id.to_owned(), |p| p.name.clone()))
}

fn names(documents: &Documents, ids: &[String]) -> Vec<String> {
    ids.iter().map(|id| name(documents, id)).collect()
}

fn refused(message: String) -> CliError {
    CliError::new(Exit::REFUSED, "bad_version", message)
}
