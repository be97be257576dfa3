//! `breakglass approve`: a custodian checks an incident and releases her share to it.
//!
//! Order (PROTOCOL §4, §5): terms checked, facts shown, phrase asked, share opened and checked
//! here, act signed, share encrypted to the incident alone, both bound together, sent. Whatever
//! fails before the last step released nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::client::{Client, Documents};
use super::phrase::Heard;
use super::release::{OwnShare, own_share, rejected};
use super::terms_check::Case;
use super::{
    CliError, Exit, Globals, Output, changes, clock, consent, paper, phrase, show, terms_check,
};
use crate::api::{ApproveRequest, IncidentView};
use crate::domain::act::{Deed, PhraseResult, Pick};
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::manifest::Kind;
use crate::domain::terms::Gate;
use crate::sealed::possession::PossessionKey;
use crate::sealed::release::{ReleaseLabel, seal_release};

/// Arguments of `approve`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass approve INC-7\n  breakglass approve INC-7 --phrase \"jury lamp iron\"\n  breakglass approve INC-7 --override no_alert_confirmed\n  breakglass approve INC-7 --paper\n\nWhere a use case asks for a co-approver, an auditor runs the same command; she gives no share."
)]
pub struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// The words that were read to you, or `none`; without it you choose from a list
    #[arg(long, value_name = "WORDS")]
    phrase: Option<String>,
    /// Stand in for an alert that no channel confirmed, as one approver more than needed
    #[arg(long = "override", value_name = "GATE", value_parser = consent::gate)]
    lifts: Vec<Gate>,
    /// Agree as co-approver, although you hold a share as well
    #[arg(long, conflicts_with = "lifts")]
    without_share: bool,
    /// Release somebody's share with her paper, read from the terminal or a pipe; a witness signs
    /// first with `breakglass paper witness`
    #[arg(long, conflicts_with = "without_share")]
    paper: bool,
}

/// Checks, asks, opens, signs and sends.
///
/// # Errors
/// [`CliError`]; refused (exit 5) when the phrase does not match.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let id = &args.incident;
    let case = terms_check::fetch(&mut client, &documents, id).await?;
    let co_role = consent::co_role(&client, &documents, &case);
    let holds = documents.roster.index_of(client.me()).is_some();
    let without_share = co_role.is_some() && !args.paper && (args.without_share || !holds);
    let index = if without_share {
        0
    } else {
        may_approve(&client, &documents, &case)?
    };
    let paper = args
        .paper
        .then(|| paper::witnessed(&client, &documents, &case));
    let paper = paper.transpose()?;
    let mut pins = client.kept.settings.pins.clone();
    // A decoy's epochs have numbers of their own; only live ones are remembered.
    let live = case.terms.kind == Kind::Live;
    if live {
        pins.advance_manifest(case.terms.epoch, case.terms.manifest_sha256)?;
    }
    for line in changes::since_last_signed(&client, &documents).await? {
        out.warn(&format!("! {line}"));
    }
    // What is signed is shown, `-q` or not.
    out.warn(&show::facts(&case, &documents.roster, clock::now()));
    if without_share {
        return consent::co_approve(&mut client, &case, args.phrase.as_deref(), out).await;
    }
    if let Some(paper) = &paper {
        out.warn(&paper.line());
    }
    let heard = phrase::ask(
        &mut client,
        out,
        &case,
        &case.terms_sha256,
        args.phrase.as_deref(),
    )
    .await?;
    if let Heard::Not(pick) = heard {
        return mismatch(&mut client, &case, &case.terms_sha256, pick).await;
    }
    let person = documents.person(&client.kept.settings)?.clone();
    let own = match &paper {
        None => own_share(&mut client, &person, &case.manifest, index).await?,
        Some(paper) => paper.share(&mut client, &case, out).await?,
    };
    let index = own.opened.label().index;
    let witness = paper.map(|paper| paper.act_sha256);
    let request = approval(&mut client, &case, &own, (args.lifts, witness))?;
    let view: IncidentView = client
        .api
        .post(&format!("/incidents/{id}/approve"), &request)
        .await?;
    let terms = &case.terms;
    let (roster, policy) = (terms.roster_sha256, terms.policy_sha256);
    let (epoch, manifest) = (terms.epoch, terms.manifest_sha256);
    client
        .save_pins(|pins| {
            pins.roster_sha256 = Some(roster);
            pins.policy_sha256 = Some(policy);
            if live {
                pins.advance_manifest(epoch, manifest)?;
            }
            Ok(())
        })
        .await?;
    out.result(
        json!({"incident": id, "purpose": view.purpose, "index": index, "shares_in": view.shares_in, "needed": view.needed,
            "phase": view.phase, "terms_sha256": case.terms_sha256}),
        &format!(
            "{}Share {index} accepted: {} of {}.  Changed your mind? breakglass withdraw {id}",
            show::mark(terms.purpose),
            view.shares_in,
            view.needed
        ),
    );
    Ok(Exit::DONE)
}

