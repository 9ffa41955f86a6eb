//! Every way to ask of a set, made from the model: what is declared later is asked for too.

use timeledger::odata::edm::{Edm, Entity, Model, ParameterKind, Prop, Set, Structured};

use super::world::PROBE;

/// How an answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    Json,
    JsonFull,
    NdJson,
    Csv,
    Xlsx,
    /// All pages of a single row each.
    Pages,
}

/// A request, and what sort of reader it stands for.
#[derive(Clone, Debug)]
pub struct Probe {
    pub kind: &'static str,
    pub form: Form,
    pub path: String,
    pub options: String,
}

/// Properties by what can be asked of them, as paths from the row.
#[derive(Default)]
struct Values {
    all: Vec<String>,
    texts: Vec<String>,
    integers: Vec<String>,
    numbers: Vec<String>,
    ordered: Vec<String>,
}

impl Values {
    fn of<'p>(props: impl Iterator<Item = &'p Prop>, before: &str) -> Values {
        let mut values = Values::default();
        for prop in props {
            let path = format!("{before}{}", prop.name);
            values.all.push(path.clone());
            match prop.ty {
                Edm::String => values.texts.push(path.clone()),
                Edm::Int32 | Edm::Int64 => values.integers.push(path.clone()),
                _ => {}
            }
            if prop.ty.is_number() {
                values.numbers.push(path.clone());
            }
            if !matches!(prop.ty, Edm::Boolean | Edm::Guid) {
                values.ordered.push(path);
            }
        }
        values
    }

    /// Whether any text holds what only others' rows hold.
    fn holds_marker(&self) -> Option<String> {
        let parts: Vec<String> = self.texts.iter().map(|path| format!("contains({path},'{PROBE}')")).collect();
        (!parts.is_empty()).then(|| parts.join(" or "))
    }
}

/// Gathers the probes of one set.
struct Asker<'m> {
    model: &'m Model<'m>,
    set: &'static Set,
    probes: Vec<Probe>,
}

/// All probes of a set. `keys` are those of rows that are there, in the caller's sight or not.
pub fn of_set(model: &Model, set: &'static Set, keys: &[String]) -> Vec<Probe> {
    let mut asker = Asker { model, set, probes: Vec::new() };
    asker.whole();
    asker.applied();
    asker.computed();
    asker.searched();
    asker.referred();
    asker.complexes();
    asker.behind_one();
    asker.behind_many();
    asker.by_key(keys);
    asker.parameters();
    asker.probes
}

