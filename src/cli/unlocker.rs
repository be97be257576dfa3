//! `breakglass unlocker`: a custodian adds or removes what opens her share, with one of her
//! existing keys (PROTOCOL §1).
//!
//! The roster changes by her own signature; then her present share is opened here and sealed again
//! to exactly the unlockers she has now. Nothing unencrypted leaves this machine.

use std::path::PathBuf;

use super::client::{Client, without_comment};
use super::{CliError, Exit, Globals, Output, enrol, files, person, proposals, prove};
use crate::domain::roster::{Person, Role};
use crate::sealed::versions::What;

/// Arguments of `unlocker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add a key that opens your share, and seal your present share to it too
    #[command(
        after_help = "Examples:\n  breakglass unlocker add ~/.ssh/new.pub --key ~/.ssh/new\n  breakglass unlocker add age1…"
    )]
    Add {
        /// File with the public key or age recipient, or the recipient itself
        #[arg(value_name = "FILE|AGE1")]
        unlocker: String,
        /// Its private key, when it is on this machine: opens a test envelope
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Sign what is shown without asking
        #[arg(long)]
        yes: bool,
    },
    /// Remove a key that is lost, and seal your present share to the others only
    #[command(after_help = "Example:\n  breakglass unlocker remove ~/.ssh/old.pub")]
    Remove {
        /// File with the public key or age recipient, or the recipient itself
        #[arg(value_name = "FILE|AGE1")]
        unlocker: String,
        /// Sign what is shown without asking
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`]; refused when too few unlockers would be left.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    match args.command {
        Command::Add { unlocker, key, yes } => {
            let unlocker = person::unlocker(&unlocker)?;
            let key = key.as_deref().map(files::absolute).transpose()?;
            change(&mut client, yes, out, |person| {
                person.unlockers.push(unlocker);
                Ok(())
            })
            .await?;
            if let Some(key) = key {
                client.kept.settings.unlocker_keys.push(key);
                client.kept.save()?;
            }
            let documents = client.documents().await?;
            let me = documents.person(&client.kept.settings)?.clone();
            enrol::open_tests(&mut client, &me, out).await?;
        }
        Command::Remove { unlocker, yes } => {
            let unlocker = without_comment(&person::unlocker(&unlocker)?);
            change(&mut client, yes, out, |person| {
                let before = person.unlockers.len();
                person
                    .unlockers
                    .retain(|each| without_comment(each) != unlocker);
                person.paper.take_if(|paper| *paper == unlocker);
                if person.unlockers.len() == before {
                    return Err(CliError::usage("this is none of your unlockers"));
                }
                Ok(())
            })
            .await?;
            out.warn(
                "! A copy of your old sealed share still opens with the key you removed. If somebody \
                 else may have that key: breakglass report-lost --stolen --reason TEXT",
            );
        }
    }
    prove::again(&mut client, out).await
}

/// Proposes the roster with one's own entry changed; her signature alone brings it into force.
///
/// # Errors
/// Refused when it waits for more signatures.
pub(super) async fn change(
    client: &mut Client,
    yes: bool,
    out: &Output,
    edit: impl FnOnce(&mut Person) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let documents = client.documents().await?;
    let mut me = documents.person(&client.kept.settings)?.clone();
    if !me.is(Role::Custodian) {
        return Err(CliError::new(
            Exit::NOT_ALLOWED,
            "no_share",
            "only a custodian has unlockers",
        ));
    }
    edit(&mut me)?;
    let next = person::next(&documents, |people| person::replace(people, me))?;
    let bytes = proposals::bytes(&next)?;
    let (_, view) = proposals::propose(client, &documents, What::Roster, bytes, yes, out).await?;
    if view.in_force {
        return Ok(());
    }
    Err(CliError::new(
        Exit::REFUSED,
        "not_in_force",
        format!("the change waits: {} must sign it", view.needs),
    ))
}
