//! SPNEGO around NTLM (RFC 4178, MS-SPNG): what `Negotiate` carries when it is not a bare message (AU-26 to AU-28).
//!
//! In: bytes of a stranger. Out: [`Token`], borrowed from them; and the tokens that answer. DER alone: definite lengths, at
//! most as deep as the grammar, nothing behind the end.

use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, TagNumber};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::verify::{Key, hmac, rc4};
use super::wire::flags;

/// 1.3.6.1.4.1.311.2.2.10, without its tag.
const NTLMSSP: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];
/// 1.3.6.1.5.5.2.
const SPNEGO: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
/// 1.2.840.113554.1.2.2, and as Windows 2000 wrote it.
const KERBEROS: [&[u8]; 2] =
    [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02], &[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02]];
/// Longest token that is read, and that is passed on: it may hold a ticket.
pub const LONGEST: usize = 8 * 1024 + 256;
pub const LONGEST_PASSED_ON: usize = 64 * 1024;
/// Mechanisms that a client may list.
const MECHANISMS: usize = 32;

const COMPLETED: u8 = 0;
const INCOMPLETE: u8 = 1;
const REQUEST_MIC: u8 = 3;

/// A token that is no token of ours to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no SPNEGO token")]
pub struct Malformed;

impl From<der::Error> for Malformed {
    fn from(_: der::Error) -> Malformed {
        Malformed
    }
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'t> {
    Init(Init<'t>),
    Response(Response<'t>),
}

/// NegTokenInit, the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init<'t> {
    /// The DER of the list of mechanisms: what the mechListMIC is about.
    pub mechanisms: &'t [u8],
    /// The place of NTLM in the list.
    pub ntlm: Option<usize>,
    /// For the first mechanism of the list.
    pub token: Option<&'t [u8]>,
}

/// NegTokenResp, every later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response<'t> {
    pub token: Option<&'t [u8]>,
    pub mic: Option<&'t [u8]>,
}

impl<'t> Token<'t> {
    pub fn read(bytes: &'t [u8]) -> Result<Token<'t>, Malformed> {
        if bytes.len() > LONGEST {
            return Err(Malformed);
        }
        match bytes.first() {
            Some(0x60) => init(bytes).map(Token::Init),
            Some(0xa1) => match response(bytes)? {
                (_, Some(mechanism)) if mechanism != NTLMSSP => Err(Malformed),
                (response, _) => Ok(Token::Response(response)),
            },
            _ => Err(Malformed),
        }
    }
}

/// What is read of a token that is passed on, whatever its mechanism.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wrapping<'t> {
    pub message: Option<&'t [u8]>,
    /// NTLM is not the first choice of the list: nobody may have changed it on its way.
    pub must_sign: bool,
    /// There is a mechListMIC.
    pub signs: bool,
}

