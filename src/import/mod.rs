//! Work logs in from files.
//!
//! | file | in | out |
//! |---|---|---|
//! | [`columns`] | rows of cells, a profile | [`ImportRow`](columns::ImportRow)s, or what is wrong with each |
//! | [`dates`], [`durations`] | a text, a serial number | wall clocks, seconds |
//! | [`profile`] | JSON | how a person says that their file is written |
//! | [`template`] | – | the workbook to fill in |
//! | [`report`] | the rows again, their problems | the same workbook with a Problem column |
//! | [`problem`] | – | the one form of a problem, with its place |

pub mod columns;
pub mod dates;
pub mod durations;
pub mod problem;
pub mod profile;
pub mod report;
pub mod template;
