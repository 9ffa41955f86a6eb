//! The byte vectors: A is MS-NLMP 4.2.4, B three whole messages with MIC, key exchange and time. Both step by step, and
//! what an attacker makes of B.

use super::connection::{Connection, Reason, Scheme, Setting, Step};
use super::spnego::{self, Side, Token};
use super::verify::{Demands, Invalid, Key, Sent, channel, exported_key, file_time, hmac, nt_hash, session_base_key};
use super::wire::{Authenticate, Malformed, Names, Negotiate, challenge, utf16};
use super::{Answer, HalfOpen};
use crate::sql::Instant;

const N: &str = "4e544c4d5353500001000000378208e200000000280000000000000028000000000c04000000000f";
const C: &str = "4e544c4d53535000020000000800080038000000158289e20123456789abcdef000000000000000024002400400000000a0000000000000f43004f00520050000200080043004f00520050000100040054004c00070008000040ba19e05bdb0100000000";
const A: &str = "4e544c4d535350000300000018001800580000006e006e007000000008000800de0000000a000a00e600000004000400f000000010001000f4000000158289e2000c04000000000f9771042c0009b912906f423f3fd0176700000000000000000000000000000000000000000000000039cc2d462bb053a6404055540a3ff01b01010000000000000040ba19e05bdb01aaaaaaaaaaaaaaaa000000000200080043004f00520050000100040054004c00070008000040ba19e05bdb0109000e0068007400740070002f0074006c000600040002000000000000000000000043004f005200500061006c0069006300650057005300c99ee1bd8225c73db2b3625cc178ecb7";
const SERVER_CHALLENGE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
/// FILETIME of B.
const NOW: u64 = 0x01db_5be0_19ba_4000;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter_map(|digit| char::from(digit).to_digit(16)).map(|d| d as u8).collect();
    digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect()
}

fn key(hex: &str) -> Key {
    Key(bytes(hex).try_into().unwrap())
}

fn now() -> Instant {
    Instant(i64::try_from(NOW / 10).unwrap() - 11_644_473_600_000_000)
}

/// MS-NLMP 4.2.4.
#[test]
fn au_23_vector_a() {
    let hash = nt_hash("Password");
    assert_eq!(hash, key("a4f49c406510bdcab6824ee7c30fd852"));
    let v2 = hmac(&hash.0, &[&utf16("USER"), &utf16("Domain")]);
    assert_eq!(v2, key("0c868a403bfd7a93a3001ef22ef02e3f").0);
    let temp = "0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000 02000c0044006f006d00610069006e00 \
        01000c00530065007200760065007200 00000000 00000000";
    let nt = [bytes("68cd0ab851e51c96aabc927bebef6a1c"), bytes(temp)].concat();
    let base = session_base_key(&hash, "User", "Domain", SERVER_CHALLENGE, &nt);
    assert_eq!(base, Some(key("8de40ccadbc14a82f15cb0ad0de95ca3")));
    let mut exchanged = [0x55; 16];
    super::verify::rc4(&base.unwrap().0, &mut exchanged);
    assert_eq!(exchanged, key("c5dad2544fc9799094ce1ce90bc9d03e").0);
    // Another letter case of the domain is another domain.
    assert_eq!(session_base_key(&hash, "uSER", "Domain", SERVER_CHALLENGE, &nt), base);
    assert_eq!(session_base_key(&hash, "User", "DOMAIN", SERVER_CHALLENGE, &nt), None);
    assert_eq!(session_base_key(&nt_hash("password"), "User", "Domain", SERVER_CHALLENGE, &nt), None);
}

/// The challenge of B with sealing granted.
fn ours() -> Vec<u8> {
    let mut ours = bytes(C);
    ours[20] |= 0x20;
    ours
}

/// The answer of B to that challenge: its MIC is another.
fn answer_to_ours() -> Vec<u8> {
    let mut message = bytes(A);
    message[72..88].fill(0);
    let mic = hmac(&[0x55; 16], &[&bytes(N), &ours(), &message]);
    message[72..88].copy_from_slice(&mic);
    message
}

fn sent() -> Sent {
    Sent { negotiate: bytes(N), challenge: bytes(C), time: NOW }
}

fn demands() -> Demands {
    Demands { max_skew: 30 * 60 * 10_000_000, ..Demands::default() }
}