impl<'t> Wrapping<'t> {
    /// A bare token of Kerberos is its own message.
    pub(super) fn read(bytes: &'t [u8]) -> Result<Wrapping<'t>, Malformed> {
        if bytes.len() > LONGEST_PASSED_ON {
            return Err(Malformed);
        }
        if bytes.first() == Some(&0xa1) {
            let (Response { token, mic }, _) = response(bytes)?;
            return Ok(Wrapping { message: token, must_sign: false, signs: mic.is_some_and(is_signature) });
        }
        let outer = the_only(bytes, Tag::Application { constructed: true, number: TagNumber(0) })?;
        let mechanism = AnyRef::decode(&mut SliceReader::new(outer)?)?.value_of(Tag::ObjectIdentifier)?;
        if KERBEROS.contains(&mechanism) {
            return Ok(Wrapping { message: Some(bytes), ..Wrapping::default() });
        }
        let Init { ntlm, token, .. } = init(bytes)?;
        Ok(Wrapping { message: token, must_sign: ntlm != Some(0), signs: false })
    }
}

/// Whether it has the form of a signature of NTLM's, version 1.
fn is_signature(mic: &[u8]) -> bool {
    mic.len() == 16 && mic.starts_with(&[1, 0, 0, 0])
}

/// `60 L OID a0 L SEQUENCE { a0 mechTypes, a1 reqFlags?, a2 mechToken?, a3 mechListMIC? }`.
fn init(bytes: &[u8]) -> Result<Init<'_>, Malformed> {
    let outer = the_only(bytes, Tag::Application { constructed: true, number: TagNumber(0) })?;
    let mut inside = SliceReader::new(outer)?;
    if AnyRef::decode(&mut inside)?.value_of(Tag::ObjectIdentifier)? != SPNEGO {
        return Err(Malformed);
    }
    let choice = AnyRef::decode(&mut inside)?.value_of(context(0))?;
    finished(&inside)?;
    let mut members = Members::of(choice)?;
    let mechanisms = members.take(0)?.ok_or(Malformed)?;
    members.take(1)?;
    let token = members.take(2)?.map(|token| the_only(token, Tag::OctetString)).transpose()?;
    members.take(3)?;
    members.end()?;
    Ok(Init { mechanisms, ntlm: place_of_ntlm(mechanisms)?, token })
}

/// `a1 L SEQUENCE { a0 state?, a1 OID?, a2 OCTET STRING?, a3 OCTET STRING? }`.
/// And the mechanism, where it is named.
fn response(bytes: &[u8]) -> Result<(Response<'_>, Option<&[u8]>), Malformed> {
    let mut members = Members::of(the_only(bytes, context(1))?)?;
    members.take(0)?.map(|state| the_only(state, Tag::Enumerated)).transpose()?;
    let mechanism = members.take(1)?.map(|oid| the_only(oid, Tag::ObjectIdentifier)).transpose()?;
    let token = members.take(2)?.map(|token| the_only(token, Tag::OctetString)).transpose()?;
    let mic = members.take(3)?.map(|mic| the_only(mic, Tag::OctetString)).transpose()?;
    members.end()?;
    Ok((Response { token, mic }, mechanism))
}

fn place_of_ntlm(mechanisms: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut list = SliceReader::new(the_only(mechanisms, Tag::Sequence)?)?;
    let mut found = None;
    for place in 0..=MECHANISMS {
        if list.is_finished() {
            return Ok(found);
        }
        let oid = AnyRef::decode(&mut list)?.value_of(Tag::ObjectIdentifier)?;
        if oid == NTLMSSP && found.is_none() {
            found = Some(place);
        }
    }
    Err(Malformed)
}

/// The members of a SEQUENCE that are tagged by their number, in its order.
struct Members<'t> {
    reader: SliceReader<'t>,
    next: Option<AnyRef<'t>>,
}

impl<'t> Members<'t> {
    fn of(sequence: &'t [u8]) -> Result<Members<'t>, Malformed> {
        let mut members = Members { reader: SliceReader::new(the_only(sequence, Tag::Sequence)?)?, next: None };
        members.advance()?;
        Ok(members)
    }

    fn advance(&mut self) -> Result<(), Malformed> {
        self.next = if self.reader.is_finished() { None } else { Some(AnyRef::decode(&mut self.reader)?) };
        Ok(())
    }

    fn take(&mut self, number: u32) -> Result<Option<&'t [u8]>, Malformed> {
        let Some(member) = self.next else { return Ok(None) };
        let Ok(value) = member.value_of(context(number)) else { return Ok(None) };
        self.advance()?;
        Ok(Some(value))
    }

    fn end(self) -> Result<(), Malformed> {
        if self.next.is_some() { Err(Malformed) } else { Ok(()) }
    }
}

trait ValueOf<'t> {
    fn value_of(self, tag: Tag) -> Result<&'t [u8], Malformed>;
}

