//! Files on their way in and out.
//!
//! In: the body of a request, as it comes; it is kept in pieces, so that no file stands in memory and each server of the
//! site can read it. Out: what the handler is told of it: [`Uploaded`], as its body. A file that breaks off, that is too
//! large or whose request is refused is removed.

use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, web::BytesMut};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::task::{JoinError, JoinHandle};

use super::call::{Attachment, Call, Content};
use super::options::Options;
use crate::db::DbError;
use crate::domain::jobs::files::{self, PIECE};
use crate::domain::refusal::{Kind, Refusal};
use crate::http::{App, Problem};
use crate::sql::Guid;

/// What a handler knows of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Uploaded {
    pub file_id: uuid::Uuid,
    /// The name that it was sent under.
    pub name: Option<String>,
    pub bytes: u64,
    /// Hexadecimal digits of SHA-256.
    pub digest: String,
}

impl Uploaded {
    /// The member that differs when the same file comes again.
    pub(super) const ID: &'static str = "fileId";

    /// The file of a request.
    pub fn of(call: &Call) -> Result<Uploaded, Refusal> {
        let told = call.raw_body().cloned().unwrap_or_default();
        serde_json::from_value(told).map_err(|_| Refusal::new(Kind::Malformed, "The body must be a file."))
    }
}

/// A file that is kept, and removed again unless somebody wants it.
pub(super) struct Upload {
    app: Data<App>,
    told: Uploaded,
    wanted: bool,
    /// The piece that is being written. Whoever goes away does not stop it, and it is removed behind its end.
    writing: Option<JoinHandle<Result<(), DbError>>>,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.wanted {
            return;
        }
        let (app, file, writing) = (self.app.clone(), Guid(self.told.file_id), self.writing.take());
        actix_web::rt::spawn(async move {
            if let Some(writing) = writing {
                let _: Result<_, JoinError> = writing.await;
            }
            // What stays after all is swept away later.
            let _: Result<(), DbError> = app.db.write(move |tx| files::remove(tx, file)).await;
        });
    }
}

impl Upload {
    /// Takes the body of a request. With `multipart/form-data` it is the part that has a file name.
    pub(super) async fn take(
        app: &Data<App>,
        http: &HttpRequest,
        options: &Options,
        mut payload: Payload,
    ) -> Result<Upload, Problem> {
        let limit = app.config.jobs.max_file_bytes;
        let length = text(http, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<usize>().ok());
        // A form has its frame around the file.
        if length.is_some_and(|length| length > limit.saturating_add(FRAME)) {
            return Err(Problem::file_too_large(limit));
        }
        let name = options.get("fileName").map(str::to_owned).or_else(|| disposition(http));
        let told = Uploaded { file_id: uuid::Uuid::now_v7(), name, bytes: 0, digest: String::new() };
        let mut upload = Upload { app: app.clone(), told, wanted: false, writing: None };
        let mut form = boundary(http)?.map(Form::new);
        let (mut pieces, mut pending, mut hash) = (0, BytesMut::new(), Sha256::new());
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| broken(&error.to_string()))?;
            match &mut form {
                Some(form) => form.push(&chunk, &mut pending).map_err(|why| broken(&why))?,
                None => pending.extend_from_slice(&chunk),
            }
            while pending.len() >= PIECE {
                let piece = pending.split_to(PIECE).freeze();
                upload.add(&mut pieces, &mut hash, piece, limit).await?;
            }
        }
        if let Some(form) = form {
            upload.told.name = upload.told.name.take().or(form.finish().map_err(|why| broken(&why))?);
        }
        upload.add(&mut pieces, &mut hash, pending.freeze(), limit).await?;
        if upload.told.bytes == 0 {
            return Err(Refusal::new(Kind::Malformed, "FileFormat: the file is empty.").into());
        }
        upload.told.digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(upload)
    }

    async fn add(&mut self, pieces: &mut i32, hash: &mut Sha256, piece: Bytes, limit: usize) -> Result<(), Problem> {
        self.told.bytes += piece.len() as u64;
        if self.told.bytes > limit as u64 {
            return Err(Problem::file_too_large(limit));
        }
        if piece.is_empty() {
            return Ok(());
        }
        hash.update(&piece);
        let (file, number, now) = (Guid(self.told.file_id), *pieces, self.app.clock.now());
        *pieces += 1;
        let app = self.app.clone();
        let write = async move { app.db.write(move |tx| files::add(tx, file, number, &piece, now)).await };
        let written = self.writing.insert(actix_web::rt::spawn(write)).await.map_err(Problem::internal)?;
        self.writing = None;
        Ok(written.map_err(Refusal::from)?)
    }

    /// As the body of the call.
    pub(super) fn told(&self) -> Result<Value, Problem> {
        serde_json::to_value(&self.told).map_err(Problem::internal)
    }

    /// Some row names it now.
    pub(super) fn keep(mut self) {
        self.wanted = true;
    }
}

/// Bytes that a form may have around its file.
const FRAME: usize = 64 * 1024;

fn broken(why: &str) -> Problem {
    Refusal::new(Kind::Malformed, format!("The file did not arrive whole: {why}. Nothing was kept; send it again."))
        .into()
}

fn text<'r>(http: &'r HttpRequest, name: &str) -> Option<&'r str> {
    http.headers().get(name).and_then(|value| value.to_str().ok())
}

/// The file name of `Content-Disposition: attachment; filename="…"`.
fn disposition(http: &HttpRequest) -> Option<String> {
    file_name(text(http, header::CONTENT_DISPOSITION.as_str())?)
}