/// Her share index, unless she asked for this herself. The server decides again.
fn may_approve(client: &Client, documents: &Documents, case: &Case) -> Result<u8, CliError> {
    if case.terms.requester.person() == Some(client.me()) {
        return Err(CliError::new(
            Exit::NOT_ALLOWED,
            "own_incident",
            "who asked for an incident cannot approve it",
        )
        .page("custodian"));
    }
    documents
        .dealt_to(&case.manifest)?
        .index_of(client.me())
        .ok_or_else(|| rejected("you are no custodian: you hold no share"))
}

/// Signs and encrypts; nothing is sent here.
fn approval(
    client: &mut Client,
    case: &Case,
    own: &OwnShare,
    (overrides, witness_sha256): (Vec<Gate>, Option<Digest>),
) -> Result<ApproveRequest, CliError> {
    let terms = &case.terms;
    let deed = Deed::Approve {
        index: own.opened.label().index,
        manifest_sha256: terms.manifest_sha256,
        unlocker: own.unlocker.clone(),
        phrase: PhraseResult::Matched,
        overrides,
        witness_sha256,
    };
    let about = (&terms.incident, case.terms_sha256);
    let act = client.sign_act(&case.head, Some(about), deed)?;
    let label = ReleaseLabel {
        name: own.name.clone(),
        incident: terms.incident.to_string(),
        terms_sha256: *case.terms_sha256.bytes(),
        nonce: terms.nonce.clone(),
    };
    let envelope = seal_release(&label, own.opened.share(), &terms.recipient)
        .map_err(|why| rejected(&why.to_string()))?;
    let possession = PossessionKey::derive(own.opened.share(), &own.name);
    let signature = possession.sign_release(&envelope, act.document.as_bytes());
    Ok(ApproveRequest {
        act,
        envelope: STANDARD.encode(envelope),
        possession: STANDARD.encode(signature),
    })
}

/// Tells the vault that the words were not these; no share is opened.
pub(super) async fn mismatch(
    client: &mut Client,
    case: &Case,
    heard_for: &Digest,
    pick: Pick,
) -> Result<Exit, CliError> {
    let id = &case.terms.incident;
    let act = client.sign_act(&case.head, Some((id, *heard_for)), Deed::Mismatch { pick })?;
    let _: IncidentView = client
        .api
        .post(&format!("/incidents/{id}/mismatch"), &act)
        .await?;
    Err(wrong_words(pick, id))
}

/// What to do after the wrong words, or none.
fn wrong_words(pick: Pick, id: &IncidentId) -> CliError {
    let so = "nothing was released and the requester was told";
    let error = match pick {
        Pick::Wrong => CliError::new(Exit::REFUSED, "wrong_phrase", format!("that is not the phrase of this incident; {so}"))
            .hint(format!("call the requester back on a number you know, then run breakglass approve {id} again; a second wrong phrase alarms security")),
        Pick::NothingHeard => CliError::new(Exit::REFUSED, "nothing_heard", format!("no phrase was heard; {so}"))
            .hint(format!("join the bridge, hear the phrase, then run breakglass approve {id} again")),
    };
    error.page("custodian")
}

#[cfg(test)]
#[path = "approve_tests.rs"]
mod tests;
