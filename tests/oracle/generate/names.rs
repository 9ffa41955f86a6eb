//! What can be named at a place: properties, entities, collections.

use super::super::expression::{Expr, Kind, Path};
use super::super::value::Type;
use super::super::world::World;
use super::Generator;

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub values: Vec<(Path, Type)>,
    /// Single-valued navigation properties.
    pub ones: Vec<Path>,
    /// Collections, with the index of their set.
    pub many: Vec<(Path, usize)>,
    /// Lambdas and counts around the place.
    pub depth: usize,
    /// Whether the row is that of the request's own collection; inside `$expand` the service has no `$it`.
    pub is_it: bool,
}

impl Names {
    /// A row of the set, behind a prefix such as a lambda's variable.
    pub fn of(world: &World, set: usize, prefix: &[String]) -> Names {
        let mut names = Names::default();
        names.gather(world, set, prefix, 0);
        names
    }

    fn gather(&mut self, world: &World, set: usize, prefix: &[String], hops: usize) {
        let path = |name: &str| prefix.iter().cloned().chain([name.to_owned()]).collect::<Path>();
        let set = &world.sets[set];
        self.values.extend(set.props.iter().map(|prop| (path(&prop.name), prop.ty.clone())));
        for nav in &set.navs {
            if nav.many {
                self.many.push((path(&nav.name), nav.target));
            } else {
                self.ones.push(path(&nav.name));
                if hops == 0 || (hops == 1 && nav.name == "Parent") {
                    self.gather(world, nav.target, &path(&nav.name), hops + 1);
                }
            }
        }
    }

    /// A row of the collection that the request is about.
    pub fn of_request(world: &World, set: usize) -> Names {
        Names { is_it: true, ..Names::of(world, set, &[]) }
    }

    pub fn derived(values: Vec<(Path, Type)>) -> Names {
        Names { values, ..Names::default() }
    }

    /// The same names, said of `$it` (Part 2 §5.1.1.13.1).
    pub fn of_it(&self) -> Vec<(Path, Type)> {
        let it = |path: &Path| std::iter::once("$it".to_owned()).chain(path.iter().cloned()).collect();
        self.values.iter().filter(|(path, _)| path[0] != "$it").map(|(path, ty)| (it(path), ty.clone())).collect()
    }
}

impl Generator<'_> {
    /// A path to a value of a type that is wanted. Own properties are as likely as those of all other entities together.
    pub(super) fn path(&mut self, names: &Names, wanted: impl Fn(&Type) -> bool) -> Option<Expr> {
        let own = self.random.chance(1, 2);
        let shortest = names.values.iter().map(|(path, _)| path.len()).min()?;
        let plain = self.plain;
        let custom = |path: &Path| path.iter().any(|name| name.starts_with("Custom_"));
        let wanted = |(path, ty): &&(Path, Type)| wanted(ty) && !(plain && custom(path));
        let mut fitting: Vec<&(Path, Type)> = names.values.iter().filter(wanted).collect();
        if own && fitting.iter().any(|(path, _)| path.len() == shortest) {
            fitting.retain(|(path, _)| path.len() == shortest);
        }
        if fitting.is_empty() {
            return None;
        }
        let (path, ty) = fitting[self.random.below(fitting.len())];
        Some(Expr::new(ty.clone(), Kind::Path(path.clone())))
    }

    /// Names inside a lambda over a set: the variable's, and some of those around it.
    pub(super) fn lambda_names(&mut self, outer: &Names, set: usize) -> (String, Names) {
        self.variables += 1;
        let variable = format!("x{}", self.variables);
        let mut names = Names::of(self.world, set, std::slice::from_ref(&variable));
        names.depth = outer.depth + 1;
        self.borrow(&outer.values, &mut names);
        (variable, names)
    }

    /// Names inside `$count($filter=…)` over a set.
    pub(super) fn member_names(&mut self, outer: &Names, set: usize) -> Names {
        let mut names = Names::of(self.world, set, &[]);
        names.depth = outer.depth + 1;
        if outer.is_it {
            self.borrow(&outer.of_it(), &mut names);
        }
        names
    }

    fn borrow(&mut self, values: &[(Path, Type)], into: &mut Names) {
        for _ in 0..4_usize.min(values.len()) {
            into.values.push(values[self.random.below(values.len())].clone());
        }
    }
}
