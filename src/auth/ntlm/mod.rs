//! NTLM and Negotiate, incoming (AU-20 to AU-34): who is there, by a Windows password that never travels.
//!
//! In: tokens of `Authorization: NTLM` and `Negotiate`, connection by connection. Out: a [`Claim`] for a [`Verifier`], or the
//! token for a [`Dialogue`] with a helper, and after it an identity of the connection. [`wire`], [`verify`] and [`spnego`] are
//! pure; [`connection`] is the handshake.
//! MS-NLMP §2.2, §3.3.2; MS-SPNG; RFC 4178, RFC 4559.

pub mod certificate;
pub mod connection;
pub mod dialogue;
pub mod half_open;
mod processes;
mod relay;
pub mod spnego;
pub mod verifier;
pub mod verify;
pub mod winbind;
pub mod wire;

pub use connection::{Answer, Claim, Connection, Reason, Scheme, Setting, Step};
pub use dialogue::{Dialogue, Spnego, Word};
pub use half_open::{HalfOpen, Permit};
pub use relay::{Claimed, Handed, Pass, Print};
pub use verifier::{Denial, LocalStore, Verifier};
pub use verify::{Demands, Key, nt_hash};
pub use winbind::Winbind;
pub use wire::Names;

#[cfg(test)]
mod vectors;
