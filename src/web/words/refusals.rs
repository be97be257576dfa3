//! What pages say when the vault says no: a row for each code, in the three parts. The vault's own
//! sentence, with its numbers and names, stands below as a detail; where a code has no row, it and its
//! hint stand for the first and the last part.

use crate::web::words::dead_end::{NOTHING, Sentences, sentence};

/// One row.
struct Row {
    code: &'static str,
    says: Sentences,
}

const fn row(
    code: &'static str,
    title: &'static str,
    happened: &'static str,
    now: &'static str,
) -> Row {
    Row {
        code,
        says: Sentences {
            title,
            happened,
            released: NOTHING,
            now,
        },
    }
}

const NO: &str = "The vault said no";
const OVER: &str = "It is over";
const PAPER_NO: &str = "This paper cannot be used";
const NOT_ALLOWED: &str = "Not allowed";
const NOT_UNDERSTOOD: &str = "Not understood";

/// Rows of what the rules refuse, then of what else goes wrong.
const ROWS: &[Row] = &[
    row(
        "not_in_phase",
        "It has moved on",
        "The incident stands elsewhere by now, and there this cannot be done.",
        "Load the incident's page again: it shows where it stands and what can be done there.",
    ),
    row(
        "session_ended",
        OVER,
        "The session has ended: it was closed, stopped, or its time was up.",
        "Is it still needed? Ask for a new one.",
    ),
    row(
        "no_such_incident",
        "No such incident",
        "There is no incident of that number.",
        "Look it up in the list of incidents.",
    ),
    row(
        "wrong_role",
        NOT_ALLOWED,
        "Somebody with another role must do this.",
        "Ask somebody who has it; the people and their roles are listed with the custodians.",
    ),
    row(
        "own_incident",
        NOT_ALLOWED,
        "You asked for this yourself, and who asks does not count as a custodian.",
        "Read the three words to the others on the bridge.",
    ),
    row(
        "no_share",
        NOT_ALLOWED,
        "You hold no share of this epoch.",
        "Nothing for you to do here. If you should hold one, ask the operator: the next epoch deals to everybody on the roster.",
    ),
    row(
        "other_terms",
        "The terms have changed",
        "What you signed is not what is asked for now: it was changed, asked anew, or never asked.",
        "Load the page again, read what is asked now, and decide afresh.",
    ),
    row(
        "other_manifest",
        "The epoch has changed",
        "The shares have been dealt anew since your page was loaded.",
        "Load the page again; your share of the new epoch is used then.",
    ),
    row(
        "other_index",
        NO,
        "The share that was sent belongs to somebody else.",
        "Load the page again on your own device. If it happens again, call the operator.",
    ),
    row(
        "already_approved",
        "Your share is in",
        "Your share came in before; it counts once.",
        "Nothing more to do. Changed your mind? Take it back on the incident's page.",
    ),
    row(
        "refused_before",
        NO,
        "You refused this incident, and a no is final.",
        "If the need is real after all, the responder asks anew.",
    ),
    row(
        "nothing_to_withdraw",
        NO,
        "There is no share of yours to take back.",
        "Look at the incident's page: it shows what has come in.",
    ),
    row(
        "paused",
        "You are paused",
        "Other words than this incident's were picked twice, so you are paused for five minutes. Security knows.",
        "Join the bridge, ask who is calling, and tell security if nobody read you a phrase.",
    ),
    row(
        "replayed",
        NO,
        "The same signature came in before; each counts once.",
        "Load the page again: it shows whether the first one counted.",
    ),
    row(
        "lapsed",
        OVER,
        "Too few shares came in time, and the incident lapsed.",
        "Is it still needed? The responder asks anew.",
    ),
    row(
        "clock_apart",
        "The clocks differ",
        "Your device's clock and the vault's are too far apart.",
        "Set your device's clock, load the page again and sign once more.",
    ),
    row(
        "tree_says_no",
        "There is another door",
        "The answers do not lead to this reason.",
        "Answer the questions again, or take the other door they name.",
    ),
    row(
        "bad_opening",
        NO,
        "Something in what was asked for cannot be granted.",
        "Change it and ask again; what you typed is still in your browser.",
    ),
    row(
        "not_in_grants",
        NOT_ALLOWED,
        "The custodians did not agree to give this person a right.",
        "Ask for a new incident that names her.",
    ),
    row(
        "outside_target",
        NOT_ALLOWED,
        "The custodians agreed to another target than this right is for.",
        "Ask for a new incident with that target.",
    ),
    row(
        "too_many",
        NO,
        "That was too often, or too many at once.",
        "Wait, or let somebody else ask; what is under way is on the board.",
    ),
    row(
        "too_few_eligible",
        "Too few custodians",
        "Fewer custodians could give a share than are needed.",
        "Call the operator. A way past the vault is Databricks' own emergency sign-in, if your company has it.",
    ),
    row(
        "override_needed",
        NO,
        "A gate is closed, and no further custodian could make up for it.",
        "Ask a security person to sign the override: `breakglass override INC`",
    ),
    row(
        "nothing_to_override",
        NO,
        "No gate of this incident needs an override for this.",
        "Look at the incident's page: it shows what is still missing.",
    ),
    row(
        "co_approver_missing",
        "Somebody's yes is missing",
        "Besides the custodians somebody else must agree, and has not.",
        "Ask her: the incident's page names the role.",
    ),
    row(
        "too_early",
        "Not yet",
        "Its time has not come: a delay or a veto window is running.",
        "Wait; the incident's page counts down.",
    ),
    row(
        "bad_extension",
        NO,
        "The session cannot be extended as asked.",
        "Ask for fewer minutes, or close it and ask for a new one.",
    ),
    row(
        "busy",
        "One at a time",
        "Another incident is being opened, is open or is closing.",
        "Wait until it has closed, stop it, or open with `--displace INC`",
    ),
    row(
        "no_quorum",
        NO,
        "Not enough shares are in yet.",
        "Call the custodians who have not answered; the incident's page says what time it is there.",
    ),
    row(
        "no_alert_confirmed",
        "Nobody may have heard",
        "No channel has taken the opening alert yet.",
        "It opens by itself once one does; or one more custodian approves with `--override no_alert_confirmed`",
    ),
    row(
        "second_stop",
        NOT_ALLOWED,
        "You stopped or vetoed something within the last 24 hours; a second time needs another person's signature.",
        "Call somebody else who may: a custodian, an auditor or security.",
    ),
    row(
        "wrong_claim_key",
        NOT_ALLOWED,
        "The session can only be claimed with the key that asked for it.",
        "Claim it on the machine on which it was asked for. Was that not you? Stop the session and call security.",
    ),
    row(
        "participant",
        NOT_ALLOWED,
        "Who took part in an incident cannot review it.",
        "Ask an auditor who took no part.",
    ),
    row(
        "not_auditor",
        NOT_ALLOWED,
        "Only an auditor may review.",
        "Ask an auditor who took no part.",
    ),
    row(
        "unanswered",
        "Answers are missing",
        "Not every question and item has an answer.",
        "Answer them all, then sign again.",
    ),
    row(
        "other_record",
        "The record has changed",
        "The record has changed since your page was loaded.",
        "Load the page again, look at what is new, then sign.",
    ),
    row(
        "bad_text",
        NO,
        "A text is empty, too long, or holds characters that do not show.",
        "Shorten it, or type it by hand, and send it again; nothing you typed is lost.",
    ),
    row(
        "bad_version",
        NO,
        "The version that was proposed can never take effect as it is.",
        "Write it against the one in force: `breakglass roster show`, `breakglass policy show`",
    ),
    row(
        "signed_before",
        "You have signed it",
        "You have signed this version before.",
        "Nothing more to do; others sign it with `breakglass roster sign` or on their pages.",
    ),
    row(
        "share_rejected",
        "The share was not accepted",
        "The share is damaged, or not the one it should be. Other people's shares keep their place.",
        "Prove your share: `breakglass prove` shows whether it still opens.",
    ),
    row(
        "login_needed",
        "You are not signed in",
        "There is no login here: it was not accepted, or it has ended after its eight hours.",
        "Sign in again, with a key that is enrolled.",
    ),
    row(
        "not_allowed",
        NOT_ALLOWED,
        "You may not do this, or the signature does not hold.",
        "Check which person and key this device is enrolled for.",
    ),
    row(
        "bad_document",
        NOT_UNDERSTOOD,
        "What was sent could not be read.",
        "Load the page again. A command must be of the vault's version.",
    ),
    row(
        "not_found",
        "Not found",
        "What was asked for does not exist.",
        "Start at the board.",
    ),
    row(
        "sealed",
        "The vault is sealed",
        "Nothing is unsealed, so this cannot be done.",
        "Look at the board. Is it still needed? Custodians are asked again.",
    ),
    Row {
        code: "databricks_unreachable",
        says: Sentences {
            title: "Databricks did not answer",
            happened: "Databricks said no, or could not be reached.",
            released: "Whether Databricks did what was asked is not known; the incident's page will show it.",
            now: "The operator looks whether Databricks answers from the vault's host.",
        },
    },
    row(
        "log_lost",
        "The log cannot be written",
        "The vault's log cannot be written, and without it nothing is opened.",
        "Call the operator at once. Closing and stopping go on.",
    ),
    row(
        "disk_full",
        "Nothing is opened now",
        "The vault's disk is full, and without room nothing new is opened.",
        "Call an operator: once there is room it opens again by itself. Closing and stopping go on.",
    ),
    row(
        "ending",
        "Nothing is opened now",
        "The vault is being stopped, and opens nothing new meanwhile.",
        "Ask again when it has started again.",
    ),
    row(
        "log_broken",
        "Nothing is opened now",
        "The log is not the one this vault wrote.",
        "Release no share. Call security and the operator.",
    ),
    row(
        "one_paper",
        PAPER_NO,
        "One paper share counts in an incident, and one is in.",
        "Put this paper back unopened. Ask another custodian for her own share.",
    ),
    row(
        "own_witness",
        PAPER_NO,
        "Whoever opens a paper cannot be her own witness.",
        "Somebody beside you signs first: the runbook about paper shares has the command.",
    ),
    row(
        "no_witness",
        PAPER_NO,
        "No witness has signed for this opener and this paper under the terms in force.",
        "Somebody beside you signs first: the runbook about paper shares has the command.",
    ),
    row(
        "not_paper",
        PAPER_NO,
        "What was named is not the keeper's paper of today.",
        "Take her present paper; an older one opens nothing.",
    ),
    row(
        "paper_alone",
        PAPER_NO,
        "A paper is opened by two people, and this approval names no witness.",
        "Somebody beside you signs first: the runbook about paper shares has the command.",
    ),
    row(
        "keeper_left",
        PAPER_NO,
        "The keeper of this paper is no custodian any more.",
        "Put the paper back unopened. Ask another custodian.",
    ),
    row(
        "keeper_asked",
        PAPER_NO,
        "This paper belongs to the one who asked for access.",
        "Put the paper back unopened. Ask another custodian.",
    ),
    row(
        "keeper_refused",
        PAPER_NO,
        "The keeper of this paper refused, and a refusal is final.",
        "Put the paper back unopened. Ask another custodian.",
    ),
    row(
        "keeper_gave",
        PAPER_NO,
        "The share that this paper opens is in already.",
        "Put the paper back unopened. Ask another custodian.",
    ),
    row(
        "paper_too_few_left",
        PAPER_NO,
        "With this paper too few custodians would be left to reach the quorum.",
        "Put the paper back unopened. Ask another custodian for her own share.",
    ),
    row(
        "overloaded",
        "Too much at once",
        "More came at once than the vault takes.",
        "Try again in a moment.",
    ),
    row(
        "broken",
        "Something in the vault broke",
        "Something in the vault broke; it is in its own log.",
        "Call the operator.",
    ),
];

