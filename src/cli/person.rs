//! `breakglass person`: who is in the roster, as the signed log approved it; add or remove one.
//!
//! Adding and removing are proposals of the next roster: `roster` has the whole document.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::client::{Client, Documents};
use super::enrol::words_of;
use super::{CliError, Exit, Globals, Output, roster};
use crate::cli::escape;
use crate::domain::roster::{Contacts, Person, Role, Roster, comparable};

/// Arguments of `person`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List people, roles and share indexes
    #[command(after_help = "Example:\n  breakglass person list")]
    List,
    /// Propose a roster with somebody new; prints her enrol line
    #[command(
        after_help = "Example:\n  breakglass person add gus --role custodian --mail gus@example.com --time-zone Asia/Tokyo \\\n      --login-key gus.pub --unlocker gus.pub --unlocker gus-spare.pub"
    )]
    Add(Box<AddArgs>),
    /// Propose a roster without somebody. By an operator she is out at once: no login, no call
    #[command(after_help = "Example:\n  breakglass person remove emil")]
    Remove {
        /// Name or id
        name: String,
        /// Sign what is shown without asking
        #[arg(long)]
        yes: bool,
    },
    /// Propose other ways to reach somebody: one operator and one custodian sign
    #[command(after_help = "Example:\n  breakglass person reach ada --mail ada@new.example")]
    Reach {
        /// Name or id
        name: String,
        /// Mail address
        #[arg(long, value_name = "ADDRESS")]
        mail: Option<String>,
        /// Pager routing name
        #[arg(long, value_name = "NAME")]
        pager: Option<String>,
        /// IANA time zone
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
        /// Sign what is shown without asking
        #[arg(long)]
        yes: bool,
    },
    /// Print somebody's enrol line again
    #[command(after_help = "Example:\n  breakglass person invite gus")]
    Invite {
        /// Name or id
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// Name as people say it
    name: String,
    /// responder, custodian, auditor, operator or security; may be repeated
    #[arg(long, required = true, value_parser = role)]
    role: Vec<Role>,
    /// Mail address
    #[arg(long, value_name = "ADDRESS")]
    mail: String,
    /// Pager routing name
    #[arg(long, value_name = "NAME")]
    pager: Option<String>,
    /// IANA time zone
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    time_zone: String,
    /// File with a public key that logs in and signs; may be repeated
    #[arg(long, required = true, value_name = "FILE")]
    login_key: Vec<PathBuf>,
    /// File with a public key or age recipient that opens her share, or the recipient itself
    #[arg(long, value_name = "FILE|AGE1")]
    unlocker: Vec<String>,
    /// She has one unlocker only: who signs approves that too
    #[arg(long)]
    single_unlocker: bool,
    /// Sign what is shown without asking
    #[arg(long)]
    yes: bool,
}

fn role(text: &str) -> Result<Role, String> {
    let all = [
        Role::Responder,
        Role::Custodian,
        Role::Auditor,
        Role::Operator,
        Role::Security,
    ];
    let found = all.into_iter().find(|role| role.word() == text);
    found.ok_or_else(|| "use responder, custodian, auditor, operator or security".to_owned())
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    match args.command {
        Command::List => {
            let pins = &client.kept.settings.pins;
            let (text, object) = listed(&documents, &pins.log_vkey);
            out.result(object, &text);
            Ok(Exit::DONE)
        }
        Command::Add(args) => {
            let yes = args.yes;
            let person = new_person(*args)?;
            let next = next(&documents, |people| people.push(person))?;
            roster::send(&mut client, &documents, &next, yes, out).await
        }
        Command::Remove { name, yes } => {
            let id = found(&documents, &name)?.id.clone();
            let next = next(&documents, |people| people.retain(|p| p.id != id))?;
            roster::send(&mut client, &documents, &next, yes, out).await
        }
        Command::Reach {
            name,
            mail,
            pager,
            time_zone,
            yes,
        } => {
            let mut person = found(&documents, &name)?.clone();
            person.contacts.mail = mail.unwrap_or(person.contacts.mail);
            person.contacts.pager = pager.or(person.contacts.pager);
            person.time_zone = time_zone.unwrap_or(person.time_zone);
            let next = next(&documents, |people| replace(people, person))?;
            roster::send(&mut client, &documents, &next, yes, out).await
        }
        Command::Invite { name } => {
            let person = found(&documents, &name)?;
            let link = roster::link(&client, &person.id);
            let text = format!("breakglass enrol '{link}'");
            out.result(
                json!({"person": person.id, "name": person.name, "link": link}),
                &text,
            );
            Ok(Exit::DONE)
        }
    }
}