impl Asker<'_> {
    fn entity(&self) -> Structured {
        Structured::Entity(self.set.entity)
    }

    fn values(&self) -> Values {
        Values::of(self.model.props(self.entity()), "")
    }

    fn push(&mut self, kind: &'static str, form: Form, below: &str, options: String) {
        let path = format!("{}{below}", self.set.name);
        self.probes.push(Probe { kind, form, path, options });
    }

    fn ask(&mut self, kind: &'static str, options: String) {
        self.push(kind, Form::Json, "", options);
    }

    fn whole(&mut self) {
        let values = self.values();
        self.ask("rows", String::new());
        self.ask("total", "$count=true&$top=1".into());
        self.push("full metadata", Form::JsonFull, "", String::new());
        self.push("/$count", Form::Json, "/$count", String::new());
        self.push("next links", Form::Pages, "", String::new());
        for form in [Form::Csv, Form::NdJson, Form::Xlsx] {
            self.push("file", form, "", String::new());
        }
        if let Some(filter) = values.holds_marker() {
            self.ask("filter", format!("$filter={filter}"));
            self.ask("filter", format!("$filter=not ({filter})"));
            self.push("/$count of filter", Form::Json, "/$count", format!("$filter={filter}"));
        }
        for path in &values.integers {
            self.ask("failing arithmetic", format!("$filter=100 div {path} ge 0"));
        }
        for some in values.ordered.chunks(10) {
            self.push("order", Form::Pages, "", format!("$orderby={} desc", some.join(" desc,")));
        }
    }

    fn applied(&mut self) {
        let values = self.values();
        self.ask("$apply count", "$apply=aggregate($count as N)".into());
        self.aggregated("$apply", &values);
        let sum = values.numbers.first().map(|path| format!(",{path} with sum as S")).unwrap_or_default();
        for path in &values.texts {
            self.ask("$apply groupby", format!("$apply=groupby(({path}),aggregate($count as N{sum}))"));
        }
        for path in &values.integers {
            self.ask("failing arithmetic", format!("$apply=aggregate(100 div {path} with sum as S)"));
        }
        if let Some(path) = values.texts.last() {
            let apply = format!("$apply=groupby(({path}),aggregate($count as N))");
            for form in [Form::Csv, Form::Xlsx, Form::Pages] {
                self.push("file of $apply", form, "", apply.clone());
            }
        }
    }

    /// Values under other names, reached through one and counted over many.
    fn computed(&mut self) {
        let values = self.values();
        let mut sources: Vec<String> = values.all.iter().map(|path| format!("case(true:{path})")).collect();
        for nav in self.model.navs(self.entity()) {
            let target = Values::of(self.model.props(Structured::Entity(nav.target)), "");
            let (name, text) = (nav.name, target.texts.last());
            let inner = text.map(|path| format!("$expand={name}($compute={path} as X0;$select=X0)"));
            inner.into_iter().for_each(|expand| self.ask("$compute in $expand", expand));
            match text {
                _ if nav.many => sources.push(format!("{name}/$count")),
                Some(path) => sources.push(format!("{name}/{path}")),
                None => {}
            }
        }
        for some in sources.chunks(10) {
            let items: Vec<String> = some.iter().enumerate().map(|(n, source)| format!("{source} as X{n}")).collect();
            let names: Vec<String> = (0..some.len()).map(|n| format!("X{n}")).collect();
            let (items, names) = (items.join(","), names.join(","));
            self.push("$compute", Form::Pages, "", format!("$compute={items}&$select={names}&$orderby={names}"));
            self.push("file of $compute", Form::Csv, "", format!("$compute={items}&$select={names}"));
        }
        for path in &values.integers {
            self.ask("failing arithmetic", format!("$compute=100 div {path} as X0&$select=X0&$orderby=X0"));
        }
    }

    /// What only others' rows hold is found nowhere, and missed nowhere.
    fn searched(&mut self) {
        if self.model.searched(self.set.entity).next().is_some() {
            for search in [PROBE.to_owned(), PROBE[..2].to_owned(), format!("NOT {PROBE}")] {
                self.ask("$search", format!("$search={search}"));
                self.push("/$count of $search", Form::Json, "/$count", format!("$search={search}"));
                self.ask("$search in $apply", format!("$apply=search({search})/aggregate($count as N)"));
            }
            self.push("$search", Form::Pages, "", format!("$search=NOT {PROBE}"));
        }
        for nav in self.model.navs(self.entity()).filter(|nav| nav.many) {
            if self.model.searched(nav.target).next().is_some() {
                let name = nav.name;
                self.ask("$search in $expand", format!("$expand={name}($search={PROBE};$count=true)"));
                self.ask("$search in $expand", format!("$expand={name}/$count($search=NOT {PROBE})"));
                self.ask("$search in $count", format!("$filter={name}/$count($search={PROBE}) gt 0"));
            }
        }
    }

    /// References and numbers of what is related, levels of it, and filters within the path.
    fn referred(&mut self) {
        self.push("/$ref", Form::Pages, "/$ref", String::new());
        self.ask("$expand of all", "$expand=*/$ref".into());
        self.ask("$expand of all", "$expand=*".into());
        for nav in self.model.navs(self.entity()) {
            let name = nav.name;
            self.ask("levels", format!("$expand={name}($levels=max)"));
            if nav.many {
                self.ask("number of related", format!("$expand={name}/$count"));
            }
        }
        if let Some(filter) = self.values().holds_marker() {
            self.push("filter in path", Form::Json, &format!("/$filter({filter})/$count"), String::new());
            self.push("filter in path", Form::Json, &format!("/$filter(not ({filter}))"), String::new());
        }
    }

    /// Sums and extremes of every value, and how many there are.
    fn aggregated(&mut self, kind: &'static str, values: &Values) {
        let each = |(n, path): (usize, &String)| format!("{path} with sum as S{n},{path} with max as M{n}");
        let sums = values.numbers.iter().enumerate().map(each);
        let each = |(n, path): (usize, &String)| format!("{path} with min as L{n},{path} with countdistinct as D{n}");
        let least = values.ordered.iter().enumerate().map(each);
        let each = |(n, path): (usize, &String)| format!("case({path} ne null:1,true:0) with sum as T{n}");
        let there = values.all.iter().enumerate().map(each);
        let parts: Vec<String> = sums.chain(least).chain(there).collect();
        self.ask(kind, format!("$apply=aggregate({})", parts.join(",")));
    }

    fn complexes(&mut self) {
        for complex in self.model.complexes(self.entity()) {
            let name = complex.name;
            let values = Values::of(self.model.props(Structured::Complex(complex.ty)), &format!("{name}/"));
            if let Some(filter) = values.holds_marker() {
                self.ask("complex in filter", format!("$filter={filter}"));
            }
            self.ask("complex in $apply", format!("$apply=groupby(({name}),aggregate($count as N))"));
            self.ask("complex in filter", format!("$filter={name} ne null"));
        }
    }

    fn behind_one(&mut self) {
        let navs: Vec<_> = self.model.navs(self.entity()).filter(|nav| !nav.many).collect();
        for nav in navs {
            let name = nav.name;
            let values = Values::of(self.model.props(Structured::Entity(nav.target)), &format!("{name}/"));
            self.ask("$expand to one", format!("$expand={name}"));
            self.push("file of $expand", Form::Csv, "", format!("$expand={name}"));
            self.ask("path", format!("$filter={name} ne null"));
            if let Some(filter) = values.holds_marker() {
                self.ask("path", format!("$filter={filter}"));
            }
            if let Some(path) = values.ordered.first() {
                self.push("order by path", Form::Pages, "", format!("$orderby={path} desc"));
            }
            for path in &values.integers {
                self.ask("failing arithmetic", format!("$filter=100 div {path} ge 0"));
            }
            for path in values.texts.first().into_iter().chain(values.texts.last()) {
                self.ask("path in $apply", format!("$apply=groupby(({path}),aggregate($count as N))"));
            }
            self.ask("path in $apply", format!("$apply=groupby(({name}),aggregate($count as N))"));
            self.aggregated("path in $apply", &values);
            for beyond in self.model.navs(Structured::Entity(nav.target)).filter(|nav| nav.many) {
                let beyond = beyond.name;
                self.ask("lambda behind a path", format!("$filter={name}/{beyond}/any()"));
                self.ask("lambda behind a path", format!("$orderby={name}/{beyond}/$count desc"));
                self.ask("$expand twice", format!("$expand={name}($expand={beyond}($count=true;$top=1))"));
            }
        }
    }

    fn behind_many(&mut self) {
        let navs: Vec<_> = self.model.navs(self.entity()).filter(|nav| nav.many).collect();
        for nav in navs {
            let name = nav.name;
            let target = Structured::Entity(nav.target);
            let values = Values::of(self.model.props(target), "");
            let members = Values::of(self.model.props(target), "x/");
            self.ask("$expand to many", format!("$expand={name}"));
            self.ask("$expand to many", format!("$expand={name}($count=true;$top=1)"));
            if let Some(filter) = values.holds_marker() {
                self.ask("$expand to many", format!("$expand={name}($filter={filter};$count=true)"));
            }
            for beyond in self.model.navs(target) {
                self.ask("$expand twice", format!("$expand={name}($expand={})", beyond.name));
            }
            for beyond in self.model.navs(target).filter(|nav| nav.many) {
                self.ask("any of any", format!("$filter={name}/any(x:x/{}/any())", beyond.name));
                self.ask("any of any", format!("$filter={name}/any(x:x/{}/$count gt 1)", beyond.name));
            }
            self.ask("any", format!("$filter={name}/any()"));
            if let Some(filter) = members.holds_marker() {
                self.ask("any", format!("$filter={name}/any(x:{filter})"));
                self.ask("all", format!("$filter={name}/all(x:not ({filter}))"));
            }
            if let Some(filter) = values.holds_marker() {
                self.ask("$count in filter", format!("$filter={name}/$count($filter={filter}) gt 0"));
            }
            for path in &members.integers {
                self.ask("failing arithmetic", format!("$filter={name}/any(x:100 div {path} ge 0)"));
            }
            self.ask("$count in filter", format!("$filter={name}/$count ge 2"));
            self.ask("$count in order", format!("$orderby={name}/$count desc"));
        }
    }

    fn by_key(&mut self, keys: &[String]) {
        let props: Vec<_> = self.model.props(self.entity()).collect();
        let navs: Vec<_> = self.model.navs(self.entity()).collect();
        for (n, key) in keys.iter().enumerate() {
            self.push("entity", Form::Json, &format!("({key})"), String::new());
            for nav in &navs {
                let below = format!("({key})/{}", nav.name);
                self.push("navigation", Form::Json, &below, String::new());
                if nav.many {
                    self.push("navigation", Form::Pages, &below, String::new());
                    self.push("navigation", Form::Csv, &below, String::new());
                    self.push("/$ref of navigation", Form::Json, &format!("{below}/$ref"), String::new());
                    self.push("/$count of navigation", Form::Json, &format!("{below}/$count"), String::new());
                    self.push("navigation", Form::Json, &below, "$apply=aggregate($count as N)".into());
                }
            }
            for prop in if n == 1 { &props[..] } else { &[] } {
                self.push("property", Form::Json, &format!("({key})/{}", prop.name), String::new());
            }
        }
    }

    fn parameters(&mut self) {
        for parameter in self.model.schema.parameters {
            let name = parameter.name;
            match parameter.kind {
                ParameterKind::Filter(entity) => {
                    for filter in self.filters_over(entity) {
                        self.ask("parameter", format!("{name}={filter}"));
                    }
                }
                ParameterKind::Choice(words) => {
                    words.iter().for_each(|word| self.ask("parameter", format!("{name}={word}")));
                }
                ParameterKind::Names(_) => self.ask("parameter", format!("{name}=Custom.Team,System.Title")),
            }
        }
    }

    fn filters_over(&self, entity: &'static Entity) -> Vec<String> {
        let of = Structured::Entity(entity);
        let values = Values::of(self.model.props(of), "");
        let mut filters: Vec<String> = values.holds_marker().into_iter().collect();
        filters.extend(values.integers.iter().map(|path| format!("100 div {path} ge 0")));
        filters.extend(values.integers.iter().map(|path| format!("{path} ge 2000")));
        for nav in self.model.navs(of).filter(|nav| nav.many) {
            let members = Values::of(self.model.props(Structured::Entity(nav.target)), "x/");
            filters.extend(members.holds_marker().map(|filter| format!("{}/any(x:{filter})", nav.name)));
            filters.push(format!("{}/$count ge 2", nav.name));
        }
        filters
    }
}
