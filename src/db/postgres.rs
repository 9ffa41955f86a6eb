//! A PostgreSQL connection: diesel-async's synchronous face over tokio-postgres, on a runtime of its own.
//!
//! Goes in: a connection URL and a [`Role`]. Comes out: a [`PgConn`] around a diesel connection for synchronous code on
//! a thread of ours; never to be used inside an async runtime. Every wait for the server ends in [`Driver::wait`],
//! which also hears the job's [`Cancel`] and then asks the server to stop, again and again until it has: a request that
//! meets an idle moment is lost, and one that comes late would stop the next job, so that the connection ends with its job.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

use diesel::connection::{SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::{AsyncConnectionWrapper, BlockOn};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::{CancelToken, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Role;
use super::cancel::Cancel;
use super::error::DbError;
use super::shapes::Shapes;

/// diesel's connection to PostgreSQL.
pub type Facade = AsyncConnectionWrapper<AsyncPgConnection, OwnRuntime>;

/// A connection and the driver of its waits.
pub struct PgConn {
    facade: Facade,
    driver: Arc<Driver>,
    shapes: Shapes,
}

struct Driver {
    runtime: Runtime,
    job: Mutex<Option<Arc<Cancel>>>,
    token: OnceLock<(CancelToken, Transport)>,
    /// Whether the server was asked to stop something: then no other job may have this connection.
    asked: AtomicBool,
    /// Whether rows that nobody reads are on their way.
    abandoned: AtomicBool,
}

/// `sslmode=require` means TLS, and a certificate that the system's roots (or `SSL_CERT_FILE`) vouch for; anything less
/// means none, for a self-made certificate is common on a server next door and proves nothing.
#[derive(Clone)]
enum Transport {
    Plain,
    Tls(MakeRustlsConnect),
}

impl Transport {
    fn of(config: &Config) -> Result<Transport, String> {
        if config.get_ssl_mode() != SslMode::Require {
            return Ok(Transport::Plain);
        }
        match MakeRustlsConnect::with_native_certs() {
            Ok((connector, _)) => Ok(Transport::Tls(connector)),
            Err(_) => Err("sslmode=require, but this system has no root certificates".into()),
        }
    }

    async fn connect(self, config: &Config) -> Result<AsyncPgConnection, String> {
        match self {
            Transport::Plain => {
                let mut plain = config.clone();
                plain.ssl_mode(SslMode::Disable);
                let (client, connection) = plain.connect(NoTls).await.map_err(|e| chain(&e))?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
            Transport::Tls(connector) => {
                let (client, connection) = config.connect(connector).await.map_err(|e| chain(&e))?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
        }
        .map_err(|e| chain(&e))
    }

    async fn cancel(&self, token: &CancelToken) -> Result<(), tokio_postgres::Error> {
        match self {
            Transport::Plain => token.cancel_query(NoTls).await,
            Transport::Tls(connector) => token.cancel_query(connector.clone()).await,
        }
    }
}

/// The runtime of one connection: diesel-async would otherwise take whichever it finds.
pub struct OwnRuntime(Arc<Driver>);

thread_local! {
    /// The way of a driver into [`BlockOn::get_runtime`], which takes no argument.
    static NEXT: RefCell<Option<Arc<Driver>>> = const { RefCell::new(None) };
}

impl BlockOn for OwnRuntime {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.runtime.block_on(self.0.wait(future))
    }

    fn get_runtime() -> Self {
        OwnRuntime(NEXT.take().expect("PgConn::open leaves the driver here before it builds the facade"))
    }
}

const ASK_AGAIN: Duration = Duration::from_millis(50);
const ASKING_TAKES_AT_MOST: Duration = Duration::from_secs(2);

impl Driver {
    fn new() -> std::io::Result<Arc<Driver>> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Arc::new(Driver {
            runtime,
            job: Mutex::default(),
            token: OnceLock::new(),
            asked: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        }))
    }

    async fn wait<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        // Most rows lie ready; a timer for each would cost more than the row.
        if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return output;
        }
        let Some((token, transport)) = self.token.get() else {
            return future.await;
        };
        if self.abandoned.load(Ordering::Relaxed) {
            return self.stop(future, token, transport).await;
        }
        let job = self.job.lock().unwrap_or_else(|e| e.into_inner()).clone();
        let Some(job) = job else {
            return future.await;
        };
        tokio::select! {
            biased;
            output = &mut future => output,
            () = job.stopped() => self.stop(future, token, transport).await,
        }
    }

    /// Asks the server to stop until the wait is over. No request may still be under way then: it would hit the next
    /// statement.
    async fn stop<F: Future>(&self, mut future: Pin<&mut F>, token: &CancelToken, transport: &Transport) -> F::Output {
        self.asked.store(true, Ordering::Relaxed);
        loop {
            let mut request = pin!(tokio::time::timeout(ASKING_TAKES_AT_MOST, transport.cancel(token)));
            tokio::select! {
                output = &mut future => {
                    let _ = request.await;
                    return output;
                }
                _ = &mut request => {}
            }
            tokio::select! {
                output = &mut future => return output,
                () = tokio::time::sleep(ASK_AGAIN) => {}
            }
        }
    }
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