fn judge(message: &[u8]) -> Result<Key, String> {
    let read = Authenticate::read(message).map_err(|error| error.to_string())?;
    let hash = nt_hash("Secret1");
    let base = session_base_key(&hash, &read.user, &read.domain, SERVER_CHALLENGE, read.nt).ok_or("wrong password")?;
    exported_key(base, &sent(), &read, &demands(), NOW).map_err(|error| error.to_string())
}

#[test]
fn au_23_vector_b() {
    let message = bytes(A);
    let read = Authenticate::read(&message).unwrap();
    assert_eq!((read.user.as_str(), read.domain.as_str()), ("alice", "CORP"));
    assert!(read.attributes.has_mic && read.attributes.time == NOW && read.attributes.channel.is_none());
    let hash = nt_hash("Secret1");
    assert_eq!(hash, key("ed50bdc9faa370e31ac4ee119fd51f48"));
    assert_eq!(hmac(&hash.0, &[&utf16("ALICE"), &utf16("CORP")]), key("4eb0ec9ad2b06df6fb4821d292365305").0);
    let base = session_base_key(&hash, "alice", "CORP", SERVER_CHALLENGE, read.nt);
    assert_eq!(base, Some(key("6a93eb905384df04c571b8592ac53395")));
    assert_eq!(judge(&message), Ok(Key([0x55; 16])));
}

/// Our own CHALLENGE to B's NEGOTIATE is B's, and grants sealing beside, which B's server did not.
#[test]
fn au_21_the_challenge_is_that_of_the_vector() {
    let client = Negotiate::read(&bytes(N)).unwrap();
    let names = Names { domain: "CORP".to_owned(), computer: "TL".to_owned(), ..Names::default() };
    assert_eq!(challenge(client.flags, &names, SERVER_CHALLENGE, NOW), ours());
    assert_eq!(challenge(client.flags & !0x20, &names, SERVER_CHALLENGE, NOW), bytes(C));
    // curl offers OEM alone, and is told UNICODE.
    let curl = [b"NTLMSSP\0\x01\0\0\0".as_slice(), &0x0008_8206_u32.to_le_bytes()].concat();
    let flags = Negotiate::read(&curl).unwrap().flags;
    let answer = challenge(flags, &Names { domain: String::new(), ..names }, SERVER_CHALLENGE, NOW);
    assert_eq!(u32::from_le_bytes(answer[20..24].try_into().unwrap()), 0x028a_8205);
}

/// Attack 4.
#[test]
fn a_message_cut_or_bent_anywhere_is_refused() {
    let message = bytes(A);
    for end in 0..message.len() {
        assert!(judge(&message[..end]).is_err(), "cut at {end}");
    }
    for field in [12, 20, 28, 36, 44, 52] {
        for value in [0_u32, 1, message.len() as u32, u32::MAX] {
            let mut bent = message.clone();
            bent[field + 4..field + 8].copy_from_slice(&value.to_le_bytes());
            // An offset of nothing, or of what LM says, is under the MIC as everything else.
            assert!(judge(&bent).is_err() || bent == message, "offset of {field}: {value}");
            let mut bent = message.clone();
            bent[field..field + 2].copy_from_slice(&(value as u16).to_le_bytes());
            assert!(judge(&bent).is_err() || bent == message, "length of {field}: {value}");
        }
    }
}

/// Attack 5: every bit is under the MIC, or is the MIC, or says whether there is one, which the proof covers.
#[test]
fn a_message_with_any_bit_turned_is_refused() {
    let message = bytes(A);
    for bit in 0..message.len() * 8 {
        let mut turned = message.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        assert!(judge(&turned).is_err(), "bit {bit}");
    }
}

