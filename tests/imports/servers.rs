//! Jobs and servers: other people's jobs, two servers on one database, and one that dies.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{counts, import, logs, over, upload};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::rest::{ADA, TESS, TIM, ask, server};
use crate::support::server::Server;

fn file(n: usize, rows: usize) -> String {
    let mut text = "UserName,TimeStamp,Duration,Comment\n".to_owned();
    for row in 0..rows {
        text += &format!(
            "tim@example.com,2024-04-{:02} {:02}:{:02},0.25,many {n} {row}\n",
            row % 28 + 1,
            row / 60 % 24,
            row % 60
        );
    }
    text
}

#[test]
fn jobs_are_their_peoples_and_administrators() {
    for_each_backend(|backend| {
        let server = server(backend);
        let job = import(&server, TIM, "fileName=a.csv", &file(1, 1));
        let id = job["id"].as_str().expect("an id");
        for (who, status) in [(TIM, 200), (ADA, 200), (TESS, 404)] {
            for part in ["", "/problems"] {
                let reply = ask(&server, who, "GET", &format!("/api/v1/jobs/{id}{part}"), &Value::Null);
                assert_eq!(reply.status, status, "{who} {part}");
            }
            let cancelled = ask(&server, who, "POST", &format!("/api/v1/jobs/{id}/cancel"), &Value::Null);
            assert_eq!(cancelled.status, if status == 200 { 409 } else { 404 }, "{who}");
        }
        let ids = |who: &str| -> BTreeSet<String> {
            let list = ask(&server, who, "GET", "/api/v1/jobs?state=succeeded", &Value::Null).json();
            list["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
        };
        assert!(ids(TIM).contains(id) && ids(ADA).contains(id) && ids(TESS).is_empty());
        for wrong in ["/api/v1/jobs?state=none", "/api/v1/jobs?count=x"] {
            assert_eq!(ask(&server, TIM, "GET", wrong, &Value::Null).status, 400, "{wrong}");
        }
        assert_eq!(ask(&server, TIM, "GET", "/api/v1/jobs/none", &Value::Null).status, 404);
        assert_eq!(ask(&server, TIM, "GET", &format!("/api/v1/jobs/{id}/result"), &Value::Null).status, 404);
    });
}

#[test]
fn two_servers_on_one_database_run_each_job_once() {
    let database = Database::loaded(Backend::Postgres, Fixture::SMALL);
    let one = Server::start(database);
    let two = Server::beside(&one);
    let accepted: Vec<_> = (0..50)
        .map(|n| {
            let to = if n % 2 == 0 { &one } else { &two };
            upload(to, if n % 3 == 0 { ADA } else { TIM }, "fileName=a.csv", file(n, 2).as_bytes())
        })
        .collect();
    for reply in &accepted {
        let job = over(&one, ADA, reply);
        assert_eq!((counts(&job), &job["attempts"]), ([2, 0, 0, 0, 0], &json!(1)), "{job}");
    }
    assert_eq!(logs(&one, "many "), 100);
    let ran = |server: &Server| {
        let text = server.get(ADA, "/metrics").lossy();
        let line = text.lines().find(|line| line.starts_with("timeledger_jobs_total")).map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u32>().ok()).unwrap_or(0)
    };
    assert_eq!(ran(&one) + ran(&two), 50);
    assert!(ran(&one) > 0 && ran(&two) > 0);
}

/// `kill -9` while a file is written leaves all of its rows or none, and the job is done by whoever comes after.
#[test]
fn a_server_that_dies_leaves_no_half_import() {
    for_each_backend(|backend| {
        let mut server = server(backend);
        let text = file(0, 900);
        for wait in [550, 800] {
            let accepted = upload(&server, TIM, "fileName=a.csv", text.as_bytes());
            std::thread::sleep(std::time::Duration::from_millis(wait));
            server.kill_and_restart();
            let found = logs(&server, "many 0");
            assert!(matches!(found, 0 | 900), "{found}");
            let job = over(&server, TIM, &accepted);
            assert_eq!(job["state"], "succeeded", "{job}");
            assert_eq!(logs(&server, "many 0"), 900);
        }
    });
}
