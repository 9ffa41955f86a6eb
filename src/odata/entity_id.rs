//! `$entity?$id=…` (Part 2 §4.9, OD-19): an entity by its id.
//!
//! In: a parsed request whose path is `$entity`, perhaps with a type name behind it. Out: the same request with the path
//! that the id stands for. An id is an address below the service root, relative to it or absolute; others are refused, for
//! nothing is fetched from elsewhere.

use super::bound::{Resource, Target};
use super::error::{Code, ODataError, Result};
use super::limits::Limits;
use super::parse;
use super::syntax::{Request, Segment};

/// Puts the entity's own path in the place of `$entity`; the path as the id has it, or none for any other request.
pub(super) fn resolve(request: &mut Request, root: &str, limits: &Limits) -> Result<Option<String>> {
    if request.path.segments.first() != Some(&Segment::Entity) {
        return Ok(None);
    }
    let Some(id) = request.options.id.take() else { return Ok(None) };
    let path = below_root(&id, root)?.to_owned();
    let mut entity = parse::path(&path, limits).map_err(|e| ODataError { position: None, ..e }.in_option("$id"))?;
    let plain = |s: &Segment| matches!(s, Segment::Name(_) | Segment::Keyed(..) | Segment::Filter(_) | Segment::Key(_));
    if entity.segments.is_empty() || !entity.segments.iter().all(plain) {
        return Err(refused("It must be the address of one entity, for example WorkItems(42)."));
    }
    for segment in request.path.segments.drain(1..) {
        match segment {
            Segment::Name(ref name) if name.text.contains('.') => entity.segments.push(segment),
            Segment::Query => {}
            _ => {
                let message = "Behind `$entity` only the name of a type may stand.";
                return Err(ODataError::new(Code::ResourceNotFound, message));
            }
        }
    }
    request.path = entity;
    Ok(Some(path))
}

/// An id is that of one entity, not of a set.
pub(super) fn check(resource: &Resource) -> Result<()> {
    match resource.target {
        Target::Entity => Ok(()),
        _ => Err(refused("It must be the address of one entity, for example WorkItems(42).")),
    }
}

/// What an id says behind the service root.
fn below_root<'i>(id: &'i str, root: &str) -> Result<&'i str> {
    if id.contains(['?', '#']) {
        return Err(refused("An id has no options and no fragment."));
    }
    let foreign = || refused("It must be an address below this service's root; nothing is fetched from elsewhere.");
    if let Some(path) = id.strip_prefix(root) {
        return Ok(path);
    }
    // Root-relative: what follows scheme and host.
    let host_end = root.find("://").and_then(|scheme| Some(scheme + 3 + root[scheme + 3..].find('/')?));
    match id.strip_prefix('/') {
        Some(_) => host_end.and_then(|end| id.strip_prefix(&root[end..])).ok_or_else(foreign),
        None if has_scheme(id) || id.split('/').any(|segment| segment == "..") => Err(foreign()),
        None => Ok(id),
    }
}

/// `scheme:…` before any parenthesis, quote or slash.
fn has_scheme(id: &str) -> bool {
    let head = id.split(['(', '\'', '/']).next().unwrap_or("");
    head.contains(':')
}

fn refused(why: &str) -> ODataError {
    ODataError::new(Code::InvalidValue, format!("The value of $id can't be used. {why}")).in_option("$id")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "https://time.example/api/odata/v4.0/";

    #[test]
    fn ids_below_the_root() {
        for id in
            ["WorkItems(42)", "/api/odata/v4.0/WorkItems(42)", "https://time.example/api/odata/v4.0/WorkItems(42)"]
        {
            assert_eq!(below_root(id, ROOT), Ok("WorkItems(42)"), "{id}");
        }
        // A colon within a key is no scheme.
        assert_eq!(below_root("Things('a:b')", ROOT), Ok("Things('a:b')"));
    }

    #[test]
    fn ids_from_elsewhere() {
        for id in [
            "https://evil.example/api/odata/v4.0/WorkItems(42)",
            "http://time.example/api/odata/v4.0/WorkItems(42)",
            "//evil.example/WorkItems(42)",
            "/api/odata/v3.3/workItems(42)",
            "../v3.3/workItems(42)",
            "javascript:WorkItems(42)",
            "WorkItems(42)?$expand=Parent",
            "WorkItems(42)#x",
        ] {
            assert_eq!(below_root(id, ROOT).map_err(|e| e.code), Err(Code::InvalidValue), "{id}");
        }
    }
}
