//! What is mailed: what stands in it, that it goes out once, and what happens where it does not go out.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use serde_json::{Value, json};
use timeledger::db::tables::users;
use timeledger::on;

use super::{MailServer, People, TIM_KEY, count_where, mailing, mailing_from, reused, tell, wait_until};
use crate::backend::{Database, Fixture, for_each_backend};
use crate::rest::request;
use crate::support::http::Request;
use crate::tracking::{Site, TIM};

const DAY: u64 = 86_400;

fn text<'v>(mail: &'v Value, pointer: &str) -> &'v str {
    mail.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {mail}"))
}

/// Mails that came to this, by the figures of so many servers: they are counted when all is written.
fn ended(site: &Site, servers: usize, outcome: &str) -> u64 {
    let name = format!("timeledger_mails_total{{kind=\"grantReused\",outcome=\"{outcome}\"}} ");
    let figure = |server: usize| -> u64 {
        let figures = Request::get("/metrics").send(site.address(server)).lossy();
        figures.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok()).unwrap_or_default()
    };
    (0..servers).map(figure).sum()
}

/// Path and query of the link that ends mails of a kind.
fn way_out(mail: &Value) -> String {
    let link = text(mail, "/headers/list-unsubscribe").trim_start_matches('<').trim_end_matches('>');
    link.strip_prefix("https://time.example.com/t").expect("this server's address").to_owned()
}

#[test]
fn ux_71_two_servers_send_one_mail_of_each_notice() {
    for_each_backend(|backend| {
        let server = MailServer::start(&[]);
        let site = mailing(backend, 2, server.settings());
        let people = People::of(&site);
        let made =
            people.client(0, TIM).send(request("POST", "/api/v1/tokens", &json!({"name": "Bücher", "days": 20})));
        assert_eq!(made.status, 201);
        site.pass(6 * DAY);
        let mail = server.wait_for(1).remove(0);
        assert_eq!(
            (text(&mail, "/envelopeFrom"), &mail["envelopeTo"]),
            ("time@example.com", &json!(["tim@example.com"]))
        );
        assert_eq!(mail["to"], json!([["Tim Tëam", "tim@example.com"]]), "{backend:?}");
        assert_eq!(mail["from"], json!([["Timeledger", "time@example.com"]]));
        assert_eq!(text(&mail, "/headers/subject"), "Your API token “Bücher” expires in 14 days");
        assert_eq!((text(&mail, "/type"), text(&mail, "/charset")), ("text/plain", "utf-8"));
        assert_eq!(mail["defects"], json!([]));
        assert!(mail["longestLine"].as_i64().expect("a number") <= 998 && mail["ascii"] == json!(true), "{mail}");
        let body = text(&mail, "/text").replace("\r\n", "\n");
        assert!(body.starts_with("Hello Tim Tëam,\n\nYour API token “Bücher” (tlt_"), "{body}");
        assert!(body.contains("expires in 14 days: 2024-05-22 09:00 UTC.\n\n"), "{body}");
        assert!(body.contains("\n-- \nTimeledger at https://time.example.com/t\n"), "{body}");
        assert!(body.contains(&format!("https://time.example.com/t{}", way_out(&mail))), "{body}");
        assert_eq!(text(&mail, "/headers/list-unsubscribe-post"), "List-Unsubscribe=One-Click");
        assert_eq!(text(&mail, "/headers/auto-submitted"), "auto-generated");
        assert_eq!(text(&mail, "/headers/date"), "Wed, 08 May 2024 09:00:00 +0000");
        let id = people.list(1, TIM)[0]["id"].as_str().expect("an id").to_owned();
        assert_eq!(text(&mail, "/headers/message-id"), format!("<{id}@example.com>"));
        // Many at once, by two servers: each once.
        for n in 0..20 {
            tell(&site, &reused(&format!("g{n}"), &format!("192.0.2.{n}")));
        }
        server.wait_for(21);
        site.pass(600);
        tell(&site, &reused("the last", "198.51.100.1"));
        let mails = server.wait_for(22);
        let mut ids: Vec<&str> = mails.iter().map(|mail| text(mail, "/headers/message-id")).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((mails.len(), ids.len(), server.lines("tries")), (22, 22, 22), "{backend:?}");
        wait_until("all are noted", || count_where(&site, "mailed_at IS NOT NULL AND mail_due_at IS NULL") == 22);
    });
}

