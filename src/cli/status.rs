//! `breakglass status`: the board, or one incident.
//!
//! Without a login it says what the vault says of itself; with one, what the signed log approved.

use serde_json::{Value, json};

use super::client::{Client, Documents};
use super::{CliError, Exit, Globals, Output, alert, clock, escape, phrase, show, terms_check};
use crate::api::{ChannelList, DrillView, Health, IncidentView, VaultView};
use crate::domain::due::BACKUP_OLD_MS;
use crate::domain::ids::IncidentId;
use crate::domain::incident::extend::extended_sha256;
use crate::domain::paging::{Hours, hours_there};
use crate::domain::phrase::phrase as phrase_of;
use crate::domain::readiness::{
    DAY_PERCENT, NIGHT_PERCENT, answers_percent, quorum_percent, quorum_percent_of,
};
use crate::domain::roster::{Person, Role};
use crate::domain::terms::Purpose;
use crate::domain::time::{DAY_MS, Timestamp};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  breakglass status\n  breakglass status INC-7 --json")]
pub struct Args {
    /// Only this incident
    #[arg(value_name = "INC")]
    incident: Option<IncidentId>,
}

/// Shows the board or one incident.
///
/// # Errors
/// [`CliError`]; exit 3 when there is no such incident.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    match args.incident {
        Some(id) => one(&mut client, &documents, &id, out).await,
        None => board(&mut client, &documents, out).await,
    }
}

async fn board(client: &mut Client, documents: &Documents, out: &Output) -> Result<Exit, CliError> {
    let health: Health = client.api.get("/health").await?;
    let incidents = client.incidents().await?;
    let view = &documents.view;
    let now = clock::now();
    let ready = if view.epoch_ready {
        "ready"
    } else {
        "NOT READY"
    };
    let mut text = format!(
        "Vault {}: {}, {}. Epoch {} {ready} ({} of {} proofs). Log: {} entries, verified.",
        view.vault,
        health.vault_phase,
        health.status,
        documents.manifest.epoch,
        view.proved.len(),
        view.proofs_needed,
        documents.head.size
    );
    if view.rotation_owed_since_ms.is_some() {
        text.push_str("\n! A rotation is owed: custodians must approve it.");
    }
    if let Some(later) = view.dealt_later {
        text.push_str(&format!(
            "\n! The vault runs on a database older than epoch {later}: the credential sealed in it \
             is dead, and nothing can be opened. Operators: runbooks/host-lost.md"
        ));
    }
    let ready = readiness(documents, now);
    text.push_str(&format!("\n{}\n{}", ready.text, backup_line(view, now)));
    let channels: ChannelList = client.get_again("/alerts").await?;
    text.push_str(&channel_lines(&channels, now));
    if let Some(why) = &view.epoch_owed {
        text.push_str(&format!(
            "\n! A new epoch is needed: {}.",
            escape::line(why)
        ));
    }
    text.push_str(&format!("\n{}", drill_line(documents, now)));
    text.push_str(&format!(
        "\nCustodian page sha256 {}.",
        escape::line(&view.custodian_page_sha256)
    ));
    let mut shown = Vec::new();
    for incident in incidents {
        text.push('\n');
        text.push_str(&show::board_line(&incident, now));
        let phrase = own_phrase(client, documents, &incident).await?;
        if let Some(phrase) = &phrase {
            text.push_str(&format!("\n  phrase to read: {phrase}"));
        }
        shown.push(with_phrase(&incident, phrase)?);
    }
    let object = json!({"vault": view.vault, "phase": health.vault_phase, "status": health.status,
        "epoch": documents.manifest.epoch, "epoch_ready": view.epoch_ready, "proved": view.proved,
        "proofs_needed": view.proofs_needed, "rotation_owed_since_ms": view.rotation_owed_since_ms,
        "epoch_owed": view.epoch_owed, "backup_at_ms": view.backup_at_ms,
        "backup_epoch": view.backup_epoch, "dealt_later": view.dealt_later, "drills": view.drills,
        "log_epochs": view.log_epochs, "can_approve": ready.people,
        "who_can_approve": ready.who, "quorum_now_percent": ready.now,
        "quorum_night_percent": ready.night, "quorum_day_percent": ready.day,
        "log_size": documents.head.size, "version": view.version,
        "custodian_page_sha256": view.custodian_page_sha256, "channels": channels.channels,
        "incidents": shown,
        "at_ms": now.0});
    out.result(object, &text);
    Ok(Exit::DONE)
}

