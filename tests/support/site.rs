//! Sites made for a test: files for `timeledger load` with more logs than one would write by hand.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

/// A site of one administrator (`ada@example.com`) and these items, each with its parent.
pub fn items(name: &str, parents: impl IntoIterator<Item = (usize, Option<usize>)>) -> PathBuf {
    let item = |(id, parent): (usize, Option<usize>)| {
        json!({
            "id": id, "parentId": parent, "project": "P", "type": "Task", "state": "New", "title": format!("Item {id}"),
            "areaPath": "P", "iterationPath": "P", "fields": {},
        })
    };
    let items: Vec<Value> = parents.into_iter().map(item).collect();
    let ada = json!({
        "id": "00000000-0000-4000-8000-000000000001", "name": "Ada", "uniqueName": "ada@example.com",
        "email": "ada@example.com", "role": "Administrator",
    });
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    let site = json!({"users": [ada], "workItems": items});
    fs::write(&file, site.to_string()).expect("a file of items");
    file
}

/// A site of one administrator (`ada@example.com`), some items and this many logs: the first is number `from`. Log *n* has
/// `n` seconds, an id that ends with it, and a moment of its own.
pub fn logs(name: &str, from: usize, count: usize, with_people: bool) -> PathBuf {
    let mut text = String::from("{\n");
    if with_people {
        text.push_str(
            "\"users\": [{\"id\": \"00000000-0000-4000-8000-000000000001\", \"name\": \"Ada\", \
             \"uniqueName\": \"ada@example.com\", \"email\": \"ada@example.com\", \"role\": \"Administrator\"}],\n\
             \"workItems\": [",
        );
        for id in 1..=20 {
            let parent = if id > 5 { (id % 5 + 1).to_string() } else { "null".to_owned() };
            let comma = if id == 1 { "" } else { ",\n" };
            let _ = write!(
                text,
                "{comma}{{\"id\": {id}, \"parentId\": {parent}, \"project\": \"P\", \"type\": \"Task\", \"state\": \"New\", \
                 \"title\": \"Item {id}\", \"areaPath\": \"P\", \"iterationPath\": \"P\", \"fields\": {{}}}}"
            );
        }
        text.push_str("],\n");
    }
    text.push_str("\"worklogs\": [\n");
    for n in from..from + count {
        let item = if n % 7 == 0 { "null".to_owned() } else { (n % 20 + 1).to_string() };
        let (day, hour, minute) = (n % 28 + 1, n / 28 % 24, n % 60);
        let comma = if n == from { "" } else { ",\n" };
        let _ = write!(
            text,
            "{comma}{{\"id\": \"cccccccc-0000-4000-8000-{n:012}\", \"user\": \"ada@example.com\", \"workItemId\": {item}, \
             \"timestamp\": \"2024-{:02}-{day:02}T{hour:02}:{minute:02}:00\", \"length\": {n}, \"billableLength\": null, \
             \"isBillable\": false, \"comment\": \"log {n}\", \"activityType\": null, \"budget\": null, \"flags\": [], \
             \"createdTimestamp\": \"2024-01-01T00:00:00Z\", \"editedTimestamp\": \"2024-06-01T00:00:00Z\"}}",
            n % 12 + 1
        );
    }
    text.push_str("]}\n");
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    fs::write(&file, text).expect("a file of logs");
    file
}
