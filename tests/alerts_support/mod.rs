//! What the alert tests share: an example message, scripted servers, and the Python receivers.
#![expect(dead_code, reason = "each test file uses its part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

use breakglass::alerts::{Message, Severity, subject};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

pub fn example() -> Message {
    Message {
        id: "a1-17".into(),
        to: vec!["ada@example.org".into(), "ben@example.org".into()],
        subject: subject("OPEN", "INC-2041", "prod-eu", "until 03:22 UTC"),
        body: "Break glass INC-2041 on prod-eu is open.\n.a line that starts with a dot".into(),
        incident: Some("INC-2041".into()),
        checkpoint: format!(
            "bg.example/log/v/e1\n4\n{}\n\n\u{2014} bg.example/log/v/e1 {}\n",
            "A".repeat(43),
            "Ab+/".repeat(200)
        ),
        drill: false,
        severity: Severity::Alarm,
        kind: "incident.open".into(),
        event_at_ms: 1_795_231_320_000,
    }
}

/// How the scripted mail server answers. `end` is the reply to the text: `None` cuts the line,
/// `hang` says nothing.
#[derive(Debug, Clone)]
pub struct Script {
    pub greeting: &'static str,
    pub refuse: &'static str,
    pub data: &'static str,
    /// The reply to AUTH.
    pub auth: &'static str,
    pub end: Option<&'static str>,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            greeting: "220 hello",
            refuse: "nobody",
            data: "354 go on",
            auth: "235 ok",
            end: Some("250 ok"),
        }
    }
}

/// Starts a mail server that plays the script on every connection; returns its port.
pub async fn smtp_server(script: Script) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = smtp_dialogue(stream, &script).await;
        }
    });
    port
}

/// The same behind TLS from the first byte, as `localhost`; returns its port and certificate.
pub async fn smtps_server(script: Script) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _ = smtp_dialogue(stream, &script).await;
            }
        }
    });
    (port, made.cert.pem())
}

async fn smtp_dialogue<S>(stream: S, script: &Script) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = tokio::io::BufReader::new(stream);
    let mut line = String::new();
    let mut in_text = false;
    say(&mut stream, script.greeting).await?;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let reply = match line.trim_end() {
            "." if in_text => match script.end {
                Some("hang") => std::future::pending().await,
                Some(reply) => {
                    in_text = false;
                    reply
                }
                None => return Ok(()),
            },
            _ if in_text => continue,
            "DATA" => {
                in_text = script.data.starts_with("354");
                script.data
            }
            "QUIT" => "221 bye",
            hello if hello.starts_with("EHLO") => "250-sink\r\n250 AUTH PLAIN LOGIN",
            auth if auth.starts_with("AUTH") => script.auth,
            rcpt if rcpt.starts_with("RCPT") && rcpt.contains(script.refuse) => "550 no",
            _ => "250 ok",
        };
        say(&mut stream, reply).await?;
    }
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), reply: &str) -> std::io::Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await
}

/// Starts an HTTP receiver that answers every request with this status; `None` cuts the line,
/// `hang` says nothing. Returns its port.
pub async fn http_server(reply: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 16 << 10];
            let _ = stream.read(&mut buffer).await;
            match reply {
                Some("hang") => std::future::pending().await,
                Some(status) => {
                    let text =
                        format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nlocation: /x\r\n\r\n");
                    let _ = stream.write_all(text.as_bytes()).await;
                }
                None => {}
            }
        }
    });
    port
}

/// A port where nobody listens: it is held, so that no other test of this process gets it meanwhile.
pub fn nobody() -> tokio::net::TcpSocket {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket
}

/// A receiver written in Python, ended with the test.
pub struct Receiver {
    child: Child,
    lines: BufReader<ChildStdout>,
}

/// Starts `tests/support_py/<script>` with the interpreter of the test run.
pub fn python(script: &str, arguments: &[&str]) -> Receiver {
    let interpreter = std::env::var_os("BREAKGLASS_TEST_PYTHON").expect(
        "BREAKGLASS_TEST_PYTHON is not set: it names a Python with aiosmtpd and standardwebhooks",
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support_py");
    let mut child = Command::new(interpreter)
        .arg(format!("{path}/{script}"))
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the Python of BREAKGLASS_TEST_PYTHON starts");
    let lines = BufReader::new(child.stdout.take().unwrap());
    Receiver { child, lines }
}

impl Receiver {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert!(
            !line.is_empty(),
            "the Python receiver ended; see its message above"
        );
        line
    }

    pub fn port(&mut self) -> u16 {
        self.line().trim().parse().unwrap()
    }

    pub fn next_json(&mut self) -> serde_json::Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
