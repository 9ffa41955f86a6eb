//! `/api/v1/notices`: what the server has told the caller, and how the caller wants to be told (UX-71).

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::objects::utc;
use crate::db::AsConn;
use crate::domain::notices::Kind;
use crate::domain::notices::read::{self, Told};
use crate::domain::notices::settings::{self, Quiet, Settings};
use crate::domain::notices::texts::text;
use crate::domain::people;
use crate::domain::refusal::Refusal;
use crate::http::api::shape::Type::{Bool, Guid, Instant, Int, Json, Object, Text};
use crate::http::api::shape::{Body, Member, Shape, member};
use crate::http::api::{Answer, Call, Job};

pub static NOTICE: Shape = Shape {
    name: "Notice",
    members: &[
        member("id", Guid, ""),
        member("kind", Text, "As in the settings of notices."),
        member("subject", Text, "One line."),
        member("text", Text, "What happened and what to do; an empty line stands between paragraphs."),
        member("facts", Json, "What the text is made of."),
        member("createdAt", Instant, ""),
        member("readAt", Instant, ""),
    ],
};

pub static UNREAD: Shape = Shape { name: "UnreadNotices", members: &[member("unread", Int, "")] };

static KINDS: Shape = Shape { name: "NoticeKinds", members: &KIND_MEMBERS };

const KIND_MEMBERS: [Member; Kind::ALL.len()] = [
    member("tokenExpires", Bool, "An API token ends: 14, 3 and 0 days before."),
    member("credentialExpires", Bool, "What the site signs in with elsewhere ends."),
    member("credentialFailed", Bool, "What the site signs in with elsewhere is refused."),
    member("grantReused", Bool, "A refresh token of a paired client came twice."),
    member("guessed", Bool, "Sign-ins with the person's account fail many times an hour."),
];

pub static SETTINGS: Shape = Shape {
    name: "NoticeSettings",
    members: &[
        member("mail", Object(&KINDS), "Whether mails of a kind are sent."),
        member("quietFrom", Text, "No mails from this time of the day on, such as 22:00; they come later."),
        member("quietTo", Text, "And before this one, such as 07:00."),
        member("timeZone", Text, "Whose hours these are; changed at the person."),
        member("address", Text, "Where mails go; null: nowhere."),
    ],
};

pub static SETTINGS_BODY: Shape = Shape {
    name: "NoticeSettingsBody",
    members: &[
        member("mail", Object(&KINDS), "Kinds that are left out stay as they are."),
        member("quietFrom", Text, "Null, as quietTo: at any hour."),
        member("quietTo", Text, ""),
    ],
};

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct NoticeObject {
    id: String,
    kind: &'static str,
    subject: String,
    text: String,
    facts: Map<String, Value>,
    created_at: String,
    read_at: Option<String>,
}

impl From<Told> for NoticeObject {
    fn from(told: Told) -> NoticeObject {
        let said = text(told.kind, &told.facts, told.at);
        NoticeObject {
            id: told.id.to_string(),
            kind: told.kind.name(),
            subject: said.subject,
            text: said.body.join("\n\n"),
            facts: told.facts,
            created_at: utc(told.at),
            read_at: told.read_at.map(utc),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingsObject {
    mail: Map<String, Value>,
    quiet_from: Option<String>,
    quiet_to: Option<String>,
    time_zone: String,
    address: Option<String>,
}

pub fn list(call: &Arc<Call>) -> Result<Job, Refusal> {
    let (skip, count) = call.options.page()?;
    let user_id = call.caller.user_id;
    Job::read(move |conn| Answer::items(read::list(conn, user_id, skip, count)?.into_iter().map(NoticeObject::from)))
}

pub fn unread(call: &Arc<Call>) -> Result<Job, Refusal> {
    let user_id = call.caller.user_id;
    Job::read(move |conn| Answer::bare(serde_json::json!({"unread": read::unread(conn, user_id)?})))
}

pub fn mark_read(call: &Arc<Call>) -> Result<Job, Refusal> {
    let id = call.id(0, "notice")?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let told = read::mark_read(tx, call.caller.user_id, id, call.now)?;
        Answer::bare(NoticeObject::from(told.ok_or_else(|| Refusal::not_found("notice", id))?))
    })
}

pub fn mark_all_read(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        read::mark_all_read(tx, call.caller.user_id, call.now)?;
        Ok(Answer::nothing())
    })
}

