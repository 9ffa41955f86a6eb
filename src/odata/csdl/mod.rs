//! A model as its readers get it: `$metadata` (CSDL 4.0 and 4.01, XML and JSON), the OpenAPI document, the service
//! document.
//!
//! In: a [`Model`](super::edm::Model), that is one version of a schema as one caller sees it. Out: text, the same for the
//! same model, byte for byte.

mod annotations;
pub mod check;
mod facets;
pub mod json;
mod object;
pub mod openapi;
pub mod service;
pub mod xml;

/// The protocol version that the reader speaks (OD-2, OD-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    V4_0,
    V4_01,
}

impl Protocol {
    /// As headers and documents write it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::V4_0 => "4.0",
            Protocol::V4_01 => "4.01",
        }
    }
}
