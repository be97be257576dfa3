//! The workspaces behind the vault: found by the account's API, each asked at its address, and
//! whether the account can make the principal an admin there.

use secrecy::SecretString;

use super::ask::Asker;
use super::network;
use crate::cli::{CliError, clock};
use crate::databricks::{Client, Config, Minted, Upstream, Workspace, WorkspaceAdmin};

/// Every workspace of the account, or those named by hand; each must answer, unless the person
/// keeps it all the same.
///
/// # Errors
/// The terminal is gone.
pub(super) async fn ask(
    asker: &Asker<'_>,
    config: &mut Config,
    client: &Client,
    secret: &SecretString,
    bearer: &Minted,
) -> Result<(), CliError> {
    let found = match client.workspaces(bearer).await {
        Ok(found) => found,
        Err(why) => {
            asker.say(&format!(
                "  ! the account does not list its workspaces: {why}"
            ));
            Vec::new()
        }
    };
    network::private_link(asker, config).await?;
    let mut federated = true;
    for workspace in &found {
        let question = format!("Guard workspace {} ({})?", workspace.id, workspace.name);
        if !asker.yes(&question, true).await? {
            continue;
        }
        add(asker, config, workspace, secret).await?;
        match client.is_federated(bearer, &workspace.id).await {
            Ok(true) => asker.say("  ✓ the account can make its principal an admin there"),
            Ok(false) => federated = false,
            Err(why) => asker.say(&format!("  ! whether the account can assign there: {why}")),
        }
    }
    while config.workspaces.is_empty() || found.is_empty() {
        let id = asker
            .line("Another workspace's id, empty for none", "")
            .await?;
        if id.is_empty() {
            break;
        }
        let (name, deployment) = (String::new(), None);
        let workspace = Workspace {
            id,
            name,
            deployment,
        };
        add(asker, config, &workspace, secret).await?;
    }
    if !federated {
        asker.say("  ! one has no identity federation: the principal must stay admin there");
    }
    let standing = "Admin in a workspace only while a session is open? (no = standing admin)";
    if !asker.yes(standing, federated).await? {
        config.workspace_admin = WorkspaceAdmin::Standing;
    }
    Ok(())
}

/// One workspace, once it answers or the person says that it will.
async fn add(
    asker: &Asker<'_>,
    config: &mut Config,
    workspace: &Workspace,
    secret: &SecretString,
) -> Result<(), CliError> {
    let (id, known) = (&workspace.id, config.account_host.contains("://accounts."));
    // A host that is none of the three clouds' may serve both levels (facts §1.1).
    let likely = match known {
        true => workspace.likely_address(config.cloud).unwrap_or_default(),
        false => config.account_host.clone(),
    };
    loop {
        let address = asker.line("  its address", &likely).await?;
        config.workspaces.insert(id.clone(), address);
        let seen = match Client::new(config) {
            Ok(client) => look(&client, id, secret).await,
            Err(why) => Err(why.to_string()),
        };
        match seen {
            Ok(words) => {
                asker.say(&format!("  ✓ {words}"));
                return Ok(());
            }
            Err(why) => asker.say(&format!("  ✗ {why}")),
        }
        if asker.yes("  Keep it all the same?", false).await? && config.check().is_ok() {
            return Ok(());
        }
        config.workspaces.remove(id);
        // An address that does not answer, or answers on its private link only: one of the two.
        network::private_link(asker, config).await?;
    }
}

async fn look(client: &Client, id: &str, secret: &SecretString) -> Result<String, String> {
    let at = Upstream::Workspace(id.to_owned());
    let told = |why: crate::databricks::CallError| why.to_string();
    let bearer = client.mint(&at, secret, clock::now().0).await;
    let bearer = bearer.map_err(told)?;
    let me = client.me(&at, &bearer).await.map_err(told)?;
    if let Some(other) = me.workspace_id.as_deref().filter(|other| *other != id) {
        return Err(format!("that address is workspace {other}"));
    }
    Ok(match me.is_workspace_admin() {
        true => "it answers; the principal is admin there".to_owned(),
        false => "it answers; the principal is no admin there yet".to_owned(),
    })
}
