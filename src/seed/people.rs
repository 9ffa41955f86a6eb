//! Made-up people: of every role, with names from everywhere.

use super::generate::Recipe;
use super::random::{Random, guid};
use super::rows::User;
use super::words::{FAMILY_NAMES, GIVEN_NAMES, TIME_ZONES};
use crate::policy::Role;
use crate::sql::{Day, Guid, Instant};

/// Internal ids are positions and one.
pub(super) struct People {
    people: Vec<Person>,
    /// Of role Team and up; these have time.
    working: Vec<i32>,
    /// Of role Product and up; these enter and correct time for others.
    leading: Vec<i32>,
}

struct Person {
    name: String,
    unique_name: String,
    role: Role,
}

/// The roles of so many people: each role is there from five people on, most are Team.
pub(super) fn roles(count: usize) -> Vec<Role> {
    const FIRST: [Role; 5] = [Role::Administrator, Role::Team, Role::Product, Role::Budget, Role::None];
    let role = |n: usize| match n % 20 {
        _ if n < FIRST.len() => FIRST[n],
        3 | 13 => Role::Product,
        7 => Role::Budget,
        11 => Role::None,
        19 if n % 40 == 39 => Role::Administrator,
        _ => Role::Team,
    };
    (0..count).map(role).collect()
}

impl People {
    pub fn new(recipe: &Recipe) -> People {
        let mut random = Random::stream(recipe.seed, "people");
        let turn = random.below(GIVEN_NAMES.len());
        let mut people = Vec::with_capacity(recipe.roles.len());
        for (n, role) in recipe.roles.iter().enumerate() {
            // Every pair of names once before the first comes again, then with a number.
            let given = GIVEN_NAMES[(n + turn) % GIVEN_NAMES.len()];
            let family = FAMILY_NAMES[(n * 7 + n / GIVEN_NAMES.len()) % FAMILY_NAMES.len()];
            let round = n / (GIVEN_NAMES.len() * FAMILY_NAMES.len());
            let suffix = if round == 0 { String::new() } else { (round + 1).to_string() };
            let account = format!("{}.{}{suffix}", given.1, family.1);
            // Some come from a Windows domain.
            let unique_name =
                if n % 10 == 9 { format!("CONTOSO\\{account}") } else { format!("{account}@contoso.example") };
            people.push(Person { name: format!("{} {}", given.0, family.0), unique_name, role: *role });
        }
        let with = |least: Role| {
            (1..).zip(&people).filter(|(_, person)| person.role >= least).map(|(id, _)| id).collect::<Vec<i32>>()
        };
        People { working: with(Role::Team), leading: with(Role::Product), people }
    }

    pub fn rows(&self, recipe: &Recipe) -> impl Iterator<Item = User> {
        let seed = recipe.seed;
        let created_at = Instant(Day(recipe.from.0 - 31).midnight().0 + 9 * 3_600_000_000);
        self.people.iter().enumerate().map(move |(n, person)| {
            let number = n as u64 + 1;
            let account = person.unique_name.trim_start_matches("CONTOSO\\").trim_end_matches("@contoso.example");
            // Who has no role may have no address; everybody else has one of their own.
            let has_email = person.role >= Role::Team || n % 2 == 0;
            User {
                id: n as i32 + 1,
                guid: self.guid(seed, n as i32 + 1),
                name: person.name.clone(),
                unique_name: person.unique_name.clone(),
                email: has_email.then(|| format!("{account}@contoso.example")),
                sk: (n % 7 != 6).then(|| guid(seed, "identity", number)),
                role: person.role,
                is_active: person.role >= Role::Team || n % 3 != 0,
                time_zone: TIME_ZONES[n % TIME_ZONES.len()],
                created_at,
            }
        })
    }

    fn guid(&self, seed: u64, id: i32) -> Guid {
        guid(seed, "user", id as u64)
    }

    pub fn working(&self) -> &[i32] {
        &self.working
    }

    pub fn leading(&self) -> &[i32] {
        &self.leading
    }

    /// As Azure DevOps writes somebody into a field: name and account.
    pub fn identity(&self, id: i32) -> String {
        let person = &self.people[id as usize - 1];
        format!("{} <{}>", person.name, person.unique_name)
    }
}
