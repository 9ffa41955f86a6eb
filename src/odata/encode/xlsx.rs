//! Rows as an Excel workbook.

use super::{Encoder, FileColumn};
use crate::db::{Fields, Sink};
use crate::odata::error::ODataError;
use crate::odata::run::RunError;

/// Writes a workbook.
pub struct XlsxEncoder;

impl XlsxEncoder {
    pub fn new(_: Vec<FileColumn>, _: &str) -> XlsxEncoder {
        XlsxEncoder
    }
}

impl Encoder for XlsxEncoder {
    fn begin(&mut self, _: Option<i64>, _: &mut Sink) -> Result<(), RunError> {
        Err(ODataError::not_implemented("xlsx").into())
    }

    fn row(&mut self, _: &impl Fields, _: &mut Sink) -> Result<(), RunError> {
        Ok(())
    }

    fn end(&mut self, _: &mut Sink) -> Result<(), RunError> {
        Ok(())
    }
}
