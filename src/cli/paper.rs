//! `breakglass paper`: an unlocker that exists on a sheet only (PROTOCOL §2).
//!
//! The identity is made on its keeper's machine, written once to where she says, and enrolled by
//! her own signature; the vault learns its recipient and nothing else. Every epoch is dealt to it
//! like to her other unlockers, so that the sheet never changes.

mod sheet;
mod typed;
mod witness;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::client::{Client, Documents};
use super::release::{rejected, share_opened_by};
use super::{CliError, Exit, Globals, Output, enrol, escape, files, prove, text, unlocker};
use crate::domain::roster::{Person, Role};
use crate::sealed::paper::Paper;
use crate::sealed::share::{open_test, seal_test};
use crate::sealed::unlocker::Unlocker;

pub(super) use typed::paper as read_paper;
pub(super) use witness::witnessed;

/// Arguments of `paper`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a paper that opens your share, print it and enrol it
    #[command(
        after_help = "Examples:\n  breakglass paper new\n  breakglass paper new --sheet sheet.html\n\nThe sheet goes to the terminal, or to a new file that only you can read: .html to print, anything \
                      else as plain text. Print it, then destroy the file (shred -u). It never changes: each epoch is sealed to it."
    )]
    New(NewArgs),
    /// Type a paper's text: see whose it is and, as its keeper, prove that it opens your share
    #[command(
        after_help = "Examples:\n  breakglass paper check\n  zbarcam --raw -1 | breakglass paper check\n\nThe text is read from the terminal or a pipe, never from an argument. Wrong characters are named by their places."
    )]
    Check,
    /// Stand beside somebody who opens a paper in an incident: sign it before the bag is opened
    #[command(
        after_help = "Example:\n  breakglass paper witness INC-7 --opener ben --keeper ada --bag 0017\n\nThen the opener runs: breakglass approve INC-7 --paper. Custodians, auditors and security people may stand by; not who asked."
    )]
    Witness(witness::Args),
}

#[derive(Debug, clap::Args)]
struct NewArgs {
    /// A new file for the sheet, readable by you alone, instead of the terminal
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Put it in the place of your present paper, which opens nothing from the next epoch on
    #[arg(long)]
    replace: bool,
    /// Sign what is shown without asking
    #[arg(long)]
    yes: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    match args.command {
        Command::New(args) => new(args, &mut client, out).await,
        Command::Check => check(&mut client, out).await,
        Command::Witness(args) => witness::run(args, &mut client, out).await,
    }
}

async fn new(args: NewArgs, client: &mut Client, out: &Output) -> Result<Exit, CliError> {
    if args.sheet.is_none() && !std::io::stdout().is_terminal() {
        return Err(
            CliError::usage("the sheet holds a secret and this is no terminal")
                .hint("pass --sheet FILE: a new file that only you can read"),
        );
    }
    let documents = client.documents().await?;
    let me = documents.person(&client.kept.settings)?.clone();
    may_keep(&me, args.replace)?;
    let paper = Paper::generate().map_err(|why| rejected(&why.to_string()))?;
    let vault = documents.roster.vault.as_str();
    opens_a_test(&paper, vault)?;
    write_sheet(&args, &paper, vault, &me.name)?;
    let enrolled = enrol(&args, client, &paper, out).await;
    if let Err(error) = enrolled {
        let sheet = args.sheet.as_deref().map(Path::display);
        out.warn(&match sheet {
            Some(file) => format!("! Destroy {file}: it was not enrolled and opens nothing."),
            None => "! Destroy what you wrote down: it was not enrolled and opens nothing.".into(),
        });
        return Err(error);
    }
    finish(&args, client, &documents, &paper, out).await
}

/// A custodian without a paper, or one who replaces it.
fn may_keep(me: &Person, replace: bool) -> Result<(), CliError> {
    if !me.is(Role::Custodian) {
        return Err(CliError::new(
            Exit::NOT_ALLOWED,
            "no_share",
            "only a custodian keeps a paper share",
        ));
    }
    if me.paper.is_some() && !replace {
        return Err(CliError::new(
            Exit::REFUSED,
            "has_paper",
            "you keep a paper already, and it never changes",
        )
        .hint("to put a new one in its place: breakglass paper new --replace")
        .page("paper-share"));
    }
    Ok(())
}

/// The text must read back, and what is sealed to the recipient must open with it, before anybody
/// relies on the sheet.
fn opens_a_test(paper: &Paper, vault: &str) -> Result<(), CliError> {
    let failed =
        |why: String| CliError::failed("paper", format!("the new paper opens nothing: {why}"));
    let mut inside = [0; 32];
    getrandom::fill(&mut inside).map_err(|why| failed(why.to_string()))?;
    let unlocker = Unlocker::parse(paper.recipient()).map_err(|why| failed(why.to_string()))?;
    let file = seal_test(&inside, &unlocker).map_err(|why| failed(why.to_string()))?;
    let text = paper.text(vault).map_err(|why| failed(why.to_string()))?;
    let back = sheet::reads_back(&text, vault).map_err(|why| failed(why.to_string()))?;
    let opener = back.opener().map_err(|why| failed(why.to_string()))?;
    match open_test(&file, &opener) {
        Ok(found) if found == inside => Ok(()),
        Ok(_) => Err(failed("the test envelope held something else".into())),
        Err(why) => Err(failed(why.to_string())),
    }
}

