//! Connections to the database: SQLite or PostgreSQL.
//!
//! Goes in: jobs, synchronous code that is given a [`Conn`]. Comes out: their answers, whole or as a stream of chunks.
//! A server has a [`Db`], whose threads own one connection each; a command opens a [`Conn`] and needs no thread.

mod bulk;
mod cancel;
mod conn;
pub mod continuations;
mod error;
pub mod migrate;
pub mod postgres;
mod shapes;
pub mod sqlite;
mod stream;
pub mod tables;
mod threads;
mod url;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

pub use bulk::SetAside;
pub use cancel::Cancel;
pub use conn::{AsConn, Conn, Fields, Hold, PostgresDiesel, Readable, SqliteDiesel, Tx, Visit, Writable};
pub use error::{DbError, Failure};
use stream::Relay;
pub use stream::{CHUNK, First, Out, Rest, Sink, SinkWriter, write_to};
use threads::{Attempt, Crew, Queue, Worker};
pub use url::{DatabaseUrl, UrlError};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads only; several statements in a transaction see one state.
    Reader,
    Writer,
    /// Changes the schema, and may create a SQLite file.
    Migrator,
}

/// Where a streamed job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Pages and single answers.
    Interactive,
    /// Whole sets and exports; slow clients wait among themselves.
    Bulk,
}

/// How many threads, how long a queue, how much time. [`Options::new`] has what suits the back end.
#[derive(Clone, Debug)]
pub struct Options {
    pub url: DatabaseUrl,
    pub interactive: usize,
    pub bulk: usize,
    pub writers: usize,
    /// Short jobs that may wait, interactive or writing.
    pub queue: usize,
    /// Whole sets and exports that may wait.
    pub bulk_queue: usize,
    /// How long a short job may wait before it is given up.
    pub patience: Duration,
    /// Time-out of an interactive or writing job, without its time in the queue.
    pub statement_timeout: Option<Duration>,
    /// Time-out of a bulk job, without the time that it waited for its reader.
    pub bulk_timeout: Option<Duration>,
}

impl Options {
    /// Measured: four readers serve 32 connections at 0.97 of inline reads. SQLite has one writer at a time.
    pub fn new(url: DatabaseUrl) -> Options {
        let writers = match url {
            DatabaseUrl::Sqlite(_) => 1,
            DatabaseUrl::Postgres(_) => 4,
        };
        Options {
            url,
            interactive: 4,
            bulk: 2,
            writers,
            // A thousand point reads are done within a second, and hold little memory while they wait.
            queue: 1024,
            bulk_queue: 64,
            patience: Duration::from_secs(30),
            statement_timeout: Some(Duration::from_secs(60)),
            bulk_timeout: Some(Duration::from_secs(1800)),
        }
    }
}

/// A lane at this moment, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneState {
    pub lane: &'static str,
    pub running: usize,
    pub queued: usize,
    pub threads: usize,
    pub limit: usize,
}

/// The database of a server. Cheap to clone; connections are made when they are first needed.
#[derive(Clone)]
pub struct Db {
    crews: Arc<Crews>,
}

struct Crews {
    url: DatabaseUrl,
    interactive: Arc<Crew>,
    bulk: Arc<Crew>,
    writer: Arc<Crew>,
    statement_timeout: Option<Duration>,
    bulk_timeout: Option<Duration>,
}

impl Drop for Crews {
    fn drop(&mut self) {
        for crew in [&self.interactive, &self.bulk, &self.writer] {
            crew.close();
        }
    }
}

impl Db {
    /// Connects to nothing yet.
    pub fn open(options: Options) -> Db {
        let Options { url, interactive, bulk, writers, .. } = options;
        let Options { queue, bulk_queue, patience, statement_timeout, bulk_timeout, .. } = options;
        let crew = |name, role, limit, queue| Crew::new(name, role, limit, queue, url.clone());
        let short = Queue { longest: queue, patience: Some(patience) };
        // An export may wait for others as long as its client does.
        let long = Queue { longest: bulk_queue, patience: None };
        Db {
            crews: Arc::new(Crews {
                interactive: crew("interactive", Role::Reader, interactive, short),
                bulk: crew("bulk", Role::Reader, bulk, long),
                writer: crew("writer", Role::Writer, writers, short),
                url,
                statement_timeout,
                bulk_timeout,
            }),
        }
    }

    pub fn url(&self) -> &DatabaseUrl {
        &self.crews.url
    }

    /// A connection of one's own, without a thread. Not for async code.
    pub fn connect(&self, role: Role) -> Result<Conn, DbError> {
        Conn::open(&self.crews.url, role)
    }

