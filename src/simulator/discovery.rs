//! The unauthenticated documents (facts §1.2) and the side calls of SQL drivers (§6.4).

use serde_json::json;

use super::reply::Reply;
use super::state::State;

/// `/.well-known/databricks-config` for the host that was asked.
pub fn databricks_config(state: &State, origin: &str, account_host: bool) -> Reply {
    if account_host {
        return Reply::json(&json!({
            // The literal placeholder is what the real account host answers.
            "oidc_endpoint": format!("{origin}/oidc/accounts/{{account_id}}"),
            "account_id": state.account_id,
            "cloud": "AWS",
            "host_type": "ACCOUNT_HOST",
        }));
    }
    Reply::json(&json!({
        "oidc_endpoint": format!("{origin}/oidc"),
        "account_id": state.account_id,
        "workspace_id": state.workspace_id().to_string(),
        "cloud": "AWS",
        "host_type": "WORKSPACE_HOST",
        "token_federation_default_oidc_audiences": [format!("{origin}/oidc/v1/token")],
    }))
}

/// The authorization-server document under `base` (`/oidc` or `/oidc/accounts/ID`).
pub fn authorization_server(origin: &str, base: &str) -> Reply {
    Reply::json(&json!({
        "issuer": format!("{origin}{base}"),
        "authorization_endpoint": format!("{origin}{base}/v1/authorize"),
        "token_endpoint": format!("{origin}{base}/v1/token"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    }))
}

/// Feature flags of the SQL drivers.
pub fn feature_flags() -> Reply {
    Reply::json(&json!({"flags": [], "ttl_seconds": 900}))
}

/// Telemetry of the SQL drivers.
pub fn telemetry() -> Reply {
    Reply::json(&json!({"errors": [], "numProtoSuccess": 1}))
}
