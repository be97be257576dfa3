//! Headers of every route there is: pages, API, static files, the custodian's page, and paths that
//! are none. The tables of routes are the list, so that a new route is asked too.

use breakglass::web::{CUSTODIAN_PAGE, page_table, routes};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};

use crate::support::{User, Vault};

/// The policy of every page (PROTOCOL §10; nothing inline, nothing foreign, no text becomes markup).
const PAGES: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";
/// What is no page may be shown, framed and run by nobody.
const OTHERS: &str = "default-src 'none'; frame-ancestors 'none'";

fn filled(path: &str) -> String {
    let parts = [
        ("{id}", "INC-1"),
        ("{seq}", "0"),
        ("{name}", "console.css"),
        ("{kind}", "live"),
        ("{epoch}", "1"),
    ];
    let path = parts.iter().fold(path.to_owned(), |path, (name, value)| {
        path.replace(name, value)
    });
    match path.split_once("{*") {
        Some((before, _)) => format!("{before}x"),
        None => path,
    }
}

fn by_cookie(vault: &Vault, user: &User<'_>, method: &Method, path: &str) -> RequestBuilder {
    let ask = vault.ask(method.clone(), path);
    let ask = ask.header("cookie", format!("__Host-breakglass={}", user.token));
    if *method == Method::GET {
        return ask;
    }
    let form = "application/x-www-form-urlencoded";
    let kind = if path.starts_with("/api/") {
        "application/json"
    } else {
        form
    };
    ask.header("origin", &vault.origin)
        .header("content-type", kind)
}

fn one<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let mut all = headers.get_all(name).iter();
    let first = all.next().map_or("", |value| value.to_str().unwrap());
    assert!(all.next().is_none(), "{name} stands twice");
    first
}

fn check(about: &str, headers: &HeaderMap) {
    let page = one(headers, "content-type").starts_with("text/html");
    let custodian = about.contains(" /custodian/");
    let wanted = if page || custodian { PAGES } else { OTHERS };
    assert_eq!(one(headers, "content-security-policy"), wanted, "{about}");
    assert_eq!(one(headers, "x-content-type-options"), "nosniff", "{about}");
    let kept = one(headers, "cache-control");
    let under_hash = about.contains(" /static/") || about.contains(" /favicon.ico");
    assert!(kept == "no-store" || under_hash, "{about}: {kept}");
    if page && !custodian {
        assert_eq!(one(headers, "referrer-policy"), "same-origin", "{about}");
        assert_eq!(one(headers, "x-frame-options"), "DENY", "{about}");
        assert_eq!(
            one(headers, "cross-origin-resource-policy"),
            "same-origin",
            "{about}"
        );
    }
    if page {
        assert_eq!(
            one(headers, "cross-origin-opener-policy"),
            "same-origin",
            "{about}"
        );
        assert!(!one(headers, "permissions-policy").is_empty(), "{about}");
    }
    if custodian {
        assert_eq!(one(headers, "referrer-policy"), "no-referrer", "{about}");
    }
}

#[tokio::test]
async fn every_route_has_its_headers_for_strangers_and_for_people() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    let mut asked: Vec<(Method, String)> = page_table(&vault.app)
        .iter()
        .chain(&routes::table(&vault.app))
        .map(|route| (route.method.clone(), filled(route.path)))
        .collect();
    // Signing out would end the login by which the others are asked.
    asked.retain(|(_, path)| path != "/sign-out" && path != "/api/v1/logout");
    let files = CUSTODIAN_PAGE.iter().map(|file| file.name);
    asked.extend(files.map(|name| (Method::GET, format!("/custodian/{name}"))));
    for path in [
        "/custodian/",
        "/nothing/here",
        "/api/nothing",
        "/api/v1/nothing",
    ] {
        asked.push((Method::GET, path.to_owned()));
    }
    asked.push((Method::DELETE, "/share".to_owned()));
    asked.push((Method::DELETE, "/api/v1/vault".to_owned()));
    assert!(asked.len() > 80, "{}", asked.len());
    for (method, path) in &asked {
        let stranger = vault.ask(method.clone(), path);
        let person = by_cookie(&vault, &ada, method, path).body("{}");
        for (who, ask) in [("a stranger", stranger), ("ada", person)] {
            let answer = vault.ask_once(ask).await;
            let about = format!("{who}: {method} {path} {}", answer.status());
            // A way elsewhere shows nothing; where it leads is asked by itself.
            if !answer.status().is_redirection() {
                check(&about, answer.headers());
            }
        }
    }
}

#[tokio::test]
async fn the_cookie_is_bound_to_this_host_and_to_tls() {
    let vault = Vault::start().await;
    let ada = vault.login("ada").await;
    let code: breakglass::api::PageCode =
        crate::support::ok(ada.post("/api/v1/login/page", &()).await).await;
    let ask = vault
        .ask(Method::POST, "/sign-in")
        .header("origin", &vault.origin);
    let answer = vault
        .ask_once(ask.form(&[("code", code.code.as_str())]))
        .await;
    let cookie = one(answer.headers(), "set-cookie").to_owned();
    let parts: Vec<&str> = cookie.split("; ").collect();
    // What `__Host-` asks of a browser: TLS, the whole host, no domain (RFC 6265bis §4.1.3.2).
    assert!(parts[0].starts_with("__Host-breakglass=bgl_"), "{cookie}");
    for wanted in ["Secure", "HttpOnly", "Path=/", "SameSite=Lax"] {
        assert!(parts.contains(&wanted), "{wanted}: {cookie}");
    }
    assert!(!cookie.to_ascii_lowercase().contains("domain"), "{cookie}");
}

#[tokio::test]
async fn a_console_under_https_keeps_browsers_to_tls_and_one_on_loopback_does_not() {
    let vault = Vault::start().await;
    for path in ["/", "/api/v1/health", "/custodian/", "/no-such-page"] {
        for (host, wanted) in [("vault.example", "max-age=31536000"), ("127.0.0.1", "")] {
            let asked = vault.ask(Method::GET, path).header("host", host);
            let response = asked.send().await.unwrap();
            let told = one(response.headers(), "strict-transport-security");
            assert_eq!(told, wanted, "{host}{path}");
        }
    }
}
