//! `/api/v1/imports` and `/api/v1/import-profiles`: files in, as jobs; how they are to be read; and back out again.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::XLSX;
use super::jobs::{of_path, shown};
use super::objects::Undone;
use crate::auth::audit::{self, Entry};
use crate::db::{AsConn, DbError};
use crate::domain::changes::{Author, Origin};
use crate::domain::jobs::{Job as Row, queue};
use crate::domain::refusal::{Kind, Refusal};
use crate::domain::{imports, worklogs};
use crate::http::api::shape::Type::{Json, Text};
use crate::http::api::shape::{Shape, member};
use crate::http::api::{Answer, Attachment, Call, Content, Job, Uploaded};
use crate::import::job::{KIND, Order};
use crate::import::profile::Profile;
use crate::import::template;
use crate::sql::Guid;

pub static PROFILE: Shape = Shape {
    name: "ImportProfile",
    members: &[member("name", Text, ""), member("profile", Json, "See docs/import.md, Mapping profiles.")],
};

/// What a file is to be read by: the members of the profile.
pub static PROFILE_BODY: Shape = Shape { name: "ImportProfileBody", members: &[] };

#[derive(Clone, Debug, Serialize)]
struct ProfileObject {
    name: String,
    profile: Value,
}

/// Letters of a profile's name.
const LONGEST_NAME: usize = 100;
/// Bytes of a profile.
const LONGEST_PROFILE: usize = 64 * 1024;
/// Profiles of one person.
const MOST_PROFILES: usize = 100;

/// Takes a file and orders its import.
pub fn create(call: &Arc<Call>) -> Result<Job, Refusal> {
    let sent = Uploaded::of(call)?;
    let (dry_run, only_good) = (call.options.bool("dryRun")?, call.options.bool("onlyGood")?);
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let profile = match call.options.get("map") {
            Some(name) => named(tx, call.caller.user_id, name)?,
            None => Profile::default(),
        };
        let sent = sent.clone();
        let order = Order { file_name: sent.name, dry_run, only_good, profile, bytes: sent.bytes, digest: sent.digest };
        let payload = serde_json::to_string(&order).map_err(|error| DbError::Other(format!("an order: {error}")))?;
        let mut job = Row::new(KIND, payload, call.caller.user_id, call.now);
        job.upload_id = Some(Guid(sent.file_id));
        queue::add(tx, &job)?;
        audit::write(tx, &Entry::done("import", call.caller.user_id, Some(job.id.to_string())), call.now)?;
        let location = format!("/api/v1/jobs/{}", job.id);
        Ok(shown(tx, job)?.accepted(location))
    })
}

fn named(conn: &mut impl AsConn, user_id: i32, name: &str) -> Result<Profile, Refusal> {
    let unknown = || Refusal::malformed("map", format!("You have no mapping profile {name}."));
    let text = imports::profile(conn, user_id, name)?.ok_or_else(unknown)?;
    Ok(Profile::from_json(&text).map_err(|error| DbError::Other(format!("import_profiles.profile: {error}")))?)
}

/// Takes all that an import did back, while none of its weeks is approved.
pub fn undo(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::write(move |tx| {
        let id = call.id(0, "import")?;
        let job = of_path(tx, &call).ok().filter(|job| job.kind == KIND);
        let job = job.ok_or_else(|| Refusal::not_found("import", id))?;
        let by = Author::new(&call.caller, call.now, Origin::Undo);
        match worklogs::undo(tx, &by, job.id) {
            Ok(worklogs) => Answer::bare(Undone { worklogs }),
            Err(Refusal { kind: Kind::NotFound, .. }) => {
                Err(Refusal::new(Kind::Conflict, "The import has written nothing that could be undone."))
            }
            Err(refusal) => Err(refusal),
        }
    })
}

/// The workbook to fill in.
pub fn template(_: &Arc<Call>) -> Result<Job, Refusal> {
    Job::read(|_| {
        let book = template::workbook().map_err(|error| DbError::Other(format!("the template: {error}")))?;
        let name = template::FILE_NAME.to_owned();
        Ok(Answer::file(Attachment { name, media_type: XLSX, content: Content::Here(book) }))
    })
}

pub fn profiles(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::read(move |conn| {
        let profiles = imports::profiles(conn, call.caller.user_id)?.into_iter();
        Answer::items(
            profiles
                .map(|(name, text)| ProfileObject { name, profile: serde_json::from_str(&text).unwrap_or_default() }),
        )
    })
}

/// Keeps a profile under the name of the path.
pub fn keep_profile(call: &Arc<Call>) -> Result<Job, Refusal> {
    let name = call.value(0).trim().to_owned();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let message = format!("The name of a profile has 1 to {LONGEST_NAME} letters.");
        return Err(Refusal::malformed("name", message));
    }
    let text = call.raw_body().map(Value::to_string).unwrap_or_default();
    if text.len() > LONGEST_PROFILE {
        return Err(Refusal::malformed("profile", format!("A profile has at most {LONGEST_PROFILE} bytes.")));
    }
    let profile = Profile::from_json(&text).map_err(|error| Refusal::new(Kind::Malformed, format!("{error}.")))?;
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        let me = call.caller.user_id;
        let there = imports::profiles(tx, me)?;
        if there.len() >= MOST_PROFILES && there.iter().all(|(other, _)| *other != name) {
            return Err(Refusal::new(Kind::Conflict, format!("You have {MOST_PROFILES} profiles. Delete one.")));
        }
        let profile = serde_json::to_value(&profile).map_err(|error| DbError::Other(format!("a profile: {error}")))?;
        imports::keep_profile(tx, me, &name, &profile.to_string(), call.now)?;
        Answer::bare(ProfileObject { name: name.clone(), profile })
    })
}

pub fn drop_profile(call: &Arc<Call>) -> Result<Job, Refusal> {
    let call = Arc::clone(call);
    Job::write_logs(move |tx| {
        imports::drop_profile(tx, call.caller.user_id, call.value(0).trim())?;
        Ok(Answer::nothing())
    })
}
