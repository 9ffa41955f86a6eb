//! `/unsubscribe`: the way out of a kind of mails (RFC 8058), for whoever holds the mail.
//!
//! In: a link that this site made. Out: by GET a page that asks, by POST it is done. A GET changes nothing: programs that look
//! at mails follow links.

use actix_web::http::header;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use crate::auth;
use crate::db::{DbError, Hold};
use crate::domain::notices::{Kind, settings, unsubscribe};
use crate::http::api::options::Options;
use crate::http::{App, Problem, pages};
use crate::sql::Guid;

const BUTTON: &str = "<form method=\"post\"><button>No more of these mails</button></form>";

pub fn configure(config: &mut ServiceConfig) {
    config.service(web::resource("/unsubscribe").route(web::route().to(answer)));
}

/// The body is not looked at: one click sends `List-Unsubscribe=One-Click`, the page nothing.
async fn answer(http: HttpRequest, app: Data<App>, _: Bytes) -> Result<HttpResponse, Problem> {
    let text = Options::parse(http.query_string()).get("t").unwrap_or_default().to_owned();
    let meant = meant(&app, text).await?;
    match (http.method(), meant) {
        (&Method::GET | &Method::HEAD | &Method::POST, None) => {
            let said = "This link is not good. Copy it from the mail as a whole.";
            Ok(page(&http, StatusCode::NOT_FOUND, said, ""))
        }
        (&Method::GET | &Method::HEAD, Some((_, kind))) => {
            let said = format!("Send you no more mails {}? You will still see them in Timeledger.", about(kind));
            Ok(page(&http, StatusCode::OK, &said, BUTTON))
        }
        (&Method::POST, Some((person, kind))) => {
            let now = app.clock.now();
            let muted = app.db.write(move |tx| {
                tx.hold(Hold::Shared)?;
                settings::mute(tx, person, kind, now)
            });
            muted.await?;
            let said =
                format!("You get no more mails {}. To have them again, change your settings of notices.", about(kind));
            Ok(page(&http, StatusCode::OK, &said, ""))
        }
        _ => Err(Problem::method_not_allowed("GET, HEAD, POST")),
    }
}

async fn meant(app: &App, text: String) -> Result<Option<(Guid, Kind)>, DbError> {
    let key = app.db.read(|conn| auth::find_key(conn, auth::UNSUBSCRIBE)).await?;
    Ok(key.and_then(|key| unsubscribe::read(&key, &text)))
}

/// In the middle of a sentence.
fn about(kind: Kind) -> &'static str {
    match kind {
        Kind::TokenExpires => "about API tokens that expire",
        Kind::CredentialExpires => "about connections that are soon signed out",
        Kind::CredentialFailed => "about connections that cannot sign in",
        Kind::GrantReused => "about paired clients whose token came twice",
        Kind::Guessed => "about guesses at your password",
    }
}

fn page(http: &HttpRequest, status: StatusCode, said: &str, form: &str) -> HttpResponse {
    let content = format!("<p>{{said}}</p>{form}");
    let mut page = pages::page(status, &pages::prefix(http), "Mails", &content, &[("{said}", said)]);
    // The link is a secret of sorts.
    page.headers_mut().insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    page
}
