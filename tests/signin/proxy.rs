//! The word of a trusted proxy (AU-42; attack 14).

use super::wire::Wire;
use super::{METADATA, audited, site};
use crate::backend::for_each_backend;

const ME: &str = "/api/rest/me?api-version=3.2";

#[test]
fn au_42_the_header_counts_from_listed_addresses_alone() {
    for_each_backend(|backend| {
        let listed = site(backend, &[("TIMELEDGER_AUTH__PROXY_ADDRESSES", "127.0.0.1/32")]);
        let get = |headers: &[(&str, &str)]| Wire::open(listed.address).get(ME, headers);
        for name in ["CORP\\ada", "corp\\ADA", "ada@corp.example.com"] {
            let answer = get(&[("X-Remote-User", name)]);
            assert!(answer.text().contains("ada@example.com"), "{backend:?} {name}: {}", answer.text());
        }
        assert_eq!(audited(&listed, 2).len(), 1, "its sign-ins fold into one row an hour");
        // Each request for itself: nothing of it stays in the connection.
        let mut wire = Wire::open(listed.address);
        assert!(wire.get(ME, &[("X-Remote-User", "CORP\\tim")]).text().contains("tim@example.com"));
        assert!(wire.get(ME, &[("X-Remote-User", "CORP\\ada")]).text().contains("ada@example.com"));
        assert!(wire.get(ME, &[]).is_list());
        let token = format!("Bearer {}", listed.token("tim@example.com"));
        let both = [("X-Remote-User", "CORP\\ada"), ("Authorization", token.as_str())];
        assert!(wire.get(ME, &both).text().contains("tim@example.com"), "Authorization alone decides");
        for (headers, why) in [
            (vec![("X-Remote-User", "CORP\\ada"), ("X-Remote-User", "CORP\\tim")], "two names"),
            (vec![("X-Remote-User", "OTHER\\ada")], "no account of ours"),
            (vec![("X-Remote-User", "ada")], "no account of ours"),
            (vec![("X-Remote-User", "")], "no account of ours"),
        ] {
            assert!(get(&headers).is_list(), "{headers:?}");
            let (event, outcome, _) = audited(&listed, 1).remove(0);
            assert_eq!((event.as_str(), outcome.as_str()), ("refused", why), "{headers:?}");
        }
        let unlisted = site(backend, &[("TIMELEDGER_AUTH__PROXY_ADDRESSES", "192.0.2.7")]);
        let answer = Wire::open(unlisted.address).get(ME, &[("X-Remote-User", "CORP\\ada")]);
        assert!(answer.is_list(), "{backend:?} {}", answer.text());
        assert!(audited(&unlisted, 1)[0].1.contains("no proxy's"));
        let off = site(backend, &[]);
        assert!(Wire::open(off.address).get(METADATA, &[("X-Remote-User", "CORP\\ada")]).is_list());
    });
}

/// Another program on the proxy's machine does not know its secret.
#[test]
fn au_42_a_secret_tells_the_proxy_from_its_neighbours() {
    for_each_backend(|backend| {
        let secret = "a secret of sixteen or more";
        let settings = [
            ("TIMELEDGER_AUTH__PROXY_ADDRESSES", "127.0.0.1"),
            ("TIMELEDGER_AUTH__PROXY_SECRET_HEADER", "X-Proxy-Secret"),
            ("TIMELEDGER_AUTH__PROXY_SECRET", secret),
        ];
        let server = site(backend, &settings);
        let who = ("X-Remote-User", "CORP\\ada");
        let get = |headers: &[(&str, &str)]| Wire::open(server.address).get(ME, headers);
        assert_eq!(get(&[who, ("x-proxy-secret", secret)]).status, 200);
        for headers in [
            vec![who],
            vec![who, ("X-Proxy-Secret", "a secret of sixteen or morf")],
            vec![who, ("X-Proxy-Secret", "")],
            vec![who, ("X-Proxy-Secret", secret), ("X-Proxy-Secret", secret)],
        ] {
            assert!(get(&headers).is_list(), "{headers:?}");
        }
        assert_eq!(audited(&server, 1)[0].1, "the proxy's secret is missing or wrong");
        assert!(!server.log().contains(secret));
    });
}

/// AU-7: what becomes of an account that nobody is yet.
#[test]
fn au_7_new_accounts_become_what_is_configured() {
    for_each_backend(|backend| {
        let proxy = ("TIMELEDGER_AUTH__PROXY_ADDRESSES", "127.0.0.1");
        let new = [("X-Remote-User", "CORP\\zoe")];
        let deny = site(backend, &[proxy, ("TIMELEDGER_AUTH__PROVISION", "deny")]);
        let answer = Wire::open(deny.address).get(ME, &new);
        assert_eq!(answer.status, 403, "{backend:?} {}", answer.text());
        assert_eq!(audited(&deny, 1)[0].0, "denied");
        let none = site(backend, &[proxy, ("TIMELEDGER_AUTH__PROVISION", "none_role")]);
        assert_eq!(Wire::open(none.address).get(METADATA, &new).status, 403);
        let default = site(backend, &[proxy]);
        let answer = Wire::open(default.address).get(ME, &new);
        assert!(answer.text().contains("CORP\\\\zoe"), "{backend:?} {}", answer.text());
        assert_eq!(Wire::open(default.address).get(METADATA, &new).status, 200);
        // Somebody whom an administrator has named like the account is it.
        let add = ["user", "add", "CORP\\Max", "--role", "Product", "--database", &default.database.text];
        crate::support::program::run(&add);
        let answer = Wire::open(default.address).get(ME, &[("X-Remote-User", "max@corp.example.com")]);
        assert!(answer.text().contains("CORP\\\\Max"), "{backend:?} {}", answer.text());
    });
}