pub fn settings(call: &Arc<Call>) -> Result<Job, Refusal> {
    let user_id = call.caller.user_id;
    Job::read(move |conn| shown(conn, user_id))
}

pub fn change(call: &Arc<Call>) -> Result<Job, Refusal> {
    let body = call.body()?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let user_id = call.caller.user_id;
        settings::hold(tx, call.caller.user_guid)?;
        call.expects_of(&shown(tx, user_id)?)?;
        let mut settings = Settings::read(tx, user_id)?;
        for (kind, wanted) in Kind::ALL.into_iter().filter_map(|kind| Some((kind, wanted(&body, kind)?))) {
            settings.set_mails(kind, wanted);
        }
        settings.quiet = quiet(&body, settings.quiet)?;
        settings.write(tx, user_id, call.now)?;
        shown(tx, user_id)
    })
}

fn wanted(body: &Body, kind: Kind) -> Option<bool> {
    body.object("mail")?.bool(kind.name())
}

/// Quiet hours as they are to be; both ends, or none.
fn quiet(body: &Body, before: Option<Quiet>) -> Result<Option<Quiet>, Refusal> {
    let end = |name: &str, before: Option<i32>| match (body.has(name), body.text(name)) {
        (false, _) => Ok(before),
        (true, None) => Ok(None),
        (true, Some(text)) => minute(name, text).map(Some),
    };
    let from = end("quietFrom", before.map(|quiet| quiet.from))?;
    let to = end("quietTo", before.map(|quiet| quiet.to))?;
    match (from, to) {
        (Some(from), Some(to)) if from == to => {
            Err(Refusal::malformed("quietTo", "quietTo must be another time than quietFrom."))
        }
        (Some(from), Some(to)) => Ok(Some(Quiet { from, to })),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Refusal::malformed("quietFrom", "quietFrom and quietTo belong together; send both.")),
        (Some(_), None) => Err(Refusal::malformed("quietTo", "quietFrom and quietTo belong together; send both.")),
    }
}

/// The minute of the day that `22:30` names.
fn minute(name: &str, text: &str) -> Result<i32, Refusal> {
    let wrong = || Refusal::malformed(name, format!("{name} must be a time of the day such as 22:30."));
    let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, below: i32| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|number| digits && *number < below)
    };
    Ok(number(hour, 24).ok_or_else(wrong)? * 60 + number(minute, 60).ok_or_else(wrong)?)
}

fn shown(conn: &mut impl AsConn, user_id: i32) -> Result<Answer, Refusal> {
    let settings = Settings::read(conn, user_id)?;
    let person = people::by_ids(conn, &[user_id])?.remove(&user_id);
    let person = person.ok_or_else(|| Refusal::not_found("person", user_id))?;
    let clock = |minute: i32| format!("{:02}:{:02}", minute / 60, minute % 60);
    Answer::state(SettingsObject {
        mail: Kind::ALL.into_iter().map(|kind| (kind.name().to_owned(), settings.mails(kind).into())).collect(),
        quiet_from: settings.quiet.map(|quiet| clock(quiet.from)),
        quiet_to: settings.quiet.map(|quiet| clock(quiet.to)),
        time_zone: person.time_zone,
        address: person.email,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_set() {
        assert_eq!(KIND_MEMBERS.map(|member| member.name), Kind::ALL.map(Kind::name));
    }
}
