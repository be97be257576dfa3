//! The console's pages over real sockets: who gets in, what other sites may not do, what every
//! page forbids the browser.

use breakglass::api::PageCode;
use breakglass::app::login::LOGIN_MS;
use breakglass::domain::time::SECOND_MS;
use breakglass::web::page_table;
use reqwest::{Method, RequestBuilder, Response};

use crate::support::{User, Vault, ok};

const FORM: &str = "application/x-www-form-urlencoded";

/// A path of the table with something in its braces.
fn filled(path: &str) -> String {
    path.replace("{id}", "INC-1")
        .replace("{seq}", "0")
        .replace("{name}", "console.css")
}

fn browser(vault: &Vault, method: Method, path: &str) -> RequestBuilder {
    let ask = vault.ask(method.clone(), path);
    if method == Method::POST {
        ask.header("origin", &vault.origin)
            .header("content-type", FORM)
    } else {
        ask
    }
}

/// A browser that carries somebody's cookie.
fn with_cookie(user: &User<'_>, ask: RequestBuilder) -> RequestBuilder {
    ask.header("cookie", format!("__Host-breakglass={}", user.token))
}

async fn sent(ask: RequestBuilder) -> Response {
    ask.send().await.unwrap()
}

#[tokio::test]
async fn a_stranger_sees_the_sign_in_page_and_is_led_back() {
    let vault = Vault::start().await;
    let open: Vec<&str> = page_table(&vault.app)
        .iter()
        .filter(|route| route.open)
        .map(|route| route.path)
        .collect();
    assert_eq!(
        open,
        ["/sign-in", "/sign-in", "/static/{name}", "/favicon.ico"]
    );
    for route in page_table(&vault.app).iter().filter(|route| !route.open) {
        let path = filled(route.path);
        let answer = sent(browser(&vault, route.method.clone(), &path)).await;
        if route.method == Method::POST {
            assert_eq!(answer.status(), 401, "{path}");
            assert!(
                answer
                    .text()
                    .await
                    .unwrap()
                    .contains("Nothing was released")
            );
        } else {
            // The client follows the way to the sign-in page.
            assert_eq!(answer.url().path(), "/sign-in", "{path}");
            assert_eq!(answer.status(), 200, "{path}");
            if path != "/" {
                let back = answer.url().query().unwrap().to_owned();
                assert!(back.starts_with("next=%2F"), "{back}");
            }
        }
    }
}

#[tokio::test]
async fn a_code_from_the_command_line_signs_a_browser_in_once() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    let code: PageCode = ok(ada.post("/api/v1/login/page", &()).await).await;
    let typed = format!(" {} ", code.code.to_lowercase().replace('-', " "));
    let form = [("code", typed.as_str()), ("next", "/live")];
    let enter = || browser(&vault, Method::POST, "/sign-in").form(&form);
    // Redirects are not followed with a cookie by this client; the head is what counts.
    let first = vault.ask_once(enter()).await;
    assert_eq!(first.status(), 303);
    assert_eq!(first.headers()["location"], "/live");
    let cookie = first.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in [
        "__Host-breakglass=bgl_",
        "HttpOnly",
        "Secure",
        "SameSite=Lax",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let pair = cookie.split(';').next().unwrap();
    let board = sent(vault.ask(Method::GET, "/").header("cookie", pair)).await;
    let board = board.text().await.unwrap();
    assert!(board.contains("Signed in as"), "{board}");
    // Two of three in Berlin at nine in the morning, each with 80 %.
    assert!(
        board.contains("a chance of 90 % within ten minutes"),
        "{board}"
    );
    let again = vault.ask_once(enter()).await;
    assert_eq!(again.status(), 401);
    assert!(again.headers().get("set-cookie").is_none());
}

#[tokio::test]
async fn a_browsers_login_ends_with_the_one_that_made_it() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    vault.clock.pass_ms(LOGIN_MS - 60 * SECOND_MS);
    let code: PageCode = ok(ada.post("/api/v1/login/page", &()).await).await;
    let form = [("code", code.code.as_str())];
    let entered = vault
        .ask_once(browser(&vault, Method::POST, "/sign-in").form(&form))
        .await;
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    let pair = cookie.split(';').next().unwrap().to_owned();
    let board = || sent(vault.ask(Method::GET, "/").header("cookie", &pair));
    assert!(board().await.text().await.unwrap().contains("Signed in as"));
    vault.clock.pass_ms(60 * SECOND_MS);
    let later = board().await.text().await.unwrap();
    assert!(!later.contains("Signed in as"), "eight hours are over");
}

