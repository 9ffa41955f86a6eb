//! `/connect/callback`: a browser comes back from Entra ID with a code for a connection (AU-55, AU-63).
//!
//! In: `code` and `state`, or an error of the provider's, and the cookie of the browser that began. Out: the page that it
//! wanted to come back to, or a page that says no more than that it did not work; the reason is in the audit.

use actix_web::cookie::Cookie;
use actix_web::cookie::time::Duration;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use secrecy::{ExposeSecret, SecretString};

use super::{page, prefix};
use crate::auth::audit::Entry;
use crate::auth::outgoing::OutgoingError;
use crate::auth::outgoing::consent::{AWAY_SECONDS, Lost, Returned, Why};
use crate::auth::{self, Credential, Digest};
use crate::http::form;
use crate::http::signin::record;
use crate::http::signin::session::{CONNECT, SESSION};
use crate::http::{App, Problem};

/// Letters of a code or a state.
const LONGEST: usize = 8 * 1_024;

/// What the browser is to keep until it is back.
pub fn cookie(app: &App, value: &str) -> Cookie<'static> {
    let mut cookie = CONNECT.set_where(app.config.server.public_url.starts_with("https:"), value);
    cookie.set_max_age(Duration::seconds(AWAY_SECONDS));
    cookie
}

pub async fn back(http: HttpRequest, app: Data<App>) -> Result<HttpResponse, Problem> {
    record::may_try(&app, &http, "connect").await?;
    let sent = |name: &str| SecretString::from(form::asked(&http, name));
    let (state, code) = (sent("state"), sent("code"));
    let is_code = (1..=LONGEST).contains(&code.expose_secret().len());
    let code = if is_code { Ok(code) } else { Err(said(&form::asked(&http, "error"))) };
    let outcome = match CONNECT.read(&http) {
        Some(cookie) if state.expose_secret().len() <= LONGEST => {
            let user_id = present(&app, &http).await?;
            let by = record::entry(&http, "", "", None);
            let by = Entry { credential: None, ..by };
            app.outgoing.finish(Returned { state, cookie: SecretString::from(cookie), code, user_id, by }).await
        }
        _ => Err(Lost { why: Why::State, begun_by: None }),
    };
    let mut response = match outcome {
        Ok(to) => HttpResponse::SeeOther()
            .insert_header((header::LOCATION, format!("{}{to}", prefix(&http))))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish(),
        Err(Lost { why: Why::Outgoing(OutgoingError::Database(error)), .. }) => return Err(error.into()),
        Err(Lost { why, begun_by }) => {
            // Who says no, or whose provider does, has guessed nothing.
            let attempt = matches!(why, Why::State).then(|| record::stranger(&http));
            let (user_id, target) = begun_by.map(|(user_id, connection)| (user_id, connection.to_string())).unzip();
            record::refused_consent(&app, &http, (user_id, target), why.to_string(), attempt).await;
            let content = "<p>The connection was not authorised. Go back in this browser and begin again: a sign-in is good for \
                           ten minutes, once. If it fails again, ask your administrator; the audit has the reason.</p>";
            page(StatusCode::BAD_REQUEST, &prefix(&http), "Not connected", content, &[])
        }
    };
    if let Err(error) = response.add_cookie(&CONNECT.gone(&http)) {
        tracing::warn!(cause = %error, "a cookie could not be taken back");
    }
    Ok(response)
}

/// What the provider says instead of a code; its prose goes no further.
fn said(error: &str) -> String {
    let is_code =
        (1..=40).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_code { format!("Entra ID says {error}") } else { "the provider gave no code".to_owned() }
}

/// Who is signed in in this browser.
async fn present(app: &App, http: &HttpRequest) -> Result<Option<i32>, Problem> {
    let Some(cookie) = SESSION.read(http) else { return Ok(None) };
    let (credential, now) = (Credential::Session(Digest::of(&cookie)), app.clock.now());
    let admitted = app.db.read(move |conn| auth::lookup(conn, credential, now)).await?;
    Ok(admitted.map(|admitted| admitted.caller.user_id))
}
