//! `/token` (contract §2.1, AU-57): what a paired client is given, and what becomes of it.

use serde_json::{Value, json};
use timeledger::auth::{audit, grants};
use timeledger::db::{DbError, Role};

use super::pairing::{create, status, validate};
use super::{Client, Site, TESS, TIM};
use crate::backend::for_each_backend;
use crate::rest::request;
use crate::support::http::{Reply, Request};

fn token(site: &Site, server: usize, form: &str) -> Reply {
    let reply = Request::post("/token?api-version=3.2", "application/x-www-form-urlencoded", form.as_bytes())
        .send(site.address(server));
    assert_eq!(reply.header("Cache-Control"), Some("no-store"));
    reply
}

fn redeem(site: &Site, secret: &str) -> Reply {
    token(site, 0, &format!("client_id=OpenApi&grant_type=authorization_code&code={secret}"))
}

fn refresh(site: &Site, server: usize, token_: &str) -> Reply {
    token(site, server, &format!("client_id=OpenApi&grant_type=refresh_token&refresh_token={token_}"))
}

/// Access and refresh token.
fn pair(reply: &Reply) -> (String, String) {
    assert_eq!(reply.status, 200, "{}", reply.lossy());
    let text = |name: &str| reply.json()[name].as_str().expect("a text").to_owned();
    (text("access_token"), text("refresh_token"))
}

fn error(reply: &Reply) -> String {
    assert_eq!(reply.status, 400, "{}", reply.lossy());
    assert!(reply.json()["error_description"].as_str().is_some_and(|text| text.ends_with('.')));
    reply.json()["error"].as_str().expect("a code").to_owned()
}

/// The status of a report that is read with this token.
fn reads(site: &Site, server: usize, access: &str) -> u16 {
    Request::get("/api/odata/v3.2/workLogsOnly?$top=1").bearer(access).send(site.address(server)).status
}

/// A client of Tim's.
fn paired(site: &Site) -> (String, String) {
    let (pin, secret) = create(site);
    assert_eq!(validate(&site.client(TIM), &json!(pin)).0, 200);
    pair(&redeem(site, &secret))
}

fn newest_event(site: &Site) -> (String, String) {
    let rows = audit::latest(&mut site.database.connect(Role::Reader), 1).expect("rows");
    (rows[0].0.clone(), rows[0].1.clone())
}

#[test]
fn contract_2_1_a_validated_secret_is_exchanged_once() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let (pin, secret) = create(&site);
        assert_eq!(error(&redeem(&site, &secret)), "invalid_grant");
        assert_eq!(status(&site, &secret), "Validating");
        assert_eq!(validate(&site.client(TIM), &json!(pin)).0, 200);
        site.pass(59);
        let reply = redeem(&site, &secret);
        let (access, renewal) = pair(&reply);
        assert_eq!(
            reply.json(),
            json!({
                "access_token": access, "token_type": "bearer", "expires_in": 3600, "refresh_token": renewal,
                "client_id": "OpenApi", ".issued": "Thu, 02 May 2024 09:00:59 GMT",
                ".expires": "Thu, 02 May 2024 10:00:59 GMT",
            })
        );
        assert!(access.starts_with("tla_") && renewal.starts_with("tlr_") && access.len() == 43);
        assert_eq!(newest_event(&site), ("grant".to_owned(), "ok".to_owned()));
        assert_eq!(error(&redeem(&site, &secret)), "invalid_grant");
        assert_eq!(status(&site, &secret), "WrongOrExpired");
        // Tim's rows, on either server, on each API that a pairing is for.
        for server in [0, 1] {
            assert_eq!(reads(&site, server, &access), 200);
            let tim = Client { address: site.address(server), token: access.clone() };
            let me = tim.send(Request::get("/api/rest/me")).json();
            assert_eq!(me["data"]["user"]["uniqueName"], json!(TIM));
            let entry = json!({"timeStamp": "2024-05-02T08:00:00", "length": 60, "comment": "paired"});
            assert_eq!(tim.send(request("POST", "/api/rest/workLogs", &entry)).status, 200);
            assert_eq!(tim.send(Request::get("/api/tracking/client/current")).status, 200);
        }
        // It is a bearer's, and neither a password nor a refresh token.
        let basic = Request::get("/api/rest/me").header("Authorization", &format!("Basic {access}"));
        assert_eq!(basic.send(site.address(0)).status, 401);
        assert_eq!(reads(&site, 0, &renewal), 401);
        assert_eq!(error(&refresh(&site, 0, &access)), "invalid_grant");
        // An hour, then the next pair.
        site.pass(3_599);
        assert_eq!(reads(&site, 0, &access), 200);
        site.pass(1);
        assert_eq!(reads(&site, 0, &access), 401);
        let (next, _) = pair(&refresh(&site, 1, &renewal));
        assert_eq!((reads(&site, 0, &next), reads(&site, 1, &next)), (200, 200));
        // A PIN that nobody redeems within its minute is lost.
        let (pin, secret) = create(&site);
        assert_eq!(validate(&site.client(TIM), &json!(pin)).0, 200);
        site.pass(60);
        assert_eq!(error(&redeem(&site, &secret)), "invalid_grant");
    });
}

