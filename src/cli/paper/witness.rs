//! The two people of a paper release: the witness who signs first, and what the opener's `approve
//! --paper` needs of her (PROTOCOL §2).

use serde_json::json;

use super::super::client::{Client, Documents};
use super::super::release::{OwnShare, checked, rejected, sealed_share};
use super::super::terms_check::{self, Case};
use super::super::{CliError, Exit, Output, clock, escape, show, text};
use super::read_paper;
use crate::api::{IncidentView, PaperView};
use crate::domain::act::{Act, Deed};
use crate::domain::ids::{Digest, IncidentId, PersonId};
use crate::sealed::login_key::LoginKey;
use crate::sealed::passkey::Origins;
use crate::sealed::share::open_share;

/// Arguments of `paper witness`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// Who opens the paper beside you, by name
    #[arg(long, value_name = "NAME")]
    opener: String,
    /// Whose paper it is, by name
    #[arg(long, value_name = "NAME")]
    keeper: String,
    /// The number of the bag, which you found whole
    #[arg(long, value_name = "NUMBER")]
    bag: String,
    /// Sign what is shown without asking
    #[arg(long)]
    yes: bool,
}

/// Shows, asks, signs and sends; no share is touched.
///
/// # Errors
/// [`CliError`].
pub(super) async fn run(args: Args, client: &mut Client, out: &Output) -> Result<Exit, CliError> {
    let documents = client.documents().await?;
    let id = &args.incident;
    let case = terms_check::fetch(client, &documents, id).await?;
    let found = |name: &str| {
        let person = documents.roster.find(name);
        person.ok_or_else(|| CliError::usage(format!("nobody in the roster is called {name}")))
    };
    let (opener, keeper) = (found(&args.opener)?, found(&args.keeper)?);
    let unlocker = keeper.paper.clone().ok_or_else(|| {
        CliError::usage(format!("{} keeps no paper", escape::line(&keeper.name)))
            .page("paper-share")
    })?;
    let index = documents
        .dealt_to(&case.manifest)?
        .index_of(&keeper.id)
        .ok_or_else(|| rejected("that paper's keeper holds no share of this epoch"))?;
    // What is signed is shown, `-q` or not.
    out.warn(&show::facts(&case, &documents.roster, clock::now()));
    let (opens, whose) = (escape::line(&opener.name), escape::line(&keeper.name));
    out.warn(&format!(
        "You sign that you stand beside {opens}, who opens {whose}'s paper for {id}, and that bag {} \
         was whole. Everyone is told.",
        escape::line(&args.bag)
    ));
    if !args.yes {
        text::confirm(out, "Is that so?", "--yes").await?;
    }
    let deed = Deed::Witness {
        opener: opener.id.clone(),
        index,
        manifest_sha256: case.terms.manifest_sha256,
        unlocker,
        bag: args.bag.trim().to_owned(),
    };
    let act = client.sign_act(&case.head, Some((id, case.terms_sha256)), deed)?;
    let witness_sha256 = Digest::of(act.document.as_bytes());
    let view: IncidentView = client
        .api
        .post(&format!("/incidents/{id}/witness"), &act)
        .await?;
    out.result(
        json!({"incident": id, "opener": opener.id, "keeper": keeper.id, "index": index,
            "bag": args.bag.trim(), "witness_sha256": witness_sha256, "phase": view.phase}),
        &format!("Signed. {opens} opens the bag now and runs: breakglass approve {id} --paper"),
    );
    Ok(Exit::DONE)
}

/// A paper share that a witness signed for, with this person as its opener.
pub(in crate::cli) struct Witnessed {
    paper: PaperView,
    /// The witness's act.
    pub(in crate::cli) act_sha256: Digest,
}

