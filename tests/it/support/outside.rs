//! What is around the vault: the Databricks it guards, and its disk.

use std::time::Duration;

use breakglass::domain::ids::Digest;
use breakglass::simulator::Knobs;
use serde_json::Value;
use sqlx::ConnectOptions as _;

use super::vault::{FIRST_SECRET, TestVault, WORKSPACE};

impl TestVault {
    /// Changes what Databricks does wrong.
    pub fn knobs(&self, change: impl FnOnce(&mut Knobs)) {
        let mut knobs = self.simulator.state.knobs();
        change(&mut knobs);
        self.simulator.state.set_knobs(knobs);
    }

    /// From now on Databricks deletes no secret.
    pub fn refuse_deletes(&self) {
        let principal = &self.simulator.state.principal;
        let account = &self.simulator.state.account_id;
        let list = format!(
            "/api/2.0/accounts/{account}/servicePrincipals/{}/credentials/secrets/",
            principal.id
        );
        self.knobs(|knobs| {
            knobs.unavailable_next = u32::MAX;
            knobs.unavailable_prefix = list;
        });
    }

    /// Databricks works again.
    pub fn allow_all(&self) {
        self.knobs(|knobs| knobs.unavailable_next = 0);
    }

    /// From now on the log breaks instead of taking an entry of this kind: the process that
    /// wants to write it has done everything before and nothing after.
    pub fn break_at(&self, kind: &str) {
        let breaks = match self.schema {
            None => "WHEN NEW.kind = '{kind}' BEGIN SELECT RAISE(ABORT, 'the disk is broken'); END",
            Some(_) => "FOR EACH ROW WHEN (NEW.kind = '{kind}') EXECUTE FUNCTION broken()",
        };
        let breaks = breaks.replace("{kind}", kind);
        self.sql(&format!(
            "CREATE TRIGGER broken BEFORE INSERT ON log_entry {breaks}"
        ));
    }

    /// The disk works again.
    pub fn mend(&self) {
        self.sql(match self.schema {
            None => "DROP TRIGGER IF EXISTS broken",
            Some(_) => "DROP TRIGGER IF EXISTS broken ON log_entry",
        });
    }

    /// Waits until the vault has noticed that its log is gone.
    pub fn wait_for_log_loss(&self) {
        let lost = self.app().log_lost();
        self.wait(|| lost.is_cancelled(), || "the log is not lost".to_owned());
    }

