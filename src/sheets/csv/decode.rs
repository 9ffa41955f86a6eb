//! Bytes of a text file → UTF-8.
//!
//! A byte order mark decides. Without one a file that is UTF-8 throughout is UTF-8; any other is Windows-1252, which
//! spreadsheet programs of western Europe and America save; a UTF-8 file with a few broken letters is a problem, for
//! reading it as the other would break every letter.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use encoding_rs::{CoderResult, Decoder};

use crate::sheets::{FileProblem, unreadable};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Encoding {
    /// Reads the file once, and goes back to its beginning.
    pub fn of<R: Read + Seek>(file: &mut R) -> Result<Encoding, FileProblem> {
        let survey = Survey::of(file).map_err(unreadable)?;
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        survey.encoding()
    }

    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

/// What is in the bytes, were they UTF-8.
#[derive(Default)]
struct Survey {
    mark: Option<&'static encoding_rs::Encoding>,
    bytes: u64,
    /// Letters of more than one byte.
    letters: u64,
    broken: u64,
    /// Line of the first broken one, from 1.
    broken_line: u32,
}

impl Survey {
    fn of<R: Read>(file: &mut R) -> io::Result<Survey> {
        let mut survey = Survey { broken_line: 1, ..Survey::default() };
        let mut buffer = vec![0; 64 * 1024];
        let mut kept = 0;
        loop {
            let read = match file.read(&mut buffer[kept..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            if survey.bytes == 0 {
                survey.mark = encoding_rs::Encoding::for_bom(&buffer[..read]).map(|(encoding, _)| encoding);
            }
            survey.bytes += read as u64;
            let end = kept + read;
            let rest = survey.take(&buffer[..end], read == 0);
            if read == 0 {
                return Ok(survey);
            }
            buffer.copy_within(end - rest..end, 0);
            kept = rest;
        }
    }

    /// How many bytes at the end begin a letter that goes on.
    fn take(&mut self, mut bytes: &[u8], last: bool) -> usize {
        loop {
            match std::str::from_utf8(bytes) {
                Ok(text) => {
                    self.good(text.as_bytes());
                    return 0;
                }
                Err(error) => {
                    let (good, bad) = bytes.split_at(error.valid_up_to());
                    self.good(good);
                    match error.error_len() {
                        None if !last => return bad.len(),
                        length => {
                            self.broken += 1;
                            bytes = &bad[length.unwrap_or(bad.len())..];
                        }
                    }
                }
            }
        }
    }

    fn good(&mut self, text: &[u8]) {
        self.letters += text.iter().filter(|byte| **byte >= 0xC0).count() as u64;
        if self.broken == 0 {
            let lines = text.iter().filter(|byte| **byte == b'\n').count();
            self.broken_line = self.broken_line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        }
    }

    fn encoding(&self) -> Result<Encoding, FileProblem> {
        let utf8 = self.mark == Some(encoding_rs::UTF_8);
        match self.mark {
            Some(wide) if !utf8 && self.bytes % 2 == 1 => {
                let reason = format!("the text is marked as {}, but its last letter is cut off", wide.name());
                Err(FileProblem::format(reason, "send it again, to its end"))
            }
            Some(wide) if !utf8 => Ok(Encoding(wide)),
            _ if self.broken == 0 => Ok(Encoding(encoding_rs::UTF_8)),
            _ if utf8 || self.letters > self.broken => {
                let reason = "the text is UTF-8, but for a broken letter";
                Err(FileProblem::format(reason, "save it again as .csv in UTF-8, or as .xlsx").at_row(self.broken_line))
            }
            _ => Ok(Encoding(encoding_rs::WINDOWS_1252)),
        }
    }
}

/// The file as UTF-8, without its mark.
pub struct Decoded<R> {
    file: R,
    decoder: Decoder,
    raw: Box<[u8]>,
    from: usize,
    until: usize,
    ended: bool,
    /// What did not fit into the reader's buffer: a letter has up to four bytes.
    small: [u8; 8],
    small_from: usize,
    small_until: usize,
}

impl<R: Read> Decoded<R> {
    pub fn new(file: R, encoding: Encoding) -> Decoded<R> {
        Decoded {
            file,
            decoder: encoding.0.new_decoder_with_bom_removal(),
            raw: vec![0; 16 * 1024].into(),
            from: 0,
            until: 0,
            ended: false,
            small: [0; 8],
            small_from: 0,
            small_until: 0,
        }
    }

    /// Decodes into `out`, which has room for a letter.
    fn decode(&mut self, small: bool, out: &mut [u8]) -> io::Result<usize> {
        let mut own = self.small;
        let target: &mut [u8] = if small { &mut own } else { out };
        let mut written = 0;
        while written == 0 {
            if self.from == self.until && !self.ended {
                match self.file.read(&mut self.raw) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    read => (self.from, self.until) = (0, read?),
                }
                self.ended = self.until == 0;
            }
            let source = &self.raw[self.from..self.until];
            let (result, read, put, _) = self.decoder.decode_to_utf8(source, target, self.ended);
            self.from += read;
            written = put;
            if self.ended && result == CoderResult::InputEmpty {
                break;
            }
        }
        self.small = own;
        Ok(written)
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        if self.small_from == self.small_until {
            // The decoder wants room for the longest letter.
            if out.len() >= 8 {
                return if self.done() { Ok(0) } else { self.decode(false, out) };
            }
            self.small_from = 0;
            self.small_until = if self.done() { 0 } else { self.decode(true, &mut [])? };
        }
        let some = out.len().min(self.small_until - self.small_from);
        out[..some].copy_from_slice(&self.small[self.small_from..self.small_from + some]);
        self.small_from += some;
        Ok(some)
    }
}

impl<R> Decoded<R> {
    fn done(&self) -> bool {
        self.ended && self.from == self.until
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// Gives so many bytes at a time.
    struct Drops<R>(R, usize);

    impl<R: Read> Read for Drops<R> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let most = out.len().min(self.1);
            self.0.read(&mut out[..most])
        }
    }

    proptest! {
        /// Letters are whole, however the file arrives and however it is taken.
        #[test]
        fn letters_are_whole(text in "\\PC{0,60}", drop in 1_usize..9, take in 1_usize..12, form in 0..4) {
            let bytes: Vec<u8> = match form {
                0 => text.clone().into_bytes(),
                1 => ["\u{feff}", &text].concat().into_bytes(),
                2 => "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
                _ => "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect(),
            };
            let encoding = Encoding::of(&mut Cursor::new(&bytes)).expect("an encoding");
            let mut decoded = Decoded::new(Drops(bytes.as_slice(), drop), encoding);
            let (mut all, mut buffer) = (Vec::new(), vec![0; take]);
            loop {
                let read = decoded.read(&mut buffer).expect("bytes");
                if read == 0 {
                    break;
                }
                all.extend_from_slice(&buffer[..read]);
            }
            prop_assert_eq!(String::from_utf8(all).expect("UTF-8"), text);
        }
    }
}
