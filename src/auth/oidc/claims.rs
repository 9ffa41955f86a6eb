//! What an access token says, if all of it holds (AU-51, AU-53; RFC 7519, 8725, 9068).
//!
//! In: the token's text, the provider's keys, the rules of the site and the time. Out: [`Claims`], or why it is refused, for
//! the audit alone. Nothing of the header but `alg` and `kid` is believed: a key that comes with its token proves nothing.

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde_json::{Map, Value};

use super::LONGEST;
use super::crypto::{self, KNOWN};
use crate::auth::Scopes;
use crate::policy::Role;
use crate::sql::Instant;

/// Seconds that clocks may differ.
const LEEWAY: i64 = 60;
const SECOND: i64 = 1_000_000;
/// Where Entra's tenants issue: tokens of version 2, and those of Power Query.
const ENTRA: (&str, &str) = ("https://login.microsoftonline.com/", "/v2.0");
const ENTRA_V1: &str = "https://sts.windows.net/";

/// What a site demands of tokens.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The provider, as its discovery document names it.
    pub issuer: String,
    /// A token must be made for one of these.
    pub audiences: Vec<String>,
    /// Of Entra, beside that of the issuer.
    pub tenants: Vec<String>,
    pub algorithms: Vec<Algorithm>,
    /// Values of `groups` and `roles`, each with the role that it gives.
    pub roles: Vec<(String, Role)>,
}

/// Algorithms by their names.
pub fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, String> {
    let known = |name: &String| KNOWN.into_iter().find(|known| format!("{known:?}") == *name);
    let named = |name: &String| known(name).ok_or_else(|| format!("`{name}` is none of RS256, PS256, ES256"));
    names.iter().map(named).collect()
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub issuer: String,
    /// Of Entra the object id, which is one for all applications.
    pub subject: String,
    pub scopes: Scopes,
    /// A program that acts for itself.
    pub is_app: bool,
    /// The highest role that groups and roles give; none where the site maps none, or the token does not say.
    pub role: Option<Role>,
    pub name: Option<String>,
    /// As people sign in, such as `ann@example.com`.
    pub user_name: Option<String>,
    pub expires_at: Instant,
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    #[error("it is longer than 16 KiB")]
    TooLong,
    #[error("it is no token")]
    Malformed,
    #[error("its algorithm is not allowed")]
    Algorithm,
    #[error("it demands extensions")]
    Critical,
    #[error("its key is not the provider's")]
    UnknownKey,
    #[error("its key does not fit its algorithm")]
    KeyMismatch,
    #[error("its signature is wrong")]
    Signature,
    #[error("`{0}` is missing or of another type")]
    Missing(&'static str),
    #[error("another issuer")]
    Issuer,
    #[error("another tenant")]
    Tenant,
    #[error("made for others")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it is not yet good")]
    Early,
    #[error("an ID token is no access token")]
    IdToken,
    #[error("made for another sign-in")]
    Nonce,
    #[error("the provider refused the code: {0}")]
    Code(String),
    #[error("it is no logout token")]
    NoLogout,
    #[error("the provider's keys cannot be had: {0}")]
    Provider(String),
}

/// The header of a token.
pub fn header(token: &str) -> Result<Header, Rejected> {
    if token.len() > LONGEST {
        return Err(Rejected::TooLong);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| Rejected::Malformed)?;
    if header.crit.is_some() { Err(Rejected::Critical) } else { Ok(header) }
}

/// The key that a header names, or the only one.
pub fn key<'k>(header: &Header, keys: &'k [Jwk]) -> Option<&'k Jwk> {
    match &header.kid {
        Some(kid) => keys.iter().find(|key| key.common.key_id.as_ref() == Some(kid)),
        None => keys.first().filter(|_| keys.len() == 1),
    }
}

/// Reads an access token whose key was found.
pub fn read(token: &str, header: &Header, key: &Jwk, rules: &Rules, now: Instant) -> Result<Claims, Rejected> {
    check(&signed(token, header, key, rules)?, rules, now)
}

