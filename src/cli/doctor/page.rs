//! The custodian's page: its hash, and whether the machine that serves it apart serves the same
//! files (PROTOCOL §10). What that machine shows others it may show us otherwise; this finds a page
//! that is old, and one that was changed for everyone.

use super::{Answer, Light};
use crate::app::origins::custodian_page_sha256;
use crate::cli::CliError;
use crate::cli::client::Api;
use crate::config::Config;
use crate::domain::ids::Digest;

const ABOUT: &str = "custodian page";
/// Where the page lies on every machine that serves it.
const FOLDER: &str = "/custodian/";
/// Files of the list that the console's pages load, and the custodian's page does not.
const CONSOLES: [&str; 2] = ["acts.js", "sign-in.js"];

/// The hash of this build's page; red when another machine serves something else.
pub(super) async fn answer(config: &Config) -> Answer {
    let own = custodian_page_sha256().hex();
    let Some(origin) = &config.console.custodian_origin else {
        return Answer::green(ABOUT, format!("sha256 {own}"));
    };
    match differs(origin, &own).await {
        Ok(None) => Answer::green(ABOUT, format!("sha256 {own}, the same at {origin}")),
        Ok(Some(how)) => Answer::bad(
            ABOUT,
            Light::Red,
            format!("sha256 {own}; {origin} serves another page: {how}"),
            "let nobody release a share there; put this version's files on that machine, and find \
             out who changed them",
        ),
        Err(why) => Answer::bad(
            ABOUT,
            Light::Unseen,
            format!("sha256 {own}; {origin} was not seen: {}", why.message),
            "start that machine, or compare its /custodian/SHA256SUMS from elsewhere",
        ),
    }
}

/// How the page of that machine differs from ours, if it does.
async fn differs(origin: &str, own: &str) -> Result<Option<String>, CliError> {
    let there = Api::new(origin, None)?;
    let list = there.get_page(&format!("{FOLDER}SHA256SUMS")).await?;
    let sha256 = Digest::of(&list).hex();
    if sha256 != own {
        return Ok(Some(format!("its SHA256SUMS has sha256 {sha256}")));
    }
    for line in String::from_utf8_lossy(&list).lines() {
        let Some((wanted, name)) = line.split_once(' ') else {
            continue;
        };
        let name = name.trim_start_matches([' ', '*']);
        // The console's own scripts: the page apart need not have them.
        if CONSOLES.contains(&name) {
            continue;
        }
        let found = Digest::of(&there.get_page(&format!("{FOLDER}{name}")).await?).hex();
        if found != wanted {
            return Ok(Some(format!("{name} has sha256 {found}")));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::CUSTODIAN_PAGE;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A machine that serves the page, with one file's bytes replaced.
    async fn machine(changed: Option<&'static str>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).await.unwrap() == 0 {
                        break;
                    }
                    asked.extend(byte);
                }
                let asked = String::from_utf8(asked).unwrap();
                let path = asked.split(' ').nth(1).unwrap_or_default();
                let name = path.strip_prefix(FOLDER).unwrap_or_default();
                let file = CUSTODIAN_PAGE.iter().find(|file| file.name == name);
                let (status, body) = match file {
                    Some(file) if changed == Some(name) => ("200 OK", [file.bytes, b" "].concat()),
                    Some(file) => ("200 OK", file.bytes.to_vec()),
                    None => ("404 Not Found", Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&body).await.unwrap();
            }
        });
        origin
    }

    #[tokio::test]
    async fn another_machine_is_believed_only_when_every_file_is_ours() {
        let own = custodian_page_sha256().hex();
        let same = machine(None).await;
        assert_eq!(differs(&same, &own).await.unwrap(), None);
        let list = machine(Some("SHA256SUMS")).await;
        let how = differs(&list, &own).await.unwrap().unwrap();
        assert!(how.starts_with("its SHA256SUMS has sha256 "), "{how}");
        let script = machine(Some("custodian.js")).await;
        let how = differs(&script, &own).await.unwrap().unwrap();
        assert!(how.starts_with("custodian.js has sha256 "), "{how}");
        // Bound and silent: no other test of this process gets the port meanwhile.
        let held = tokio::net::TcpSocket::new_v4().unwrap();
        held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let nobody = format!("http://{}", held.local_addr().unwrap());
        assert!(differs(&nobody, &own).await.is_err());
    }
}
