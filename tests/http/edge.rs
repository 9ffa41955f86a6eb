//! Limits, compression, CORS: what surrounds every route.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::with_people;
use crate::backend::Backend;
use crate::support::http::Request;

const USERS: &str = "/api/odata/v4.0/Users";

#[test]
fn od_150_an_address_a_header_and_a_body_have_their_limits() {
    let server = with_people(Backend::Sqlite, &[]);
    let long = |length: usize| format!("{USERS}?$filter=Name eq '{}'", "a".repeat(length));
    assert_eq!(server.get("ann", &long(16_000)).status, 200);
    let reply = server.get("ann", &long(16_500));
    assert_eq!((reply.status, reply.error_code().as_str()), (414, "UriTooLong"));
    let header = |length: usize| Request::get(USERS).header("X-Long", &"a".repeat(length));
    assert_eq!(server.send("ann", header(60_000)).status, 200);
    assert_eq!(server.send("ann", header(66_000)).status, 431);
    let body = |length: usize| {
        let text = format!("$filter=Name eq '{}'", "a".repeat(length));
        Request::post(&format!("{USERS}/$query"), "text/plain", text.as_bytes())
    };
    assert_eq!(server.send("ann", body(1_000_000)).status, 200);
    let reply = server.send("ann", body(1_100_000));
    assert_eq!((reply.status, reply.error_code().as_str()), (413, "PayloadTooLarge"));
}

#[test]
fn od_23_an_answer_is_compressed_as_asked_and_only_then() {
    let server = with_people(Backend::Sqlite, &[]);
    let plain = server.get("ann", USERS);
    assert_eq!(plain.header("Content-Encoding"), None);
    let asked = |encoding: &str| server.send("ann", Request::get(USERS).header("Accept-Encoding", encoding));
    for (accepted, sent) in [("gzip, deflate", "gzip"), ("br", "br"), ("zstd", "zstd"), ("gzip;q=0.5, zstd", "zstd")] {
        let reply = asked(accepted);
        assert_eq!(reply.header("Content-Encoding"), Some(sent), "{accepted}");
        let vary = reply.all("Vary").collect::<Vec<_>>();
        assert_eq!(vary.len(), 1, "{vary:?}");
        for name in ["Accept", "Accept-Encoding", "Authorization", "OData-MaxVersion", "Prefer"] {
            assert!(vary[0].split(", ").any(|part| part.eq_ignore_ascii_case(name)), "{name} not in {vary:?}");
        }
    }
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(asked("gzip").body.as_slice()).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.body);
    assert_eq!(asked("identity").body, plain.body);
    let workbook = Request::get(&format!("{USERS}?$format=xlsx")).header("Accept-Encoding", "gzip");
    let workbook = server.send("ann", workbook);
    assert_eq!((workbook.header("Content-Encoding"), &workbook.body[..2]), (None, b"PK".as_slice()));
    let none = asked("identity;q=0");
    assert_eq!((none.status, none.error_code().as_str()), (406, "NotAcceptable"));
}

#[test]
fn od_190_configured_origins_alone_are_let_in() {
    let origin = "https://reports.example.com";
    let server = with_people(Backend::Sqlite, &[("TIMELEDGER_CORS__ORIGINS", origin)]);
    let from = |origin: &str| server.send("ann", Request::get(USERS).header("Origin", origin));
    let reply = from(origin);
    assert_eq!(reply.header("Access-Control-Allow-Origin"), Some(origin));
    let exposed = reply.header("Access-Control-Expose-Headers").unwrap_or_default().to_ascii_lowercase();
    for name in ["odata-version", "preference-applied", "etag", "retry-after", "location", "asyncresult"] {
        assert!(exposed.contains(name), "{name} not in {exposed}");
    }
    for other in ["https://evil.example.com", "null"] {
        assert_eq!(from(other).header("Access-Control-Allow-Origin"), None);
    }
    let asked = Request::get(USERS)
        .method("OPTIONS")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", "authorization,odata-maxversion")
        .send(server.address);
    assert_eq!((asked.status, asked.header("Access-Control-Allow-Origin")), (200, Some(origin)));

    let without = with_people(Backend::Sqlite, &[]);
    let reply = without.send("ann", Request::get(USERS).header("Origin", origin));
    assert_eq!(reply.header("Access-Control-Allow-Origin"), None);
}

#[test]
fn contract_0_1_route_segments_match_in_any_letter_case_and_under_any_collection() {
    let server = with_people(Backend::Sqlite, &[]);
    for path in ["/api/odata/v4.0/Users", "/API/OData/V4.0/Users", "/api/Any%20Team/odata/v4.0/Users"] {
        assert_eq!(server.get("ann", path).status, 200, "{path}");
    }
    let several = with_people(Backend::Sqlite, &[("TIMELEDGER_SERVER__ORGANIZATIONS", "One,Two")]);
    assert_eq!(several.get("ann", "/api/one/odata/v4.0/Users").status, 200);
    assert_eq!(several.get("ann", "/api/Three/odata/v4.0/Users").status, 404);
}

/// A request whose body is still on its way holds its place; a further one of the same person is told to come back.
#[test]
fn od_154_a_person_has_so_many_requests_at_once() {
    let server = with_people(Backend::Sqlite, &[("TIMELEDGER_ODATA__MAX_CONCURRENT", "1")]);
    let (ann, bob) = (server.token("ann"), server.token("bob"));
    let mut slow = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST {USERS}/$query HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {ann}\r\n\
         Content-Type: text/plain\r\nContent-Length: 6\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).unwrap();
    let get = |token: &str| Request::get(USERS).bearer(token).send(server.address);
    let reply = (0..200)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            get(&ann)
        })
        .find(|reply| reply.status != 200)
        .expect("the second request of ann is refused");
    assert_eq!((reply.status, reply.error_code().as_str()), (429, "TooManyRequests"));
    assert_eq!(reply.header("Retry-After"), Some("1"));
    assert_eq!(get(&bob).status, 200);

    slow.write_all(b"$top=1").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(get(&ann).status, 200);
}