/// What a signature covers.
pub fn signed(token: &str, header: &Header, key: &Jwk, rules: &Rules) -> Result<Map<String, Value>, Rejected> {
    crypto::install();
    let algorithm = header.alg;
    if !rules.algorithms.contains(&algorithm) {
        return Err(Rejected::Algorithm);
    }
    if !fits(key, algorithm) {
        return Err(Rejected::KeyMismatch);
    }
    let key = DecodingKey::from_jwk(key).map_err(|_| Rejected::KeyMismatch)?;
    let mut validation = Validation::new(algorithm);
    // What follows is checked below, by our clock and with reasons.
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    validation.required_spec_claims.clear();
    let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
    Ok(decoded.map_err(|_| Rejected::Signature)?.claims)
}

/// What the ID token of a sign-in says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdClaims {
    /// Its scopes mean nothing.
    pub claims: Claims,
    /// When the person last showed the provider who they are, if it says so.
    pub auth_time: Option<Instant>,
    /// The name of the session there.
    pub session: Option<String>,
}

/// Checks an ID token (OpenID Connect Core 1.0 §3.1.3.7): made for this client and this sign-in.
pub fn check_id(
    claims: &Map<String, Value>,
    rules: &Rules,
    client_id: &str,
    nonce: &str,
    now: Instant,
) -> Result<IdClaims, Rejected> {
    let text = |name: &'static str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    in_time(claims, now)?;
    if !audiences(claims).any(|audience| audience == client_id) {
        return Err(Rejected::Audience);
    }
    let several = audiences(claims).count() > 1;
    if text("azp").map_or(several, |azp| azp != client_id) {
        return Err(Rejected::Audience);
    }
    if text("nonce") != Some(nonce) {
        return Err(Rejected::Nonce);
    }
    let auth_time = claims.get("auth_time").and_then(Value::as_i64);
    Ok(IdClaims {
        claims: Claims { is_app: false, ..spoken_for(claims, rules)? },
        auth_time: auth_time.map(|seconds| Instant(seconds.saturating_mul(SECOND))),
        session: text("sid").map(str::to_owned),
    })
}

/// Whose sign-in ended at the provider (OpenID Connect Back-Channel Logout 1.0 §2.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logout {
    pub issuer: String,
    /// All of this person's; none: those of the session.
    pub subject: Option<String>,
    pub session: Option<String>,
}

pub fn check_logout(
    claims: &Map<String, Value>,
    rules: &Rules,
    client_id: &str,
    now: Instant,
) -> Result<Logout, Rejected> {
    const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
    let text = |name: &'static str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    in_time(claims, now)?;
    if !audiences(claims).any(|audience| audience == client_id) {
        return Err(Rejected::Audience);
    }
    let is_event = claims.get("events").and_then(|events| events.get(EVENT)).is_some_and(Value::is_object);
    if !is_event || claims.contains_key("nonce") || text("jti").is_none() {
        return Err(Rejected::NoLogout);
    }
    let issuer = issuer(text("iss").ok_or(Rejected::Missing("iss"))?, text("tid"), rules)?;
    let (subject, session) = (text("tid").and(text("oid")).or(text("sub")), text("sid"));
    if subject.is_none() && session.is_none() {
        return Err(Rejected::Missing("sub"));
    }
    Ok(Logout { issuer, subject: subject.map(str::to_owned), session: session.map(str::to_owned) })
}

/// A key signs by the algorithms of its own type, and no other: else a public key would do as a shared secret.
pub(super) fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let of_type = match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(algorithm, Algorithm::RS256 | Algorithm::PS256),
        AlgorithmParameters::EllipticCurve(_) => algorithm == Algorithm::ES256,
        _ => false,
    };
    let named = key.common.key_algorithm.is_none_or(|named| named.to_string() == format!("{algorithm:?}"));
    let signs = !matches!(&key.common.public_key_use, Some(of) if *of != PublicKeyUse::Signature);
    of_type && named && signs
}

fn check(claims: &Map<String, Value>, rules: &Rules, now: Instant) -> Result<Claims, Rejected> {
    in_time(claims, now)?;
    let claims_of = spoken_for(claims, rules)?;
    if !audiences(claims).any(|audience| is_ours(audience, rules)) {
        return Err(Rejected::Audience);
    }
    if ["nonce", "at_hash", "c_hash"].iter().any(|name| claims.contains_key(*name)) {
        return Err(Rejected::IdToken);
    }
    Ok(claims_of)
}

