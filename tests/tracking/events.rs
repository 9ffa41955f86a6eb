//! Server-sent events: every state reaches every client of its person, whichever server it came through.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use timeledger::auth::{self, TokenError};

use super::{Client, NORA, Site, TESS, TIM};
use crate::backend::for_each_backend;
use crate::support::http::Request;

const EVENTS: &str = "/api/tracking/client/events";

struct Events(BufReader<TcpStream>);

impl Events {
    fn open(client: &Client, query: &str) -> Events {
        let mut stream = TcpStream::connect(client.address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
        let head = format!(
            "GET {EVENTS}{query} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nAccept-Encoding: gzip, br\r\n\r\n",
            client.token
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        let mut events = Events(BufReader::new(stream));
        let head: Vec<String> = std::iter::from_fn(|| events.line().filter(|line| !line.is_empty())).collect();
        assert_eq!(head[0], "HTTP/1.1 200 OK");
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream; charset=utf-8")));
        events
    }

    /// A line without its end; none at the end of the stream.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).expect("a line in time");
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The data of the next event; none: the stream ended.
    fn next(&mut self) -> Option<Value> {
        loop {
            let line = self.line()?;
            // The last chunk: the connection stays, the stream is over.
            if line == "0" {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    fn states(&mut self, count: usize) -> Vec<String> {
        let state = |event: Option<Value>| event.expect("an event")["track"]["trackingState"].to_string();
        (0..count).map(|_| state(self.next())).collect()
    }
}

#[test]
fn every_state_reaches_every_client_through_any_server() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 2);
        let (here, there) = (site.client_at(0, TIM), site.client_at(1, TIM));
        let mut first = Events::open(&here, "");
        let mut second = Events::open(&there, "?api-version=2.1");
        let mut other = Events::open(&site.client(TESS), "?$expand=true");
        assert_eq!((first.states(1), second.states(1)), (vec!["\"idle\"".to_owned()], vec!["1".to_owned()]));
        assert!(other.next().expect("an event")["settings"].is_object());
        site.pass(1);
        let started = there.step("startTracking", json!({"tfsId": 3}));
        let event = first.next().expect("an event");
        assert_eq!((&event["track"]["tfsId"], &event["timestamp"]), (&json!(3), &started["timestamp"]));
        assert_eq!(event["data"]["track"], event["track"]);
        assert_eq!(second.states(1), ["0"]);
        site.pass(1);
        here.step("stopTracking", Value::Null);
        assert_eq!((first.states(1), second.states(1)), (vec!["\"idle\"".to_owned()], vec!["1".to_owned()]));
        // Nobody hears of another's timer.
        site.pass(1);
        let tess = site.client(TESS);
        tess.step("startTracking", json!({"remark": "mine"}));
        assert_eq!(other.next().expect("an event")["track"]["remark"], json!("mine"));
        here.step("startTracking", json!({"remark": "his"}));
        assert_eq!(first.next().expect("an event")["track"]["remark"], json!("his"));
    });
}

#[test]
fn streams_are_bounded_and_end_with_their_credential() {
    for_each_backend(|backend| {
        let site = Site::start(backend, 1);
        let tim = site.client(TIM);
        let mut open: Vec<Events> = (0..8).map(|_| Events::open(&tim, "")).collect();
        let full = tim.send(Request::get(EVENTS));
        assert_eq!(full.status, 429, "{}", full.lossy());
        // One that goes makes room; the server notices as it writes.
        open.iter_mut().for_each(|events| drop(events.next()));
        site.conn().write::<_, TokenError>(|tx| auth::revoke(tx, &tim.token, site.clock.now())).expect("the token");
        let again = site.client(TIM);
        site.pass(1);
        again.step("startTracking", json!({"tfsId": 3}));
        for events in &mut open {
            assert_eq!(events.next(), None, "the stream of a revoked token goes on");
        }
        Events::open(&again, "");
        assert_eq!(site.client(NORA).send(Request::get(EVENTS)).status, 403);
        assert_eq!(Request::get(EVENTS).send(site.address(0)).status, 401);
        assert_eq!(again.send(Request::post(EVENTS, "", b"")).status, 405);
        assert_eq!(again.send(Request::get(&format!("{EVENTS}?api-version=x"))).status, 400);
    });
}
