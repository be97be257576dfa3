//! One call, judged: body read as its route asks, class settled, never-list, scope. Pure.
//!
//! The one function between the canonical target and `call.begin` or the deny entry. Knows no
//! session and no clock; whether the session is open is asked before and after by `app`.

use serde_json::Value;

use super::canonical::{self, CanonicalError};
use super::never::{self, NeverReason, Principal};
use super::risk::{self, Body, BodyNeed, BodyRefusal, Class, Classified};
use super::scope::{self, CallFacts, RefusalReason, Scope, Verdict};
use super::target::Target;
use super::thrift_text::{self, ThriftCall, ThriftRefusal};
use super::undo::{self, Thing};

/// A call as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Method in exact case.
    pub method: &'a str,
    /// Canonical target.
    pub target: &'a Target,
    /// The whole body where [`need`] says it must be read; `None` where it streams.
    pub body: Option<&'a [u8]>,
    /// `Content-Type`, if sent.
    pub content_type: Option<&'a str>,
    /// Whether the body is compressed (`Content-Encoding` other than identity).
    pub encoded: bool,
    /// Whether the request asks for another protocol.
    pub upgrade: bool,
}

/// What the session may do.
#[derive(Debug, Clone, Copy)]
pub struct Rights<'a> {
    /// The scope of the terms.
    pub scope: &'a Scope,
    /// The break-glass principal.
    pub principal: &'a Principal,
    /// Whether the terms' target includes the account.
    pub target_account: bool,
    /// Whether the terms' target includes the workspace.
    pub target_workspace: bool,
    /// The account id, to which account paths are held.
    pub account_id: Option<&'a str>,
}

/// What is known of the call after judging, for the log; the same for passed and refused calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Final class.
    pub class: Class,
    /// Template of the route; `None` = unknown path.
    pub template: Option<&'static str>,
    /// SQL text, if the body holds any.
    pub sql: Option<String>,
    /// Thrift method, on Thrift routes.
    pub thrift_method: Option<String>,
    /// What it may add that the close takes away again; each needs its row before the call.
    pub additions: Vec<Thing>,
    /// Whether it may be made.
    pub outcome: Result<(), Denied>,
}

/// Why a call may not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A body that decides is compressed.
    #[error("the body of this call decides about it and must not be compressed")]
    Compressed,
    /// A body that decides was not read; the door asked [`need`] wrongly.
    #[error("the body of this call decides about it and was not read")]
    Unread,
    /// Larger than the policy reads.
    #[error("the body of this call may hold at most {0} bytes")]
    TooLarge(usize),
    /// Not strict JSON.
    #[error("the body of this call is not strict json: {0}")]
    Json(CanonicalError),
    /// Not a Thrift call.
    #[error("the body of this call is not a thrift call: {0}")]
    Thrift(ThriftRefusal),
    /// The class could not be settled.
    #[error("{0}")]
    Body(BodyRefusal),
    /// Gives a right that could not be taken away again.
    #[error(
        "this call gives a right, and its body does not say plainly which and to whom: members and \
         attributes must be spelled as in Databricks' reference, unqualified and once, ids as plain \
         whole numbers"
    )]
    BeyondUndo,
    /// On the never-list.
    #[error("{}", .0.sentence())]
    Never(NeverReason),
    /// Outside the scope.
    #[error("{sentence}")]
    Scope {
        /// Machine-readable reason.
        why: RefusalReason,
        /// For the person.
        sentence: String,
        /// The `open` line that asks for it; may be empty.
        hint: String,
    },
}

impl Denied {
    /// The word in the log.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Compressed => "body_compressed",
            Self::Unread => "body_unread",
            Self::TooLarge(_) => "body_too_large",
            Self::Json(_) | Self::Thrift(_) | Self::Body(_) | Self::BeyondUndo => "body_malformed",
            Self::Never(reason) => reason.word(),
            Self::Scope { why, .. } => why.word(),
        }
    }
}

/// What the door must read of the body before it can ask [`judge`], and how much at most. A scope
/// with conditions needs the body of uploads too only as unread: their conditions never hold.
pub fn need(method: &str, target: &Target) -> (BodyNeed, usize) {
    need_of(method, &risk::classify(method, target))
}