impl PgConn {
    /// Connects. A database whose encoding is not UTF-8 is refused.
    pub fn open(config: &Config, role: Role) -> Result<PgConn, DbError> {
        let unavailable = |why: String| DbError::Unavailable(format!("cannot connect to PostgreSQL: {why}"));
        let driver = Driver::new().map_err(|e| unavailable(e.to_string()))?;
        let transport = Transport::of(config).map_err(unavailable)?;
        let connection = driver.runtime.block_on(transport.clone().connect(config)).map_err(unavailable)?;
        let _ = driver.token.set((connection.cancel_token(), transport));
        NEXT.set(Some(Arc::clone(&driver)));
        let mut conn = PgConn { facade: Facade::from(connection), driver, shapes: Shapes::default() };
        conn.prepare_session(role)?;
        Ok(conn)
    }

    #[expect(clippy::disallowed_methods, reason = "a setting of the server is no table")]
    fn prepare_session(&mut self, role: Role) -> Result<(), DbError> {
        let encoding: Setting =
            diesel::sql_query("SELECT current_setting('server_encoding') AS value").get_result(&mut self.facade)?;
        if encoding.value != "UTF8" {
            let found = encoding.value;
            return Err(DbError::Unavailable(format!("the database's encoding is {found}; it must be UTF8")));
        }
        // Not every role may; `DbError` then knows fewer conditions by name.
        let _ = self.facade.batch_execute("SET lc_messages TO 'C'");
        self.facade.batch_execute(
            // Time-outs are ours (`Cancel`). Compiling a plan takes longer than most of our statements run.
            "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
             SET client_min_messages = warning; SET jit = off",
        )?;
        let isolation = match role {
            Role::Reader => "REPEATABLE READ, READ ONLY",
            Role::Writer => "SERIALIZABLE",
            Role::Migrator => "READ COMMITTED",
        };
        let set = format!("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {isolation}");
        Ok(self.facade.batch_execute(&set)?)
    }

    /// diesel's connection.
    pub fn diesel(&mut self) -> &mut Facade {
        &mut self.facade
    }

    pub(super) fn diesel_and_shapes(&mut self) -> (&mut Facade, &mut Shapes) {
        (&mut self.facade, &mut self.shapes)
    }

    /// Statements from now on belong to this job.
    pub(super) fn attach(&mut self, job: Option<Arc<Cancel>>) {
        *self.driver.job.lock().unwrap_or_else(|e| e.into_inner()) = job;
    }

    /// A reader left before the last row: what the server still makes is of no use. Stops it and waits until the rest
    /// is gone.
    pub(super) fn abandon(&mut self) {
        self.driver.abandoned.store(true, Ordering::Relaxed);
        let _ = self.facade.batch_execute("SELECT 1");
        self.driver.abandoned.store(false, Ordering::Relaxed);
    }

    /// After a job, makes the connection ready for the next, or says that it cannot be.
    pub(super) fn settle(&mut self) -> Result<(), DbError> {
        self.attach(None);
        // The server may come late to a request to stop, and would hit whoever runs then.
        if self.driver.asked.load(Ordering::Relaxed) {
            return Err(DbError::Lost("a request to stop may still be under way".into()));
        }
        type Manager = <Facade as Connection>::TransactionManager;
        match Manager::transaction_manager_status_mut(&mut self.facade).transaction_depth() {
            Ok(None) => Ok(()),
            _ => Err(DbError::Lost("a transaction was left open".into())),
        }
    }
}

/// An error and its causes in one line; tokio-postgres says "db error" alone.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
