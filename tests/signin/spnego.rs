//! The domain's word by winbind's helper for whole handshakes, `gss-spnego` (AU-41): Debian's own `ntlm_auth`, which verifies one
//! password for every name where there is no domain, and scripts in its place. It knows no Kerberos without a domain, so what it
//! says of tickets is said by a script that reads the name out of the ticket: that stands for the domain, not for Kerberos.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::domain::{script, with_helper};
use super::wire::{self, Answer, Wire, authenticate, authenticate_at, header, negotiate};
use super::{METADATA, audited, command};
use crate::backend::{Backend, Database, Fixture, for_each_backend};
use crate::support::program;
use crate::support::server::Server;

const ANN: (&str, &str, &str) = ("CORP", "ann", "Domain-Pass");
const ADA: (&str, &str, &str) = ("CORP", "ada", "Domain-Pass");
const TIM: (&str, &str, &str) = ("CORP", "tim", "Domain-Pass");
const ME: &str = "/api/rest/me?api-version=3.2";

/// No limit on failures: these tests make many.
const UNLIMITED: [(&str, &str); 3] = [
    ("TIMELEDGER_AUTH__PAIR_FAILURES", "100000"),
    ("TIMELEDGER_AUTH__ADDRESS_FAILURES", "100000"),
    ("TIMELEDGER_NTLM__DOMAIN_FAILURES", "100000"),
];

/// Ada and Tim have accounts of the domain.
fn site(backend: Backend, helper: &str, more: &[(&str, &str)]) -> Server {
    let database = Database::loaded(backend, Fixture::SMALL);
    for user in ["ada", "tim"] {
        let (person, account) = (format!("{user}@example.com"), format!("CORP\\{user}"));
        let arguments = ["user", "windows-account", &person, &account, "--database", &database.text];
        let output = command(&[("TIMELEDGER_AUTH__WINDOWS_DOMAINS", "CORP=corp.example.com")], &arguments, "");
        assert!(output.status.success(), "{}", program::both(&output));
    }
    with_helper(database, "winbind_spnego", helper, more)
}

/// Debian's program.
fn real() -> String {
    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("smb-spnego.conf");
    std::fs::write(&config, "[global]\nworkgroup = CORP\n").expect("a configuration of Samba");
    let config = config.display();
    format!("ntlm_auth,--helper-protocol=gss-spnego,--configfile={config},--domain=CORP,--password=Domain-Pass")
}

/// A helper of our own: shell that knows `$word` and `$token`, and says a line by `say`.
fn helper(name: &str, text: &str) -> String {
    let text = format!("say() {{ printf '%s\\n' \"$1\"; }}\nwhile read -r word token; do\n{text}\ndone");
    script(name, &text).display().to_string()
}

/// Opens tickets that name their owner between brackets.
fn opener(name: &str) -> String {
    let read = "owner=$(printf '%s' \"$token\" | base64 -d | LC_ALL=C sed -n 's/.*\\[\\(.*\\)\\].*/\\1/p')";
    helper(name, &format!("{read}\nsay \"AF oQcwBaADCgEA $owner\""))
}

fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(value.len()).expect("short").to_be_bytes();
    let head = match value.len() {
        0..128 => vec![tag, low],
        128..256 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&head, value].concat()
}

const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
const NTLMSSP: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];

/// NegTokenInit.
fn init(mechanisms: &[&[u8]], token: &[u8]) -> Vec<u8> {
    let list: Vec<u8> = mechanisms.iter().flat_map(|oid| element(6, oid)).collect();
    let list = element(0xa0, &element(0x30, &list));
    let members = [list, element(0xa2, &element(4, token))].concat();
    let spnego = element(6, &[0x2b, 6, 1, 5, 5, 2]);
    element(0x60, &[spnego, element(0xa0, &element(0x30, &members))].concat())
}

/// NegTokenResp.
fn response(token: &[u8]) -> Vec<u8> {
    element(0xa1, &element(0x30, &element(0xa2, &element(4, token))))
}

/// The token inside of a NegTokenResp.
fn inside(token: &[u8]) -> &[u8] {
    let at = token.windows(8).position(|bytes| bytes == b"NTLMSSP\0").expect("a message of NTLM");
    &token[at..]
}

fn ticket(owner: &str) -> Vec<u8> {
    init(&[KERBEROS, NTLMSSP], format!("a ticket of [{owner}] for HTTP").as_bytes())
}

fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

/// Whether a refusal for this reason is among the newest rows: equal ones fold into the first.
fn is_told(server: &Server, reason: &str) -> bool {
    audited(server, 20).iter().any(|(event, outcome, _)| event == "refused" && outcome == reason)
}

fn is_down(answer: &Answer) -> bool {
    answer.status == 503 && !answer.all("Retry-After").is_empty() && answer.text().contains("ApiDisabled")
}

/// A whole handshake with NTLM in SPNEGO: first of the list, or behind Kerberos.
fn sign_in_wrapped(wire: &mut Wire, who: (&str, &str, &str), mechanisms: &[&[u8]]) -> Answer {
    let first = if mechanisms[0] == NTLMSSP { negotiate() } else { b"no ticket".to_vec() };
    let mut token = wire.leg(ME, "Negotiate", &init(mechanisms, &first)).token();
    if mechanisms[0] != NTLMSSP {
        token = wire.leg(ME, "Negotiate", &response(&negotiate())).token();
    }
    wire.leg(ME, "Negotiate", &response(&authenticate(inside(&token), who)))
}

#[test]
fn au_41_the_real_helper_lets_in_and_refuses() {
    for_each_backend(|backend| {
        let server = site(backend, &real(), &UNLIMITED);
        for n in 0..3 {
            for scheme in ["NTLM", "Negotiate"] {
                let mut wire = Wire::open(server.address);
                assert!(wire.sign_in(ME, scheme, ("CORP", "ada", "other")).is_list(), "{backend:?}");
                assert!(is_told(&server, "the domain refused: NT_STATUS_LOGON_FAILURE"));
                let answer = wire.sign_in(ME, scheme, ADA);
                assert_eq!(answer.status, 200, "{backend:?} {n}: {:?}", audited(&server, 3));
                assert!(
                    wire.get(ME, &[]).text().contains("ada@example.com"),
                    "{backend:?}: the connection is signed in"
                );
                assert!(Wire::open(server.address).get(ME, &[]).is_list(), "another is not");
                // A new handshake forgets her, whether or not it ends.
                wire.leg(ME, scheme, &negotiate()).token();
                assert!(wire.get(ME, &[]).is_list(), "{backend:?}");
            }
        }
        for mechanisms in [&[NTLMSSP][..], &[NTLMSSP, KERBEROS]] {
            let mut wire = Wire::open(server.address);
            assert!(sign_in_wrapped(&mut wire, ("CORP", "tim", "other"), mechanisms).is_list());
            let answer = sign_in_wrapped(&mut wire, TIM, mechanisms);
            assert!(answer.text().contains("tim@example.com"), "{backend:?} {mechanisms:?} {}", answer.text());
            assert!(wire.get(ME, &[]).text().contains("tim@example.com"));
        }
        // Where NTLM was not its first choice, a client signs its list, or somebody may have shortened it.
        let mut wire = Wire::open(server.address);
        assert!(sign_in_wrapped(&mut wire, TIM, &[KERBEROS, NTLMSSP]).is_list(), "{backend:?}");
        assert!(is_told(&server, "there is no MIC") && wire.get(ME, &[]).is_list());
        // What the proof covers beside the password is looked at here: Samba takes any clock.
        let minute = 60 * 10_000_000;
        for (later, status) in [(29, 200), (31, 401), (-31, 401)] {
            let mut wire = Wire::open(server.address);
            let challenge = wire.leg(ME, "NTLM", &negotiate()).token();
            let answer = authenticate_at(&challenge, ADA, later * minute);
            assert_eq!(wire.leg(ME, "NTLM", &answer).status, status, "{backend:?} {later}");
        }
        assert!(is_told(&server, "the client's clock is off, or the answer old"));
        // A name outside ASCII is a new person; a domain of nobody's is not asked about.
        let answer = Wire::open(server.address).sign_in(METADATA, "Negotiate", ("CORP", "jörg ö", "Domain-Pass"));
        assert_eq!(answer.status, 200, "{:?}", audited(&server, 3));
        assert_eq!(audited(&server, 1)[0].2.as_deref(), Some("CORP\\jörg ö"));
        assert!(Wire::open(server.address).sign_in(METADATA, "NTLM", ("OTHER", "ann", "Domain-Pass")).is_list());
        assert_eq!(audited(&server, 1)[0].1, "the domain is none of ours");
    });
}

