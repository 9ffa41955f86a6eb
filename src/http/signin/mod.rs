//! Who signed in without a token: on this connection by NTLM or Negotiate, by the word of a trusted proxy, in this browser.
//!
//! [`sign_in`] stands before every API and before the pages that are somebody's. In: a request. Out: the same request with a [`SignedIn`] for its reader, a step of a
//! handshake, or a refusal. A 401 leaves with what this server offers here, and after the request's body was read and
//! thrown away: else the connection would close, and the handshake with it (AU-32).

mod body;
mod handshake;
mod lines;
pub mod oidc;
mod origin;
mod passwords;
mod proxy;
mod query;
pub mod record;
mod relay;
pub mod session;
mod setup;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};

use super::address::{Address, Api};
use super::middleware::answered;
use super::problem::Problem;
use super::reader::ScopeMissing;
use super::{App, pages, public};
use crate::auth::{self, Credential, Presented, Refusal};
use body::Kept;
pub use oidc::{Browsers, Oidc};
pub(in crate::http) use origin::may_ride_along;
pub use passwords::Passwords;
pub use record::{Record, write_counts};
use setup::By;
pub use setup::{Windows, domains, limits, outgoing, vault};

/// The credential of a request that carries none itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedIn(pub Credential);

impl SignedIn {
    /// That of a request.
    pub(super) fn of(http: &HttpRequest) -> Option<Credential> {
        http.extensions().get::<SignedIn>().map(|SignedIn(credential)| *credential)
    }
}

/// What signing in came to.
enum Outcome {
    /// Whatever the request carries is for its reader to judge.
    Untouched,
    /// With the last token of a handshake, where one is due.
    SignedIn(i32, Option<HeaderValue>),
    /// By a cookie.
    Session(Box<session::Ambient>),
    /// By a token of the provider, which no browser sends by itself.
    Bearer(Credential),
    /// 401 with this one line: the handshake goes on.
    Continue(HeaderValue),
    Refused(Problem),
    /// Refused, and the connection has had its chances.
    RefusedAndClosed(Problem),
}

/// Before every API.
pub(super) async fn sign_in<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let api = Address::of(request.path()).map(|address| address.api);
    if api.is_none() && !pages::are_somebodys(request.path()) {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let app = App::of(request.request());
    let kept = Kept::take(&mut request);
    let taken = query::take(&mut request);
    let by_query = query::outcome(&app, request.request(), &taken);
    let is_by_query = by_query.is_some();
    let outcome = match by_query {
        Some(outcome) => outcome,
        None => outcome(&app, request.request()).await,
    };
    let (response, is_list) = match outcome {
        Outcome::Untouched => (next.call(request).await?.map_into_left_body(), true),
        Outcome::SignedIn(identity, token) => {
            request.extensions_mut().insert(SignedIn(Credential::Identity(identity)));
            let mut response = if origin::may_ride_along(&app, request.request()) {
                next.call(request).await?.map_into_left_body()
            } else {
                let problem = record::foreign_origin(&app, request.request(), identity).await;
                refused(request, problem, false)
            };
            let is_list = token.is_none();
            if let Some(token) = token {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, token);
            }
            (response, is_list)
        }
        Outcome::Session(session) => {
            request.extensions_mut().insert(SignedIn(session.admitted.credential));
            let mut response = match session.check(&app, request.request()).await {
                Ok(()) => next.call(request).await?.map_into_left_body(),
                Err(problem) => refused(request, problem, false),
            };
            if let Some(cookie) = &session.renewed {
                response.response_mut().add_cookie(cookie)?;
            }
            (response, true)
        }
        Outcome::Bearer(credential) => {
            request.extensions_mut().insert(SignedIn(credential));
            let mut response = next.call(request).await?.map_into_left_body();
            let lacks_scope = response.request().extensions().get::<ScopeMissing>().is_some();
            if response.status() == StatusCode::FORBIDDEN && lacks_scope {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, oidc::INSUFFICIENT);
            }
            (response, true)
        }
        Outcome::Continue(token) => {
            let response = HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, token)).finish();
            (request.into_response(response).map_into_right_body(), false)
        }
        Outcome::Refused(problem) => (refused(request, problem, false), true),
        Outcome::RefusedAndClosed(problem) => (refused(request, problem, true), true),
    };
    let mut response = response;
    if is_by_query {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok(response);
    }
    let mut response = match kept {
        Some(kept) => match kept.throw_away(limit(&app, api)).await {
            Ok(()) => response,
            Err(problem) => {
                let (request, _) = response.into_parts();
                let mut answer = answered(&request, problem);
                answer.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
                ServiceResponse::new(request, answer).map_into_right_body()
            }
        },
        None => response,
    };
    if is_list && response.status() == StatusCode::UNAUTHORIZED {
        if let Some(oidc) = app.oidc.as_ref().filter(|_| api.is_some()) {
            oidc.offer(&app, &mut response).await;
        }
        offer(&app, &mut response);
        spare_scripts(&mut response);
    }
    Ok(response)
}

