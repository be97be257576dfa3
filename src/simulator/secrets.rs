//! OAuth secrets of service principals (facts §2.1): create, list, delete, at most five.
//!
//! Must not know: a value after it was answered; only its SHA-256 is kept.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::auth::sha256_hex;
use super::call::{Call, page};
use super::clock;
use super::knobs::Knobs;
use super::reply::{Fate, Handled, Reply};
use super::state::lock;

/// Default and largest lifetime: 730 days.
const MAX_LIFETIME_SECONDS: i64 = 63_072_000;
/// Most live secrets of one principal.
const MAX_SECRETS: usize = 5;

/// One secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Secret {
    /// Hexadecimal id.
    pub id: String,
    /// SHA-256 of the value.
    pub value_sha256: String,
    /// Create instant; times shown are its whole second.
    pub created_ms: i64,
    /// End of life, seconds since 1970.
    pub expire_s: i64,
    /// Empty for all APIs.
    pub scopes: Vec<String>,
    /// When it was deleted.
    pub deleted_ms: Option<i64>,
    /// Old enough that propagation and list delay do not matter.
    pub settled: bool,
}

impl Secret {
    /// A new secret and its value.
    pub fn new(value: &str, now_ms: i64, lifetime_s: i64, scopes: Vec<String>) -> Self {
        Self {
            id: clock::random_hex(16),
            value_sha256: sha256_hex(value.as_bytes()),
            created_ms: now_ms,
            expire_s: now_ms.div_euclid(1000) + lifetime_s,
            scopes,
            deleted_ms: None,
            settled: false,
        }
    }

    /// A fresh value as the real service shapes it.
    pub fn random_value() -> String {
        format!("dose{}", clock::random_hex(16))
    }

    /// Counts against the limit of five.
    pub fn is_live(&self, now_ms: i64) -> bool {
        self.deleted_ms.is_none() && self.expire_s * 1000 > now_ms
    }

    /// The token endpoint accepts it.
    pub fn mints(&self, now_ms: i64, knobs: &Knobs) -> bool {
        let arrived = self.settled || now_ms >= self.created_ms + knobs.create_propagation_ms;
        let gone = self
            .deleted_ms
            .is_some_and(|deleted| now_ms >= deleted + knobs.delete_propagation_ms);
        arrived && !gone && self.expire_s * 1000 > now_ms
    }

    fn is_listed(&self, now_ms: i64, knobs: &Knobs) -> bool {
        let arrived = self.settled || now_ms >= self.created_ms + knobs.list_delay_ms;
        let gone = self
            .deleted_ms
            .is_some_and(|deleted| now_ms >= deleted + knobs.list_delay_ms);
        arrived && !gone && self.expire_s * 1000 > now_ms
    }

    fn shown(&self) -> Value {
        let created = clock::rfc3339(self.created_ms);
        json!({
            "id": self.id,
            "secret_hash": sha256_hex(self.value_sha256.as_bytes()),
            "create_time": created,
            "update_time": created,
            "expire_time": clock::rfc3339(self.expire_s * 1000),
            "status": "ACTIVE",
            "scopes": self.scopes,
        })
    }
}

/// All secrets by SCIM id of their principal.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SecretBook {
    /// Deleted ones stay, for propagation and for inspection.
    pub by_principal: BTreeMap<u64, Vec<Secret>>,
}

impl SecretBook {
    /// Scopes of the secret with this digest, when it mints.
    pub fn scopes_of_live(
        &self,
        principal: u64,
        digest: &str,
        now_ms: i64,
        knobs: &Knobs,
    ) -> Option<Vec<String>> {
        let secrets = self.by_principal.get(&principal)?;
        let found = secrets
            .iter()
            .find(|secret| secret.value_sha256 == digest)?;
        found.mints(now_ms, knobs).then(|| found.scopes.clone())
    }
}

/// Routes below `…/credentials/secrets`; `principal` is the SCIM id from the path.
pub fn route(call: &Call<'_>, principal: &str, rest: &[&str]) -> Handled {
    let id = principal
        .parse::<u64>()
        .ok()
        .filter(|id| lock(&call.state.directory).principals.contains_key(id))
        .ok_or_else(|| Reply::missing(format!("Service principal {principal} does not exist")))?;
    match (call.method, rest) {
        ("POST", []) => create(call, id),
        ("GET", []) => list(call, id),
        ("DELETE", [secret]) => delete(call, id, secret),
        _ => Err(call.no_endpoint()),
    }
}

