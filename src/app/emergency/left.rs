//! What a node left with the server when its log broke: a copy of its emergency log, bound by
//! whoever is active next, and believed only where that log's own key signed it.

use serde_json::Value;

use super::super::App;
use super::super::error::AppError;
use super::super::step::draft;
use super::bind::KNOWN;
use super::unfit::is_misfit;
use crate::audit::checkpoint::format_hash;
use crate::audit::entry::Entry;
use crate::audit::note::VerifierKey;
use crate::domain::alert::{Attempt, Fault};
use crate::store::change::RowChange;
use crate::store::{EmergencyCopy, EmergencySource};

/// Name of the fact that holds what a node left with the server, before the node's.
pub(in crate::app) const LEFT: &str = "emergency_copy:";

impl App {
    /// Binds what nodes left with the server when their log broke. This node's own copy is older
    /// than its files or the same; what stands in the rows by now is asked for no more.
    pub(super) async fn bind_left(&self) -> Result<(), AppError> {
        for (left, text) in self.inner.store.facts_of(LEFT).await? {
            let node = left.strip_prefix(LEFT).unwrap_or_default();
            match self.left_by(&text).await {
                Ok(copy) if self.is_own(&copy) => {}
                Ok(copy) => self.bind_copy(&copy, node).await?,
                // Nobody's word: whoever can write to the database can write one. It stays, since
                // it may hold a sealed file that is nowhere else.
                Err(error) if is_misfit(&error) => self.tell_unfit_copy(node, &error).await,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The copy, if the key that the main log names for it signed it.
    async fn left_by(&self, text: &str) -> Result<EmergencyCopy, AppError> {
        let odd = |why: &str| AppError::Inconsistent(format!("an emergency log's copy: {why}"));
        let origin = EmergencyCopy::origin_of(text).ok_or_else(|| odd("not of its form"))?;
        let is_its = |entry: &Entry| entry.text("origin") == Some(origin.as_str());
        let opened = self.told_before("emergency.opened", is_its).await?;
        let vkey = opened.as_ref().and_then(|entry| entry.text("vkey"));
        let key = vkey.and_then(|vkey| VerifierKey::parse(vkey).ok());
        let key = key.ok_or_else(|| odd("the main log names no key of it"))?;
        EmergencyCopy::read(text, &key).map_err(|why| odd(&why.to_string()))
    }

    /// Whether this node's own files hold at least as much.
    fn is_own(&self, copy: &EmergencyCopy) -> bool {
        let copy = EmergencySource::Left(copy);
        self.inner.emergency.get().is_some_and(|log| {
            let size = copy.size();
            let same = log.root_at(size).ok().flatten();
            log.origin() == copy.origin() && same == copy.root_at(size).ok().flatten()
        })
    }

    async fn bind_copy(&self, copy: &EmergencyCopy, node: &str) -> Result<(), AppError> {
        let copy = EmergencySource::Left(copy);
        let name = format!("{KNOWN}:{node}");
        let known = match self.document_fact(&name).await {
            Err(AppError::Inconsistent(_)) => self.known_by_the_log(copy, &name).await?,
            read => read?,
        };
        let known = known.unwrap_or_default();
        let root = copy.root_at(known.size)?;
        let goes_on = known.size == 0 || root.is_some_and(|root| format_hash(&root) == known.root);
        if goes_on && copy.size() > known.size {
            return self.bind_from(copy, &name, known).await;
        }
        // The rows have it, or what came after it.
        let row = RowChange::SetFact {
            name: format!("{LEFT}{node}"),
            value: None,
        };
        self.record(Vec::new(), vec![row], Vec::new(), None)
            .await
            .map(drop)
    }

    async fn tell_unfit_copy(&self, node: &str, error: &AppError) {
        tracing::error!(%error, node, "what a node left with the server is not its word");
        let why = error.to_string();
        let told = [("left_by", Value::from(node)), ("why", why.as_str().into())];
        let fault = Attempt::Fault(Fault::EmergencyUnfit {
            why,
            epoch: None,
            missing: Vec::new(),
        });
        self.note_attempt(draft("emergency.unfit", told), &fault)
            .await;
    }
}
