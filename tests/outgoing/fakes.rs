//! Fakes: a token endpoint that behaves as Entra ID's does, and an Azure DevOps that knows whom its tokens are of. They are
//! no proof that the real ones take what is sent; they prove what is done with their answers.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// A member of the query, or of a form.
    pub fn member(&self, name: &str) -> String {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        let mut pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(self.body.as_bytes()));
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    }
}

/// What goes back; nothing: the connection is closed without an answer.
pub type Answered = Option<(u16, Vec<(&'static str, String)>, String)>;

/// A server on a port of this machine.
pub struct Fake {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fake {
    pub fn start(answer: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
        // It ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || drop(serve(stream, &seen, &*answer)));
            }
        });
        Fake { address, asked }
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.asked).clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Answered) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let Some(asked) = read(&mut stream)? else { return Ok(()) };
    lock(seen).push(asked.clone());
    let Some((status, headers, body)) = answer(&asked) else { return Ok(()) };
    let mut text = format!("HTTP/1.1 {status} Fake\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{text}\r\n{body}").as_bytes())
}

fn read(stream: &mut TcpStream) -> std::io::Result<Option<Asked>> {
    let mut bytes = Vec::new();
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Request::new(&mut fields);
        if let httparse::Status::Complete(start) = head.parse(&bytes).map_err(std::io::Error::other)? {
            let headers: Vec<(String, String)> = head
                .headers
                .iter()
                .map(|field| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned()))
                .collect();
            let mut asked = Asked {
                method: head.method.unwrap_or_default().to_owned(),
                target: head.path.unwrap_or_default().to_owned(),
                headers,
                body: String::new(),
            };
            let length = asked.header("Content-Length").parse::<usize>().unwrap_or_default();
            if bytes.len() >= start + length {
                asked.body = String::from_utf8_lossy(&bytes[start..start + length]).into_owned();
                return Ok(Some(asked));
            }
        }
        let mut chunk = [0; 16 * 1024];
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            n => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}

/// How the token endpoint behaves to a refresh token.
#[derive(Clone)]
pub enum Mood {
    /// Each is good once, and gives the next.
    Good,
    /// 400 with this code.
    Error(&'static str),
    /// A status that says nothing of the grant, with `Retry-After`.
    Status(u16, Option<u32>),
    /// It is exchanged, then this is done, and no answer goes out.
    LostAfter(Arc<dyn Fn() + Send + Sync>),
    /// Nothing is said for so long.
    Silent(Duration),
    /// Good, after so long.
    Slow(Duration),
}

struct Grants {
    mood: Mood,
    next: u32,
    /// Living refresh tokens, with their persons.
    refresh: HashMap<String, String>,
    /// Living access tokens, with their persons.
    access: HashMap<String, String>,
    /// Codes with persons and challenges.
    codes: HashMap<String, (String, String)>,
    lifetime: u32,
    refreshes: u32,
    /// Done while a code is exchanged.
    meanwhile: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// A fake of Entra ID.
pub struct Entra {
    pub fake: Fake,
    grants: Arc<Mutex<Grants>>,
}

/// What the fakes' secrets begin with, for whoever looks for them where they must not be.
pub const MARK: &str = "m4rked";

impl Grants {
    fn pair(&mut self, person: &str) -> Answered {
        self.next += 1;
        let (access, refresh) = (format!("{MARK}-access-{}", self.next), format!("{MARK}-refresh-{}", self.next));
        self.access.insert(access.clone(), person.to_owned());
        self.refresh.insert(refresh.clone(), person.to_owned());
        let body = json!({
            "token_type": "Bearer", "access_token": access, "refresh_token": refresh, "expires_in": self.lifetime,
        });
        Some((200, vec![("Content-Type", "application/json".into())], body.to_string()))
    }
}

fn refused(code: &str) -> Answered {
    let body = json!({"error": code, "error_description": format!("AADSTS0000: {MARK}-description")});
    Some((400, vec![("Content-Type", "application/json".into())], body.to_string()))
}

impl Entra {
    pub fn start() -> Entra {
        let grants = Grants {
            mood: Mood::Good,
            next: 0,
            refresh: HashMap::new(),
            access: HashMap::new(),
            codes: HashMap::new(),
            lifetime: 3_600,
            refreshes: 0,
            meanwhile: None,
        };
        let grants = Arc::new(Mutex::new(grants));
        let shared = Arc::clone(&grants);
        Entra { fake: Fake::start(move |asked| answer(&shared, asked)), grants }
    }

    pub fn authority(&self) -> String {
        format!("http://{}/organizations", self.fake.address)
    }

    pub fn set_mood(&self, mood: Mood) {
        lock(&self.grants).mood = mood;
    }

    /// Seconds that access tokens live from now on.
    pub fn set_lifetime(&self, seconds: u32) {
        lock(&self.grants).lifetime = seconds;
    }

    /// What is done while a code is exchanged.
    pub fn meanwhile(&self, done: impl Fn() + Send + Sync + 'static) {
        lock(&self.grants).meanwhile = Some(Arc::new(done));
    }

    /// How often a refresh token was shown.
    pub fn refreshes(&self) -> u32 {
        lock(&self.grants).refreshes
    }

    /// Makes every access token so far no longer good.
    pub fn revoke_access(&self) {
        lock(&self.grants).access.clear();
    }

