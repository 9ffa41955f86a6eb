//! The objects of tracking (contract §5), as each version of the API spells them.
//!
//! In: a timer and what belongs to it. Out: what `serde` writes. At 2.1 the tracking state is a number and times have no
//! zone; from 3.0 on it is a word and they end in `Z`.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use crate::db::{AsConn, DbError};
use crate::domain::activity_types::{self, ActivityType};
use crate::domain::people::{self, Person};
use crate::domain::refusal::Refusal;
use crate::domain::settings::Settings;
use crate::domain::timers::read::{self, Item};
use crate::domain::timers::{State, Stopped, Timer};
use crate::domain::wall;
use crate::domain::worklogs::{Facts, Worklog};
use crate::http::api::Call;
use crate::http::rest::versions::{self, Level};
use crate::policy::Caller;
use crate::sql::Instant;

/// How a version spells states and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    first: bool,
}

impl Spelling {
    /// That of a request, whose version was checked before.
    pub fn of(call: &Call) -> Spelling {
        Spelling::at(call.options.get("api-version"))
    }

    pub fn at(version: Option<&str>) -> Spelling {
        Spelling { first: versions::check(version, false).is_ok_and(|level| level == Level::V2_1) }
    }

    /// At 2.1 settings come with every state.
    pub fn always_expands(self) -> bool {
        self.first
    }

    fn time(self, at: Instant) -> String {
        let text = wall::written(at);
        if self.first { text } else { text + "Z" }
    }

    fn state(self, state: State) -> Value {
        if self.first { (state as i32).into() } else { state.name().into() }
    }
}

/// The members at top level and again under `data`: clients read either.
#[derive(Serialize)]
pub struct Both<'a, T> {
    #[serde(flatten)]
    top: &'a T,
    data: &'a T,
}

