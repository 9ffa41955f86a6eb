//! From a job's thread to whoever waits for its bytes, in chunks and with a bound on both sides.
//!
//! Goes in: what an encoder writes into [`Sink::buffer`]. Comes out: [`First`], a whole result or its first chunk with
//! the [`Rest`]. The first chunk decides: a job that fails before it gives a clean error. A reader that is slow for too
//! long, or gone, ends the job.

use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};

use super::cancel::Cancel;
use super::error::{DbError, Failure};

/// A chunk goes out once it has this many bytes.
pub const CHUNK: usize = 64 * 1024;
/// Chunks that wait for the reader.
const RELAYED: usize = 4;
/// A reader that takes nothing for so long is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a job writes.
pub struct Sink<'a> {
    buffer: Vec<u8>,
    out: &'a mut dyn Out,
    sent: bool,
}

/// A sink that a library can write into; what an [`io::Error`] cannot carry is kept.
pub struct SinkWriter<'a, 'b> {
    sink: &'a mut Sink<'b>,
    failed: Option<DbError>,
}

impl<'a, 'b> SinkWriter<'a, 'b> {
    pub fn new(sink: &'a mut Sink<'b>) -> SinkWriter<'a, 'b> {
        SinkWriter { sink, failed: None }
    }

    /// Why nobody wants more, if that is so.
    pub fn failure(&mut self) -> Option<DbError> {
        self.failed.take()
    }
}

impl Write for SinkWriter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.sink.buffer().extend_from_slice(bytes);
            self.failed = self.sink.checkpoint().err();
        }
        if self.failed.is_some() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The far end of a sink.
pub trait Out: Send {
    /// Takes a chunk; fails where nobody wants more.
    fn chunk(&mut self, bytes: Vec<u8>) -> Result<(), DbError>;
}

impl<'a> Sink<'a> {
    pub fn new(out: &'a mut dyn Out) -> Sink<'a> {
        Sink { buffer: Vec::new(), out, sent: false }
    }

    /// The chunk being made. Encoders append to it and call [`Sink::checkpoint`] between rows.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(CHUNK / 8);
        }
        &mut self.buffer
    }

    /// Sends the chunk if it is large enough.
    #[inline]
    pub fn checkpoint(&mut self) -> Result<(), DbError> {
        if self.buffer.len() < CHUNK { Ok(()) } else { self.flush() }
    }

    /// Sends what there is, large or not: the first bytes of a result that will take long.
    pub fn flush(&mut self) -> Result<(), DbError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.sent = true;
        // A row may pass the mark by a little; room for it saves growing by doubling.
        let next = Vec::with_capacity(CHUNK + CHUNK / 8);
        self.out.chunk(std::mem::replace(&mut self.buffer, next))
    }

    /// Whether bytes have left, so that the job can no longer be repeated or fail cleanly.
    pub fn has_sent(&self) -> bool {
        self.sent
    }

    fn into_rest(self) -> Vec<u8> {
        self.buffer
    }
}

/// Runs a job that writes into a file or to standard output.
pub fn write_to<E: From<DbError>>(
    file: &mut (dyn Write + Send),
    job: impl FnOnce(&mut Sink<'_>) -> Result<(), E>,
) -> Result<(), E> {
    struct File<'a>(&'a mut (dyn Write + Send));

    impl Out for File<'_> {
        fn chunk(&mut self, bytes: Vec<u8>) -> Result<(), DbError> {
            self.0.write_all(&bytes).map_err(|e| match e.kind() {
                // `timeledger query … | head`
                std::io::ErrorKind::BrokenPipe => DbError::Cancelled,
                _ => DbError::Other(format!("cannot write the result: {e}")),
            })
        }
    }

    let mut out = File(file);
    let mut sink = Sink::new(&mut out);
    job(&mut sink)?;
    sink.flush()?;
    Ok(())
}

/// What a streamed job answers.
pub enum First<E> {
    /// All of it.
    Whole(Bytes),
    /// The first chunk, and more.
    More(Bytes, Rest<E>),
}

/// The chunks after the first. Dropping it stops the job.
pub struct Rest<E> {
    chunks: mpsc::Receiver<Relayed<E>>,
    cancel: Arc<Cancel>,
    over: bool,
}

enum Relayed<E> {
    Chunk(Bytes),
    Failed(E),
    /// Without it the result was cut off: the thread died.
    End,
}

impl<E: Failure> Rest<E> {
    /// The next chunk; `None` only after the last.
    pub async fn next(&mut self) -> Option<Result<Bytes, E>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, E>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let relayed = std::task::ready!(self.chunks.poll_recv(cx));
        if let Some(Relayed::Chunk(bytes)) = relayed {
            return Poll::Ready(Some(Ok(bytes)));
        }
        self.over = true;
        Poll::Ready(match relayed {
            Some(Relayed::Failed(error)) => Some(Err(error)),
            Some(Relayed::End) => None,
            _ => Some(Err(DbError::Other("the job ended before its result".into()).into())),
        })
    }
}

