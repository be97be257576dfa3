//! What a word that only ends something is signed over: it must work whatever the log looks like.

use super::{CliError, Client};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::Edge;

impl Client {
    /// The checkpoint under a word that only ends something. What is pinned has to do where the
    /// server's log does not follow from it: whoever tampers with the log must not keep a session
    /// alive that way (PROTOCOL §11). The person is warned, and the vault logs what she had seen.
    ///
    /// # Errors
    /// When the settings hold no log key.
    pub(crate) async fn head_to_end(&mut self) -> Result<Checkpoint, CliError> {
        let why = match self.head().await {
            Ok(head) => return Ok(head),
            Err(why) => why,
        };
        let pins = &self.kept.settings.pins;
        let pinned = match pins.checkpoint()? {
            Some(pinned) => pinned,
            None => Checkpoint {
                origin: pins.log_key()?.name().to_owned(),
                size: 0,
                root: Edge::new().root(),
            },
        };
        self.out.warn(&format!(
            "! THE LOG CANNOT BE BELIEVED: {why}\n  What you asked for only ends something, so it \
             is signed over what this machine saw last ({} entries) and sent.\n  Sign nothing \
             else, and call security by phone: runbooks/log-broken.md",
            pinned.size
        ));
        Ok(pinned)
    }
}
