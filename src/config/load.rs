//! The layers of the configuration, merged and checked.
//!
//! In: a file, the environment, flags. Out: [`Loaded`], or a [`ConfigError`] that names the key, the layer at fault and
//! the nearest key that exists.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::{Config, Network, Secret};

const PREFIX: &str = "TIMELEDGER_";
/// Where the file lies when neither `--config` nor `TIMELEDGER_CONFIG` says so.
const DEFAULT_FILE: &str = "timeledger.toml";
/// Settings that are masked and that a `…_FILE` variable may name a file for.
const SECRETS: [&str; 6] =
    ["database.url", "metrics.token", "auth.key", "auth.proxy_secret", "mail.password", "azure_devops.client_secret"];
/// Variables whose names are fixed elsewhere, and the keys that they set.
const ALIASES: [(&str, &str); 2] = [("KEY", "auth.key"), ("KEY_FILE", "auth.key_file")];

/// What the layers above the defaults are read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`; it must exist then.
    pub file: Option<PathBuf>,
    /// Variables by name; those without our prefix are passed over.
    pub environment: Vec<(String, String)>,
    /// Key, the flag that sets it, its value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// A configuration and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Every setting, by key; secrets masked.
    pub settings: Vec<Setting>,
}

#[derive(Clone, Debug)]
pub struct Setting {
    pub key: String,
    pub value: serde_json::Value,
    pub origin: Origin,
}

/// The layer that decided a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File(PathBuf),
    /// The variable.
    Environment(String),
    /// The flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "{}", path.display()),
            Origin::Environment(variable) => f.write_str(variable),
            Origin::Flag(flag) => f.write_str(flag),
        }
    }
}

/// Why a configuration cannot be used: exit code 3 (UX-121).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct ConfigError {
    pub what: String,
    pub why: String,
    pub hint: String,
}

impl ConfigError {
    /// A value that cannot be used, and why.
    pub fn value(key: &str, why: impl Into<String>) -> ConfigError {
        ConfigError {
            what: format!("`{key}` has a value that cannot be used"),
            why: why.into(),
            hint: "correct it; `timeledger config show` prints each value with its origin".to_owned(),
        }
    }
}

impl Sources {
    /// The layers of this process. The only place that reads the environment.
    #[expect(clippy::disallowed_methods, reason = "this is the room of the environment")]
    pub fn of_process(file: Option<PathBuf>) -> Sources {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Sources { file, environment, flags: Vec::new() }
    }

    /// Lets a flag decide a key, if it was given.
    pub fn flag(mut self, key: &'static str, flag: &'static str, value: Option<impl Into<String>>) -> Sources {
        self.flags.extend(value.map(|value| (key, flag, value.into())));
        self
    }

    /// Merges the layers and checks the outcome.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let defaults = default_values()?;
        let mut origins = BTreeMap::new();
        let mut figment = Figment::from(Layer(defaults.clone()));
        let file = self.file_to_read()?;
        if let Some(path) = &file {
            figment = figment.merge(Toml::file_exact(path));
        }
        let environment = self.environment_layer(&defaults, &mut origins)?;
        let flags = self.flag_layer(&defaults, &mut origins);
        let figment = figment.merge(Layer(environment)).merge(Layer(flags));

        let mut merged = figment.data().map_err(|error| unreadable(&error, file.as_deref()))?;
        let merged = merged.remove(&Profile::Default).unwrap_or_default();
        refuse_unknown(&merged, &defaults, "", file.as_deref())?;
        let config: Config = figment.extract().map_err(|error| wrong_type(&error, &origins, file.as_deref()))?;
        check(&config)?;
        let mut settings = Vec::new();
        let origin = |key: &str, value: &Value| origin_of(&figment, &origins, key, value);
        list_settings(&merged, "", &origin, &mut settings);
        Ok(Loaded { config, file, settings })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn file_to_read(&self) -> Result<Option<PathBuf>, ConfigError> {
        let named = self.file.clone().or_else(|| self.variable("TIMELEDGER_CONFIG").map(PathBuf::from));
        let Some(path) = named else {
            let path = Path::new(DEFAULT_FILE);
            return Ok(path.is_file().then(|| path.to_owned()));
        };
        match path.metadata() {
            Ok(found) if found.is_file() => Ok(Some(path)),
            Ok(_) => Err(no_file(&path, "it is not a file")),
            Err(error) => Err(no_file(&path, &error.to_string())),
        }
    }

