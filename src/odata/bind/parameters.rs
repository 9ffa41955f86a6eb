//! Extension parameters (contract §3.7): checked on every set, also where they change nothing.

use super::super::bound::{Params, Shape};
use super::super::edm::{Parameter, ParameterKind};
use super::super::error::{Code, ODataError, Result};
use super::super::parse;
use super::Binder;

impl Binder<'_> {
    pub(super) fn parameters(&mut self, given: &[(String, String)]) -> Result<Params> {
        let mut params = Params::default();
        let mut seen: Vec<&'static str> = Vec::new();
        for (name, value) in given {
            let Some(parameter) = self.model.parameter(name) else { continue };
            if seen.contains(&parameter.name) {
                let message = format!("{} is given twice.", parameter.name);
                return Err(ODataError::new(Code::DuplicateOption, message).in_option(parameter.name));
            }
            seen.push(parameter.name);
            self.parameter(parameter, value, &mut params).map_err(|e| e.in_option(parameter.name))?;
        }
        Ok(params)
    }

    fn parameter(&mut self, parameter: &'static Parameter, value: &str, params: &mut Params) -> Result<()> {
        match parameter.kind {
            ParameterKind::Filter(entity) => {
                let syntax = parse::filter(value, self.environment.limits)?;
                let mut binder = Binder::new(self.model, self.environment, self.aliases.clone());
                binder.enter(Shape::Entity(entity));
                params.filters.push((parameter.name, binder.condition(&syntax)?));
            }
            ParameterKind::Names(most) => {
                let names: Vec<String> =
                    value.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned).collect();
                if names.len() > most {
                    let message = format!("{} takes up to {most} names, and here are {}.", parameter.name, names.len());
                    return Err(ODataError::new(Code::InvalidValue, message));
                }
                params.names.push((parameter.name, names));
            }
            ParameterKind::Choice(words) => {
                let Some(word) = words.iter().find(|w| w.eq_ignore_ascii_case(value)) else {
                    let message = format!("{} is one of {}, not '{value}'.", parameter.name, words.join(", "));
                    return Err(ODataError::new(Code::InvalidValue, message));
                };
                params.choices.push((parameter.name, word));
            }
        }
        Ok(())
    }
}
