//! A client that writes, and keeps a ledger of what it knows to be so.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Random;
use crate::rest::request;
use crate::support::http::{Reply, Request};

/// What must be so, by everything that was answered.
#[derive(Debug, Default)]
pub struct Ledger {
    pub user: i32,
    /// Seconds and work item by comment, which each log has for itself.
    pub logs: BTreeMap<String, (i64, Option<i64>)>,
    /// Addresses of jobs that were accepted, and how the comments of their rows begin.
    pub imports: Vec<(String, String)>,
    /// Comment and start of the timer that runs.
    pub timer: Option<(String, String)>,
    /// Whether the week that nothing is written in is submitted.
    pub submitted: bool,
    pub acknowledged: usize,
    pub in_doubt: usize,
}

pub struct Client {
    address: SocketAddr,
    token: String,
    n: usize,
    random: Random,
    next: usize,
    /// Ids and comments of logs that may be changed.
    made: Vec<(String, String)>,
    ledger: Ledger,
}

/// A Monday with its week, in which nobody writes.
const WEEK: &str = "2024-06-03";
/// Rows of an imported file.
const ROWS: usize = 12;
const ITEMS: [i64; 5] = [2, 3, 4, 5, 7];

impl Client {
    pub fn new(address: SocketAddr, token: String, n: usize, user: i32, random: Random) -> Client {
        let ledger = Ledger { user, ..Ledger::default() };
        Client { address, token, n, random, next: 0, made: Vec::new(), ledger }
    }

    /// Writes until it is told to stop; what was in doubt is settled then.
    pub fn write_until(mut self, over: &AtomicBool) -> Ledger {
        while !over.load(Ordering::Relaxed) {
            match self.random.below(100) {
                0..25 => self.post_with_key(),
                25..45 => self.post(),
                45..57 => self.change(),
                57..64 => self.delete(),
                64..72 => self.batch(),
                72..77 => self.import(),
                77..90 => self.turn_timer(),
                90..95 => self.turn_week(),
                _ => self.assign(),
            }
        }
        self.timer_still_runs();
        self.ledger
    }

    /// A request; none where the connection broke: it was done or it was not. A server that is away or full took nothing.
    fn try_ask(&mut self, request: &Request) -> Option<Reply> {
        let request = request.clone().bearer(&self.token);
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < until, "nobody answers: {}", request.shown());
            match request.try_send(self.address) {
                Ok(reply) if matches!(reply.status, 429 | 503) => {}
                Ok(reply) if reply.complete => {
                    assert!(reply.status < 500, "{}: {} {}", request.shown(), reply.status, reply.lossy());
                    self.ledger.acknowledged += 1;
                    return Some(reply);
                }
                Err(refused) if refused.kind() == std::io::ErrorKind::ConnectionRefused => {}
                _ => {
                    self.ledger.in_doubt += 1;
                    return None;
                }
            }
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// As [`Client::try_ask`], again until it is answered: for what may be done twice.
    fn ask(&mut self, request: &Request) -> Reply {
        loop {
            if let Some(reply) = self.try_ask(request) {
                return reply;
            }
        }
    }

    fn get(&mut self, target: &str) -> Value {
        let reply = self.ask(&Request::get(target));
        assert_eq!(reply.status, 200, "{target}: {}", reply.lossy());
        reply.json()
    }

    fn fresh(&mut self) -> String {
        self.next += 1;
        format!("w{}-{};", self.n, self.next)
    }

    /// A log that is not there yet: its comment, seconds, item and JSON.
    fn draft(&mut self) -> (String, i64, Option<i64>, Value) {
        let comment = self.fresh();
        let seconds = self.random.between(60, 7_199);
        let item = (self.random.below(10) < 7).then(|| ITEMS[self.random.below(ITEMS.len())]);
        let day = self.random.between(1, 28);
        let (hour, minute) = (self.random.below(20), self.random.below(60));
        let start = format!("2024-05-{day:02}T{hour:02}:{minute:02}:00");
        let body = json!({"timeStamp": start, "length": seconds, "comment": comment, "workItemId": item});
        (comment, seconds, item, body)
    }

    /// The ids and lengths of this person's logs with that comment.
    fn found(&mut self, comment: &str) -> Vec<(String, i64)> {
        let target = format!(
            "/api/odata/v4.0/Worklogs?$filter=startswith(Comment,'{comment}') and User/UniqueName eq 'writer{}'\
             &$select=Id,PeriodLength",
            self.n
        );
        let rows = self.get(&target);
        let row = |row: &Value| {
            (row["Id"].as_str().expect("an id").to_owned(), row["PeriodLength"].as_i64().expect("seconds"))
        };
        rows["value"].as_array().expect("rows").iter().map(row).collect()
    }

