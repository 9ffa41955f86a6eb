//! Errors in the envelope of their route, and what every answer carries.

use super::with_people;
use crate::backend::Backend;
use crate::support::http::Request;

#[test]
fn od_160_errors_of_odata_routes() {
    let server = with_people(Backend::Sqlite, &[]);
    let cases = [
        (Request::get("/api/odata/v9.9/"), 404, "ResourceNotFound"),
        (Request::get("/api/odata/v4.0/Nothing"), 404, "ResourceNotFound"),
        (Request::get("/api/odata/v4.0/Users").method("DELETE"), 405, "MethodNotAllowed"),
        (Request::get("/api/odata/v4.0/Users?$filter=Nme eq 'x'"), 400, "UnknownProperty"),
        (Request::get("/api/odata/v4.0/Users?$filter=%zz"), 400, "InvalidEncoding"),
        (Request::get("/api/odata/v4.0/Users").header("Accept", "image/png"), 406, "NotAcceptable"),
    ];
    for (request, status, code) in cases {
        let reply = server.send("ann", request);
        assert_eq!((reply.status, reply.error_code().as_str()), (status, code), "{}", reply.text());
        assert_eq!(reply.header("Content-Type"), Some("application/json"));
        assert_eq!(reply.all("OData-Version").collect::<Vec<_>>(), ["4.0"]);
        assert!(reply.header("X-Request-Id").is_some_and(|id| id.len() == 36));
        let error = &reply.json()["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(error["details"].is_array() && error.get("innererror").is_none());
    }
    let reply = server.send("ann", Request::get("/api/odata/v4.0/Users").method("DELETE"));
    assert!(reply.header("Allow").is_some_and(|allow| allow.contains("GET")));
    let reply = server.get("ann", "/api/odata/v4.0/Users?$filter=Name eq 'a' and Nme eq 'x'");
    assert!(reply.json()["error"]["message"].as_str().is_some_and(|text| text.contains("(position 16)")));
}

#[test]
fn other_routes_answer_problem_documents() {
    let server = with_people(Backend::Sqlite, &[]);
    let reply = Request::get("/nothing").send(server.address);
    assert_eq!(reply.header("Content-Type"), Some("application/problem+json"));
    let body = reply.json();
    assert_eq!((body["status"].as_u64(), body["code"].as_str()), (Some(404), Some("ResourceNotFound")));
    let reply = Request::post("/version", "text/plain", b"").send(server.address);
    assert_eq!((reply.status, reply.header("Allow")), (405, Some("GET, HEAD")));
    assert_eq!(reply.header("OData-Version"), None);
}

#[test]
fn innererror_comes_in_debug_mode_alone() {
    let server = with_people(Backend::Sqlite, &[("TIMELEDGER_ODATA__DEBUG", "true")]);
    let reply = server.get("ann", "/api/odata/v4.0/Nothing");
    assert_eq!(reply.json()["error"]["innererror"]["requestId"].as_str(), reply.header("X-Request-Id"));
}
