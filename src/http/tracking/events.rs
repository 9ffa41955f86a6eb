//! Server-sent events: each state of a person's timer, to all of the person's clients (contract §5).
//!
//! In: `GET /api/tracking/client/events`. Out: an event for the state that is, and for each that comes; a comment as a
//! heartbeat. A server asks the database twice a second, with one statement for all who listen, whether a timer has a newer
//! version: so it does not matter which server changed it. The credential is asked for again with every event and every
//! heartbeat; the stream of one that is revoked ends. Beside it stands what the server does with timers by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::rt::time::{sleep, timeout};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};
use tokio::sync::watch;

use super::objects::{self, Asked, Both, Said, Spelling};
use crate::auth::Scopes;
use crate::db::{DbError, Hold};
use crate::domain::refusal::Refusal;
use crate::domain::timers::{self, due};
use crate::http::address::{Address, Api};
use crate::http::api::options::Options;
use crate::http::middleware::RoutePattern;
use crate::http::reader::Need;
use crate::http::rest::versions;
use crate::http::{App, Problem, Reader};
use crate::policy::{Duties, Role};

/// Streams that one person may have open on one server.
const STREAMS_A_PERSON: usize = 8;
const LOOK_EVERY: Duration = Duration::from_millis(500);
const ACT_EVERY: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_secs(15);
const PATTERN: &str = "/api/tracking/client/events";

/// Who listens, and the newest version of each timer that they were told of. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Listeners(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    closed: bool,
    people: HashMap<i32, (watch::Sender<i64>, usize)>,
}

/// A place among the listeners, kept as long as it lives.
#[derive(Debug)]
struct Place {
    user_id: i32,
    news: watch::Receiver<i64>,
    listeners: Listeners,
}

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A place for one more stream, unless the person has its share, or the server ends.
    fn join(&self, user_id: i32) -> Option<Place> {
        let mut open = self.lock();
        if open.closed {
            return None;
        }
        let (sender, count) = open.people.entry(user_id).or_insert_with(|| (watch::Sender::new(-1), 0));
        if *count >= STREAMS_A_PERSON {
            return None;
        }
        *count += 1;
        let news = sender.subscribe();
        Some(Place { user_id, news, listeners: self.clone() })
    }

    /// Ends every stream, and lets no more begin.
    pub fn close(&self) {
        let mut open = self.lock();
        open.closed = true;
        open.people.clear();
    }

    fn people(&self) -> Vec<i32> {
        self.lock().people.keys().copied().collect()
    }

    fn tell(&self, versions: &[(i32, i64)]) {
        let open = self.lock();
        for (user_id, version) in versions {
            if let Some((sender, _)) = open.people.get(user_id) {
                sender.send_if_modified(|known| std::mem::replace(known, *version) != *version);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.listeners.lock();
        if let Some((_, count)) = open.people.get_mut(&self.user_id) {
            *count -= 1;
            if *count == 0 {
                open.people.remove(&self.user_id);
            }
        }
    }
}

/// Looks for newer versions of the timers of those who listen, until it is aborted.
pub async fn tell_listeners(app: Data<App>) {
    loop {
        sleep(LOOK_EVERY).await;
        let people = app.listeners.people();
        if people.is_empty() {
            continue;
        }
        let found: Result<_, DbError> = app.db.read(move |conn| timers::versions(conn, &people)).await;
        match found {
            Ok(versions) => app.listeners.tell(&versions),
            Err(error) => tracing::warn!(cause = %error, "timers could not be looked at for those who listen"),
        }
    }
}

/// Asks and ends what is due, until it is aborted.
pub async fn act_on_due_timers(app: Data<App>) {
    loop {
        sleep(ACT_EVERY).await;
        let now = app.clock.now();
        let found: Result<_, DbError> = app.db.read(move |conn| due::due(conn, now)).await;
        match found {
            Ok(people) => {
                for user_id in people {
                    act(&app, user_id).await;
                }
            }
            Err(error) => tracing::warn!(cause = %error, "due timers could not be looked for"),
        }
    }
}

async fn act(app: &App, user_id: i32) {
    let now = app.clock.now();
    let acted: Result<bool, Refusal> = app
        .db
        .write(move |tx| {
            tx.hold(Hold::Shared)?;
            due::act(tx, user_id, now)
        })
        .await;
    if let Err(refusal) = acted {
        // It is due still, and the next look finds it.
        tracing::warn!(user = user_id, cause = %refusal, "a due timer could not be acted on");
    }
}

/// The address of the stream, before the table of routes.
pub fn configure(config: &mut ServiceConfig) {
    let ours = |context: &guard::GuardContext<'_>| {
        let address = Address::of(context.head().uri.path());
        let is_events = |rest: &str| rest.trim_end_matches('/').eq_ignore_ascii_case("/client/events");
        address.is_some_and(|address| address.api == Api::Tracking && is_events(address.rest))
    };
    let not_allowed = || async { Err::<HttpResponse, _>(Problem::method_not_allowed("GET")) };
    config.service(
        web::resource("/{api:(?i:api)}/{rest:.*}")
            .guard(guard::fn_guard(ours))
            .route(web::get().to(events))
            .default_service(web::to(not_allowed)),
    );
}

