use super::*;
use http_body_util::{BodyExt, StreamBody};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, oneshot};

const SECRET: &[u8] = b"canary-token-0123456789-abcdefghij";

/// A scanner that finds the secret across pieces, as the real one does.
fn looking_for_the_secret() -> Scan {
    let mut seen = Vec::new();
    Box::new(move |piece| {
        seen.extend_from_slice(piece);
        seen.windows(SECRET.len()).any(|window| window == SECRET)
    })
}

struct Upstream(mpsc::Receiver<Result<Bytes, &'static str>>);

impl Body for Upstream {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        self.0
            .poll_recv(context)
            .map(|item| item.map(|result| result.map(Frame::data)))
    }
}

struct Rig {
    upstream: mpsc::Sender<Result<Bytes, &'static str>>,
    body: Held<Upstream>,
    cut: CancellationToken,
    ended: Arc<Mutex<Option<Ended>>>,
    durable: Option<oneshot::Sender<bool>>,
}

fn rig(idle: Duration) -> Rig {
    let (upstream, receiver) = mpsc::channel(64);
    let cut = CancellationToken::new();
    let ended = Arc::new(Mutex::new(None));
    let (durable, wait) = oneshot::channel();
    let record = Arc::clone(&ended);
    let finish: Finish = Box::new(move |end| {
        Box::pin(async move {
            *record.lock().unwrap() = Some(end);
            match wait.await {
                Ok(true) => Ok(()),
                _ => Err(HeldError::NotLogged),
            }
        })
    });
    Rig {
        upstream,
        body: Held::new(
            Upstream(receiver),
            looking_for_the_secret(),
            cut.clone(),
            idle,
            finish,
        ),
        cut,
        ended,
        durable: Some(durable),
    }
}

impl Rig {
    fn logged(&mut self, well: bool) {
        let _ = self.durable.take().unwrap().send(well);
    }

    fn how(&self) -> Option<How> {
        self.ended.lock().unwrap().map(|ended| ended.how)
    }

    async fn bytes(&mut self) -> Result<usize, HeldError> {
        let mut total = 0;
        while let Some(frame) = self.body.frame().await {
            total += frame?.into_data().unwrap().len();
        }
        Ok(total)
    }
}

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn the_last_sixteen_kibibytes_wait_for_the_log() {
    let mut rig = rig(LONG);
    rig.upstream
        .send(Ok(Bytes::from(vec![1; 40_000])))
        .await
        .unwrap();
    let first = rig
        .body
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_data()
        .unwrap();
    assert_eq!(first.len(), 40_000 - HOLD_BACK_BYTES);
    drop(std::mem::replace(&mut rig.upstream, mpsc::channel(1).0));
    let early = tokio::time::timeout(Duration::from_millis(20), rig.body.frame()).await;
    assert!(early.is_err(), "the end left before its entry was durable");
    let ended = rig.ended.lock().unwrap().unwrap();
    assert_eq!((ended.how, ended.bytes), (How::Complete, 40_000));
    assert_eq!(
        ended.sha256,
        <[u8; 32]>::from(Sha256::digest(vec![1; 40_000]))
    );
    rig.logged(true);
    assert_eq!(rig.bytes().await, Ok(HOLD_BACK_BYTES));
}

#[tokio::test]
async fn an_end_that_cannot_be_logged_breaks_the_stream() {
    let mut rig = rig(LONG);
    rig.upstream
        .send(Ok(Bytes::from_static(b"short")))
        .await
        .unwrap();
    drop(std::mem::replace(&mut rig.upstream, mpsc::channel(1).0));
    rig.logged(false);
    assert_eq!(rig.bytes().await, Err(HeldError::NotLogged));
}

#[tokio::test]
async fn a_secret_cut_by_piece_borders_never_leaves() {
    let mut rig = rig(LONG);
    rig.logged(true);
    rig.upstream
        .send(Ok(Bytes::from(vec![b'x'; 100])))
        .await
        .unwrap();
    for half in [&SECRET[..10], &SECRET[10..]] {
        rig.upstream
            .send(Ok(Bytes::copy_from_slice(half)))
            .await
            .unwrap();
    }
    assert_eq!(rig.bytes().await, Err(HeldError::Ended(How::Leaked)));
    assert_eq!(rig.how(), Some(How::Leaked));
}

#[tokio::test]
async fn an_endless_stream_stops_when_the_session_is_cut() {
    let mut rig = rig(LONG);
    rig.logged(true);
    let upstream = rig.upstream.clone();
    tokio::spawn(
        async move { while upstream.send(Ok(Bytes::from(vec![0; 8_000]))).await.is_ok() {} },
    );
    assert!(rig.body.frame().await.unwrap().is_ok());
    rig.cut.cancel();
    let rest = tokio::time::timeout(Duration::from_secs(60), rig.bytes()).await;
    assert_eq!(rest.unwrap(), Err(HeldError::Ended(How::Cut)));
    assert_eq!(rig.how(), Some(How::Cut));
}

#[tokio::test]
async fn a_silent_stream_is_woken_by_the_cut() {
    let mut rig = rig(LONG);
    rig.logged(true);
    let cut = rig.cut.clone();
    tokio::spawn(async move { cut.cancel() });
    let rest = tokio::time::timeout(Duration::from_secs(60), rig.bytes()).await;
    assert_eq!(rest.unwrap(), Err(HeldError::Ended(How::Cut)));
}

#[tokio::test]
async fn silence_and_broken_connections_have_their_own_end() {
    let mut silent = rig(Duration::from_millis(20));
    silent.logged(true);
    assert_eq!(silent.bytes().await, Err(HeldError::Ended(How::Idle)));
    let mut broken = rig(LONG);
    broken.logged(true);
    broken.upstream.send(Err("reset")).await.unwrap();
    assert_eq!(broken.bytes().await, Err(HeldError::Ended(How::Broken)));
}

#[tokio::test]
async fn a_client_that_goes_away_still_ends_in_the_log() {
    let rig = rig(LONG);
    rig.upstream
        .send(Ok(Bytes::from_static(b"x")))
        .await
        .unwrap();
    let ended = Arc::clone(&rig.ended);
    drop(rig);
    for _ in 0..100 {
        if let Some(end) = *ended.lock().unwrap() {
            assert_eq!(end.how, How::ClientGone);
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no end was written");
}

#[tokio::test]
async fn every_byte_arrives_in_order_whatever_the_pieces() {
    let mut rig = rig(LONG);
    rig.logged(true);
    let whole: Vec<u8> = (0..100_000u32)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect();
    for piece in whole.chunks(7_777) {
        rig.upstream
            .send(Ok(Bytes::copy_from_slice(piece)))
            .await
            .unwrap();
    }
    drop(std::mem::replace(&mut rig.upstream, mpsc::channel(1).0));
    let mut got = Vec::new();
    while let Some(frame) = rig.body.frame().await {
        got.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(got, whole);
}

#[tokio::test]
async fn trailers_do_not_pass() {
    let frames = futures_util::stream::iter([
        Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"a"))),
        Ok(Frame::trailers(hyper::HeaderMap::new())),
    ]);
    let body = Held::new(
        StreamBody::new(frames),
        looking_for_the_secret(),
        CancellationToken::new(),
        LONG,
        Box::new(|_| Box::pin(async { Ok(()) })),
    );
    let collected = body.collect().await.unwrap();
    assert!(collected.trailers().is_none());
    assert_eq!(collected.to_bytes(), "a");
}
