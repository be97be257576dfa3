//! A call that is run to its end by whoever waits for it, and by nobody else while somebody does.
//!
//! A task of its own for every call would cost its making, its copying and two wake-ups; it is made
//! only when the one who waited is gone. Knows nothing of what the call does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The call panicked: nobody can tell whether it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call broke off inside the vault")]
pub struct BrokeOff;

/// A call under way. Dropped before its end, it goes on in the background.
pub struct Carried<T: Send + 'static> {
    /// `None` once it has ended.
    call: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    tasks: TaskTracker,
    /// What `App::settle` waits for.
    _counted: TaskTrackerToken,
}

impl<T: Send + 'static> Carried<T> {
    pub(super) fn new(tasks: &TaskTracker, call: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            call: Some(Box::pin(call)),
            _counted: tasks.token(),
            tasks: tasks.clone(),
        }
    }
}

impl<T: Send + 'static> Future for Carried<T> {
    type Output = Result<T, BrokeOff>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = self.call.as_mut() else {
            return Poll::Ready(Err(BrokeOff));
        };
        // A panic must not take the connection's task with it: other calls may stand behind it.
        let polled = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(context)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(done)) => Ok(done),
            Err(_) => Err(BrokeOff),
        };
        // Whatever the call owes the log is written when it is dropped.
        self.call = None;
        Poll::Ready(ended)
    }
}

impl<T: Send + 'static> Drop for Carried<T> {
    /// The client is gone; the log wants the outcome all the same. At the end of the process nothing
    /// can be spawned; then the restart writes `call.lost`.
    fn drop(&mut self) {
        if let Some(call) = self.call.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            drop(self.tasks.spawn(call));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_call_whose_waiter_is_gone_goes_on_and_is_waited_for() {
        let tasks = TaskTracker::new();
        let (go, gone) = oneshot::channel::<()>();
        let (done, ended) = oneshot::channel();
        let mut call = Carried::new(&tasks, async move {
            gone.await.unwrap();
            done.send(7).unwrap();
        });
        let waited = futures_util::poll!(&mut call);
        assert!(waited.is_pending());
        drop(call);
        assert_eq!(tasks.len(), 1);
        go.send(()).unwrap();
        assert_eq!(ended.await, Ok(7));
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn a_call_that_panics_is_an_answer_and_not_the_end_of_who_waits() {
        let tasks = TaskTracker::new();
        let broken = Carried::new(&tasks, async { panic!("a test breaks it off") });
        let ended: Result<(), BrokeOff> = broken.await;
        assert_eq!(ended, Err(BrokeOff));
        assert!(tasks.is_empty());
    }
}
