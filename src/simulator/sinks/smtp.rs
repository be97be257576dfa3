//! A small SMTP receiver (RFC 5321, enough for a plain delivery) that keeps what it is given.
//!
//! For loopback demos: no TLS, no login, no relaying. Each message is kept in memory and, where a
//! folder is given, written as `0001.eml` before it is acknowledged.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longest line and largest message that are taken.
const MAX_LINE_BYTES: u64 = 16 << 10;
const MAX_MESSAGE_BYTES: usize = 4 << 20;
const MAX_RECIPIENTS: usize = 100;

/// One message as it was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// The whole text with its headers, line ends as sent, dots unstuffed.
    pub text: Vec<u8>,
}

impl Mail {
    /// The first header of this name, unfolded, as it is encoded.
    pub fn header(&self, name: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.text);
        let head = text
            .split("\r\n\r\n")
            .next()?
            .replace("\r\n ", " ")
            .replace("\r\n\t", " ");
        head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }
}

/// A running receiver; it ends when this is dropped.
#[derive(Debug)]
pub struct SmtpSink {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    kept: Arc<Kept>,
    count: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Kept {
    mails: Mutex<Vec<Mail>>,
    folder: Option<PathBuf>,
    count: watch::Sender<usize>,
}

impl SmtpSink {
    /// Serves on `listener`; writes `.eml` files to `folder` when one is given.
    pub fn start(listener: TcpListener, folder: Option<PathBuf>) -> std::io::Result<SmtpSink> {
        let address = listener.local_addr()?;
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder)?;
        }
        let (sender, count) = watch::channel(0);
        let kept = Arc::new(Kept {
            mails: Mutex::default(),
            folder,
            count: sender,
        });
        let shared = kept.clone();
        let accepting = tokio::spawn(async move {
            let mut dialogues = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while dialogues.try_join_next().is_some() {}
                dialogues.spawn(dialogue(stream, shared.clone()));
            }
        });
        Ok(SmtpSink {
            address,
            kept,
            count,
            accepting,
        })
    }

    /// Every message so far, in order of arrival.
    pub fn mails(&self) -> Vec<Mail> {
        self.kept
            .mails
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until at least `wanted` messages have arrived.
    pub async fn wait_for(&self, wanted: usize) {
        let mut count = self.count.clone();
        // The sender lives as long as `self`, so this cannot fail early.
        let _ = count.wait_for(|count| *count >= wanted).await;
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Kept {
    fn keep(&self, mail: Mail) -> std::io::Result<()> {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let number = mails.len() + 1;
        if let Some(folder) = &self.folder {
            std::fs::write(folder.join(format!("{number:04}.eml")), &mail.text)?;
        }
        mails.push(mail);
        self.count.send_replace(number);
        Ok(())
    }
}

async fn dialogue(stream: TcpStream, kept: Arc<Kept>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut from, mut to) = (None::<String>, Vec::new());
    say(&mut stream, "220 sink.localhost ESMTP").await?;
    while let Some(line) = read_line(&mut stream).await? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => "250-sink.localhost\r\n250 8BITMIME",
            "HELO" | "NOOP" => "250 ok",
            "MAIL" => {
                from = path(rest);
                to.clear();
                if from.is_some() {
                    "250 ok"
                } else {
                    "501 MAIL FROM:<address>"
                }
            }
            "RCPT" => match path(rest).filter(|_| from.is_some()) {
                Some(_) if to.len() == MAX_RECIPIENTS => "452 too many",
                Some(address) => {
                    to.push(address);
                    "250 ok"
                }
                None => "503 MAIL first, then RCPT TO:<address>",
            },
            "DATA" if to.is_empty() => "503 RCPT first",
            "DATA" => {
                say(&mut stream, "354 end with a dot on a line of its own").await?;
                let Some(text) = read_text(&mut stream).await? else {
                    say(&mut stream, "552 too long").await?;
                    return Ok(());
                };
                let mail = Mail {
                    from: from.take().unwrap_or_default(),
                    to: std::mem::take(&mut to),
                    text,
                };
                // Kept before it is acknowledged: a 250 is never a lie.
                if kept.keep(mail).is_ok() {
                    "250 kept"
                } else {
                    "451 the folder cannot be written"
                }
            }
            "RSET" => {
                from = None;
                to.clear();
                "250 ok"
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return Ok(());
            }
            _ => "502 not known here",
        };
        say(&mut stream, reply).await?;
    }
    Ok(())
}