    /// A person signs in and agrees: what the provider's page would send the browser back with.
    pub fn consent(&self, url: &str, person: &str) -> String {
        let query = url.split_once('?').expect("a query").1;
        let members: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!(members["prompt"], "select_account");
        let expected = [("response_type", "code"), ("code_challenge_method", "S256"), ("client_id", "the-client")];
        expected.iter().for_each(|(name, value)| assert_eq!(members[*name], *value, "{url}"));
        assert_eq!(members["scope"], "499b84ac-1321-427f-aa17-267ca6975798/.default offline_access");
        assert!(members["redirect_uri"].ends_with("/connect/callback") && members["state"].len() >= 43, "{url}");
        let mut grants = lock(&self.grants);
        grants.next += 1;
        let code = format!("{MARK}-code-{}", grants.next);
        grants.codes.insert(code.clone(), (person.to_owned(), members["code_challenge"].clone()));
        format!("/connect/callback?code={code}&state={}", members["state"])
    }

    fn person_of(grants: &Mutex<Grants>, access: &str) -> Option<String> {
        lock(grants).access.get(access).cloned()
    }
}

fn answer(shared: &Mutex<Grants>, asked: &Asked) -> Answered {
    use sha2::Digest;
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/organizations/oauth2/v2.0/token"));
    let secret = (asked.member("client_id"), asked.member("client_secret"));
    assert_eq!(secret, ("the-client".to_owned(), format!("{MARK}-client-secret")));
    let mut grants = lock(shared);
    if asked.member("grant_type") == "authorization_code" {
        let Some((person, challenge)) = grants.codes.remove(&asked.member("code")) else {
            return refused("invalid_grant");
        };
        let digest = sha2::Sha256::digest(asked.member("code_verifier"));
        let is_right = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest) == challenge;
        let answer = if is_right { grants.pair(&person) } else { refused("invalid_grant") };
        let meanwhile = grants.meanwhile.take();
        drop(grants);
        if let Some(done) = meanwhile {
            done();
        }
        return answer;
    }
    grants.refreshes += 1;
    let mood = grants.mood.clone();
    if let Mood::Error(code) = mood {
        return refused(code);
    }
    if let Mood::Status(status, rest) = mood {
        let rest = rest.map(|seconds| ("Retry-After", seconds.to_string()));
        return Some((status, rest.into_iter().collect(), "<html>busy</html>".to_owned()));
    }
    if let Mood::Silent(time) = mood {
        drop(grants);
        std::thread::sleep(time);
        return None;
    }
    let Some(person) = grants.refresh.remove(&asked.member("refresh_token")) else { return refused("invalid_grant") };
    let pair = grants.pair(&person);
    drop(grants);
    // So long that two who renewed at once would meet.
    std::thread::sleep(Duration::from_millis(100));
    match mood {
        Mood::LostAfter(then) => {
            then();
            None
        }
        Mood::Slow(time) => {
            std::thread::sleep(time);
            pair
        }
        _ => pair,
    }
}

/// How the fake of Azure DevOps behaves.
#[derive(Clone, Debug)]
pub enum Face {
    Good,
    /// This status, with these headers, whoever asks.
    Fixed(u16, Vec<(&'static str, String)>),
    /// No answer.
    Closed,
    /// Good to whom it knows; to all others this, in place of 401.
    Else(u16, Vec<(&'static str, String)>),
}

/// A fake of Azure DevOps: it takes the access tokens of a fake of Entra ID, and personal access tokens `PERSON-pat`.
pub struct DevOps {
    pub fake: Fake,
    face: Arc<Mutex<Face>>,
}

impl DevOps {
    pub fn start(entra: &Entra) -> DevOps {
        let face = Arc::new(Mutex::new(Face::Good));
        let (grants, shown) = (Arc::clone(&entra.grants), Arc::clone(&face));
        let fake = Fake::start(move |asked| {
            match lock(&shown).clone() {
                Face::Good | Face::Else(..) => {}
                Face::Fixed(status, headers) => return Some((status, headers, "<html>no JSON</html>".to_owned())),
                Face::Closed => return None,
            }
            let who = shown_by(asked, &grants);
            let Some(who) = who else {
                let (status, headers) = match lock(&shown).clone() {
                    Face::Else(status, headers) => (status, headers),
                    _ => (401, Vec::new()),
                };
                return Some((status, headers, String::new()));
            };
            let body = json!({"authenticatedUser": {
                "providerDisplayName": who, "properties": {"Account": {"$type": "System.String", "$value": format!("{who}@corp")}},
            }});
            Some((200, vec![("Content-Type", "application/json".into())], body.to_string()))
        });
        DevOps { fake, face }
    }

    pub fn url(&self) -> String {
        format!("http://{}/org", self.fake.address)
    }

    pub fn set_face(&self, face: Face) {
        *lock(&self.face) = face;
    }
}

fn shown_by(asked: &Asked, grants: &Mutex<Grants>) -> Option<String> {
    let authorization = asked.header("Authorization");
    if let Some(token) = authorization.strip_prefix("Bearer ") {
        return Entra::person_of(grants, token);
    }
    let decoded = STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    // An empty user name, and the token.
    Some(text.strip_prefix(':')?.strip_prefix(MARK)?.strip_prefix('-')?.strip_suffix("-pat")?.to_owned())
}

/// The personal access token of somebody at the fake.
pub fn pat(person: &str) -> String {
    format!("{MARK}-{person}-pat")
}

/// A JSON object of a test's request.
pub fn body(kind: &str, secret: &str) -> Value {
    json!({"kind": kind, "secret": secret})
}