/// Who wrote these did not write us: each reads a report and posts a body of 1 MiB; pyspnego checks the helper's signature.
#[test]
fn au_41_clients_of_others_sign_in_by_the_real_helper() {
    let python = std::env::var("TIMELEDGER_TEST_PYTHON").expect("TIMELEDGER_TEST_PYTHON, which tests/run sets");
    let clients = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    for_each_backend(|backend| {
        let server = site(backend, &real(), &[]);
        let address = format!("http://{}", server.address);
        let curl = |who: &str| {
            let url = format!("{address}{ME}");
            let output = Command::new("curl").args(["-sS", "-w", "%{http_code}", "--ntlm", "-u", who, &url]).output();
            String::from_utf8_lossy(&output.expect("curl").stdout).into_owned()
        };
        let read = curl("CORP\\tim:Domain-Pass");
        assert!(read.contains("tim@example.com") && read.ends_with("200"), "{backend:?} {read}");
        let refused = curl("CORP\\tim:wrong");
        assert!(refused.ends_with("401") && !refused.contains("tim@example.com"), "{backend:?} {refused}");
        for client in ["ntlm.py", "ntlm_behind_kerberos.py"] {
            let mut python = Command::new(&python);
            python.arg(clients.join(client)).args([&address, "CORP\\tim", "Domain-Pass"]);
            let output = python.env("PYTHONDONTWRITEBYTECODE", "1").output().expect("Python starts");
            assert!(output.status.success(), "{backend:?} {client}\n{}", program::both(&output));
        }
    });
}

/// Attacks 1 to 4 and 15: nothing is good twice or elsewhere, and whatever comes, the helper stays in step.
#[test]
fn au_30_replayed_moved_and_bent_messages_are_refused() {
    for_each_backend(|backend| {
        let server = site(backend, &real(), &UNLIMITED);
        let (mut a, mut b) = (Wire::open(server.address), Wire::open(server.address));
        let challenge = a.leg(ME, "NTLM", &negotiate()).token();
        let answer = authenticate(&challenge, ADA);
        assert!(b.leg(ME, "NTLM", &answer).is_list(), "{backend:?}");
        assert_eq!(audited(&server, 1)[0].1, "an answer without a challenge");
        b.leg(ME, "NTLM", &negotiate()).token();
        assert!(b.leg(ME, "NTLM", &answer).is_list(), "another process has another challenge");
        assert_eq!(a.leg(ME, "NTLM", &answer).status, 200);
        assert!(a.leg(ME, "NTLM", &answer).is_list());
        assert!(a.get(ME, &[]).is_list(), "a replay ends what it meant to repeat");
        let challenge = a.leg(ME, "NTLM", &negotiate()).token();
        assert!(a.leg(ME, "Negotiate", &authenticate(&challenge, ADA)).is_list());
        assert_eq!(audited(&server, 1)[0].1, "an answer in another form than its challenge");
        for end in (1..answer.len()).step_by(29) {
            let mut wire = Wire::open(server.address);
            wire.leg(ME, "NTLM", &negotiate()).token();
            assert!(wire.leg(ME, "NTLM", &answer[..end]).is_list(), "{backend:?} cut at {end}");
            let (whole, mut wire) = (ticket("CORP\\ada"), Wire::open(server.address));
            assert!(wire.leg(ME, "Negotiate", &whole[..whole.len() - end % whole.len()]).status == 401);
        }
        for user in ["ada\nAF * CORP\\tim", "ada\0", "ada\r", "a/b", "ada "] {
            let who = ("CORP", user, "Domain-Pass");
            assert!(Wire::open(server.address).sign_in(ME, "NTLM", who).is_list(), "{backend:?} {user:?}");
        }
        let long = init(&[KERBEROS], &[b'x'; 60_000]);
        let answer = Wire::open(server.address).leg(ME, "Negotiate", &long);
        assert!([401, 431].contains(&answer.status), "{}", answer.status);
        assert!(Wire::open(server.address).sign_in(ME, "NTLM", TIM).text().contains("tim@example.com"));
        assert!(!server.log().contains("panic") && audited(&server, 500).iter().all(|row| row.0 != "verifier_down"));
    });
}

