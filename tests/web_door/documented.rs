//! The OpenAPI document and the router cannot drift apart.

use std::collections::BTreeSet;

use breakglass::web::{openapi_document, routes};
use serde_json::Value;

use crate::support::Vault;

#[tokio::test]
async fn exactly_the_routes_that_are_served_are_documented() {
    let vault = Vault::start().await;
    let table = routes::table(&vault.app);
    let served: BTreeSet<(String, String, bool)> = table
        .iter()
        .map(|route| {
            let path = route.path.replace("{*", "{");
            (route.method.to_string(), path, route.open)
        })
        .collect();
    assert_eq!(served.len(), table.len());
    let document = serde_json::to_value(openapi_document(&table)).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation.get("security").is_none();
            documented.insert((method.to_uppercase(), path.clone(), open));
            assert!(
                operation["responses"]["default"].is_object(),
                "{method} {path}"
            );
        }
    }
    assert_eq!(documented, served);
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let vault = Vault::start().await;
    let text = vault.get("/api/openapi.json").await.text().await.unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut found = 0;
    for piece in text.split("\"#/components/schemas/").skip(1) {
        let name = piece.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
        found += 1;
    }
    assert!(found > 30);
}
