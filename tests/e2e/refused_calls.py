"""What no session may do, as requests: rows of the never-list, calls outside the scope, ambiguous
wires. Data for refusals.py; must not know how it is sent."""

# Everything a scope of today can name: what is refused below is refused by no scope.
WIDE = ["account:read", "account:change", "account:destroy", "ws:read", "ws:egress", "ws:change",
        "ws:destroy"]
PERSON = "4000000001"


def never_calls(info):
    """Rows of PROTOCOL §8 that the simulator serves: name, method, path, body, word in the log."""
    account, principal = f"/api/2.0/accounts/{info['account_id']}", info["principal_id"]
    workspace, application = info["workspace_id"], info["application_id"]
    secrets = f"servicePrincipals/{principal}/credentials/secrets"
    assigned = f"{account}/workspaces/{workspace}/permissionassignments/principals"
    member = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
              "Operations": [{"op": "add", "path": "members", "value": [{"value": PERSON}]}]}
    role = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "roles", "value": [{"value": "account_admin"}]}]}
    credential, group = "credential_in_reply", "protected_group"
    federation, audit, code = "federation_policy", "audit_setting", "code_forwarding"
    return [
        ("a secret of the principal", "POST", f"{account}/{secrets}", {}, credential),
        ("the same by the workspace", "POST", f"/api/2.0/accounts/{secrets}", {}, credential),
        ("a secret of another principal", "POST",
         f"{account}/servicePrincipals/7001002099/credentials/secrets", {}, credential),
        ("a personal token", "POST", "/api/2.0/token/create", {"comment": "x"}, credential),
        ("an on-behalf-of token", "POST", "/api/2.0/token-management/on-behalf-of/tokens",
         {"application_id": "e71a0000-0e71-4000-8000-000000000002"}, credential),
        ("an app integration", "POST", f"{account}/oauth2/custom-app-integrations",
         {"name": "x"}, credential),
        ("temporary table credentials", "POST",
         "/api/2.0/unity-catalog/temporary-table-credentials", {"table_id": "t"}, credential),
        ("temporary path credentials", "POST",
         "/api/2.1/unity-catalog/temporary-path-credentials", {"url": "s3://x"}, credential),
        ("a database password", "POST", "/api/2.0/database/credentials", {}, credential),
        ("a recipient token", "POST", "/api/2.1/unity-catalog/recipients",
         {"name": "r", "authentication_type": "TOKEN"}, credential),
        ("an account federation policy", "POST", f"{account}/federationPolicies", {}, federation),
        ("a principal's federation policy", "POST",
         f"{account}/servicePrincipals/{principal}/federationPolicies", {}, federation),
        ("the removal of a federation policy", "DELETE", f"{account}/federationPolicies/p1", None,
         federation),
        ("the removal of a secret of the principal", "DELETE", f"{account}/{secrets}/s1", None,
         "principal"),
        ("a change of the principal", "PATCH",
         f"{account}/scim/v2/ServicePrincipals/{principal}", role, "principal"),
        ("the removal of the principal", "DELETE",
         f"/api/2.0/preview/scim/v2/ServicePrincipals/{principal}", None, "principal"),
        ("the principal's assignment", "PUT", f"{assigned}/{principal}",
         {"permissions": ["USER"]}, "principal"),
        ("a rule set naming the principal", "PUT",
         f"/api/2.0/preview/accounts/{info['account_id']}/access-control/rule-sets",
         {"name": f"accounts/{info['account_id']}/servicePrincipals/{application}/ruleSets/default",
          "rule_set": {"grant_rules": []}}, "principal"),
        ("the group admins", "PATCH", "/api/2.0/preview/scim/v2/Groups/1001", member, group),
        ("a group of the principal", "PATCH", f"{account}/scim/v2/Groups/2001", member, group),
        ("the principal as a member elsewhere", "PATCH", f"{account}/scim/v2/Groups/2002",
         {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [
             {"op": "add", "path": "members", "value": [{"value": principal}]}]}, "principal"),
        ("an admin role for a person", "PATCH", f"{account}/scim/v2/Users/{PERSON}", role,
         "admin_role"),
        ("a workspace admin", "PUT", f"{assigned}/{PERSON}", {"permissions": ["ADMIN"]},
         "admin_role"),
        ("log delivery", "POST", f"{account}/log-delivery",
         {"log_delivery_configuration": {"status": "DISABLED"}}, audit),
        ("a system schema", "DELETE",
         "/api/2.0/unity-catalog/metastores/11111111-2222-4333-8444-555555555555/systemschemas/access",
         None, audit),
        ("verbose audit logs", "PATCH", "/api/2.0/workspace-conf",
         {"enableVerboseAuditLogs": "false"}, audit),
        ("the driver proxy", "GET", "/driver-proxy-api/o/0/c/8888/", None, code),
        ("the driver proxy, posting", "POST", "/driver-proxy/o/0/c/8888/", {}, code),
        ("an app", "GET", "/apps/mine/", None, code),
        ("a presigned download", "POST", "/api/2.0/fs/create-download-url?path=/Volumes/a", {},
         "presigned_url"),
        ("presigned parts", "POST", "/api/2.0/fs/create-upload-part-urls",
         {"path": "/Volumes/a", "session_token": "x"}, "presigned_url"),
        ("result links", "POST", "/api/2.0/sql/statements",
         {"statement": "SELECT 1", "warehouse_id": "wh0000000000001",
          "disposition": "EXTERNAL_LINKS", "format": "ARROW_STREAM"}, "external_links"),
    ]