/// Attack 7: older protocols do not reach the helper, which here would take anything.
#[test]
fn au_22_downgrades_do_not_reach_the_helper() {
    for_each_backend(|backend| {
        let asked = file("spnego-downgrades");
        let text = format!(
            "case $word in YR) say 'TT TlRMTVNTUAAC *';; *) say x >> '{}'; say 'AF * CORP\\ada';; esac",
            asked.display()
        );
        let server = site(backend, &helper("spnego-takes-all", &text), &UNLIMITED);
        for (lm, nt, user) in [(24, 0, "ada"), (24, 24, "ada"), (0, 24, "ada"), (0, 43, "ada"), (0, 64, "")] {
            let older = ntlmclient::ChallengeResponse {
                lm_response: vec![7; lm],
                ntlm_response: vec![7; nt],
                session_key: Vec::new(),
            };
            let flags = ntlmclient::Flags::NEGOTIATE_UNICODE | ntlmclient::Flags::NEGOTIATE_NTLM;
            let message = older.to_message(&wire::credentials(("CORP", user, "x")), "WS", flags).to_bytes();
            let message = message.expect("a message");
            let why = if user.is_empty() { "it names nobody" } else { "it answers with LM, NTLMv1 or NTLM2 session" };
            for (scheme, first, last) in [
                ("NTLM", negotiate(), message.clone()),
                ("Negotiate", negotiate(), message.clone()),
                ("Negotiate", init(&[NTLMSSP], &negotiate()), response(&message)),
                ("Negotiate", init(&[KERBEROS, NTLMSSP], b"ticket"), response(&message)),
            ] {
                let mut wire = Wire::open(server.address);
                wire.leg(ME, scheme, &first).token();
                assert!(wire.leg(ME, scheme, &last).is_list(), "{backend:?} {lm} {nt}");
                assert!(is_told(&server, &format!("a message that is none: {why}")));
            }
        }
        // Nor does an answer that stands where a first message should.
        let answer = authenticate(&challenge_of_a_server(), ADA);
        for token in [init(&[NTLMSSP], &answer), init(&[KERBEROS, NTLMSSP], &answer), response(&answer), answer] {
            assert!(Wire::open(server.address).leg(ME, "Negotiate", &token).is_list());
        }
        assert!(!asked.exists(), "{backend:?}: the helper was asked");
    });
}

/// One that the real program made, as good as any where no password is checked.
fn challenge_of_a_server() -> Vec<u8> {
    let server = site(Backend::Sqlite, &real(), &[]);
    Wire::open(server.address).leg(ME, "NTLM", &negotiate()).token()
}