    /// `TIMELEDGER_SECTION__KEY`, read as the type of its default; `TIMELEDGER_SECTION__KEY_FILE` for secrets.
    fn environment_layer(&self, defaults: &Dict, origins: &mut BTreeMap<String, Origin>) -> Result<Dict, ConfigError> {
        let mut layer = Dict::new();
        for (name, text) in &self.environment {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            // `TIMELEDGER_TEST_…` belongs to the test suite, whose children inherit its environment.
            if rest == "CONFIG" || rest.starts_with("TEST_") {
                continue;
            }
            let alias = ALIASES.iter().find(|(alias, _)| *alias == rest).map(|(_, key)| (*key).to_owned());
            let key = alias.unwrap_or_else(|| rest.to_ascii_lowercase().replace("__", "."));
            // A key of its own that names a file reads it itself, with care.
            let from_file = key.strip_suffix("_file").filter(|_| find(defaults, &key).is_none());
            let from_file = from_file.filter(|key| SECRETS.contains(key));
            let (key, text) = match from_file {
                Some(key) => (key.to_owned(), secret_from(name, text)?),
                None => (key, text.clone()),
            };
            let Some(default) = find(defaults, &key) else {
                return Err(unknown_variable(name, defaults));
            };
            insert(&mut layer, &key, typed(default, &text));
            origins.insert(key, Origin::Environment(name.clone()));
        }
        Ok(layer)
    }

    fn flag_layer(&self, defaults: &Dict, origins: &mut BTreeMap<String, Origin>) -> Dict {
        let mut layer = Dict::new();
        for (key, flag, text) in &self.flags {
            let value = find(defaults, key).map_or_else(|| Value::from(text.as_str()), |default| typed(default, text));
            insert(&mut layer, key, value);
            origins.insert((*key).to_owned(), Origin::Flag((*flag).to_owned()));
        }
        layer
    }
}

/// A layer that this program itself fills.
struct Layer(Dict);

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named("timeledger")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.0.clone())]))
    }
}

fn default_values() -> Result<Dict, ConfigError> {
    let value = Value::serialize(Config::default()).map_err(|error| unreadable(&error, None))?;
    Ok(value.into_dict().unwrap_or_default())
}

/// The text of a variable as the type of the key's default. What does not fit stays text, and is refused with its
/// origin when the configuration is read.
fn typed(default: &Value, text: &str) -> Value {
    match default {
        Value::Num(..) => text.trim().parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
        Value::Bool(..) => text.trim().parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
        Value::Array(..) => {
            let items: Vec<&str> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
            Value::from(items)
        }
        _ => Value::from(text),
    }
}

fn find<'d>(dict: &'d Dict, key: &str) -> Option<&'d Value> {
    let (section, name) = key.split_once('.')?;
    dict.get(section)?.as_dict()?.get(name)
}

fn insert(layer: &mut Dict, key: &str, value: Value) {
    let Some((section, name)) = key.split_once('.') else { return };
    let entry = layer.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
    if let Value::Dict(_, dict) = entry {
        dict.insert(name.to_owned(), value);
    }
}

fn secret_from(variable: &str, path: &str) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
        what: format!("the file of {variable} cannot be read"),
        why: format!("{path}: {error}"),
        hint: "name a file that this user may read".to_owned(),
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn list_settings(dict: &Dict, prefix: &str, origin: &dyn Fn(&str, &Value) -> Origin, out: &mut Vec<Setting>) {
    for (name, value) in dict {
        let key = format!("{prefix}{name}");
        match value {
            Value::Dict(_, inner) => list_settings(inner, &format!("{key}."), origin, out),
            value => out.push(Setting { value: shown(&key, value), origin: origin(&key, value), key }),
        }
    }
}

