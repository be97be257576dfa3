//! Stop and veto on the pages: who sees the way, and what it says where there is nothing to end.

use breakglass::domain::act::Deed;
use reqwest::Method;

use crate::support::{User, Vault, ok};

async fn page(user: &User<'_>, path: &str) -> String {
    let ask = user.ask(Method::GET, path);
    let answer = ask.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.unwrap()
}

#[tokio::test]
async fn security_is_led_to_the_veto_from_board_and_incident_and_nobody_else_is() {
    let vault = Vault::start().await;
    let asked = vault.login("otto").await.open_rotation().await;
    let (live, veto) = (format!("/i/{}", asked.id), format!("/i/{}/veto", asked.id));
    let link = format!("href=\"{veto}\"");
    let sam = vault.login("sam").await;
    for path in ["/", live.as_str()] {
        assert!(page(&sam, path).await.contains(&link), "sam, {path}");
        let ada = vault.login("ada").await;
        assert!(!page(&ada, path).await.contains(&link), "ada, {path}");
    }
    let shown = page(&sam, &veto).await;
    let command = format!(
        "breakglass veto <span class=\"option\">{}</span> ",
        asked.id
    );
    assert!(shown.contains(&command), "{shown}");
    let ada = vault.login("ada").await;
    let shown = page(&ada, &veto).await;
    assert!(!shown.contains(&command), "{shown}");
    assert!(shown.contains("SAM Example"), "whom to call: {shown}");
}

#[tokio::test]
async fn after_a_veto_everybody_reads_who_said_no_and_why() {
    let vault = Vault::start().await;
    let asked = vault.login("otto").await.open_rotation().await;
    let sam = vault.login("sam").await;
    let no = Deed::Veto {
        reason: "no change is planned <tonight>".to_owned(),
    };
    let path = format!("/api/v1/incidents/{}/veto", asked.id);
    let act = sam.act(Some(&asked), no);
    let _: breakglass::api::IncidentView = ok(sam.post(&path, &act).await).await;
    let shown = page(&vault.login("vera").await, &format!("/i/{}", asked.id)).await;
    assert!(shown.contains("SAM Example vetoed it:"), "{shown}");
    assert!(
        shown.contains("no change is planned &lt;tonight&gt;"),
        "{shown}"
    );
    let ended = page(&sam, &format!("/i/{}/veto", asked.id)).await;
    assert!(ended.contains("Nothing was changed by you"), "{ended}");
    assert!(!ended.contains("breakglass veto"), "{ended}");
}
