//! What pages answer to what they cannot take: a page with three parts, in the browser's own
//! language of HTML, and everything typed still there where a form comes back.

use reqwest::{Method, RequestBuilder};

use crate::support::{User, Vault};

const FORM: &str = "application/x-www-form-urlencoded";

fn post(
    user: &User<'_>,
    vault: &Vault,
    path: &str,
    body: impl Into<reqwest::Body>,
) -> RequestBuilder {
    let ask = user.ask(Method::POST, path).header("origin", &vault.origin);
    ask.header("content-type", FORM).body(body)
}

/// Status, and the page if it is one with three parts.
async fn told(ask: RequestBuilder) -> (u16, String) {
    let answer = ask.send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let text = answer.text().await.unwrap();
    assert!(kind.starts_with("text/html"), "{kind}: {text}");
    (status, text)
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_by_a_page_in_three_parts() {
    let vault = Vault::start().await;
    let asked = vault.login("otto").await.open_rotation().await;
    let vera = vault.login("vera").await;
    let long = "x".repeat(3 * 1024 * 1024);
    let findings = format!("/reviews/{}/findings", asked.id);
    let get = |path: &str| vera.ask(Method::GET, path);
    for (ask, status) in [
        (get("/i/nobody"), 404),
        (get("/i/INC-0"), 404),
        (get("/i/nobody/release"), 404),
        (get("/i/nobody/veto"), 404),
        (get("/reviews/nobody"), 404),
        (get("/log/nobody"), 404),
        (get("/incidents?page=1&page=2"), 400),
        (get("/log?kind=a&kind=b"), 400),
        (post(&vera, &vault, &findings, "severity=note"), 415),
        (post(&vera, &vault, &findings, "text=%FF"), 415),
        (
            post(&vera, &vault, "/log/compare", format!("note={long}")),
            413,
        ),
    ] {
        let about = format!("{ask:?}").chars().take(200).collect::<String>();
        let (found, page) = told(ask).await;
        assert_eq!(found, status, "{about}");
        assert!(page.contains("<title>Error: "), "{about}: {page}");
        assert!(page.contains("Nothing was released"), "{about}: {page}");
        assert!(
            page.contains("role=\"alert\" tabindex=\"-1\" data-focus"),
            "{about}"
        );
    }
}

#[tokio::test]
async fn a_form_that_comes_back_has_what_was_typed() {
    let vault = Vault::start().await;
    let asked = vault.login("otto").await.open_rotation().await;
    let vera = vault.login("vera").await;
    let (note, long) = (format!("/i/{}/note", asked.id), "n".repeat(5_000));
    let tree = "harm_within_hour=yes&admin_can_sign_in=no&rollback_elsewhere=no&platform_down=yes";
    let rio = vault.login("rio").await;
    for (ask, kept) in [
        (
            post(&vera, &vault, "/sign-in", "code=WRONG-C0DE"),
            "value=\"WRONG-C0DE\"".to_owned(),
        ),
        (
            post(&vera, &vault, "/log/compare", "note=no+checkpoint"),
            ">no checkpoint</textarea>".to_owned(),
        ),
        (
            post(&vera, &vault, &note, format!("text={long}")),
            format!(">{long}</textarea>"),
        ),
        (
            post(
                &rio,
                &vault,
                "/ask",
                format!("{tree}&reason=typed+reason&minutes=0&ticket=OPS-1"),
            ),
            ">typed reason</textarea>".to_owned(),
        ),
    ] {
        let about = format!("{ask:?}").chars().take(120).collect::<String>();
        let (_, page) = told(ask).await;
        assert!(page.contains("<title>Error: "), "{about}: {page}");
        assert!(page.contains(&kept), "{about}: {page}");
    }
}
