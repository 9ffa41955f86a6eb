//! Tracking and pairing (contract §2.1, §5) through HTTP on both back ends, with a clock that the test holds.

mod contract;
mod events;
mod grants;
mod matrix;
pub mod pairing;
mod survival;

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Map, Value, json};
use timeledger::auth::{self, NewToken, Scopes, TokenError};
use timeledger::clock::Clock;
use timeledger::config::Config;
use timeledger::db::{Conn, Db, DbError, Hold, Options, Role};
use timeledger::domain::calendar::day_of;
use timeledger::domain::people::{self, NewPerson, PeopleError};
use timeledger::domain::wall::Written;
use timeledger::http::{App, serve_until};
use timeledger::on;
use timeledger::policy;
use timeledger::sql::{Guid, Instant};
use timeledger::telemetry::Metrics;

use crate::backend::{Backend, Database, Fixture};
use crate::rest::matrix::Week;
use crate::rest::request;
use crate::support::http::{Reply, Request};

pub const ADA: &str = "ada@example.com";
pub const PETRA: &str = "petra@example.com";
pub const TIM: &str = "tim@example.com";
pub const TESS: &str = "tess@example.com";
pub const NORA: &str = "nora@example.com";

const CLIENT: &str = "/api/tracking/client";

/// Some servers of this process on one database, with one clock.
pub struct Site {
    pub database: Database,
    pub clock: Clock,
    servers: Vec<Running>,
}

