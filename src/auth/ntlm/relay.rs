//! What is read of a token before a helper gets it (AU-41): enough to refuse what no helper may be asked, and to know whom a
//! failure counts against.
//!
//! In: a token of a stranger. Out: [`Handed`], or a [`Reason`]. NTLM inside of it is read as strictly as where we answer it
//! ourselves (AU-22), so that no older protocol reaches a helper that might take it.

use sha2::{Digest, Sha256};

use super::connection::{Reason, Scheme};
use super::dialogue::Dialogue;
use super::half_open::Permit;
use super::spnego;
use super::wire::{self, Attributes, Authenticate, Negotiate};

/// SHA-256 of a ticket.
pub type Print = [u8; 32];

/// What becomes of a token.
#[derive(Debug)]
pub enum Pass {
    /// It is the first of a handshake: any process is asked.
    Begin(Handed),
    /// The process is asked that knows what came before.
    GoOn(Handed, Dialogue),
    Refused(Reason),
    /// Too many handshakes wait.
    Busy,
}

/// A handshake whose token is with the helper.
#[derive(Debug)]
pub struct Handed {
    scheme: Scheme,
    /// Without SPNEGO around it.
    is_bare: bool,
    pub(super) is_first: bool,
    /// The token can let somebody in; NTLM's first message cannot.
    pub proves: bool,
    /// SPNEGO's list of mechanisms has to be signed where NTLM ends what began with another, and is.
    must_sign: bool,
    pub signs: bool,
    /// What an answer of NTLM claims.
    pub claimed: Option<Claimed>,
    /// Of another mechanism's message.
    pub ticket: Option<Print>,
    /// The place among those that wait.
    permit: Option<Permit>,
}

/// Who an answer of NTLM says that it comes from, and what else its proof covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// As on the wire.
    pub user: String,
    pub domain: String,
    pub attributes: Attributes,
    /// Signatures are made: else one proves nothing, and the helper does not look at it.
    pub makes_signatures: bool,
}

impl Handed {
    /// With a place among those that wait.
    pub(super) fn in_place(self, permit: Permit) -> Handed {
        Handed { permit: Some(permit), ..self }
    }

    /// This token as a later one of the handshake; nothing where it has another form.
    pub(super) fn after(self, earlier: Handed) -> Option<Handed> {
        let is_same = (self.scheme, self.is_bare) == (earlier.scheme, earlier.is_bare);
        let claimed = self.claimed.clone().or(earlier.claimed);
        let (must_sign, signs) = (earlier.must_sign, earlier.signs || self.signs);
        is_same.then_some(Handed { claimed, permit: earlier.permit, must_sign, signs, ..self })
    }

    /// Whether somebody may have taken a better mechanism out of the client's list. A signature that is there is the
    /// helper's to check; this is asked once it has agreed.
    pub fn lacks_signature(&self) -> bool {
        let is_signed = |claimed: &Claimed| self.signs && claimed.makes_signatures;
        self.must_sign && self.claimed.as_ref().is_some_and(|claimed| !is_signed(claimed))
    }

    fn with(self, message: Option<&[u8]>) -> Result<Handed, Reason> {
        let Some(message) = message else { return Ok(Handed { proves: !self.is_first, ..self }) };
        match wire::message_type(message) {
            Some(1) => {
                Negotiate::read(message)?;
                Ok(self)
            }
            None if !message.starts_with(wire::SIGNATURE) => {
                Ok(Handed { proves: true, ticket: Some(Sha256::digest(message).into()), ..self })
            }
            _ => {
                let Authenticate { user, domain, attributes, flags, .. } = Authenticate::read(message)?;
                let makes_signatures = flags & (wire::flags::SIGN | wire::flags::ALWAYS_SIGN) != 0;
                if self.is_first {
                    return Err(Reason::Order);
                }
                Ok(Handed {
                    proves: true,
                    claimed: Some(Claimed { user, domain, attributes, makes_signatures }),
                    ..self
                })
            }
        }
    }
}

/// Reads a token that may be passed on.
pub(super) fn read(scheme: Scheme, token: &[u8]) -> Result<Handed, Reason> {
    let is_bare = scheme == Scheme::Ntlm || token.starts_with(wire::SIGNATURE);
    let begins = if is_bare { wire::message_type(token) == Some(1) } else { token.first() == Some(&0x60) };
    let wrapping = match (is_bare, token.starts_with(wire::SIGNATURE)) {
        (true, false) => return Err(Reason::Message(wire::Malformed::Form)),
        (true, true) => spnego::Wrapping { message: Some(token), ..spnego::Wrapping::default() },
        (false, _) => spnego::Wrapping::read(token)?,
    };
    let handed = Handed {
        scheme,
        is_bare,
        is_first: begins,
        proves: false,
        must_sign: wrapping.must_sign,
        signs: wrapping.signs,
        claimed: None,
        ticket: None,
        permit: None,
    };
    handed.with(wrapping.message)
}
