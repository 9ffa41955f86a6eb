//! Names of Windows accounts (AU-6): `DOMAIN\user`, `user@dns.domain` and `user` are one account.
//!
//! In: a user and a domain as a client or a proxy sent them. Out: [`Account`], or nothing where the domain is not one of the
//! configured.

/// A domain that is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// NetBIOS name, in upper case.
    pub name: String,
    /// DNS names, in lower case.
    pub dns: Vec<String>,
}

/// The domains of a site, as configured: `CORP=corp.example.com`, one entry a DNS name, or `CORP` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains {
    known: Vec<Domain>,
    default: Option<String>,
}

/// One account of one domain. Two spellings of it are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// NetBIOS name of the domain, in upper case: the issuer of the identity.
    pub domain: String,
    /// In lower case: its subject.
    pub user: String,
}

impl Account {
    /// An account that no domain has: looked for where a name means none, so that it takes as long.
    pub fn nobody() -> Account {
        Account { domain: String::new(), user: String::new() }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\\{}", self.domain, self.user)
    }
}

impl Domains {
    /// `default` is the domain of names that come without one; empty: such names are refused.
    pub fn new(entries: &[String], default: &str) -> Result<Domains, String> {
        let mut domains = Domains::default();
        for entry in entries {
            let (name, dns) = entry.split_once('=').unwrap_or((entry, ""));
            let name = name.trim().to_uppercase();
            let dns = dns.trim().to_lowercase();
            if !is_netbios(&name) || dns.contains(['\\', '@', '=', ' ']) {
                return Err(format!("`{entry}` is no NAME=dns.name of a domain"));
            }
            let at = domains.known.iter().position(|known| known.name == name).unwrap_or_else(|| {
                domains.known.push(Domain { name, dns: Vec::new() });
                domains.known.len() - 1
            });
            domains.known[at].dns.extend((!dns.is_empty()).then_some(dns));
        }
        if !default.is_empty() {
            let known = domains.named(default).ok_or_else(|| format!("`{default}` is none of the domains"))?;
            domains.default = Some(known.name.clone());
        }
        Ok(domains)
    }

    /// The NetBIOS name of the first, which challenges name.
    pub fn first(&self) -> Option<&str> {
        self.known.first().map(|domain| domain.name.as_str())
    }

    /// By NetBIOS or DNS name, in any case.
    fn named(&self, name: &str) -> Option<&Domain> {
        let (upper, lower) = (name.to_uppercase(), name.to_lowercase());
        self.known.iter().find(|domain| domain.name == upper || domain.dns.contains(&lower))
    }

    /// The account that a user and a domain mean, in each form that clients send.
    pub fn account(&self, user: &str, domain: &str) -> Option<Account> {
        let (user, domain) = match (domain, user.split_once('\\'), user.rsplit_once('@')) {
            ("", Some((domain, user)), _) | ("", None, Some((user, domain))) => (user, domain),
            _ => (user, domain),
        };
        let domain = match domain {
            "" => self.default.clone()?,
            domain => self.named(domain)?.name.clone(),
        };
        let is_name = !user.is_empty() && user.trim() == user && !user.contains(['\\', '@', '/']);
        (is_name && !user.chars().any(char::is_control)).then(|| Account { domain, user: user.to_lowercase() })
    }

    /// One name that holds both: `DOMAIN\user`, `user@dns.domain`, `user`.
    pub fn parse(&self, name: &str) -> Option<Account> {
        self.account(name, "")
    }

    /// What an administrator may have called the account's person, the likelier first.
    pub fn names_of(&self, account: &Account) -> Vec<String> {
        let dns = self.known.iter().filter(|domain| domain.name == account.domain).flat_map(|domain| &domain.dns);
        let mails = dns.map(|dns| format!("{}@{dns}", account.user));
        std::iter::once(account.to_string()).chain(mails).collect()
    }
}

fn is_netbios(name: &str) -> bool {
    (1..=15).contains(&name.chars().count())
        && name.chars().all(|letter| letter.is_alphanumeric() || "-_.!#$%&'()^{}~".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains() -> Domains {
        let entries = ["corp=Corp.Example.com", "CORP=example.org", "LAB"].map(str::to_owned);
        Domains::new(&entries, "corp").unwrap()
    }

    #[test]
    fn au_6_every_form_of_a_name_is_one_account() {
        let ann = Account { domain: "CORP".to_owned(), user: "ann".to_owned() };
        let forms = [
            ("ann", "CORP"),
            ("ANN", "corp"),
            ("Ann", "corp.example.COM"),
            ("ann@corp.example.com", ""),
            ("ann@example.org", ""),
            ("CORP\\ann", ""),
            ("ann", ""),
        ];
        for (user, domain) in forms {
            assert_eq!(domains().account(user, domain).as_ref(), Some(&ann), "{domain} {user}");
        }
        assert_eq!(domains().parse("lab\\ann").unwrap().to_string(), "LAB\\ann");
        let names = domains().names_of(&ann);
        assert_eq!(names, ["CORP\\ann", "ann@corp.example.com", "ann@example.org"]);
    }

    #[test]
    fn au_6_other_names_are_nobodys() {
        let refused = [
            ("ann", "OTHER"),
            ("ann@other.example", ""),
            ("a\\b", "CORP"),
            ("ann@corp.example.com", "CORP"),
            ("", "CORP"),
            (" ann", "CORP"),
            ("a\\b\\c", ""),
            ("@corp.example.com", ""),
            ("ann\n", "CORP"),
        ];
        for (user, domain) in refused {
            assert_eq!(domains().account(user, domain), None, "{domain} {user}");
        }
        assert_eq!(Domains::new(&["LAB".to_owned()], "").unwrap().parse("ann"), None);
        for (entries, default) in [(vec!["A\\B"], ""), (vec!["A=b c"], ""), (vec!["=x"], ""), (vec!["A"], "B")] {
            let entries: Vec<String> = entries.into_iter().map(str::to_owned).collect();
            assert!(Domains::new(&entries, default).is_err(), "{entries:?} {default}");
        }
    }
}
