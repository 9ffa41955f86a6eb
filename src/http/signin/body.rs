//! The body of a request that is refused with 401: read, and thrown away (AU-32).
//!
//! Clients of NTLM send it with every leg. It is read at the pace that AU-94 asks of every body, up to the limit of its
//! route; beyond, the connection closes.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpMessage, rt};
use futures_util::{Stream, StreamExt};

use crate::http::form::Pace;
use crate::http::problem::Problem;

/// A body that its handler reads, and that is still there when the handler has refused the request.
pub(super) struct Kept(Rc<RefCell<Payload>>);

struct Shared(Rc<RefCell<Payload>>);

impl Stream for Shared {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

impl Kept {
    /// Keeps the body of a request that has one.
    pub(super) fn take(request: &mut ServiceRequest) -> Option<Kept> {
        let headers = request.headers();
        let length = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0");
        if !length && !headers.contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let shared = Rc::new(RefCell::new(request.take_payload()));
        request.set_payload(Payload::Stream { payload: Box::pin(Shared(Rc::clone(&shared))) });
        Some(Kept(shared))
    }

    /// Reads what is left of it.
    pub(super) async fn throw_away(self, limit: usize) -> Result<(), Problem> {
        let pace = Pace::begin();
        let mut stream = Shared(self.0);
        let mut seen = 0;
        loop {
            match rt::time::timeout(pace.left(seen), stream.next()).await {
                Err(_) => return Err(Problem::body_too_slow()),
                Ok(None) => return Ok(()),
                Ok(Some(Err(error))) => return Err(Problem::of_actix(&error.into())),
                Ok(Some(Ok(bytes))) => seen += bytes.len(),
            }
            if seen > limit {
                return Err(Problem::body_too_large(limit));
            }
        }
    }
}
