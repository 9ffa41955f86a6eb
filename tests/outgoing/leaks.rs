//! AU-64, AU-95: no secret of an outgoing credential stands in a log, an answer, the audit, a notice or the database.

use serde_json::{Value, json};
use timeledger::auth::audit::{self, Filter};
use timeledger::db::Role;
use timeledger::domain::notices::read;

use super::fakes::{DevOps, Entra, Face, MARK, Mood, pat};
use super::{ADA_ID, KEY, PUBLIC, TIM_ID};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::rest::request;
use crate::signin::command;
use crate::support::http::{Reply, Request as HttpRequest};
use crate::support::program;
use crate::support::server::Server;
use crate::tracking::{ADA, TIM};

/// Other forms of the mark: as Basic carries it, at each offset.
fn forms() -> Vec<String> {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD;
    let shifted = (0..3).map(|n| {
        let text = base64.encode(format!("{}{MARK}", ":".repeat(n)));
        // What the letters before and behind would change is left out.
        text[(n * 8).div_ceil(6)..(n + MARK.len()) * 8 / 6].to_owned()
    });
    [MARK.to_owned()].into_iter().chain(shifted).collect()
}

fn check(place: &str, text: &str) {
    for form in forms() {
        let at = text.find(&form);
        let around = at.map(|at| text.get(at.saturating_sub(200)..(at + 60).min(text.len())).unwrap_or("…"));
        assert!(at.is_none(), "{form} stands in {place}: {around:?}");
    }
}

