//! The pages from which passkeys may sign: the console's, and the custodian's page apart.

use super::App;

impl App {
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
