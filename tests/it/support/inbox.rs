//! A channel that keeps what it is given, and can be told to fail.

use std::sync::Mutex;

use breakglass::alerts::{Channel, Delivery, Message, SendError, Severity};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// How a channel behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Takes every message.
    Works,
    /// Nothing arrives, and it says so.
    Fails,
    /// The message arrives, but nobody is told.
    FailsButDelivers,
    /// Nothing arrives, and it says to come back in ten minutes.
    AsksToWait,
}

/// One way to people.
pub struct Inbox {
    name: &'static str,
    kind: &'static str,
    mode: Mutex<Mode>,
    messages: Mutex<Vec<Message>>,
    /// A kind that must not overtake.
    silences: Mutex<Option<&'static str>>,
}

impl Inbox {
    /// An empty inbox that works.
    pub fn new(name: &'static str, kind: &'static str) -> Self {
        let (mode, messages) = (Mutex::new(Mode::Works), Mutex::default());
        let silences = Mutex::default();
        Self {
            name,
            kind,
            mode,
            messages,
            silences,
        }
    }

    /// From now on it behaves so.
    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// From now on it is a pager that a message of this kind silences.
    pub fn is_silenced_by(&self, kind: &'static str) {
        *self.silences.lock().unwrap() = Some(kind);
    }

    /// Everything that arrived, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    /// Kinds of what arrived, oldest first.
    pub fn kinds(&self) -> Vec<String> {
        self.messages().into_iter().map(|m| m.kind).collect()
    }
}

impl Channel for Inbox {
    fn name(&self) -> &str {
        self.name
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn silences(&self, kind: &str, _severity: Severity) -> bool {
        *self.silences.lock().unwrap() == Some(kind)
    }

    fn send<'a>(
        &'a self,
        message: &'a Message,
        _now_at_ms: i64,
    ) -> BoxFuture<'a, Result<Delivery, SendError>> {
        async move {
            let channel = self.name.to_owned();
            let mode = *self.mode.lock().unwrap();
            if matches!(mode, Mode::Works | Mode::FailsButDelivers) {
                self.messages.lock().unwrap().push(message.clone());
            }
            match mode {
                Mode::Works => Ok(Delivery {
                    accepted: message.to.clone(),
                    refused: Vec::new(),
                }),
                Mode::Fails => Err(SendError::Unreachable {
                    channel,
                    why: "no route",
                }),
                Mode::AsksToWait => Err(SendError::Later {
                    channel,
                    code: 429,
                    after_ms: 600_000,
                }),
                Mode::FailsButDelivers => {
                    let why = "the answer was lost".to_owned();
                    Err(SendError::Unknown { channel, why })
                }
            }
        }
        .boxed()
    }
}
