//! The runner of jobs: it claims what is due, says that it lives, and ends what it did.
//!
//! In: rows of `jobs`, whoever put them there. Out: what they ask for, by the kind that they name. A job's own failure is
//! told in its row; one that may pass is tried again later, and too many tries end it. Cancelling drops its future: the
//! statement that runs is stopped and its transaction rolled back.

mod import;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use actix_web::rt::time::sleep;
use actix_web::web::Data;
use tokio::task::JoinSet;

use super::App;
use crate::db::{AsConn, DbError, Hold};
use crate::domain::jobs::{Job, queue, read};
use crate::domain::people;
use crate::domain::refusal::{Kind, Refusal};
use crate::policy::{Caller, Role};
use crate::sql::{Guid, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(500);
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Beats between two renewals of a lease.
const RENEW_AFTER: u32 = 4;
/// Looks between two sweeps.
const SWEEP_AFTER: u32 = 600;
const HOUR: i64 = 3_600_000_000;

/// How far a job is: shared with the thread that does it.
#[derive(Clone, Debug, Default)]
struct Progress(Arc<(AtomicI64, AtomicI64)>);

impl Progress {
    fn done(&self, rows: u64) {
        self.0.0.store(i64::try_from(rows).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    fn total(&self, rows: u64) {
        self.0.1.store(i64::try_from(rows).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    fn now(&self) -> (i64, Option<i64>) {
        let total = self.0.1.load(Ordering::Relaxed);
        (self.0.0.load(Ordering::Relaxed), (total > 0).then_some(total))
    }
}

/// Why a job did not end by itself.
#[derive(Debug)]
enum Trouble {
    Cancelled,
    /// Another server has it by now.
    Lost,
    /// It will never succeed.
    Hopeless(String),
    /// It may succeed another time.
    Passing(String),
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Trouble {
        Trouble::Passing(error.to_string())
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        match refusal.kind {
            Kind::Database(error) => error.into(),
            Kind::Conflict => Trouble::Lost,
            _ => Trouble::Hopeless(refusal.message),
        }
    }
}

/// Runs jobs until it is aborted, and what it runs with it.
pub async fn run(app: Data<App>) {
    let owner = Guid(uuid::Uuid::new_v4());
    let mut running = JoinSet::new();
    for look in 0_u32.. {
        sleep(LOOK_EVERY).await;
        while running.try_join_next().is_some() {}
        if look.is_multiple_of(SWEEP_AFTER) {
            sweep(&app).await;
        }
        while running.len() < app.config.jobs.concurrent {
            match claim(&app, owner).await {
                Ok(Some(job)) => {
                    let app = app.clone();
                    running.spawn_local(async move { work(app, job, owner).await });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(cause = %error, "no job could be claimed");
                    break;
                }
            }
        }
    }
}

async fn claim(app: &App, owner: Guid) -> Result<Option<Job>, DbError> {
    let now = app.clock.now();
    // Most looks find nothing, and a look costs a writer nothing.
    if !app.db.read(move |conn| read::any_due(conn, now)).await? {
        return Ok(None);
    }
    app.db
        .write(move |tx| {
            tx.hold(Hold::Shared)?;
            queue::claim(tx, owner, now)
        })
        .await
}

async fn sweep(app: &App) {
    let now = app.clock.now();
    let until = Instant(now.0 - i64::from(app.config.jobs.keep_days) * 24 * HOUR);
    let swept: Result<(), DbError> = app.db.write(move |tx| queue::sweep(tx, until, Instant(now.0 - HOUR))).await;
    if let Err(error) = swept {
        tracing::warn!(cause = %error, "old jobs could not be removed");
    }
}

async fn work(app: Data<App>, job: Job, owner: Guid) {
    let progress = Progress::default();
    tracing::info!(job = %job.id, kind = job.kind, attempt = job.attempts, "a job begins");
    let done = tokio::select! {
        done = by_kind(&app, &job, owner, &progress) => done,
        trouble = watch(&app, job.id, owner, &progress) => Err(trouble),
    };
    let kind = kind_in_figures(&job.kind);
    let Err(trouble) = done else {
        app.metrics.job_ended(kind, "done");
        return;
    };
    tracing::warn!(job = %job.id, kind = job.kind, cause = ?trouble, "a job did not end by itself");
    let word = match &trouble {
        Trouble::Cancelled => "cancelled",
        Trouble::Lost => "lost",
        Trouble::Hopeless(_) => "failed",
        Trouble::Passing(_) => "again",
    };
    app.metrics.job_ended(kind, word);
    let now = app.clock.now();
    let told = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        match &trouble {
            _ if read::cancel_asked(tx, job.id)? => Ok(queue::cancelled(tx, job.id, owner, now)?),
            Trouble::Cancelled | Trouble::Lost => Ok(()),
            Trouble::Hopeless(why) => queue::fail(tx, job.id, owner, why, now),
            Trouble::Passing(why) => Ok(queue::give_back(tx, &job, owner, why, now)?),
        }
    });
    let told: Result<(), Refusal> = told.await;
    if let Err(refusal) = told {
        // Its lease runs out, and somebody takes it up.
        tracing::warn!(cause = %refusal, "the end of a job could not be told");
    }
}

/// Figures have few labels, whatever stands in a row.
fn kind_in_figures(kind: &str) -> &'static str {
    if kind == crate::import::job::KIND { crate::import::job::KIND } else { "unknown" }
}

async fn by_kind(app: &Data<App>, job: &Job, owner: Guid, progress: &Progress) -> Result<(), Trouble> {
    match job.kind.as_str() {
        crate::import::job::KIND => import::run(app, job, owner, progress).await,
        kind => Err(Trouble::Hopeless(format!("this Timeledger knows no jobs of the kind {kind}"))),
    }
}

/// Renews the lease for as long as the job is wanted; gives why it is not.
async fn watch(app: &App, id: Guid, owner: Guid, progress: &Progress) -> Trouble {
    for beat in 1_u32.. {
        sleep(BEAT_EVERY).await;
        match app.db.read(move |conn| read::cancel_asked(conn, id)).await {
            Ok(true) => return Trouble::Cancelled,
            Ok(false) => {}
            Err(error) => tracing::warn!(cause = %error, "whether a job is wanted is not known"),
        }
        if !beat.is_multiple_of(RENEW_AFTER) {
            continue;
        }
        let (now, so_far) = (app.clock.now(), progress.now());
        // On SQLite this waits behind the job's own writing, as any other server that would claim it does.
        match app.db.write(move |tx| queue::renew(tx, id, owner, so_far, now)).await {
            Ok(true) => {}
            Ok(false) => return Trouble::Lost,
            Err(error) => tracing::warn!(cause = %error, "a lease could not be renewed"),
        }
    }
    Trouble::Lost
}

/// Whoever ordered the job, as they are now.
fn caller(conn: &mut impl AsConn, user_id: i32) -> Result<Caller, Refusal> {
    let person = people::by_ids(conn, &[user_id])?.remove(&user_id);
    let person = person.filter(|person| person.is_active && person.role != Role::None);
    let person =
        person.ok_or_else(|| Refusal::new(Kind::Denied, "Who ordered the job has no right to it any more."))?;
    Ok(Caller { user_id, user_guid: person.guid, name: person.name, role: person.role, duties: person.duties })
}
