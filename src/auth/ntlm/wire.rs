//! The three messages of NTLM (MS-NLMP §2.2.1) as bytes: two that are read, one that is written.
//!
//! In: bytes of a stranger. Out: [`Negotiate`] or [`Authenticate`], borrowed from them, or [`Malformed`] (AU-22). Nothing is
//! trusted: every field is fetched by `get`, and lies inside the message or there is no message.

/// What every message begins with.
pub const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Longest NEGOTIATE and AUTHENTICATE, decoded.
pub const LONGEST_NEGOTIATE: usize = 1024;
pub const LONGEST_AUTHENTICATE: usize = 8 * 1024;
/// UTF-16 units of a user's or domain's name.
const LONGEST_NAME: usize = 256;
/// A NTProofStr, and the fixed part of what it proves: shorter is LM, NTLMv1 or NTLM2 session.
const SHORTEST_NT_RESPONSE: usize = 44;

/// Where the MIC stands in an AUTHENTICATE.
pub(super) const MIC: std::ops::Range<usize> = 72..88;

/// The flags of MS-NLMP §2.2.2.5 that mean something here.
pub mod flags {
    pub const UNICODE: u32 = 0x1;
    pub const REQUEST_TARGET: u32 = 0x4;
    pub const SIGN: u32 = 0x10;
    pub const SEAL: u32 = 0x20;
    pub const NTLM: u32 = 0x200;
    pub const ANONYMOUS: u32 = 0x800;
    pub const ALWAYS_SIGN: u32 = 0x8000;
    pub const TARGET_TYPE_DOMAIN: u32 = 0x1_0000;
    pub const TARGET_TYPE_SERVER: u32 = 0x2_0000;
    pub const EXTENDED_SESSIONSECURITY: u32 = 0x8_0000;
    pub const TARGET_INFO: u32 = 0x80_0000;
    pub const VERSION: u32 = 0x200_0000;
    pub const KEY_128: u32 = 0x2000_0000;
    pub const KEY_EXCH: u32 = 0x4000_0000;
    pub const KEY_56: u32 = 0x8000_0000;
}

/// Ids of AV pairs (MS-NLMP §2.2.2.1).
mod av {
    pub const EOL: u16 = 0;
    pub const NB_COMPUTER: u16 = 1;
    pub const NB_DOMAIN: u16 = 2;
    pub const DNS_COMPUTER: u16 = 3;
    pub const DNS_DOMAIN: u16 = 4;
    pub const FLAGS: u16 = 6;
    pub const TIMESTAMP: u16 = 7;
    pub const CHANNEL_BINDINGS: u16 = 10;
}

/// In AV 6: the message carries a MIC.
const MIC_PRESENT: u32 = 2;

/// Why bytes are no message that is taken further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("it is too long")]
    TooLong,
    #[error("it is no such message")]
    Form,
    #[error("a field lies outside of the message")]
    Outside,
    #[error("a name is no text, or too long")]
    Name,
    #[error("it names nobody")]
    Anonymous,
    #[error("it answers with LM, NTLMv1 or NTLM2 session")]
    Downgrade,
    #[error("its list of attributes does not end")]
    Attributes,
}

/// A client's first message. Its names say nothing and are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiate {
    pub flags: u32,
}

impl Negotiate {
    pub fn read(bytes: &[u8]) -> Result<Negotiate, Malformed> {
        if bytes.len() > LONGEST_NEGOTIATE {
            return Err(Malformed::TooLong);
        }
        check_type(bytes, 1)?;
        Ok(Negotiate { flags: u32_at(bytes, 12).ok_or(Malformed::Form)? })
    }
}

/// Which message bytes claim to be.
pub fn message_type(bytes: &[u8]) -> Option<u32> {
    bytes.starts_with(SIGNATURE).then(|| u32_at(bytes, 8)).flatten()
}

/// What the server calls itself in its challenges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// NetBIOS name of the domain; empty: the server stands alone.
    pub domain: String,
    /// NetBIOS name of the computer.
    pub computer: String,
    pub dns_domain: String,
    pub dns_computer: String,
}

