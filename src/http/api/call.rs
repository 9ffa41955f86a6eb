//! A request on its way to its handler, what the handler wants done, and the answer.

use std::fmt;
use std::pin::Pin;

use actix_web::web::Data;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::options::Options;
use super::route::Route;
use super::shape::{Body, Shape};
use crate::auth::Scopes;
use crate::auth::audit::Entry;
use crate::auth::sessions::Held;
use crate::db::{Conn, Hold, Tx};
use crate::domain::changes::{Author, Origin};
use crate::domain::refusal::{Kind, Refusal};
use crate::entities::{self, ledger};
use crate::export::Export;
use crate::http::App;
use crate::odata::edm::{Field, Model};
use crate::odata::own::Asker;
use crate::policy::Caller;
use crate::sql::{Guid, Instant};

/// What a handler knows of its request.
#[derive(Clone, Debug)]
pub struct Call {
    pub(in crate::http) app: Data<App>,
    pub route: &'static Route,
    pub caller: Caller,
    /// Of the credential.
    pub scopes: Scopes,
    /// The browser's, where it is one.
    pub session: Option<Held>,
    /// From where it came.
    pub(super) address: Option<String>,
    /// Its id in the log.
    pub(super) request: Guid,
    pub now: Instant,
    /// The name of the organization that is asked.
    pub organization: Option<String>,
    pub options: Options,
    /// The values of the path's `{…}`, in their order.
    pub(super) values: Vec<String>,
    pub(super) body: Option<Value>,
    /// `If-Match`
    pub(super) expected: Option<String>,
}

impl Call {
    /// The n-th value of the path.
    pub fn value(&self, n: usize) -> &str {
        self.values.get(n).map_or("", String::as_str)
    }

    /// The n-th value of the path as an id of ours; what is no GUID is no row's.
    pub fn id(&self, n: usize, what: &str) -> Result<Guid, Refusal> {
        let text = self.value(n);
        Uuid::try_parse(text).map(Guid).map_err(|_| Refusal::not_found(what, text))
    }

    /// The body of the declared shape; an absent one is an empty object.
    pub fn body(&self) -> Result<Body, Refusal> {
        let Some(shape) = self.route.request else { return Ok(Body::default()) };
        match &self.body {
            Some(value) => Body::read(shape, value, ""),
            None => Ok(Body::default()),
        }
    }

    /// The body as an array of the declared shape.
    pub fn bodies(&self, most: usize) -> Result<Vec<Body>, Refusal> {
        let Some(Value::Array(members)) = &self.body else {
            return Err(Refusal::new(Kind::Malformed, "The body must be a JSON array."));
        };
        if members.len() > most {
            let message = format!("A batch has at most {most} items; this one has {}.", members.len());
            return Err(Refusal::new(Kind::TooLarge, message));
        }
        let shape: &Shape = self.route.request.unwrap_or(&EMPTY);
        members.iter().enumerate().map(|(n, member)| Body::read(shape, member, &format!("[{n}]"))).collect()
    }

    /// The body as it came.
    pub fn raw_body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// The caller as one who asks of our own model; `fields` are its custom fields.
    pub fn asker<'a>(&'a self, fields: &'a [Field]) -> Asker<'a> {
        let granted = entities::rights(self.caller.sees_budgets());
        Asker {
            model: Model { schema: &ledger::TIMELEDGER, version: ledger::V4_0, granted, fields },
            limits: &self.app.limits,
            viewer: &self.caller,
            me: self.caller.user_id.into(),
            now: self.now,
        }
    }

    /// A row of the audit on what this request does to its caller's or somebody's credentials.
    pub fn entry(&self, event: &'static str, target: String) -> Entry {
        Entry { event, target: Some(target), ..self.actor() }
    }

    /// Who does it, and by which request, for rows of the audit.
    pub fn actor(&self) -> Entry {
        Entry {
            credential: self.session.as_ref().map(|_| "session"),
            credential_id: self.session.as_ref().map(|held| held.id),
            address: self.address.clone(),
            request: Some(self.request),
            ..Entry::done("", self.caller.user_id, None)
        }
    }

    pub fn author(&self, origin: Origin) -> Author<'_> {
        Author::new(&self.caller, self.now, origin)
    }

    /// Whether the state that the client knows is that of now (`If-Match`).
    pub fn expects(&self, etag: &str) -> Result<(), Refusal> {
        let Some(expected) = &self.expected else { return Ok(()) };
        let known = expected.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
        if known.into_iter().any(|tag| tag == "*" || tag == etag) {
            return Ok(());
        }
        Err(Refusal::new(Kind::Changed, "Somebody changed it meanwhile. Read it again, then repeat your change."))
    }
}

impl Call {
    /// As [`Call::expects`], of a thing as it would be answered.
    pub fn expects_of(&self, current: &Answer) -> Result<(), Refusal> {
        self.expects(current.etag.as_deref().unwrap_or_default())
    }
}