    /// A statement of somebody who can write to the database.
    pub fn sql(&self, text: &str) {
        if let Some(schema) = &self.schema {
            return schema.sql(&self.outside, text);
        }
        let path = self.folder.path().join("vault.db");
        self.outside(async {
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(path)
                .busy_timeout(Duration::from_secs(60));
            let mut connection = options.connect().await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned()))
                .execute(&mut connection)
                .await
                .unwrap();
            sqlx::Connection::close(connection).await.unwrap();
        });
    }

    /// A copy of the database as it is now.
    pub fn copy_database(&self) {
        match &self.schema {
            Some(schema) => schema.copy(&self.outside),
            None => {
                let copy = self.folder.path().join("copy");
                self.sql(&format!("VACUUM INTO '{}'", copy.display()));
            }
        }
    }

    /// Somebody puts the copy back; the process is not running. The mark beside it would say that
    /// the database is older, which `log new-epoch` declares.
    pub fn restore_database(&self) {
        let folder = self.folder.path();
        match &self.schema {
            Some(schema) => {
                schema.restore(&self.outside);
                // A file's copy brings its own triggers.
                self.mend();
            }
            None => {
                for end in ["", "-wal", "-shm"] {
                    // The write-ahead log is gone where it was folded in.
                    let _gone = std::fs::remove_file(folder.join(format!("vault.db{end}")));
                }
                std::fs::copy(folder.join("copy"), folder.join("vault.db")).unwrap();
            }
        }
        std::fs::remove_file(folder.join("head.hw")).unwrap();
    }

    /// Whether another node could take this vault over.
    pub fn is_on_a_server(&self) -> bool {
        self.schema.is_some()
    }

    /// Ids of the principal's secrets that are alive at Databricks.
    pub fn live_secrets(&self) -> Vec<String> {
        let shown = self.control("GET", "secrets", None);
        let secrets = shown["secrets"].as_array().unwrap();
        let live = secrets.iter().filter(|s| s["live"] == true);
        live.map(|s| s["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Whether the secret with this value would still be given tokens.
    pub fn mints(&self, value_sha256: &str) -> bool {
        let shown = self.control("GET", "secrets", None);
        let secrets = shown["secrets"].as_array().unwrap();
        secrets
            .iter()
            .any(|s| s["value_sha256"] == value_sha256 && s["mints"] == true)
    }

    /// Whether the secret with this id would still be given tokens.
    pub fn secret_mints(&self, id: &str) -> bool {
        let shown = self.control("GET", "secrets", None);
        let secrets = shown["secrets"].as_array().unwrap();
        secrets.iter().any(|s| s["id"] == id && s["mints"] == true)
    }

    /// Whether the secret a person has seen would still be given tokens.
    pub fn first_secret_mints(&self) -> bool {
        self.mints(&Digest::of(FIRST_SECRET.as_bytes()).hex())
    }

    /// A secret that somebody makes beside the vault; its id.
    pub fn foreign_secret(&self, lifetime_s: i64) -> String {
        let body = serde_json::json!({ "lifetime_seconds": lifetime_s });
        self.control("POST", "foreign-secret", Some(body))["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A secret that an account admin makes in the account console and reads there: id and value.
    pub fn fresh_secret(&self) -> (String, String) {
        let body = serde_json::json!({ "lifetime_seconds": 7_776_000, "show": true });
        let made = self.control("POST", "foreign-secret", Some(body));
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// Somebody deletes a secret in the account console.
    pub fn delete_secret(&self, id: &str) {
        let body = serde_json::json!({ "id": id });
        self.control("POST", "delete-secret", Some(body));
    }

    /// The account's id.
    pub fn account(&self) -> String {
        self.simulator.state.account_id.clone()
    }

    /// Numeric id of the principal.
    pub fn principal(&self) -> u64 {
        self.simulator.state.principal.id
    }

    /// Who is admin of what at Databricks.
    pub fn rights(&self) -> Value {
        self.control("GET", "rights", None)
    }

    /// Level of a principal's assignment to the workspace.
    pub fn level_of(&self, principal: u64) -> Option<String> {
        let level = &self.rights()["assignments"][WORKSPACE][principal.to_string()];
        level.as_str().map(str::to_owned)
    }

    /// An account admin sets or removes an assignment beside the vault.
    pub fn assign(&self, principal: u64, level: Option<&str>) {
        let workspace: u64 = WORKSPACE.parse().unwrap();
        let body =
            serde_json::json!({"workspace": workspace, "principal": principal, "level": level});
        self.control("POST", "assign", Some(body));
    }

    /// Somebody makes federation policies of the account beside the vault.
    pub fn federate(&self, count: u32) {
        let body = serde_json::json!({"kind": "federation", "count": count});
        self.control("POST", "things", Some(body));
    }

    /// An account admin lets somebody, such as `users/ada@example.com`, manage the principal.
    pub fn let_manage(&self, who: &str) {
        let body = serde_json::json!({ "principal": who });
        self.control("POST", "manager", Some(body));
    }

    fn control(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let url = format!(
            "http://{}/_simulator/{path}",
            self.simulator.http_addr.unwrap()
        );
        self.outside(async {
            let client = reqwest::Client::builder().build().unwrap();
            let request = client.request(method.parse().unwrap(), url);
            let request = match body {
                Some(body) => request.json(&body),
                None => request,
            };
            request.send().await.unwrap().json().await.unwrap()
        })
    }
}