/// The newest witness for this opener; her signature is checked here.
///
/// # Errors
/// Refused, with the command for the witness, when there is none or it does not hold.
pub(in crate::cli) fn witnessed(
    client: &Client,
    documents: &Documents,
    case: &Case,
) -> Result<Witnessed, CliError> {
    let me = client.me();
    let mut papers = case.view.asked.papers.iter().rev();
    let paper = papers.find(|p| p.opener == me.as_str() && !p.released);
    let none = || {
        CliError::new(
            Exit::REFUSED,
            "no_witness",
            "nobody has signed that she stands beside you; leave the bag closed",
        )
        .hint(format!(
            "she runs: breakglass paper witness {} --opener {me} --keeper NAME --bag NUMBER",
            case.terms.incident
        ))
        .page("paper-share")
    };
    let paper = paper.ok_or_else(none)?.clone();
    signed(&paper, me, documents, case).map_err(|why| {
        CliError::new(
            Exit::REFUSED,
            "no_witness",
            format!("the witness's signature does not hold: {why}"),
        )
        .hint("leave the bag closed and call security")
        .page("paper-share")
    })?;
    let act_sha256 = Digest::of(paper.act.document.as_bytes());
    Ok(Witnessed { paper, act_sha256 })
}

/// That somebody else of the roster signed exactly what is shown, for this opener and these terms.
fn signed(
    paper: &PaperView,
    me: &PersonId,
    documents: &Documents,
    case: &Case,
) -> Result<(), String> {
    let bytes = paper.act.document.as_bytes();
    let act = Act::parse(bytes).map_err(|why| why.to_string())?;
    let shown = Deed::Witness {
        opener: me.clone(),
        index: paper.index,
        manifest_sha256: case.terms.manifest_sha256,
        unlocker: paper.unlocker.clone(),
        bag: paper.bag.clone(),
    };
    let about = act.vault == case.terms.vault
        && act.incident.as_ref() == Some(&case.terms.incident)
        && act.terms_sha256 == Some(case.terms_sha256);
    if act.deed != shown || !about {
        return Err("it says something else".to_owned());
    }
    let owner = documents.roster.owner_of_key(&act.key);
    let somebody = owner.is_some_and(|p| p.id == act.person && p.id != *me);
    if !somebody || act.person.as_str() != paper.witness {
        return Err("it is not hers".to_owned());
    }
    let key = LoginKey::parse(&act.key).map_err(|why| why.to_string())?;
    let signature = &paper.act.signature;
    key.verify("witness", bytes, signature, Origins::OfItsHost)
        .map_err(|why| why.to_string())
        .map(drop)
}

impl Witnessed {
    /// One line for whoever opens the bag.
    pub(in crate::cli) fn line(&self) -> String {
        format!(
            "You open {}'s paper from bag {}; {} stands by. You count as one person and give no \
             other share.",
            escape::line(&self.paper.keeper_name),
            escape::line(&self.paper.bag),
            escape::line(&self.paper.witness_name)
        )
    }

    /// Reads the paper, fetches its keeper's sealed share, opens and checks it here.
    ///
    /// # Errors
    /// Share rejected (exit 6): nothing was sent.
    pub(in crate::cli) async fn share(
        &self,
        client: &mut Client,
        case: &Case,
        out: &Output,
    ) -> Result<OwnShare, CliError> {
        let paper = read_paper(case.terms.vault.as_str(), out)?;
        if paper.recipient() != self.paper.unlocker {
            return Err(rejected(&format!(
                "this paper is not the one that {} signed for",
                escape::line(&self.paper.witness_name)
            ))
            .page("paper-share"));
        }
        let opener = paper.opener().map_err(|why| rejected(&why.to_string()))?;
        let path = format!("/incidents/{}/paper-share", case.terms.incident);
        let file = sealed_share(client, &path).await?;
        let opened = open_share(&file, &opener).map_err(|why| rejected(&why.to_string()))?;
        let unlocker = paper.recipient().to_owned();
        checked(opened, unlocker, &case.manifest, self.paper.index)
    }
}
