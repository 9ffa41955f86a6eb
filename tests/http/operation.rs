//! Running it: health, figures, the start page, the log, the end.

use super::with_people;
use crate::backend::{BACKENDS, Backend};
use crate::support::http::Request;
use crate::support::program;

#[test]
fn a_server_is_ready_once_its_database_is() {
    for backend in BACKENDS {
        let server = with_people(backend, &[]);
        assert_eq!(Request::get("/health/live").send(server.address).json()["status"], "ok");
        let ready = Request::get("/health/ready").send(server.address);
        let checks: Vec<_> = ready.json()["checks"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
        assert_eq!((ready.status, checks), (200, vec!["database".into(), "schema".into()]));

        program::run(&["migrate", "revert", "--database", &server.database.text]);
        let ready = Request::get("/health/ready").send(server.address);
        assert_eq!((ready.status, ready.json()["status"].as_str()), (503, Some("failed")));
        assert_eq!(Request::get("/health/live").send(server.address).status, 200);
    }
}

#[test]
fn figures_are_counted_by_route_pattern_and_are_not_for_everybody() {
    let server = with_people(Backend::Sqlite, &[("TIMELEDGER_METRICS__TOKEN", "s3cret")]);
    server.get("ann", "/api/odata/v4.0/Users?$filter=Name eq 'private'");
    assert_eq!(Request::get("/metrics").send(server.address).status, 401);
    assert_eq!(Request::get("/metrics").bearer("wrong").send(server.address).status, 401);
    let reply = Request::get("/metrics").bearer("s3cret").send(server.address);
    let text = reply.text();
    for part in ["timeledger_http_requests_total", "timeledger_http_request_duration_seconds", "timeledger_rows_total"]
    {
        assert!(text.contains(part), "{part} not in {text}");
    }
    for part in ["timeledger_database_seconds", "timeledger_database_pool", "/api/odata/"] {
        assert!(text.contains(part), "{part} not in {text}");
    }
    assert!(!text.contains("private"));
}

#[test]
fn the_start_page_shows_the_address_to_paste() {
    let server = with_people(Backend::Sqlite, &[("TIMELEDGER_SERVER__PUBLIC_URL", "https://time.example.com/")]);
    let reply = Request::get("/").send(server.address);
    assert!(reply.text().contains("https://time.example.com/api/odata/v4.0/"));
    assert!(!reply.text().contains("<script"));
    assert!(reply.header("Content-Security-Policy").is_some_and(|policy| policy.contains("default-src 'self'")));
    assert_eq!(Request::get("/assets/start.css").send(server.address).status, 200);
    assert!(Request::get("/version").send(server.address).json()["version"].is_string());
}

#[test]
fn od_76_links_begin_with_the_public_address() {
    let root = |environment: &[(&str, &str)], headers: &[(&str, &str)]| {
        let server = with_people(Backend::Sqlite, environment);
        let request = headers.iter().fold(Request::get("/api/odata/v4.0/"), |r, (name, value)| r.header(name, value));
        let context = server.send("ann", request).json()["@odata.context"].as_str().unwrap().to_owned();
        context.replace("/api/odata/v4.0/$metadata", "")
    };
    let proxied = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "time.example.com")];
    assert_eq!(root(&[], &[]), "http://timeledger.test");
    assert_eq!(root(&[], &proxied), "http://timeledger.test");
    assert_eq!(root(&[("TIMELEDGER_SERVER__TRUSTED_PROXIES", "127.0.0.0/8")], &proxied), "https://time.example.com");
    let configured = [("TIMELEDGER_SERVER__PUBLIC_URL", "https://time.example.com/base")];
    assert_eq!(root(&configured, &proxied), "https://time.example.com/base");
}

/// AU-95: one line a request, with its id and its pattern, and nothing that a client sent. A slow one tells its shape.
#[test]
fn the_log_holds_no_secret_and_no_query() {
    let settings = [("TIMELEDGER_LOG__LEVEL", "trace"), ("TIMELEDGER_LOG__SLOW_QUERY", "1")];
    let server = with_people(Backend::Sqlite, &settings);
    let token = server.token("ann");
    let reply = server.get("ann", "/api/odata/v4.0/Users?$filter=Name eq 'private-name'&access_token=private-token");
    let id = reply.header("X-Request-Id").unwrap().to_owned();
    server.get("ann", "/api/odata/v4.0/Users?$filter=Nothing eq 'private-name'");
    Request::get("/api/odata/v4.0/").header("Authorization", "Basic cHJpdmF0ZTpwcml2YXRl").send(server.address);
    let log = server.log();
    let line = log.lines().find(|line| line.contains(&id) && line.contains("\"status\":200"));
    let line: serde_json::Value = serde_json::from_str(line.expect("a line of the request")).unwrap();
    assert_eq!((line["method"].as_str(), line["outcome"].as_str()), (Some("GET"), Some("done")));
    assert!(line["route"].as_str().is_some_and(|route| route.starts_with("/api/odata/")), "{line}");
    let slow = (0..1_000).find_map(|_| {
        server.get("ann", "/api/odata/v4.0/Users?$filter=Name eq 'private-name' or Name gt 'private'");
        server.log().lines().find(|line| line.contains("slow query")).map(str::to_owned)
    });
    let slow: serde_json::Value = serde_json::from_str(&slow.expect("a query longer than a millisecond")).unwrap();
    assert!(slow["shape"].as_str().is_some_and(|shape| shape.contains("t0.name = $1")), "{slow}");
    let log = server.log();
    for secret in ["private", &token[4..], "cHJpdmF0ZTpwcml2YXRl"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
