//! The domain's word, through winbind's `ntlm_auth --helper-protocol=ntlm-server-1` (AU-40).
//!
//! In: a [`Claim`]. Out: the session base key that the domain gives. A question is lines that end with a lone `.`, and so is
//! an answer. What a client sent reaches a line in letters that cannot end it, or in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::connection::Claim;
use super::processes::{End, Helpers};
use super::verifier::{Denial, NO_REASON, Verdict, Verifier};
use super::verify::Key;

/// Processes at once.
const PROCESSES: usize = 4;

/// The helper, which keeps nothing from one question to the next.
#[derive(Debug)]
pub struct Winbind(Helpers);

impl Winbind {
    pub fn new(command: Vec<String>) -> Winbind {
        Winbind(Helpers::new(command, PROCESSES, End::Dot))
    }

    async fn verdict(&self, claim: Claim<'_>) -> Result<Key, Denial> {
        let (process, lines) = self.0.ask(&question(&claim)).await?;
        // One that talks nonsense is not asked again.
        if lines.iter().any(|line| matches!(line.as_str(), "Authenticated: Yes" | "Authenticated: No")) {
            self.0.put_back(process);
        }
        read(&lines)
    }
}

impl Verifier for Winbind {
    fn session_base_key<'a>(&'a self, claim: Claim<'a>) -> Verdict<'a> {
        Box::pin(self.verdict(claim))
    }

    fn asks_a_domain(&self) -> bool {
        true
    }
}

fn question(claim: &Claim<'_>) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut lines = String::new();
    for (name, value) in [("Username", claim.user), ("NT-Domain", claim.domain)] {
        if value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte)) {
            lines.push_str(&format!("{name}: {value}\n"));
        } else {
            lines.push_str(&format!("{name}:: {}\n", STANDARD.encode(value)));
        }
    }
    lines.push_str(&format!("LANMAN-Challenge: {}\n", hex(&claim.server_challenge)));
    lines.push_str(&format!("NT-Response: {}\n", hex(claim.nt)));
    lines.push_str("Request-User-Session-Key: Yes\n.\n");
    lines
}

/// `Authenticated: Yes` with a key of 32 hex digits, or the domain's reason.
fn read(lines: &[String]) -> Result<Key, Denial> {
    let value = |name: &str| {
        let found = lines.iter().filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim())
    };
    match value("Authenticated") {
        Some("Yes") => {
            let key = value("User-Session-Key").and_then(sixteen_bytes);
            key.ok_or_else(|| Denial::Unavailable("the helper gave no session key".to_owned()))
        }
        Some("No") => Err(Denial::of_domain(value("Authentication-Error").unwrap_or(NO_REASON))),
        _ => Err(Denial::Unavailable("the helper's answer is none".to_owned())),
    }
}

fn sixteen_bytes(hex: &str) -> Option<Key> {
    let mut key = [0; 16];
    if hex.len() != 32 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in key.iter_mut().zip((0..32).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(Key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attack 15: what a client calls itself stays inside of its line.
    #[test]
    fn au_40_no_letter_of_a_client_ends_a_line() {
        for user in ["ann\nAuthenticated: Yes", "ann\0", ".", "ann\r.", "Müller", "a b"] {
            let claim = Claim { user, domain: "CORP\n.", server_challenge: [1; 8], nt: &[0xab; 44] };
            let text = question(&claim);
            let lines: Vec<&str> = text.split('\n').collect();
            assert_eq!(lines.len(), 7, "{user:?}: {text}");
            assert!(lines[1].starts_with("NT-Domain:: ") && lines[5] == "." && lines[6].is_empty());
            assert_eq!(lines.iter().filter(|line| **line == ".").count(), 1);
            assert!(lines[0].starts_with("Username:"), "{user:?}");
        }
        let claim = Claim { user: "ann", domain: "CORP", server_challenge: [0x0f; 8], nt: &[1, 2] };
        assert!(question(&claim).starts_with("Username: ann\nNT-Domain: CORP\nLANMAN-Challenge: 0f0f0f0f0f0f0f0f\n"));
    }

    #[test]
    fn au_40_answers_are_read_or_are_none() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let key = read(&lines("Authenticated: Yes\nUser-Session-Key: 000102030405060708090A0B0C0D0E0F"));
        assert_eq!(key, Ok(Key([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])));
        let refused = read(&lines("Authenticated: No\nAuthentication-Error: NT_STATUS_WRONG_PASSWORD"));
        assert_eq!(refused, Err(Denial::Refused("NT_STATUS_WRONG_PASSWORD".to_owned())));
        for broken in [
            "",
            "Authenticated: Yes",
            "Authenticated: Yes\nUser-Session-Key: 00",
            "Error: what",
            "Authenticated: Maybe",
        ] {
            assert!(matches!(read(&lines(broken)), Err(Denial::Unavailable(_))), "{broken}");
        }
        let down = "Authenticated: No\nAuthentication-Error: NT_STATUS_NO_LOGON_SERVERS";
        assert!(matches!(read(&lines(down)), Err(Denial::Unavailable(_))));
    }
}