fn need_of(method: &str, classified: &Classified) -> (BodyNeed, usize) {
    let need = risk::body_need(method, classified.route);
    let most = match need {
        BodyNeed::None => 0,
        BodyNeed::StrictJson => risk::MAX_JSON_BYTES,
        BodyNeed::SqlOrThrift => risk::MAX_SQL_BYTES,
    };
    (need, most)
}

/// Judges a call.
pub fn judge(asked: &Asked<'_>, rights: &Rights<'_>) -> Judged {
    let classified = risk::classify(asked.method, asked.target);
    match read(asked, &classified) {
        Ok(held) => decide(asked, rights, &classified, &held),
        // Nothing of the body is believed, but the never-list still has its say about the rest:
        // a presigned upload is answered so that clients fall back, whatever its body.
        Err(denied) => {
            let mut judged = decide(asked, rights, &classified, &Held::Unread);
            if !matches!(judged.outcome, Err(Denied::Never(_))) {
                judged.outcome = Err(denied);
            }
            judged
        }
    }
}

/// A body as read.
enum Held {
    Empty,
    Unread,
    Json(Value),
    Thrift(ThriftCall),
}

impl Held {
    fn body(&self) -> Body<'_> {
        match self {
            Self::Empty => Body::Empty,
            Self::Unread => Body::Unread,
            Self::Json(value) => Body::Json(value),
            Self::Thrift(call) => Body::Thrift(call),
        }
    }
}

fn read(asked: &Asked<'_>, classified: &Classified) -> Result<Held, Denied> {
    let (need, most_bytes) = need_of(asked.method, classified);
    if need == BodyNeed::None {
        return Ok(asked.body.map_or(Held::Unread, |_| Held::Empty));
    }
    let bytes = asked.body.ok_or(Denied::Unread)?;
    if bytes.len() > most_bytes {
        return Err(Denied::TooLarge(most_bytes));
    }
    if bytes.is_empty() {
        return Ok(Held::Empty);
    }
    if asked.encoded {
        return Err(Denied::Compressed);
    }
    if classified.body_rule == risk::BodyRule::Thrift {
        let call = thrift_text::read_call(bytes).map_err(Denied::Thrift)?;
        return Ok(Held::Thrift(call));
    }
    canonical::parse_value(bytes)
        .map(Held::Json)
        .map_err(Denied::Json)
}

