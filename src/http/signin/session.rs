//! A browser's cookie (AU-72, AU-73): whose it is, whether it may change something, and the next one where rights changed.

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{self, HeaderValue};

use super::{Problem, origin, public, record};
use crate::auth::sessions::{self, Held};
use crate::auth::{self, Admitted, Credential, Digest, Refusal, secret};
use crate::db::{DbError, Hold};
use crate::http::App;

/// Where a page says that it is one of ours.
const CSRF_HEADER: &str = "x-csrf-token";

/// The names of a cookie: where browsers hold it to https, and where there is none.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    secure: &'static str,
    plain: &'static str,
}

/// Whoever signed in.
pub const SESSION: Named = Named { secure: "__Host-tl_session", plain: "tl_session" };
/// A browser that is at the OpenID provider.
pub const LOGIN: Named = Named { secure: "__Host-tl_login", plain: "tl_login" };

/// A browser that is at Entra ID, for a connection.
pub const CONNECT: Named = Named { secure: "__Host-tl_connect", plain: "tl_connect" };

impl Named {
    fn of(self, http: &HttpRequest) -> &'static str {
        if is_secure(http) { self.secure } else { self.plain }
    }

    /// What the browser keeps under it.
    pub fn read(self, http: &HttpRequest) -> Option<String> {
        self.values(http).next()
    }

    /// The same, where others of this host set cookies of that name, too. What they set beside it does not matter.
    fn values(self, http: &HttpRequest) -> impl Iterator<Item = String> {
        const MOST: usize = 4;
        let name = self.of(http);
        let lines = http.headers().get_all(header::COOKIE).map(HeaderValue::as_bytes);
        let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
        let value = move |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).ok()?.trim();
            let (found, value) = pair.split_once('=')?;
            (found == name).then(|| value.to_owned())
        };
        pairs.filter_map(value).take(MOST)
    }

    /// To be kept until the browser closes; the server knows when it ends.
    pub fn set(self, http: &HttpRequest, value: &str) -> Cookie<'static> {
        self.set_where(is_secure(http), value)
    }

    /// The same, for whoever knows how the site is reached.
    pub fn set_where(self, is_secure: bool, value: &str) -> Cookie<'static> {
        let name = if is_secure { self.secure } else { self.plain };
        Cookie::build(name, value.to_owned())
            .path("/")
            .secure(is_secure)
            .http_only(true)
            .same_site(SameSite::Lax)
            .finish()
    }

    /// To be forgotten.
    pub fn gone(self, http: &HttpRequest) -> Cookie<'static> {
        let mut cookie = self.set(http, "");
        cookie.make_removal();
        cookie
    }
}

fn is_secure(http: &HttpRequest) -> bool {
    public::of(http).starts_with("https:")
}

/// A request with a good cookie.
#[derive(Debug)]
pub(super) struct Ambient {
    pub admitted: Admitted,
    held: Held,
    /// Its next cookie, where its rights changed.
    pub renewed: Option<Cookie<'static>>,
}

/// Whose cookie a request carries; nothing where it has none.
pub(super) async fn outcome(app: &App, http: &HttpRequest) -> Option<Result<Ambient, Problem>> {
    let mut any = None;
    for cookie in SESSION.values(http) {
        match find(app, &cookie).await {
            Ok(Some((admitted, held))) => return Some(ambient(app, http, admitted, held).await),
            Ok(None) => any = Some(Err(Refusal::Unknown.into())),
            Err(error) => return Some(Err(error.into())),
        }
    }
    any
}

/// Who a cookie speaks for.
async fn find(app: &App, cookie: &str) -> Result<Option<(Admitted, Held)>, DbError> {
    let Some(digest) = secret::recognise(cookie) else { return Ok(None) };
    let (credential, now) = (Credential::Session(digest), app.clock.now());
    let admitted = match app.door.recall(credential, now) {
        Some(admitted) => Some(admitted),
        None => {
            let found = app.db.read(move |conn| auth::lookup(conn, credential, now)).await?;
            found.inspect(|admitted| app.door.remember(admitted, now))
        }
    };
    Ok(admitted.and_then(|admitted| admitted.session.clone().map(|held| (admitted, held))))
}

async fn ambient(app: &App, http: &HttpRequest, admitted: Admitted, held: Held) -> Result<Ambient, Problem> {
    let mut renewed = None;
    if let (true, Credential::Session(digest)) = (held.is_outdated, admitted.credential) {
        renewed = renew(app, http, digest).await?;
    }
    Ok(Ambient { admitted, held, renewed })
}

async fn renew(app: &App, http: &HttpRequest, digest: Digest) -> Result<Option<Cookie<'static>>, DbError> {
    let now = app.clock.now();
    let renewed = app.db.write(move |tx| {
        tx.hold(Hold::Shared)?;
        sessions::renew(tx, &digest, now)
    });
    let renewed: Option<String> = renewed.await?;
    app.door.forget(Credential::Session(digest));
    Ok(renewed.map(|cookie| SESSION.set(http, &cookie)))
}

impl Ambient {
    /// Why a request may not change anything: a page of another site sent it, or it does not show that one of ours did.
    pub(super) async fn check(&self, app: &App, http: &HttpRequest) -> Result<(), Problem> {
        if http.method().is_safe() {
            return Ok(());
        }
        if !origin::may_ride_along(app, http) {
            return Err(record::forged(app, http, "session", self.held.id, "sent from another site's page").await);
        }
        let key = app.csrf_key().await?;
        let sent = http.headers().get(CSRF_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
        if sessions::is_csrf_token(&key, self.held.guid, sent) {
            return Ok(());
        }
        Err(record::forged(app, http, "session", self.held.id, "without the token of a page of ours").await)
    }
}
