//! Tracking (contract §5): the routes below `/api/tracking/client`, and the stream of states beside them.
//!
//! In: what clients ask of the timer. Out: its state, at top level and under `data`. A rule that forbids something is a
//! 200 with `responseState` `Error`, and has changed nothing; what cannot be read is a 400 as everywhere.

mod events;
mod objects;

use std::sync::Arc;

pub use events::{Listeners, act_on_due_timers, configure, tell_listeners};
use objects::{Asked, Both, Said, Spelling};
use serde_json::Value;

use super::api::shape::Type::{Bool, Guid, Int, Text};
use super::api::shape::{Body, Shape, member};
use super::api::{Answer, Call, Job, Route, Verb};
use crate::auth::Scopes;
use crate::db::{AsConn, Tx};
use crate::domain::activity_types;
use crate::domain::changes::{Author, Origin};
use crate::domain::people;
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::settings::Settings;
use crate::domain::timers::steps::{self, Adjust, Start};
use crate::domain::timers::{self, State, Stopped, Timer, read};
use crate::domain::worklogs;
use crate::domain::worklogs::read::Filter;

static START: Shape = Shape {
    name: "StartTracking",
    members: &[
        member("timeZone", Int, "Minutes east of UTC."),
        member("tfsId", Int, "The work item."),
        member("remark", Text, ""),
        member("activityTypeId", Guid, ""),
        member("isBillable", Bool, ""),
    ],
};

static SELECTED: Shape = Shape {
    name: "Selected",
    members: &[
        member("tfsId", Int, "The work item."),
        member("remark", Text, ""),
        member("activityTypeId", Guid, ""),
        member("calculateTotals", Bool, "Whether the sums of the item are wanted."),
    ],
};

static ADJUST: Shape = Shape {
    name: "Adjust",
    members: &[member("remark", Text, "An empty one clears."), member("activityTypeId", Guid, "")],
};

static QUERY: Shape = Shape { name: "SearchByQuery", members: &[member("query", Text, "")] };

const STATE: &[&str] = &["expand"];

/// The routes; a word stands before a `{…}` in its place.
pub static ROUTES: &[Route] = &[
    Route::tracking(Verb::Get, "client/current", current).about("The timer").options(STATE),
    Route::tracking(Verb::Delete, "client/current", discard).about("End the run without a log").options(STATE),
    Route::tracking(Verb::Get, "client/current/{expand}", current).about("The timer, with settings or without"),
    Route::tracking(Verb::Post, "client/selected", selected)
        .about("What a work item would show")
        .takes(&SELECTED)
        .scope(Scopes::REPORTS_READ),
    Route::tracking(Verb::Get, "client/latest", latest).about("The caller's latest logs").options(&["count"]),
    Route::tracking(Verb::Get, "client/latest/{count}", latest).about("The caller's latest logs"),
    Route::tracking(Verb::Post, "client/startTracking", start).about("Start, or switch").options(STATE).takes(&START),
    Route::tracking(Verb::Post, "client/stopTracking", stop).about("Stop and store").options(&["reason", "expand"]),
    Route::tracking(Verb::Post, "client/stopTracking/{reason}", stop).about("Stop and store").options(STATE),
    Route::tracking(Verb::Post, "client/idleCheck/{selectedOption}", confirm).about("Answer a check").options(STATE),
    Route::tracking(Verb::Post, "client/activityCheck", confirm).about("I am still here").options(STATE),
    Route::tracking(Verb::Post, "client/adjust", adjust)
        .about("Change what the run is about")
        .options(STATE)
        .takes(&ADJUST),
    Route::tracking(Verb::Post, "client/search", search)
        .about("Work items by id or title")
        .takes_text()
        .scope(Scopes::REPORTS_READ),
    Route::tracking(Verb::Post, "client/searchByQuery", search_by_query)
        .about("Work items by id or title")
        .takes(&QUERY)
        .scope(Scopes::REPORTS_READ),
];