/// What a domain would say of tickets, by the script: every form of a name, the last token, and what is refused.
#[test]
fn au_41_a_ticket_signs_its_owner_in() {
    for_each_backend(|backend| {
        let server = site(backend, &opener("spnego-opens"), &UNLIMITED);
        for owner in
            ["CORP\\ada", "corp\\ADA", "ada@CORP.EXAMPLE.COM", "Ada@corp.Example.com", "\\ada@CORP.EXAMPLE.COM"]
        {
            let mut wire = Wire::open(server.address);
            let answer = wire.leg(ME, "Negotiate", &ticket(owner));
            assert!(answer.text().contains("ada@example.com"), "{backend:?} {owner}: {}", answer.text());
            assert_eq!(answer.all("WWW-Authenticate"), ["Negotiate oQcwBaADCgEA"], "the server's own proof");
            assert!(wire.get(ME, &[]).text().contains("ada@example.com"));
            // Once more, here and elsewhere: whoever overheard it is not let in by it.
            assert!(Wire::open(server.address).leg(ME, "Negotiate", &ticket(owner)).is_list());
            assert!(wire.leg(ME, "Negotiate", &ticket(owner)).is_list());
            assert!(is_told(&server, "a ticket that was used before"));
            assert!(wire.get(ME, &[]).is_list());
        }
        // It needs no second message, so its connection may end.
        let token = header("Negotiate", &ticket("tim@corp.example.com"));
        let close = [("Authorization", token.as_str()), ("Connection", "close")];
        assert!(Wire::open(server.address).get(ME, &close).text().contains("tim@example.com"));
        let refused = [
            "ada@OTHER.EXAMPLE.COM",
            "OTHER\\ada",
            "ada",
            "OTHER+ada",
            "ada@",
            "CORP\\",
            "CORP\\a\\ada",
            "HTTP/host@CORP.EXAMPLE.COM",
        ];
        for owner in refused {
            assert!(Wire::open(server.address).leg(ME, "Negotiate", &ticket(owner)).is_list(), "{backend:?} {owner}");
            let newest = audited(&server, 1).remove(0);
            let told = (newest.0.as_str(), newest.1.as_str(), newest.2.as_deref());
            assert_eq!(told, ("refused", "the domain is none of ours", Some(owner)));
        }
        // A new person, and what is no ticket of Kerberos's.
        let answer = Wire::open(server.address).leg(METADATA, "Negotiate", &ticket("new@CORP.EXAMPLE.COM"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(Wire::open(server.address).leg(ME, "NTLM", &ticket("CORP\\tim")).is_list());
        let bare = element(0x60, &[element(6, KERBEROS), b"\x01\0[CORP\\tim]".to_vec()].concat());
        assert!(Wire::open(server.address).leg(ME, "Negotiate", &bare).text().contains("tim@example.com"));
        let unknown = element(0x60, &[element(6, &[0x2a, 3, 4]), b"\x01\0[CORP\\tim]".to_vec()].concat());
        assert!(Wire::open(server.address).leg(ME, "Negotiate", &unknown).is_list());
    });
    for_each_backend(|backend| {
        let server = site(backend, &opener("spnego-opens"), &[("TIMELEDGER_AUTH__PROVISION", "deny")]);
        let answer = Wire::open(server.address).leg(METADATA, "Negotiate", &ticket("new@CORP.EXAMPLE.COM"));
        assert_eq!(answer.status, 403, "{backend:?} {}", answer.text());
    });
}

/// A helper that answered somebody else's question would sign people in as others.
#[test]
fn au_41_a_helper_out_of_step_signs_nobody_in() {
    let challenge = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(challenge_of_a_server())
    };
    for_each_backend(|backend| {
        let other = format!("case $word in YR) say 'TT {challenge} *';; *) say 'AF * CORP\\tim';; esac");
        let server = site(backend, &helper("spnego-other", &other), &UNLIMITED);
        assert!(Wire::open(server.address).sign_in(ME, "NTLM", ADA).is_list(), "{backend:?}");
        assert_eq!(audited(&server, 1)[0].1, "the helper names another account than the client");
        // This one says a line too many.
        let more = format!("case $word in YR) say 'TT {challenge} *\nAF * CORP\\tim';; *) say 'AF * CORP\\tim';; esac");
        let server = site(backend, &helper("spnego-more", &more), &UNLIMITED);
        let answer = Wire::open(server.address).sign_in(ME, "NTLM", TIM);
        assert!(is_down(&answer), "{backend:?} {}", answer.status);
        // And this one after its answer, when somebody else may be the next to ask.
        let late = helper("spnego-late", "say 'NA * NT_STATUS_LOGON_FAILURE'\nsleep 0.05\nsay 'AF * CORP\\ada'");
        let server = site(backend, &late, &UNLIMITED);
        for n in 0..3 {
            let answer = Wire::open(server.address).leg(ME, "Negotiate", &ticket(&format!("CORP\\mallory{n}")));
            assert!(answer.is_list(), "{backend:?} {n}: {}", answer.text());
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    });
}

#[test]
fn au_41_a_helper_that_is_down_is_503_and_comes_back() {
    for_each_backend(|backend| {
        let cases = [
            ("missing", "/nonexistent/ntlm_auth".to_owned()),
            ("falls", script("spnego-falls", "exit 1").display().to_string()),
            ("broken", helper("spnego-broken", "say 'BH no winbind'")),
            ("nonsense", helper("spnego-nonsense", "say what")),
            ("endless", script("spnego-endless", "read l; exec tr '\\0' y < /dev/zero").display().to_string()),
            ("no name", helper("spnego-nobody", "say 'AF *'")),
            ("domain", helper("spnego-domain", "say 'NA * NT_STATUS_NO_LOGON_SERVERS'")),
            ("silent", helper("spnego-silent", ":")),
        ];
        for (name, program) in cases {
            let server = site(backend, &program, &[]);
            for token in [negotiate(), ticket("CORP\\ada")] {
                let answer = Wire::open(server.address).leg(ME, "Negotiate", &token);
                assert!(is_down(&answer), "{backend:?} {name}: {} {}", answer.status, answer.text());
            }
            assert_eq!(audited(&server, 1)[0].0, "verifier_down", "{name}");
            assert_eq!(server.get("tim@example.com", METADATA).status, 200, "tokens need no helper");
        }
    });
}

/// In mid-handshake: death, silence, `BH`. Whoever comes later finds another process.
#[test]
fn au_41_a_helper_that_falls_in_mid_handshake_is_started_again() {
    for_each_backend(|backend| {
        for (name, fall) in [("dies", "exit 1"), ("hangs", "exec sleep 60"), ("breaks", "say 'BH out of memory'")] {
            let fell = file(&format!("spnego-fell-{name}"));
            let text = format!(
                "case $word in YR) say 'TT TlRMTVNTUAAC *';;\n\
                 *) if [ -e '{}' ]; then say 'NA * NT_STATUS_LOGON_FAILURE'; else touch '{0}'; {fall}; fi;; esac",
                fell.display()
            );
            let server = site(backend, &helper(&format!("spnego-{name}"), &text), &UNLIMITED);
            let mut wire = Wire::open(server.address);
            let answer = authenticate(&challenge_bytes(), ADA);
            let first = wire.leg(ME, "NTLM", &negotiate()).token();
            assert_eq!(first, b"NTLMSSP\0\x02");
            let down = wire.leg(ME, "NTLM", &answer);
            assert!(is_down(&down), "{backend:?} {name}: {} {}", down.status, down.text());
            assert!(wire.get(ME, &[]).is_list(), "nobody is signed in");
            assert_eq!(audited(&server, 1)[0].0, "verifier_down");
            let until = Instant::now() + Duration::from_secs(30);
            while Wire::open(server.address).leg(ME, "NTLM", &negotiate()).status == 503 {
                assert!(Instant::now() < until, "{name}: it is not started again");
            }
            let mut wire = Wire::open(server.address);
            wire.leg(ME, "NTLM", &negotiate()).token();
            assert!(wire.leg(ME, "NTLM", &answer).is_list(), "{backend:?} {name}");
            assert_eq!(audited(&server, 1)[0].1, "the domain refused: NT_STATUS_LOGON_FAILURE");
        }
    });
}

/// A challenge with the names and the time that an answer needs.
fn challenge_bytes() -> Vec<u8> {
    use timeledger::auth::ntlm::{Names, verify::file_time, wire};
    let names = Names { domain: "CORP".to_owned(), computer: "TL".to_owned(), ..Names::default() };
    let now = jiff::Timestamp::now().as_microsecond();
    wire::challenge(0, &names, [7; 8], file_time(now))
}

/// AU-90, as for the other helper.
#[test]
fn au_90_the_domain_is_not_asked_after_three_failures() {
    for_each_backend(|backend| {
        let asked = file("spnego-asked");
        let text = format!(
            "case $word in YR) say 'TT TlRMTVNTUAAC *';; *) say x >> '{}'; say 'NA * NT_STATUS_WRONG_PASSWORD';; esac",
            asked.display()
        );
        let server = site(backend, &helper("spnego-counts", &text), &[]);
        let answer = authenticate(&challenge_bytes(), ANN);
        let statuses: Vec<u16> = (0..6)
            .map(|_| {
                let mut wire = Wire::open(server.address);
                wire.leg(ME, "NTLM", &negotiate()).token();
                wire.leg(ME, "NTLM", &answer).status
            })
            .collect();
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429], "{backend:?}");
        assert_eq!(std::fs::read_to_string(&asked).expect("it was asked").lines().count(), 3, "{backend:?}");
        assert_eq!(Wire::open(server.address).leg(ME, "NTLM", &negotiate()).status, 401, "others may go on");
    });
}

