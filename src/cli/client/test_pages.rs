//! A vault made of pages, for tests: answers by exact path and query, keeps what was posted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Answers and received bodies by path under `/api/v1`.
#[derive(Clone, Default)]
pub(in crate::cli) struct Pages {
    answers: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    posted: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Pages {
    /// Answers this path with these bytes from now on.
    pub(in crate::cli) fn show(&self, path: &str, body: Vec<u8>) {
        self.answers
            .lock()
            .unwrap()
            .insert(format!("/api/v1{path}"), body);
    }

    /// The last body posted to a path.
    pub(in crate::cli) fn posted(&self, path: &str) -> Option<Vec<u8>> {
        self.posted
            .lock()
            .unwrap()
            .get(&format!("/api/v1{path}"))
            .cloned()
    }
}

/// Serves on loopback until the test ends; one connection per request.
pub(in crate::cli) async fn serve(pages: Pages) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream, &pages).await;
        }
    });
    format!("http://{address}")
}

async fn answer(mut stream: TcpStream, pages: &Pages) {
    let (head, body) = request(&mut stream).await;
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if head.starts_with("POST") {
        pages.posted.lock().unwrap().insert(path.clone(), body);
    }
    let found = pages.answers.lock().unwrap().get(&path).cloned();
    let status = if found.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    let body = found.unwrap_or_default();
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
}

async fn request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        let end = memchr::memmem::find(&bytes, b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let body = &bytes[end + 4..];
            if body.len() >= length.unwrap_or(0usize) {
                return (
                    String::from_utf8_lossy(&bytes[..end]).into_owned(),
                    body.to_vec(),
                );
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return (String::new(), Vec::new());
        }
    }
}
