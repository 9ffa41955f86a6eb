//! AU-15: a token in the address, where that is switched on; AU-11: tokens of a former server.

use super::{audited, command};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::support::http::{Reply, Request};
use crate::support::program::both;
use crate::support::server::Server;

const ADA: &str = "ada@example.com";
const SET: &str = "/api/odata/v3.2/workLogsOnly";

#[test]
fn au_15_a_token_in_the_address_reads_reports_where_it_may() {
    for_each_backend(|backend| {
        let more = [("TIMELEDGER_AUTH__QUERY_TOKENS", "true")];
        let server = Server::start_with(Database::loaded(backend, Fixture::SMALL), &more);
        let (token, other) = (server.token(ADA), server.token("tim@example.com"));
        let get = |target: &str| Request::get(target).header("Prefer", "maxpagesize=2").send(server.address);
        let pages = get(&format!("{SET}?access_token={token}&$orderby=Id"));
        assert_eq!((pages.status, pages.header("Cache-Control")), (200, Some("no-store")), "{}", pages.lossy());
        // Nothing in the answer repeats it; whoever follows the link shows it again.
        let text = pages.text();
        assert!(text.contains("odata.nextLink") && !text.contains(&token) && !text.contains("access_token"), "{text}");
        let next = pages.json()["@odata.nextLink"].as_str().expect("a link").to_owned();
        let next = next[next.find("/api/").expect("a path")..].to_owned();
        assert_eq!(get(&next).status, 401);
        assert_eq!(get(&format!("{next}&access_token={token}")).status, 200);
        assert_eq!(get(&format!("/api/v1/exports/times?access_token={token}")).status, 200);
        assert_eq!(get(&format!("/api/Plant/v1/exports/times?access_token={token}")).status, 200);
        assert_eq!(get(&format!("{SET}?access%5Ftoken={token}&$top=1")).status, 200);
        let refused: [(Reply, u16); 8] = [
            (get(&format!("{SET}?access_token={token}&access_token={other}")), 400),
            (Request::get(&format!("{SET}?access_token={token}")).bearer(&token).send(server.address), 400),
            (get(&format!("{SET}?access_token={token}x")), 401),
            (get(&format!("{SET}?access_token=")), 401),
            (get(&format!("/api/rest/me?api-version=3.2&access_token={token}")), 401),
            (get(&format!("/api/v1/me?access_token={token}")), 401),
            (get(&format!("/api/tracking/client/current?access_token={token}")), 401),
            (Request::get(&format!("{SET}/$query?access_token={token}")).method("POST").send(server.address), 401),
        ];
        for (n, (reply, status)) in refused.into_iter().enumerate() {
            assert_eq!(reply.status, status, "{backend:?} {n}: {}", reply.lossy());
            assert!(!reply.lossy().contains(&token), "{n}");
        }
        // Its person's rights are those of every other way.
        let body = get(&format!("{SET}/$count?access_token={other}")).lossy();
        assert_eq!(body, server.get("tim@example.com", &format!("{SET}/$count")).lossy());
        let rows = format!("{:?}", audited(&server, 100));
        assert!(!server.log().contains(&token) && !rows.contains(&token), "{backend:?}");
    });
}

#[test]
fn au_15_it_is_off_unless_it_is_switched_on_and_repeated_nowhere() {
    for_each_backend(|backend| {
        let server = Server::start(Database::loaded(backend, Fixture::SMALL));
        let token = server.token(ADA);
        assert_eq!(Request::get(&format!("{SET}?access_token={token}")).send(server.address).status, 401);
        let pages = Request::get(&format!("{SET}?access_token={token}&$orderby=Id")).header("Prefer", "maxpagesize=2");
        let text = pages.bearer(&token).send(server.address).lossy();
        assert!(text.contains("nextLink") && !text.contains(&token), "{text}");
        assert!(!server.log().contains(&token), "{backend:?}");
    });
}

#[test]
fn au_11_a_former_servers_token_goes_on() {
    for_each_backend(|backend| {
        let server = Server::start(Database::loaded(backend, Fixture::SMALL));
        let secret = "c2VjcmV0LW9mLXRoZS1mb3JtZXItc2VydmVyLTAwMQ==";
        let read = || Request::get(&format!("{SET}?$top=1")).bearer(secret).send(server.address).status;
        let import = |user: &str, secret: &str| {
            let arguments =
                ["token", "import", "--user", user, "--name", "Old report", "--database", &server.database.text];
            let output = command(&[], &arguments, &format!("{secret}\n"));
            let said = both(&output);
            assert!(secret.len() < 8 || !said.contains(secret), "{said}");
            (output.status.success(), said)
        };
        assert_eq!(read(), 401);
        assert!(import(ADA, secret).0);
        assert_eq!(read(), 200, "{backend:?}");
        let whole_tokens = server.token(ADA);
        let cases = [
            (ADA, secret, "kept already"),
            ("tim@example.com", secret, "kept already"),
            (ADA, "short-but-plausible-token", "32 to 128"),
            (ADA, "with blanks in it, which no header of the contract takes", "32 to 128"),
            (ADA, whole_tokens.as_str(), "32 to 128"),
            ("nobody@example.com", "c2VjcmV0LW9mLXRoZS1mb3JtZXItc2VydmVyLTAwMg==", "nobody"),
        ];
        for (user, secret, why) in cases {
            let (done, said) = import(user, secret);
            assert!(!done && said.contains(why), "{backend:?} {why}: {said}");
        }
        // It is listed by its beginning, and ends as every other does.
        let arguments = ["token", "revoke", "c2VjcmV0", "--database", &server.database.text];
        assert!(command(&[], &arguments, "").status.success());
        assert_eq!(read(), 401);
    });
}
