//! Threads that own one connection each, in lanes, so that whole-set streams cannot starve pages.
//!
//! Goes in: tasks, into the bounded queue of a lane. Comes out: their run on one of the lane's threads, with its
//! connection. Threads and connections are made when they are first needed; a connection that breaks is replaced.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::cancel::Cancel;
use super::conn::Conn;
use super::error::{DbError, Failure};
use super::url::DatabaseUrl;
use super::{LaneState, Role};

/// The recursion of rendering and of SQLite's parser is bounded; this holds it.
const STACK: usize = 4 << 20;

pub(super) type Task = Box<dyn FnOnce(&mut Worker) + Send>;

/// How many tasks may wait, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) longest: usize,
    pub(super) patience: Option<Duration>,
}

/// Some threads with a common queue.
pub(super) struct Crew {
    name: &'static str,
    role: Role,
    limit: usize,
    queue: Queue,
    url: DatabaseUrl,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    threads: Vec<JoinHandle<()>>,
    idle: usize,
    closed: bool,
    /// What runs now, so that a shut-down can stop it.
    running: Vec<Arc<Cancel>>,
}

impl Crew {
    pub(super) fn new(name: &'static str, role: Role, limit: usize, queue: Queue, url: DatabaseUrl) -> Arc<Crew> {
        Arc::new(Crew { name, role, limit, queue, url, state: Mutex::default(), work: Condvar::new() })
    }

    /// Queues a task, or says that there are too many.
    pub(super) fn submit(self: &Arc<Crew>, task: Task) -> Result<(), DbError> {
        let mut state = self.lock();
        if state.closed || state.tasks.len() >= self.queue.longest {
            return Err(DbError::Busy);
        }
        state.tasks.push_back(task);
        if state.tasks.len() > state.idle && state.threads.len() < self.limit {
            let number = state.threads.len() + 1;
            let crew = Arc::clone(self);
            let thread =
                Builder::new().name(format!("db-{}-{number}", self.name)).stack_size(STACK).spawn(move || crew.serve());
            match thread {
                Ok(thread) => state.threads.push(thread),
                // Others will come to it.
                Err(_) if !state.threads.is_empty() => {}
                Err(e) => {
                    state.tasks.pop_back();
                    return Err(DbError::Unavailable(format!("cannot start a database thread: {e}")));
                }
            }
        }
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    fn serve(self: Arc<Crew>) {
        let mut worker = Worker { crew: Arc::clone(&self), conn: None };
        while let Some(task) = self.next() {
            if catch_unwind(AssertUnwindSafe(|| task(&mut worker))).is_err() {
                tracing::error!(lane = self.name, "a database job panicked");
                worker.conn = None;
            }
        }
    }

    fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if let Some(task) = state.tasks.pop_front() {
                return Some(task);
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(|e| e.into_inner());
            state.idle -= 1;
        }
    }

    /// Takes no more tasks; the threads end once the queue is empty.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_all();
    }

    /// Stops what runs and waits for the threads. Not on one of them.
    pub(super) fn join(&self) {
        self.close();
        let threads = {
            let mut state = self.lock();
            state.running.iter().for_each(|cancel| cancel.stop());
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            // A panic was logged where it happened.
            let _ = thread.join();
        }
    }

    pub(super) fn state(&self) -> LaneState {
        let state = self.lock();
        LaneState {
            lane: self.name,
            running: state.running.len(),
            queued: state.tasks.len(),
            threads: state.threads.len(),
            limit: self.limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// One thread's side.
pub(super) struct Worker {
    crew: Arc<Crew>,
    conn: Option<Conn>,
}

impl Worker {
    /// Runs a job. If the connection turns out to be lost and `repeatable` says that nothing has left, once more on a
    /// new one.
    pub(super) fn run<T, E: Failure>(
        &mut self,
        cancel: &Arc<Cancel>,
        mut attempt: impl FnMut(&mut Conn) -> Attempt<T, E>,
    ) -> Result<T, E> {
        cancel.check()?;
        if self.crew.queue.patience.is_some_and(|patience| cancel.waited() > patience) {
            return Err(DbError::Busy.into());
        }
        let _running = Running::new(Arc::clone(&self.crew), Arc::clone(cancel));
        cancel.start();
        let mut again = true;
        loop {
            let Attempt { result, repeatable } = attempt(self.connection(cancel)?);
            let lost = result.as_ref().err().and_then(E::database).is_some_and(|e| matches!(e, DbError::Lost(_)));
            self.release(lost);
            if lost && repeatable && again {
                again = false;
                continue;
            }
            return result.map_err(|e| match (e.database(), cancel.reason()) {
                (Some(DbError::Cancelled), Some(reason)) => reason.into(),
                _ => e,
            });
        }
    }

    fn connection(&mut self, cancel: &Arc<Cancel>) -> Result<&mut Conn, DbError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => Conn::open(&self.crew.url, self.crew.role)?,
        };
        let conn = self.conn.insert(conn);
        conn.attach(cancel);
        Ok(conn)
    }

    fn release(&mut self, lost: bool) {
        let Some(conn) = &mut self.conn else { return };
        if lost || conn.detach().is_err() {
            self.conn = None;
        }
    }
}

/// How one try of a job went.
pub(super) struct Attempt<T, E> {
    pub(super) result: Result<T, E>,
    pub(super) repeatable: bool,
}

/// Stands among what runs, as long as it lives.
struct Running {
    crew: Arc<Crew>,
    cancel: Arc<Cancel>,
}

impl Running {
    fn new(crew: Arc<Crew>, cancel: Arc<Cancel>) -> Running {
        crew.lock().running.push(Arc::clone(&cancel));
        Running { crew, cancel }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.crew.lock().running.retain(|other| !Arc::ptr_eq(other, &self.cancel));
    }
}
