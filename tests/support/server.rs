//! Servers: `timeledger serve` on a database with a fixture, as a process of its own.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::http::{Reply, Request};
use super::program;
use crate::backend::{Backend, Database, Fixture};

/// A running server. It ends with this value, or with the test process, however that ends.
pub struct Server {
    pub address: SocketAddr,
    pub database: Database,
    tokens: Mutex<HashMap<String, String>>,
    environment: Vec<(String, String)>,
    /// A shell that waits for a line with a signal or the end of its standard input, and then for the end of the server.
    keeper: Child,
}

/// Starts a server below its keeper.
fn keep(database: &Database, address: SocketAddr, environment: &[(String, String)]) -> Child {
    let listen = address.to_string();
    let serve = program::timeledger(&["serve", "--database", &database.text, "--listen", &listen]);
    let mut keeper = std::process::Command::new("sh");
    keeper
        .args(["-c", r#""$@" & server=$!; read -r signal; kill -${signal:-TERM} $server; wait $server"#, "sh"])
        .arg(serve.get_program())
        .args(serve.get_args())
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(File::create(log_file(address.port())).expect("a log file"));
    for (name, value) in serve.get_envs() {
        if value.is_none() {
            keeper.env_remove(name);
        }
    }
    keeper.spawn().expect("sh starts")
}

impl Server {
    pub fn start(database: Database) -> Server {
        Server::start_with(database, &[])
    }

    /// With further variables of the environment, such as `TIMELEDGER_ODATA__PAGE_SIZE`.
    pub fn start_with(database: Database, environment: &[(&str, &str)]) -> Server {
        let address = free_address();
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let keeper = keep(&database, address, &environment);
        let server = Server { address, database, tokens: Mutex::default(), environment, keeper };
        server.wait_until_ready(&log_file(address.port()));
        server
    }

    /// A server that is ready when somebody says so, such as one that speaks TLS.
    pub fn start_until(
        database: Database,
        environment: &[(&str, &str)],
        is_ready: impl Fn(SocketAddr) -> bool,
    ) -> Server {
        let address = free_address();
        let environment: Vec<(String, String)> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let keeper = keep(&database, address, &environment);
        let server = Server { address, database, tokens: Mutex::default(), environment, keeper };
        let until = Instant::now() + Duration::from_secs(60);
        while !is_ready(address) {
            assert!(Instant::now() < until, "no server after 60 s: {}", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Sends a signal, such as `HUP`, to the server itself.
    pub fn signal(&self, name: &str) {
        let keeper = self.keeper.id();
        let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).expect("its children");
        let server = children.split_whitespace().next().expect("the server");
        let sent = std::process::Command::new("sh").args(["-c", &format!("kill -{name} {server}")]).status();
        assert!(sent.expect("sh").success());
    }

    /// Another server on the database of this one.
    pub fn beside(other: &Server) -> Server {
        Server::start(other.database.again())
    }

    /// Kills the server as `kill -9` does, and starts another on the same database and port.
    pub fn kill_and_restart(&mut self) {
        self.restart_after("KILL");
    }

    /// As an administrator does it: lets it end by itself, and starts another.
    pub fn stop_and_restart(&mut self) {
        self.restart_after("TERM");
    }

    fn restart_after(&mut self, signal: &str) {
        writeln!(self.keeper.stdin.as_mut().expect("a pipe"), "{signal}").expect("the keeper listens");
        let _ = self.keeper.wait();
        self.keeper = keep(&self.database, self.address, &self.environment);
        self.wait_until_ready(&log_file(self.address.port()));
    }

    /// The server of a fixture that tests which only read share.
    pub fn shared(backend: Backend, fixture: Fixture) -> &'static Server {
        static SERVERS: LazyLock<Mutex<HashMap<(Backend, Fixture), &'static Server>>> = LazyLock::new(Mutex::default);
        let mut servers = lock(&SERVERS);
        servers
            .entry((backend, fixture))
            .or_insert_with(|| Box::leak(Box::new(Server::start(Database::loaded(backend, fixture)))))
    }

    fn wait_until_ready(&self, log: &PathBuf) {
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if Request::get("/health/ready").try_send(self.address).is_ok_and(|reply| reply.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no server after 60 s: {}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_file(self.address.port())).expect("the log")
    }

    /// A token of the person with this unique name.
    pub fn token(&self, user: &str) -> String {
        let mut tokens = lock(&self.tokens);
        let made = || {
            let made = program::run(&["token", "create", "--database", &self.database.text, "--user", user]);
            made.trim_end().to_owned()
        };
        tokens.entry(user.to_owned()).or_insert_with(made).clone()
    }

    /// A token of that person with every scope.
    pub fn full_token(&self, user: &str) -> String {
        let mut tokens = lock(&self.tokens);
        let made = || {
            let scopes = "reports.read,time.write,admin";
            let arguments = ["token", "create", "--database", &self.database.text, "--user", user, "--scopes", scopes];
            program::run(&arguments).trim_end().to_owned()
        };
        tokens.entry(format!("{user} in full")).or_insert_with(made).clone()
    }

    /// `GET` as that person; the target may hold blanks.
    pub fn get(&self, user: &str, target: &str) -> Reply {
        self.send(user, Request::get(target))
    }

    pub fn send(&self, user: &str, request: Request) -> Reply {
        request.bearer(&self.token(user)).send(self.address)
    }

    /// Rows of all pages, and how many pages there were.
    pub fn walk(&self, user: &str, target: &str) -> (Vec<serde_json::Value>, usize) {
        let mut rows = Vec::new();
        let mut next = Some(target.to_owned());
        let mut pages = 0;
        while let Some(target) = next {
            let reply = self.get(user, &target);
            assert_eq!(reply.status, 200, "{target}: {}", reply.text());
            let mut body = reply.json();
            rows.append(body["value"].as_array_mut().unwrap_or_else(|| panic!("{target}: no rows")));
            next = body["@odata.nextLink"].as_str().map(|link| path_of(link).to_owned());
            pages += 1;
            assert!(pages < 10_000, "the walk does not end");
        }
        (rows, pages)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// A server whose standard output a test reads.
pub struct Printing {
    child: Child,
    pub address: SocketAddr,
    output: PathBuf,
}

impl Printing {
    pub fn start(database: &Database) -> Printing {
        let address = free_address();
        let listen = address.to_string();
        let output = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("printed-{}.txt", address.port()));
        let mut serve = program::timeledger(&["serve", "--database", &database.text, "--listen", &listen]);
        serve
            .stdout(File::create(&output).expect("a file"))
            .stderr(File::create(log_file(address.port())).expect("a file"));
        let printing = Printing { child: serve.spawn().expect("it starts"), address, output };
        let until = Instant::now() + Duration::from_secs(60);
        while !Request::get("/health/ready").try_send(address).is_ok_and(|reply| reply.status == 200) {
            assert!(Instant::now() < until, "no server after 60 s: {}", printing.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        printing
    }

    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.output).expect("what it printed")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(log_file(self.address.port())).expect("its log")
    }
}

impl Drop for Printing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Path and query of an absolute link.
pub fn path_of(link: &str) -> &str {
    let after = link.find("://").map_or(0, |at| at + 3);
    link[after..].find('/').map_or(link, |at| &link[after + at..])
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
    listener.local_addr().expect("an address")
}

fn log_file(port: u16) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("server-{port}.log"))
}

/// A test that failed with the lock in its hand does not fail the others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