def scope_calls():
    """Calls outside the scope or without a meaning: name, method, path, body, status, word."""
    return [
        ("code", "POST", "/api/2.2/jobs/create", {"name": "x"}, 403, None),
        ("privilege", "POST", "/api/2.0/secrets/acls/put",
         {"scope": "etl", "principal": "users", "permission": "MANAGE"}, 403, None),
        ("an unknown path", "GET", "/api/2.0/nothing/like/this", None, 403, None),
        ("an unknown write", "PUT", "/api/2.0/no/such/thing", {}, 403, None),
        ("a bare variable", "GET", "/api/2.0/anything", None, 403, None),
        ("a body with a member twice", "POST", "/api/2.2/jobs/run-now",
         '{"job_id": 101, "job_id": 102}', 400, "body_malformed"),
        ("two slashes", "GET", "//evil.example.com/api/2.0/clusters/list", None, 400, "target"),
        ("encoded dots", "GET", "/api/2.0/clusters/%2e%2e/jobs/list", None, 400, "target"),
        ("dots", "GET", "/api/2.0/clusters/../jobs/list", None, 400, "target"),
        ("an encoded slash", "GET", "/api/2.0/clusters%2Flist", None, (400, 403), None),
        ("a backslash", "GET", "/api/2.0\\clusters/list", None, 400, "target"),
    ]


def wires(vault, token):
    """Ambiguous requests: name, bytes, statuses that refuse."""
    def head(line, *headers, host=vault.plain):
        lines = [line, f"Host: {host}", f"Authorization: Bearer {token}", *headers]
        return "\r\n".join(lines) + "\r\n\r\n"

    get = "GET /api/2.0/clusters/list HTTP/1.1"
    return [
        ("two Host headers", head(get, "Host: evil.example.com"), (400,)),
        ("a foreign Host", head(get, host="evil.example.com"), (421,)),
        ("a second Authorization", head(get, "Authorization: Bearer dapi123"), (400,)),
        ("Upgrade", head(get, "Upgrade: websocket", "Connection: Upgrade"), (400, 403)),
        ("CONNECT", head(f"CONNECT {vault.plain} HTTP/1.1"), (400, 405)),
        ("an absolute target", head("GET http://evil.example.com/api/2.0/clusters/list HTTP/1.1"),
         (400, 421)),
        ("TRACE", head("TRACE /api/2.0/clusters/list HTTP/1.1"), (405, 400)),
        ("both lengths", head("POST /api/2.2/jobs/run-now HTTP/1.1", "Content-Length: 3",
                              "Transfer-Encoding: chunked") + "0\r\n\r\n", (400,)),
        ("a header name with an underscore", head(get, "X_Databricks_Workspace_Id: 1"), (400,)),
    ]
