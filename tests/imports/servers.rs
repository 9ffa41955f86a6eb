//! Jobs and servers: other people's jobs, two servers on one database, and one that dies.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use serde_json::{Value, json};
use timeledger::db::{Role, tables};
use timeledger::on;

use super::{counts, import, logs, over, upload};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::rest::{ADA, TESS, TIM, ask, error_code, server};
use crate::support::http::Request;
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
            std::thread::sleep(Duration::from_millis(wait));
            server.kill_and_restart();
            let found = logs(&server, "many 0");
            assert!(matches!(found, 0 | 900), "{found}");
            let job = over(&server, TIM, &accepted);
            assert_eq!(job["state"], "succeeded", "{job}");
            assert_eq!(logs(&server, "many 0"), 900);
        }
    });
}

/// Pieces of files that the database holds.
fn pieces(server: &Server) -> i64 {
    let conn = &mut server.database.connect(Role::Reader);
    on!(conn, c => tables::job_files::table.count().get_result(c)).expect("a count")
}

#[test]
fn half_and_large_files_leave_nothing() {
    for_each_backend(|backend| {
        let database = Database::loaded(backend, Fixture::SMALL);
        let server = Server::start_with(database, &[("TIMELEDGER_JOBS__MAX_FILE_BYTES", "400000")]);
        let large = upload(&server, TIM, "fileName=a.csv", &vec![b'x'; 400_001]);
        assert_eq!((large.status, error_code(&large).as_str()), (413, "PayloadTooLarge"), "{}", large.lossy());
        for framing in ["Content-Length: 390000", "Transfer-Encoding: chunked"] {
            let mut half = TcpStream::connect(server.address).expect("a connection");
            let head = format!(
                "POST /api/v1/imports?fileName=a.csv HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{framing}\r\n\r\n",
                server.full_token(TIM)
            );
            half.write_all(head.as_bytes()).expect("sent");
            if framing.ends_with("chunked") {
                half.write_all(b"4e200\r\n").expect("sent");
            }
            half.write_all(&vec![b'x'; 300_000]).expect("sent");
            half.shutdown(Shutdown::Both).expect("gone");
        }
        let until = Instant::now() + Duration::from_secs(30);
        while pieces(&server) > 0 {
            assert!(Instant::now() < until, "{} pieces are left", pieces(&server));
            std::thread::sleep(Duration::from_millis(50));
        }
        let list = ask(&server, TIM, "GET", "/api/v1/jobs", &Value::Null).json();
        assert_eq!(list, json!({"items": []}));
    });
}

#[test]
fn a_cancelled_import_leaves_nothing() {
    for_each_backend(|backend| {
        let server = server(backend);
        let text = file(0, 5_000);
        for wait in [0, 600, 900] {
            let accepted = upload(&server, TIM, "fileName=a.csv", text.as_bytes());
            std::thread::sleep(Duration::from_millis(wait));
            let address = format!("{}/cancel", accepted.header("Location").expect("an address"));
            let asked = ask(&server, TIM, "POST", &address, &Value::Null);
            let job = over(&server, TIM, &accepted);
            let found = logs(&server, "many 0 1");
            match job["state"].as_str() {
                Some("cancelled") => assert_eq!((asked.status, found), (200, 0), "{job}"),
                Some("succeeded") => {
                    assert!(asked.status == 409 && found > 0, "{} {found} {job}", asked.status);
                    let undo = format!("/api/v1/imports/{}/undo", job["id"].as_str().expect("an id"));
                    assert_eq!(ask(&server, TIM, "POST", &undo, &Value::Null).status, 200);
                }
                _ => panic!("{job}"),
            }
        }
    });
}

#[test]
fn an_import_with_a_key_is_ordered_once() {
    for_each_backend(|backend| {
        let server = server(backend);
        let send = |text: &str| {
            Request::post("/api/v1/imports?fileName=a.csv", "text/csv", text.as_bytes())
                .header("Idempotency-Key", "once")
                .bearer(&server.full_token(TIM))
                .send(server.address)
        };
        let (first, second) = (send(&file(0, 2)), send(&file(0, 2)));
        assert_eq!((first.status, second.status), (202, 202), "{}", second.lossy());
        assert_eq!(first.header("Location"), second.header("Location"));
        let other = send(&file(1, 2));
        assert_eq!((other.status, error_code(&other).as_str()), (422, "IdempotencyKeyReused"), "{}", other.lossy());
        assert_eq!(counts(&over(&server, TIM, &first)), [2, 0, 0, 0, 0]);
    });
}
