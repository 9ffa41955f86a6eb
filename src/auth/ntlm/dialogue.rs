//! The domain's word with Kerberos, through winbind's `ntlm_auth --helper-protocol=gss-spnego` (AU-41).
//!
//! In: tokens of a client, NTLM's or Kerberos's, bare or in SPNEGO. Out: a [`Word`]: what the client is to answer, or who it is.
//! The state of a handshake sits in a process, so a [`Dialogue`] has one for itself until its last token, and gives it back
//! after five seconds at the latest: the next handshake begins with `YR`, which makes the process forget the one before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::processes::{End, Helpers, PATIENCE, Taken};
use super::relay::Print;
use super::verifier::{Denial, NO_REASON};

/// Processes at once, and so handshakes.
pub const PROCESSES: usize = 8;

/// Microseconds for which a ticket's token is remembered: clocks may differ by five minutes to either side (RFC 4120 §3.2.3).
const REMEMBERED: i64 = 600_000_000;

/// The helper, and the tickets that it took lately.
#[derive(Debug)]
pub struct Spnego {
    helpers: Arc<Helpers>,
    tickets: Mutex<HashMap<Print, crate::sql::Instant>>,
}

/// What the helper says to a token.
#[derive(Debug)]
pub enum Word {
    /// The client is to answer this.
    Continue(Vec<u8>, Dialogue),
    /// The client is this user, such as `CORP\ada`; the token is for it.
    Done(String, Option<Vec<u8>>),
}

/// A process that knows the beginning of a handshake.
#[derive(Debug)]
pub struct Dialogue {
    helpers: Arc<Helpers>,
    /// Empty once it was given back.
    taken: Arc<Mutex<Option<Taken>>>,
    until: Instant,
}

impl Spnego {
    pub fn new(command: Vec<String>) -> Spnego {
        Spnego { helpers: Arc::new(Helpers::new(command, PROCESSES, End::Line)), tickets: Mutex::default() }
    }

    /// Whether a ticket is new. It proves something once, as an answer to a challenge does.
    pub fn is_new(&self, ticket: Print, now: crate::sql::Instant) -> bool {
        let mut tickets = lock(&self.tickets);
        tickets.retain(|_, since| now.0 - since.0 < REMEMBERED);
        if tickets.contains_key(&ticket) {
            return false;
        }
        tickets.insert(ticket, now);
        true
    }

    /// It let nobody in, and is not remembered.
    pub fn forget(&self, ticket: Print) {
        lock(&self.tickets).remove(&ticket);
    }

    /// The first token of a handshake.
    pub async fn begin(&self, token: &[u8]) -> Result<Word, Denial> {
        let (taken, lines) = self.helpers.ask(&question("YR", token)).await?;
        let said = said(&lines);
        if matches!(said, Said::Broken(_)) {
            self.helpers.fell();
        }
        hear(&self.helpers, taken, said, Instant::now() + PATIENCE)
    }
}

impl Dialogue {
    /// The process is put back when the client is too slow, whatever becomes of the connection.
    fn new(helpers: &Arc<Helpers>, taken: Taken, until: Instant) -> Dialogue {
        let taken = Arc::new(Mutex::new(Some(taken)));
        let (slot, pool) = (Arc::downgrade(&taken), Arc::clone(helpers));
        tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            if let Some(taken) = slot.upgrade().and_then(|slot| lock(&slot).take()) {
                pool.put_back(taken);
            }
        });
        Dialogue { helpers: Arc::clone(helpers), taken, until }
    }

    /// A later token. Nothing: the process was given back. One that calls itself broken now was whole a moment ago: it ends, and
    /// the next is started without a rest, so that nobody stops others. Of a wrong signature it says
    /// `BH NT_STATUS_ACCESS_DENIED`.
    pub async fn go_on(self, token: &[u8], is_signed: bool) -> Option<Result<Word, Denial>> {
        let taken = lock(&self.taken).take()?;
        let asked = self.helpers.ask_again(taken, &question("KK", token)).await;
        let heard = asked.and_then(|(taken, lines)| hear(&self.helpers, taken, said(&lines), self.until));
        Some(heard.map_err(|denial| match denial {
            Denial::Unavailable(why) if is_signed && why.ends_with("NT_STATUS_ACCESS_DENIED") => {
                Denial::Refused("the signature is wrong".to_owned())
            }
            denial => denial,
        }))
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        if let Some(taken) = lock(&self.taken).take() {
            self.helpers.put_back(taken);
        }
    }
}