impl<'t> ValueOf<'t> for AnyRef<'t> {
    fn value_of(self, tag: Tag) -> Result<&'t [u8], Malformed> {
        use der::Tagged;
        if self.tag() == tag { Ok(self.value()) } else { Err(Malformed) }
    }
}

fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: TagNumber(number) }
}

/// The value of the one element that the bytes are.
fn the_only(bytes: &[u8], tag: Tag) -> Result<&[u8], Malformed> {
    AnyRef::from_der(bytes)?.value_of(tag)
}

fn finished(reader: &SliceReader<'_>) -> Result<(), Malformed> {
    if reader.is_finished() { Ok(()) } else { Err(Malformed) }
}

// ---- what answers

/// With the CHALLENGE inside: state 1, NTLM.
pub fn challenge(message: &[u8]) -> Vec<u8> {
    answer(INCOMPLETE, true, Some(message), None)
}

/// NTLM was not the first of the list: state 3, the client is to begin with it.
pub fn choose_ntlm() -> Vec<u8> {
    answer(REQUEST_MIC, true, None, None)
}

/// The last one: state 0, with our mechListMIC.
pub fn completed(mic: &[u8; 16]) -> Vec<u8> {
    answer(COMPLETED, false, None, Some(mic))
}

fn answer(state: u8, mechanism: bool, token: Option<&[u8]>, mic: Option<&[u8]>) -> Vec<u8> {
    let mut members = element(0xa0, &element(0x0a, &[state]));
    if mechanism {
        members.extend(element(0xa1, &element(0x06, NTLMSSP)));
    }
    for (tag, octets) in [(0xa2, token), (0xa3, mic)] {
        if let Some(octets) = octets {
            members.extend(element(tag, &element(0x04, octets)));
        }
    }
    element(0xa1, &element(0x30, &members))
}

/// Tag, definite length, value.
fn element(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let significant = length.iter().skip_while(|byte| **byte == 0);
    let mut bytes = vec![tag];
    if value.len() >= 128 {
        bytes.push(0x80 | u8::try_from(significant.clone().count()).unwrap_or(0));
    }
    bytes.extend(significant);
    if value.is_empty() {
        bytes.push(0);
    }
    bytes.extend_from_slice(value);
    bytes
}

// ---- the MIC over the list of mechanisms

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// The first signature of a side under a session (MS-NLMP §3.4.4.2), over the DER of the mechanisms (AU-28).
pub fn list_mic(exported: Key, negotiated: u32, side: Side, mechanisms: &[u8]) -> [u8; 16] {
    let direction = match side {
        Side::Client => "client-to-server",
        Side::Server => "server-to-client",
    };
    let sealing_bytes = if negotiated & flags::KEY_128 != 0 {
        16
    } else if negotiated & flags::KEY_56 != 0 {
        7
    } else {
        5
    };
    let magic = |kind: &str| format!("session key to {direction} {kind} key magic constant\0");
    let digest = |key: &[u8], magic: &str| -> [u8; 16] {
        let mut hash = Md5::new();
        hash.update(key);
        hash.update(magic.as_bytes());
        hash.finalize().into()
    };
    let sign = digest(&exported.0, &magic("signing"));
    let seal = digest(exported.0.get(..sealing_bytes).unwrap_or_default(), &magic("sealing"));
    let mac = hmac(&sign, &[&[0; 4], mechanisms]);
    let mut checksum: [u8; 8] = [mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], mac[6], mac[7]];
    if negotiated & flags::KEY_EXCH != 0 {
        rc4(&seal, &mut checksum);
    }
    let mut signature = [0; 16];
    signature[0] = 1;
    signature[4..12].copy_from_slice(&checksum);
    signature
}

/// Whether the client's MIC is that of this session, in constant time.
pub fn list_mic_holds(exported: Key, negotiated: u32, mechanisms: &[u8], mic: &[u8]) -> bool {
    list_mic(exported, negotiated, Side::Client, mechanisms).ct_eq(mic).into()
}
