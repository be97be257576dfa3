//! Incidents and facts as text for people. Every foreign text passes `escape`.

use super::escape::line;
use super::terms_check::Case;
use super::text::{count, left};
use crate::api::{CustodianView, IncidentView, NoView};
use crate::domain::roster::Roster;
use crate::domain::scope::{CODE, Scope};
use crate::domain::terms::{Purpose, Requester};
use crate::domain::time::Timestamp;

/// The facts a custodian reads before she decides, from the checked terms.
pub(super) fn facts(case: &Case, roster: &Roster, now: Timestamp) -> String {
    let terms = &case.terms;
    let who = match &terms.requester {
        Requester::Vault => "The vault itself".to_owned(),
        Requester::Person(id) => line(roster.person(id).map_or(id.as_str(), |p| p.name.as_str())),
    };
    let what = match terms.purpose {
        Purpose::Incident => format!(
            "asks for {} of {} on {}",
            count(terms.max_minutes, "minute"),
            line(&terms.use_case),
            terms.target.words()
        ),
        Purpose::Drill => format!(
            "rehearses {} of {} on {}: a DRILL, no real credential is opened",
            count(terms.max_minutes, "minute"),
            line(&terms.use_case),
            terms.target.words()
        ),
        Purpose::Rotate => "asks to finish a rotation: no session, no access".to_owned(),
    };
    let mut text = format!(
        "{} · {} · vault {}\n{who} {what}.\n",
        terms.incident,
        purpose(terms.purpose),
        terms.vault
    );
    let mut row = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {value}\n"));
    row("why", &line(&terms.reason));
    if !terms.ticket.is_empty() {
        row("ticket", &line(&terms.ticket));
    }
    if let Some(odd) = &terms.session_secret {
        row("secret", &odd.words());
    }
    if terms.purpose != Purpose::Rotate {
        row("may call", &line(&terms.scope.join(", ")));
        if Scope::parse(&terms.scope).is_ok_and(|scope| scope.names_code()) {
            row("code", CODE);
        }
        for grant in &terms.grants_to {
            row("grants", &line(&grant.words(roster)));
        }
        let answers = terms
            .answers
            .iter()
            .map(|(id, yes)| format!("{id}={}", if *yes { "yes" } else { "no" }));
        row("answers", &line(&answers.collect::<Vec<_>>().join(", ")));
    }
    row(
        "epoch",
        &format!(
            "{} ({} of {} shares, {} approvals needed)",
            terms.epoch, terms.k, terms.n, terms.needed
        ),
    );
    row("asked", &terms.asked_ms.date_clock_utc());
    if terms.not_before_ms > terms.asked_ms {
        row(
            "opens",
            &format!("not before {}", terms.not_before_ms.date_clock_utc()),
        );
    }
    row(
        "ends",
        &format!(
            "{} (in {})",
            terms.expires_ms.date_clock_utc(),
            left(terms.expires_ms, now)
        ),
    );
    for remark in &case.remarks {
        text.push_str(&format!("  ! {remark}\n"));
    }
    text.trim_end().to_owned()
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Incident => "EMERGENCY",
        Purpose::Drill => "DRILL",
        Purpose::Rotate => "ROTATION",
    }
}

/// What stands before everything said about a drill.
pub(super) fn mark(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Drill => "DRILL, no real incident: ",
        Purpose::Incident | Purpose::Rotate => "",
    }
}

/// Whether what the server shows is a drill.
pub(super) fn is_drill(view: &IncidentView) -> bool {
    view.purpose == "drill"
}

/// One line of the board.
pub(super) fn board_line(view: &IncidentView, now: Timestamp) -> String {
    let mut text = format!(
        "{}  {} by {}: {}",
        line(&view.id),
        if is_drill(view) {
            "DRILL".to_owned()
        } else {
            line(&view.purpose)
        },
        line(&view.requester_name),
        line(&view.phase)
    );
    if let Some(until) = view.asked.waits_until_ms {
        text.push_str(&format!(" until {}", Timestamp(until).date_clock_utc()));
    }
    if ["collecting", "cooling", "opening"].contains(&view.phase.as_str()) {
        text.push_str(&format!(", {} of {} shares", view.shares_in, view.needed));
    }
    if let Some(session) = &view.session {
        text.push_str(&format!(
            ", open until {} ({} left)",
            Timestamp(session.exp_ms).clock_utc(),
            left(Timestamp(session.exp_ms), now)
        ));
    }
    if view.phase == "closing" && !is_drill(view) {
        text.push_str(", NOT SAFE YET");
        if view.rotation_owed {
            text.push_str(": rotation owed, custodians must approve it");
        }
    }
    if let Some(due) = view.review_due_ms {
        text.push_str(&format!(", review due {}", Timestamp(due).date_clock_utc()));
    }
    text
}

