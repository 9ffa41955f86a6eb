//! HTTP: routes, what surrounds them, and how errors look. No rules and no SQL live here.

pub mod address;
pub mod api;
pub mod app;
mod assets;
mod concurrency;
mod fields;
mod floods;
mod form;
mod health;
mod jobs;
mod middleware;
pub mod notices;
pub mod odata;
pub mod openapi;
mod pages;
mod pin;
pub mod problem;
mod public;
mod reader;
pub mod rest;
pub mod signin;
pub mod tls;
mod token;
mod tracking;
pub mod v1;

pub use app::{App, limits, serve, serve_until};
pub use fields::dynamic_properties;
pub use middleware::{RequestId, RoutePattern};
pub use problem::Problem;
pub use public::PublicUrl;
pub use reader::Reader;
