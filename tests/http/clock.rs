//! A server in this process, whose clock the test holds: expiry, last use, and the end that leaves nothing behind.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use timeledger::auth::{self, NewToken, Scopes, TokenError};
use timeledger::clock::Clock;
use timeledger::config::Config;
use timeledger::db::{Conn, Db, Options, Role};
use timeledger::domain::people::{self, NewPerson, PeopleError};
use timeledger::http::{App, serve_until};
use timeledger::policy;
use timeledger::sql::Instant;
use timeledger::telemetry::Metrics;

use crate::backend::{BACKENDS, Database};
use crate::support::http::Request;

const DAY: Duration = Duration::from_secs(86_400);
const USERS: &str = "/api/odata/v4.0/Users";

/// Serves until the sender is dropped.
fn serve(database: &Database, clock: Clock) -> (SocketAddr, tokio::sync::oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = App::new(Config::default(), Db::open(Options::new(database.url.clone())), clock, Metrics::new().unwrap())
        .unwrap();
    let server = std::thread::spawn(move || {
        let ended = async move { drop(stopped.await) };
        actix_web::rt::System::new().block_on(serve_until(app, listener, ended)).expect("it serves");
    });
    (address, stop, server)
}

/// Somebody, and a token of two days.
fn person_with_token(conn: &mut Conn, clock: &Clock) -> String {
    let new = NewPerson { unique_name: "ann".into(), name: "Ann".into(), email: None, role: policy::Role::Team };
    let ann = conn.write::<_, PeopleError>(|tx| people::add(tx, &new, clock.now())).unwrap();
    let new = NewToken { user_id: ann.id, name: "test", days: Some(2), scopes: Scopes::DEFAULT, per_minute: None };
    let token = conn.write::<_, TokenError>(|tx| auth::create(tx, new, clock.now())).unwrap();
    token.expose().to_owned()
}

/// A server that is told to stop lets what runs end, takes nothing new, and ends.
#[test]
fn a_running_request_ends_before_the_server_does() {
    let database = Database::migrated(BACKENDS[0]);
    let token = person_with_token(&mut database.connect(Role::Writer), &Clock::system());
    let (address, stop, server) = serve(&database, Clock::system());
    let mut running = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST {USERS}/$query HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: text/plain\r\n\
         Content-Length: 6\r\n\r\n"
    );
    running.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    drop(stop);
    let until = std::time::Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(address).is_ok() {
        assert!(std::time::Instant::now() < until, "new connections are taken");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.write_all(b"$top=1").unwrap();
    let mut answer = String::new();
    running.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"ann\""), "{answer}");
    server.join().expect("the server ends");
}

#[test]
fn au_13_a_token_ends_and_its_last_use_is_kept() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let clock = Clock::held_at(Instant(1_800_000_000_000_000));
        let mut conn = database.connect(Role::Writer);
        let token = person_with_token(&mut conn, &clock);

        let (address, stop, server) = serve(&database, clock.clone());
        let get = || Request::get(USERS).bearer(&token).header("User-Agent", "test/1").send(address).status;
        assert_eq!(get(), 200);
        clock.advance(DAY);
        let used = clock.now();
        assert_eq!(get(), 200);
        clock.advance(DAY);
        assert_eq!(get(), 401, "{backend:?}");

        drop(stop);
        server.join().expect("the server ends");
        let kept = auth::list(&mut conn, None).unwrap();
        assert_eq!(kept[0].last_used_at, Some(used), "{backend:?}");
    }
}
