//! The way to Databricks: the outbound proxy, a company's own authorities, the private link, and
//! the addresses from which Databricks sees this host come. Each may be left out.

use std::net::IpAddr;
use std::path::PathBuf;

use super::ask::Asker;
use crate::cli::CliError;
use crate::databricks::Config;

/// What takes away an answer that was given before.
const NONE: &str = "none";

/// Proxy and authorities. An answer that was given before is offered again.
///
/// # Errors
/// The terminal is gone.
pub(super) async fn way_out(asker: &Asker<'_>, config: &mut Config) -> Result<(), CliError> {
    let before = config.proxy.clone().unwrap_or_default();
    let question = "Outbound proxy (http://host:port), empty for none";
    let read = |text: &str| {
        let proxy = given(text).map(str::to_owned);
        let with = Config {
            proxy: proxy.clone(),
            ..config.clone()
        };
        with.check_proxy().map_err(|why| why.to_string())?;
        Ok(proxy)
    };
    config.proxy = asker.until(question, &before, read).await?;
    let before = config.ca_file.as_ref();
    let before = before.map_or_else(String::new, |file| file.display().to_string());
    let question = "File with your company's certificate authorities, empty for the system's";
    let file = asker.line(question, &before).await?;
    config.ca_file = given(&file).map(PathBuf::from);
    Ok(())
}

/// The private address of every workspace. An answer that was given before is offered again.
///
/// # Errors
/// The terminal is gone.
pub(super) async fn private_link(asker: &Asker<'_>, config: &mut Config) -> Result<(), CliError> {
    let before = config.workspace_address;
    let before = before.map_or_else(String::new, |address| address.to_string());
    let question = "Private link: address at which every workspace answers, empty for none";
    config.workspace_address = asker.until(question, &before, address).await?;
    if let (Some(address), Some(proxy)) = (config.workspace_address, &config.proxy) {
        asker.say(&format!(
            "  · workspaces are reached at {address}, past the proxy; the account by {proxy}"
        ));
    }
    Ok(())
}

/// Addresses for IP access lists.
///
/// # Errors
/// The terminal is gone.
pub(super) async fn egress(asker: &Asker<'_>) -> Result<Vec<IpAddr>, CliError> {
    let read = |text: &str| {
        let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
        let read = |part: &str| part.parse().map_err(|_| format!("{part} is no address"));
        parts.map(read).collect::<Result<Vec<IpAddr>, String>>()
    };
    let question = "Addresses from which Databricks sees this host come (for IP access lists), empty if unknown";
    asker.until(question, "", read).await
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && *text != NONE)
}

/// One address as the configuration takes it: no name, no port, no network.
fn address(text: &str) -> Result<Option<IpAddr>, String> {
    let Some(text) = given(text) else {
        return Ok(None);
    };
    let wrong = || format!("{text} is no address such as 10.0.0.5; {NONE} for no private link");
    text.parse().map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_address_is_an_address_or_nothing() {
        assert_eq!(address(""), Ok(None));
        assert_eq!(address("none"), Ok(None));
        assert_eq!(address("10.0.0.5"), Ok(Some([10, 0, 0, 5].into())));
        assert!(address("fd00::5").unwrap().is_some_and(|ip| ip.is_ipv6()));
        for wrong in ["10.0.0.5:443", "10.0.0.0/24", "https://10.0.0.5", "plink"] {
            let why = address(wrong).unwrap_err();
            assert!(why.starts_with(wrong), "{why}");
        }
    }
}
