//! Rows as JSON lines (`application/x-ndjson`): one object a line, as in the JSON answer without control information.

use super::Encoder;
use super::json::{Identity, Steps, Style};
use crate::db::{Fields, Sink};
use crate::odata::plan::Plan;
use crate::odata::run::RunError;

/// Writes JSON lines.
pub struct NdJsonEncoder {
    steps: Steps,
    style: Style,
}

impl NdJsonEncoder {
    pub fn new(plan: &Plan, style: Style) -> NdJsonEncoder {
        let identity =
            Identity { entity: plan.entity, set: None, address: "", navigations: &[], derived: plan.derived };
        NdJsonEncoder { steps: Steps::compile(&plan.level, identity, &style), style }
    }
}

impl Encoder for NdJsonEncoder {
    fn begin(&mut self, _: Option<i64>, _: &mut Sink) -> Result<(), RunError> {
        Ok(())
    }

    fn row(&mut self, row: &impl Fields, sink: &mut Sink) -> Result<(), RunError> {
        // Files have no expanded collections, so nothing leaves a hole.
        self.steps.row(row, &self.style, sink.buffer(), &mut Vec::new())?;
        sink.buffer().push(b'\n');
        Ok(())
    }

    fn end(&mut self, _: &mut Sink) -> Result<(), RunError> {
        Ok(())
    }
}
