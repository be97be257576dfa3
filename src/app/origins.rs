//! The pages from which passkeys may sign: the console's, and the custodian's page apart.

pub use crate::sealed::passkey::mentions_prf;

use super::App;
use crate::domain::ids::Digest;

/// The list of the files of the custodian's page, as they were built and committed.
const CUSTODIAN_PAGE: &[u8] = include_bytes!("../web/assets/SHA256SUMS");

/// The hash of the custodian's page: SHA-256 of the list of its files' hashes. It stands in the
/// log at every start, so that a page can be compared with what was announced.
#[must_use]
pub fn custodian_page_sha256() -> Digest {
    Digest::of(CUSTODIAN_PAGE)
}

impl App {
    /// Origin of the page on another machine, as browsers spell it.
    #[must_use]
    pub fn custodian_origin(&self) -> Option<String> {
        let apart = self.settings().custodian_origin.as_deref();
        apart.map(browser_origin)
    }

    /// The console's host, as passkeys name it.
    pub(super) fn console_host(&self) -> String {
        let origin = browser_origin(&self.settings().console_url);
        let host = origin.split_once("://").map_or("", |(_, rest)| rest);
        let port = host.rsplit_once(':').filter(|(_, p)| !p.contains(']'));
        port.map_or(host, |(host, _)| host).to_owned()
    }

    /// Origins whose pages may use passkeys towards this vault, spelled as browsers spell them.
    #[must_use]
    pub fn page_origins(&self) -> Vec<String> {
        let settings = self.settings();
        let apart = settings.custodian_origin.as_deref();
        let all = [Some(settings.console_url.as_str()), apart];
        all.into_iter().flatten().map(browser_origin).collect()
    }
}

/// A URL without path as browsers spell its origin: lower case, no default port, no slash.
#[must_use]
pub fn browser_origin(url: &str) -> String {
    let url = url.trim_end_matches('/').to_ascii_lowercase();
    let usual = match url.split_once("://") {
        Some(("https", _)) => ":443",
        _ => ":80",
    };
    url.strip_suffix(usual).unwrap_or(&url).to_owned()
}
