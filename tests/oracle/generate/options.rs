//! Requests by what they are about.

use super::super::expression::{Expr, Kind};
use super::super::query::{Aggregate, Computed, Expand, Grouping, Key, Method, Options, Query, Step};
use super::super::search::Search;
use super::super::value::{Type, Value};
use super::super::world::Set;
use super::Generator;
use super::names::Names;

/// How often each set is asked for; others once.
const WEIGHTS: &[(&str, usize)] = &[("Worklogs", 6), ("WorkItems", 6), ("Budgets", 2), ("WorklogsFlat", 2)];

impl Generator<'_> {
    fn set(&mut self) -> usize {
        let weight = |set: &Set| WEIGHTS.iter().find(|(name, _)| *name == set.name).map_or(1, |(_, weight)| *weight);
        let sets: Vec<usize> = (0..self.world.sets.len())
            .flat_map(|set| std::iter::repeat_n(set, weight(&self.world.sets[set])))
            .collect();
        self.random.pick(&sets)
    }

    fn key_alone(&self, set: usize) -> Vec<String> {
        vec![self.world.sets[set].key.clone()]
    }

    pub(super) fn filter_query(&mut self) -> Query {
        let set = self.set();
        let mut names = Names::of_request(self.world, set);
        if self.random.chance(1, 6) {
            names.values.extend(names.of_it());
        }
        let filter = Some(self.truth(&names, 3));
        let select = if self.random.chance(5, 6) { self.key_alone(set) } else { Vec::new() };
        let options = Options { filter, select, count: self.random.chance(1, 4), ..Options::default() };
        Query { set, apply: Vec::new(), options, page: None }
    }

    pub(super) fn orderby_query(&mut self) -> Query {
        let set = self.set();
        let names = Names::of_request(self.world, set);
        let filter = self.random.chance(1, 2).then(|| self.truth(&names, 1));
        let rows = self.world.sets[set].rows.len();
        let options = Options {
            filter,
            orderby: self.keys(&names),
            skip: self.random.chance(1, 4).then(|| self.random.below(rows + 1)),
            top: self.random.chance(1, 4).then(|| self.random.below(rows) + 1),
            count: self.random.chance(1, 4),
            select: self.key_alone(set),
            ..Options::default()
        };
        let page = rows / (2 + self.random.below(6)) + 1;
        Query { set, apply: Vec::new(), options, page: Some(page) }
    }

    pub(super) fn search_query(&mut self) -> Query {
        let set = self.set();
        let names = Names::of_request(self.world, set);
        let options = Options {
            search: self.search(set),
            filter: self.random.chance(1, 3).then(|| self.truth(&names, 1)),
            count: self.random.chance(1, 4),
            select: self.key_alone(set),
            ..Options::default()
        };
        Query { set, apply: Vec::new(), options, page: None }
    }

    /// Terms that mostly stand in some row; None where the set has no texts.
    fn search(&mut self, set: usize) -> Option<Search> {
        if self.plain || self.world.sets[set].searched.is_empty() {
            return None;
        }
        Some(match self.random.below(8) {
            0 => Search::Not(Box::new(self.term())),
            1 => Search::And(Box::new(self.term()), Box::new(Search::Not(Box::new(self.term())))),
            2 => Search::And(Box::new(self.term()), Box::new(self.term())),
            3 => Search::Or(Box::new(self.term()), Box::new(self.term())),
            _ => self.term(),
        })
    }

    /// A piece of some text, in a letter case of its own.
    fn term(&mut self) -> Search {
        let Kind::Literal(Value::Text(text), _) = self.literal(&Type::String).kind else {
            return Search::Term("zero".to_owned());
        };
        let start = self.random.below(text.chars().count() + 1);
        let piece: String = text.chars().skip(start).take(1 + self.random.below(6)).collect();
        let piece = if self.random.chance(1, 3) { piece.to_uppercase() } else { piece };
        let usable = !piece.trim().is_empty() && !piece.contains(['"', '\\', '\n']);
        Search::Term(if usable { piece } else { "e".to_owned() })
    }

    fn keys(&mut self, names: &Names) -> Vec<Key> {
        let mut keys = Vec::new();
        for _ in 0..=self.random.below(3) {
            let expr = self.any_value(names, 2);
            // A constant orders nothing.
            if !matches!(expr.kind, Kind::Literal(..)) {
                keys.push(Key { expr, descending: self.random.chance(1, 2) });
            }
        }
        if keys.is_empty() {
            let expr = self.path(names, |_| true).expect("a row has values");
            keys.push(Key { expr, descending: true });
        }
        keys
    }

    pub(super) fn compute_query(&mut self) -> Query {
        let set = self.set();
        let mut names = Names::of_request(self.world, set);
        let compute = self.computed(&mut names);
        let mut select = self.selection(set, &compute);
        if self.random.chance(1, 6) {
            select = vec!["*".to_owned()];
        }
        let options = Options {
            compute,
            filter: self.random.chance(1, 2).then(|| self.truth(&names, 1)),
            orderby: if self.random.chance(1, 2) { self.keys(&names) } else { Vec::new() },
            top: Some(1 + self.random.below(60)),
            count: self.random.chance(1, 4),
            select,
            ..Options::default()
        };
        let page = self.random.chance(1, 4).then(|| 7 + self.random.below(30));
        Query { set, apply: Vec::new(), options, page }
    }

    /// Computed properties, each of which may use those before it.
    fn computed(&mut self, names: &mut Names) -> Vec<Computed> {
        let mut computed = Vec::new();
        for index in 0..=self.random.below(3) {
            let expr = match self.random.below(6) {
                0 => self.duration(names),
                1 => self.time(names),
                _ => self.any_value(names, 2),
            };
            if !matches!(expr.kind, Kind::Literal(..)) {
                let alias = format!("C{index}");
                names.values.push((vec![alias.clone()], expr.ty.clone()));
                computed.push(Computed { expr, alias });
            }
        }
        computed
    }

    /// The key and what was computed, or everything.
    fn selection(&mut self, set: usize, computed: &[Computed]) -> Vec<String> {
        if self.random.chance(1, 4) {
            return Vec::new();
        }
        let mut select = self.key_alone(set);
        select.extend(computed.iter().map(|computed| computed.alias.clone()));
        select
    }

    pub(super) fn expand_query(&mut self) -> Query {
        let with_navs: Vec<usize> =
            (0..self.world.sets.len()).filter(|s| !self.world.sets[*s].navs.is_empty()).collect();
        let set = loop {
            let set = self.set();
            if with_navs.contains(&set) {
                break set;
            }
        };
        let names = Names::of_request(self.world, set);
        // Years of days each with its logs would be the whole of every answer.
        let filter = if self.world.sets[set].rows.len() > 200 || self.random.chance(1, 2) {
            Some(self.truth(&names, 1))
        } else {
            None
        };
        let options = Options {
            filter,
            top: Some(1 + self.random.below(12)),
            skip: self.random.chance(1, 4).then(|| self.random.below(5)),
            select: if self.random.chance(1, 2) { self.key_alone(set) } else { Vec::new() },
            expand: self.expands(set, 2),
            ..Options::default()
        };
        Query { set, apply: Vec::new(), options, page: None }
    }

    fn expands(&mut self, set: usize, levels: usize) -> Vec<Expand> {
        let navs = &self.world.sets[set].navs;
        let mut expands: Vec<Expand> = Vec::new();
        for _ in 0..=self.random.below(2) {
            let nav = &navs[self.random.below(navs.len())];
            if expands.iter().any(|expand| expand.nav == nav.name) {
                continue;
            }
            let mut names = Names::of(self.world, nav.target, &[]);
            let mut options = Options::default();
            if self.random.chance(1, 4) {
                options.compute = self.computed(&mut names);
            }
            options.select = self.selection(nav.target, &options.compute);
            if nav.many && self.random.chance(3, 4) {
                options.filter = self.random.chance(1, 2).then(|| self.truth(&names, 1));
                options.orderby = if self.random.chance(1, 2) { self.keys(&names) } else { Vec::new() };
                options.top = self.random.chance(1, 2).then(|| 1 + self.random.below(4));
                options.skip = self.random.chance(1, 3).then(|| self.random.below(3));
                options.count = self.random.chance(1, 3);
            }
            options.search = (nav.many && self.random.chance(1, 8)).then(|| self.search(nav.target)).flatten();
            let recursive = nav.target == set && self.random.chance(1, 2);
            if !recursive && levels > 1 && !self.world.sets[nav.target].navs.is_empty() && self.random.chance(1, 3) {
                options.expand = self.expands(nav.target, levels - 1);
            }
            let depth = recursive.then(|| 1 + self.random.below(4));
            expands.push(Expand { nav: nav.name.clone(), levels: depth, options });
        }
        expands
    }

    pub(super) fn apply_query(&mut self) -> Query {
        let set = self.set();
        let mut names = Names::of_request(self.world, set);
        let mut apply = Vec::new();
        let mut level = 0;
        for _ in 0..=self.random.below(3) {
            match self.random.below(10) {
                0 if level == 0 && self.random.chance(2, 3) => apply.extend(self.search(set).map(Step::Search)),
                0 => apply.push(Step::Identity),
                1..4 => apply.push(Step::Filter(self.truth(&names, 1))),
                4 => {
                    level += 1;
                    let (aggregates, values) = self.aggregates(&names, level, 1);
                    apply.push(Step::Aggregate(aggregates));
                    names = Names::derived(values);
                }
                _ => {
                    level += 1;
                    let (step, after) = self.group_by(&names, level);
                    apply.push(step);
                    names = after;
                }
            }
        }
        let mut query = Query { set, apply, options: Options::default(), page: None };
        if level == 0 {
            query.options.select = self.key_alone(set);
        }
        self.after_apply(&names, level > 0, &mut query);
        query
    }

    /// `$filter`, `$orderby` and the like, which see what `$apply` has made.
    fn after_apply(&mut self, names: &Names, derived: bool, query: &mut Query) {
        let options = &mut query.options;
        let names = &mut names.clone();
        if self.random.chance(1, 6) {
            options.compute = self.computed(names);
        }
        options.filter = self.random.chance(1, 4).then(|| self.truth(names, 1));
        if self.random.chance(1, 3) {
            options.orderby = self.keys(names);
        }
        options.top = self.random.chance(1, 5).then(|| 1 + self.random.below(5));
        options.skip = self.random.chance(1, 5).then(|| self.random.below(4));
        options.count = self.random.chance(1, 5);
        if derived && self.random.chance(1, 5) {
            let tops: Vec<&String> = names.values.iter().map(|(path, _)| &path[0]).collect();
            options.select = vec![tops[self.random.below(tops.len())].clone()];
        }
        query.page = self.random.chance(1, 4).then(|| 2 + self.random.below(6));
    }

    fn group_by(&mut self, names: &Names, level: usize) -> (Step, Names) {
        let mut by: Vec<Grouping> = Vec::new();
        let mut values = Vec::new();
        for _ in 0..=self.random.below(3) {
            let Expr { ty, kind: Kind::Path(path) } = self.path(names, |_| true).expect("a row has values") else {
                continue;
            };
            if by.iter().all(|other| other.path != path) {
                values.push((path.clone(), ty.clone()));
                by.push(Grouping { path, ty });
            }
        }
        let (aggregates, added) = self.aggregates(names, level, 0);
        values.extend(added);
        (Step::GroupBy(by, aggregates), Names::derived(values))
    }

    fn aggregates(&mut self, names: &Names, level: usize, least: usize) -> (Vec<Aggregate>, Vec<(Vec<String>, Type)>) {
        let mut aggregates = Vec::new();
        let mut values = Vec::new();
        for index in 0..least + self.random.below(3) {
            let alias = format!("A{level}{index}");
            let what = if self.random.chance(1, 5) { None } else { Some(self.aggregated(names)) };
            let ty = match &what {
                None | Some((_, Method::CountDistinct)) => Type::Decimal,
                Some((expr, Method::Sum)) if expr.ty.is_integer() => Type::Int64,
                Some((expr, Method::Average)) if expr.ty != Type::Duration => {
                    debug_assert!(expr.ty.is_number());
                    Type::Double
                }
                Some((expr, _)) => expr.ty.clone(),
            };
            // The last digits of what adds up Doubles are the database's (OD-201), so nothing is made of them.
            let vague = matches!(&what, Some((expr, Method::Sum | Method::Average)) if expr.ty == Type::Double);
            if !vague {
                values.push((vec![alias.clone()], ty));
            }
            aggregates.push(Aggregate { what, alias });
        }
        if least > 0 && values.is_empty() {
            let alias = format!("A{level}N");
            values.push((vec![alias.clone()], Type::Decimal));
            aggregates.push(Aggregate { what: None, alias });
        }
        (aggregates, values)
    }

    fn aggregated(&mut self, names: &Names) -> (Expr, Method) {
        match self.random.below(8) {
            0..4 => {
                let methods =
                    [Method::Sum, Method::Sum, Method::Min, Method::Max, Method::Average, Method::CountDistinct];
                (self.number(names, 1), self.random.pick(&methods))
            }
            4 => (self.text(names, 1), self.random.pick(&[Method::Min, Method::Max, Method::CountDistinct])),
            5 => (self.instant(names, 1), self.random.pick(&[Method::Min, Method::Max, Method::CountDistinct])),
            6 => (self.duration(names), self.random.pick(&[Method::Sum, Method::Average, Method::Max])),
            _ => (self.path(names, |_| true).expect("a row has values"), Method::CountDistinct),
        }
    }
}