/// A stream that is open.
struct Stream {
    place: Place,
    reader: Reader,
    app: Data<App>,
    spelling: Spelling,
    expand: bool,
    /// The version that the client has; none before the first event.
    sent: Option<i64>,
}

async fn events(http: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    RoutePattern::set(&http, PATTERN);
    let address = Address::of(http.path()).ok_or_else(Problem::not_found)?;
    if !address.collection_is_known(&app.config.server.organizations) {
        return Err(Problem::not_found());
    }
    let options = Options::parse(http.query_string());
    versions::check(options.get("api-version"), app.config.rest.strict_api_version)?;
    let need = Need { scope: Scopes::REPORTS_READ, least: Role::Team, duties: Duties::NONE };
    let reader = Reader::admit(&http, need).await?;
    let full = || {
        let message = format!("You have {STREAMS_A_PERSON} streams of events open, which is the limit. Close one.");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "QuoteExceededError", message)
    };
    let place = app.listeners.join(reader.caller().user_id).ok_or_else(full)?;
    let spelling = Spelling::at(options.get("api-version"));
    let stream = Stream { place, reader, app, spelling, expand: options.bool("expand")?, sent: None };
    let events = futures_util::stream::unfold(stream, |mut stream| async move {
        let event = stream.next().await?;
        Some((Ok::<_, actix_web::Error>(event), stream))
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream; charset=utf-8"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // An event must not wait in a compressor.
        .insert_header((header::CONTENT_ENCODING, "identity"))
        // Nor in a proxy.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events))
}

impl Stream {
    /// The next event or heartbeat; none: the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        let mut beats = self.sent.is_none();
        loop {
            if !beats {
                match timeout(HEARTBEAT, self.place.news.changed()).await {
                    Ok(Ok(())) => {}
                    // The server ends.
                    Ok(Err(_)) => return None,
                    Err(_) => beats = true,
                }
            }
            self.place.news.borrow_and_update();
            let (version, state) = self.state().await?;
            if self.sent.is_none_or(|sent| version > sent) {
                self.sent = Some(version);
                return Some(Bytes::from(format!("id: {version}\nevent: state\ndata: {state}\n\n")));
            }
            if beats {
                return Some(Bytes::from_static(b": heartbeat\n\n"));
            }
        }
    }

    /// The timer as it is now, for as long as its person may see it.
    async fn state(&mut self) -> Option<(i64, String)> {
        let (reader, now, spelling, expand) = (self.reader.clone(), self.app.clock.now(), self.spelling, self.expand);
        let found: Result<Option<(i64, String)>, Refusal> = self
            .app
            .db
            .read(move |conn| {
                if !reader.still_holds(conn)? {
                    return Ok(None);
                }
                let timer = timers::find(conn, reader.caller().user_id)?;
                let asked = Asked { caller: reader.caller(), now, spelling };
                let state = objects::tracking_state(conn, asked, &timer, Said::Nothing, expand)?;
                let text = serde_json::to_string(&Both::of(&state));
                let text = text.map_err(|error| DbError::Other(format!("a state: {error}")))?;
                Ok(Some((timer.version, text)))
            })
            .await;
        found.unwrap_or_else(|refusal| {
            tracing::warn!(cause = %refusal, "a stream of events ends");
            None
        })
    }
}
