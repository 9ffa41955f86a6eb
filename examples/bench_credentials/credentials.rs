//! The credentials that are measured: how each is made, and how a client shows it.
//!
//! A further one is a further row of [`CREDENTIALS`], and a further field of [`Known`] where it has to be made.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use ntlmclient::{Credentials, Flags, Message, NegotiateMessage, TargetInfoType};
use timeledger::auth::identities::{self, IdentityError};
use timeledger::auth::ntlm::nt_hash;
use timeledger::auth::sessions::{self, Lifetime, NewSession};
use timeledger::auth::vault::Vault;
use timeledger::auth::windows::Account;
use timeledger::auth::{self, NewToken, Scopes, TokenError};
use timeledger::clock::Clock;
use timeledger::config::{self, Config, Secret, Verifier};
use timeledger::db::tables::users;
use timeledger::db::{Conn, DbError, Hold};
use timeledger::on;
use timeledger::policy::Role;

use crate::Failure;
use crate::client::Client;

type Show = fn(&Known) -> Shown;

/// By name; the first is what the others are compared with.
pub const CREDENTIALS: [(&str, Show); 4] = [
    ("none, the caller is fixed", |_| Shown::Nothing),
    ("API token", |known| Shown::Line(format!("Authorization: Bearer {}\r\n", known.token))),
    ("session", |known| Shown::Line(format!("Cookie: tl_session={}\r\n", known.cookie))),
    ("NTLM, signed in", |_| Shown::Connection),
];

const KEY: [u8; 32] = [7; 32];
const DOMAIN: &str = "BENCH";
const USER: &str = "bench";
const PASSWORD: &str = "of the benchmark alone";

/// What one person was given.
pub struct Known {
    pub token: String,
    cookie: String,
}

/// How a client says who asks.
pub enum Shown {
    Nothing,
    /// With every request.
    Line(String),
    /// Once a connection.
    Connection,
}

/// Nothing is slowed: the person asks on all connections at once.
pub fn config() -> Config {
    let auth = config::Auth {
        key: Secret::new(STANDARD.encode(KEY)),
        windows_domains: vec![DOMAIN.to_owned()],
        ..config::Auth::default()
    };
    let ntlm = config::Ntlm { verifier: Verifier::Local, ..config::Ntlm::default() };
    let mut config = Config { auth, ntlm, ..Config::default() };
    config.odata.max_concurrent = 10_000;
    config
}

/// Gives an administrator, who sees most, one of each.
pub fn make(conn: &mut Conn) -> Result<Known, Failure> {
    let now = Clock::system().now();
    let administrator =
        users::table.filter(users::role.eq(Role::Administrator.number()).and(users::is_active.eq(true)));
    let user_id: i32 = on!(conn, c => administrator.order(users::id).select(users::id).first(c))?;
    let token = NewToken { user_id, name: "bench", days: Some(1), scopes: Scopes::ALL, per_minute: None };
    let (token, _) = conn.write::<_, TokenError>(|tx| auth::make(tx, token, now))?;
    let session =
        NewSession { user_id, kind: "local", provider_session: None, signed_in_at: now, address: None, client: None };
    let session = conn.write::<_, DbError>(|tx| {
        tx.hold(Hold::Shared)?;
        sessions::open(tx, &session, Lifetime::default(), now)
    })?;
    let (cookie, _) = session.ok_or("the person is disabled")?;
    conn.write::<_, IdentityError>(|tx| {
        tx.hold(Hold::Exclusive)?;
        let account = Account { domain: DOMAIN.to_owned(), user: USER.to_owned() };
        let identity = identities::link_windows(tx, user_id, &account, now)?;
        identities::keep_hash(tx, &Vault::of(KEY), identity, nt_hash(PASSWORD), now)
    })?;
    Ok(Known { token: token.expose().to_owned(), cookie })
}

impl Shown {
    /// A connection on which requests are this person's.
    pub fn connect(&self, authority: &str, path: &str) -> Result<Client, Failure> {
        match self {
            Shown::Nothing => Ok(Client::with(authority, String::new())?),
            Shown::Line(line) => Ok(Client::with(authority, line.clone())?),
            Shown::Connection => {
                let mut client = Client::with(authority, String::new())?;
                leg(&mut client, path, &negotiate()?)?;
                let challenge = client.challenge.strip_prefix("NTLM ").ok_or("no challenge came")?.to_owned();
                leg(&mut client, path, &answer(&STANDARD.decode(challenge)?)?)?;
                client.headers.clear();
                Ok(client)
            }
        }
    }
}

fn leg(client: &mut Client, path: &str, message: &[u8]) -> Result<(), Failure> {
    client.headers = format!("Authorization: NTLM {}\r\n", STANDARD.encode(message));
    client.send("GET", path, "", |_, _| Ok(()))?;
    Ok(())
}

fn negotiate() -> Result<Vec<u8>, Failure> {
    let message = NegotiateMessage {
        flags: Flags::NEGOTIATE_UNICODE | Flags::REQUEST_TARGET | Flags::NEGOTIATE_NTLM,
        supplied_domain: String::new(),
        supplied_workstation: "BENCH".to_owned(),
        os_version: Default::default(),
    };
    Message::Negotiate(message).to_bytes().map_err(|error| format!("{error:?}").into())
}

fn answer(challenge: &[u8]) -> Result<Vec<u8>, Failure> {
    let Ok(Message::Challenge(challenge)) = Message::try_from(challenge) else { return Err("no challenge".into()) };
    let info: Vec<u8> = challenge.target_information.iter().flat_map(|entry| entry.to_bytes()).collect();
    let time = challenge.target_information.iter().find(|entry| entry.entry_type == TargetInfoType::Timestamp);
    let time = i64::from_le_bytes(time.ok_or("a challenge without a time")?.data.as_slice().try_into()?);
    let who = Credentials { username: USER.to_owned(), password: PASSWORD.to_owned(), domain: DOMAIN.to_owned() };
    let response = ntlmclient::respond_challenge_ntlm_v2(challenge.challenge, &info, time, &who);
    let message = response.to_message(&who, "BENCH", Flags::NEGOTIATE_UNICODE | Flags::NEGOTIATE_NTLM);
    message.to_bytes().map_err(|error| format!("{error:?}").into())
}
