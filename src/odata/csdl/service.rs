//! The service document (JSON Format §5; OD-1).

use serde_json::{Value, json};

use super::Protocol;
use crate::odata::edm::Model;

/// `root` is the service's own address, with its slash at the end; the addresses of the sets are relative to it.
pub fn write(model: &Model, root: &str, protocol: Protocol) -> String {
    let sets: Vec<Value> =
        model.sets().map(|set| json!({ "name": set.name, "kind": "EntitySet", "url": set.name })).collect();
    let context = match protocol {
        Protocol::V4_0 => "@odata.context",
        Protocol::V4_01 => "@context",
    };
    json!({ context: format!("{root}$metadata"), "value": sets }).to_string()
}