/// An incident with everyone's answer.
pub(super) fn incident(view: &IncidentView, now: Timestamp) -> String {
    let mut lines = vec![board_line(view, now)];
    if view.phase != "waiting" {
        lines.extend(view.custodians.iter().map(custodian));
    }
    if let Some(why) = &view.waits_for {
        lines.push(format!("  ! it waits: {}", line(why)));
    }
    lines.extend(said_besides(view));
    if view.phase == "collecting" && !view.alert_confirmed {
        lines.push(format!(
            "  ! no alert channel has confirmed yet: it opens once one has, or one custodian more runs breakglass approve {} --override no_alert_confirmed",
            line(&view.id)
        ));
    }
    if let Some(cause) = &view.close_cause {
        lines.push(format!("  session ended: {}", line(cause)));
    }
    if let Some(rotation) = &view.rotation {
        lines.push(format!("  rotation: {}", line(rotation)));
    }
    if view.old_secret_refused {
        lines.push("  ✓ Databricks refuses the old secret".to_owned());
    }
    if let Some(at) = view.fully_safe_at_ms.filter(|_| !is_drill(view)) {
        lines.push(format!("  fully safe at {}", Timestamp(at).clock_utc()));
    }
    lines.join("\n")
}

/// What was said besides shares, one line each.
fn said_besides(view: &IncidentView) -> Vec<String> {
    let asked = &view.asked;
    let mut lines = Vec::new();
    let mut no = |what: &str, by: &NoView| {
        lines.push(format!(
            "  – {what} by {}: {}",
            line(&by.name),
            line(&by.reason)
        ));
    };
    asked.refusals.iter().for_each(|by| no("refused", by));
    asked.vetoed.iter().for_each(|by| no("vetoed", by));
    let second = "second stop or veto within 24 hours, waits for another person's signature: asked";
    asked.no_waits.iter().for_each(|by| no(second, by));
    if let Some(co) = &asked.co_approver {
        lines.push(match &co.name {
            Some(name) => format!("  ✓ {:<18} agreed as {}", line(name), line(&co.role)),
            None => format!("  … one {} must agree as well", line(&co.role)),
        });
    }
    for lifted in &asked.lifted {
        let gates = line(&lifted.gates.join(", "));
        lines.push(format!("  ✓ {:<18} override: {gates}", line(&lifted.name)));
    }
    for paper in &asked.papers {
        let mark = if paper.released { "✓" } else { "…" };
        lines.push(format!(
            "  {mark} paper of {}: {} opens it, {} stands by (bag {})",
            line(&paper.keeper_name),
            line(&paper.opener_name),
            line(&paper.witness_name),
            line(&paper.bag)
        ));
    }
    if asked.override_needed && asked.lifted.is_empty() {
        lines.push(format!(
            "  ! security must sign: breakglass override {}",
            line(&view.id)
        ));
    }
    if let Some(missing) = &asked.missing {
        lines.push(format!("  ! {}", line(missing)));
    }
    if let Some(extension) = &asked.extension {
        lines.push(format!(
            "  {} minutes in all were asked for: {} of {} agreed ({})",
            extension.max_minutes,
            extension.signed.len(),
            extension.needed,
            line(&extension.signed.join(", "))
        ));
    }
    lines
}

/// One custodian's line.
pub(super) fn custodian(view: &CustodianView) -> String {
    let (mark, word) = match view.state.as_str() {
        "in" => ("✓", format!("share {}", view.index)),
        "paper" => ("✓", format!("share {}, by paper", view.index)),
        "opener" => ("✓", "opened a paper, counts once".to_owned()),
        "refused" => ("–", "refused".to_owned()),
        "paused" => ("!", "paused after wrong phrases".to_owned()),
        "excluded" => (" ", "asked for it, does not count".to_owned()),
        "asked" => ("…", "asked".to_owned()),
        other => ("?", line(other)),
    };
    let at = view.at_ms.map_or(String::new(), |at| {
        format!("   {}", Timestamp(at).clock_utc())
    });
    // Who has answered needs no page any more.
    let paged = view.paged_at_ms.filter(|_| view.state == "asked");
    let paged = paged.map_or_else(String::new, |at| {
        format!(", paged {}", Timestamp(at).clock_utc())
    });
    format!("  {mark} {:<18} {word}{paged}{at}", line(&view.name))
}

