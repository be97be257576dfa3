//! Facts of the database that the vault wrote and reads again. One that is there and cannot be read
//! is never taken for one that is not: somebody or something changed it.

use serde::de::DeserializeOwned;

use super::App;
use super::error::AppError;

impl App {
    /// The number that a fact holds; 0 where there is none.
    pub(super) async fn number_fact(&self, name: &str) -> Result<u32, AppError> {
        match self.inner.store.fact(name).await? {
            None => Ok(0),
            Some(text) => text.parse().map_err(|_| odd(name, "a number")),
        }
    }

    /// The document that a fact holds, if there is one.
    pub(super) async fn document_fact<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, AppError> {
        let text = self.inner.store.fact(name).await?;
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| odd(name, "the document it should be"))
    }
}

fn odd(name: &str, wanted: &str) -> AppError {
    AppError::Inconsistent(format!("the fact {name} is not {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::permit::tests::Rig;
    use crate::app::restored::DEALT_LATER;
    use crate::app::secrets::MEASURED;
    use crate::store::change::RowChange;

    #[tokio::test]
    async fn a_fact_that_cannot_be_read_is_not_one_that_is_not_there() {
        let rig = Rig::new().await;
        let app = &rig.app;
        assert_eq!(app.measured().await.unwrap().lifetime_slack_s, 0);
        assert_eq!(app.known_later().await.unwrap(), 0);
        for (name, value) in [(MEASURED, "{\"shortest"), (DEALT_LATER, "three")] {
            let row = RowChange::SetFact {
                name: name.to_owned(),
                value: Some(value.to_owned()),
            };
            app.record(Vec::new(), vec![row], Vec::new(), None)
                .await
                .unwrap();
        }
        let measured = app.measured().await.unwrap_err();
        assert!(matches!(measured, AppError::Inconsistent(_)), "{measured}");
        let later = app.known_later().await.unwrap_err();
        assert!(matches!(later, AppError::Inconsistent(_)), "{later}");
    }
}
