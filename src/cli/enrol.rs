//! `breakglass enrol`: pins a vault on this machine and shows that this person's keys work.
//!
//! What it pins comes from the line an operator gave by another way; the server only has to agree
//! with it. The four words at the end are compared by voice (PROTOCOL §2).

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::client::link::Link;
use super::client::{Client, Documents, Kept, Pins, Settings, folder, path_of, without_comment};
use super::{CliError, Exit, Globals, Output, client, files};
use crate::api::{Done, TestEnvelope, TestEnvelopeOpened, TestEnvelopeRequest};
use crate::domain::ids::Digest;
use crate::domain::phrase;
use crate::domain::roster::{Person, Role};
use crate::sealed::share::open_test;
use crate::sealed::unlocker::Opener;

/// Arguments of `enrol`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  breakglass enrol 'https://vault.example/#vault=prod-eu&log=…&person=ada&ca=…' \\\n      --key ~/.ssh/id_ed25519 --unlocker-key ~/vault-second.age"
)]
pub struct Args {
    /// The line an operator gave you, in quotes
    link: String,
    /// Your private key: logs in, signs, and opens your share if it is an unlocker. For a key in
    /// an SSH agent its .pub file; RSA and sk- keys sign through ssh-keygen
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Another key that opens your share; may be repeated
    #[arg(long, value_name = "FILE")]
    unlocker_key: Vec<PathBuf>,
    /// PEM file of the server's CA, when it should not be fetched
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Pins, logs in, opens a test envelope with each unlocker.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let link = Link::parse(&args.link).map_err(|why| CliError::usage(why.to_string()))?;
    let folder = folder(globals)?;
    files::own_folder(&folder)?;
    let path = path_of(&folder, &link.vault);
    let earlier = earlier_pins(&path, &link)?;
    let ca = ca(&args, &link).await?;
    let pem = format!("{}.ca.pem", link.vault);
    let ca_file = match &ca {
        Some(_) => Some(files::absolute(&folder)?.join(pem)),
        None => None,
    };
    let unlocker_keys = args.unlocker_key.iter().map(|file| files::absolute(file));
    let pins = Pins {
        ca_sha256: link.ca_sha256,
        ..earlier
    };
    let settings = Settings {
        vault: link.vault.clone(),
        server: link.server.clone(),
        person: link.person.clone(),
        key: files::absolute(&args.key)?,
        unlocker_keys: unlocker_keys.collect::<Result<_, _>>()?,
        ca_file,
        pins,
    };
    let kept = Kept::drafted(&path, settings);
    let mut client = Client::enrolling(kept, globals, ca.as_deref())?;
    let (documents, person, opened) = match checked(&mut client, out).await {
        Ok(checked) => checked,
        Err(why) => {
            client.kept.drop_draft();
            return Err(why);
        }
    };
    client.kept.adopt(&path, ca.as_deref()).await?;
    say(&client, &documents, &person, &opened, out);
    Ok(Exit::DONE)
}

/// That the server agrees with the line and these keys work. Nothing of an earlier enrolment is
/// overwritten before: a line that fails must not break a client that works.
async fn checked(
    client: &mut Client,
    out: &Output,
) -> Result<(Documents, Person, Vec<String>), CliError> {
    client.login().await?;
    let documents = client.documents().await?;
    let person = documents.person(&client.kept.settings)?.clone();
    let opened = open_tests(client, &person, out).await?;
    Ok((documents, person, opened))
}

/// Pins of an earlier enrolment stay; another log key for the same vault is never taken over.
fn earlier_pins(path: &std::path::Path, link: &Link) -> Result<Pins, CliError> {
    let fresh = Pins::fresh(link.log_vkey.clone());
    if !path.exists() {
        return Ok(fresh);
    }
    let settings = Kept::read(path.to_owned())?.settings;
    if settings.person != link.person {
        return Err(CliError::usage(format!(
            "{} is enrolled here as {}",
            link.vault, settings.person
        ))
        .hint("pass --config DIR for another person's settings"));
    }
    if settings.pins.log_vkey != link.log_vkey {
        return Err(CliError::log_broken(format!(
            "this machine knows {} with another log key",
            link.vault
        )));
    }
    Ok(settings.pins)
}