/// Attack 7.
#[test]
fn au_22_lm_ntlmv1_and_nobody_are_refused_before_any_cryptography() {
    let with = |nt: &[u8], user: &str, flags: u32| {
        let mut message = b"NTLMSSP\0\x03\0\0\0".to_vec();
        let user = utf16(user);
        let head = 64_u32;
        for (length, offset) in
            [(0, head), (nt.len(), head), (0, head), (user.len(), head + nt.len() as u32), (0, head), (0, head)]
        {
            message.extend_from_slice(&(length as u16).to_le_bytes());
            message.extend_from_slice(&(length as u16).to_le_bytes());
            message.extend_from_slice(&offset.to_le_bytes());
        }
        message.extend_from_slice(&flags.to_le_bytes());
        message.extend_from_slice(nt);
        message.extend_from_slice(&user);
        Authenticate::read(&message).map(|_| ())
    };
    let v2 = [vec![7; 16], vec![1, 1], vec![0; 26], vec![0; 4]].concat();
    assert_eq!(with(&v2, "ann", 1), Ok(()));
    assert_eq!(with(&[7; 24], "ann", 1), Err(Malformed::Downgrade));
    assert_eq!(with(&[], "ann", 1), Err(Malformed::Downgrade));
    assert_eq!(with(&v2[..43], "ann", 1), Err(Malformed::Downgrade));
    assert_eq!(with(&[vec![7; 16], vec![2, 1], vec![0; 30]].concat(), "ann", 1), Err(Malformed::Downgrade));
    assert_eq!(with(&[&v2[..44], &[9, 0, 0, 0]].concat(), "ann", 1), Err(Malformed::Attributes));
    assert_eq!(with(&v2, "", 1), Err(Malformed::Anonymous));
    assert_eq!(with(&v2, "ann", 0x801), Err(Malformed::Anonymous));
    assert_eq!(with(&v2, "a\nb", 1), Err(Malformed::Name));
    assert_eq!(with(&v2, "a\0", 1), Err(Malformed::Name));
    assert_eq!(with(&v2, &"a".repeat(257), 1), Err(Malformed::Name));
    assert_eq!(with(&v2, "ann", 0), Err(Malformed::Name), "UTF-16 where ASCII is said");
    assert_eq!(with(&vec![1; 9000], "ann", 1), Err(Malformed::TooLong));
}

/// Attacks 8, 9 and 10.
#[test]
fn au_24_au_25_mic_time_and_channel() {
    let message = bytes(A);
    let read = Authenticate::read(&message).unwrap();
    let base = key("6a93eb905384df04c571b8592ac53395");
    let judge = |demands: &Demands, now: u64| exported_key(base, &sent(), &read, demands, now);
    let minutes = |n: u64| n * 60 * 10_000_000;
    assert!(judge(&demands(), NOW + minutes(29)).is_ok() && judge(&demands(), NOW - minutes(29)).is_ok());
    assert_eq!(judge(&demands(), NOW + minutes(31)), Err(Invalid::Time));
    assert_eq!(judge(&demands(), NOW - minutes(31)), Err(Invalid::Time));
    let mut zeroed = message.clone();
    zeroed[72..88].fill(0);
    let zeroed = Authenticate::read(&zeroed).unwrap();
    assert_eq!(exported_key(base, &sent(), &zeroed, &demands(), NOW), Err(Invalid::Mic));
    // Without its flag the proof would be another; were it not, a site may demand the MIC.
    let mut bare = read.clone();
    bare.attributes.has_mic = false;
    assert!(exported_key(base, &sent(), &bare, &demands(), NOW).is_ok());
    let strict = Demands { require_mic: true, ..demands() };
    assert_eq!(exported_key(base, &sent(), &bare, &strict, NOW), Err(Invalid::NoMic));
    // Another challenge's time.
    let other = Sent { time: NOW + 1, ..sent() };
    assert_eq!(exported_key(base, &other, &read, &demands(), NOW), Err(Invalid::Time));

    let hash: Vec<u8> = (0..32).collect();
    let ours = channel(&hash);
    assert_eq!(ours, key("8f1214c9c9cab8dc3bf866da9aba57a7").0);
    let bound = |channel, demands: &Demands| {
        let mut bound = bare.clone();
        bound.attributes.channel = channel;
        exported_key(base, &sent(), &bound, demands, NOW).err()
    };
    let if_sent = Demands { channels: vec![ours], ..demands() };
    let required = Demands { require_channel: true, ..if_sent.clone() };
    assert_eq!(bound(Some(ours), &required), None);
    assert_eq!(bound(Some([1; 16]), &if_sent), Some(Invalid::Channel));
    assert_eq!((bound(None, &if_sent), bound(None, &required)), (None, Some(Invalid::NoChannel)));
    assert_eq!(bound(Some([1; 16]), &demands()), None, "plain HTTP has no channel");
}

fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ 0..128 => vec![short as u8],
        middle @ 128..256 => vec![0x81, middle as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [&[tag], length.as_slice(), value].concat()
}

const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
const NTLMSSP: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];

