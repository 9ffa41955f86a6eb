//! `/reports/time` (contract §4.2): seconds by person, work item and day.

use std::sync::Arc;

use serde::Serialize;

use crate::domain::people;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::wall;
use crate::domain::worklogs::read;
use crate::http::api::{Answer, Call, Job};
use crate::policy::Whose;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    from: Option<String>,
    to: Option<String>,
    total_length: i64,
    by_user: Vec<ByUser>,
    by_work_item: Vec<ByWorkItem>,
    by_day: Vec<ByDay>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ByUser {
    user_id: String,
    name: String,
    length: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ByWorkItem {
    work_item_id: Option<i32>,
    title: Option<String>,
    length: i64,
}

#[derive(Serialize)]
struct ByDay {
    date: String,
    length: i64,
}

/// Own time; that of another person, or of everybody, where the caller sees it.
pub fn time(call: &Arc<Call>) -> Result<Job, Refusal> {
    let days = (call.options.day("from")?, call.options.day("to")?);
    let wanted = call.options.guid("userId")?;
    let other = wanted.is_some_and(|guid| guid != call.caller.user_guid);
    if other && call.caller.sees_time_of() != Whose::Everybodys {
        return Err(Refusal::new(Kind::Denied, "Your role shows you your own time alone.").at("userId"));
    }
    let caller = call.caller.clone();
    Job::read(move |conn| {
        let user_id = match wanted {
            Some(guid) => {
                let found = people::by_guids(conn, &[guid])?;
                Some(found.get(&guid).ok_or_else(|| Refusal::not_found("person", guid))?.id)
            }
            None => None,
        };
        let totals = read::totals(conn, &caller, user_id, days)?;
        let people = people::by_ids(conn, &totals.by_user.iter().map(|(id, _)| *id).collect::<Vec<_>>())?;
        let items: Vec<i32> = totals.by_item.iter().filter_map(|(item, _)| *item).collect();
        let mut titles = read::titles(conn, &items)?;
        let by_user = totals.by_user.iter().filter_map(|(id, length)| {
            let person = people.get(id)?;
            Some(ByUser { user_id: person.guid.to_string(), name: person.name.clone(), length: *length })
        });
        let by_item = totals.by_item.iter().map(|(item, length)| {
            let title = item.and_then(|item| titles.remove(&item));
            ByWorkItem { work_item_id: *item, title, length: *length }
        });
        let by_day = totals.by_day.iter().map(|(day, length)| ByDay { date: wall::written_day(*day), length: *length });
        Answer::data(Report {
            from: days.0.map(wall::written_day),
            to: days.1.map(wall::written_day),
            total_length: totals.by_day.iter().map(|(_, length)| length).sum(),
            by_user: by_user.collect(),
            by_work_item: by_item.collect(),
            by_day: by_day.collect(),
        })
    })
}