fn create(call: &Call<'_>, principal: u64) -> Handled {
    let body = call.json()?;
    let mut knobs = lock(&call.state.knobs);
    if Knobs::take_one(&mut knobs.reject_create) {
        return Err(Reply::error(
            StatusCode::BAD_REQUEST,
            "BAD_REQUEST",
            "Request was rejected",
        ));
    }
    let mut lifetime_s = lifetime(&body)?;
    let shortest = knobs
        .refuse_lifetime
        .iter()
        .copied()
        .max()
        .unwrap_or_default();
    if u64::try_from(lifetime_s).unwrap_or_default() < shortest {
        return Err(Reply::invalid(format!(
            "lifetime must be at least {shortest}s"
        )));
    }
    if knobs.round_expiry_seconds > 0 {
        let grain = knobs.round_expiry_seconds;
        let created_s = call.now_ms.div_euclid(1000);
        let end = created_s + lifetime_s;
        lifetime_s += (grain - end.rem_euclid(grain)) % grain;
    }
    let value = Secret::random_value();
    let secret = Secret::new(&value, call.now_ms, lifetime_s, scopes(&body)?);
    let mut shown = secret.shown();
    shown["secret"] = json!(value);
    {
        let mut book = lock(&call.state.secrets);
        let held = book.by_principal.entry(principal).or_default();
        if held
            .iter()
            .filter(|secret| secret.is_live(call.now_ms))
            .count()
            >= MAX_SECRETS
        {
            return Err(Reply::error(
                StatusCode::BAD_REQUEST,
                "QUOTA_EXCEEDED",
                "The service principal already has the maximum number of 5 secrets",
            ));
        }
        held.push(secret);
    }
    let lost = Knobs::take_one(&mut knobs.lost_reply_on_create);
    let failed = !lost && Knobs::take_one(&mut knobs.error_after_apply_on_create);
    drop(knobs);
    // Saved before the reply: a crash after this leaves an orphan, as at the real service.
    call.state.keep();
    if failed {
        return Err(Reply::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "Internal server error",
        ));
    }
    let mut reply = Reply::json(&shown);
    if lost {
        reply.fate = Fate::Drop;
    }
    Ok(reply)
}

fn lifetime(body: &Value) -> Result<i64, Reply> {
    let Some(given) = body.get("lifetime").filter(|value| !value.is_null()) else {
        return Ok(MAX_LIFETIME_SECONDS);
    };
    given
        .as_str()
        .and_then(|text| text.strip_suffix('s'))
        .and_then(|digits| digits.parse::<i64>().ok())
        .filter(|seconds| (1..=MAX_LIFETIME_SECONDS).contains(seconds))
        .ok_or_else(|| Reply::invalid("lifetime must be between 1s and 63072000s"))
}

fn scopes(body: &Value) -> Result<Vec<String>, Reply> {
    let Some(given) = body.get("scopes").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    serde_json::from_value(given.clone())
        .map_err(|_| Reply::invalid("scopes must be a list of strings"))
}

fn list(call: &Call<'_>, principal: u64) -> Handled {
    let knobs = call.state.knobs();
    let listed: Vec<Value> = lock(&call.state.secrets)
        .by_principal
        .get(&principal)
        .into_iter()
        .flatten()
        .filter(|secret| secret.is_listed(call.now_ms, &knobs))
        .map(Secret::shown)
        .collect();
    let size = call.number_param("page_size").unwrap_or(100).clamp(1, 100);
    let size = usize::try_from(size).unwrap_or(100);
    let (secrets, next) = page(&listed, call.param("page_token"), size)?;
    let mut body = json!({"secrets": secrets});
    if let Some(next) = next {
        body["next_page_token"] = json!(next);
    }
    Ok(Reply::json(&body))
}

fn delete(call: &Call<'_>, principal: u64, id: &str) -> Handled {
    {
        let mut book = lock(&call.state.secrets);
        let secret = book
            .by_principal
            .get_mut(&principal)
            .and_then(|held| held.iter_mut().find(|secret| secret.id == id))
            .filter(|secret| secret.is_live(call.now_ms))
            .ok_or_else(|| Reply::missing(format!("Secret {id} does not exist")))?;
        secret.deleted_ms = Some(call.now_ms);
    }
    call.state.keep();
    Ok(Reply::done())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_seconds_with_an_s_and_at_most_730_days() {
        assert_eq!(lifetime(&json!({"lifetime": "3600s"})).unwrap(), 3600);
        assert_eq!(lifetime(&json!({})).unwrap(), MAX_LIFETIME_SECONDS);
        for bad in ["3600", "0s", "-1s", "63072001s", "1h"] {
            assert!(lifetime(&json!({"lifetime": bad})).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_lives_exactly_its_lifetime_and_shows_it() {
        let secret = Secret::new("dose1", 1_767_225_600_900, 3600, vec![]);
        let shown = secret.shown();
        assert_eq!(shown["create_time"], "2026-01-01T00:00:00Z");
        assert_eq!(shown["expire_time"], "2026-01-01T01:00:00Z");
        assert!(secret.is_live(1_767_229_199_999));
        assert!(!secret.is_live(1_767_229_200_000));
    }

    #[test]
    fn propagation_delays_the_first_mint_and_the_last() {
        let knobs = Knobs {
            create_propagation_ms: 50,
            delete_propagation_ms: 70,
            list_delay_ms: 10,
            ..Knobs::default()
        };
        let mut secret = Secret::new("dose1", 1_000_000, 3600, vec![]);
        assert!(!secret.mints(1_000_049, &knobs) && secret.mints(1_000_050, &knobs));
        assert!(!secret.is_listed(1_000_009, &knobs) && secret.is_listed(1_000_010, &knobs));
        secret.deleted_ms = Some(2_000_000);
        assert!(secret.mints(2_000_069, &knobs) && !secret.mints(2_000_070, &knobs));
        assert!(!secret.is_live(2_000_000));
    }
}
