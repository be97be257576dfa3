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
use crate::api::{Challenge, Done, ProveRequest, Resealed};
use crate::domain::act::Deed;
use crate::domain::ids::Digest;
use crate::domain::roster::{Person, Role};
use crate::sealed::possession::PossessionKey;
use crate::sealed::share::seal_share;
use crate::sealed::unlocker::Unlocker;

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
    let index = own_index(&documents, &person)?;
    let (roster, policy) = (documents.roster_sha256, documents.policy_sha256);
    confirm_documents(&args, &client, &documents, out).await?;
    let mut advanced = client.kept.settings.pins.clone();
    advanced.advance_manifest(documents.manifest.epoch, documents.manifest_sha256)?;
    let own = own_share(&mut client, &person, &documents.manifest, index).await?;
    let done = send(&mut client, &documents, &own, index, None).await?;
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

/// Proves once more and hands over the same share sealed to the unlockers she has now.
///
/// # Errors
/// As [`run`]; nothing was replaced then.
pub(super) async fn again(client: &mut Client, out: &Output) -> Result<Exit, CliError> {
    let (epoch, index, person) = reseal(client).await?;
    out.result(
        json!({"epoch": epoch, "index": index, "unlockers": person.unlockers}),
        &format!(
            "Share {index} of epoch {epoch} is sealed to your {} unlockers now. It stayed on this \
             machine.",
            person.unlockers.len()
        ),
    );
    Ok(Exit::DONE)
}

/// [`again`] without a word: epoch, index and whose.
///
/// # Errors
/// As [`run`]; nothing was replaced then.
pub(super) async fn reseal(client: &mut Client) -> Result<(u32, u8, Person), CliError> {
    let documents = client.documents().await?;
    let person = documents.person(&client.kept.settings)?.clone();
    let index = own_index(&documents, &person)?;
    let own = own_share(client, &person, &documents.manifest, index).await?;
    let file = resealed(&own, &person)?;
    send(client, &documents, &own, index, Some(file)).await?;
    Ok((documents.manifest.epoch, index, person))
}

fn resealed(own: &OwnShare, person: &Person) -> Result<Vec<u8>, CliError> {
    let unlockers: Result<Vec<Unlocker>, _> = person
        .unlockers
        .iter()
        .map(|text| Unlocker::parse(text))
        .collect();
    let unlockers = unlockers.map_err(|why| rejected(&why.to_string()))?;
    seal_share(own.opened.label(), own.opened.share(), &unlockers)
        .map_err(|why| super::release::share_error(&why))
}

/// Her index in the epoch; a custodian who joined after it was dealt has none yet.
pub(super) fn own_index(documents: &Documents, person: &Person) -> Result<u8, CliError> {
    let index = documents
        .dealt_to(&documents.manifest)?
        .index_of(&person.id);
    let epoch = documents.manifest.epoch;
    index.ok_or_else(|| {
        if person.is(Role::Custodian) {
            rejected(&format!("you hold no share of epoch {epoch} yet"))
                .hint("custodians are asked for a new epoch; `breakglass status` shows it")
        } else {
            rejected("you are no custodian: you hold no share")
        }
    })
}

/// Signs the proof and posts it, with the share sealed anew where there is one.
///
/// # Errors
/// What the vault says.
pub(super) async fn send(
    client: &mut Client,
    documents: &Documents,
    own: &OwnShare,
    index: u8,
    file: Option<Vec<u8>>,
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
    let resealed = file.map(|file| Resealed {
        possession: STANDARD.encode(possession.sign_release(&file, act.document.as_bytes())),
        share: STANDARD.encode(file),
    });
    let request = ProveRequest {
        act,
        possession: STANDARD.encode(signature),
        resealed,
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
