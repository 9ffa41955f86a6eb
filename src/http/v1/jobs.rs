//! `/api/v1/jobs`: how far they are, what is wrong, what came of them; and their end before that.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::objects::utc;
use crate::db::{AsConn, DbError};
use crate::domain::jobs::{Job as Row, State, queue, read};
use crate::domain::people;
use crate::domain::refusal::{Kind, Refusal};
use crate::http::api::shape::Type::{Bool, Instant, Int, Json, Text};
use crate::http::api::shape::{Shape, member};
use crate::http::api::{Answer, Attachment, Call, Content, Job};
use crate::import;

pub static JOB: Shape = Shape {
    name: "Job",
    members: &[
        member("id", crate::http::api::shape::Type::Guid, ""),
        member("kind", Text, "import"),
        member("state", Text, "queued, running, succeeded, failed or cancelled."),
        member("user", Text, "Unique name of whoever ordered it."),
        member("createdAt", Instant, ""),
        member("startedAt", Instant, ""),
        member("endedAt", Instant, ""),
        member("attempts", Int, "How often it was begun."),
        member("done", Int, "Rows so far."),
        member("total", Int, "Rows in all, as soon as that is known."),
        member("error", Text, "Why it failed, or why it is tried again."),
        member("cancelAsked", Bool, "It ends as soon as its server hears of it."),
        member("result", Json, "What came of it; of an import the counts of its rows."),
        member("hasResult", Bool, "There is a file at …/result."),
    ],
};

pub static PROBLEM: Shape = Shape {
    name: "ImportProblem",
    members: &[
        member("row", Int, "As a spreadsheet numbers it; none: the file as a whole."),
        member("column", Text, "The column's letter."),
        member("value", Text, "What stands in the cell."),
        member("code", Text, ""),
        member("reason", Text, ""),
        member("suggestion", Text, ""),
    ],
};

pub static ROW: Shape = Shape {
    name: "ImportRow",
    members: &[
        member("row", Int, "As a spreadsheet numbers it."),
        member("status", Text, "new, changed, restored, unchanged, duplicate or error."),
        member("problems", Json, "All that is wrong with it, as in …/problems."),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JobObject {
    id: String,
    kind: String,
    state: &'static str,
    user: String,
    created_at: String,
    started_at: Option<String>,
    ended_at: Option<String>,
    attempts: i32,
    done: i64,
    total: Option<i64>,
    error: Option<String>,
    cancel_asked: bool,
    result: Option<Value>,
    has_result: bool,
}

impl JobObject {
    fn of(job: Row, user: String) -> JobObject {
        JobObject {
            state: job.state().name(),
            id: job.id.to_string(),
            user,
            created_at: utc(job.created_at),
            started_at: job.started_at.map(utc),
            ended_at: job.ended_at.map(utc),
            attempts: job.attempts,
            done: job.done,
            total: job.total,
            error: job.last_error,
            cancel_asked: job.cancel_asked,
            result: job.result.and_then(|text| serde_json::from_str(&text).ok()),
            has_result: job.report_id.is_some(),
            kind: job.kind,
        }
    }
}

/// A job with its person's name.
pub(super) fn shown(conn: &mut impl AsConn, job: Row) -> Result<Answer, Refusal> {
    let person = people::by_ids(conn, &[job.user_id])?.remove(&job.user_id);
    Answer::bare(JobObject::of(job, person.map(|person| person.unique_name).unwrap_or_default()))
}

/// The job of the path, if it is the caller's to see.
pub(super) fn of_path(conn: &mut impl AsConn, call: &Call) -> Result<Row, Refusal> {
    let id = call.id(0, "job")?;
    read::find(conn, &call.caller, id)?.ok_or_else(|| Refusal::not_found("job", id))
}

pub fn list(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (skip, count) = call.options.page()?;
    let state = call.options.get("state").map(|name| {
        let wrong = || Refusal::malformed("state", "state is queued, running, succeeded, failed or cancelled.");
        State::by_name(name).ok_or_else(wrong)
    });
    let filter = read::Filter { state: state.transpose()?, skip, count };
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let jobs = read::list(conn, read::whose(&call.caller), filter)?;
        Answer::items(jobs.into_iter().map(|(job, user)| JobObject::of(job, user)))
    })
}

pub fn one(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let job = of_path(conn, &call)?;
        shown(conn, job)
    })
}

pub fn cancel(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let job = of_path(tx, &call)?;
        queue::cancel(tx, &job, call.now)?;
        let job = of_path(tx, &call)?;
        shown(tx, job)
    })
}

pub fn problems(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (skip, count) = call.options.page()?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let job = of_path(conn, &call)?;
        let unreadable = |error: serde_json::Error| DbError::Other(format!("job_problems.problem: {error}"));
        let problems = read::problems(conn, job.id, skip, count)?.into_iter();
        let problems: Result<Vec<import::problem::Problem>, DbError> =
            problems.map(|text| serde_json::from_str(&text).map_err(unreadable)).collect();
        Answer::items(problems?.into_iter())
    })
}

/// What becomes of the rows of a file, good ones too.
pub fn rows(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (skip, count) = call.options.page()?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let job = of_path(conn, &call)?;
        Answer::items(import::listing::page(conn, job.id, skip, count)?.into_iter())
    })
}

/// The file that came of a job: of an import the workbook with its Problem column.
pub fn result(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let job = of_path(conn, &call)?;
        let Some(report) = job.report_id else {
            return Err(Refusal::new(Kind::NotFound, format!("The job {} has no file.", job.id)));
        };
        let order: Option<import::job::Order> = serde_json::from_str(&job.payload).ok();
        let sent = order.and_then(|order| order.file_name).unwrap_or_else(|| "import".to_owned());
        let stem = sent.rsplit_once('.').map_or(sent.as_str(), |(stem, _)| stem);
        Ok(Answer::file(Attachment {
            name: format!("{stem} problems.xlsx"),
            media_type: super::XLSX,
            content: Content::Kept(report),
        }))
    })
}