    fn keep(&mut self, id: String, comment: String, seconds: i64, item: Option<i64>) {
        self.made.push((id, comment.clone()));
        let twice = self.ledger.logs.insert(comment, (seconds, item));
        assert_eq!(twice, None);
    }

    fn made_by(reply: &Reply) -> String {
        assert_eq!(reply.status, 200, "{}", reply.lossy());
        reply.json()["data"]["id"].as_str().expect("an id").to_owned()
    }

    fn post_with_key(&mut self) {
        let (comment, seconds, item, body) = self.draft();
        let key = format!("{}-{}", self.n, self.next);
        let reply = self.ask(&request("POST", "/api/rest/workLogs", &body).header("Idempotency-Key", &key));
        let id = Client::made_by(&reply);
        // Whether the first try was done or a later one.
        assert_eq!(self.found(&comment), [(id.clone(), seconds)], "{comment}");
        self.keep(id, comment, seconds, item);
    }

    fn post(&mut self) {
        let (comment, seconds, item, body) = self.draft();
        match self.try_ask(&request("POST", "/api/rest/workLogs", &body)) {
            Some(reply) => self.keep(Client::made_by(&reply), comment, seconds, item),
            None => match self.found(&comment).as_slice() {
                [] => {}
                [(id, length)] if *length == seconds => self.keep(id.clone(), comment, seconds, item),
                other => panic!("{comment} of {seconds} s was in doubt, and is {other:?}"),
            },
        }
    }

    fn any(&mut self) -> Option<usize> {
        (!self.made.is_empty()).then(|| self.random.below(self.made.len()))
    }

    fn change(&mut self) {
        let Some(at) = self.any() else { return };
        let (id, comment) = self.made[at].clone();
        let (old, item) = self.ledger.logs[&comment];
        let new = self.random.between(60, 7_199);
        let target = format!("/api/rest/workLogs/{id}");
        let now = match self.try_ask(&request("PATCH", &target, &json!({"length": new}))) {
            Some(reply) => {
                assert_eq!(reply.status, 200, "{}", reply.lossy());
                new
            }
            None => match self.found(&comment).as_slice() {
                [(_, length)] if [old, new].contains(length) => *length,
                other => panic!("{comment} had {old} s, {new} s are in doubt, and it is {other:?}"),
            },
        };
        self.ledger.logs.insert(comment, (now, item));
    }

    fn delete(&mut self) {
        let Some(at) = self.any() else { return };
        let (id, comment) = self.made[at].clone();
        let gone = match self.try_ask(&Request::get(&format!("/api/rest/workLogs/{id}")).method("DELETE")) {
            Some(reply) => {
                assert_eq!(reply.status, 200, "{}", reply.lossy());
                true
            }
            None => self.found(&comment).is_empty(),
        };
        if gone {
            self.ledger.logs.remove(&comment);
            self.made.swap_remove(at);
        }
    }

    fn batch(&mut self) {
        let prefix = self.fresh();
        let mut drafts = Vec::new();
        for n in 0..self.random.between(2, 7) {
            let (_, seconds, item, mut body) = self.draft();
            let comment = format!("{prefix}{n};");
            body["comment"] = json!(comment);
            drafts.push((comment, seconds, item, body));
        }
        let body: Value = drafts.iter().map(|draft| draft.3.clone()).collect();
        let count = drafts.len();
        let there = match self.try_ask(&request("POST", "/api/rest/workLogs/batch", &body)) {
            Some(reply) => {
                assert_eq!(reply.status, 200, "{}", reply.lossy());
                true
            }
            None => match self.found(&prefix).len() {
                0 => false,
                all if all == count => true,
                some => panic!("{some} of the {count} logs of batch {prefix} are there"),
            },
        };
        if there {
            let all = drafts.into_iter().map(|(comment, seconds, item, _)| (comment, (seconds, item)));
            self.ledger.logs.extend(all);
        }
    }