/// Writes the CHALLENGE to a NEGOTIATE (AU-21). `time` is a FILETIME.
pub fn challenge(client: u32, names: &Names, server_challenge: [u8; 8], time: u64) -> Vec<u8> {
    use flags::{
        ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, KEY_56, KEY_128, KEY_EXCH, NTLM, REQUEST_TARGET, SEAL, SIGN,
        TARGET_INFO, TARGET_TYPE_DOMAIN, TARGET_TYPE_SERVER, UNICODE, VERSION,
    };
    const HEAD: usize = 56;
    let (target, target_type) = match names.domain.as_str() {
        "" => (names.computer.as_str(), TARGET_TYPE_SERVER),
        domain => (domain, TARGET_TYPE_DOMAIN),
    };
    let offered = client & (REQUEST_TARGET | SIGN | SEAL | ALWAYS_SIGN | KEY_128 | KEY_EXCH | KEY_56);
    let flags = offered | UNICODE | NTLM | EXTENDED_SESSIONSECURITY | TARGET_INFO | VERSION | target_type;

    let target_name = utf16(target);
    let mut info = Vec::new();
    let domain = if names.domain.is_empty() { &names.computer } else { &names.domain };
    for (id, text) in [
        (av::NB_DOMAIN, domain),
        (av::NB_COMPUTER, &names.computer),
        (av::DNS_DOMAIN, &names.dns_domain),
        (av::DNS_COMPUTER, &names.dns_computer),
    ] {
        if !text.is_empty() {
            push_pair(&mut info, id, &utf16(text));
        }
    }
    push_pair(&mut info, av::TIMESTAMP, &time.to_le_bytes());
    push_pair(&mut info, av::EOL, &[]);

    let mut message = Vec::with_capacity(HEAD + target_name.len() + info.len());
    message.extend_from_slice(SIGNATURE);
    message.extend_from_slice(&2u32.to_le_bytes());
    push_field(&mut message, target_name.len(), HEAD);
    message.extend_from_slice(&flags.to_le_bytes());
    message.extend_from_slice(&server_challenge);
    message.extend_from_slice(&[0; 8]);
    push_field(&mut message, info.len(), HEAD + target_name.len());
    message.extend_from_slice(&[0x0a, 0, 0, 0, 0, 0, 0, 0x0f]);
    message.extend_from_slice(&target_name);
    message.extend_from_slice(&info);
    message
}

/// Lengths here are of configured names, which the configuration bounds.
fn push_field(message: &mut Vec<u8>, length: usize, offset: usize) {
    let length = u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    message.extend_from_slice(&length);
    message.extend_from_slice(&length);
    message.extend_from_slice(&u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes());
}

fn push_pair(info: &mut Vec<u8>, id: u16, value: &[u8]) {
    info.extend_from_slice(&id.to_le_bytes());
    info.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_le_bytes());
    info.extend_from_slice(value);
}

/// A client's answer to a challenge, as far as it can be read without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticate<'m> {
    /// The whole message.
    pub bytes: &'m [u8],
    pub flags: u32,
    /// As they stand on the wire.
    pub user: String,
    pub domain: String,
    /// NTProofStr and what it proves.
    pub nt: &'m [u8],
    pub encrypted_key: &'m [u8],
    pub attributes: Attributes,
}

/// What the client says of its challenge, inside of what NTProofStr proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// FILETIME.
    pub time: u64,
    pub has_mic: bool,
    /// Absent where the client sends none, or zeros.
    pub channel: Option<[u8; 16]>,
}

