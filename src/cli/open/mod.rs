//! `breakglass open`: the responder walks the decision tree, signs the opening, reads out the
//! phrase, waits and claims.

mod ask;
mod follow;
mod page;
mod resource;

use serde_json::json;

use super::client::{Client, Documents};
use super::terms_check::{self, Case};
use super::{CliError, Exit, Globals, Output, clock, phrase, show, text};
use crate::api::IncidentView;
use crate::domain::act::{Deed, Opening};
use crate::domain::grants::GrantTo;
use crate::domain::ids::IncidentId;
use crate::domain::phrase::phrase as phrase_of;
use crate::domain::roster::Roster;
use crate::domain::terms::{Purpose, Target};
use crate::sealed::loaded_key::LoadedKey;

/// Arguments of `open`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  breakglass open
  breakglass open --because catastrophic-outage --workspace 1234 --for 60m \\
      --answers harm_within_hour=yes,admin_can_sign_in=no,rollback_elsewhere=no,platform_down=yes \\
      --ticket OPS-8812 \"IdP change locked out all workspace admins\"
  breakglass open --page --workspace 1234
  breakglass open --purpose rotate \"rotation owed since last night\"")]
pub struct Args {
    /// Why, in one sentence; custodians read it
    reason: Option<String>,
    /// The use case, when you know where the tree leads
    #[arg(long, value_name = "USECASE")]
    because: Option<String>,
    /// Answers to the decision tree
    #[arg(long, value_name = "ID=yes|no,…", value_delimiter = ',', value_parser = ask::answer)]
    answers: Vec<(String, bool)>,
    /// Ticket number
    #[arg(long, default_value = "")]
    ticket: String,
    /// Length of the session, such as 60m or 1h; the use case's limit without it
    #[arg(long = "for", value_name = "TIME", value_parser = text::minutes)]
    minutes: Option<u32>,
    /// The workspace to reach, by id
    #[arg(long, value_name = "ID")]
    workspace: Option<String>,
    /// Reach the account host
    #[arg(long)]
    account: bool,
    /// What the session may call; the use case's own scope without it. May be repeated
    #[arg(long, value_name = "PATTERN")]
    scope: Vec<String>,
    /// One thing the session may change, such as job:123; adds the patterns for it. May be repeated
    #[arg(long = "resource", value_name = "KIND:ID", value_parser = resource::patterns)]
    resources: Vec<resource::Patterns>,
    /// A person who may be made an admin for the session (`grant`); PERSON:keep lets the right
    /// stay after the close. May be repeated
    #[arg(long = "grant", value_name = "PERSON")]
    grants: Vec<String>,
    /// Ask the custodians to close this open incident for yours; they are asked again for yours once its secret is rotated
    #[arg(long, value_name = "INC")]
    displace: Option<IncidentId>,
    /// Continue this incident, which broke within a day and left its rotation owed
    #[arg(long = "continue", value_name = "INC")]
    continues: Option<IncidentId>,
    /// What the shares are for
    #[arg(long, value_enum, default_value_t)]
    purpose: PurposeArg,
    /// Print the address of the page on which your passkey signs the opening, and four words that the
    /// page must show; claim here afterwards
    #[arg(long, conflicts_with_all = ["because", "scope", "resources", "grants", "displace", "continues", "purpose", "no_wait"])]
    page: bool,
    /// Return once custodians are asked
    #[arg(long)]
    no_wait: bool,
    /// Longest wait for the custodians
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = text::minutes)]
    timeout: u32,
}

impl Args {
    /// The scope asked for; resources come with reading, which every repair needs.
    fn patterns(&self) -> Vec<String> {
        let mut patterns = self.scope.clone();
        if !self.resources.is_empty() && patterns.is_empty() {
            patterns.push("ws:read".to_owned());
        }
        let more = self.resources.iter().flat_map(|one| one.0.clone());
        patterns.extend(more);
        patterns
    }
}

/// What `drill` asks: the same as an emergency, with an answer for everything that is not given.
pub(super) struct Rehearsal {
    /// Why.
    pub(super) reason: String,
    /// The use case; without it the first that waits for nothing.
    pub(super) because: Option<String>,
    /// Length of the session, minutes.
    pub(super) minutes: u32,
    /// The workspace it would reach; the account without it.
    pub(super) workspace: Option<String>,
    /// What it may call.
    pub(super) scope: Vec<String>,
    /// Return once custodians are asked.
    pub(super) no_wait: bool,
    /// Longest wait, minutes.
    pub(super) timeout_minutes: u32,
}