fn init(mechanisms: &[&[u8]], token: Option<&[u8]>) -> Vec<u8> {
    let list: Vec<u8> = mechanisms.iter().flat_map(|oid| element(6, oid)).collect();
    let mut members = element(0xa0, &element(0x30, &list));
    members.extend(token.map(|token| element(0xa2, &element(4, token))).unwrap_or_default());
    let choice = element(0xa0, &element(0x30, &members));
    element(0x60, &[bytes("06062b0601050502"), choice].concat())
}

fn wrapped(token: &[u8]) -> Vec<u8> {
    element(0xa1, &element(0x30, &element(0xa2, &element(4, token))))
}

#[test]
fn au_26_tokens_are_read_and_nothing_else_is() {
    let token = init(&[NTLMSSP, KERBEROS], Some(&bytes(N)));
    let Ok(Token::Init(read)) = Token::read(&token) else { panic!("a token") };
    assert_eq!((read.ntlm, read.token), (Some(0), Some(bytes(N).as_slice())));
    let kerberos = init(&[KERBEROS], None);
    let Ok(Token::Init(read)) = Token::read(&kerberos) else { panic!("a token") };
    assert_eq!(read.ntlm, None);
    for end in 0..token.len() {
        assert!(Token::read(&token[..end]).is_err(), "cut at {end}");
    }
    assert!(Token::read(&[token.as_slice(), &[0]].concat()).is_err(), "something behind the end");
    let mut indefinite = token.clone();
    indefinite[1] = 0x80;
    assert!(Token::read(&indefinite).is_err());
    let many: Vec<&[u8]> = vec![&[0x2a]; 33];
    assert!(Token::read(&init(&many, None)).is_err());
    assert_eq!(
        Token::read(&wrapped(&[7; 300])),
        Ok(Token::Response(spnego::Response { token: Some(&[7; 300]), mic: None }))
    );
    assert!(Token::read(&vec![0xa1; 9_000]).is_err());
}

#[test]
fn au_28_the_final_answer_has_the_measured_form() {
    let mic = spnego::list_mic(Key([0x55; 16]), 0xe289_8215, Side::Server, &[]);
    let token = spnego::completed(&mic);
    assert_eq!(token[..11], bytes("a11b3019a0030a0100a3120410")[..11]);
    assert_eq!(token[13..], mic);
    assert_eq!((mic[..4].to_vec(), mic[12..].to_vec()), (vec![1, 0, 0, 0], vec![0; 4]));
}

struct Bench {
    names: Names,
    half_open: HalfOpen,
}

impl Bench {
    fn new() -> Bench {
        let names = Names { domain: "CORP".to_owned(), computer: "TL".to_owned(), ..Names::default() };
        Bench { names, half_open: HalfOpen::new(4, 4) }
    }

    fn setting(&self, now: Instant) -> Setting<'_> {
        Setting { names: &self.names, half_open: &self.half_open, peer: None, now, random: SERVER_CHALLENGE }
    }

    fn step(&self, connection: &Connection, scheme: Scheme, token: &[u8]) -> Step {
        connection.step(scheme, token, &self.setting(now()))
    }
}

fn right(answer: &Answer) -> Result<Option<Vec<u8>>, Invalid> {
    let claim = answer.claim().unwrap();
    let base = session_base_key(&nt_hash("Secret1"), claim.user, claim.domain, claim.server_challenge, claim.nt);
    answer.finish(base.unwrap(), &demands(), now())
}

/// Attacks 1, 2 and 3.
#[test]
fn au_30_a_handshake_is_of_one_connection_and_good_once() {
    let bench = Bench::new();
    let (here, there) = (Connection::default(), Connection::default());
    for scheme in [Scheme::Ntlm, Scheme::Negotiate] {
        assert!(matches!(bench.step(&here, scheme, &answer_to_ours()), Step::Refused(Reason::Order)));
        let Step::Continue(token) = bench.step(&here, scheme, &bytes(N)) else { panic!("a challenge") };
        assert_eq!(token, ours(), "raw under {scheme:?}");
        assert!(matches!(bench.step(&there, scheme, &answer_to_ours()), Step::Refused(Reason::Order)));
        let Step::Verify(answer) = bench.step(&here, scheme, &answer_to_ours()) else { panic!("an answer") };
        assert_eq!(right(&answer), Ok(None));
        assert!(matches!(bench.step(&here, scheme, &answer_to_ours()), Step::Refused(Reason::Order)), "replayed");
    }
    assert_eq!(bench.half_open.waiting(), 0);
    // The schemes are not mixed, and a challenge dies after a minute.
    assert!(matches!(bench.step(&here, Scheme::Ntlm, &bytes(N)), Step::Continue(_)));
    assert!(matches!(bench.step(&here, Scheme::Negotiate, &answer_to_ours()), Step::Refused(Reason::Form)));
    assert!(matches!(bench.step(&here, Scheme::Ntlm, &bytes(N)), Step::Continue(_)));
    let late = bench.setting(Instant(now().0 + 60_000_000));
    assert!(matches!(here.step(Scheme::Ntlm, &answer_to_ours(), &late), Step::Refused(Reason::Late)));
}

