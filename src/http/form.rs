//! The body of a form: names and values, each once.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::http::{StatusCode, header};
use actix_web::web::Payload;

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
    let bytes = match payload.to_bytes_limited(LARGEST).await {
        Ok(bytes) => bytes.map_err(|error| NoForm::Broken(Problem::of_actix(&error)))?,
        Err(_) => return Err(NoForm::TooLong),
    };
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