fn new_person(args: AddArgs) -> Result<Person, CliError> {
    let login_keys: Result<Vec<String>, CliError> =
        args.login_key.iter().map(|file| key_in(file)).collect();
    let unlockers: Result<Vec<String>, CliError> =
        args.unlocker.iter().map(|text| unlocker(text)).collect();
    Ok(Person {
        id: roster::fresh_id()?,
        name: args.name,
        roles: args.role,
        time_zone: args.time_zone,
        contacts: Contacts {
            mail: args.mail,
            pager: args.pager,
        },
        login_keys: login_keys?,
        unlockers: unlockers?,
        single_unlocker: args.single_unlocker.then_some(true),
        // Only its keeper makes one, on her own machine.
        paper: None,
    })
}

/// An unlocker as a person names it: a recipient, or the file it stands in.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn unlocker(text: &str) -> Result<String, CliError> {
    if text.starts_with("age1") {
        return Ok(text.to_owned());
    }
    key_in(Path::new(text))
}

fn key_in(file: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| CliError::usage(format!("cannot read {}: {e}", file.display())))?;
    let line = text.lines().find(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let key = line.map(comparable).unwrap_or_default();
    if key.contains("PRIVATE KEY") || key.to_ascii_uppercase().starts_with("AGE-") {
        return Err(CliError::usage(format!(
            "{} holds a private key: give the public half",
            file.display()
        )));
    }
    Ok(key)
}

/// The next version of the roster with other people.
///
/// # Errors
/// When the present one has no hash, which no roster in force shows.
pub(super) fn next(
    documents: &Documents,
    change: impl FnOnce(&mut Vec<Person>),
) -> Result<Roster, CliError> {
    let before = &documents.roster;
    let mut people = before.people.clone();
    change(&mut people);
    let custodians = people.iter().filter(|p| p.is(Role::Custodian)).count();
    Ok(Roster {
        seq: before.seq.saturating_add(1),
        prev_sha256: Some(documents.roster_sha256),
        // More than 255 custodians: the rules refuse the count that does not fit.
        n: u8::try_from(custodians).unwrap_or(u8::MAX),
        people,
        ..before.clone()
    })
}

/// Puts a changed person in her own place.
pub(super) fn replace(people: &mut [Person], person: Person) {
    if let Some(place) = people.iter_mut().find(|p| p.id == person.id) {
        *place = person;
    }
}

fn found<'a>(documents: &'a Documents, name: &str) -> Result<&'a Person, CliError> {
    let person = documents.roster.find(name);
    person.ok_or_else(|| CliError::usage(format!("nobody in the roster is called {name}")))
}

/// The list, for people and scripts.
/// Words are those that a client of this log says at its enrolment: with the key in force, not
/// with the one of the epoch's manifest, which may be of a former log epoch.
pub(super) fn listed(documents: &Documents, log_vkey: &str) -> (String, Value) {
    let roster = &documents.roster;
    let mut text = format!(
        "Roster {}: {} of {} custodians open {}.",
        roster.seq, roster.k, roster.n, roster.vault
    );
    let mut people = Vec::new();
    // The epoch's own roster says who holds which share; somebody new holds none yet.
    let dealt = documents.dealt_to(&documents.manifest).ok();
    for person in &roster.people {
        let index = dealt.and_then(|dealt| dealt.index_of(&person.id));
        let locked = documents
            .view
            .locked_out
            .iter()
            .any(|id| id == person.id.as_str());
        let words = words_of(roster.vault.as_str(), log_vkey, person);
        text.push('\n');
        text.push_str(&line(person, index, locked));
        text.push_str(&format!("\n  {:<12} words: {}", "", words.join(" · ")));
        people.push(
            json!({"id": person.id, "name": person.name, "roles": person.roles,
            "share": index, "time_zone": person.time_zone, "unlockers": person.unlockers.len(),
            "fingerprint": words.join(" "), "locked_out": locked}),
        );
    }
    let object = json!({"vault": roster.vault, "k": roster.k, "n": roster.n,
        "roster_sha256": documents.roster_sha256, "people": people});
    (text, object)
}

fn line(person: &Person, index: Option<u8>, locked: bool) -> String {
    let roles: Vec<&str> = person.roles.iter().map(|role| role.word()).collect();
    let share = match index {
        Some(index) => format!("  share {index}"),
        None if person.is(Role::Custodian) => "  no share of this epoch yet".to_owned(),
        None => String::new(),
    };
    let locked = if locked { "  LOCKED OUT" } else { "" };
    let name = escape::line(&person.name);
    format!(
        "  {:<12} {name:<20} {}{share}{locked}",
        person.id,
        roles.join(", ")
    )
}