/// Asks for a drill, waits and claims, as [`run`] does for an emergency.
///
/// # Errors
/// [`CliError`].
pub(super) async fn rehearse(
    asked: Rehearsal,
    globals: &Globals,
    out: &Output,
) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let policy = &documents.policy;
    let use_case = match &asked.because {
        Some(wanted) => policy.use_case(wanted),
        None => policy.for_a_drill(),
    };
    let way = use_case.and_then(|case| Some((case, policy.way_to(&case.id)?)));
    let Some((use_case, answers)) = way else {
        let known: Vec<&str> = policy.use_cases.iter().map(|u| u.id.as_str()).collect();
        return Err(
            CliError::usage("the decision tree leads to no such use case")
                .hint(format!("one of: {}", known.join(", "))),
        );
    };
    let opening = Opening {
        purpose: Purpose::Drill,
        use_case: use_case.id.clone(),
        answers,
        reason: ask::reason(Some(&asked.reason), out).await?,
        ticket: String::new(),
        target: Target {
            account: asked.workspace.is_none(),
            workspace: asked.workspace,
        },
        scope: asked.scope,
        grants_to: Vec::new(),
        max_minutes: asked.minutes.min(use_case.max_minutes),
        claim_key: Some(kept_claim_key(&client)?),
        displaces: None,
        continues: None,
        client_nonce: nonce()?,
    };
    let how = (asked.no_wait, asked.timeout_minutes);
    send(&mut client, &documents, opening, how, out).await
}

/// A new claim key, kept before anything is sent: an opening whose claim key is lost can never be
/// claimed.
fn kept_claim_key(client: &Client) -> Result<String, CliError> {
    let key = LoadedKey::generate_ed25519("breakglass claim")
        .map_err(|why| CliError::failed("key", why.to_string()))?;
    client.state.keep_claim_key(&key)?;
    Ok(key.public().text().to_owned())
}

/// Purposes a person can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum PurposeArg {
    /// A session for an emergency
    #[default]
    Incident,
    /// Finish an owed rotation, without a session
    Rotate,
}

impl From<PurposeArg> for Purpose {
    fn from(argument: PurposeArg) -> Self {
        match argument {
            PurposeArg::Incident => Self::Incident,
            PurposeArg::Rotate => Self::Rotate,
        }
    }
}

/// Asks what is missing, signs, sends, waits, claims.
///
/// # Errors
/// [`CliError`]; refused with the other door to take when the tree says so.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    if args.page {
        return page::address(&args, globals, out);
    }
    let mut client = Client::open(globals)?;
    let documents = client.documents().await?;
    let opening = opening(&args, &mut client, &documents, out).await?;
    send(
        &mut client,
        &documents,
        opening,
        (args.no_wait, args.timeout),
        out,
    )
    .await
}

/// Asks for a rotation without a session and waits for it: a new epoch.
///
/// # Errors
/// [`CliError`].
pub(super) async fn rotation(
    client: &mut Client,
    reason: String,
    no_wait: bool,
    timeout_minutes: u32,
    out: &Output,
) -> Result<Exit, CliError> {
    let documents = client.documents().await?;
    let opening = Opening {
        purpose: Purpose::Rotate,
        use_case: String::new(),
        answers: std::collections::BTreeMap::new(),
        reason,
        ticket: String::new(),
        target: Target::default(),
        scope: Vec::new(),
        grants_to: Vec::new(),
        max_minutes: 0,
        claim_key: None,
        displaces: None,
        continues: None,
        client_nonce: nonce()?,
    };
    send(client, &documents, opening, (no_wait, timeout_minutes), out).await
}

/// Signs, sends, checks what came back, says the phrase, waits for the end.
async fn send(
    client: &mut Client,
    documents: &Documents,
    opening: Opening,
    (no_wait, timeout_minutes): (bool, u32),
    out: &Output,
) -> Result<Exit, CliError> {
    let act = client.sign_act(&documents.head, None, Deed::Open(Box::new(opening)))?;
    let view: IncidentView = client.api.post("/incidents", &act).await?;
    let id: IncidentId = view
        .id
        .parse()
        .map_err(|_| CliError::failed("answer", "the vault's incident id is none"))?;
    let case = own_terms(client, documents, view, &id, &act.document).await?;
    announce(&case, out);
    if no_wait {
        let words = phrase_of(&case.terms_sha256).join(" ");
        out.result(
            json!({"incident": id, "purpose": case.view.purpose, "phase": case.view.phase, "phrase": words,
                "needed": case.terms.needed, "expires_ms": case.terms.expires_ms,
                "terms_sha256": case.terms_sha256}),
            &format!(
                "{}{id} is on its way. breakglass status {id}; once open: breakglass claim {id}",
                show::mark(case.terms.purpose)
            ),
        );
        return Ok(Exit::DONE);
    }
    follow::to_the_end(client, documents, case, timeout_minutes, out).await
}

