//! Errors of the OData core: a code, a status, what is wrong, where, and what to do (OD-160).

use std::fmt;
use std::ops::Range;

/// Positions in the decoded text of one option, in characters.
pub type Span = Range<usize>;

/// Every code that an OData route can answer, with its status. Codes are stable; retired ones are never reused.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $status:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            pub fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* }
            }

            pub fn name(self) -> &'static str {
                match self { $(Code::$name => stringify!($name),)* }
            }
        }
    };
}

codes! {
    /// The text does not follow the grammar.
    SyntaxError = 400;
    /// A name that the model (as the caller sees it) does not have.
    UnknownProperty = 400;
    /// A function, method or transformation that the standard does not have.
    UnknownFunction = 400;
    /// An option that begins with `$` and is none of the standard's (OD-10).
    UnknownOption = 400;
    /// The same option twice (OD-11), or once in the URL and once in the body (OD-21).
    DuplicateOption = 400;
    /// An option that has no meaning at this resource.
    OptionNotApplicable = 400;
    /// An option or extension parameter with a value outside its range.
    InvalidValue = 400;
    /// Types that do not go together (OD-44).
    TypeMismatch = 400;
    /// A literal that is no value of its type, such as 2024-02-30.
    InvalidLiteral = 400;
    /// A result that leaves its type (OD-33).
    Overflow = 400;
    DivisionByZero = 400;
    /// A limit of OD-151 was passed.
    QueryTooComplex = 400;
    /// A next link that is forged, foreign or of another query (OD-112).
    InvalidSkipToken = 400;
    /// Broken percent-encoding, invalid UTF-8 or NUL (OD-15, OD-163).
    InvalidEncoding = 400;
    /// `OData-MaxVersion` below 4.0 or unreadable (OD-7).
    UnsupportedVersion = 400;
    Unauthorized = 401;
    AccessDenied = 403;
    ResourceNotFound = 404;
    MethodNotAllowed = 405;
    NotAcceptable = 406;
    RequestTimeout = 408;
    SkipTokenExpired = 410;
    IsolationNotSupported = 412;
    PayloadTooLarge = 413;
    UriTooLong = 414;
    UnsupportedMediaType = 415;
    HeaderTooLarge = 431;
    TooManyRequests = 429;
    InternalError = 500;
    /// The standard has it, this service does not (OD-12); the message names it.
    NotImplemented = 501;
    ServiceUnavailable = 503;
}

/// An error as the envelope of OD-160 shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ODataError {
    pub code: Code,
    pub message: String,
    /// The option, property or segment at fault: `$filter`, `Comment`.
    pub target: Option<String>,
    /// 0-based position in the decoded value of the option, in characters.
    pub position: Option<usize>,
    pub details: Vec<Detail>,
}

/// A further fact about an error; `code` names its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    pub code: Code,
    pub message: String,
    pub target: Option<String>,
}

impl ODataError {
    pub fn new(code: Code, message: impl Into<String>) -> ODataError {
        let message = without_middle(message.into());
        ODataError { code, message, target: None, position: None, details: Vec::new() }
    }

    pub fn not_implemented(what: impl fmt::Display) -> ODataError {
        ODataError::new(Code::NotImplemented, format!("{what} is not supported by this service."))
    }

    /// Names the option at fault, unless a more inner one is named already.
    pub fn in_option(mut self, target: &str) -> ODataError {
        self.target.get_or_insert_with(|| without_middle(target.to_owned()));
        self
    }

    pub fn at(mut self, position: usize) -> ODataError {
        self.position.get_or_insert(position);
        self
    }

    pub fn status(&self) -> u16 {
        self.code.status()
    }
}

/// Characters of a message, which may quote what the request says.
const LONGEST: usize = 1_000;

/// A text that is too long, with what it begins and ends with.
fn without_middle(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let half = LONGEST / 2;
    let end = text.char_indices().nth_back(half).map_or(0, |(at, _)| at);
    let start = text.char_indices().nth(half).map_or(text.len(), |(at, _)| at);
    if end <= start { text } else { format!("{}…{}", &text[..start], &text[end..]) }
}

impl fmt::Display for ODataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(position) = self.position {
            write!(f, " (position {position})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ODataError {}

pub type Result<T, E = ODataError> = std::result::Result<T, E>;