fn refused<B>(request: ServiceRequest, problem: Problem, close: bool) -> ServiceResponse<EitherBody<B>> {
    let mut answer = answered(request.request(), problem);
    if close {
        answer.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    }
    request.into_response(answer).map_into_right_body()
}

/// Bytes of a body that a 401 swallows: what its API would take, and 8 MiB at most.
fn limit(app: &App, api: Option<Api>) -> usize {
    const MOST: usize = 8 * 1024 * 1024;
    match api {
        Some(Api::OData) => app.config.odata.max_body_bytes.min(MOST),
        _ => app.config.rest.max_body_bytes.min(MOST),
    }
}

/// Puts Windows sign-in before what a 401 offers, where it is offered: clients take the first that they know.
fn offer<B>(app: &App, response: &mut ServiceResponse<B>) {
    if offered(app, response.request()).is_none() {
        return;
    }
    let headers = response.headers_mut();
    let others: Vec<HeaderValue> = headers.remove(header::WWW_AUTHENTICATE).collect();
    let windows = ["Negotiate", "NTLM"].map(HeaderValue::from_static);
    for line in windows.into_iter().chain(others) {
        headers.append(header::WWW_AUTHENTICATE, line);
    }
}

/// A page of ours that is told of Basic would have its browser ask for a password, which nobody here has.
fn spare_scripts<B>(response: &mut ServiceResponse<B>) {
    let sent = |name: &str| response.request().headers().get(name).map(HeaderValue::as_bytes);
    if sent("sec-fetch-site") != Some(b"same-origin") || sent("sec-fetch-dest") != Some(b"empty") {
        return;
    }
    let headers = response.headers_mut();
    let lines: Vec<HeaderValue> = headers.remove(header::WWW_AUTHENTICATE).collect();
    for line in lines.into_iter().filter(|line| !line.as_bytes().starts_with(b"Basic")) {
        headers.append(header::WWW_AUTHENTICATE, line);
    }
}

/// Windows sign-in, where this request may use it: it is set up, the protocol has one client a connection, and no proxy
/// stands between that shares its connections (AU-31, AU-34).
fn offered<'a>(app: &'a App, http: &HttpRequest) -> Option<(&'a Windows, &'a By)> {
    let windows = app.windows.as_ref()?;
    let by = windows.by.as_ref()?;
    let peer = http.peer_addr().map(|peer| peer.ip());
    let is_pinned = peer.is_some_and(|peer| windows.pinned(peer));
    let is_shared = peer.is_some_and(|peer| app.trusts(peer))
        || ["via", "forwarded", "x-forwarded-for"].iter().any(|name| http.headers().contains_key(*name));
    (http.version() == actix_web::http::Version::HTTP_11 && (is_pinned || !is_shared)).then_some((windows, by))
}

/// AU-3: `Authorization` alone decides if it is there (or a token in the address, if that counts); then the proxy's header; then the connection; then the cookie.
async fn outcome(app: &App, http: &HttpRequest) -> Outcome {
    if let Some(first) = http.headers().get(header::AUTHORIZATION) {
        // Tokens are the reader's; only `NTLM` and `Negotiate` begin like this.
        if !first.as_bytes().trim_ascii_start().first().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'n')) {
            return oidc::outcome(app, http).await.unwrap_or(Outcome::Untouched);
        }
        let all = http.headers().get_all(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        return match auth::presented(all) {
            Ok(Presented::Handshake(scheme, token)) => match offered(app, http) {
                Some((windows, By::Claims(verifier))) => {
                    handshake::step(app, windows, verifier.as_ref(), http, scheme, &token).await
                }
                Some((windows, By::Tokens(helper))) => {
                    relay::Walk { app, windows, helper, http }.step(scheme, &token).await
                }
                None => Outcome::Refused(Refusal::Unknown.into()),
            },
            _ => Outcome::Untouched,
        };
    }
    if let Some(outcome) = proxy::outcome(app, http).await {
        return outcome;
    }
    let known = offered(app, http).and_then(|(windows, _)| {
        let connection = http.conn_data::<auth::ntlm::Connection>()?;
        connection.identity(app.clock.now(), windows.lifetime)
    });
    if let Some(identity) = known {
        return Outcome::SignedIn(identity, None);
    }
    match session::outcome(app, http).await {
        // A page sends the browser to the sign-in.
        Some(Err(problem)) if Address::of(http.path()).is_some() => Outcome::Refused(problem),
        Some(Ok(session)) => Outcome::Session(Box::new(session)),
        _ => Outcome::Untouched,
    }
}