/// To the terminal or the file that was named; nowhere else, not even for a moment.
fn write_sheet(args: &NewArgs, paper: &Paper, vault: &str, keeper: &str) -> Result<(), CliError> {
    let text = paper
        .text(vault)
        .map_err(|why| rejected(&why.to_string()))?;
    let keeper = escape::line(keeper);
    let about = sheet::About {
        vault,
        keeper: &keeper,
        recipient: paper.recipient(),
    };
    let Some(file) = &args.sheet else {
        let shown = sheet::text(&about, &text, sheet::Medium::Screen)?;
        let mut stdout = std::io::stdout();
        return stdout
            .write_all(shown.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|why| CliError::failed("sheet", format!("the sheet was not shown: {why}")));
    };
    let html = file
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("html"));
    let sheet = if html {
        sheet::page(&about, &text)?
    } else {
        sheet::text(&about, &text, sheet::Medium::Ink)?
    };
    files::write_new(file, |to| to.write_all(sheet.as_bytes()))
}

/// Her signature puts the recipient into the roster.
async fn enrol(
    args: &NewArgs,
    client: &mut Client,
    paper: &Paper,
    out: &Output,
) -> Result<(), CliError> {
    if !args.yes {
        let question = match &args.sheet {
            Some(file) => format!("Is {} printed, and can the print be read?", file.display()),
            None => "Is it on paper, and can it be read?".to_owned(),
        };
        text::confirm(out, &question, "--yes").await?;
    }
    let recipient = paper.recipient().to_owned();
    unlocker::change(client, args.yes, out, |person| {
        if let Some(old) = person.paper.replace(recipient.clone()) {
            person.unlockers.retain(|each| *each != old);
        }
        person.unlockers.push(recipient);
        Ok(())
    })
    .await
}

/// The vault's own test envelope, and the present share sealed to the paper too. A crash before
/// this leaves an enrolled paper to which the next epoch is dealt.
async fn finish(
    args: &NewArgs,
    client: &mut Client,
    documents: &Documents,
    paper: &Paper,
    out: &Output,
) -> Result<Exit, CliError> {
    let opener = paper.opener().map_err(|why| rejected(&why.to_string()))?;
    enrol::open_test_with(client, paper.recipient(), &opener).await?;
    let holds = documents
        .dealt_to(&documents.manifest)?
        .index_of(client.me())
        .is_some();
    let (epoch, index) = if holds {
        let (epoch, index, _) = prove::reseal(client).await?;
        (Some(epoch), Some(index))
    } else {
        (None, None)
    };
    let sealed = match (epoch, index) {
        (Some(epoch), Some(index)) => {
            format!(
                "Share {index} of epoch {epoch} is sealed to it too, and so is every later one."
            )
        }
        _ => "You hold no share yet: the next epoch is sealed to it too.".to_owned(),
    };
    let destroy = args.sheet.as_ref().map_or(String::new(), |file| {
        format!("\nOnce it is printed: shred -u {}", file.display())
    });
    out.result(
        json!({"paper": paper.recipient(), "sheet": args.sheet, "epoch": epoch, "index": index}),
        &format!(
            "Your paper is enrolled. {sealed}\nTry the sheet once, then seal it into its bag: \
             breakglass paper check{destroy}"
        ),
    );
    Ok(Exit::DONE)
}

async fn check(client: &mut Client, out: &Output) -> Result<Exit, CliError> {
    let documents = client.documents().await?;
    let vault = documents.roster.vault.clone();
    let paper = read_paper(vault.as_str(), out)?;
    let keeper = keeper_of(&documents, &paper)?.clone();
    let name = escape::line(&keeper.name);
    if keeper.id != *client.me() {
        out.result(
            json!({"vault": vault, "keeper": keeper.id, "name": keeper.name, "proved": false}),
            &format!(
                "This is {name}'s paper for {vault}, and it reads well. She proves that it opens \
                 her share: breakglass paper check"
            ),
        );
        return Ok(Exit::DONE);
    }
    let index = prove::own_index(&documents, &keeper)?;
    let opener = paper.opener().map_err(|why| rejected(&why.to_string()))?;
    let own = share_opened_by(
        client,
        &documents.manifest,
        index,
        (&opener, paper.recipient()),
    )
    .await?;
    prove::send(client, &documents, &own, index, None).await?;
    let epoch = documents.manifest.epoch;
    out.result(
        json!({"vault": vault, "keeper": keeper.id, "name": keeper.name, "proved": true,
            "epoch": epoch, "index": index}),
        &format!(
            "This is your paper for {vault}. It opens share {index} of epoch {epoch}, which stayed on \
             this machine; the proof is in the log.\nNow into a new bag: write down its number."
        ),
    );
    Ok(Exit::DONE)
}

/// Whose paper of the roster in force this is.
pub(super) fn keeper_of<'d>(
    documents: &'d Documents,
    paper: &Paper,
) -> Result<&'d Person, CliError> {
    let people = &documents.roster.people;
    let mut keepers = people.iter().filter(|p| p.on_paper(paper.recipient()));
    keepers.next().ok_or_else(|| {
        CliError::new(
            Exit::SHARE_REJECTED,
            "nobodys_paper",
            "this paper reads well, but it is nobody's unlocker any more: it was replaced or its keeper left",
        )
        .hint("destroy it; a custodian makes a new one with breakglass paper new")
        .page("paper-share")
    })
}
