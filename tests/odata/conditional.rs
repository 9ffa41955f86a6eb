//! Conditional reads: OD-22 (RFC 9110 §8.8 and §13.1.2, Part 1 §8.2.5).

use diesel::prelude::*;
use timeledger::db::tables::work_items;
use timeledger::db::{DbError, Role};
use timeledger::on;

use super::{ADA, TIM, V4, V33, get, send};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::support::http::{Reply, Request};
use crate::support::server::Server;

const LOG: &str = "cccccccc-0000-4000-8000-000000000001";

fn documents() -> Vec<String> {
    let documents = ["$metadata", "$metadata?$format=json", ""];
    [V4, V33].iter().flat_map(|root| documents.map(|document| format!("{root}/{document}"))).collect()
}

fn entities() -> Vec<String> {
    vec![
        format!("{V4}/WorkItems(3)"),
        format!("{V4}/WorkItems(3)?$select=Title&$expand=Children"),
        format!("{V4}/Worklogs({LOG})/WorkItem/Parent"),
        format!("{V4}/WorkItems(3)/Title"),
        format!("{V4}/WorkItems(3)/Title/$value"),
        format!("{V33}/workLogsOnly({LOG})"),
        format!("{V33}/workLogsOnly({LOG})/User"),
    ]
}

fn tag(reply: &Reply) -> String {
    reply.header("ETag").unwrap_or_else(|| panic!("no ETag with {}: {}", reply.status, reply.lossy())).to_owned()
}

fn ask(target: &str, known: &str) -> Reply {
    send(ADA, Request::get(target).header("If-None-Match", known))
}

#[test]
fn od_22_what_has_a_tag() {
    for target in documents() {
        assert!(tag(&get(&target)).starts_with('"'), "{target}");
    }
    for target in entities() {
        assert!(tag(&get(&target)).starts_with("W/\""), "{target}");
    }
    for target in ["Budgets", "Budgets/$count", "Budgets?$format=csv", "WorkItems(1)/Parent", "Nope"] {
        assert_eq!(get(&format!("{V4}/{target}")).header("ETag"), None, "{target}");
    }
    assert_eq!(get(&format!("{V4}/Budgets")).header("Cache-Control"), Some("private, no-cache"));
}

#[test]
fn od_22_not_modified() {
    for target in documents().into_iter().chain(entities()) {
        let known = tag(&get(&target));
        let opaque = known.trim_start_matches("W/");
        for list in [
            known.clone(),
            opaque.to_owned(),
            format!("W/{opaque}"),
            format!("\"x\", W/\"y,z\",{known} , \"a\""),
            "*".to_owned(),
        ] {
            let reply = ask(&target, &list);
            assert_eq!((reply.status, reply.body.len()), (304, 0), "{target}: {list}");
            assert_eq!(reply.header("ETag"), Some(known.as_str()), "{target}: {list}");
            assert_eq!(reply.header("Cache-Control"), Some("private, no-cache"), "{target}");
            assert_eq!(reply.all("OData-Version").collect::<Vec<_>>(), ["4.0"], "{target}");
            assert!(reply.header("Content-Type").is_none(), "{target}");
            assert!(reply.header("Content-Length").is_none_or(|length| length != "0"), "{target}");
            let vary = reply.all("Vary").collect::<Vec<_>>().join(",");
            for name in ["Accept", "Accept-Encoding", "Authorization", "OData-MaxVersion", "Prefer"] {
                assert!(vary.split(',').any(|part| part.trim() == name), "{target}: {name} in {vary}");
            }
        }
        let lines = Request::get(&target).header("If-None-Match", "\"x\"").header("If-None-Match", &known);
        assert_eq!(send(ADA, lines).status, 304, "{target}");
        for list in ["\"x\"", opaque.trim_matches('"'), "", "\"", "W/", "\"*\"", &format!("{opaque}x").replace('"', "")]
        {
            let reply = ask(&target, list);
            assert_eq!((reply.status, reply.header("ETag")), (200, Some(known.as_str())), "{target}: {list}");
        }
    }
}

/// "The server SHOULD send the same header fields in response to a HEAD request as if the request method were GET."
#[test]
fn od_22_heads() {
    for target in documents().into_iter().chain(entities()) {
        let whole = get(&target);
        let head = send(ADA, Request::get(&target).method("HEAD"));
        assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
        for name in ["ETag", "Content-Type", "Vary", "Cache-Control", "OData-Version", "Content-Length"] {
            assert_eq!(head.header(name), whole.header(name), "{target}: {name}");
        }
        let known = send(ADA, Request::get(&target).method("HEAD").header("If-None-Match", &tag(&whole)));
        assert_eq!((known.status, known.header("ETag")), (304, whole.header("ETag")), "{target}");
    }
}

