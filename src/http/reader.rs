//! The one who asks: a caller with the scope and the role that an address needs, within its share of running requests.
//!
//! In: the headers of a request and the address's [`Need`]. Out: [`Reader`], or 401, 403, 429. Before any body is read or query planned (AU-4).

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};

use super::App;
use super::middleware::{UserId, hold};
use super::problem::Problem;
use super::public::client_address;
use super::signin::SignedIn;
use crate::auth::sessions::Held;
use crate::auth::{self, Admitted, Credential, Presented, Refusal, Scopes, Used};
use crate::db::{Conn, DbError};
use crate::policy::{Caller, Duties, Role};

/// What an address asks of its callers.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub scope: Scopes,
    pub least: Role,
    /// Each of these is as good as the role.
    pub duties: Duties,
}

impl Need {
    /// Reports: any role but None.
    pub const REPORTS: Need = Need { scope: Scopes::REPORTS_READ, least: Role::Team, duties: Duties::NONE };

    /// AU-14: a scope narrows the role; role None has the door locked.
    fn check(self, admitted: &Admitted) -> Result<(), Refusal> {
        if self.fits(admitted) && admitted.scopes.admit(self.scope) { Ok(()) } else { Err(Refusal::Denied) }
    }

    fn fits(self, admitted: &Admitted) -> bool {
        admitted.caller.role >= self.least || admitted.caller.has(self.duties)
    }
}

/// The role would do, and the credential's scopes do not: what RFC 6750 §3.1 has a word for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScopeMissing;

/// A caller who may do what was asked. The first statement of every database job on its behalf is [`Reader::still_holds`].
#[derive(Clone, Debug)]
pub struct Reader {
    admitted: Admitted,
    need: Need,
    app: Data<App>,
}

impl Reader {
    pub fn caller(&self) -> &Caller {
        &self.admitted.caller
    }

    /// The browser's session, where it is one.
    pub fn session(&self) -> Option<&Held> {
        self.admitted.session.as_ref()
    }

    /// What the credential may be used for.
    pub fn scopes(&self) -> Scopes {
        self.admitted.scopes
    }

    /// AU-5: whether the credential still gives this caller, in the state that the job reads. Where it does not, the job
    /// ends without a row and the request goes on with [`Reader::again`], once.
    pub fn still_holds(&self, conn: &mut Conn) -> Result<bool, DbError> {
        Ok(self.app.fixed().is_some() || self.admitted.still_holds(conn, self.app.clock.now())?)
    }

    /// The same for an answer that needs no job: a document, or a refusal that would tell what the caller sees.
    pub async fn holds_now(&self) -> Result<bool, DbError> {
        let reader = self.clone();
        self.app.db.read(move |conn| reader.still_holds(conn)).await
    }

    /// The caller as it is now: with another role, or refused.
    pub async fn again(&self) -> Result<Reader, Problem> {
        self.app.door.forget(self.admitted.credential);
        let admitted = look_up(&self.app, self.admitted.credential).await?;
        self.need.check(&admitted)?;
        Ok(Reader { admitted, need: self.need, app: self.app.clone() })
    }

    /// The caller of a request, if it may do this.
    pub async fn admit(request: &HttpRequest, need: Need) -> Result<Reader, Problem> {
        admit(request, need).await
    }
}

impl FromRequest for Reader {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Reader, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { admit(&request, Need::REPORTS).await })
    }
}

async fn admit(request: &HttpRequest, need: Need) -> Result<Reader, Problem> {
    let app = App::of(request);
    let now = app.clock.now();
    let admitted = match app.fixed() {
        Some(admitted) => admitted.clone(),
        None => known(&app, credential(request)?, need).await?,
    };
    request.extensions_mut().insert(UserId(admitted.caller.user_id));
    if need.fits(&admitted) && !admitted.scopes.admit(need.scope) {
        request.extensions_mut().insert(ScopeMissing);
    }
    need.check(&admitted)?;
    app.door.count(&admitted, now).map_err(Problem::token_is_busy)?;
    let limit = app.concurrency.limit();
    let permit = app.concurrency.permit(admitted.caller.user_id).ok_or_else(|| Problem::too_many_requests(limit))?;
    hold(request, permit);
    let client = request.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let session = admitted.session.as_ref().map(|held| Used::Session(held.id));
    if let Some(used) = admitted.token_id.map(Used::Token).or(session) {
        let address = client_address(request).map(|address| address.to_string());
        app.door.used(used, now, address, client);
    }
    Ok(Reader { admitted, need, app })
}

/// That of the connection or a proxy, else that of the request's own headers.
fn credential(request: &HttpRequest) -> Result<Credential, Refusal> {
    if let Some(credential) = SignedIn::of(request) {
        return Ok(credential);
    }
    let values = request.headers().get_all(header::AUTHORIZATION).map(|value| value.as_bytes());
    match auth::presented(values)? {
        Presented::Credential(credential) => Ok(credential),
        // The handshake stands before every route that takes one.
        Presented::Handshake(..) => Err(Refusal::Unknown),
    }
}

/// Who the credential admits, as it was a moment ago or is now.
async fn known(app: &App, credential: Credential, need: Need) -> Result<Admitted, Problem> {
    if matches!(credential, Credential::Access(_)) && !app.pairs() {
        return Err(Refusal::Unknown.into());
    }
    // A caller who would be refused may have been let in since: only the database refuses.
    let recalled = app.door.recall(credential, app.clock.now()).filter(|admitted| need.check(admitted).is_ok());
    match recalled {
        Some(admitted) => Ok(admitted),
        None => look_up(app, credential).await,
    }
}

async fn look_up(app: &App, credential: Credential) -> Result<Admitted, Problem> {
    let clock = app.clock.clone();
    let found = app.db.read(move |conn| auth::lookup(conn, credential, clock.now())).await?;
    let admitted = found.ok_or(Refusal::Unknown)?;
    app.door.remember(&admitted, app.clock.now());
    Ok(admitted)
}
