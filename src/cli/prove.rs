//! `breakglass prove`: a custodian shows that she can open her share, and signs what she was dealt.
//!
//! Her first proof of an epoch confirms its manifest, roster and policy (PROTOCOL §1, §3). The
//! live share is opened here and never leaves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::client::{Client, Documents};
use super::release::{OwnShare, own_share, rejected};
use super::{CliError, Exit, Globals, Output, changes, escape, text};
use crate::api::{Challenge, Done, ProveRequest};
use crate::domain::act::Deed;
use crate::domain::ids::Digest;
use crate::sealed::possession::PossessionKey;

/// Arguments of `prove`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass prove")]
pub struct Args {
    /// Sign roster, policy and manifest as shown, without asking
    #[arg(long)]
    yes: bool,
}

/// Opens the share, signs the proof, sends it, and pins what was signed.
///
/// # Errors
/// [`CliError`]; share rejected when it does not open or is not hers.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let person = documents.person(&client.kept.settings)?.clone();
    let index = documents
        .roster
        .index_of(&person.id)
        .ok_or_else(|| rejected("you are no custodian: you hold no share"))?;
    let (roster, policy) = (documents.roster_sha256, documents.policy_sha256);
    if documents.manifest.roster_sha256 != roster || documents.manifest.policy_sha256 != policy {
        return Err(CliError::log_broken(
            "the epoch was dealt to another roster or policy than the approved one",
        ));
    }
    confirm_documents(&args, &client, &documents, out).await?;
    let mut advanced = client.kept.settings.pins.clone();
    advanced.advance_manifest(documents.manifest.epoch, documents.manifest_sha256)?;
    let own = own_share(&mut client, &person, &documents.manifest, index).await?;
    let done = send(&mut client, &documents, &own, index).await?;
    let (epoch, manifest) = (documents.manifest.epoch, documents.manifest_sha256);
    client
        .save_pins(|pins| {
            pins.roster_sha256 = Some(roster);
            pins.policy_sha256 = Some(policy);
            pins.advance_manifest(epoch, manifest)
        })
        .await?;
    out.result(
        json!({"epoch": epoch, "index": index, "unlocker": own.unlocker, "done": done.done,
            "manifest_sha256": manifest}),
        &format!("Share {index} of epoch {epoch} opens. It stayed on this machine."),
    );
    Ok(Exit::DONE)
}

async fn send(
    client: &mut Client,
    documents: &Documents,
    own: &OwnShare,
    index: u8,
) -> Result<Done, CliError> {
    let challenge: Challenge = client.api.post("/prove/challenge", &json!({})).await?;
    let deed = Deed::Prove {
        kind: documents.manifest.kind,
        epoch: documents.manifest.epoch,
        index,
        manifest_sha256: documents.manifest_sha256,
        roster_sha256: documents.roster_sha256,
        policy_sha256: documents.policy_sha256,
        unlocker: own.unlocker.clone(),
        challenge: checked_challenge(&challenge)?,
    };
    let act = client.sign_act(&documents.head, None, deed)?;
    let possession = PossessionKey::derive(own.opened.share(), &own.name);
    let signature = possession.sign_proof(act.document.as_bytes());
    let request = ProveRequest {
        act,
        possession: STANDARD.encode(signature),
    };
    client.api.post("/prove", &request).await
}

/// 32 bytes in hexadecimal and nothing else: it is signed.
fn checked_challenge(challenge: &Challenge) -> Result<String, CliError> {
    let parsed: Result<Digest, _> = challenge.challenge.parse();
    parsed.map(|bytes| bytes.hex()).map_err(|_| {
        CliError::failed(
            "challenge",
            "the vault's challenge is not 32 bytes in hexadecimal",
        )
    })
}

/// Shows what is signed for the first time and asks for a yes.
async fn confirm_documents(
    args: &Args,
    client: &Client,
    documents: &Documents,
    out: &Output,
) -> Result<(), CliError> {
    let news = changes::since_last_signed(client, documents).await?;
    if news.is_empty() {
        return Ok(());
    }
    for line in news {
        out.warn(&line);
    }
    out.warn(&summary(documents));
    if args.yes {
        return Ok(());
    }
    text::confirm(out, "Sign this roster, policy and epoch?", "--yes").await
}

fn summary(documents: &Documents) -> String {
    let roster = &documents.roster;
    let mut text = format!(
        "Vault {}: {} of {} shares open it, epoch {}.\n",
        roster.vault, roster.k, roster.n, documents.manifest.epoch
    );
    for person in &roster.people {
        let roles: Vec<&str> = person.roles.iter().map(|role| role.word()).collect();
        text.push_str(&format!(
            "  {:<20} {}\n",
            escape::line(&person.name),
            roles.join(", ")
        ));
    }
    for case in &documents.policy.use_cases {
        let scope = escape::line(&case.scope.join(" "));
        text.push_str(&format!(
            "  {:<20} up to {} minutes, {scope}\n",
            escape::line(&case.id),
            case.max_minutes
        ));
    }
    text.trim_end().to_owned()
}