#[test]
fn au_57_a_lost_answer_is_given_again_and_a_thief_ends_the_grant() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let (_, first) = paired(&site);
        let (access, second) = pair(&refresh(&site, 0, &first));
        // Within a minute: the same, from any server, with what is left of the hour.
        site.pass(60);
        let again = refresh(&site, 1, &first);
        assert_eq!(pair(&again), (access.clone(), second.clone()));
        assert_eq!(again.json()["expires_in"], json!(3540));
        // Later, while nobody used the second: it was lost, and is replaced, once.
        site.pass(1);
        let (other_access, third) = pair(&refresh(&site, 0, &first));
        assert!(third != second && other_access != access);
        assert_eq!(pair(&refresh(&site, 1, &first)), (other_access.clone(), third.clone()));
        let (last_access, fourth) = pair(&refresh(&site, 0, &third));
        assert_eq!(reads(&site, 1, &last_access), 200);
        // The lost one turns up: somebody else has it.
        assert_eq!(error(&refresh(&site, 0, &second)), "invalid_grant");
        assert_eq!(newest_event(&site).0, "reuse");
        for server in [0, 1] {
            for access in [&access, &other_access, &last_access] {
                assert_eq!(reads(&site, server, access), 401);
            }
        }
        assert_eq!(error(&refresh(&site, 0, &fourth)), "invalid_grant");

        // One whose successor was used, after its minute.
        let (_, first) = paired(&site);
        let (_, second) = pair(&refresh(&site, 0, &first));
        let (access, third) = pair(&refresh(&site, 0, &second));
        site.pass(61);
        assert_eq!(error(&refresh(&site, 1, &first)), "invalid_grant");
        assert_eq!((reads(&site, 0, &access), error(&refresh(&site, 0, &third))), (401, "invalid_grant".to_owned()));

        // A server whose clock is ahead sweeps early: that is a lost answer, and no theft.
        let (_, first) = paired(&site);
        let (_, lost) = pair(&refresh(&site, 0, &first));
        let ahead = timeledger::sql::Instant(site.clock.now().0 + 61_000_000);
        site.conn().write::<_, DbError>(|tx| grants::sweep(tx, ahead)).expect("it sweeps");
        let (access, second) = pair(&refresh(&site, 1, &first));
        assert!(second != lost && reads(&site, 0, &access) == 200);

        // An answer that is lost twice.
        let (_, first) = paired(&site);
        pair(&refresh(&site, 0, &first));
        site.pass(61);
        pair(&refresh(&site, 0, &first));
        site.pass(61);
        assert_eq!(error(&refresh(&site, 0, &first)), "invalid_grant");
        assert_eq!(newest_event(&site).0, "reuse");
    });
}

#[test]
fn au_57_fifty_refreshes_at_once_leave_one_living_grant() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let (_, first) = paired(&site);
        let pairs: Vec<(String, String)> = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..50)
                .map(|n| {
                    let (site, first) = (&site, &first);
                    scope.spawn(move || pair(&refresh(site, n % 2, first)))
                })
                .collect();
            tasks.into_iter().map(|task| task.join().expect("an answer")).collect()
        });
        assert!(pairs.iter().all(|pair| *pair == pairs[0]));
        let living = |site: &Site| grants::list(&mut site.database.connect(Role::Reader), 4, site.clock.now());
        assert_eq!(living(&site).expect("rows").len(), 1);
        let (access, second) = &pairs[0];
        assert_eq!(reads(&site, 1, access), 200);
        site.pass(1_000);
        pair(&refresh(&site, 0, second));
        assert_eq!(living(&site).expect("rows").len(), 1);
    });
}

