//! `/api/v1/audit`: who signed in, was refused, made a credential, changed what somebody may (AU-96). Reading it is told, too.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::objects::utc;
use crate::auth::audit::{self, Entry, Filter, Row};
use crate::db::{AsConn, DbError};
use crate::domain::people::{self, Person};
use crate::domain::refusal::Refusal;
use crate::http::api::shape::Type::{Guid as GuidType, Instant, Int, Json, Text};
use crate::http::api::shape::{Shape, member};
use crate::http::api::{Answer, Attachment, Call, Content, Job};

pub static ROW: Shape = Shape {
    name: "AuditRow",
    members: &[
        member("id", Int, ""),
        member("at", Instant, ""),
        member("event", Text, "sign-in, refused, locked, token-made, person-changed, export, …"),
        member("outcome", Text, "ok, or the true reason."),
        member("user", Text, "Unique name."),
        member("credential", Text, "Its kind."),
        member("address", Text, ""),
        member("request", GuidType, "Under which the log has it."),
        member("target", Text, "What it was about."),
        member("details", Json, ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
struct RowObject {
    id: i64,
    at: String,
    event: String,
    outcome: String,
    user: Option<String>,
    credential: Option<String>,
    address: Option<String>,
    request: Option<String>,
    target: Option<String>,
    details: Value,
}

impl RowObject {
    fn of(row: Row, people: &HashMap<i32, Person>) -> RowObject {
        RowObject {
            id: row.id,
            at: utc(row.at),
            event: row.event,
            outcome: row.outcome,
            user: row.user_id.and_then(|id| people.get(&id)).map(|person| person.unique_name.clone()),
            credential: row.credential,
            address: row.address,
            request: row.request.map(|id| id.to_string()),
            target: row.target,
            details: serde_json::from_str(&row.details).unwrap_or_default(),
        }
    }

    /// As `ROW` has the members; what a spreadsheet would take for a formula begins with an apostrophe.
    fn cells(&self) -> [String; 10] {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = [
            self.id.to_string(),
            self.at.clone(),
            self.event.clone(),
            self.outcome.clone(),
            text(&self.user),
            text(&self.credential),
            text(&self.address),
            text(&self.request),
            text(&self.target),
            self.details.to_string(),
        ];
        cells.map(|cell| if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell })
    }
}

pub fn list(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (skip, count) = call.options.page()?;
    let bound = |name: &str| Ok::<_, Refusal>(call.options.time(name)?.map(|written| written.wall));
    let filter = Filter {
        from: bound("from")?,
        to: bound("to")?,
        event: call.options.get("event").map(str::to_owned),
        user_id: None,
        skip,
        count,
    };
    let user = call.options.guid("userId")?;
    let as_csv = match call.options.get("format") {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Refusal::malformed("format", "format is json or csv.")),
    };
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let mut filter = filter.clone();
        if let Some(guid) = user {
            let person = people::by_guids(tx, &[guid])?.remove(&guid);
            filter.user_id = Some(person.ok_or_else(|| Refusal::not_found("person", guid))?.id);
        }
        let rows = shown(tx, &filter)?;
        audit::write(tx, &Entry::done("audit-read", call.caller.user_id, None), call.now)?;
        if as_csv { Ok(Answer::file(csv(&rows)?)) } else { Answer::items(rows.into_iter()) }
    })
}

fn shown(conn: &mut impl AsConn, filter: &Filter) -> Result<Vec<RowObject>, DbError> {
    let rows = audit::list(conn, filter)?;
    let ids: Vec<i32> = rows.iter().filter_map(|row| row.user_id).collect();
    let people = people::by_ids(conn, &ids)?;
    Ok(rows.into_iter().map(|row| RowObject::of(row, &people)).collect())
}

fn csv(rows: &[RowObject]) -> Result<Attachment, DbError> {
    let failed = |error: csv::Error| DbError::Other(format!("the audit as CSV: {error}"));
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    file.write_record(ROW.members.iter().map(|member| member.name)).map_err(failed)?;
    for row in rows {
        file.write_record(row.cells()).map_err(failed)?;
    }
    let bytes = file.into_inner().map_err(|error| DbError::Other(format!("the audit as CSV: {error}")))?;
    Ok(Attachment {
        name: "audit.csv".to_owned(),
        media_type: "text/csv; charset=utf-8",
        content: Content::Here(bytes),
    })
}