impl<'m> Authenticate<'m> {
    pub fn read(bytes: &'m [u8]) -> Result<Authenticate<'m>, Malformed> {
        if bytes.len() > LONGEST_AUTHENTICATE {
            return Err(Malformed::TooLong);
        }
        check_type(bytes, 3)?;
        let flags = u32_at(bytes, 60).ok_or(Malformed::Form)?;
        let field = |at| field(bytes, at).ok_or(Malformed::Outside);
        // Read for their bounds alone: what LM and the workstation say proves nothing.
        field(12)?;
        field(44)?;
        let (nt, domain, user, encrypted_key) = (field(20)?, field(28)?, field(36)?, field(52)?);
        let unicode = flags & self::flags::UNICODE != 0;
        let (user, domain) = (name(user, unicode)?, name(domain, unicode)?);
        if user.is_empty() || flags & self::flags::ANONYMOUS != 0 {
            return Err(Malformed::Anonymous);
        }
        let temp = nt.get(16..).filter(|_| nt.len() >= SHORTEST_NT_RESPONSE).ok_or(Malformed::Downgrade)?;
        if !temp.starts_with(&[1, 1]) {
            return Err(Malformed::Downgrade);
        }
        let attributes = attributes(temp).ok_or(Malformed::Attributes)?;
        if attributes.has_mic && bytes.get(MIC).is_none() {
            return Err(Malformed::Outside);
        }
        Ok(Authenticate { bytes, flags, user, domain, nt, encrypted_key, attributes })
    }
}

/// `temp`: 0 `01 01`, 8 time, 16 client challenge, 24 zero, 28 AV pairs up to their EOL.
fn attributes(temp: &[u8]) -> Option<Attributes> {
    let mut found = Attributes { time: u64::from_le_bytes(array_at(temp, 8)?), has_mic: false, channel: None };
    let mut rest = temp.get(28..)?;
    loop {
        let (id, length) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let value = rest.get(4..length.checked_add(4)?)?;
        match id {
            av::EOL => return Some(found),
            av::FLAGS => found.has_mic |= u32_at(value, 0)? & MIC_PRESENT != 0,
            av::CHANNEL_BINDINGS => {
                let hash: [u8; 16] = value.try_into().ok()?;
                found.channel = (hash != [0; 16]).then_some(hash);
            }
            _ => {}
        }
        rest = rest.get(4 + length..)?;
    }
}

/// Writes a NEGOTIATE, as a client that tries a helper out.
pub fn greeting() -> Vec<u8> {
    use flags::{EXTENDED_SESSIONSECURITY, NTLM, REQUEST_TARGET, TARGET_INFO, UNICODE};
    let mut message = [SIGNATURE.as_slice(), &1u32.to_le_bytes()].concat();
    message.extend((UNICODE | NTLM | REQUEST_TARGET | EXTENDED_SESSIONSECURITY | TARGET_INFO).to_le_bytes());
    message.resize(32, 0);
    message
}

/// Writes an AUTHENTICATE of a user without a domain to a CHALLENGE, whose proof is made up and everything else right.
pub fn made_up_answer(user: &str, challenge: &[u8]) -> Option<Vec<u8>> {
    const HEAD: usize = 64;
    let user = utf16(user);
    let nt = [[7; 16].as_slice(), &[1, 1], &[0; 14], &[7; 8], &[0; 4], field(challenge, 40)?, &[0; 4]].concat();
    let mut message = [SIGNATURE.as_slice(), &3u32.to_le_bytes()].concat();
    for (length, offset) in
        [(0, HEAD), (nt.len(), HEAD + user.len()), (0, HEAD), (user.len(), HEAD), (0, HEAD), (0, HEAD)]
    {
        push_field(&mut message, length, offset);
    }
    message.extend((flags::UNICODE | flags::NTLM | flags::EXTENDED_SESSIONSECURITY).to_le_bytes());
    Some([message, user, nt].concat())
}

/// The bytes of a field: length u16, greatest length u16, offset u32. An empty one may point anywhere.
fn field(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16_at(bytes, at)?);
    let offset = usize::try_from(u32_at(bytes, at + 4)?).ok()?;
    if length == 0 {
        return Some(&[]);
    }
    bytes.get(offset..offset.checked_add(length)?)
}

/// A name without controls; in UTF-16, or else in ASCII.
fn name(bytes: &[u8], unicode: bool) -> Result<String, Malformed> {
    let text = if unicode {
        if !bytes.len().is_multiple_of(2) || bytes.len() > 2 * LONGEST_NAME {
            return Err(Malformed::Name);
        }
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        String::from_utf16(&units).map_err(|_| Malformed::Name)?
    } else {
        if !bytes.is_ascii() || bytes.len() > LONGEST_NAME {
            return Err(Malformed::Name);
        }
        String::from_utf8_lossy(bytes).into_owned()
    };
    if text.chars().any(char::is_control) { Err(Malformed::Name) } else { Ok(text) }
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn check_type(bytes: &[u8], kind: u32) -> Result<(), Malformed> {
    if message_type(bytes) == Some(kind) { Ok(()) } else { Err(Malformed::Form) }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}
