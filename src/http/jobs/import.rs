//! Jobs that import a file: check, and write what may be written.
//!
//! In: the order, and the file in its pieces. Out: the logs and the end of the job in one transaction; problems, and the
//! workbook with its Problem column. The file stands in a temporary file that has no name.

use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

use actix_web::web::{self, Data};

use super::{Progress, Trouble, caller};
use crate::db::{DbError, Hold};
use crate::domain::jobs::{Job, files, queue};
use crate::http::App;
use crate::import::job::{Halt, Order, author};
use crate::import::listing::Listing;
use crate::import::report;
use crate::import::run::{self, ImportError, Outcome, Source};
use crate::sheets::{Limits, Program};
use crate::sql::Guid;

impl From<ImportError> for Trouble {
    fn from(error: ImportError) -> Trouble {
        match error {
            ImportError::Refused(refusal) => refusal.into(),
            ImportError::Io(error) => Trouble::Passing(format!("the reader of files does not work: {error}")),
        }
    }
}

pub(super) async fn run(app: &Data<App>, job: &Job, owner: Guid, progress: &Progress) -> Result<(), Trouble> {
    let unreadable = |error: serde_json::Error| Trouble::Hopeless(format!("the order cannot be read: {error}"));
    let order: Arc<Order> = Arc::new(serde_json::from_str(&job.payload).map_err(unreadable)?);
    let source = Arc::new(source(app, job, &order).await?);
    let (checked, listing) = check(app, job, &source, progress).await?;
    if !order.is_written(&checked) {
        return end(app, job, owner, (&order, &source), (checked, Some(listing))).await;
    }
    progress.total(checked.rows);
    match write(app, job, owner, (&order, &source), (&checked, progress)).await {
        Ok(()) => Ok(()),
        Err(Halt::Spoilt(outcome)) => end(app, job, owner, (&order, &source), (*outcome, None)).await,
        Err(Halt::Failed(error)) => Err(error.into()),
    }
}

async fn source(app: &Data<App>, job: &Job, order: &Order) -> Result<Source, Trouble> {
    let upload = job.upload_id.ok_or_else(|| Trouble::Hopeless("the job has no file".to_owned()))?;
    let copied: Result<_, ImportError> = app
        .db
        .read_for_long(move |conn| {
            let mut file = tempfile::tempfile()?;
            let mut number = 0;
            while let Some(piece) = files::piece(conn, upload, number)? {
                file.write_all(&piece)?;
                number += 1;
            }
            Ok(file)
        })
        .await;
    let file = copied?;
    let length = file.metadata().map_err(ImportError::from)?.len();
    if length != order.bytes {
        return Err(Trouble::Hopeless("the file is not kept any more; send it again".to_owned()));
    }
    let program = Program::this().map_err(ImportError::from)?;
    let limits = Limits::default();
    Ok(Source { program, file, file_name: order.file_name.clone(), profile: order.profile.clone(), limits })
}

async fn check(
    app: &Data<App>,
    job: &Job,
    source: &Arc<Source>,
    progress: &Progress,
) -> Result<(Outcome, Listing), Trouble> {
    let (source, progress, now) = (Arc::clone(source), progress.clone(), app.clock.now());
    let (id, user) = (job.id, job.user_id);
    let checked: Result<_, ImportError> = app
        .db
        .read_for_long(move |conn| {
            let caller = caller(conn, user)?;
            let mut listing = Listing::new()?;
            let outcome = run::check(conn, &author(&caller, id, now), &source, &mut |rows, fates| {
                progress.done(rows);
                listing.add(fates).map_err(unlisted)
            })?;
            Ok((outcome, listing))
        })
        .await;
    Ok(checked?)
}

async fn write(
    app: &Data<App>,
    job: &Job,
    owner: Guid,
    (order, source): (&Arc<Order>, &Arc<Source>),
    (checked, progress): (&Outcome, &Progress),
) -> Result<(), Halt> {
    let (order, source, progress, now) = (Arc::clone(order), Arc::clone(source), progress.clone(), app.clock.now());
    let (id, user) = (job.id, job.user_id);
    // New rows are written beside other writers; of many logs that change none may be another's meanwhile.
    let hold = if checked.changes_logs() { Hold::Exclusive } else { Hold::Shared };
    let report = if checked.is_clean() { None } else { report(app, &source, checked.clone()).await? };
    app.db
        .write_for_long(move |tx| {
            tx.hold(hold)?;
            let caller = caller(tx, user)?;
            let by = author(&caller, id, now);
            let mut listing = Listing::new()?;
            let outcome = order.write(tx, &by, &source, &mut |rows, fates| {
                progress.done(rows);
                listing.add(fates).map_err(unlisted)
            })?;
            if outcome.changes_logs() {
                tx.must_hold(Hold::Exclusive)?;
            }
            queue::end(tx, id, owner, &order.ending(&outcome, true, report), now)?;
            Ok(listing.keep(tx, id, now)?)
        })
        .await
}

fn unlisted(error: std::io::Error) -> DbError {
    DbError::Other(format!("the list of rows cannot be written: {error}"))
}

/// Ends a job that writes no log.
async fn end(
    app: &Data<App>,
    job: &Job,
    owner: Guid,
    (order, source): (&Arc<Order>, &Arc<Source>),
    (outcome, listing): (Outcome, Option<Listing>),
) -> Result<(), Trouble> {
    // Of a file that cannot be read to its end nothing is told but that.
    let mut listing = listing.filter(|_| outcome.rows > 0);
    let ending = order.ending(&outcome, false, None);
    let report = report(app, source, outcome).await?;
    let ending = queue::Ending { report, ..ending };
    let (id, now) = (job.id, app.clock.now());
    let ended: Result<(), ImportError> = app
        .db
        .write(move |tx| {
            tx.hold(Hold::Shared)?;
            queue::end(tx, id, owner, &ending, now)?;
            listing.as_mut().map_or(Ok(()), |listing| listing.keep(tx, id, now))
        })
        .await;
    Ok(ended?)
}

/// Makes and keeps the workbook with its Problem column, where rows have problems.
async fn report(app: &Data<App>, source: &Arc<Source>, outcome: Outcome) -> Result<Option<Guid>, ImportError> {
    let Some(place) = outcome.place.filter(|_| outcome.problems.iter().any(|problem| problem.row.is_some())) else {
        return Ok(None);
    };
    let source = Arc::clone(source);
    let made = web::block(move || {
        let mut file = tempfile::tempfile()?;
        let rows = source.rows().map_err(std::io::Error::other)?;
        report::write(rows, outcome.problems, place, &mut file).map_err(std::io::Error::other)?;
        file.seek(SeekFrom::Start(0))?;
        Ok::<_, std::io::Error>(file)
    });
    let mut file = made.await.map_err(std::io::Error::other)??;
    let (id, now) = (Guid(uuid::Uuid::now_v7()), app.clock.now());
    for number in 0.. {
        let mut piece = Vec::with_capacity(files::PIECE);
        std::io::Read::read_to_end(&mut std::io::Read::take(&mut file, files::PIECE as u64), &mut piece)?;
        if piece.is_empty() {
            break;
        }
        app.db.write(move |tx| files::add(tx, id, number, &piece, now)).await?;
    }
    Ok(Some(id))
}