/// 48 connections over 8 processes, half of them with a wrong password: each hears its own answer.
#[test]
fn au_41_more_connections_than_processes_never_mix_identities() {
    for_each_backend(|backend| {
        let limits = [("TIMELEDGER_AUTH__ACCOUNT_FAILURES", "100000"), ("TIMELEDGER_ODATA__MAX_CONCURRENT", "1000")];
        let server = site(backend, &real(), &[&UNLIMITED[..], &limits].concat());
        let server = &server;
        std::thread::scope(|scope| {
            for n in 0..48 {
                scope.spawn(move || {
                    let (domain, user, password) = if n % 4 < 2 { ADA } else { TIM };
                    let password = if n % 2 == 0 { password } else { "wrong" };
                    let mut wire = Wire::open(server.address);
                    for round in 0..3 {
                        let answer = match n % 3 {
                            0 => sign_in_wrapped(&mut wire, (domain, user, password), &[NTLMSSP]),
                            _ => wire.sign_in(ME, "NTLM", (domain, user, password)),
                        };
                        let mine = format!("{user}@example.com");
                        assert_eq!(answer.status, if n % 2 == 0 { 200 } else { 401 }, "{backend:?} {n} {round}");
                        assert_eq!(answer.text().contains(&mine), n % 2 == 0, "{backend:?} {n}: {}", answer.text());
                        let again = wire.get(ME, &[]);
                        assert_eq!(again.text().contains(&mine), n % 2 == 0, "{backend:?} {n}: {}", again.text());
                    }
                });
            }
        });
    });
}