impl<'a, T> Both<'a, T> {
    pub fn of(members: &'a T) -> Both<'a, T> {
        Both { top: members, data: members }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkItem {
    id: i32,
    title: String,
    color: Option<String>,
    team_project: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    work_item_link: Option<String>,
    effort: Option<f64>,
    parent: Option<Box<WorkItem>>,
}

impl WorkItem {
    /// An item of `items`, with its parent.
    pub fn of(id: i32, items: &HashMap<i32, Item>) -> Option<WorkItem> {
        let item = items.get(&id)?;
        let parent = item.parent_id.and_then(|id| items.get(&id)).map(|parent| Box::new(WorkItem::alone(parent)));
        Some(WorkItem { parent, ..WorkItem::alone(item) })
    }

    fn alone(item: &Item) -> WorkItem {
        WorkItem {
            id: item.id,
            title: item.title.clone().unwrap_or_default(),
            color: None,
            team_project: item.project.clone(),
            kind: item.kind.clone(),
            work_item_link: None,
            effort: item.effort,
            parent: None,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActivityCheck {
    is_running: bool,
    seconds_left: i64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    tfs_id: Option<i32>,
    remark: Option<String>,
    activity_type_id: Option<String>,
    work_item: Option<WorkItem>,
    tracking_state: Value,
    stopped_track_type: i32,
    activity_check: ActivityCheck,
    current_track_length: Option<i64>,
    total_me_today_length: Option<i64>,
    total_me_length: Option<i64>,
    total_team_length: i64,
    track_adjustment_length: Option<i64>,
    current_track_started_date_time: Option<String>,
    track_status_change_date: Option<String>,
    track_time_zone: Option<i32>,
    work_log_id: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TrackSettings {
    is_tracking_start_allowed: bool,
    response_state: &'static str,
    response_message: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Expanded {
    activity_type: ActivityTypes,
    user_info: UserInfo,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActivityTypes {
    is_enabled: bool,
    default_activity: String,
    activity_types: Vec<Kind>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    id: String,
    color: String,
    name: String,
    is_default: bool,
    is_not_set: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserInfo {
    user_id: String,
    user_name: String,
    user_unique_name: String,
    encoded_image: Option<String>,
    application_version: &'static str,
    team_services_url: Option<String>,
    project_id: Option<String>,
}

/// The tracking state.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrackingState {
    track: Track,
    track_settings: TrackSettings,
    settings: Option<Expanded>,
    timestamp: i64,
}

/// What is said beside a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Nothing,
    Warning(String),
    Error(String),
}

/// Who asks, when and in which words.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub caller: &'a Caller,
    pub now: Instant,
    pub spelling: Spelling,
}

/// The state of somebody's timer.
pub fn tracking_state(
    conn: &mut impl AsConn,
    asked: Asked<'_>,
    timer: &Timer,
    said: Said,
    expand: bool,
) -> Result<TrackingState, Refusal> {
    let mut facts = Facts::read(conn)?;
    facts.load_people(conn, &[asked.caller.user_id], &[])?;
    let gone = || Refusal::not_found("person", asked.caller.user_guid);
    let person = facts.person(asked.caller.user_id).ok_or_else(gone)?;
    let (response_state, response_message) = match said {
        Said::Error(message) => ("Error", Some(message)),
        Said::Warning(message) => ("Warning", Some(message)),
        Said::Nothing => ended_by_server(timer),
    };
    Ok(TrackingState {
        track: track(conn, asked, timer, &facts.settings, person)?,
        track_settings: TrackSettings { is_tracking_start_allowed: true, response_state, response_message },
        settings: (expand || asked.spelling.always_expands()).then(|| expanded(&facts, person)),
        timestamp: timer.version,
    })
}

/// What the person should know of a run that the server ended.
fn ended_by_server(timer: &Timer) -> (&'static str, Option<String>) {
    if timer.state() != State::ClientInputRequired {
        return ("OK", None);
    }
    let why = match timer.stopped {
        n if n == Stopped::ByActivityCheck as i32 => "nobody answered the activity check",
        n if n == Stopped::ByMaxLength as i32 => "it ran for as long as the site allows",
        _ => "its person was locked out",
    };
    match timer.waiting_run() {
        None => ("Warning", Some(format!("The timer was stopped: {why}."))),
        Some((_, end)) => {
            let message = format!(
                "The timer was stopped at {}Z: {why}. A rule keeps it from being stored. Adjust it and stop again, or \
                 discard it.",
                wall::written(end)
            );
            ("Error", Some(message))
        }
    }
}

/// What a timer is about. Where nothing runs, all but the state and the last log is null.
pub fn track(
    conn: &mut impl AsConn,
    asked: Asked<'_>,
    timer: &Timer,
    settings: &Settings,
    person: &Person,
) -> Result<Track, DbError> {
    let Asked { now, spelling, .. } = asked;
    let items = read::items(conn, timer.work_item_id.as_slice())?;
    let today = wall::at_zone(now, &wall::zone(&person.time_zone)).day();
    let totals = match timer.work_item_id {
        Some(item) => Some(read::totals(conn, asked.caller, item, today)?),
        None => None,
    };
    let kinds = if timer.activity_type_id.is_some() { activity_types::list(conn)? } else { Vec::new() };
    let kind = kinds.iter().find(|kind| Some(kind.id) == timer.activity_type_id);
    let left = timer.checked_at.map(|asked| i64::from(settings.activity_check_wait) - (now.0 - asked.0) / 1_000_000);
    let changed = (timer.version > 0).then(|| spelling.time(timer.changed_at));
    Ok(Track {
        tfs_id: timer.work_item_id,
        remark: timer.comment.clone(),
        activity_type_id: kind.map(|kind| kind.guid.to_string()),
        work_item: timer.work_item_id.and_then(|id| WorkItem::of(id, &items)),
        tracking_state: spelling.state(timer.state()),
        stopped_track_type: timer.stopped,
        activity_check: ActivityCheck {
            is_running: timer.state() == State::ActivityCheck,
            seconds_left: left.map_or(0, |left| left.clamp(0, settings.activity_check_wait.into())),
        },
        current_track_length: timer.length(now),
        total_me_today_length: totals.map(|totals| totals.mine_today),
        total_me_length: totals.map(|totals| totals.mine),
        total_team_length: totals.map_or(0, |totals| totals.teams),
        track_adjustment_length: None,
        current_track_started_date_time: timer.started_at.map(|at| spelling.time(at)),
        track_status_change_date: changed,
        track_time_zone: timer.time_zone,
        work_log_id: timer.worklog_id.map(|id| id.to_string()),
    })
}

fn expanded(facts: &Facts, person: &Person) -> Expanded {
    let default = facts.default_type(person);
    let not_set = Kind {
        id: activity_types::NOT_SET.to_string(),
        color: activity_types::NOT_SET_COLOR.to_owned(),
        name: activity_types::NOT_SET_NAME.to_owned(),
        is_default: default.is_none(),
        is_not_set: true,
    };
    let kind = |kind: &ActivityType| Kind {
        id: kind.guid.to_string(),
        color: kind.color.clone().unwrap_or_else(|| activity_types::NOT_SET_COLOR.to_owned()),
        name: kind.name.clone(),
        is_default: Some(kind.id) == default,
        is_not_set: false,
    };
    let active = facts.types().iter().filter(|kind| kind.is_active).map(kind);
    let kinds: Vec<Kind> = std::iter::once(not_set).chain(active).collect();
    let default = kinds.iter().find(|kind| kind.is_default).map(|kind| kind.id.clone());
    Expanded {
        activity_type: ActivityTypes {
            is_enabled: facts.settings.activity_types_enabled,
            default_activity: default.unwrap_or_else(|| activity_types::NOT_SET.to_string()),
            activity_types: kinds,
        },
        user_info: UserInfo {
            user_id: person.guid.to_string(),
            user_name: person.name.clone(),
            user_unique_name: person.unique_name.clone(),
            encoded_image: None,
            application_version: env!("CARGO_PKG_VERSION"),
            team_services_url: None,
            project_id: None,
        },
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Latest {
    count: usize,
    work_logs: Vec<LatestLog>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LatestLog {
    id: String,
    remark: String,
    start_time: String,
    end_time: String,
    period_length: i32,
    activity_type_id: String,
    work_item: Option<WorkItem>,
}

/// The caller's logs, as clients that continue one want them.
pub fn latest(conn: &mut impl AsConn, asked: Asked<'_>, logs: &[Worklog]) -> Result<Latest, Refusal> {
    let person = people::by_ids(conn, &[asked.caller.user_id])?.remove(&asked.caller.user_id);
    let zone = person.map_or(jiff::tz::TimeZone::UTC, |person| wall::zone(&person.time_zone));
    let ids: Vec<i32> = logs.iter().filter_map(|log| log.work_item_id).collect();
    let items = read::items(conn, &ids)?;
    let kinds = activity_types::list(conn)?;
    let log = |log: &Worklog| {
        let start = wall::instant_of(log.started_at, &zone);
        let end = Instant(start.0.saturating_add(i64::from(log.length_seconds) * 1_000_000));
        let kind = kinds.iter().find(|kind| Some(kind.id) == log.activity_type_id);
        LatestLog {
            id: log.guid.to_string(),
            remark: log.comment.clone().unwrap_or_default(),
            start_time: asked.spelling.time(start),
            end_time: asked.spelling.time(end),
            period_length: log.length_seconds,
            activity_type_id: kind.map_or(activity_types::NOT_SET, |kind| kind.guid).to_string(),
            work_item: log.work_item_id.and_then(|id| WorkItem::of(id, &items)),
        }
    };
    Ok(Latest { count: logs.len(), work_logs: logs.iter().map(log).collect() })
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    query: String,
    count: usize,
    work_items: Vec<Found>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    group_name: &'static str,
    work_item: WorkItem,
}

/// Work items found, group by group.
pub fn search(conn: &mut impl AsConn, query: &str, groups: &[(&'static str, Vec<i32>)]) -> Result<Search, DbError> {
    let ids: Vec<i32> = groups.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    let items = read::items(conn, &ids)?;
    let found: Vec<Found> = groups
        .iter()
        .flat_map(|(group_name, ids)| ids.iter().map(move |id| (*group_name, *id)))
        .filter_map(|(group_name, id)| Some(Found { group_name, work_item: WorkItem::of(id, &items)? }))
        .collect();
    Ok(Search { query: query.to_owned(), count: found.len(), work_items: found })
}