#[test]
fn od_22_another_answer_has_another_tag() {
    let metadata = format!("{V4}/$metadata");
    let newer = |target: &str| send(ADA, Request::get(target).header("OData-MaxVersion", "4.01"));
    let different = [
        tag(&get(&metadata)),
        tag(&get(&format!("{metadata}?$format=json"))),
        tag(&get(&format!("{V4}/"))),
        tag(&newer(&metadata)),
        tag(&send(TIM, Request::get(&metadata))),
        tag(&get(&format!("{V33}/$metadata"))),
        tag(&get(&format!("{V4}/WorkItems(3)?$select=Title"))),
        tag(&get(&format!("{V4}/WorkItems(4)?$select=Title"))),
        tag(&get(&format!("{V4}/WorkItems(3)?$select=State"))),
        tag(&newer(&format!("{V4}/WorkItems(3)?$select=Title"))),
        tag(&get(&format!("{V4}/WorkItems(3)?$select=Title&$format=application/json;metadata=full"))),
    ];
    for (n, tag) in different.iter().enumerate() {
        assert!(!different[..n].contains(tag), "{n} of {different:?}");
    }
}

/// A strong tag stands for bytes: compressed ones have another, and a client that has either is told so.
#[test]
fn od_22_tags_of_compressed_documents() {
    for target in documents() {
        let plain = tag(&get(&target));
        for encoding in ["gzip", "br", "zstd"] {
            let ask = |known: &str| {
                let request = Request::get(&target).header("Accept-Encoding", encoding);
                send(ADA, request.header("If-None-Match", known))
            };
            let packed = ask("");
            assert_eq!(packed.header("Content-Encoding"), Some(encoding), "{target}");
            let tag = tag(&packed);
            assert_eq!(tag, format!("{}-{encoding}\"", plain.trim_end_matches('"')), "{target}");
            assert_eq!((ask(&tag).status, ask(&tag).header("ETag")), (304, Some(tag.as_str())), "{target}");
            assert_eq!(ask(&plain).status, 304, "{target}");
        }
    }
    let entity = Request::get(&format!("{V4}/WorkItems(3)")).header("Accept-Encoding", "gzip");
    assert_eq!(tag(&send(ADA, entity)), tag(&get(&format!("{V4}/WorkItems(3)"))));
}

/// What is not answered with 200 is answered without a look at the tags, and so is a POST.
#[test]
fn od_22_where_tags_do_not_count() {
    for (target, status) in [
        ("WorkItems(99999)", 404),
        ("WorkItems(1)/Parent", 204),
        ("WorkItems(1)/Nope", 404),
        ("WorkItems(1)?$select=Nope", 400),
        ("$metadata?$schemaversion=1", 404),
        ("Budgets", 200),
        ("Budgets/$count", 200),
    ] {
        assert_eq!(ask(&format!("{V4}/{target}"), "*").status, status, "{target}");
    }
    let query = Request::post(&format!("{V4}/WorkItems(3)/$query"), "text/plain", b"$select=Title");
    assert_eq!(send(ADA, query.header("If-None-Match", "*")).status, 200);
    let anonymous = Request::get(&format!("{V4}/$metadata")).header("If-None-Match", "*");
    for server in super::servers() {
        assert_eq!(anonymous.send(server.address).status, 401);
    }
}

#[test]
fn od_22_a_change_shows() {
    for_each_backend(|backend| {
        let server = Server::start(Database::loaded(backend, Fixture::SMALL));
        let ask = |known: &str| {
            let target = format!("{V4}/WorkItems(4)?$select=Title&$expand=Parent($select=Title)");
            server.send(ADA, Request::get(&target).header("If-None-Match", known))
        };
        let before = tag(&ask(""));
        assert_eq!(ask(&before).status, 304);
        let mut conn = server.database.connect(Role::Writer);
        let done: Result<usize, DbError> = conn.write(|tx| {
            let item = work_items::table.filter(work_items::id.eq(3));
            Ok(on!(tx, c => diesel::update(item).set(work_items::title.eq("New name")).execute(c))?)
        });
        assert!(done.is_ok_and(|rows| rows == 1));
        let after = ask(&before);
        assert_eq!(after.status, 200);
        assert_ne!(tag(&after), before);
    });
}