    /// Reads, all on one state of the database. The job may run twice.
    pub async fn read<T, E>(&self, mut job: impl FnMut(&mut Conn) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        let cancel = Cancel::new(self.crews.statement_timeout);
        self.answer(&self.crews.interactive, cancel, move |worker, cancel| {
            worker.run(cancel, |conn| Attempt { result: conn.snapshot(&mut job), repeatable: true })
        })
        .await
    }

    /// Writes, all or nothing. The job may run several times; what it does outside the database must bear that.
    pub async fn write<T, E>(&self, job: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        self.write_within(self.crews.statement_timeout, job).await
    }

    async fn write_within<T, E>(
        &self,
        limit: Option<Duration>,
        mut job: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        let cancel = Cancel::new(limit);
        self.answer(&self.crews.writer, cancel, move |worker, cancel| {
            worker.run(cancel, |conn| {
                // A connection lost before the job's first statement succeeded has changed nothing; one lost at COMMIT
                // may have.
                let mut began = false;
                let result = conn.write(|tx| {
                    began = true;
                    job(tx)
                });
                Attempt { result, repeatable: !began }
            })
        })
        .await
    }

    /// As [`Db::read`], among exports and with their time: for what takes minutes.
    pub async fn read_for_long<T, E>(
        &self,
        mut job: impl FnMut(&mut Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        let cancel = Cancel::new(self.crews.bulk_timeout);
        self.answer(&self.crews.bulk, cancel, move |worker, cancel| {
            worker.run(cancel, |conn| Attempt { result: conn.snapshot(&mut job), repeatable: true })
        })
        .await
    }

    /// As [`Db::write`], with the time of exports. Dropping the future rolls it back.
    pub async fn write_for_long<T, E>(
        &self,
        job: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        self.write_within(self.crews.bulk_timeout, job).await
    }

    /// Reads, all on one state of the database, and writes the answer into a [`Sink`]. The job may run twice as long as
    /// no chunk has left. Dropping the future or the [`Rest`] stops it.
    pub async fn stream<E: Failure>(
        &self,
        lane: Lane,
        mut job: impl FnMut(&mut Conn, &mut Sink<'_>) -> Result<(), E> + Send + 'static,
    ) -> Result<First<E>, E> {
        let (crew, limit) = match lane {
            Lane::Interactive => (&self.crews.interactive, self.crews.statement_timeout),
            Lane::Bulk => (&self.crews.bulk, self.crews.bulk_timeout),
        };
        let cancel = Cancel::new(limit);
        let (sender, first) = oneshot::channel();
        let theirs = Arc::clone(&cancel);
        crew.submit(Box::new(move |worker| {
            let mut relay = Relay::new(sender, Arc::clone(&theirs));
            let result = worker.run(&theirs, |conn| {
                // The whole answer leaves before the transaction ends, for which nobody need wait.
                let result = conn.snapshot(|conn| relay.run(|sink| job(conn, sink)));
                Attempt { result, repeatable: !relay.has_begun() }
            });
            if let Err(error) = result {
                relay.fail(error);
            }
        }))?;
        let mut waiting = StopOnDrop(Some(cancel));
        let answer = first.await;
        waiting.0 = None;
        answer.unwrap_or_else(|_| Err(cut_off().into()))
    }

    async fn answer<T, E>(
        &self,
        crew: &Arc<Crew>,
        cancel: Arc<Cancel>,
        mut run: impl FnMut(&mut Worker, &Arc<Cancel>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: Failure,
    {
        let (sender, answer) = oneshot::channel();
        let theirs = Arc::clone(&cancel);
        crew.submit(Box::new(move |worker| {
            let _ = sender.send(run(worker, &theirs));
        }))?;
        let mut waiting = StopOnDrop(Some(cancel));
        let answer = answer.await;
        waiting.0 = None;
        answer.unwrap_or_else(|_| Err(cut_off().into()))
    }

    /// The lanes as they are now.
    pub fn lanes(&self) -> [LaneState; 3] {
        [self.crews.interactive.state(), self.crews.bulk.state(), self.crews.writer.state()]
    }

    /// Stops what runs and waits until every connection is closed. Blocks; the last act of a server.
    pub fn close(&self) {
        for crew in [&self.crews.interactive, &self.crews.bulk, &self.crews.writer] {
            crew.join();
        }
    }
}

fn cut_off() -> DbError {
    DbError::Other("the job ended before its result".into())
}

/// Stops the job of a future that is dropped before its answer.
struct StopOnDrop(Option<Arc<Cancel>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.stop();
        }
    }
}