/// Who begins and says no more has a process for five seconds; who goes away, not as long.
#[test]
fn au_41_a_handshake_that_is_left_frees_its_process() {
    for_each_backend(|backend| {
        let server = site(backend, &real(), &UNLIMITED);
        let began = Instant::now();
        let mut left: Vec<(Wire, Vec<u8>)> = (0..8)
            .map(|_| {
                let mut wire = Wire::open(server.address);
                let challenge = wire.leg(ME, "NTLM", &negotiate()).token();
                (wire, challenge)
            })
            .collect();
        assert!(began.elapsed() < Duration::from_secs(4), "{backend:?}: the test itself is too slow");
        // All are taken: this one waits, and is let in when the first is free.
        let answer = Wire::open(server.address).sign_in(ME, "NTLM", TIM);
        assert!(answer.text().contains("tim@example.com"), "{backend:?} {} {}", answer.status, answer.text());
        assert!(began.elapsed() > Duration::from_secs(4), "{backend:?}: {:?}", began.elapsed());
        // Late, on its own connection and with the right password.
        let (mut wire, challenge) = left.remove(0);
        std::thread::sleep(Duration::from_secs(5).saturating_sub(began.elapsed()));
        assert!(wire.leg(ME, "NTLM", &authenticate(&challenge, ADA)).is_list(), "{backend:?}");
        assert_eq!(audited(&server, 1)[0].1, "an answer after five seconds, when the helper no longer waited");
        assert!(wire.sign_in(ME, "NTLM", ADA).text().contains("ada@example.com"), "it may begin again");
        drop(left);
        // Connections that end give theirs back at once: 24 handshakes take no 5 s.
        let began = Instant::now();
        for _ in 0..24 {
            Wire::open(server.address).leg(ME, "NTLM", &negotiate()).token();
        }
        assert!(began.elapsed() < Duration::from_secs(4), "{backend:?}: {:?}", began.elapsed());
    });
}

/// AU-25: nobody checks the channel of a ticket, so nobody may be told that it is.
#[test]
fn au_25_a_channel_is_not_required_in_vain() {
    let settings = |verifier| {
        [
            ("TIMELEDGER_AUTH__WINDOWS_DOMAINS", "CORP"),
            ("TIMELEDGER_NTLM__VERIFIER", verifier),
            ("TIMELEDGER_NTLM__CHANNEL_BINDING", "require"),
        ]
    };
    let output = command(&settings("winbind_spnego"), &["config", "show"], "");
    assert!(!output.status.success() && program::both(&output).contains("ntlm.channel_binding"));
    assert!(command(&settings("winbind"), &["config", "show"], "").status.success());
}

/// AU-33 holds here, too.
#[test]
fn au_33_half_open_handshakes_are_bounded() {
    for_each_backend(|backend| {
        let server = site(backend, &real(), &[("TIMELEDGER_NTLM__MAX_HALF_OPEN_PER_ADDRESS", "3")]);
        let open = || {
            let mut wire = Wire::open(server.address);
            let answer = wire.leg(ME, "NTLM", &negotiate());
            (wire, answer)
        };
        let held: Vec<_> = (0..3).map(|_| open()).collect();
        let (_, answer) = open();
        assert_eq!((answer.status, answer.all("Retry-After")), (503, vec!["1"]), "{backend:?}");
        drop(held);
        let until = Instant::now() + Duration::from_secs(20);
        while open().1.status != 401 {
            assert!(Instant::now() < until, "{backend:?}: places do not come back");
        }
    });
}
