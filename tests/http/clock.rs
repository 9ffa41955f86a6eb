//! A server in this process, whose clock the test holds: expiry, last use, and the end that leaves nothing behind.

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use timeledger::auth::{self, TokenError};
use timeledger::clock::Clock;
use timeledger::config::Config;
use timeledger::db::{Db, Options, Role};
use timeledger::domain::people::{self, NewPerson, PeopleError};
use timeledger::http::{App, serve_until};
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
    let app = App::new(Config::default(), Db::open(Options::new(database.url.clone())), clock, Metrics::new().unwrap());
    let server = std::thread::spawn(move || {
        let ended = async move { drop(stopped.await) };
        actix_web::rt::System::new().block_on(serve_until(app, listener, ended)).expect("it serves");
    });
    (address, stop, server)
}

#[test]
fn au_13_a_token_ends_and_its_last_use_is_kept() {
    for backend in BACKENDS {
        let database = Database::migrated(backend);
        let clock = Clock::held_at(Instant(1_800_000_000_000_000));
        let mut conn = database.connect(Role::Writer);
        let new = NewPerson {
            unique_name: "ann".to_owned(),
            name: "Ann".to_owned(),
            email: None,
            role: timeledger::policy::Role::Team,
        };
        let ann = conn.write::<_, PeopleError>(|tx| people::add(tx, &new, clock.now())).unwrap();
        let token = conn.write::<_, TokenError>(|tx| auth::create(tx, ann.id, "test", Some(2), clock.now())).unwrap();

        let (address, stop, server) = serve(&database, clock.clone());
        let get = || Request::get(USERS).bearer(token.expose()).header("User-Agent", "test/1").send(address).status;
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