impl<E: Failure> Stream for Rest<E> {
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx)
    }
}

impl<E> Drop for Rest<E> {
    fn drop(&mut self) {
        if !self.over {
            self.cancel.stop();
        }
    }
}

// `Rest` is moved, never pinned in place.
impl<E> Unpin for Rest<E> {}

/// The job's end of the relay.
pub(super) struct Relay<E> {
    first: Option<oneshot::Sender<Result<First<E>, E>>>,
    rest: Option<mpsc::Sender<Relayed<E>>>,
    cancel: Arc<Cancel>,
}

impl<E: Failure> Relay<E> {
    pub(super) fn new(first: oneshot::Sender<Result<First<E>, E>>, cancel: Arc<Cancel>) -> Relay<E> {
        Relay { first: Some(first), rest: None, cancel }
    }

    /// Whether a chunk has left.
    pub(super) fn has_begun(&self) -> bool {
        self.first.is_none()
    }

    /// Runs the job once. What it wrote has left when this returns; why it failed has not.
    pub(super) fn run(&mut self, job: impl FnOnce(&mut Sink<'_>) -> Result<(), E>) -> Result<(), E> {
        let mut sink = Sink::new(self);
        job(&mut sink)?;
        let last = sink.into_rest();
        // A reader that left knows how it went.
        let _ = match self.first.take() {
            Some(first) => first.send(Ok(First::Whole(last.into()))).map_err(|_| DbError::Cancelled),
            None if last.is_empty() => self.relay(Relayed::End),
            None => self.relay(Relayed::Chunk(last.into())).and_then(|()| self.relay(Relayed::End)),
        };
        Ok(())
    }

    /// Tells the reader why there is no answer, or no more of it.
    pub(super) fn fail(mut self, error: E) {
        // A reader that left knows.
        let _ = match self.first.take() {
            Some(first) => first.send(Err(error)).map_err(|_| DbError::Cancelled),
            None => self.relay(Relayed::Failed(error)),
        };
    }

    fn relay(&mut self, what: Relayed<E>) -> Result<(), DbError> {
        let Some(rest) = &self.rest else {
            return Err(DbError::Cancelled);
        };
        let what = match rest.try_send(what) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(DbError::Cancelled),
            Err(mpsc::error::TrySendError::Full(what)) => what,
        };
        let waits_since = Instant::now();
        let permit = wait(rest.reserve(), PATIENCE);
        self.cancel.extend(waits_since.elapsed());
        match permit {
            Some(Ok(permit)) => {
                permit.send(what);
                Ok(())
            }
            Some(Err(_)) => Err(DbError::Cancelled),
            None => {
                self.cancel.stop();
                Err(DbError::Cancelled)
            }
        }
    }
}

impl<E: Failure> Out for Relay<E> {
    fn chunk(&mut self, bytes: Vec<u8>) -> Result<(), DbError> {
        self.cancel.check()?;
        let Some(first) = self.first.take() else {
            return self.relay(Relayed::Chunk(bytes.into()));
        };
        let (sender, chunks) = mpsc::channel(RELAYED);
        self.rest = Some(sender);
        let rest = Rest { chunks, cancel: Arc::clone(&self.cancel), over: false };
        first.send(Ok(First::More(bytes.into(), rest))).map_err(|_| DbError::Cancelled)
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread, no longer than `patience`. tokio's own blocking send knows no time-out.
fn wait<F: Future>(future: F, patience: Duration) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let until = Instant::now() + patience;
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        std::thread::park_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[test]
    fn waiting_has_an_end() {
        assert_eq!(wait(std::future::ready(1), SOON), Some(1));
        assert_eq!(wait(std::future::pending::<()>(), SOON), None);
        let (sender, receiver) = oneshot::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(SOON);
                sender.send(2).expect("somebody waits");
            });
            assert_eq!(wait(receiver, 100 * SOON), Some(Ok(2)));
        });
    }

    #[test]
    fn a_file_gets_everything_in_order() {
        let mut file = Vec::new();
        write_to(&mut file, |sink| {
            for n in 0..50_000_u32 {
                sink.buffer().extend_from_slice(&n.to_be_bytes());
                sink.checkpoint()?;
            }
            assert!(sink.has_sent());
            Ok::<_, DbError>(())
        })
        .expect("memory takes all");
        let expected: Vec<u8> = (0..50_000_u32).flat_map(u32::to_be_bytes).collect();
        assert!(file == expected);
    }
}