/// In base64 no byte of a client ends a line.
fn question(word: &str, token: &[u8]) -> String {
    format!("{word} {}\n", STANDARD.encode(token))
}

/// What a line of the helper's says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Continue(Vec<u8>),
    Done(String, Option<Vec<u8>>),
    Refused(String),
    Broken(String),
}

fn hear(helpers: &Arc<Helpers>, taken: Taken, said: Said, until: Instant) -> Result<Word, Denial> {
    match said {
        Said::Continue(token) => Ok(Word::Continue(token, Dialogue::new(helpers, taken, until))),
        Said::Done(user, token) => {
            helpers.put_back(taken);
            Ok(Word::Done(user, token))
        }
        Said::Refused(why) => {
            helpers.put_back(taken);
            Err(Denial::of_domain(&why))
        }
        Said::Broken(why) => {
            drop(taken);
            Err(Denial::Unavailable(why))
        }
    }
}

/// `TT token *`, `AF token|* user`, `NA token|* reason`, `BH reason`.
fn said(lines: &[String]) -> Said {
    let line = lines.first().map_or("", String::as_str);
    let nonsense = || Said::Broken("the helper's answer is none".to_owned());
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (first, last) = rest.split_once(' ').unwrap_or((rest, ""));
    let token = match first {
        "*" | "" => None,
        text => STANDARD.decode(text).ok(),
    };
    match (word, token) {
        ("TT", Some(token)) => Said::Continue(token),
        ("AF", None) if first != "*" => nonsense(),
        ("AF", _) if last.is_empty() => nonsense(),
        ("AF", token) => Said::Done(last.to_owned(), token),
        ("NA", _) => Said::Refused(if last.is_empty() { NO_REASON.to_owned() } else { last.to_owned() }),
        ("BH", _) => Said::Broken(format!("the helper is broken: {}", rest.chars().take(200).collect::<String>())),
        _ => nonsense(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn au_41_what_the_helper_says_is_read_or_is_none() {
        let said = |line: &str| super::said(&[line.to_owned()]);
        let done = |user: &str, token: Option<&[u8]>| Said::Done(user.to_owned(), token.map(<[u8]>::to_vec));
        assert_eq!(said("TT AAEC *"), Said::Continue(vec![0, 1, 2]));
        assert_eq!(said("AF * CORP\\ada"), done("CORP\\ada", None));
        assert_eq!(said("AF AAEC CORP\\a b c"), done("CORP\\a b c", Some(&[0, 1, 2])));
        assert_eq!(said("NA * NT_STATUS_LOGON_FAILURE"), Said::Refused("NT_STATUS_LOGON_FAILURE".to_owned()));
        assert_eq!(said("NA AAEC NT_STATUS_LOGON_FAILURE"), Said::Refused("NT_STATUS_LOGON_FAILURE".to_owned()));
        assert_eq!(said("NA"), Said::Refused("no reason".to_owned()));
        assert!(matches!(said("BH no winbind"), Said::Broken(why) if why.ends_with("no winbind")));
        for broken in
            ["", "TT", "TT * *", "TT !! *", "AF", "AF *", "AF * ", "AF CORP\\ada", "AF !! CORP\\ada", "OK", "af * x"]
        {
            assert!(matches!(said(broken), Said::Broken(_)), "{broken:?}: {:?}", said(broken));
        }
    }

    /// Attack 15: whatever a client sends is one line.
    #[test]
    fn au_41_no_byte_of_a_client_ends_a_line() {
        let every_byte: Vec<u8> = (0..=255).chain(*b"\nAF * CORP\\ada\n").collect();
        let text = question("KK", &every_byte);
        assert_eq!((text.matches('\n').count(), text.ends_with('\n'), text.matches(' ').count()), (1, true, 1));
    }

    #[test]
    fn au_30_a_ticket_is_good_once() {
        let spnego = Spnego::new(Vec::new());
        let (one, two, now) = ([1; 32], [2; 32], crate::sql::Instant);
        assert!(spnego.is_new(one, now(0)) && spnego.is_new(two, now(1)));
        assert!(!spnego.is_new(one, now(REMEMBERED - 1)));
        spnego.forget(two);
        assert!(spnego.is_new(two, now(2)));
        assert!(spnego.is_new(one, now(REMEMBERED)));
    }
}