fn decide(asked: &Asked<'_>, rights: &Rights<'_>, classified: &Classified, held: &Held) -> Judged {
    let body = held.body();
    let settled = risk::settle(classified, body);
    let (class, sql) = settled.map_or((classified.class, None), |s| (s.class, s.sql));
    let call = CallFacts {
        method: asked.method,
        target: asked.target,
        classified,
        class,
        sql,
        body,
        content_type: asked.content_type,
        upgrade: asked.upgrade,
        target_account: rights.target_account,
        target_workspace: rights.target_workspace,
        account_id: rights.account_id,
    };
    let template = classified.template();
    let outcome = match (settled, never::forbidden(&call, rights.principal)) {
        (Err(refusal), _) if body != Body::Unread => Err(Denied::Body(refusal)),
        (_, Some(reason)) => Err(Denied::Never(reason)),
        (Err(refusal), None) => Err(Denied::Body(refusal)),
        (Ok(_), None) => match scope::verdict(rights.scope, &call) {
            Verdict::Allow
                if undo::is_beyond_undo(asked.method, asked.target, template, body.json()) =>
            {
                Err(Denied::BeyondUndo)
            }
            Verdict::Allow => Ok(()),
            Verdict::Refuse {
                why,
                sentence,
                hint,
            } => Err(Denied::Scope {
                why,
                sentence,
                hint,
            }),
        },
    };
    Judged {
        class,
        template,
        sql: sql.map(str::to_owned),
        thrift_method: match held {
            Held::Thrift(call) => Some(call.method.clone()),
            _ => None,
        },
        additions: undo::additions(asked.method, asked.target, template, body.json()),
        outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::target::canonicalise;

    fn judged(patterns: &[&str], method: &str, raw: &str, body: Option<&[u8]>) -> Judged {
        let patterns: Vec<String> = patterns.iter().map(|p| (*p).to_owned()).collect();
        let target = canonicalise(raw).unwrap();
        let asked = Asked {
            method,
            target: &target,
            body,
            content_type: None,
            encoded: false,
            upgrade: false,
        };
        let rights = Rights {
            scope: &Scope::parse(&patterns).unwrap(),
            principal: &Principal::default(),
            target_account: false,
            target_workspace: true,
            account_id: None,
        };
        judge(&asked, &rights)
    }

    #[test]
    fn a_reading_statement_is_egress_and_its_text_is_known() {
        let body = br#"{"statement":"select 1","warehouse_id":"a"}"#;
        let judged = judged(
            &["ws:egress"],
            "POST",
            "/api/2.0/sql/statements/",
            Some(body),
        );
        assert_eq!(judged.outcome, Ok(()));
        assert_eq!(judged.class, Class::Egress);
        assert_eq!(judged.sql.as_deref(), Some("select 1"));
        assert_eq!(judged.template, Some("/api/2/sql/statements"));
    }

    #[test]
    fn bodies_that_decide_are_strict() {
        let outcome = |body: Option<&[u8]>| {
            judged(&["ws:change"], "POST", "/api/2.1/clusters/start", body).outcome
        };
        assert_eq!(outcome(Some(br#"{"cluster_id":"a"}"#)), Ok(()));
        let twice = outcome(Some(br#"{"cluster_id":"a","cluster_id":"b"}"#));
        assert_eq!(twice, Err(Denied::Json(CanonicalError::Duplicate)));
        assert_eq!(outcome(None), Err(Denied::Unread));
        let large = vec![b' '; risk::MAX_JSON_BYTES + 1];
        assert_eq!(
            outcome(Some(&large)),
            Err(Denied::TooLarge(risk::MAX_JSON_BYTES))
        );
        let target = canonicalise("/api/2.1/clusters/start").unwrap();
        assert_eq!(
            need("POST", &target),
            (BodyNeed::StrictJson, risk::MAX_JSON_BYTES)
        );
    }

    #[test]
    fn uploads_stream_and_presigned_uploads_are_answered_unread() {
        let upload = judged(&["ws:change"], "PUT", "/api/2.0/fs/files/Volumes/a", None);
        assert_eq!(upload.outcome, Ok(()));
        let presigned = judged(
            &["ws:change"],
            "POST",
            "/api/2.0/fs/create-download-url",
            None,
        );
        assert_eq!(
            presigned.outcome,
            Err(Denied::Never(NeverReason::PresignedUrl))
        );
    }

    #[test]
    fn a_right_that_could_not_be_taken_away_again_is_not_given() {
        let give = |body: &str| {
            let list = "/api/2.0/identity/workspace-assignments";
            judged(&["ws:privilege"], "POST", list, Some(body.as_bytes()))
        };
        let plain = give(r#"{"principal_id":42,"entitlements":["WORKSPACE_ACCESS"]}"#);
        assert_eq!((plain.outcome, plain.additions.len()), (Ok(()), 1));
        for body in [
            r#"{"principalId":42,"entitlements":["WORKSPACE_ACCESS"]}"#,
            r#"{"principal_id":[42],"entitlements":["WORKSPACE_ACCESS"]}"#,
        ] {
            let given = give(body);
            assert_eq!(given.outcome, Err(Denied::BeyondUndo), "{body}");
            assert_eq!(given.outcome.unwrap_err().word(), "body_malformed");
        }
    }

    #[test]
    fn refused_calls_carry_the_same_facts_as_passed_ones() {
        let judged = judged(&["ws:read"], "POST", "/api/2.2/jobs/delete", Some(b"{}"));
        assert_eq!(judged.class, Class::Destroy);
        assert_eq!(judged.template, Some("/api/2/jobs/delete"));
        let Err(denied) = judged.outcome else {
            panic!("allowed");
        };
        assert_eq!(denied.word(), "outside_scope");
        assert!(denied.to_string().contains("class destroy"));
    }
}
