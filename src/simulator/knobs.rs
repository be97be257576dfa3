//! Knobs: the unknowns of the real service and the faults to inject (facts §7.6, §8).
//!
//! Must not know: how a fault is carried out; `router` and `secrets` ask here.

use serde::{Deserialize, Serialize};

/// Every knob. Counts go down by one each time they act; zero means off.
#[derive(Debug, Clone, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// A new secret mints nothing for this long.
    pub create_propagation_ms: i64,
    /// A deleted secret still mints for this long.
    pub delete_propagation_ms: i64,
    /// The secrets list lags behind creates and deletes by this much.
    pub list_delay_ms: i64,
    /// Secret creates that are applied while the connection drops.
    pub lost_reply_on_create: u32,
    /// Secret creates that are applied and answered 500.
    pub error_after_apply_on_create: u32,
    /// Assignments to a workspace whose reply is lost and which are carried out late: when the
    /// assignments have been read as often as the next knob says.
    pub late_assignments: u32,
    /// Reads after which a late assignment is carried out; 0 = not yet.
    pub late_after_reads: u32,
    /// Secret creates answered 400, not applied.
    pub reject_create: u32,
    /// Calls answered 429.
    pub rate_limit_next: u32,
    /// Only calls whose path starts so are rate limited; empty for all.
    pub rate_limit_prefix: String,
    /// `Retry-After` of those, in seconds.
    pub retry_after_seconds: u32,
    /// Calls answered 503.
    pub unavailable_next: u32,
    /// Only calls whose path starts so are unavailable; empty for all.
    pub unavailable_prefix: String,
    /// Every call is answered by something that is not the API: `login` (redirect to the sign-in
    /// page), `private` (the private link's redirect) or `ip` (the IP access list); empty for off.
    pub disguise: String,
    /// Waits this long before the first byte of every answer.
    pub first_byte_delay_ms: u64,
    /// Replies that break off in the middle.
    pub reset_mid_body_next: u32,
    /// Lifetimes below the largest of these (seconds) are refused with 400.
    pub refuse_lifetime: Vec<u64>,
    /// `expire_time` is rounded up to a multiple of this many seconds; 0 for exact.
    pub round_expiry_seconds: i64,
    /// Compress replies for clients that accept gzip.
    pub gzip: bool,
    /// One shot: every token minted so far answers 403 `JWT has expired`.
    pub kill_tokens: bool,
    /// The principal is switched off: no token, and its tokens are refused.
    pub refuse_principal: bool,
    /// Added to the clock.
    pub clock_offset_ms: i64,
    /// Tokens live this long instead of 3600 s; 0 for 3600.
    pub token_lifetime_seconds: i64,
    /// Workspace-level tokens may call account APIs (the real service refuses them).
    pub lax_token_level: bool,
    /// Do not keep the request log.
    pub no_request_log: bool,
}

/// What a call meets before it is looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Answer 429 with this `Retry-After`.
    pub rate_limited: Option<u32>,
    /// Answer 503.
    pub unavailable: bool,
    /// Answer as something else.
    pub disguise: String,
    /// Wait before the first byte.
    pub delay_ms: u64,
    /// Break the body off.
    pub reset: bool,
    /// Compress.
    pub gzip: bool,
}

impl Knobs {
    /// Whether any call needs the slow path.
    pub fn touches_calls(&self) -> bool {
        self.rate_limit_next > 0
            || self.unavailable_next > 0
            || self.first_byte_delay_ms > 0
            || self.reset_mid_body_next > 0
            || self.gzip
            || self.refuse_principal
            || !self.disguise.is_empty()
    }

    /// Takes the faults for one call.
    pub fn take(&mut self, path: &str) -> Faults {
        let mut faults = Faults {
            delay_ms: self.first_byte_delay_ms,
            gzip: self.gzip,
            disguise: self.disguise.clone(),
            ..Faults::default()
        };
        if self.rate_limit_next > 0 && path.starts_with(&self.rate_limit_prefix) {
            self.rate_limit_next -= 1;
            faults.rate_limited = Some(self.retry_after_seconds.max(1));
        } else if self.unavailable_next > 0 && path.starts_with(&self.unavailable_prefix) {
            self.unavailable_next -= 1;
            faults.unavailable = true;
        } else if self.reset_mid_body_next > 0 {
            self.reset_mid_body_next -= 1;
            faults.reset = true;
        }
        faults
    }

    /// Takes one from a counter; says whether there was one.
    pub fn take_one(counter: &mut u32) -> bool {
        let armed = *counter > 0;
        *counter = counter.saturating_sub(1);
        armed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_limit_counts_down_and_only_under_its_prefix() {
        let mut knobs = Knobs {
            rate_limit_next: 1,
            rate_limit_prefix: "/api/2.0/jobs".to_owned(),
            ..Knobs::default()
        };
        assert_eq!(knobs.take("/api/2.0/clusters/list").rate_limited, None);
        assert_eq!(knobs.take("/api/2.0/jobs/list").rate_limited, Some(1));
        assert_eq!(knobs.take("/api/2.0/jobs/list").rate_limited, None);
        assert!(!knobs.touches_calls());
    }
}