#[test]
fn no_line_of_a_mails_head_is_of_anybodys_making() {
    for_each_backend(|backend| {
        let server = MailServer::start(&[]);
        let site = mailing(backend, 1, server.settings());
        let name = "Tim\r\nBcc: everybody@example.com\r\n\r\n\"<x@example.com>, Ann";
        let mut conn = site.conn();
        on!(&mut conn, c => diesel::update(users::table.find(TIM_KEY)).set(users::name.eq(name)).execute(c))
            .expect("a name");
        tell(&site, &reused("r1", "192.0.2.1\r\nBcc: everybody@example.com\r\n\r\n.\r\nMAIL FROM:<x@example.com>"));
        let mut named = reused("r2", "");
        named.kind = timeledger::domain::notices::Kind::TokenExpires;
        named.facts.insert("name".into(), json!("x\r\nBcc: everybody@example.com\n\tX: y\u{2028}"));
        tell(&site, &named);
        let mails = server.wait_for(2);
        for mail in &mails {
            let expected = [
                "from",
                "to",
                "date",
                "message-id",
                "subject",
                "list-unsubscribe",
                "list-unsubscribe-post",
                "auto-submitted",
                "mime-version",
                "content-type",
                "content-transfer-encoding",
            ];
            let mut names: Vec<&str> =
                mail["names"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
            let mut expected = expected.to_vec();
            names.sort_unstable();
            expected.sort_unstable();
            assert_eq!((names, &mail["envelopeTo"]), (expected, &json!(["tim@example.com"])), "{backend:?} {mail}");
            assert_eq!(mail["to"][0][1], json!("tim@example.com"));
            assert_eq!(mail["to"].as_array().map(Vec::len), Some(1));
        }
        // An address that is none, or two: it is nobody's, the reason is kept, and the mail is not sent anywhere.
        for (n, address) in ["tim@example.com\r\nRCPT TO:<x@example.com>", "a@example.com, b@example.com", "nowhere"]
            .into_iter()
            .enumerate()
        {
            on!(&mut conn, c => diesel::update(users::table.find(TIM_KEY)).set(users::email.eq(address)).execute(c))
                .expect("an address");
            tell(&site, &reused(&format!("a{n}"), "192.0.2.1"));
            let failed = format!("about = 'a{n}' AND mail_error LIKE 'no mail address%'");
            wait_until(address, || count_where(&site, &failed) == 1);
        }
        assert_eq!(server.lines("tries"), 2);
    });
}

/// A server that is down, refuses, or says nothing: nothing is lost, and nobody waits.
#[test]
fn what_cannot_be_sent_is_sent_later() {
    for_each_backend(|backend| {
        let mut server = MailServer::start(&[]);
        let site = mailing(backend, 2, server.settings());
        let people = People::of(&site);
        let failed = || ended(&site, 2, "failed");
        let quick = |what: &str| {
            for server in [0, 1] {
                let began = Instant::now();
                assert_eq!(people.client(server, TIM).send(Request::get("/api/rest/me")).status, 200);
                assert!(began.elapsed() < Duration::from_secs(1), "{backend:?} {what}: {:?}", began.elapsed());
            }
        };
        quick("warm");
        server.down();
        tell(&site, &reused("down", "192.0.2.1"));
        wait_until("down, first", || failed() == 1);
        quick("down");
        // Again after a minute, then after two more, then four.
        for (times, seconds) in [(1, 60), (2, 120), (3, 240)] {
            site.pass(seconds - 1);
            std::thread::sleep(Duration::from_millis(2_500));
            assert_eq!(failed(), times, "{backend:?}: not before its time");
            site.pass(1);
            wait_until("down, again", || failed() == times + 1);
        }
        server.up();
        let modes = [("later", 480, "come again"), ("silent", 960, "longer than 2 s")];
        for (mode, seconds, why) in modes {
            server.mode(mode);
            let (tries, failures) = (server.lines("tries"), failed());
            site.pass(seconds);
            wait_until(mode, || server.lines("tries") > tries);
            quick(mode);
            wait_until(mode, || failed() == failures + 1);
            assert_eq!(count_where(&site, &format!("mail_error LIKE '%{why}%'")), 1, "{backend:?} {mode}");
        }
        assert_eq!(server.mails(), Vec::<Value>::new());
        server.mode("slow");
        // A silent server may have taken it: the next copy comes late.
        site.pass(6 * 3_600);
        quick("slow");
        let mails = server.wait_for(1);
        assert!(text(&mails[0], "/text").contains("192.0.2.1"), "{backend:?}");
        wait_until("noted", || count_where(&site, "mailed_at IS NOT NULL AND mail_error IS NULL") == 1);
    });
}

#[test]
fn what_fails_for_a_day_is_given_up_and_shown() {
    for_each_backend(|backend| {
        let server = MailServer::start(&[]);
        let site = mailing(backend, 1, server.settings());
        server.mode("later");
        tell(&site, &reused("r", "192.0.2.1"));
        let mut tries = 0;
        while ended(&site, 1, "given_up") == 0 {
            tries += 1;
            wait_until("tried", || ended(&site, 1, "failed") + ended(&site, 1, "given_up") == tries);
            site.pass(3_600);
            assert!(tries < 50, "{backend:?}");
        }
        // At once, and at the end of each hour but the last.
        assert_eq!((tries, server.lines("tries"), ended(&site, 1, "sent")), (24, 24, 0), "{backend:?}");
        // It stays given up, and the next one is tried.
        server.mode("take");
        tell(&site, &reused("next", "192.0.2.2"));
        let mails = server.wait_for(1);
        assert!(text(&mails[0], "/text").contains("192.0.2.2"));
        wait_until("counted", || ended(&site, 1, "sent") == 1);
        assert_eq!(server.mails().len(), 1);
    });
}

/// A recipient whom the server does not know is not asked for all day, nor does that hold up others.
#[test]
fn what_is_refused_for_good_is_given_up_at_once() {
    for_each_backend(|backend| {
        let server = MailServer::start(&[]);
        let site = mailing(backend, 1, server.settings());
        server.mode("refuse");
        tell(&site, &reused("r", "192.0.2.1"));
        wait_until("given up", || ended(&site, 1, "given_up") == 1);
        site.pass(3_600);
        server.mode("take");
        tell(&site, &reused("next", "192.0.2.2"));
        assert!(text(&server.wait_for(1)[0], "/text").contains("192.0.2.2"), "{backend:?}");
        assert_eq!((server.lines("tries"), ended(&site, 1, "failed")), (2, 0));
    });
}

/// A server that ends with a mail in its hand leaves it to another; it has the same id if it goes out twice.
#[test]
fn a_server_that_dies_leaves_its_mail_to_the_next() {
    for_each_backend(|backend| {
        let server = MailServer::start(&[]);
        let mut settings = server.settings();
        settings.timeout = 60;
        server.mode("silent");
        let database = Database::loaded(backend, Fixture::SMALL);
        let first = mailing_from(database.again(), 1, settings.clone());
        tell(&first, &reused("r", "192.0.2.1"));
        wait_until("in its hand", || server.lines("tries") == 1);
        let second = mailing_from(database.again(), 1, settings);
        server.mode("take");
        drop(first);
        // For two minutes it is the first one's.
        second.pass(119);
        std::thread::sleep(Duration::from_millis(2_500));
        assert_eq!(server.lines("mails"), 0, "{backend:?}");
        second.pass(1);
        server.wait_for(1);
        wait_until("noted", || count_where(&second, "mailed_at IS NOT NULL AND mail_attempts = 2") == 1);
    });
}

#[test]
fn ux_71_quiet_hours_and_kinds_that_nobody_wants() {
    for_each_backend(|backend| {
        let server = MailServer::start(&[]);
        let site = mailing(backend, 2, server.settings());
        let people = People::of(&site);
        site.zone(TIM, "Europe/Berlin");
        let set = |body: &Value| {
            let reply = people.client(0, TIM).send(request("PATCH", "/api/v1/notices/settings", body));
            assert_eq!(reply.status, 200, "{}", reply.lossy());
        };
        // It is 11:00 in Berlin.
        set(&json!({"quietFrom": "10:30", "quietTo": "12:15"}));
        tell(&site, &reused("quiet", "192.0.2.1"));
        let put_off = "about = 'quiet' AND mail_attempts = 0 AND mail_due_at > created_at";
        wait_until("put off", || count_where(&site, put_off) == 1);
        assert_eq!(people.list(1, TIM).len(), 1, "the app is never quiet");
        site.pass(75 * 60 - 1);
        std::thread::sleep(Duration::from_millis(2_500));
        assert_eq!(server.lines("tries"), 0, "{backend:?}");
        site.pass(1);
        server.wait_for(1);
        // A kind that is off is in the app alone, also where its mail was waiting already.
        set(&json!({"quietFrom": "12:00", "quietTo": "13:00"}));
        tell(&site, &reused("waits", "192.0.2.2"));
        wait_until("put off", || count_where(&site, "about = 'waits' AND mail_due_at > created_at") == 1);
        set(&json!({"mail": {"grantReused": false}, "quietFrom": null, "quietTo": null}));
        tell(&site, &reused("off", "192.0.2.3"));
        site.pass(3_600);
        let dropped = "about IN ('waits', 'off') AND mail_due_at IS NULL AND mailed_at IS NULL AND mail_attempts = 0";
        wait_until("dropped", || count_where(&site, dropped) == 2);
        assert_eq!((people.list(0, TIM).len(), server.lines("tries")), (3, 1), "{backend:?}");
    });
}

#[test]
fn ux_71_one_click_ends_mails_of_a_kind_and_a_look_does_not() {
    for_each_backend(|backend| {
        let server = MailServer::start(&[]);
        let site = mailing(backend, 2, server.settings());
        let people = People::of(&site);
        tell(&site, &reused("r", "192.0.2.1"));
        let path = way_out(&server.wait_for(1)[0]);
        let wanted = |kind: &str| {
            let settings = people.client(0, TIM).send(Request::get("/api/v1/notices/settings")).json();
            settings["mail"][kind].as_bool().expect("true or false")
        };
        let post = |path: &str| {
            let form = "application/x-www-form-urlencoded";
            Request::post(path, form, b"List-Unsubscribe=One-Click").send(site.address(1))
        };
        // Whoever looks at mails follows links: nothing comes of it.
        for method in ["GET", "HEAD"] {
            assert_eq!(Request::get(&path).method(method).send(site.address(0)).status, 200);
        }
        let page = Request::get(&path).send(site.address(0));
        assert!(page.text().contains("<form method=\"post\">") && !page.text().contains("Tëam"), "{}", page.text());
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert_eq!(
            (page.header("Referrer-Policy"), page.header("Cache-Control")),
            (Some("no-referrer"), Some("no-store"))
        );
        assert!(wanted("grantReused"));
        // What nobody was sent does nothing.
        let (named, proof) = path.rsplit_once('.').expect("a proof");
        let tess = path.replace("0004.", "0005.");
        let other_kind = path.replace("grantReused", "tokenExpires");
        assert!(tess != path && other_kind != path);
        for forged in [&tess, &other_kind, named, &format!("{named}."), &format!("{named}.A{proof}"), "/unsubscribe"] {
            assert_eq!(
                (post(forged).status, Request::get(forged).send(site.address(0)).status),
                (404, 404),
                "{forged}"
            );
        }
        assert_eq!(Request::get(&path).method("DELETE").send(site.address(0)).status, 405);
        assert!(wanted("grantReused") && wanted("tokenExpires"));
        // One click, without signing in; twice is once.
        for _ in 0..2 {
            let done = post(&path);
            assert!(done.status == 200 && done.text().contains("no more mails"), "{}", done.text());
        }
        assert!(!wanted("grantReused") && wanted("tokenExpires"), "{backend:?}");
        tell(&site, &reused("after", "192.0.2.2"));
        wait_until("dropped", || count_where(&site, "about = 'after' AND mail_due_at IS NULL") == 1);
        assert_eq!((server.lines("tries"), people.list(0, TIM).len()), (1, 2));
    });
}

/// A site that turns mail on tells nobody what is long past, and who has no address gets none.
#[test]
fn nothing_stale_is_mailed() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        tell(&site, &reused("long past", "192.0.2.1"));
        let server = MailServer::start(&[]);
        let later = mailing_from(site.database.again(), 1, server.settings());
        later.pass(3 * DAY);
        wait_until("dropped or sent", || count_where(&later, "mail_due_at IS NULL") == 1);
        tell(&later, &reused("today", "192.0.2.2"));
        let mails = server.wait_for(1);
        assert!(text(&mails[0], "/text").contains("192.0.2.2"), "{backend:?}");
        let none: Option<&str> = None;
        let mut conn = later.conn();
        on!(&mut conn, c => diesel::update(users::table.find(TIM_KEY)).set(users::email.eq(none)).execute(c))
            .expect("none");
        tell(&later, &reused("without", "192.0.2.3"));
        wait_until("dropped", || {
            count_where(&later, "about = 'without' AND mail_due_at IS NULL AND mail_error IS NULL") == 1
        });
        assert_eq!(server.lines("tries"), 1);
    });
}