/// Items of a search.
const MOST_FOUND: i64 = 50;
/// Logs of `latest`, unless a request says otherwise.
const LATEST: i64 = 10;

fn asked(call: &Call) -> Asked<'_> {
    Asked { caller: &call.caller, now: call.now, spelling: Spelling::of(call) }
}

/// The body, whose empty texts are as absent, but for those of members that an empty text clears.
fn body(call: &Call, cleared: &[&str]) -> Result<Body, Refusal> {
    let (Some(shape), Some(Value::Object(sent))) = (call.route.request, call.raw_body()) else { return call.body() };
    let mut sent = sent.clone();
    let clears = |name: &str| cleared.iter().any(|member| member.eq_ignore_ascii_case(name));
    sent.retain(|name, value| value.as_str().is_none_or(|text| !text.trim().is_empty()) || clears(name));
    Body::read(shape, &Value::Object(sent), "")
}

/// `$expand`, also as the last segment of the path.
fn expands(call: &Call) -> Result<bool, Refusal> {
    if !call.route.path.ends_with("{expand}") {
        return call.options.bool("expand");
    }
    let segment = call.value(0);
    segment.to_ascii_lowercase().parse().map_err(|_| Refusal::not_found("form of the state", segment))
}

fn current(call: &Arc<Call>) -> Result<Job, Refusal> {
    let expand = expands(call)?;
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let timer = timers::find(conn, call.caller.user_id)?;
        answer(conn, &call, &timer, Said::Nothing, expand)
    })
}

fn answer(conn: &mut impl AsConn, call: &Call, timer: &Timer, said: Said, expand: bool) -> Result<Answer, Refusal> {
    let state = objects::tracking_state(conn, asked(call), timer, said, expand)?;
    Answer::bare(Both::of(&state))
}

/// A step of the timer and the state after it. Where a rule forbids it, the state is as it was and says why.
fn step(
    call: &Arc<Call>,
    take: impl Fn(&mut Tx<'_>, &Author<'_>) -> Result<Timer, Refusal> + Send + 'static,
) -> Result<Job, Refusal> {
    let expand = call.options.bool("expand")?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let before = timers::find(tx, call.caller.user_id)?;
        let (timer, said) = match take(tx, &call.author(Origin::Tracking)) {
            Ok(timer) if before.state() == State::Idle && timer.state() == State::Idle => {
                (timer, Said::Warning("No timer runs.".to_owned()))
            }
            Ok(timer) => (timer, Said::Nothing),
            Err(refusal) if steps::is_rule(&refusal) => {
                (timers::find(tx, call.caller.user_id)?, Said::Error(refusal.message))
            }
            Err(refusal) => return Err(refusal),
        };
        answer(tx, &call, &timer, said, expand)
    })
}

fn start(call: &Arc<Call>) -> Result<Job, Refusal> {
    let body = body(call, &[])?;
    let time_zone = body.int("timeZone").map(|minutes| i32::try_from(minutes).unwrap_or(i32::MAX));
    let start = Start {
        work_item: body.int("tfsId"),
        comment: body.text("remark").map(str::to_owned),
        activity_type: body.guid("activityTypeId"),
        is_billable: body.bool("isBillable"),
        time_zone,
    };
    step(call, move |tx, by| steps::start(tx, by, &start))
}

fn stop(call: &Arc<Call>) -> Result<Job, Refusal> {
    let sent = if call.route.path.ends_with("{reason}") { Some(call.value(0)) } else { call.options.get("reason") };
    let why = match sent {
        None | Some("0") => Stopped::Idle,
        Some("1") => Stopped::ByClientCondition,
        Some(_) => return Err(Refusal::malformed("reason", "reason is 0, by the person, or 1, by the machine.")),
    };
    step(call, move |tx, by| steps::stop(tx, by, why))
}

fn confirm(call: &Arc<Call>) -> Result<Job, Refusal> {
    step(call, steps::confirm)
}