/// Whether a token is neither over nor has it still to begin.
fn in_time(claims: &Map<String, Value>, now: Instant) -> Result<(), Rejected> {
    let seconds = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(value) => {
            let number = value.as_f64().filter(|number| number.is_finite()).ok_or(Rejected::Missing(name))?;
            Ok(Some(number as i64))
        }
    };
    let expires = seconds("exp")?.ok_or(Rejected::Missing("exp"))?;
    let now_seconds = now.0.div_euclid(SECOND);
    if expires.saturating_add(LEEWAY) <= now_seconds {
        return Err(Rejected::Expired);
    }
    for start in ["nbf", "iat"] {
        if seconds(start)?.is_some_and(|start| start.saturating_sub(LEEWAY) > now_seconds) {
            return Err(Rejected::Early);
        }
    }
    Ok(())
}

/// Who a token of the provider speaks for.
fn spoken_for(claims: &Map<String, Value>, rules: &Rules) -> Result<Claims, Rejected> {
    let text = |name: &'static str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let needed = |name: &'static str| text(name).ok_or(Rejected::Missing(name));
    let expires = claims.get("exp").and_then(Value::as_f64).ok_or(Rejected::Missing("exp"))? as i64;
    let issuer = issuer(needed("iss")?, text("tid"), rules)?;
    let tenant_object = text("tid").and(text("oid"));
    let subject = tenant_object.map_or_else(|| needed("sub"), Ok)?.to_owned();
    let words = words(claims, "scp").or_else(|| words(claims, "scope"));
    let roles = words_of_list(claims, "roles");
    let client = text("client_id").or(text("azp")).or(text("appid"));
    let is_app =
        text("idtyp") == Some("app") || words.is_none() && roles.is_some() || client.is_some() && client == text("sub");
    let granted = words.as_deref().or(roles.as_deref().filter(|_| is_app)).unwrap_or_default();
    let user_name = ["preferred_username", "upn", "email", "unique_name"].into_iter().find_map(text);
    Ok(Claims {
        issuer,
        subject,
        scopes: scopes(granted),
        is_app,
        role: role(claims, roles.as_deref(), rules),
        name: text("name").map(str::to_owned),
        user_name: user_name.map(str::to_owned),
        expires_at: Instant(expires.saturating_add(LEEWAY).saturating_mul(SECOND)),
    })
}

/// The issuer under which the person is known: of both of Entra's the tenant's.
fn issuer(sent: &str, tenant: Option<&str>, rules: &Rules) -> Result<String, Rejected> {
    let own = rules.issuer.strip_prefix(ENTRA.0).and_then(|rest| rest.strip_suffix(ENTRA.1));
    let Some(own) = own else {
        return if sent == rules.issuer { Ok(sent.to_owned()) } else { Err(Rejected::Issuer) };
    };
    let tenant = tenant.ok_or(Rejected::Missing("tid"))?;
    if tenant != own && !rules.tenants.iter().any(|known| known == tenant) {
        return Err(Rejected::Tenant);
    }
    let (second, first) = (format!("{}{tenant}{}", ENTRA.0, ENTRA.1), format!("{ENTRA_V1}{tenant}/"));
    if sent == second || sent == first { Ok(second) } else { Err(Rejected::Issuer) }
}

fn audiences(claims: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let (one, many) = match claims.get("aud") {
        Some(Value::String(one)) => (Some(one.as_str()), None),
        Some(Value::Array(many)) => (None, Some(many)),
        _ => (None, None),
    };
    one.into_iter().chain(many.into_iter().flatten().filter_map(Value::as_str))
}

/// An address counts with or without a slash at its end.
fn is_ours(audience: &str, rules: &Rules) -> bool {
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    rules.audiences.iter().any(|ours| bare(ours) == bare(audience))
}

/// Words with blanks between, or a list.
fn words(claims: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    match claims.get(name)? {
        Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(_) => words_of_list(claims, name),
        _ => None,
    }
}