/// The address in `FROM:<address> …` or `TO:<address> …`.
fn path(rest: &str) -> Option<String> {
    let (_, after) = rest.split_once('<')?;
    after.split_once('>').map(|(address, _)| address.to_owned())
}

/// One line with its end; `None` at the end of the stream or when it is too long.
async fn read_line(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    stream
        .take(MAX_LINE_BYTES)
        .read_until(b'\n', &mut line)
        .await?;
    Ok(line.ends_with(b"\n").then_some(line))
}

/// The text up to the single dot, dots unstuffed (RFC 5321 §4.5.2); `None` when it is too long.
async fn read_text(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    while let Some(line) = read_line(stream).await? {
        if line == b".\r\n" || line == b".\n" {
            return Ok(Some(text));
        }
        text.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        if text.len() > MAX_MESSAGE_BYTES {
            return Ok(None);
        }
    }
    Err(std::io::ErrorKind::UnexpectedEof.into())
}

async fn say(stream: &mut BufReader<TcpStream>, reply: &str) -> std::io::Result<()> {
    stream.write_all(format!("{reply}\r\n").as_bytes()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use lettre::AsyncTransport;

    async fn sink(folder: Option<PathBuf>) -> SmtpSink {
        SmtpSink::start(TcpListener::bind("127.0.0.1:0").await.unwrap(), folder).unwrap()
    }

    #[tokio::test]
    async fn a_mail_is_kept_as_it_was_written_in_memory_and_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(Some(folder.path().to_owned())).await;
        let transport =
            lettre::AsyncSmtpTransport::<lettre::Tokio1Executor>::builder_dangerous("127.0.0.1")
                .port(sink.address.port())
                .build();
        let mail = lettre::Message::builder()
            .from("vault@example.org".parse().unwrap())
            .to("ada@example.org".parse().unwrap())
            .subject("[OPEN] Break glass INC-1")
            .body("first\n.second starts with a dot\n".to_owned())
            .unwrap();
        transport.send(mail).await.unwrap();
        sink.wait_for(1).await;
        let kept = &sink.mails()[0];
        assert_eq!(
            (kept.from.as_str(), kept.to.len()),
            ("vault@example.org", 1)
        );
        assert_eq!(
            kept.header("subject").as_deref(),
            Some("[OPEN] Break glass INC-1")
        );
        assert!(String::from_utf8_lossy(&kept.text).contains("\r\n.second starts"));
        assert_eq!(
            std::fs::read(folder.path().join("0001.eml")).unwrap(),
            kept.text
        );
    }

    #[tokio::test]
    async fn a_mail_that_cannot_be_kept_is_not_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let sink = sink(Some(folder.path().join("gone"))).await;
        std::fs::remove_dir(folder.path().join("gone")).unwrap();
        let mut stream = BufReader::new(TcpStream::connect(sink.address).await.unwrap());
        let mut replies = Vec::new();
        for line in ["", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA", "text\r\n."] {
            if !line.is_empty() {
                say(&mut stream, line).await.unwrap();
            }
            let reply = read_line(&mut stream).await.unwrap().unwrap();
            replies.push(String::from_utf8(reply[..3].to_vec()).unwrap());
        }
        assert_eq!(replies, ["220", "250", "250", "354", "451"]);
        assert!(sink.mails().is_empty());
    }
}
