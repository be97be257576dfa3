//! A loopback HTTP server that plays a script, one act per request, and keeps what it saw.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does with one request, after reading all of it.
#[derive(Debug, Clone)]
pub enum Act {
    /// Writes these bytes; keeps the connection unless they are an unfinished reply.
    Say(Vec<u8>),
    /// Closes without a word: the request may have happened.
    Drop,
    /// Never answers.
    Hang,
}

impl Act {
    pub fn json(status: u16, body: &str) -> Act {
        Act::Say(
            format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
            .into(),
        )
    }

    pub fn raw(text: &str) -> Act {
        Act::Say(text.as_bytes().to_vec())
    }
}

#[derive(Default)]
struct State {
    acts: Mutex<VecDeque<Act>>,
    seen: Mutex<Vec<String>>,
    connections: AtomicUsize,
}

pub struct Server {
    pub url: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub async fn start(acts: Vec<Act>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            acts: Mutex::new(acts.into()),
            ..State::default()
        });
        let shared = state.clone();
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(serve(stream, shared.clone()));
            }
        });
        Server {
            url,
            state,
            accepting,
        }
    }

    pub fn then(&self, act: Act) {
        self.state.acts.lock().unwrap().push_back(act);
    }

    /// Every request so far, head and body, as text.
    pub fn seen(&self) -> Vec<String> {
        self.state.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Stops listening and cuts every connection.
    pub async fn stop(self) {
        self.accepting.abort();
        let _ = self.accepting.await;
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    while let Some(request) = read_request(&mut stream).await {
        state.seen.lock().unwrap().push(request);
        let act = state.acts.lock().unwrap().pop_front();
        match act {
            Some(Act::Say(bytes)) => {
                if stream.write_all(&bytes).await.is_err() || !is_whole(&bytes) {
                    return;
                }
            }
            Some(Act::Hang) => std::future::pending().await,
            Some(Act::Drop) | None => return,
        }
    }
}

fn is_whole(reply: &[u8]) -> bool {
    let text = String::from_utf8_lossy(reply);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()) == Some(body.len())
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head).unwrap();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some(text + &String::from_utf8_lossy(&body))
}

/// A loopback port on which nobody listens.
pub async fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