/// Which ways to people work: one line where all do, one more for each that does not.
fn channel_lines(list: &ChannelList, now: Timestamp) -> String {
    let mut text = String::from("\nChannels:");
    for (at, channel) in list.channels.iter().enumerate() {
        let mark = if channel.failing > 0 { "✗" } else { "✓" };
        let comma = if at == 0 { "" } else { "," };
        text.push_str(&format!(
            "{comma} {} {mark} (delivered {}, confirmed {})",
            escape::line(&channel.name),
            alert::ago(channel.delivered_at_ms, now.0),
            alert::ago(channel.confirmed_at_ms, now.0)
        ));
    }
    text.push('.');
    for channel in list.channels.iter().filter(|c| c.failing > 0) {
        text.push_str(&format!(
            "\n! {} does not deliver, {} message(s) wait: {}. Operators: breakglass alert test {}",
            escape::line(&channel.name),
            channel.waiting,
            escape::line(
                channel
                    .last_error
                    .as_deref()
                    .unwrap_or("no reason is known")
            ),
            escape::line(&channel.name)
        ));
    }
    text
}

/// Each custodian's last drill.
fn drill_line(documents: &Documents, now: Timestamp) -> String {
    let last = |drill: &DrillView| {
        let known = drill.person.parse().ok();
        let person = known.and_then(|id| documents.roster.person(&id));
        let name = person.map_or(drill.person.as_str(), |p| p.name.as_str());
        let when = match drill
            .at_ms
            .map(|at| now.since_ms(Timestamp(at)).max(0) / DAY_MS)
        {
            None => "never".to_owned(),
            Some(0) => "today".to_owned(),
            Some(days) => format!("{days} days ago"),
        };
        format!("{} {when}", escape::line(name))
    };
    let all: Vec<String> = documents.view.drills.iter().map(last).collect();
    format!("Last drill: {}.", all.join(", "))
}

/// How old the newest backup is, and whether it holds the epoch in force.
fn backup_line(view: &VaultView, now: Timestamp) -> String {
    let Some((at_ms, epoch)) = view.backup_at_ms.zip(view.backup_epoch) else {
        return "! No backup is known. Operators: breakglass backup DIR".to_owned();
    };
    let days = now.since_ms(Timestamp(at_ms)).max(0) / DAY_MS;
    let age = match days {
        0 => "today".to_owned(),
        1 => "1 day ago".to_owned(),
        days => format!("{days} days ago"),
    };
    if epoch < view.epoch {
        return format!(
            "! The last backup ({age}) holds epoch {epoch}; epoch {} is in force, and only a new \
             backup opens it. Operators: breakglass backup DIR",
            view.epoch
        );
    }
    if days >= BACKUP_OLD_MS / DAY_MS {
        return format!("! The last backup was made {age}. Operators: breakglass backup DIR");
    }
    format!("Last backup: {age}, epoch {epoch}.")
}

/// Who could answer, and the chance that enough do.
struct Ready {
    text: String,
    people: usize,
    who: Vec<Value>,
    now: u32,
    night: u32,
    day: u32,
}

/// Holders of a share of this epoch who are still in the roster and not locked out. The chances
/// are estimates: each answers within ten minutes by the odds named.
fn readiness(documents: &Documents, now: Timestamp) -> Ready {
    let (manifest, view) = (&documents.manifest, &documents.view);
    let dealt = documents.dealt_to(manifest).unwrap_or(&documents.roster);
    let here = |p: &Person| {
        let out = view.locked_out.iter().any(|id| id == p.id.as_str());
        documents.roster.person(&p.id).is_some() && !out
    };
    let can: Vec<(u8, &Person)> = dealt.custodians().filter(|(_, p)| here(p)).collect();
    let proved = |index: &u8| view.proved.contains(index);
    let (people, k) = (can.len(), u32::from(manifest.k));
    let count = u32::try_from(people).unwrap_or(u32::MAX);
    let [night, day] = [NIGHT_PERCENT, DAY_PERCENT].map(|each| quorum_percent(count, k, each));
    let mut there: Vec<(Hours, String, String)> = Vec::new();
    let mut who = Vec::new();
    for (index, person) in &can {
        // Where she lives now, if that changed since the shares were dealt.
        let person = documents.roster.person(&person.id).unwrap_or(person);
        let (hours, clock) = hours_there(now, &person.time_zone);
        who.push(
            json!({"person": person.id, "name": person.name, "index": index,
            "time_zone": person.time_zone, "local_time": clock, "hours": hours.word(),
            "proved": proved(index)}),
        );
        there.push((hours, clock, escape::line(&person.name)));
    }
    let odds: Vec<u32> = there.iter().map(|(h, ..)| answers_percent(*h)).collect();
    let chance = quorum_percent_of(&odds, k);
    let text = format!(
        "{people} can approve, {} of them proved; {k} are needed.{}\nChance that enough answer \
         within ten minutes, now: {chance} % (each with {DAY_PERCENT} % by day and {NIGHT_PERCENT} \
         % otherwise; all by day {day} %, all at night {night} %).",
        can.iter().filter(|(index, _)| proved(index)).count(),
        hour_lines(&there)
    );
    Ready {
        text,
        people,
        who,
        now: chance,
        night,
        day,
    }
}