#[test]
fn au_95_secrets_stand_nowhere() {
    for_each_backend(|backend| {
        let entra = Entra::start();
        let devops = DevOps::start(&entra);
        let (authority, secret) = (entra.authority(), format!("{MARK}-client-secret"));
        let settings = [
            ("TIMELEDGER_KEY", KEY),
            ("TIMELEDGER_LOG__LEVEL", "trace"),
            ("TIMELEDGER_SERVER__PUBLIC_URL", PUBLIC),
            ("TIMELEDGER_AZURE_DEVOPS__CLIENT_ID", "the-client"),
            ("TIMELEDGER_AZURE_DEVOPS__CLIENT_SECRET", &secret),
            ("TIMELEDGER_AZURE_DEVOPS__AUTHORITY", &authority),
        ];
        let server = Server::start_with(Database::loaded(backend, Fixture::SMALL), &settings);
        let replies = std::cell::RefCell::new(Vec::<String>::new());
        let heard = |reply: Reply| {
            let head: Vec<String> = reply.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            replies.borrow_mut().push(format!("{}\n{}", head.join("\n"), reply.lossy()));
            reply
        };
        let ask = |user: &str, method: &'static str, path: &str, body: &Value| {
            let target = format!("/api/v1/connections{path}");
            heard(request(method, &target, body).bearer(&server.full_token(user)).send(server.address))
        };
        let made = |name: &str, kind: &str| {
            let body = json!({"name": name, "baseUrl": devops.url(), "kind": kind, "allowHttp": true});
            ask(ADA, "POST", "", &body).json()["id"].as_str().expect("an id").to_owned()
        };
        let (services, plant) = (made("Main", "services"), made("Plant", "server"));
        let keep = |user: &str, path: &str, body: Value| ask(user, "PUT", path, &body).status;
        assert_eq!(keep(ADA, &format!("/{services}/credential"), json!({"kind": "pat", "secret": pat("svc")})), 200);
        let account = json!({"kind": "ntlm", "user": "CORP\\svc", "secret": format!("{MARK}-password")});
        assert_eq!(keep(ADA, &format!("/{plant}/credential"), account.clone()), 200);
        // What is refused is told without its secret, too.
        assert_eq!(keep(ADA, &format!("/{services}/credential"), account), 422);
        let wrong = json!({"kind": "pat", "secret": format!("{MARK} with blanks")});
        assert_eq!(keep(TIM, &format!("/{services}/my-credential"), wrong), 422);
        let wrong = json!({"kind": MARK.len(), "secret": [format!("{MARK}-list")]});
        assert_eq!(keep(TIM, &format!("/{services}/my-credential"), wrong), 400);
        // A pair: made, shown, renewed, refused.
        let come_back = |bend: &dyn Fn(String) -> String| {
            let away = ask(TIM, "POST", &format!("/{services}/authorize"), &json!({}));
            let cookie = away.header("Set-Cookie").expect("a cookie").split(';').next().expect("a pair").to_owned();
            let target = bend(entra.consent(away.json()["url"].as_str().expect("an address"), "Tim"));
            heard(HttpRequest::get(&target).header("Cookie", &cookie).send(server.address)).status
        };
        entra.set_lifetime(200);
        assert_eq!(come_back(&|target| target), 303);
        assert_eq!(come_back(&|target| target.replace("code=", "code=bent-")), 400);
        let test = |user: &str, id: &str, service: bool| {
            let body = json!({"service": service});
            ask(user, "POST", &format!("/{id}/test"), &body).json()["works"].as_bool().expect("a word")
        };
        assert!(test(TIM, &services, false) && test(ADA, &services, true) && !test(ADA, &plant, true));
        for mood in [Mood::Status(503, None), Mood::Error("invalid_grant")] {
            entra.set_mood(mood);
            crate::tracking::sql(&server.database, "UPDATE outgoing_credentials SET refresh_after = NULL");
            test(TIM, &services, false);
        }
        for face in [
            Face::Fixed(302, vec![("Location", format!("http://127.0.0.1:1/?{MARK}"))]),
            Face::Closed,
            Face::Fixed(401, vec![]),
        ] {
            devops.set_face(face);
            test(ADA, &services, true);
        }
        crate::tracking::sql(&server.database, "UPDATE outgoing_credentials SET sealed = substr(sealed, 1, 50)");
        test(ADA, &services, true);
        let lists = ["/api/v1/connections", "/api/v1/my-credentials", "/api/v1/audit", "/metrics"];
        for target in lists {
            heard(HttpRequest::get(target).bearer(&server.full_token(ADA)).send(server.address));
        }
        let database = server.database.text.clone();
        for arguments in [
            &["doctor", "--json"][..],
            &["config", "show", "--json"],
            &["connection", "list", "--json"],
            &["connection", "test", "Main"],
        ] {
            let arguments = if arguments[0] == "config" {
                arguments.to_vec()
            } else {
                [arguments, &["--database", &database]].concat()
            };
            check(&arguments.join(" "), &program::both(&command(&settings, &arguments, "")));
        }
        for (n, reply) in replies.borrow().iter().enumerate() {
            // The address at the provider holds a state, which is the browser's; the fakes' mark is in no answer.
            check(&format!("answer {n}"), reply);
        }
        let log = server.log();
        assert!(log.contains("a credential is refused") && log.contains("a credential waits"), "the log is whole");
        check("the log", &log);
        let conn = &mut server.database.connect(Role::Reader);
        let rows = audit::list(conn, &Filter { count: 1_000, ..Filter::default() }).expect("rows");
        assert!(
            rows.iter().any(|row| row.event == "credential-refused")
                && rows.iter().any(|row| row.event == "plain-http-allowed")
        );
        check("the audit", &format!("{rows:?}"));
        for user in [ADA_ID, TIM_ID] {
            check("a notice", &format!("{:?}", read::list(conn, user, 0, 100).expect("notices")));
        }
        if backend == Backend::Sqlite {
            let path = database.trim_start_matches("sqlite:").to_owned();
            for file in [path.clone(), format!("{path}-wal")] {
                let bytes = std::fs::read(&file).unwrap_or_default();
                check(&file, &String::from_utf8_lossy(&bytes));
            }
        }
        // The fakes did get them.
        let shown = devops.fake.asked().iter().filter(|asked| asked.header("Authorization").len() > 10).count();
        assert!(shown >= 5, "{shown}");
    });
}
