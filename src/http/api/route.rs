//! The declaration of a route, and the finding of one.

use std::sync::Arc;

use super::call::{Call, Job};
use super::shape::Shape;
use crate::auth::Scopes;
use crate::domain::refusal::Refusal;
use crate::http::address::Api;
use crate::http::reader::Need;
use crate::http::{rest, tracking, v1};
use crate::policy::{Duties, Role};

/// Methods that routes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }

    /// The verb of a method; HEAD is answered as GET.
    pub fn of(method: &str) -> Option<Verb> {
        let verb = [Verb::Get, Verb::Post, Verb::Put, Verb::Patch, Verb::Delete]
            .into_iter()
            .find(|verb| verb.name() == method);
        verb.or((method == "HEAD").then_some(Verb::Get))
    }
}

/// Reads what was sent, and gives what is to be done in the database.
pub type Prepare = fn(&Arc<Call>) -> Result<Job, Refusal>;

/// An address with a method.
#[derive(Debug)]
pub struct Route {
    pub verb: Verb,
    pub api: Api,
    /// Below the API's root: `workLogs/{id}`.
    pub path: &'static str,
    /// In a few words, for the description of the API.
    pub summary: &'static str,
    pub least: Role,
    /// Each of these is as good as the least role.
    pub duties: Duties,
    pub scope: Scopes,
    /// Query options that it reads; others are ignored.
    pub options: &'static [&'static str],
    /// The body; an array of them where `many` says so.
    pub request: Option<&'static Shape>,
    pub many: bool,
    /// The body is any JSON value; what is no JSON counts as a text.
    pub takes_text: bool,
    /// The body is a file, which is kept in pieces before the handler hears of it.
    pub takes_file: bool,
    /// The answer is a file.
    pub gives_file: bool,
    /// The answer holds a secret, so that it is not kept for an idempotency key.
    pub gives_secret: bool,
    /// A browser's person must have signed in a moment ago (AU-74).
    pub recent: bool,
    /// What stands in `data`, or each member of it where it is a list.
    pub answer: Option<&'static Shape>,
    /// The answer is a list.
    pub gives_many: bool,
    pub prepare: Prepare,
}

impl Route {
    const fn new(verb: Verb, api: Api, path: &'static str, prepare: Prepare) -> Route {
        let scope = match verb {
            Verb::Get => Scopes::REPORTS_READ,
            _ => Scopes::TIME_WRITE,
        };
        Route {
            verb,
            api,
            path,
            summary: "",
            least: Role::Team,
            duties: Duties::NONE,
            scope,
            options: &[],
            request: None,
            many: false,
            takes_text: false,
            takes_file: false,
            gives_file: false,
            gives_secret: false,
            recent: false,
            answer: None,
            gives_many: false,
            prepare,
        }
    }

    pub const fn rest(verb: Verb, path: &'static str, prepare: Prepare) -> Route {
        Route::new(verb, Api::Rest, path, prepare)
    }

    pub const fn v1(verb: Verb, path: &'static str, prepare: Prepare) -> Route {
        Route::new(verb, Api::V1, path, prepare)
    }

    pub const fn tracking(verb: Verb, path: &'static str, prepare: Prepare) -> Route {
        Route::new(verb, Api::Tracking, path, prepare)
    }

    pub const fn about(self, summary: &'static str) -> Route {
        Route { summary, ..self }
    }

    pub const fn for_role(self, least: Role) -> Route {
        Route { least, ..self }
    }

    pub const fn or_duty(self, duties: Duties) -> Route {
        Route { duties, ..self }
    }

    pub const fn scope(self, scope: Scopes) -> Route {
        Route { scope, ..self }
    }

    pub const fn options(self, options: &'static [&'static str]) -> Route {
        Route { options, ..self }
    }

    pub const fn takes(self, request: &'static Shape) -> Route {
        Route { request: Some(request), ..self }
    }

    pub const fn takes_many(self, request: &'static Shape) -> Route {
        Route { request: Some(request), many: true, ..self }
    }

    pub const fn takes_text(self) -> Route {
        Route { takes_text: true, ..self }
    }

    pub const fn takes_file(self) -> Route {
        Route { takes_file: true, ..self }
    }

    pub const fn gives_file(self) -> Route {
        Route { gives_file: true, ..self }
    }

    pub const fn gives_secret(self) -> Route {
        Route { gives_secret: true, ..self }
    }

    pub const fn for_the_recent(self) -> Route {
        Route { recent: true, ..self }
    }

    pub const fn gives(self, answer: &'static Shape) -> Route {
        Route { answer: Some(answer), ..self }
    }

    pub const fn gives_list_of(self, answer: &'static Shape) -> Route {
        Route { answer: Some(answer), gives_many: true, ..self }
    }

    pub(in crate::http) fn need(&self) -> Need {
        Need { scope: self.scope, least: self.least, duties: self.duties }
    }

    /// Its name in logs and figures, and that of its idempotency keys.
    pub fn pattern(&self) -> String {
        format!("/api/{}/{}", self.api.name(), self.path)
    }

    /// The values of its `{…}`, if the path is its.
    fn matches(&self, segments: &[String]) -> Option<Vec<String>> {
        let mut values = Vec::new();
        let mut pattern = self.path.split('/');
        for segment in segments {
            match pattern.next()? {
                open if open.starts_with('{') => values.push(segment.clone()),
                word if word.eq_ignore_ascii_case(segment) => {}
                _ => return None,
            }
        }
        pattern.next().is_none().then_some(values)
    }
}

/// Every route, in the order in which they are tried: a word before a `{…}` in its place.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    rest::ROUTES.iter().chain(tracking::ROUTES).chain(v1::ROUTES)
}

/// What lies at a path.
pub(super) enum Found {
    Route(&'static Route, Vec<String>),
    /// Something, with these methods.
    OtherMethods(Vec<Verb>),
    Nothing,
}

/// The route of a path and a method. Words match in any letter case; a slash at the end is none.
pub(super) fn find(api: Api, path: &str, verb: Option<Verb>) -> Found {
    let decoded = |segment: &str| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned();
    let segments: Vec<String> = path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect();
    let mut others = Vec::new();
    for route in routes().filter(|route| route.api == api) {
        let Some(values) = route.matches(&segments) else { continue };
        if Some(route.verb) == verb {
            return Found::Route(route, values);
        }
        others.push(route.verb);
    }
    if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
}
