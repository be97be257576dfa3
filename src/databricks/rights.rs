//! Reads and writes of rights: JSON in, JSON out, at paths that `domain/undo.rs` made.
//!
//! Paths come from canonical targets and configured ids; the authority is the configured one. What
//! a reply means is the domain's business. Never tries a write twice.

use serde_json::Value;

use super::error::CallError;
use super::forward::Forwarder;
use super::http::{Client, exchange, failure, parsed};
use super::token::Minted;
use super::upstream::Upstream;
use std::sync::Arc;

/// SCIM pages of one list; SDKs page until a page is empty.
const MAX_PAGES: usize = 200;

impl Client {
    /// Reads one JSON document; `None` when Databricks says that the thing is not there. A path that
    /// it does not know, or a 404 of somebody in between, is an error: nothing is known then.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn read_json(
        &self,
        at: &Upstream,
        bearer: &Minted,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Option<Value>, CallError> {
        const STEP: &str = "read how a right stands";
        let base = self.base(at)?;
        let request = self.reading().get(base.url(path)).query(query);
        let answer = exchange(STEP, bearer.authorise(request)).await?;
        if answer.status == 404 {
            return match failure(STEP, &base, &answer) {
                why if why.says_gone() => Ok(None),
                why => Err(why),
            };
        }
        parsed(STEP, &base, &answer).map(Some)
    }

    /// Sends one write that changes a right, once. 404 on a write that takes away counts as done:
    /// what is not there is not held.
    ///
    /// # Errors
    /// [`CallError`]; definite or unknown as it says. Whoever asked reads how it stands now.
    pub async fn write_json(
        &self,
        at: &Upstream,
        bearer: &Minted,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(), CallError> {
        const STEP: &str = "change a right";
        let base = self.base(at)?;
        let url = base.url(path);
        let request = match method {
            "DELETE" => self.writing().delete(url),
            "PUT" => self.writing().put(url),
            "PATCH" => self.writing().patch(url),
            _ => self.writing().post(url),
        };
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = exchange(STEP, bearer.authorise(request)).await?;
        match answer.status {
            _ if answer.is_done() => Ok(()),
            404 if method == "DELETE" => match failure(STEP, &base, &answer) {
                why if why.says_gone() => Ok(()),
                why => Err(why),
            },
            _ => Err(failure(STEP, &base, &answer)),
        }
    }

    /// The account's SCIM id of the user with this name; `None` when there is none.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn user_id(
        &self,
        bearer: &Minted,
        user_name: &str,
    ) -> Result<Option<String>, CallError> {
        let quoted = user_name.replace('\\', "\\\\").replace('"', "\\\"");
        let query = [("filter", format!("userName eq \"{quoted}\""))];
        let path = format!(
            "/api/2.0/accounts/{}/scim/v2/Users",
            self.config().account_id
        );
        let list = self
            .read_json(&Upstream::Account, bearer, &path, &query)
            .await?;
        let list = list.unwrap_or_default();
        // A server that ignores the filter must not make an admin of somebody else.
        let found = list["Resources"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|user| {
                user["userName"]
                    .as_str()
                    .is_some_and(|name| name.eq_ignore_ascii_case(user_name))
            });
        Ok(found
            .and_then(|user| user["id"].as_str())
            .map(str::to_owned))
    }

    /// Every object of a list that may come in pages. A list that is not there is no empty list.
    ///
    /// # Errors
    /// [`CallError`]; a list without an end too.
    pub async fn list_all(
        &self,
        at: &Upstream,
        bearer: &Minted,
        path: &str,
        member: &str,
    ) -> Result<Vec<Value>, CallError> {
        const STEP: &str = "read a list";
        let base = self.base(at)?;
        let (mut all, mut next) = (Vec::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let mut request = self.reading().get(base.url(path));
            if let Some(token) = &next {
                request = request.query(&[("page_token", token)]);
            }
            let answer = exchange(STEP, bearer.authorise(request)).await?;
            let mut page: Value = parsed(STEP, &base, &answer)?;
            if let Some(Value::Array(found)) = page.get_mut(member).map(Value::take) {
                all.extend(found);
            }
            let token = page["next_page_token"].as_str().unwrap_or_default();
            if token.is_empty() {
                return Ok(all);
            }
            next = Some(token.to_owned());
        }
        Err(endless(STEP))
    }

    /// Every object of a SCIM list, page by page. A list that is not there, or an answer that is no
    /// list, is no empty list.
    ///
    /// # Errors
    /// [`CallError`]; a list without an end too.
    pub async fn scim_all(
        &self,
        at: &Upstream,
        bearer: &Minted,
        path: &str,
        attributes: &str,
    ) -> Result<Vec<Value>, CallError> {
        const STEP: &str = "list people";
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let query = [
                ("attributes", attributes.to_owned()),
                ("startIndex", (all.len() + 1).to_string()),
                ("count", "1000".to_owned()),
            ];
            let Some(page) = self.read_json(at, bearer, path, &query).await? else {
                return Err(CallError::Refused {
                    step: STEP,
                    status: 404,
                    code: "NOT_FOUND".to_owned(),
                });
            };
            // Past its end a list may leave `Resources` out; it still says that it is one.
            if !page["Resources"].is_array() && !page["totalResults"].is_number() {
                return Err(CallError::Unexpected {
                    step: STEP,
                    status: 200,
                    code: "unreadable_list".to_owned(),
                });
            }
            let Some(found) = page["Resources"]
                .as_array()
                .filter(|found| !found.is_empty())
            else {
                return Ok(all);
            };
            all.extend(found.iter().cloned());
        }
        Err(endless(STEP))
    }
}

fn endless(step: &'static str) -> CallError {
    CallError::Unexpected {
        step,
        status: 200,
        code: "endless_list".to_owned(),
    }
}

impl Forwarder {
    /// The session's own token for a host, for the vault's reads and grants within the session.
    ///
    /// # Errors
    /// [`CallError`] when none can be had.
    pub async fn token(&self, at: &Upstream, now_at_ms: i64) -> Result<Arc<Minted>, CallError> {
        let (token, _) = self.credential().token(at, now_at_ms).await?;
        Ok(token)
    }
}