fn adjust(call: &Arc<Call>) -> Result<Job, Refusal> {
    let body = body(call, &["remark"])?;
    let adjust = Adjust { comment: body.text("remark").map(str::to_owned), activity_type: body.guid("activityTypeId") };
    step(call, move |tx, by| steps::adjust(tx, by, &adjust))
}

fn discard(call: &Arc<Call>) -> Result<Job, Refusal> {
    step(call, steps::discard)
}

/// What the track would be with this work item; nothing is changed. The item that runs is shown as it runs.
fn selected(call: &Arc<Call>) -> Result<Job, Refusal> {
    let body = body(call, &[])?;
    let item = body.int("tfsId");
    let comment = body.text("remark").map(str::to_owned);
    let kind = body.guid("activityTypeId");
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let asked = asked(&call);
        let timer = timers::find(conn, call.caller.user_id)?;
        let known = item.and_then(|id| i32::try_from(id).ok());
        let found = read::items(conn, known.as_slice())?;
        if let Some(id) = item.filter(|_| known.is_none_or(|id| !found.contains_key(&id))) {
            return Err(Refusal::not_found("work item", id));
        }
        let kind = match kind {
            Some(guid) => activity_types::active_id(conn, guid)?,
            None => None,
        };
        let mut shown = timer;
        if shown.running_since().is_none() || shown.work_item_id != known {
            shown = Timer::idle(call.caller.user_id);
            shown.work_item_id = known;
            shown.comment.clone_from(&comment);
            shown.activity_type_id = kind;
        }
        let settings = Settings::read(conn)?;
        let mut people = people::by_ids(conn, &[call.caller.user_id])?;
        let person = people.remove(&call.caller.user_id);
        let person = person.ok_or_else(|| Refusal::not_found("person", call.caller.user_guid))?;
        Answer::bare(Both::of(&objects::track(conn, asked, &shown, &settings, &person)?))
    })
}

fn latest(call: &Arc<Call>) -> Result<Job, Refusal> {
    let in_path = call.route.path.ends_with("{count}");
    let count = match (in_path, call.options.get("count")) {
        (true, _) => call.value(0).parse().map_err(|_| Refusal::not_found("number of logs", call.value(0)))?,
        (false, Some(_)) => call.options.page()?.1,
        (false, None) => LATEST,
    };
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let filter = Filter {
            user_id: Some(call.caller.user_id),
            work_items: None,
            from: None,
            to: None,
            created_from: None,
            created_to: None,
            skip: 0,
            count: i64::clamp(count, 0, super::api::options::PAGE),
        };
        let logs = worklogs::read::list(conn, &call.caller, &filter)?;
        Answer::bare(Both::of(&objects::latest(conn, asked(&call), &logs)?))
    })
}

fn search(call: &Arc<Call>) -> Result<Job, Refusal> {
    let text = match call.raw_body() {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        None | Some(Value::Null) => String::new(),
        Some(_) => return Err(Refusal::new(Kind::Malformed, "The body must be a number or a text: an id or a title.")),
    };
    found(text)
}

fn search_by_query(call: &Arc<Call>) -> Result<Job, Refusal> {
    found(call.body()?.text("query").unwrap_or_default().to_owned())
}

/// The item of that id, and those with that text in their title. An empty text finds nothing.
fn found(text: String) -> Result<Job, Refusal> {
    const LONGEST: usize = 500;
    if text.contains('\0') || text.chars().nth(LONGEST).is_some() {
        let message = format!("A search is a text of at most {LONGEST} characters without zero characters.");
        return Err(Refusal::malformed("query", message));
    }
    Job::read(move |conn| {
        let wanted = text.trim();
        let id: Option<i32> = wanted.trim_start_matches('#').parse().ok();
        let titled = if wanted.is_empty() { Vec::new() } else { read::titled(conn, wanted, MOST_FOUND)? };
        let others = titled.into_iter().filter(|found| Some(*found) != id).collect();
        let groups = [("Id", id.into_iter().collect::<Vec<_>>()), ("Title", others)];
        Answer::bare(Both::of(&objects::search(conn, wanted, &groups)?))
    })
}
