//! The list of incidents, ten on a page: every one stands on one page and no page ends in nothing.

use breakglass::api::IncidentView;
use breakglass::audit::entry::Draft;
use breakglass::domain::act::Deed;
use breakglass::domain::time::MINUTE_MS;
use breakglass::store::Commit;
use reqwest::Method;

use crate::support::{User, Vault, ok};

/// Incidents of a page, in its order.
async fn listed(user: &User<'_>, path: &str) -> (Vec<String>, String) {
    let answer = user.ask(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let page = answer.text().await.unwrap();
    let links = page
        .split("data-label=\"Incident\"><div><a href=\"/i/")
        .skip(1);
    let ids = links.map(|after| after.split('"').next().unwrap().to_owned());
    (ids.collect(), page)
}

#[tokio::test]
async fn twelve_incidents_stand_on_two_pages_newest_first() {
    let vault = Vault::start().await;
    let otto = vault.login("otto").await;
    for _ in 0..12 {
        let asked = otto.open_rotation().await;
        let act = otto.act(Some(&asked), Deed::Withdraw {});
        let path = format!("/api/v1/incidents/{}/withdraw", asked.id);
        let _: IncidentView = ok(otto.post(&path, &act).await).await;
        // Nobody opens more than three an hour.
        vault.clock.pass_ms(21 * MINUTE_MS);
    }
    let (first, page) = listed(&otto, "/incidents").await;
    let newest: Vec<String> = (3..=12).rev().map(|n| format!("INC-{n}")).collect();
    assert_eq!(first, newest);
    assert!(page.contains("1 to 10 of the newest 12"), "{page}");
    assert!(page.contains("href=\"/incidents?page=1\""), "{page}");
    let (second, page) = listed(&otto, "/incidents?page=1").await;
    assert_eq!(second, ["INC-2", "INC-1"]);
    assert!(page.contains("href=\"/incidents?page=0\""), "{page}");
    assert!(!page.contains("page=2"), "{page}");
    for odd in ["99", "18446744073709551615", "-1", "x", ""] {
        let (found, page) = listed(&otto, &format!("/incidents?page={odd}")).await;
        assert!(!found.is_empty(), "{odd}: {page}");
    }
    let csv = otto.get("/incidents.csv").await.text().await.unwrap();
    assert_eq!(
        csv.lines().count(),
        13,
        "all of them, under one heading: {csv}"
    );
    // The same lines as JSON, field by field.
    let json: serde_json::Value = ok(otto.get("/incidents.json").await).await;
    let objects = json["incidents"].as_array().unwrap();
    let mut rows = csv.lines();
    let names: Vec<&str> = rows.next().unwrap().split(',').collect();
    assert_eq!(objects.len(), 12);
    for (object, row) in objects.iter().zip(rows) {
        for (name, cell) in names.iter().zip(row.split(',')) {
            let said = match &object[name] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                number => number.to_string(),
            };
            assert_eq!(said, cell, "{name} of {object}");
        }
        assert_eq!(object.as_object().unwrap().len(), names.len());
        assert!(object["calls"].is_u64() && object["ms_to_quorum"].is_null());
    }
    assert!(page.contains("href=\"/incidents.json\""), "{page}");
}

#[tokio::test]
async fn the_incidents_page_says_who_was_paged_and_when() {
    let vault = Vault::start().await;
    let otto = vault.login("otto").await;
    let asked = otto.open_rotation().await;
    let path = format!("/i/{}", asked.id);
    let shown = || async { otto.get(&path).await.text().await.unwrap() };
    let before = shown().await;
    assert!(!before.contains("Paged"), "{before}");
    let people = serde_json::json!(["ada"]);
    let members = [
        ("inc".to_owned(), asked.id.as_str().into()),
        ("wave".to_owned(), 0.into()),
        ("people".to_owned(), people),
    ];
    let sent = Draft {
        kind: "page.sent".to_owned(),
        members: members.into_iter().collect(),
    };
    let committed = vault
        .app
        .store()
        .commit(Commit::control(vec![sent], Vec::new()));
    committed.await.unwrap();
    let view: IncidentView = ok(otto.get(&format!("/api/v1/incidents/{}", asked.id)).await).await;
    let of = |who: &str| view.custodians.iter().find(|c| c.person == who).unwrap();
    assert!(of("ada").paged_at_ms.is_some() && of("ben").paged_at_ms.is_none());
    let after = shown().await;
    let card = after.split("ADA Example").nth(1).unwrap();
    let card = card.split("</li>").next().unwrap();
    // 2027-01-15 08:00 UTC, where the tests' clock begins, on Otto's clock in Berlin.
    assert!(card.contains("Paged"), "{card}");
    assert!(card.contains("09:00 CET (08:00 UTC)"), "{card}");
    assert_eq!(after.matches("Paged").count(), 1, "{after}");
}