#[test]
fn what_ends_a_grant() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let (tim, tess) = (site.client(TIM), site.client(TESS));
        let list = |client: &Client| client.send(Request::get("/api/v1/grants")).json()["items"].clone();
        // Its person.
        let (access, renewal) = paired(&site);
        let shown = list(&tim);
        let id = shown[0]["id"].as_str().expect("an id").to_owned();
        assert_eq!((shown.as_array().map(Vec::len), &shown[0]["client"]), (Some(1), &json!("OpenApi")));
        assert_eq!(list(&tess), json!([]));
        let end =
            |client: &Client| client.send(request("DELETE", &format!("/api/v1/grants/{id}"), &Value::Null)).status;
        assert_eq!((end(&tess), end(&tim), end(&tim)), (404, 204, 404));
        assert_eq!((reads(&site, 1, &access), error(&refresh(&site, 1, &renewal))), (401, "invalid_grant".to_owned()));
        // The person's end, and a lower role.
        let (access, renewal) = paired(&site);
        site.sql("UPDATE users SET role = 0, auth_version = auth_version + 1 WHERE id = 4");
        assert_eq!((reads(&site, 0, &access), reads(&site, 1, &access)), (403, 403));
        site.sql("UPDATE users SET is_active = FALSE, auth_version = auth_version + 1 WHERE id = 4");
        assert_eq!((reads(&site, 0, &access), reads(&site, 1, &access)), (401, 401));
        assert_eq!(error(&refresh(&site, 0, &renewal)), "invalid_grant");
        site.sql("UPDATE users SET role = 1, is_active = TRUE, auth_version = auth_version + 1 WHERE id = 4");
        // A year.
        pair(&refresh(&site, 0, &renewal));
        site.pass(366 * 86_400);
        assert_eq!(error(&refresh(&site, 0, &renewal)), "invalid_grant");
    });
}

#[test]
fn nothing_that_is_kept_is_a_token() {
    for_each_backend(|backend| {
        use diesel::prelude::*;
        use timeledger::db::tables::{access_tokens, refresh_tokens};
        use timeledger::on;
        let site = Site::start(backend, 1);
        let (access, first) = paired(&site);
        let (next, second) = pair(&refresh(&site, 0, &first));
        let conn = &mut site.conn();
        let digests: Vec<Vec<u8>> =
            on!(conn, c => access_tokens::table.select(access_tokens::digest).load(c)).expect("rows");
        let kept: Vec<(Vec<u8>, Option<Vec<u8>>)> = on!(conn, c => refresh_tokens::table
            .select((refresh_tokens::digest, refresh_tokens::sealed))
            .load(c))
        .expect("rows");
        assert_eq!((digests.len(), kept.len()), (2, 2));
        let bytes: Vec<u8> = digests
            .into_iter()
            .chain(kept.iter().flat_map(|row| [row.0.clone(), row.1.clone().unwrap_or_default()]))
            .flatten()
            .collect();
        for secret in [access, first, next, second] {
            assert!(!bytes.windows(20).any(|part| part == &secret.as_bytes()[4..24]));
        }
        assert_eq!(kept.iter().filter(|row| row.1.is_some()).count(), 1);
        // Not even sealed beyond its minute.
        site.pass(61);
        conn.write::<_, DbError>(|tx| grants::sweep(tx, site.clock.now())).expect("it sweeps");
        let sealed: i64 =
            on!(conn, c => refresh_tokens::table.filter(refresh_tokens::sealed.is_not_null()).count().get_result(c))
                .expect("a count");
        assert_eq!(sealed, 0);
    });
}

#[test]
fn errors_of_rfc_6749() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let good = "client_id=OpenApi&grant_type=authorization_code&code=x";
        for (form, code) in [
            ("", "invalid_client"),
            ("client_id=other&grant_type=authorization_code&code=x", "invalid_client"),
            ("client_id=OpenApi", "invalid_request"),
            ("client_id=OpenApi&grant_type=authorization_code", "invalid_request"),
            ("client_id=OpenApi&grant_type=refresh_token", "invalid_request"),
            ("client_id=OpenApi&grant_type=password&username=a&password=b", "unsupported_grant_type"),
            ("client_id=OpenApi&client_id=OpenApi&grant_type=authorization_code&code=x", "invalid_request"),
            (good, "invalid_grant"),
            ("client_id=OpenApi&grant_type=refresh_token&refresh_token=%00%ff", "invalid_grant"),
            (
                "client_id=OpenApi&grant_type=refresh_token&refresh_token=tlr_0123456789ABCDEFGHIJKLMNOPQRSTUVW000000",
                "invalid_grant",
            ),
        ] {
            assert_eq!(error(&token(&site, 0, form)), code, "{form}");
        }
        let long = format!("{good}{}", "x".repeat(9_000));
        assert_eq!(error(&token(&site, 0, &long)), "invalid_request");
        let json = Request::post("/token", "application/json", b"{}").send(site.address(0));
        assert_eq!(error(&json), "invalid_request");
        assert_eq!(Request::get("/token").send(site.address(0)).status, 405);
    });
}
