//! Short bodies, read at a pace, and forms in them: names and values, each once.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::{BytesMut, Payload};
use actix_web::{HttpRequest, rt};
use futures_util::StreamExt;

use super::Problem;

/// Bytes of a form.
const LARGEST: usize = 8_192;

/// Why a body is no form.
#[derive(Debug)]
pub enum NoForm {
    TooLong,
    Type,
    /// RFC 6749 §3.2.
    Twice,
    /// It did not come to its end.
    Broken(Problem),
}

impl NoForm {
    pub fn sentence(&self) -> &'static str {
        match self {
            NoForm::TooLong => "The body is too long.",
            NoForm::Type => "The body must be application/x-www-form-urlencoded.",
            NoForm::Twice => "A member of the form comes twice.",
            NoForm::Broken(_) => "The body did not come to its end.",
        }
    }
}

impl From<NoForm> for Problem {
    fn from(no: NoForm) -> Problem {
        match no {
            NoForm::Broken(problem) => problem,
            no => Problem::new(StatusCode::BAD_REQUEST, "InvalidRequest", no.sentence()),
        }
    }
}

/// The members of the form.
pub async fn read(http: &HttpRequest, payload: Payload) -> Result<HashMap<String, String>, NoForm> {
    let kind = http.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let bytes = bytes(payload, LARGEST).await.map_err(|unread| match unread {
        Unread::TooLong(_) => NoForm::TooLong,
        Unread::Broken(problem) => NoForm::Broken(problem),
    })?;
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(NoForm::Type);
    }
    let mut form = HashMap::new();
    for (name, value) in form_urlencoded::parse(&bytes) {
        if form.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(NoForm::Twice);
        }
    }
    Ok(form)
}

/// Why a body was not read.
#[derive(Debug)]
pub enum Unread {
    /// Than so many bytes.
    TooLong(usize),
    Broken(Problem),
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Problem {
        match unread {
            Unread::TooLong(most) => {
                let message = format!("The body is longer than {most} bytes.");
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", message)
            }
            Unread::Broken(problem) => problem,
        }
    }
}

/// The bytes of a short body, which must come at the pace that AU-94 asks of every body.
pub async fn bytes(mut payload: Payload, most: usize) -> Result<BytesMut, Unread> {
    let mut bytes = BytesMut::new();
    let pace = Pace::begin();
    loop {
        match rt::time::timeout(pace.left(bytes.len()), payload.next()).await {
            Err(_) => return Err(Unread::Broken(Problem::body_too_slow())),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(error))) => return Err(Unread::Broken(Problem::of_actix(&error.into()))),
            Ok(Some(Ok(chunk))) => bytes.extend_from_slice(&chunk),
        }
        if bytes.len() > most {
            return Err(Unread::TooLong(most));
        }
    }
}

/// The first value of a name in the address; empty where it has none.
pub fn asked(http: &HttpRequest, name: &str) -> String {
    let query = form_urlencoded::parse(http.query_string().as_bytes());
    query.into_iter().find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// How slow a body may be: as it likes for ten seconds, then a KiB a second.
#[derive(Clone, Copy, Debug)]
pub struct Pace(rt::time::Instant);

impl Pace {
    pub fn begin() -> Pace {
        Pace(rt::time::Instant::now())
    }

    /// For how long the next piece may be waited for, after so many bytes.
    pub fn left(self, seen: usize) -> Duration {
        const GRACE: u64 = 10;
        const LEAST_PACE: u64 = 1024;
        Duration::from_secs(GRACE + seen as u64 / LEAST_PACE).saturating_sub(self.0.elapsed())
    }
}
