//! The list of incidents, ten on a page: every one stands on one page and no page ends in nothing.

use breakglass::api::IncidentView;
use breakglass::domain::act::Deed;
use breakglass::domain::time::MINUTE_MS;
use reqwest::Method;

use crate::support::{User, Vault, ok};

/// Incidents of a page, in its order.
async fn listed(user: &User<'_>, path: &str) -> (Vec<String>, String) {
    let answer = user.ask(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let page = answer.text().await.unwrap();
    let links = page.split("<th scope=\"row\"><a href=\"/i/").skip(1);
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
}