/// The parameter `filename` of a header; of a path its last part.
fn file_name(header: &str) -> Option<String> {
    let parameters = header.split(';').skip(1);
    let named = parameters.filter_map(|parameter| parameter.trim().split_once('='));
    let found = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("filename")).map(|(_, value)| value).next();
    let name = found?.trim().trim_matches('"');
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    (!name.is_empty()).then(|| name.to_owned())
}

/// What parts a form (RFC 2046: at most 70 characters); none: the body is the file.
fn boundary(http: &HttpRequest) -> Result<Option<String>, Problem> {
    let kind = text(http, header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let (media, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    if !media.trim().eq_ignore_ascii_case("multipart/form-data") {
        return Ok(None);
    }
    let named = parameters.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let found = named.filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary")).map(|(_, value)| value).next();
    let found = found.map(|value| value.trim().trim_matches('"')).filter(|value| (1..=70).contains(&value.len()));
    found.map(|value| Some(value.to_owned())).ok_or_else(|| broken("the form has no boundary"))
}

/// A form whose file is taken as it comes (RFC 7578): the first part with a file name.
#[derive(Debug)]
struct Form {
    /// `\r\n--boundary`
    mark: Vec<u8>,
    held: Vec<u8>,
    state: Part,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Before a head, behind a mark.
    Head,
    File,
    /// A part that is no file.
    Other,
    Done,
}

impl Form {
    fn new(boundary: String) -> Form {
        // The first mark stands at the very begin; as if a line had ended there.
        Form { mark: format!("\r\n--{boundary}").into_bytes(), held: b"\r\n".to_vec(), state: Part::Other, name: None }
    }

    /// Takes bytes in, and hands those of the file out.
    fn push(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<(), String> {
        self.held.extend_from_slice(chunk);
        loop {
            match self.state {
                Part::Done => {
                    self.held.clear();
                    return Ok(());
                }
                Part::Head => {
                    let Some(end) = find(&self.held, b"\r\n\r\n") else {
                        let over = self.held.starts_with(b"--");
                        if self.held.len() > FRAME || over {
                            return Err("the form has no file".to_owned());
                        }
                        return Ok(());
                    };
                    let head: Vec<u8> = self.held.drain(..end + 4).collect();
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let is_disposition = |line: &&str| line.to_ascii_lowercase().starts_with("content-disposition:");
                    self.name = head.lines().find(is_disposition).and_then(file_name);
                    // A part without a head's last line begins with the mark of the next.
                    self.held.splice(0..0, *b"\r\n");
                    self.state = if self.name.is_some() { Part::File } else { Part::Other };
                    if self.state == Part::File {
                        self.held.drain(..2);
                    }
                }
                Part::File | Part::Other => {
                    let (end, found) = match find(&self.held, &self.mark) {
                        Some(at) => (at, true),
                        // The begin of a mark may be at the end.
                        None => (self.held.len().saturating_sub(self.mark.len() - 1), false),
                    };
                    if self.state == Part::File {
                        out.extend_from_slice(self.held.get(..end).unwrap_or_default());
                    }
                    self.held.drain(..end);
                    if !found {
                        return Ok(());
                    }
                    self.held.drain(..self.mark.len());
                    self.state = if self.state == Part::File { Part::Done } else { Part::Head };
                }
            }
        }
    }

    fn finish(self) -> Result<Option<String>, String> {
        match self.state {
            Part::Done => Ok(self.name),
            Part::File => Err("the form breaks off".to_owned()),
            Part::Head | Part::Other => Err("the form has no file".to_owned()),
        }
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

/// The headers of a file that is kept, not shown.
pub(super) fn attach(response: &mut HttpResponseBuilder, name: &str, media_type: &'static str) {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | ' ');
    let name: String = name.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
    response
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .insert_header((HeaderName::from_static("x-content-type-options"), "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-store"));
}

/// Sends a file: as a whole, or piece by piece as the client takes it.
pub(super) fn send(app: &Data<App>, mut response: HttpResponseBuilder, file: Attachment) -> HttpResponse {
    attach(&mut response, &file.name, file.media_type);
    let file = match file.content {
        Content::Here(bytes) => return response.body(bytes),
        Content::Kept(file) => file,
    };
    let app = app.clone();
    let pieces = futures_util::stream::unfold(0, move |number| {
        let app = app.clone();
        async move {
            let read = app.db.read(move |conn| files::piece(conn, file, number)).await;
            match read {
                Ok(piece) => Some((Ok(Bytes::from(piece?)), number + 1)),
                Err(error) => Some((Err(std::io::Error::other(error)), number)),
            }
        }
    });
    response.streaming(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_whatever_its_cuts() {
        let form =
            b"--b1\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b1\r\nContent-Disposition: form-data; \
            name=\"file\"; filename=\"C:\\a\\times.csv\"\r\nContent-Type: text/csv\r\n\r\na,b\r\n--b\r\n--b1--\r\n";
        for cut in 1..form.len() {
            let (mut taken, mut out) = (Form::new("b1".into()), BytesMut::new());
            for chunk in form.chunks(cut) {
                taken.push(chunk, &mut out).unwrap();
            }
            assert_eq!((&out[..], taken.finish()), (&b"a,b\r\n--b"[..], Ok(Some("times.csv".to_owned()))), "{cut}");
        }
    }

    #[test]
    fn a_form_without_a_file_or_an_end_is_none() {
        for form in [
            "",
            "--b1--\r\n",
            "--b1\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b1--",
            "x",
            "--b1\r\nContent-Disposition: form-data; filename=\"a.csv\"\r\n\r\na,b\r\n--b",
        ] {
            let (mut taken, mut out) = (Form::new("b1".into()), BytesMut::new());
            let pushed = taken.push(form.as_bytes(), &mut out);
            assert!(pushed.is_err() || taken.finish().is_err(), "{form}");
        }
    }
}