/// The CA's PEM, from the flag or from the server, if its hash is the line's.
async fn ca(args: &Args, link: &Link) -> Result<Option<Vec<u8>>, CliError> {
    let Some(wanted) = link.ca_sha256 else {
        return Ok(None);
    };
    let pem = match &args.ca {
        Some(file) => files::read(file)?,
        None => client::http::fetch_ca(&link.server).await?,
    };
    if Digest::of(&pem) != wanted {
        return Err(CliError::new(
            Exit::NOT_ALLOWED,
            "other_ca",
            "the server's CA is not the one in the line",
        )
        .hint("somebody may stand between you and the vault: ask the operator by phone"));
    }
    Ok(Some(pem))
}

/// Opens the vault's test envelope for one unlocker of hers, and says so.
///
/// # Errors
/// When it does not open, or the vault says no.
pub(super) async fn open_test_with(
    client: &mut Client,
    unlocker: &str,
    opener: &Opener,
) -> Result<(), CliError> {
    let asked = TestEnvelopeRequest {
        unlocker: unlocker.to_owned(),
    };
    let test: TestEnvelope = client.api.post("/enrol/test", &asked).await?;
    let file = STANDARD
        .decode(&test.envelope)
        .map_err(|_| CliError::failed("envelope", "the test envelope is damaged"))?;
    let inside = open_test(&file, opener).map_err(|why| super::release::share_error(&why))?;
    let reply = TestEnvelopeOpened {
        id: test.id,
        opened: hex::encode(inside),
    };
    let _: Done = client.api.post("/enrol/opened", &reply).await?;
    Ok(())
}

/// Opens a test envelope with each unlocker there is a key for; names those without.
pub(super) async fn open_tests(
    client: &mut Client,
    person: &Person,
    out: &Output,
) -> Result<Vec<String>, CliError> {
    let paths = client.key_paths();
    let matched = client.ring.openers(&paths, person)?;
    let mut opened = Vec::new();
    for key in &matched {
        open_test_with(client, &key.unlocker, key.opener()?).await?;
        out.talk(&format!("✓ opens: {}", without_comment(&key.unlocker)));
        opened.push(key.unlocker.clone());
    }
    for missing in person
        .unlockers
        .iter()
        .filter(|each| !opened.contains(each) && !person.on_paper(each))
    {
        out.warn(&format!(
            "! no key here for your unlocker {missing}: enrol again with --unlocker-key FILE"
        ));
    }
    if opened.is_empty() && person.is(Role::Custodian) {
        return Err(CliError::new(
            Exit::SHARE_REJECTED,
            "no_unlocker",
            "none of these keys is an unlocker of yours",
        )
        .hint("pass the matching private keys with --key and --unlocker-key"));
    }
    Ok(opened)
}

/// The four words of a person's keys at a vault, which she and an operator compare by voice
/// (PROTOCOL §2): vault id, log key, her own first unlocker or login key.
pub(super) fn words_of(vault: &str, log_vkey: &str, person: &Person) -> [&'static str; 4] {
    let own = person.unlockers.first().or(person.login_keys.first());
    let own = own.map(|key| without_comment(key)).unwrap_or_default();
    phrase::fingerprint(format!("{vault}{log_vkey}{own}").as_bytes())
}

fn say(client: &Client, documents: &Documents, person: &Person, opened: &[String], out: &Output) {
    let settings = &client.kept.settings;
    let words = words_of(settings.vault.as_str(), &settings.pins.log_vkey, person);
    let roles: Vec<&str> = person.roles.iter().map(|role| role.word()).collect();
    let next = if person.is(Role::Custodian) {
        "\nNext: breakglass prove"
    } else {
        ""
    };
    out.result(
        json!({"vault": settings.vault, "person": person.id, "name": person.name, "roles": roles,
            "fingerprint": words.join(" "), "opened": opened, "epoch": documents.manifest.epoch}),
        &format!(
            "Enrolled at {} as {} ({}).\nRead these words to an operator by phone:\n\n        {}\n{next}",
            settings.vault,
            person.name,
            roles.join(", "),
            words.join(" · ")
        ),
    );
}
