//! What a session may never do (PROTOCOL §8). Compiled in: no policy, scope or person lifts it.
//!
//! Each rule is a small function over the facts of a call; the first that speaks wins. Where a body
//! cannot be read, the rules assume the worst. Knows no scope.

mod grant;
mod identity;
mod links;
mod routes;

use std::borrow::Cow;

use super::ids::PersonId;
use super::scope::CallFacts;

pub use super::risk::{BodyNeed, body_need};

/// The break-glass principal and what must not be touched with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Principal {
    /// Its application id (a UUID), also its client id.
    pub application_id: String,
    /// Its SCIM id.
    pub numeric_id: String,
    /// Every protected group: those it is a member of, and the admin groups (`admins`) of the
    /// account's workspaces. The last is the session's workspace's `admins`, if it has one.
    pub group_ids: Vec<String>,
    /// Shown names of the protected groups: old routes name groups by them.
    pub group_names: Vec<String>,
    /// People whom the terms name in `grants_to`: the only ones a call may make admins.
    pub grantees: Vec<Grantee>,
}

/// A person of `grants_to` as Databricks knows her.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantee {
    /// The person of the roster.
    pub person: PersonId,
    /// SCIM id of the user, the same at account and workspace.
    pub user_id: String,
    /// User name: the mail address in the roster.
    pub user_name: String,
    /// What she is given stays.
    pub keep: bool,
}

impl Grantee {
    /// Whether an id or name in a call means her.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.user_id == name || self.user_name.eq_ignore_ascii_case(name)
    }
}

/// Why a call can never be made; the word goes into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NeverReason {
    /// The reply would carry a credential.
    CredentialInReply,
    /// Writes a federation policy.
    FederationPolicy,
    /// Writes log delivery, system schemas or audit settings.
    AuditSetting,
    /// Touches the break-glass principal, its roles, assignments, rule sets or secrets.
    Principal,
    /// Touches a group of the principal, or an admin group.
    ProtectedGroup,
    /// Gives or takes an admin role, and not plainly to people in `grants_to`.
    AdminRole,
    /// Hands the request to code of users.
    CodeForwarding,
    /// `Upgrade` or `CONNECT`.
    Upgrade,
    /// Databricks Connect (Spark Connect over gRPC).
    DatabricksConnect,
    /// A statement result as external links.
    ExternalLinks,
    /// A presigned address for a file.
    PresignedUrl,
    /// A Thrift statement that asks for result links.
    ResultLinks,
}

impl NeverReason {
    /// The word in the log.
    pub fn word(self) -> &'static str {
        match self {
            Self::CredentialInReply => "credential_in_reply",
            Self::FederationPolicy => "federation_policy",
            Self::AuditSetting => "audit_setting",
            Self::Principal => "principal",
            Self::ProtectedGroup => "protected_group",
            Self::AdminRole => "admin_role",
            Self::CodeForwarding => "code_forwarding",
            Self::Upgrade => "upgrade",
            Self::DatabricksConnect => "databricks_connect",
            Self::ExternalLinks => "external_links",
            Self::PresignedUrl => "presigned_url",
            Self::ResultLinks => "result_links",
        }
    }

    /// The sentence for the person; it avoids the words on which clients try again.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::CredentialInReply => {
                "no session may make a call whose reply carries a credential"
            }
            Self::FederationPolicy => "no session may write a federation policy",
            Self::AuditSetting => {
                "no session may write log delivery, system schemas or audit settings"
            }
            Self::Principal => {
                "no session may touch the break-glass principal, its roles, assignments, rule sets \
                 or secrets"
            }
            Self::ProtectedGroup => {
                "no session may touch a group of the break-glass principal or an admin group"
            }
            Self::AdminRole => {
                "no session may give or take an admin role; ask for a grant in the terms instead"
            }
            Self::CodeForwarding => "no session may forward requests to user code",
            Self::Upgrade => "no session may change the protocol of its connection",
            Self::DatabricksConnect => "databricks connect is not available through this session",
            Self::ExternalLinks => {
                "disposition EXTERNAL_LINKS is not available through this session; use INLINE"
            }
            Self::PresignedUrl => {
                "presigned file addresses are not available through this session; use \
                 /api/2.0/fs/files directly"
            }
            Self::ResultLinks => {
                "result links are not available through this session; set use_cloud_fetch=False \
                 (Python), useCloudFetch: false (Node) or EnableQueryResultDownload=0 (ODBC, JDBC)"
            }
        }
    }

    /// The status and the Databricks error code of the refusal, chosen so that clients fall back
    /// or stop.
    pub fn answer(self) -> (u16, &'static str) {
        match self {
            Self::ExternalLinks | Self::ResultLinks => (400, "INVALID_PARAMETER_VALUE"),
            _ => (403, "PERMISSION_DENIED"),
        }
    }

    /// The `reason` of the error details; one of them makes SDKs fall back to plain file calls.
    pub fn detail(self) -> Option<&'static str> {
        (self == Self::PresignedUrl).then_some("FILES_API_API_IS_NOT_ENABLED")
    }
}

/// A call and how its path reads; every rule looks at the same readings.
struct Seen<'a> {
    call: &'a CallFacts<'a>,
    /// The path in lower case: as sent, and where that differs as a server sees it that decodes
    /// first. Never empty.
    readings: Vec<Vec<Cow<'a, str>>>,
}

impl<'a> std::ops::Deref for Seen<'a> {
    type Target = CallFacts<'a>;

    fn deref(&self) -> &CallFacts<'a> {
        self.call
    }
}

type Rule = fn(&Seen<'_>, &Principal) -> Option<NeverReason>;

/// In the order asked: what makes clients fall back first, then the rest.
const RULES: [Rule; 10] = [
    routes::by_flag,
    links::external_links,
    links::result_links,
    routes::other_protocol,
    routes::forwards_to_code,
    routes::vends_by_name,
    routes::audit_setting,
    identity::touches_principal,
    identity::admin_role,
    identity::touches_group_by_name,
];

/// Whether a call can never be made by any session.
pub fn forbidden(call: &CallFacts<'_>, principal: &Principal) -> Option<NeverReason> {
    if grant::is_plain_grant(call, principal) {
        // Names people of `grants_to` and nobody else, in a shape read to its last member.
        return None;
    }
    let seen = Seen {
        call,
        readings: readings(call),
    };
    RULES.iter().find_map(|rule| rule(&seen, principal))
}

/// Whether the call writes: everything but GET and HEAD.
fn writes(call: &Seen<'_>) -> bool {
    !matches!(call.method, "GET" | "HEAD")
}

/// The path in lower case, as sent and decoded; once where both are the same.
fn readings<'a>(call: &CallFacts<'a>) -> Vec<Vec<Cow<'a, str>>> {
    let sent = call.target.segments().into_iter().map(lower).collect();
    if call.target.is_plain() {
        return vec![sent];
    }
    let decoded = call.target.decoded_segments().into_iter();
    let decoded = decoded.map(|part| Cow::Owned(part.to_ascii_lowercase()));
    vec![sent, decoded.collect()]
}

fn lower(part: &str) -> Cow<'_, str> {
    match part.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(part.to_ascii_lowercase()),
        false => Cow::Borrowed(part),
    }
}

#[cfg(test)]
mod tests;