fn nonce() -> Result<String, CliError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|why| CliError::failed("random", why.to_string()))?;
    Ok(hex::encode(nonce))
}

async fn opening(
    args: &Args,
    client: &mut Client,
    documents: &Documents,
    out: &Output,
) -> Result<Opening, CliError> {
    let reason = ask::reason(args.reason.as_deref(), out).await?;
    let mut opening = Opening {
        purpose: args.purpose.into(),
        use_case: String::new(),
        answers: args.answers.iter().cloned().collect(),
        reason,
        ticket: args.ticket.clone(),
        target: Target {
            account: args.account,
            workspace: args.workspace.clone(),
        },
        scope: args.patterns(),
        grants_to: grants_to(&args.grants, &documents.roster)?,
        max_minutes: args.minutes.unwrap_or(0),
        claim_key: None,
        displaces: args.displace.clone(),
        continues: args.continues.clone(),
        client_nonce: nonce()?,
    };
    if args.purpose == PurposeArg::Rotate {
        let sessionless =
            opening.scope.is_empty() && opening.grants_to.is_empty() && args.minutes.is_none();
        let aimless = args.because.is_none()
            && opening.answers.is_empty()
            && opening.displaces.is_none()
            && opening.continues.is_none();
        return if sessionless && aimless {
            Ok(opening)
        } else {
            Err(CliError::usage(
                "a rotation opens no session: it takes a reason and nothing else",
            ))
        };
    }
    let leaf = ask::walk(
        &documents.policy,
        &mut opening.answers,
        args.because.as_deref(),
        out,
    )
    .await?;
    leaf.id.clone_into(&mut opening.use_case);
    opening.max_minutes = args.minutes.unwrap_or(leaf.max_minutes);
    if !args.account && args.workspace.is_none() {
        return Err(CliError::usage("nothing to reach was named")
            .hint("pass --workspace ID, --account or both"));
    }
    opening.claim_key = Some(kept_claim_key(client)?);
    Ok(opening)
}

/// People as typed become ids of the roster.
fn grants_to(texts: &[String], roster: &Roster) -> Result<Vec<GrantTo>, CliError> {
    let one = |text: &String| {
        let (name, keep) = match text.strip_suffix(":keep") {
            Some(name) => (name, true),
            None => (text.as_str(), false),
        };
        let person = roster.meant(name).ok_or_else(|| {
            CliError::usage(format!("the roster has no one person called {name}"))
                .hint("breakglass person list")
        })?;
        Ok(GrantTo {
            person: person.id.clone(),
            keep,
        })
    };
    texts.iter().map(one).collect()
}

/// The vault's terms are checked like a custodian does, and must be about what was just signed.
async fn own_terms(
    client: &mut Client,
    documents: &Documents,
    view: IncidentView,
    id: &IncidentId,
    signed: &str,
) -> Result<Case, CliError> {
    if view
        .request
        .as_ref()
        .map(|request| request.document.as_str())
        != Some(signed)
    {
        return Err(CliError::log_broken(
            "the vault answers with another opening than the one just signed",
        ));
    }
    terms_check::check_view(client, documents, view, id).await
}

/// The phrase in large type, and who was asked.
fn announce(case: &Case, out: &Output) {
    if case.view.phase == "waiting" {
        // Nobody is asked yet, and then the phrase is another one.
        out.talk(&show::incident(&case.view, clock::now()));
        return;
    }
    let asked = case.terms.asked_ms.date_clock_utc();
    // Neither `-q` nor `--json` may hide the phrase: without it nobody can approve.
    out.warn(&format!(
        "{}{} asked {asked}. Say this on the bridge, and nowhere in writing:",
        show::mark(case.terms.purpose),
        case.terms.incident
    ));
    out.warn(&phrase::large(&phrase_of(&case.terms_sha256)));
    out.talk(&show::incident(&case.view, clock::now()));
}