/// What is told of a code; without a row of its own the vault's sentences stand.
pub(in crate::web) fn told(code: &str, message: &str, hint: &str) -> Told {
    match ROWS.iter().find(|row| row.code == code) {
        Some(Row { says, .. }) => Told {
            title: says.title,
            happened: says.happened.to_owned(),
            released: says.released,
            now: says.now.to_owned(),
            exactly: Some(sentence(message)),
        },
        None => Told {
            title: NO,
            happened: sentence(message),
            released: NOTHING,
            now: sentence(hint),
            exactly: None,
        },
    }
}

/// The three parts under their title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Told {
    pub title: &'static str,
    pub happened: String,
    pub released: &'static str,
    pub now: String,
    /// The vault's own sentence, with numbers and names.
    pub exactly: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Codes that the functions `code` of the code base give, read from its sources: a new refusal
    /// without a row is found here and not by somebody at night.
    fn codes(file: &str) -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let source = std::fs::read_to_string(path).unwrap();
        let after = source.split("pub fn code(").nth(1);
        let body = after.unwrap().split("\n    }\n").next().unwrap().to_owned();
        body.split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    }

    fn all() -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (file, least) in [
            ("src/domain/incident/refusal.rs", 39),
            ("src/domain/incident/paper.rs", 10),
            ("src/app/error.rs", 10),
            ("src/app/shut.rs", 3),
        ] {
            let found = codes(file);
            assert!(found.len() >= least, "{file}: {found:?}");
            all.extend(found);
        }
        all
    }

    #[test]
    fn every_code_has_its_row_and_every_row_its_code() {
        let rows: Vec<&str> = ROWS.iter().map(|row| row.code).collect();
        let unique: BTreeSet<String> = rows.iter().map(|code| (*code).to_owned()).collect();
        assert_eq!(rows.len(), unique.len(), "a code has two rows");
        assert_eq!(unique, all());
    }

    #[test]
    fn every_row_has_three_parts_that_are_sentences() {
        for Row { code, says } in ROWS {
            for part in [says.happened, says.released, says.now] {
                let capital = part.starts_with(|c: char| c.is_ascii_uppercase());
                assert!(capital && part.ends_with(['.', '`']), "{code}: {part}");
            }
            assert!(!says.title.ends_with('.'), "{code}: {}", says.title);
            assert!(says.released.contains("released") || says.released.contains("not known"));
        }
    }

    #[test]
    fn a_code_without_a_row_is_told_in_the_vaults_words() {
        let told = told("new_code", "the moon is full", "wait for the morning");
        assert_eq!(told.happened, "The moon is full.");
        assert_eq!(
            (told.released, told.now.as_str()),
            (NOTHING, "Wait for the morning.")
        );
        assert_eq!(told.exactly, None);
    }

    #[test]
    fn the_vaults_sentence_stays_as_a_detail() {
        let told = told("no_quorum", "2 of 3 shares are in", "-");
        assert_eq!(told.exactly.as_deref(), Some("2 of 3 shares are in."));
        assert!(told.now.starts_with("Call the custodians"), "{told:?}");
    }
}