fn words_of_list(claims: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let list = claims.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// AU-53.
fn scopes(words: &[String]) -> Scopes {
    let of = |word: &String| match word.to_ascii_lowercase().as_str() {
        "user_impersonation" => Scopes::DEFAULT.bits(),
        "reports.read" => Scopes::REPORTS_READ.bits(),
        "time.readwrite" | "time.write" => Scopes::TIME_WRITE.bits(),
        "admin" => Scopes::ADMIN.bits(),
        _ => 0,
    };
    Scopes::from_bits(words.iter().map(of).fold(0, |all, bits| all | bits))
}

/// The highest role of those that are mapped. A token that has too many groups to say them (`_claim_names`) says nothing.
fn role(claims: &Map<String, Value>, roles: Option<&[String]>, rules: &Rules) -> Option<Role> {
    let groups = words_of_list(claims, "groups");
    let says = groups.is_some() || roles.is_some();
    if rules.roles.is_empty() || !says || claims.contains_key("_claim_names") {
        return None;
    }
    let held: Vec<&String> = groups.iter().flatten().chain(roles.unwrap_or_default()).collect();
    let mapped = rules.roles.iter().filter(|(value, _)| held.contains(&value)).map(|(_, role)| *role);
    Some(mapped.max().unwrap_or(Role::None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Instant = Instant(1_700_000_000 * SECOND);

    fn rules() -> Rules {
        Rules {
            issuer: "https://id.example.com".into(),
            audiences: vec!["api://timeledger".into(), "https://time.example.com/".into()],
            roles: vec![("leads".into(), Role::Product), ("admins".into(), Role::Administrator)],
            ..Rules::default()
        }
    }

    fn good() -> Value {
        json!({"iss": "https://id.example.com", "aud": "api://timeledger", "exp": 1_700_000_100, "sub": "ann",
               "scope": "openid reports.read Time.ReadWrite", "preferred_username": "ann@example.com"})
    }

    fn checked(claims: Value) -> Result<Claims, Rejected> {
        check(claims.as_object().expect("an object"), &rules(), NOW)
    }

    fn with(name: &str, value: Value) -> Result<Claims, Rejected> {
        let mut claims = good();
        claims[name] = value;
        checked(claims)
    }

    #[test]
    fn au_51_every_claim_is_checked() {
        let claims = checked(good()).unwrap();
        assert_eq!((claims.subject.as_str(), claims.scopes), ("ann", Scopes::DEFAULT));
        assert_eq!((claims.is_app, claims.role, claims.user_name.as_deref()), (false, None, Some("ann@example.com")));
        for (name, value, rejected) in [
            ("iss", json!("https://id.example.com/"), Rejected::Issuer),
            ("iss", json!(null), Rejected::Missing("iss")),
            ("aud", json!("api://other"), Rejected::Audience),
            ("aud", json!(["api://other", 5]), Rejected::Audience),
            ("aud", json!(null), Rejected::Audience),
            ("exp", json!(null), Rejected::Missing("exp")),
            ("exp", json!("1700000100"), Rejected::Missing("exp")),
            ("exp", json!(1_699_999_940), Rejected::Expired),
            ("exp", json!(1e300), Rejected::Missing("")),
            ("nbf", json!(1_700_000_061), Rejected::Early),
            ("iat", json!(1_700_000_061), Rejected::Early),
            ("nonce", json!("n"), Rejected::IdToken),
            ("sub", json!(""), Rejected::Missing("sub")),
        ] {
            // A far end is an end.
            let expected = if value == json!(1e300) { None } else { Some(rejected) };
            assert_eq!(with(name, value.clone()).err(), expected, "{name} {value}");
        }
        for (name, value) in [
            ("aud", json!(["x", "https://time.example.com"])),
            ("exp", json!(1_699_999_941)),
            ("nbf", json!(1_700_000_060)),
        ] {
            assert!(with(name, value.clone()).is_ok(), "{name} {value}");
        }
    }

    #[test]
    fn au_55_an_id_token_is_of_one_client_and_one_sign_in() {
        let good = || {
            json!({"iss": "https://id.example.com", "aud": "web", "exp": 1_700_000_100, "sub": "ann", "nonce": "n",
                   "auth_time": 1_699_999_990, "sid": "s1", "at_hash": "x"})
        };
        let checked = |claims: Value| check_id(claims.as_object().unwrap(), &rules(), "web", "n", NOW);
        let known = checked(good()).unwrap();
        assert_eq!((known.claims.subject.as_str(), known.session.as_deref()), ("ann", Some("s1")));
        assert_eq!(known.auth_time, Some(Instant(1_699_999_990 * SECOND)));
        for (name, value, rejected) in [
            ("aud", json!("other"), Rejected::Audience),
            ("aud", json!(["web", "other"]), Rejected::Audience),
            ("azp", json!("other"), Rejected::Audience),
            ("nonce", json!("m"), Rejected::Nonce),
            ("nonce", json!(null), Rejected::Nonce),
            ("iss", json!("https://id.example.org"), Rejected::Issuer),
            ("exp", json!(1_699_999_940), Rejected::Expired),
            ("sub", json!(null), Rejected::Missing("sub")),
        ] {
            let mut claims = good();
            claims[name] = value.clone();
            assert_eq!(checked(claims).err(), Some(rejected), "{name} {value}");
        }
        let mut several = good();
        (several["aud"], several["azp"]) = (json!(["web", "other"]), json!("web"));
        assert!(checked(several).is_ok());
    }

    #[test]
    fn au_55_a_logout_token_says_whose_sign_in_ended() {
        let good = || {
            json!({"iss": "https://id.example.com", "aud": "web", "exp": 1_700_000_100, "sid": "s1", "jti": "j",
                   "events": {"http://schemas.openid.net/event/backchannel-logout": {}}})
        };
        let checked = |claims: Value| check_logout(claims.as_object().unwrap(), &rules(), "web", NOW);
        assert_eq!(checked(good()).unwrap().session.as_deref(), Some("s1"));
        for (name, value, rejected) in [
            ("aud", json!("other"), Rejected::Audience),
            ("nonce", json!("n"), Rejected::NoLogout),
            ("events", json!({}), Rejected::NoLogout),
            ("jti", json!(null), Rejected::NoLogout),
            ("sid", json!(null), Rejected::Missing("sub")),
            ("exp", json!(null), Rejected::Missing("exp")),
            ("iss", json!("x"), Rejected::Issuer),
        ] {
            let mut claims = good();
            claims[name] = value.clone();
            assert_eq!(checked(claims).err(), Some(rejected), "{name} {value}");
        }
    }

    #[test]
    fn au_53_scopes_apps_and_roles() {
        assert_eq!(with("scope", json!("openid")).unwrap().scopes, Scopes::from_bits(0));
        assert_eq!(with("scp", json!("user_impersonation")).unwrap().scopes, Scopes::DEFAULT);
        assert_eq!(with("scp", json!("Admin")).unwrap().scopes, Scopes::ADMIN);
        let mut app = good();
        app.as_object_mut().unwrap().remove("scope");
        app["roles"] = json!(["Reports.Read"]);
        let app = checked(app).unwrap();
        assert!(app.is_app && app.scopes == Scopes::REPORTS_READ);
        assert!(with("idtyp", json!("app")).unwrap().is_app && with("client_id", json!("ann")).unwrap().is_app);
        assert_eq!(with("groups", json!(["leads", "x"])).unwrap().role, Some(Role::Product));
        assert_eq!(with("groups", json!(["leads", "admins"])).unwrap().role, Some(Role::Administrator));
        assert_eq!(with("groups", json!([])).unwrap().role, Some(Role::None));
        let mut overage = good();
        overage["groups"] = json!([]);
        overage["_claim_names"] = json!({"groups": "src1"});
        assert_eq!(checked(overage).unwrap().role, None);
    }

    #[test]
    fn au_51_entra_has_two_issuers_a_tenant() {
        let rules =
            Rules { issuer: "https://login.microsoftonline.com/t1/v2.0".into(), tenants: vec!["t2".into()], ..rules() };
        let checked = |issuer: &str, tenant: Value| {
            let mut claims = good();
            (claims["iss"], claims["tid"], claims["oid"]) = (json!(issuer), tenant, json!("o"));
            check(claims.as_object().unwrap(), &rules, NOW).map(|claims| (claims.issuer, claims.subject))
        };
        let known = |tenant: &str| Ok((format!("https://login.microsoftonline.com/{tenant}/v2.0"), "o".to_owned()));
        assert_eq!(checked("https://login.microsoftonline.com/t1/v2.0", json!("t1")), known("t1"));
        assert_eq!(checked("https://sts.windows.net/t1/", json!("t1")), known("t1"));
        assert_eq!(checked("https://sts.windows.net/t2/", json!("t2")), known("t2"));
        assert_eq!(checked("https://sts.windows.net/t3/", json!("t3")), Err(Rejected::Tenant));
        assert_eq!(checked("https://sts.windows.net/t2/", json!("t1")), Err(Rejected::Issuer));
        assert_eq!(checked("https://sts.windows.net/t1/", json!(null)), Err(Rejected::Missing("tid")));
    }
}
