//! Kind and facts → the sentences that a person reads. They say what happened and what to do; no other place has any.

use serde_json::{Map, Value};

use super::Kind;
use crate::sql::Instant;

const DAY: i64 = 86_400_000_000;

/// What is said, in the app and by mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// One line, without control characters.
    pub subject: String,
    /// Sentences, in paragraphs.
    pub body: Vec<String>,
}

/// Puts into words what was told at that time. A fact that is missing is left open, never an error.
pub fn text(kind: Kind, facts: &Map<String, Value>, at: Instant) -> Text {
    let facts = Facts { facts, at };
    let (subject, body) = match kind {
        Kind::TokenExpires => token_expires(&facts),
        Kind::CredentialExpires => credential_expires(&facts),
        Kind::CredentialFailed => credential_failed(&facts),
        Kind::GrantReused => grant_reused(&facts),
        Kind::Guessed => guessed(&facts),
    };
    Text { subject: one_line(&subject), body: body.iter().map(|sentence| one_line(sentence)).collect() }
}

/// The text of a mail. `site` is the address of this server, `unsubscribe` the link that ends mails of the kind.
pub fn mail(text: &Text, name: &str, site: &str, unsubscribe: &str) -> String {
    format!(
        "Hello {},\n\n{}\n\n-- \nTimeledger at {site}\nNo more mails of this kind: {unsubscribe}\n",
        one_line(name),
        text.body.join("\n\n")
    )
}

type Words = (String, Vec<String>);

fn token_expires(facts: &Facts<'_>) -> Words {
    let (name, ends) = (facts.text("name"), facts.ends());
    (
        format!("Your API token “{name}” {ends}"),
        vec![
            format!("Your API token “{name}” ({}…) {ends}: {}.", facts.text("prefix"), facts.moment("expiresAt")),
            "What signs in with it is refused from then on: scripts, Excel and Power BI files.".to_owned(),
            "Rotate it, or make a new one, and put the new secret where the old one is used. If nothing uses it any more, \
             there is nothing to do."
                .to_owned(),
        ],
    )
}

fn credential_expires(facts: &Facts<'_>) -> Words {
    let (connection, ends) = (facts.text("connection"), facts.ends());
    (
        format!("The sign-in to {connection} {ends}"),
        vec![
            format!("What Timeledger signs in to {connection} with {ends}: {}.", facts.moment("expiresAt")),
            "From then on nothing is fetched from there, and nothing sent there. Time is tracked and reported all the same; \
             what waits is sent later."
                .to_owned(),
            "Authorise the connection again before that.".to_owned(),
        ],
    )
}

fn credential_failed(facts: &Facts<'_>) -> Words {
    let connection = facts.text("connection");
    let reason = facts.text("reason");
    (
        format!("The sign-in to {connection} fails"),
        vec![
            format!("Timeledger cannot sign in to {connection} any more: {}.", reason.trim_end_matches('.')),
            "Nothing is fetched from there, and nothing sent there. Time is tracked and reported all the same; what waits is \
             sent later."
                .to_owned(),
            match facts.facts.get("registration").and_then(Value::as_str) {
                None => "Authorise the connection again.".to_owned(),
                Some(setting) => format!("Give the registration a new secret there, and set {setting}."),
            },
        ],
    )
}

fn grant_reused(facts: &Facts<'_>) -> Words {
    (
        "A paired client was signed out: its token came twice".to_owned(),
        vec![
            format!(
                "A refresh token of your paired client {} came a second time, from {}. Either the client was put back from \
                 a copy, or somebody else has one.",
                facts.text("client"),
                facts.text("address")
            ),
            "The pairing has ended for both. No time is lost.".to_owned(),
            "Pair the client again. If you made no copy, find out who can read the files of that computer, and tell your \
             administrator."
                .to_owned(),
        ],
    )
}

fn guessed(facts: &Facts<'_>) -> Words {
    let account = facts.text("account");
    (
        format!("Somebody guesses the password of {account}"),
        vec![
            format!("{} sign-ins as {account} have failed within an hour.", facts.text("failures")),
            "Your account is not locked, and you can go on working. Addresses that you never signed in from wait.".to_owned(),
            "If it is a program of yours that has an old password, give it the new one. Otherwise tell your administrator, and \
             take a longer password if yours is short."
                .to_owned(),
        ],
    )
}

/// The facts of a notice, as words.
struct Facts<'a> {
    facts: &'a Map<String, Value>,
    /// When it was told.
    at: Instant,
}

impl Facts<'_> {
    fn text(&self, name: &str) -> String {
        match self.facts.get(name) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => "?".to_owned(),
            Some(other) => other.to_string(),
        }
    }

    fn instant(&self, name: &str) -> Option<jiff::Timestamp> {
        self.facts.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok())
    }

    /// A time to the minute.
    fn moment(&self, name: &str) -> String {
        self.instant(name).map_or_else(|| self.text(name), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
    }

    /// How long `expiresAt` was away when it was told.
    fn ends(&self) -> String {
        let Some(end) = self.instant("expiresAt") else { return "will expire".to_owned() };
        match end.as_microsecond() - self.at.0 {
            left if left <= 0 => "has expired".to_owned(),
            left if left <= DAY => "expires within a day".to_owned(),
            left => format!("expires in {} days", (left + DAY - 1) / DAY),
        }
    }
}

/// Facts are of people's making: no line of a mail's head may begin in one.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_put_into_words_of_one_line() {
        let evil = "x\r\nBcc: everybody@example.com\u{85}\u{0}";
        let names = ["name", "prefix", "expiresAt", "connection", "reason", "client", "address", "account", "failures"];
        let evil: Map<String, Value> = names.map(|name| (name.to_owned(), evil.into())).into_iter().collect();
        for kind in Kind::ALL {
            for facts in [&evil, &Map::new()] {
                let text = text(kind, facts, Instant(0));
                let lines = std::iter::once(&text.subject).chain(&text.body);
                assert!(lines.clone().all(|line| !line.chars().any(char::is_control)), "{text:?}");
                assert!(text.body.iter().all(|paragraph| paragraph.ends_with('.')), "{text:?}");
                assert!(text.body.len() >= 3, "what happened, what follows, what to do: {text:?}");
            }
        }
    }

    #[test]
    fn an_end_is_as_far_as_it_was() {
        let at = |text: &str| Instant(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
        let facts = serde_json::json!({"name": "Power BI", "prefix": "tlt_abcd", "expiresAt": "2024-05-20T09:00:00Z"});
        let facts = facts.as_object().unwrap();
        for (told, expected) in [
            ("2024-05-06T09:00:00Z", "expires in 14 days"),
            ("2024-05-06T09:30:00Z", "expires in 14 days"),
            ("2024-05-17T09:00:00Z", "expires in 3 days"),
            ("2024-05-18T08:59:00Z", "expires in 3 days"),
            ("2024-05-19T09:00:00Z", "expires within a day"),
            ("2024-05-20T09:00:00Z", "has expired"),
        ] {
            let text = text(Kind::TokenExpires, facts, at(told));
            assert_eq!(text.subject, format!("Your API token “Power BI” {expected}"));
            assert_eq!(
                text.body[0],
                format!("Your API token “Power BI” (tlt_abcd…) {expected}: 2024-05-20 09:00 UTC.")
            );
        }
    }
}