static EMPTY: Shape = Shape { name: "Empty", members: &[] };

pub type Answered = Result<Answer, Refusal>;

/// The answer of somebody else, on its way.
pub type Asking = Pin<Box<dyn Future<Output = Answered>>>;

/// Makes an export ready.
pub type Make = Box<dyn FnMut(&mut Conn) -> Result<Export, Refusal> + Send>;

/// What is to be done in the database, in one transaction. A job may run several times.
pub enum Job {
    Read(Box<dyn FnMut(&mut Conn) -> Answered + Send>),
    Write(Hold, Box<dyn FnMut(&mut Tx<'_>) -> Answered + Send>),
    /// What it gives is written as it is read, in a job of its own.
    Export(Make),
    /// Asks somebody else over the network, outside of any transaction.
    Ask(Asking),
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Job::Read(_) => "Read",
            Job::Write(..) => "Write",
            Job::Export(_) => "Export",
            Job::Ask(_) => "Ask",
        })
    }
}

impl Job {
    /// A job that reads.
    pub fn read(job: impl FnMut(&mut Conn) -> Result<Answer, Refusal> + Send + 'static) -> Result<Job, Refusal> {
        Ok(Job::Read(Box::new(job)))
    }

    /// A job that makes a workbook.
    pub fn export(job: impl FnMut(&mut Conn) -> Result<Export, Refusal> + Send + 'static) -> Result<Job, Refusal> {
        Ok(Job::Export(Box::new(job)))
    }

    /// A job that asks somebody else.
    pub fn ask(asking: impl Future<Output = Answered> + 'static) -> Result<Job, Refusal> {
        Ok(Job::Ask(Box::pin(asking)))
    }

    /// A job that writes logs, beside others that do.
    pub fn write_logs(job: impl FnMut(&mut Tx<'_>) -> Answered + Send + 'static) -> Result<Job, Refusal> {
        Ok(Job::Write(Hold::Shared, Box::new(job)))
    }

    /// A job that writes what rules ask about, alone.
    pub fn write(job: impl FnMut(&mut Tx<'_>) -> Answered + Send + 'static) -> Result<Job, Refusal> {
        Ok(Job::Write(Hold::Exclusive, Box::new(job)))
    }
}

/// What goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// JSON, or nothing.
    pub body: String,
    pub etag: Option<String>,
    pub location: Option<String>,
    /// `Set-Cookie`
    pub cookie: Option<String>,
    /// Sent instead of the body.
    pub file: Option<Attachment>,
}

/// A file as an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub name: String,
    pub media_type: &'static str,
    pub content: Content,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Here(Vec<u8>),
    /// Among the files of jobs.
    Kept(Guid),
}

#[derive(Serialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Serialize)]
struct Items<T> {
    items: Vec<T>,
}

impl Answer {
    /// `{"data": …}`, which every REST route answers but one.
    pub fn data(data: impl Serialize) -> Result<Answer, Refusal> {
        Answer::bare(Envelope { data })
    }

    /// The thing itself.
    pub fn bare(data: impl Serialize) -> Result<Answer, Refusal> {
        let body = serde_json::to_string(&data)
            .map_err(|error| Refusal::from(crate::db::DbError::Other(format!("an answer: {error}"))))?;
        Ok(Answer { status: 200, body, etag: None, location: None, cookie: None, file: None })
    }

    /// A list.
    pub fn items(items: impl Iterator<Item = impl Serialize>) -> Result<Answer, Refusal> {
        Answer::bare(Items { items: items.collect() })
    }

    /// A thing that may be changed: its tag is that of its text.
    pub fn state(data: impl Serialize) -> Result<Answer, Refusal> {
        let answer = Answer::bare(data)?;
        let tag = etag(&answer.body);
        Ok(answer.tagged(tag))
    }

    /// 204.
    pub fn nothing() -> Answer {
        Answer { status: 204, body: String::new(), etag: None, location: None, cookie: None, file: None }
    }

    pub fn tagged(self, etag: String) -> Answer {
        Answer { etag: Some(etag), ..self }
    }

    /// 202: somebody does it, and tells at this address how far it is.
    pub fn accepted(self, location: String) -> Answer {
        Answer { status: 202, location: Some(location), ..self }
    }

    /// With a cookie for the browser that asks.
    pub fn with_cookie(self, cookie: String) -> Answer {
        Answer { cookie: Some(cookie), ..self }
    }

    pub fn file(file: Attachment) -> Answer {
        Answer { status: 200, file: Some(file), ..Answer::nothing() }
    }

    pub fn created(self, location: String) -> Answer {
        Answer { status: 201, location: Some(location), ..self }
    }
}

/// The ETag of a state, whatever text tells one state from another.
pub fn etag(state: &str) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(state.as_bytes());
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}