#[tokio::test]
async fn a_code_is_good_for_two_minutes() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    let code: PageCode = ok(ada.post("/api/v1/login/page", &()).await).await;
    vault.clock.pass_ms(120 * SECOND_MS);
    let form = [("code", code.code.as_str())];
    let answer = vault
        .ask_once(browser(&vault, Method::POST, "/sign-in").form(&form))
        .await;
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn who_signs_out_has_no_login_any_more() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    let out = with_cookie(&ada, browser(&vault, Method::POST, "/sign-out").body(""));
    let answer = vault.ask_once(out).await;
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("Max-Age=0"), "{cookie}");
    assert_eq!(ada.get("/api/v1/vault").await.status(), 401);
}

#[tokio::test]
async fn a_post_to_a_page_must_come_from_a_page_of_ours() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    let post = || {
        vault
            .ask(Method::POST, "/sign-out")
            .header("content-type", FORM)
            .body("")
    };
    let own = vault.origin.clone();
    for (headers, status) in [
        (vec![], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", "https://evil.example")], 403),
        (
            vec![("origin", own.as_str()), ("origin", own.as_str())],
            403,
        ),
        (
            vec![("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
            403,
        ),
        (
            vec![("origin", own.as_str()), ("sec-fetch-site", "same-site")],
            403,
        ),
        (
            vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")],
            303,
        ),
    ] {
        let mut ask = with_cookie(&ada, post());
        for (name, value) in &headers {
            ask = ask.header(*name, *value);
        }
        assert_eq!(vault.ask_once(ask).await.status(), status, "{headers:?}");
    }
}

#[tokio::test]
async fn a_cookie_changes_nothing_through_the_api_unless_our_page_sent_it() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    let prove = |origin: Option<&str>| {
        let ask = vault.ask(Method::POST, "/api/v1/prove/challenge").json(&());
        let ask = with_cookie(&ada, ask);
        match origin {
            Some(origin) => ask.header("origin", origin.to_owned()),
            None => ask,
        }
    };
    assert_eq!(sent(prove(None)).await.status(), 403);
    assert_eq!(
        sent(prove(Some("https://evil.example"))).await.status(),
        403
    );
    assert_eq!(sent(prove(Some(&vault.origin))).await.status(), 200);
    // A bearer is not the browser's: who holds it sends it.
    assert_eq!(ada.post("/api/v1/prove/challenge", &()).await.status(), 200);
}

#[tokio::test]
async fn a_link_from_a_mail_leads_in_and_nothing_else_may_fetch_a_page() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    for (mode, dest, status) in [
        ("navigate", "document", 200),
        ("navigate", "iframe", 403),
        ("cors", "empty", 403),
        ("no-cors", "image", 403),
    ] {
        let ask = with_cookie(&ada, vault.ask(Method::GET, "/"))
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", dest);
        assert_eq!(sent(ask).await.status(), status, "{mode} {dest}");
    }
}

#[tokio::test]
async fn every_page_forbids_scripts_frames_and_forms_of_others() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    for path in ["/", "/sign-in", "/nothing", "/i/INC-99"] {
        let answer = sent(with_cookie(&ada, vault.ask(Method::GET, path))).await;
        let headers = answer.headers().clone();
        let policy = headers["content-security-policy"].to_str().unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["referrer-policy"], "same-origin");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["cache-control"], "no-store");
        let page = answer.text().await.unwrap();
        for inline in [" style=", "<style", " onclick=", " onload=", "javascript:"] {
            assert!(!page.contains(inline), "{path}: {inline}");
        }
    }
}

#[tokio::test]
async fn files_are_kept_by_browsers_under_their_hash() {
    let vault = Vault::start().await;
    let page = vault.get("/sign-in").await.text().await.unwrap();
    let from = page.find("/static/console.css?v=").unwrap();
    let path: String = page[from..].chars().take_while(|c| *c != '"').collect();
    let answer = vault.get(&path).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/css; charset=utf-8");
    let kept = answer.headers()["cache-control"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(kept.contains("immutable"), "{kept}");
    assert_eq!(vault.get("/static/nothing.js").await.status(), 404);
}
