//! `Idempotency-Key`: a repeated POST is done once and answered alike.
//!
//! In: the key, the route and a digest of the request. Out: the answer of the first time, if there was one in the last 24
//! hours. A key counts per caller and route; with another request it is refused. What failed left no answer and may be
//! tried again. The answer is stored in the transaction of what it tells of.

use sha2::{Digest, Sha256};

use super::call::{Answer, Call};
use super::upload::Uploaded;
use crate::db::{DbError, Tx};
use crate::domain::idempotency::{self, Key};
use crate::domain::refusal::{Kind, Refusal};

/// Characters of a key.
const LONGEST: usize = 200;

/// The key of a request, checked.
pub(super) fn checked(sent: &[u8]) -> Result<String, Refusal> {
    let key = String::from_utf8_lossy(sent);
    let key = key.trim().trim_matches('"');
    let fits = !key.is_empty() && key.len() <= LONGEST && key.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        return Ok(key.to_owned());
    }
    let message = format!("Idempotency-Key must be 1 to {LONGEST} printable characters without blanks.");
    Err(Refusal::malformed("Idempotency-Key", message))
}

/// What tells two requests with one key apart.
pub(super) fn digest(call: &Call, query: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in call.values.iter().map(String::as_str).chain([query]) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    if let Some(body) = &call.body {
        let mut body = body.clone();
        if let (true, Some(members)) = (call.route.takes_file, body.as_object_mut()) {
            // A file that comes again is kept under another id; its digest is the same.
            members.remove(Uploaded::ID);
        }
        hash.update(body.to_string());
    }
    hash.finalize().to_vec()
}

/// Runs a job once for its key.
pub(super) fn once(
    tx: &mut Tx<'_>,
    call: &Call,
    key: &str,
    request: &[u8],
    job: &mut (impl FnMut(&mut Tx<'_>) -> Result<Answer, Refusal> + ?Sized),
) -> Result<Answer, Refusal> {
    let route = call.route.pattern();
    let key = Key { user_id: call.caller.user_id, route: &route, key };
    if let Some(kept) = idempotency::find(tx, key, call.now)? {
        if kept.request != request {
            let message = "This Idempotency-Key came with another request before. Take a new key for a new request.";
            return Err(Refusal::new(Kind::KeyReused, message).at("Idempotency-Key"));
        }
        return restored(kept.status, &kept.answer);
    }
    let answer = job(tx)?;
    let kept = serde_json::json!([answer.body, answer.etag, answer.location]).to_string();
    idempotency::keep(tx, key, request, i32::from(answer.status), &kept, call.now)?;
    Ok(answer)
}

fn restored(status: i32, kept: &str) -> Result<Answer, Refusal> {
    let unreadable = |error: serde_json::Error| DbError::Other(format!("idempotency_keys.answer: {error}"));
    let (body, etag, location) = serde_json::from_str(kept).map_err(unreadable)?;
    Ok(Answer { status: u16::try_from(status).unwrap_or(200), body, etag, location, cookie: None, file: None })
}
