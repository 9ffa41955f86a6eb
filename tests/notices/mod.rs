//! Notices (AU-13, AU-57, AU-90, UX-71): what people are told, in the app and by mail, through HTTP on both back ends with a
//! clock that the test holds, and a mail server of other people's.

mod app;
mod mailed;
mod signed_in;
mod told;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use timeledger::config::{self, Config, MailTls};
use timeledger::db::{DbError, Hold};
use timeledger::domain::notices::{self, Kind, Notice};
use timeledger::domain::wall::Written;
use timeledger::on;

use crate::backend::{Backend, Database, Fixture};
use crate::support::http::Request;
use crate::tracking::{Client, Site};

pub const TIM_KEY: i32 = 4;

/// Tries until it comes true.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// A mail server: `tests/clients/mail_server.py`.
pub struct MailServer {
    folder: tempfile::TempDir,
    port: u16,
    options: Vec<String>,
    process: Option<Child>,
}

impl MailServer {
    pub fn start(options: &[String]) -> MailServer {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = MailServer { folder, port: 0, options: options.to_vec(), process: None };
        server.up();
        server
    }

    /// Again on the port that it had.
    pub fn up(&mut self) {
        let python = std::env::var("TIMELEDGER_TEST_PYTHON").expect("TIMELEDGER_TEST_PYTHON, which tests/run sets");
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients/mail_server.py");
        let _ = std::fs::remove_file(self.file("port"));
        let process = Command::new(python)
            .arg(program)
            .arg(self.folder.path())
            .arg(self.port.to_string())
            .args(&self.options)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // It tells at length of clients that leave.
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.expect("Python starts"));
        wait_until("the mail server listens", || self.file("port").exists());
        self.port = self.text("port").parse().expect("a port");
    }

    pub fn down(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn mode(&self, mode: &str) {
        std::fs::write(self.file("mode"), mode).expect("a mode");
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// Lines of a file of its own.
    pub fn lines(&self, name: &str) -> usize {
        self.text(name).lines().count()
    }

    /// What it took, as Python's parser reads it.
    pub fn mails(&self) -> Vec<Value> {
        self.text("mails").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// As many as these, once they are there.
    pub fn wait_for(&self, count: usize) -> Vec<Value> {
        wait_until(&format!("{count} mails"), || self.lines("mails") >= count);
        self.mails()
    }

    /// Settings that name it.
    pub fn settings(&self) -> config::Mail {
        config::Mail {
            server: "127.0.0.1".into(),
            port: self.port,
            tls: MailTls::None,
            from: "Timeledger <time@example.com>".into(),
            timeout: 2,
            ..config::Mail::default()
        }
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.down();
    }
}

/// Servers that mail through this one, at 09:00 UTC on 2 May 2024.
pub fn mailing(backend: Backend, servers: usize, mail: config::Mail) -> Site {
    mailing_from(Database::loaded(backend, Fixture::SMALL), servers, mail)
}

pub fn mailing_from(database: Database, servers: usize, mail: config::Mail) -> Site {
    let server = config::Server { public_url: "https://time.example.com/t".into(), ..config::Server::default() };
    let config = Config { server, mail, ..Config::default() };
    Site::configured(database, servers, &config, Written::parse("2024-05-02T09:00:00").expect("a time").wall)
}

/// A notice to Tim.
pub fn reused(about: &str, address: &str) -> Notice {
    let facts = json!({"client": "OpenApi", "address": address});
    let facts: Map<String, Value> = facts.as_object().expect("an object").clone();
    Notice { user_id: TIM_KEY, kind: Kind::GrantReused, about: about.to_owned(), facts }
}

/// Tells, as a server would; whether it was news.
pub fn tell(site: &Site, notice: &Notice) -> bool {
    let now = site.clock.now();
    let told = site.conn().write::<_, DbError>(|tx| {
        tx.hold(Hold::Shared)?;
        notices::tell(tx, notice, now)
    });
    told.expect("told")
}

/// People at the servers of a site, each with one token: a person has fifty at most.
pub struct People<'s> {
    site: &'s Site,
    tokens: Mutex<HashMap<String, String>>,
}

impl People<'_> {
    pub fn of(site: &Site) -> People<'_> {
        People { site, tokens: Mutex::default() }
    }

    pub fn client(&self, server: usize, user: &str) -> Client {
        let mut tokens = self.tokens.lock().expect("nobody failed with it");
        let token = tokens.entry(user.to_owned()).or_insert_with(|| self.site.token(user)).clone();
        Client { address: self.site.address(server), token }
    }

    /// A person's notices, as that server gives them.
    pub fn list(&self, server: usize, user: &str) -> Vec<Value> {
        let reply = self.client(server, user).send(Request::get("/api/v1/notices"));
        assert_eq!(reply.status, 200, "{}", reply.lossy());
        reply.json()["items"].as_array().expect("a list").clone()
    }

    pub fn subjects(&self, server: usize, user: &str) -> Vec<String> {
        member(&self.list(server, user), "subject")
    }
}

/// Of each notice one member, as a text.
pub fn member(notices: &[Value], name: &str) -> Vec<String> {
    notices.iter().map(|notice| notice[name].as_str().expect(name).to_owned()).collect()
}

/// How many notices this is true of.
pub fn count_where(site: &Site, filter: &str) -> i64 {
    use diesel::prelude::*;
    #[derive(diesel::QueryableByName)]
    struct Count {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        n: i64,
    }
    let query = format!("SELECT count(*) AS n FROM notices WHERE {filter}");
    let mut conn = site.conn();
    let found: Count = on!(&mut conn, c => diesel::sql_query(query.as_str()).get_result(c)).expect(filter);
    found.n
}