    /// A file, ordered with a key until it is accepted, once the one before is done. The rows must all be there in the end.
    fn import(&mut self) {
        if let Some((last, _)) = self.ledger.imports.last().cloned()
            && matches!(self.get(&last)["state"].as_str(), Some("queued" | "running"))
        {
            return;
        }
        let prefix = self.fresh();
        let mut file = "TimeStamp,Duration,Comment,WorkItem\n".to_owned();
        let mut rows = Vec::new();
        for n in 0..ROWS {
            let minutes = self.random.between(1, 59);
            let comment = format!("{prefix}{n};");
            file += &format!("2024-05-{:02} 10:00,0:{minutes:02},{comment},3\n", n + 1);
            rows.push((comment, (minutes * 60, Some(3))));
        }
        let key = format!("import-{}-{}", self.n, self.next);
        let order = Request::post("/api/v1/imports?fileName=a.csv", "text/csv", file.as_bytes());
        let reply = self.ask(&order.header("Idempotency-Key", &key));
        assert_eq!(reply.status, 202, "{}", reply.lossy());
        self.ledger.imports.push((reply.header("Location").expect("an address").to_owned(), prefix));
        self.ledger.logs.extend(rows);
    }

    /// Starts what rests and stops what runs.
    fn turn_timer(&mut self) {
        const CLIENT: &str = "/api/tracking/client";
        let before = self.ledger.timer.clone();
        let comment = match &before {
            Some((comment, _)) => comment.clone(),
            None => self.fresh(),
        };
        let step = match &before {
            Some(_) => request("POST", &format!("{CLIENT}/stopTracking"), &Value::Null),
            None => request("POST", &format!("{CLIENT}/startTracking"), &json!({"tfsId": 4, "remark": comment})),
        };
        let state = match self.try_ask(&step) {
            Some(reply) => {
                assert_eq!(reply.status, 200, "{}", reply.lossy());
                reply.json()
            }
            None => self.get(&format!("{CLIENT}/current")),
        };
        let text = |name: &str| state["track"][name].as_str().unwrap_or_default().to_owned();
        let now = match text("trackingState").as_str() {
            "tracking" => Some((text("remark"), text("currentTrackStartedDateTime"))),
            "idle" => None,
            _ => panic!("{state}"),
        };
        match (&before, &now) {
            (Some(before), Some(now)) => assert_eq!(before, now),
            (None, Some((remark, _))) => assert_eq!(remark, &comment),
            (Some(_), None) => match self.found(&comment).as_slice() {
                [(_, seconds)] => {
                    self.ledger.logs.insert(comment, (*seconds, Some(4)));
                }
                other => panic!("{comment} was stopped, and is {other:?}"),
            },
            (None, None) => {}
        }
        self.ledger.timer = now;
    }

    /// It runs as it was started, or rests.
    fn timer_still_runs(&mut self) {
        let state = self.get("/api/tracking/client/current");
        let text = |name: &str| state["track"][name].as_str().unwrap_or_default().to_owned();
        let running =
            (text("trackingState") == "tracking").then(|| (text("remark"), text("currentTrackStartedDateTime")));
        assert_eq!(running, self.ledger.timer);
    }

    fn turn_week(&mut self) {
        let submitted = self.ledger.submitted;
        let step = if submitted {
            Request::get(&format!("/api/rest/timeApproval/week?weekStart={WEEK}")).method("DELETE")
        } else {
            request("POST", "/api/rest/timeApproval/week", &json!({"weekStart": WEEK}))
        };
        if let Some(reply) = self.try_ask(&step) {
            assert_eq!(reply.status, 200, "{}", reply.lossy());
            self.ledger.submitted = !submitted;
            return;
        }
        // Whether it is submitted: once more would be refused.
        let again = self.ask(&step);
        assert!(matches!(again.status, 200 | 422), "{}", again.lossy());
        self.ledger.submitted = !submitted;
    }

    /// A budget of an item that others write on, taken and given.
    fn assign(&mut self) {
        const BUDGETS: &str = "/api/v1/budgets/bbbbbbbb-0000-4000-8000-000000000003/assignments";
        let item = ITEMS[1 + self.random.below(ITEMS.len() - 1)].to_string();
        let step = if self.random.below(2) == 0 {
            request("POST", BUDGETS, &json!({"kind": "workItem", "target": item}))
        } else {
            Request::get(&format!("{BUDGETS}/workItem/{item}")).method("DELETE")
        };
        if let Some(reply) = self.try_ask(&step) {
            assert!(matches!(reply.status, 200 | 204 | 404 | 409), "{} {}", reply.status, reply.lossy());
        }
    }
}
