//! Kind and facts → the sentences that a person reads. They say what happened and what to do; no other place has any.

use serde_json::{Map, Value};

use super::Kind;

/// What is said, in the app and by mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// One line, without control characters.
    pub subject: String,
    /// Sentences, in paragraphs.
    pub body: Vec<String>,
}

/// Puts a notice into words. A fact that is missing is left open, never an error.
pub fn text(kind: Kind, facts: &Map<String, Value>) -> Text {
    let facts = Facts(facts);
    let (subject, body) = match kind {
        Kind::TokenExpires => token_expires(&facts),
        Kind::CredentialExpires => credential_expires(&facts),
        Kind::CredentialFailed => credential_failed(&facts),
        Kind::GrantReused => grant_reused(&facts),
        Kind::Guessed => guessed(&facts),
    };
    Text { subject: one_line(&subject), body: body.iter().map(|sentence| one_line(sentence)).collect() }
}

type Words = (String, Vec<String>);

fn token_expires(facts: &Facts<'_>) -> Words {
    let (name, prefix, ends) = (facts.text("name"), facts.text("prefix"), facts.ends());
    (
        format!("Your API token “{name}” {ends}"),
        vec![
            format!("Your API token “{name}” ({prefix}…) {ends}, at {}.", facts.moment("expiresAt")),
            "From then on, whatever signs in with it is refused: scripts, Excel and Power BI files.".to_owned(),
            "Rotate the token, which gives it a new secret, and put that where the old one is used. If nothing uses it any \
             more, there is nothing to do."
                .to_owned(),
        ],
    )
}

fn credential_expires(facts: &Facts<'_>) -> Words {
    let (connection, ends) = (facts.text("connection"), facts.ends());
    (
        format!("The sign-in to {connection} {ends}"),
        vec![
            format!(
                "What Timeledger signs in to {connection} with {ends}, at {}.",
                facts.moment("expiresAt")
            ),
            "From then on nothing is fetched from there or sent there. Time can be tracked and reported all the same, and \
             what waits is sent later."
                .to_owned(),
            "Authorise the connection again before that.".to_owned(),
        ],
    )
}

fn credential_failed(facts: &Facts<'_>) -> Words {
    let connection = facts.text("connection");
    (
        format!("The sign-in to {connection} fails"),
        vec![
            format!("Timeledger cannot sign in to {connection} any more: {}.", facts.text("reason").trim_end_matches('.')),
            "Nothing is fetched from there or sent there. Time can be tracked and reported all the same, and what waits is \
             sent later."
                .to_owned(),
            "Authorise the connection again.".to_owned(),
        ],
    )
}

fn grant_reused(facts: &Facts<'_>) -> Words {
    (
        "A paired client was signed out: its token was used twice".to_owned(),
        vec![
            format!(
                "A refresh token of your paired client “{}” came a second time, from {}. Either the client was restored \
                 from a copy, or somebody else has a copy of the token.",
                facts.text("client"),
                facts.text("address")
            ),
            "The pairing has ended, for both of them. No recorded time is lost.".to_owned(),
            "Pair the client again. If you did not restore or copy it, look at who can read the files of that computer, \
             and tell your administrator."
                .to_owned(),
        ],
    )
}

fn guessed(facts: &Facts<'_>) -> Words {
    let account = facts.text("account");
    (
        format!("Somebody guesses the password of {account}"),
        vec![
            format!("{} sign-ins as {account} failed within an hour.", facts.text("failures")),
            "Addresses from which you never signed in wait longer now. Your account is not locked, and you can go on \
             working."
                .to_owned(),
            "If it was you, or a program of yours with an old password, mend that. Else tell your administrator; if your \
             password is an easy one, change it."
                .to_owned(),
        ],
    )
}

/// The facts of a notice, as words.
struct Facts<'a>(&'a Map<String, Value>);

impl Facts<'_> {
    fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => "?".to_owned(),
            Some(other) => other.to_string(),
        }
    }

    /// An instant to the minute.
    fn moment(&self, name: &str) -> String {
        let text = self.text(name);
        let instant: Option<jiff::Timestamp> = text.parse().ok();
        instant.map_or(text, |instant| instant.strftime("%Y-%m-%d %H:%M UTC").to_string())
    }

    /// When something is over, by its `days`.
    fn ends(&self) -> String {
        match self.0.get("days").and_then(Value::as_i64) {
            Some(days) if days > 1 => format!("expires in {days} days"),
            Some(1) => "expires tomorrow".to_owned(),
            _ => "expires today".to_owned(),
        }
    }
}

/// Facts are of people's making: no line of a mail's head may begin in one.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