/// What changed between two looks at an incident, one line per event.
pub(super) fn changes(before: Option<&IncidentView>, after: &IncidentView) -> Vec<String> {
    let mut lines = Vec::new();
    if before.is_none_or(|before| before.phase != after.phase) {
        lines.push(format!(
            "{}: {}",
            line(&after.id),
            phase_words(&after.phase)
        ));
    }
    for custodian_now in &after.custodians {
        let earlier = before.and_then(|b| {
            b.custodians
                .iter()
                .find(|c| c.person == custodian_now.person)
        });
        if earlier.is_some_and(|earlier| earlier != custodian_now) {
            lines.push(custodian(custodian_now));
        }
    }
    let earlier = before.map_or_else(Vec::new, said_besides);
    let now_said = said_besides(after);
    lines.extend(now_said.into_iter().filter(|l| !earlier.contains(l)));
    if after.rotation.is_some() && before.is_none_or(|before| before.rotation != after.rotation) {
        lines.push(format!(
            "  rotation: {}",
            line(after.rotation.as_deref().unwrap_or_default())
        ));
    }
    if after.old_secret_refused && before.is_none_or(|before| !before.old_secret_refused) {
        lines.push("  ✓ Databricks refuses the old secret".to_owned());
    }
    if after.alert_confirmed && before.is_some_and(|before| !before.alert_confirmed) {
        lines.push("  ✓ people have been alerted".to_owned());
    }
    lines
}

fn phase_words(phase: &str) -> String {
    match phase {
        "waiting" => "a long delay runs before custodians are asked".to_owned(),
        "collecting" => "custodians are asked for their shares".to_owned(),
        "cooling" => "enough shares; the veto window runs".to_owned(),
        "opening" => "enough shares; the vault is opening".to_owned(),
        "open" => "OPEN: every call is logged".to_owned(),
        "closing" => "the session ended; not safe yet".to_owned(),
        "in_review" => "closed; waits for its review".to_owned(),
        "reviewed" => "done".to_owned(),
        "refused" => "refused".to_owned(),
        "withdrawn" => "withdrawn".to_owned(),
        "lapsed" => "lapsed: not enough shares in time".to_owned(),
        other => line(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn view(phase: &str) -> IncidentView {
        let custodian = |person: &str, index| CustodianView {
            person: person.into(),
            name: person.to_uppercase(),
            index,
            time_zone: "UTC".into(),
            state: "asked".into(),
            at_ms: None,
            paged_at_ms: None,
        };
        IncidentView {
            id: "INC-1".into(),
            purpose: "incident".into(),
            phase: phase.into(),
            version: 1,
            requester: "rio".into(),
            requester_name: "Rio\u{1b}[2J".into(),
            terms: Value::Null,
            terms_sha256: String::new(),
            request: None,
            terms_seq: 2,
            shares_in: 1,
            needed: 3,
            custodians: vec![custodian("ada", 1), custodian("ben", 2)],
            alert_confirmed: false,
            session: None,
            close_cause: None,
            rotation: None,
            old_secret_refused: false,
            rotation_owed: false,
            fully_safe_at_ms: None,
            review_due_ms: None,
            waits_for: None,
            asked: Default::default(),
        }
    }

    #[test]
    fn a_custodian_who_is_asked_was_paged_at_that_time_and_one_who_answered_needs_no_page() {
        let mut ada = view("collecting").custodians.remove(0);
        assert_eq!(custodian(&ada).trim(), "… ADA                asked");
        ada.paged_at_ms = Some(1_795_226_880_000);
        assert_eq!(
            custodian(&ada).trim(),
            "… ADA                asked, paged 02:08 UTC"
        );
        ada.state = "in".into();
        ada.at_ms = Some(1_795_226_940_000);
        assert_eq!(
            custodian(&ada).trim(),
            "✓ ADA                share 1   02:09 UTC"
        );
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert!(board_line(&view("collecting"), Timestamp(0)).contains("Rio\\u{1b}[2J"));
    }

    #[test]
    fn only_what_changed_is_said_again() {
        let before = view("collecting");
        let mut after = before.clone();
        assert_eq!(changes(Some(&before), &after), Vec::<String>::new());
        after.custodians[1].state = "in".into();
        after.phase = "opening".into();
        let said = changes(Some(&before), &after);
        assert_eq!(said.len(), 2);
        assert!(
            said[0].contains("opening") && said[1].contains("BEN"),
            "{said:?}"
        );
    }

    #[test]
    fn a_closing_incident_is_never_called_safe() {
        assert!(board_line(&view("closing"), Timestamp(0)).contains("NOT SAFE YET"));
    }
}