struct Running {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(database: &Database, clock: Clock, listener: TcpListener, config: Config) -> Running {
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let db = Db::open(Options::new(database.url.clone()));
        let app = App::new(config, db, clock, Metrics::new().expect("figures")).expect("a configuration");
        let thread = std::thread::spawn(move || {
            let ended = async move { drop(stopped.await) };
            actix_web::rt::System::new().block_on(serve_until(app, listener, ended)).expect("it serves");
        });
        Running { address, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Site {
    /// At 09:00 UTC on 2 May 2024, a Thursday.
    pub fn start(backend: Backend, servers: usize) -> Site {
        Site::on(Database::loaded(backend, Fixture::SMALL), servers)
    }

    pub fn on(database: Database, servers: usize) -> Site {
        let start = Written::parse("2024-05-02T09:00:00").expect("a time").wall;
        Site::configured(database, servers, &Config::default(), start)
    }

    /// With settings, at a time.
    pub fn configured(database: Database, servers: usize, config: &Config, start: Instant) -> Site {
        Site::at_address(database, servers, start, |_| config.clone())
    }

    /// With settings that name the first server's own address.
    pub fn at_address(
        database: Database,
        servers: usize,
        start: Instant,
        config: impl FnOnce(SocketAddr) -> Config,
    ) -> Site {
        let clock = Clock::held_at(start);
        let listeners: Vec<TcpListener> =
            (0..servers).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        let config = config(listeners[0].local_addr().expect("an address"));
        let start = |listener| Running::start(&database, clock.clone(), listener, config.clone());
        let servers = listeners.into_iter().map(start).collect();
        Site { database, clock, servers }
    }

    pub fn address(&self, server: usize) -> SocketAddr {
        self.servers[server].address
    }

    pub fn conn(&self) -> Conn {
        self.database.connect(Role::Writer)
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Puts the clock to this time.
    pub fn set_clock(&self, text: &str) {
        let wanted = Written::parse(text).expect("a time").wall.0 - self.clock.now().0;
        self.clock.advance(Duration::from_micros(u64::try_from(wanted).expect("a later time")));
    }

    pub fn set(&self, patch: Value) {
        let patch: Map<String, Value> = patch.as_object().expect("an object").clone();
        let reply = self.client(ADA).send(request("PATCH", "/api/v1/settings", &Value::Object(patch)));
        assert_eq!(reply.status, 200, "{}", reply.lossy());
    }

    pub fn zone(&self, user: &str, zone: &str) {
        use diesel::prelude::*;
        use timeledger::db::tables::users;
        let mut conn = self.conn();
        on!(&mut conn, c => diesel::update(users::table.filter(users::unique_name.eq(user)))
            .set(users::time_zone.eq(zone))
            .execute(c))
        .expect("a zone");
    }

    pub fn token(&self, user: &str) -> String {
        token(&self.database, user, self.clock.now())
    }

    /// A client of that person's at the first server.
    pub fn client(&self, user: &str) -> Client {
        self.client_at(0, user)
    }

    pub fn client_at(&self, server: usize, user: &str) -> Client {
        Client { address: self.address(server), token: self.token(user) }
    }

    /// A client of a person of role Team who was not there before.
    pub fn new_person(&self, server: usize, name: &str) -> Client {
        add_person(&self.database, name, self.clock.now());
        self.client_at(server, name)
    }

    /// Puts these people's week of 2 May 2024 into a state.
    pub fn set_week(&self, people: &[i32], week: Week) {
        use diesel::prelude::*;
        use timeledger::db::tables::{approvals, settings, week_locks};
        let monday = day_of(jiff::civil::date(2024, 4, 29));
        let conn = &mut self.conn();
        on!(conn, c => diesel::delete(approvals::table).execute(c)).expect("rows");
        on!(conn, c => diesel::delete(week_locks::table).execute(c)).expect("rows");
        for user in people {
            let Some(state) = week.number() else { continue };
            let row = (
                approvals::guid.eq(Guid(uuid::Uuid::now_v7())),
                approvals::user_id.eq(user),
                approvals::week_start.eq(monday),
                approvals::state.eq(state),
                approvals::modified_at.eq(self.clock.now()),
            );
            on!(conn, c => diesel::insert_into(approvals::table).values(row).execute(c)).expect("a week");
        }
        if week == Week::Locked {
            let row = (week_locks::week_start.eq(monday), week_locks::locked_at.eq(self.clock.now()));
            on!(conn, c => diesel::insert_into(week_locks::table).values(row).execute(c)).expect("a lock");
        }
        let start = if week == Week::BeforeStart { "\"2024-05-06\"" } else { "\"2024-01-01\"" };
        let row = settings::table.filter(settings::name.eq("approvalStartDate"));
        let set = on!(conn, c => diesel::update(row).set(settings::value.eq(start)).execute(c));
        assert_eq!(set.expect("a start date"), 1);
    }

    /// What is kept of PINs and secrets.
    pub fn pairings(&self) -> Vec<[Vec<u8>; 2]> {
        use diesel::prelude::*;
        use timeledger::db::tables::pairings;
        let mut conn = self.conn();
        let columns = (pairings::pin, pairings::secret);
        let rows: Vec<(Vec<u8>, Vec<u8>)> = on!(&mut conn, c => pairings::table.select(columns).load(c)).expect("rows");
        rows.into_iter().map(|(pin, secret)| [pin, secret]).collect()
    }

    pub fn sql(&self, statement: &str) {
        sql(&self.database, statement);
    }
}

/// Runs a statement that is no part of the product.
pub fn sql(database: &Database, statement: &str) {
    use diesel::connection::SimpleConnection;
    let mut conn = database.connect(Role::Writer);
    on!(&mut conn, c => c.batch_execute(statement)).map_err(DbError::from).expect(statement);
}

pub fn token(database: &Database, user: &str, now: Instant) -> String {
    let mut conn = database.connect(Role::Writer);
    let person = people::find(&mut conn, user).expect("a person");
    let new = NewToken { user_id: person.id, name: "test", days: Some(366), scopes: Scopes::ALL, per_minute: None };
    conn.write::<_, TokenError>(|tx| auth::create(tx, new, now)).expect("a token").expose().to_owned()
}

pub fn add_person(database: &Database, name: &str, now: Instant) {
    let new = NewPerson { unique_name: name.into(), name: name.into(), email: None, role: policy::Role::Team };
    let mut conn = database.connect(Role::Writer);
    let added = conn.write::<_, PeopleError>(|tx| {
        tx.hold(Hold::Exclusive)?;
        people::add(tx, &new, now)
    });
    added.expect("a person");
}

pub struct Client {
    pub address: SocketAddr,
    pub token: String,
}

impl Client {
    pub fn send(&self, request: Request) -> Reply {
        request.bearer(&self.token).send(self.address)
    }

    pub fn ask(&self, method: &'static str, path: &str, body: &Value) -> Reply {
        self.send(request(method, &format!("{CLIENT}/{path}"), body))
    }

    /// The state after a step.
    pub fn step(&self, path: &str, body: Value) -> Value {
        let reply = self.ask("POST", path, &body);
        assert_eq!(reply.status, 200, "{path}: {}", reply.lossy());
        reply.json()
    }

    pub fn current(&self) -> Value {
        let reply = self.ask("GET", "current", &Value::Null);
        assert_eq!(reply.status, 200, "{}", reply.lossy());
        reply.json()
    }

    /// Start, length and comment of the caller's logs from a day on, oldest first.
    pub fn logs(&self, from: &str) -> Vec<(String, i64, String)> {
        let reply = self.send(Request::get(&format!("/api/rest/workLogs?from={from}")));
        let reply = reply.json();
        let rows = reply["data"].as_array().expect("logs").iter().rev();
        let row = |row: &Value| {
            let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
            (text("timestamp"), row["length"].as_i64().expect("a length"), text("comment"))
        };
        rows.map(row).collect()
    }

    /// Waits until the server has acted by itself.
    pub fn wait_for(&self, state: &str) -> Value {
        let until = std::time::Instant::now() + Duration::from_secs(60);
        loop {
            let current = self.current();
            if current["track"]["trackingState"] == json!(state) {
                return current;
            }
            assert!(std::time::Instant::now() < until, "not {state}: {current}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// State, message state and stopped type of an answer.
pub fn told(state: &Value) -> (&str, &str, i64) {
    let text = |pointer: &str| state.pointer(pointer).and_then(Value::as_str).unwrap_or("?");
    let stopped = state["track"]["stoppedTrackType"].as_i64().expect("an integer");
    (text("/track/trackingState"), text("/trackSettings/responseState"), stopped)
}