fn shown(key: &str, value: &Value) -> serde_json::Value {
    match value.as_str() {
        Some(text) if SECRETS.contains(&key) => Secret::new(text).masked().into(),
        _ => serde_json::to_value(value).unwrap_or_default(),
    }
}

/// The layers of this program are known by key; what is left is a default or of the file, which figment has tagged.
fn origin_of(figment: &Figment, origins: &BTreeMap<String, Origin>, key: &str, value: &Value) -> Origin {
    if let Some(origin) = origins.get(key) {
        return origin.clone();
    }
    let source = figment.get_metadata(value.tag()).and_then(|metadata| metadata.source.as_ref());
    match source.and_then(|source| source.file_path()) {
        Some(path) => Origin::File(path.to_owned()),
        None => Origin::Default,
    }
}

// ---- refusals

fn refuse_unknown(dict: &Dict, known: &Dict, prefix: &str, file: Option<&Path>) -> Result<(), ConfigError> {
    for (name, value) in dict {
        let Some(default) = known.get(name) else {
            let what = if prefix.is_empty() && value.as_dict().is_some() {
                format!("[{name}] is no section of the configuration")
            } else {
                format!("`{prefix}{name}` is no key of the configuration")
            };
            return Err(ConfigError {
                what,
                why: format!("it stands in {}", file.map_or_else(String::new, |path| path.display().to_string())),
                hint: did_you_mean(name, known.keys().map(String::as_str), prefix),
            });
        };
        if let (Value::Dict(_, inner), Value::Dict(_, default)) = (value, default) {
            refuse_unknown(inner, default, &format!("{prefix}{name}."), file)?;
        }
    }
    Ok(())
}

fn unknown_variable(name: &str, defaults: &Dict) -> ConfigError {
    let known = defaults.iter().flat_map(|(section, value)| {
        let keys = value.as_dict().into_iter().flat_map(Dict::keys);
        keys.map(move |key| format!("{PREFIX}{section}__{key}").to_ascii_uppercase())
    });
    let known: Vec<String> = known.collect();
    ConfigError {
        what: format!("the variable {name} sets no key of the configuration"),
        why: "variables are named TIMELEDGER_SECTION__KEY, with two underscores between".to_owned(),
        hint: did_you_mean(name, known.iter().map(String::as_str), ""),
    }
}

/// The name that is nearest, if one is near enough to be meant.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_ascii_lowercase();
    known
        .map(|other| (strsim::jaro_winkler(&name, &other.to_ascii_lowercase()), other))
        .filter(|(likeness, _)| *likeness >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, other)| other)
}

