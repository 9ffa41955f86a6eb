//! Documents beside `$metadata`: OpenAPI (OD-108), connection files for Power BI and Excel (OD-109).

use serde_json::Value;

use super::{ADA, TIM, V4, V33, get, send, servers};
use crate::support::http::Request;

fn openapi(user: &str, root: &str) -> Value {
    send(user, Request::get(&format!("{root}/openapi.json"))).json()
}

/// `contract::published` holds it against the schema of OpenAPI; here every address that it lists is asked for.
#[test]
fn od_108_every_path_of_openapi_answers() {
    for root in [V4, V33] {
        for user in [ADA, TIM] {
            let document = openapi(user, root);
            assert_eq!(document["openapi"], "3.1.1");
            assert!(document["servers"][0]["url"].as_str().is_some_and(|url| url.ends_with(root)), "{document}");
            let paths = document["paths"].as_object().expect("paths");
            assert!(paths.len() > 10, "{} paths", paths.len());
            for (path, methods) in paths {
                let set = path.trim_start_matches('/').split(['(', '/']).next().unwrap_or_default();
                let row = if path.contains('{') { first_row(user, root, set) } else { Value::Null };
                let Some(target) = with_key(path, &row) else { continue };
                let request = match methods["post"].is_object() {
                    true => Request::post(&format!("{root}{target}"), "text/plain", b"$top=1"),
                    false => Request::get(&format!("{root}{target}")),
                };
                let reply = send(user, request);
                assert!([200, 204].contains(&reply.status), "{target}: {}", reply.lossy());
            }
        }
    }
}

/// Every option that it lists for a set is one that the set takes.
#[test]
fn od_108_every_option_of_openapi_is_taken() {
    let document = openapi(ADA, V4);
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let options = methods["get"]["parameters"].as_array().into_iter().flatten();
        for option in options.filter(|option| option["in"] == "query" && !path.contains('{')) {
            let name = option["name"].as_str().expect("a name");
            let key = document.pointer("/paths").and_then(|paths| key_of(paths, path));
            let key = key.unwrap_or_else(|| "Id".to_owned());
            let value = match name {
                "$select" | "$orderby" => key,
                "$expand" => "*".to_owned(),
                "$filter" => format!("{key} ne null"),
                "$top" | "$skip" => "1".to_owned(),
                "$count" => "true".to_owned(),
                "$compute" => "1 add 1 as Two".to_owned(),
                "$apply" => "aggregate($count as N)".to_owned(),
                "$format" => "csv".to_owned(),
                "$search" => "a".to_owned(),
                other => panic!("the option {other}, and nobody asks for it"),
            };
            let reply = get(&format!("{V4}{path}?{name}={value}"));
            assert_eq!(reply.status, 200, "{path}?{name}={value}: {}", reply.lossy());
        }
    }
}

/// The name of the key that stands in the address of an entity of this set.
fn key_of(paths: &Value, set: &str) -> Option<String> {
    let set = set.trim_end_matches("/$count");
    let entity = paths.as_object()?.keys().find(|path| path.starts_with(&format!("{set}({{")))?;
    Some(entity.split(['{', '}']).nth(1)?.to_owned())
}

#[test]
fn od_108_openapi_is_of_the_callers_model() {
    let budgets = |user| openapi(user, V4)["paths"]["/Budgets"].is_object();
    assert!(budgets(ADA) && !budgets(TIM));
    let reply = get(&format!("{V4}/openapi.json"));
    assert_eq!(reply.header("Content-Type"), Some("application/json"));
    let tag = reply.header("ETag").expect("an ETag").to_owned();
    let known = Request::get(&format!("{V4}/openapi.json")).header("If-None-Match", &tag);
    assert_eq!(send(ADA, known).status, 304);
    assert_eq!(get(&format!("{V4}/OpenApi.json")).status, 404);
}

fn first_row(user: &str, root: &str, set: &str) -> Value {
    let rows = send(user, Request::get(&format!("{root}/{set}?$top=1"))).json();
    rows["value"].get(0).cloned().unwrap_or_default()
}

/// The path with the key of a row in place of its names; nothing if there is no row.
fn with_key(path: &str, row: &Value) -> Option<String> {
    let mut target = String::new();
    for (n, part) in path.split(['{', '}']).enumerate() {
        match (n % 2, &row[part]) {
            (0, _) => target += part,
            (_, Value::Null) => return None,
            (_, Value::String(text)) => target += text,
            (_, other) => target += &other.to_string(),
        }
    }
    Some(target)
}

#[test]
fn od_109_connection_files() {
    for root in [V4, V33] {
        let set = if root == V4 { "Worklogs" } else { "workLogsOnly" };
        let file = get(&format!("{root}/{set}.pbids"));
        let disposition = format!("attachment; filename=\"{set}.pbids\"");
        assert_eq!((file.status, file.header("Content-Disposition")), (200, Some(disposition.as_str())));
        let connection = file.json()["connections"][0].take();
        assert_eq!(connection["details"]["protocol"], "odata");
        let address = connection["details"]["address"]["url"].as_str().expect("an address").to_owned();
        assert_eq!(address, format!("http://timeledger.test{root}/{set}"));
        assert_eq!(get(crate::support::server::path_of(&address)).status, 200);

        let file = send(ADA, Request::get(&format!("{root}/{set}.odc")).header("Accept", "text/html"));
        assert_eq!((file.status, file.header("Content-Type")), (200, Some("text/x-ms-odc; charset=utf-8")));
        let formula = format!("OData.Feed(&amp;quot;{address}&amp;quot;");
        assert!(file.text().contains(&formula), "{}", file.text());
        for server in servers() {
            let token = server.token(ADA);
            assert!(!server.get(ADA, &format!("{root}/{set}.odc")).text().contains(&token));
        }
    }
    let whole = get(&format!("{V4}/service.pbids")).json();
    assert_eq!(whole["connections"][0]["details"]["address"]["url"], format!("http://timeledger.test{V4}/"));
    for (user, target) in
        [(ADA, "Nope.pbids"), (ADA, "Nope.odc"), (ADA, ".odc"), (TIM, "Budgets.odc"), (ADA, "a/b.pbids")]
    {
        let reply = send(user, Request::get(&format!("{V4}/{target}")));
        assert_eq!((reply.status, reply.error_code().as_str()), (404, "ResourceNotFound"), "{target}");
    }
    assert_eq!(send(ADA, Request::get(&format!("{V4}/Worklogs.odc")).method("POST")).status, 405);
    let nobody = Request::get(&format!("{V4}/Worklogs.pbids")).send(servers()[0].address);
    assert_eq!(nobody.status, 401);
}