#[test]
fn au_30_identities_end_and_a_new_handshake_forgets_them() {
    let (bench, here) = (Bench::new(), Connection::default());
    here.sign_in(7, now());
    assert_eq!(here.identity(now(), 10), Some(7));
    assert_eq!(here.identity(Instant(now().0 + 10), 10), None);
    assert_eq!(here.identity(now(), 10), None, "an end is an end");
    here.sign_in(7, now());
    assert!(matches!(bench.step(&here, Scheme::Ntlm, &bytes(N)), Step::Continue(_)));
    assert_eq!(here.identity(now(), 10), None);
    assert!((0..4).all(|_| !here.failed()) && here.failed());
}

#[test]
fn au_33_places_come_back_with_their_connection() {
    let bench = Bench::new();
    let connections: Vec<Connection> = (0..4).map(|_| Connection::default()).collect();
    for connection in &connections {
        assert!(matches!(bench.step(connection, Scheme::Ntlm, &bytes(N)), Step::Continue(_)));
        assert!(
            matches!(bench.step(connection, Scheme::Ntlm, &bytes(N)), Step::Continue(_)),
            "again, in its own place"
        );
    }
    assert!(matches!(bench.step(&Connection::default(), Scheme::Ntlm, &bytes(N)), Step::Busy));
    drop(connections);
    assert!(matches!(bench.step(&Connection::default(), Scheme::Ntlm, &bytes(N)), Step::Continue(_)));
}

#[test]
fn au_27_spnego_begins_with_ntlm_or_is_told_to() {
    let (bench, here) = (Bench::new(), Connection::default());
    let Step::Continue(token) = bench.step(&here, Scheme::Negotiate, &init(&[NTLMSSP], Some(&bytes(N)))) else {
        panic!("a challenge")
    };
    assert!(token.ends_with(&ours()));
    let Step::Verify(answer) = bench.step(&here, Scheme::Negotiate, &wrapped(&answer_to_ours())) else {
        panic!("an answer")
    };
    assert_eq!(right(&answer), Ok(None), "NTLM came first: no MIC of the list is due");
    // Wrapped and bare messages are not mixed.
    assert!(matches!(bench.step(&here, Scheme::Negotiate, &init(&[NTLMSSP], Some(&bytes(N)))), Step::Continue(_)));
    assert!(matches!(bench.step(&here, Scheme::Negotiate, &answer_to_ours()), Step::Refused(Reason::Form)));
    // Kerberos first: the client is told to begin with NTLM, and owes a MIC then.
    let Step::Continue(token) = bench.step(&here, Scheme::Negotiate, &init(&[KERBEROS, NTLMSSP], Some(&[1, 2]))) else {
        panic!("a choice")
    };
    assert_eq!(token, bytes("a1153013a0030a0103a10c060a2b06010401823702020a"));
    assert!(matches!(bench.step(&here, Scheme::Negotiate, &wrapped(&bytes(N))), Step::Continue(_)));
    let Step::Verify(answer) = bench.step(&here, Scheme::Negotiate, &wrapped(&answer_to_ours())) else {
        panic!("an answer")
    };
    assert_eq!(right(&answer), Err(Invalid::NoMic));
    let none = bench.step(&here, Scheme::Negotiate, &init(&[KERBEROS], Some(&[1])));
    assert!(matches!(none, Step::Refused(Reason::Mechanism)));
    assert!(matches!(bench.step(&here, Scheme::Negotiate, &wrapped(&bytes(N))), Step::Refused(_)));
}

#[test]
fn file_times_count_from_1601() {
    assert_eq!(file_time(now().0), NOW);
    assert_eq!(file_time(i64::MIN), 0);
}