fn did_you_mean<'n>(name: &str, known: impl Iterator<Item = &'n str>, prefix: &str) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{prefix}{near}`?"),
        None => "`timeledger config show` lists every key".to_owned(),
    }
}

fn no_file(path: &Path, why: &str) -> ConfigError {
    ConfigError {
        what: format!("the configuration file {} cannot be read", path.display()),
        why: why.to_owned(),
        hint: "name an existing file with --config, or leave it out to use the defaults".to_owned(),
    }
}

fn unreadable(error: &figment::Error, file: Option<&Path>) -> ConfigError {
    ConfigError {
        what: match file {
            Some(path) => format!("the configuration file {} cannot be read", path.display()),
            None => "the configuration cannot be read".to_owned(),
        },
        why: error.kind.to_string().trim_end().to_owned(),
        hint: "the file is TOML: [section] lines, then key = value".to_owned(),
    }
}

fn wrong_type(error: &figment::Error, origins: &BTreeMap<String, Origin>, file: Option<&Path>) -> ConfigError {
    let key = error.path.join(".");
    let origin = match (origins.get(&key), file) {
        (Some(origin), _) => origin.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => Origin::Default.to_string(),
    };
    // A secret of a wrong type would be printed with the reason.
    let why = if SECRETS.contains(&key.as_str()) { "it must be a text".to_owned() } else { error.kind.to_string() };
    ConfigError::value(&key, format!("{why} (from {origin})"))
}

/// Rules that types do not say.
fn check(config: &Config) -> Result<(), ConfigError> {
    let server = &config.server;
    socket_address(&server.listen).map_err(|why| ConfigError::value("server.listen", why))?;
    check_url(&server.public_url, true).map_err(|why| ConfigError::value("server.public_url", why))?;
    for network in &server.trusted_proxies {
        network.parse::<Network>().map_err(|why| ConfigError::value("server.trusted_proxies", why))?;
    }
    check_database(config.database.url.expose()).map_err(|why| ConfigError::value("database.url", why))?;
    for origin in &config.cors.origins {
        check_url(origin, false).map_err(|why| ConfigError::value("cors.origins", why))?;
    }
    let database = &config.database;
    let odata = &config.odata;
    let least_one = [
        ("database.interactive_threads", database.interactive_threads),
        ("database.bulk_threads", database.bulk_threads),
        ("database.writer_threads", database.writer_threads),
        ("server.max_connections", server.max_connections),
        ("odata.page_size", odata.page_size as usize),
        ("odata.max_concurrent", odata.max_concurrent),
    ];
    for (key, value) in least_one {
        if value == 0 {
            return Err(ConfigError::value(key, "it must be at least 1"));
        }
    }
    if server.max_url_bytes > 65_534 {
        return Err(ConfigError::value("server.max_url_bytes", "the HTTP library takes 65,534 bytes at most"));
    }
    if odata.max_joins > 60 {
        return Err(ConfigError::value("odata.max_joins", "SQLite takes 64 tables a statement; 60 at most"));
    }
    super::signin::check(&config.auth, &config.ntlm).map_err(|(key, why)| ConfigError::value(key, why))?;
    super::mail::check(&config.mail, &server.public_url).map_err(|(key, why)| ConfigError::value(key, why))?;
    if tracing_subscriber::EnvFilter::builder().parse(&config.log.level).is_err() {
        return Err(ConfigError::value("log.level", "it is none of error, warn, info, debug, trace and no directive"));
    }
    Ok(())
}

/// `host:port`; a name is looked up, so that `localhost:8080` will do.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let mut found = text.to_socket_addrs().map_err(|_| format!("`{text}` is no address such as 127.0.0.1:7177"))?;
    found.next().ok_or_else(|| format!("`{text}` has no address"))
}

fn check_database(url: &str) -> Result<(), String> {
    match url.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(()),
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => Ok(()),
        _ => Err("it must be sqlite:PATH or postgres://USER@HOST/NAME".to_owned()),
    }
}

/// `scheme://host[:port]`, where an address may go on with a path and an origin may not.
fn check_url(url: &str, path_allowed: bool) -> Result<(), String> {
    if url.is_empty() && path_allowed {
        return Ok(());
    }
    let parsed: actix_web::http::Uri = url.parse().map_err(|_| format!("`{url}` is no address"))?;
    let known = matches!(parsed.scheme_str(), Some("http" | "https")) && parsed.host().is_some();
    let bare = parsed.query().is_none() && (path_allowed || (parsed.path() == "/" && !url.ends_with('/')));
    if known && bare {
        return Ok(());
    }
    Err(format!("`{url}` must be http(s)://HOST[:PORT]{}", if path_allowed { "[/PATH]" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(variables: &[(&str, &str)]) -> Sources {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Sources { environment, ..Sources::default() }
    }

    fn setting<'l>(loaded: &'l Loaded, key: &str) -> &'l Setting {
        loaded.settings.iter().find(|setting| setting.key == key).unwrap()
    }

    #[test]
    fn each_layer_overrides_the_one_below_and_is_named() {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        let text = "[server]\nlisten = \"127.0.0.1:1\"\nkeep_alive = 5\n[odata]\npage_size = 7\n";
        std::fs::write(file.path(), text).unwrap();
        let mut sources = sources(&[
            ("TIMELEDGER_SERVER__LISTEN", "127.0.0.1:2"),
            ("TIMELEDGER_ODATA__PAGE_SIZE", "8"),
            ("TIMELEDGER_CORS__ORIGINS", "https://a.example, https://b.example"),
            ("PATH", "/bin"),
        ]);
        sources.file = Some(file.path().to_owned());
        let loaded = sources.flag("server.listen", "--listen", Some("127.0.0.1:3")).load().unwrap();
        assert_eq!(loaded.config.server.listen, "127.0.0.1:3");
        assert_eq!(loaded.config.server.keep_alive, 5);
        assert_eq!(loaded.config.odata.page_size, 8);
        assert_eq!(loaded.config.cors.origins, ["https://a.example", "https://b.example"]);
        let origins = ["server.listen", "server.keep_alive", "odata.page_size", "server.workers"]
            .map(|key| setting(&loaded, key).origin.clone());
        assert_eq!(
            origins,
            [
                Origin::Flag("--listen".to_owned()),
                Origin::File(file.path().to_owned()),
                Origin::Environment("TIMELEDGER_ODATA__PAGE_SIZE".to_owned()),
                Origin::Default,
            ]
        );
    }

    #[test]
    fn the_defaults_are_a_configuration() {
        let loaded = Sources::default().load().unwrap();
        assert_eq!(loaded.config, Config::default());
        assert!(loaded.settings.iter().all(|setting| setting.origin == Origin::Default));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name() {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        let cases = [
            ("[server]\nlissten = \"x\"", "`server.lissten` is no key of the configuration", "`server.listen`"),
            ("[databse]\nurl = \"x\"", "[databse] is no section of the configuration", "`database`"),
            ("colour = 1", "`colour` is no key of the configuration", "`timeledger config show` lists"),
        ];
        for (text, what, hint) in cases {
            std::fs::write(file.path(), text).unwrap();
            let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
            let error = sources.load().unwrap_err();
            assert_eq!(error.what, what);
            assert!(error.hint.contains(hint), "{}", error.hint);
        }
        let error = sources(&[("TIMELEDGER_DATABASE_URL", "sqlite:x")]).load().unwrap_err();
        assert!(error.hint.contains("TIMELEDGER_DATABASE__URL"), "{}", error.hint);
    }

    #[test]
    fn a_value_that_cannot_be_used_is_refused_with_its_origin() {
        let cases = [
            ("TIMELEDGER_ODATA__PAGE_SIZE", "many", "odata.page_size"),
            ("TIMELEDGER_ODATA__PAGE_SIZE", "0", "odata.page_size"),
            ("TIMELEDGER_SERVER__LISTEN", "nowhere", "server.listen"),
            ("TIMELEDGER_SERVER__PUBLIC_URL", "ftp://example.com", "server.public_url"),
            ("TIMELEDGER_SERVER__TRUSTED_PROXIES", "proxy", "server.trusted_proxies"),
            ("TIMELEDGER_DATABASE__URL", "mysql://x", "database.url"),
            ("TIMELEDGER_CORS__ORIGINS", "*", "cors.origins"),
            ("TIMELEDGER_CORS__ORIGINS", "https://a.example/", "cors.origins"),
            ("TIMELEDGER_LOG__FORMAT", "xml", "log.format"),
            ("TIMELEDGER_LOG__LEVEL", "loud=what", "log.level"),
        ];
        for (variable, value, key) in cases {
            let error = sources(&[(variable, value)]).load().unwrap_err();
            assert!(error.what.contains(key), "{variable}={value}: {error}");
        }
    }

    #[test]
    fn a_secret_is_masked_and_may_come_from_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "postgres://ann:s3cret@db/time\n").unwrap();
        let path = file.path().to_str().unwrap();
        let loaded = sources(&[("TIMELEDGER_DATABASE__URL_FILE", path)]).load().unwrap();
        assert_eq!(loaded.config.database.url.expose(), "postgres://ann:s3cret@db/time");
        let url = setting(&loaded, "database.url");
        assert_eq!(url.value, "postgres://ann:***@db/time");
        assert_eq!(url.origin, Origin::Environment("TIMELEDGER_DATABASE__URL_FILE".to_owned()));
        assert!(!format!("{loaded:?}").contains("s3cret"));
    }

    #[test]
    fn a_file_that_is_named_must_exist() {
        let sources = Sources { file: Some(PathBuf::from("/nonexistent/timeledger.toml")), ..Sources::default() };
        assert!(sources.load().unwrap_err().what.contains("/nonexistent/timeledger.toml"));
    }
}