/// Who is up, and who would be woken: one line each.
fn hour_lines(there: &[(Hours, String, String)]) -> String {
    let mut text = String::new();
    for (hours, words) in [
        (Hours::Day, "by day there now"),
        (Hours::Edge, "early or late there now"),
        (Hours::Night, "at night there now"),
    ] {
        let mine = there.iter().filter(|(h, ..)| *h == hours);
        let names: Vec<String> = mine.map(|(_, at, name)| format!("{name} {at}")).collect();
        if !names.is_empty() {
            text.push_str(&format!("\n  {words}: {}", names.join(", ")));
        }
    }
    text
}

async fn one(
    client: &mut Client,
    documents: &Documents,
    id: &IncidentId,
    out: &Output,
) -> Result<Exit, CliError> {
    let view = client.incident(id).await?;
    let phrase = own_phrase(client, documents, &view).await?;
    let mut text = show::incident(&view, clock::now());
    if let Some(phrase) = &phrase {
        text.push_str(&format!("\n  phrase to read: {phrase}"));
    }
    out.result(with_phrase(&view, phrase)?, &text);
    Ok(Exit::DONE)
}

/// The phrase, for who may read it out: the requester, and for a rotation also an operator who
/// cannot approve (PROTOCOL §6). Only of terms that passed every check; terms that do not pass
/// have no phrase, and a broken log ends the command.
async fn own_phrase(
    client: &mut Client,
    documents: &Documents,
    view: &IncidentView,
) -> Result<Option<String>, CliError> {
    let longer = view.phase == "open" && view.asked.extension.is_some();
    let collecting = longer || matches!(view.phase.as_str(), "collecting" | "closing");
    let person = documents.roster.person(client.me());
    let requester = view.requester == client.me().as_str();
    let operator = person.is_some_and(|me| me.is(Role::Operator) && !me.is(Role::Custodian));
    let Ok(id) = view.id.parse::<IncidentId>() else {
        return Ok(None);
    };
    if !collecting || !(requester || operator) {
        return Ok(None);
    }
    let checked = if longer {
        terms_check::check_session(client, documents, view.clone(), &id).await
    } else {
        terms_check::check_view(client, documents, view.clone(), &id).await
    };
    let case = match checked {
        Ok(case) => case,
        Err(error) if error.exit == Exit::LOG_BROKEN => return Err(error),
        Err(_) => return Ok(None),
    };
    if let Some(extension) = view
        .asked
        .extension
        .as_ref()
        .filter(|_| longer && requester)
    {
        let sha256 = extended_sha256(&case.terms, extension.max_minutes);
        return Ok(sha256.ok().map(|sha256| phrase::words(&phrase_of(&sha256))));
    }
    let rotation = case.terms.purpose == Purpose::Rotate;
    let waits = view.phase == "collecting" || rotation;
    let shown = waits && (requester || rotation);
    Ok(shown.then(|| phrase::words(&phrase_of(&case.terms_sha256))))
}

fn with_phrase(view: &IncidentView, phrase: Option<String>) -> Result<Value, CliError> {
    let mut object =
        serde_json::to_value(view).map_err(|why| CliError::failed("json", why.to_string()))?;
    if let (Some(phrase), Value::Object(members)) = (phrase, &mut object) {
        members.insert("phrase".to_owned(), phrase.into());
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ChannelState;

    #[test]
    fn people_are_named_by_what_their_clocks_show() {
        // 2026-11-21 02:07 UTC.
        let now = Timestamp(1_795_226_820_000);
        let there = |name: &str, zone: &str| {
            let (hours, clock) = hours_there(now, zone);
            (hours, clock, name.to_owned())
        };
        let said = hour_lines(&[
            there("Ada", "Europe/Berlin"),
            there("Cleo", "Asia/Tokyo"),
            there("Dora", "America/New_York"),
            there("Emil", "Asia/Karachi"),
            there("Ben", "Europe/London"),
        ]);
        assert_eq!(
            said,
            "\n  by day there now: Cleo 11:07, Dora 21:07\n  early or late there now: Emil 07:07\
             \n  at night there now: Ada 03:07, Ben 02:07"
        );
    }

    #[test]
    fn the_channels_are_named_with_their_age_and_one_that_fails_has_its_own_line() {
        let channel = |name: &str, failing| ChannelState {
            name: name.into(),
            kind: "smtp".into(),
            delivered_at_ms: Some(0),
            waiting: failing,
            failing,
            last_error: (failing > 0).then(|| "refused".into()),
            tested_at_ms: None,
            confirmed_at_ms: None,
        };
        let list = ChannelList {
            channels: vec![channel("mail", 0), channel("hook", 2)],
        };
        let said = channel_lines(&list, Timestamp(4 * DAY_MS));
        assert!(said.contains("mail ✓ (delivered 4 d ago, confirmed never), hook ✗"));
        assert!(said.contains("\n! hook does not deliver, 2 message(s) wait: refused."));
    }
}
