//! Work logs in from files.
//!
//! | file | in | out |
//! |---|---|---|
//! | [`columns`] | rows of cells, a profile | [`ImportRow`](columns::ImportRow)s, or what is wrong with each |
//! | [`dates`], [`durations`] | a text, a serial number | wall clocks, seconds |
//! | [`profile`] | JSON | how a person says that their file is written |
//! | [`template`] | – | the workbook to fill in |
//! | [`report`] | the rows again, their problems | the same workbook with a Problem column |
//! | [`resolve`] | names of people, items, kinds of work, budgets | who and what is meant, or the nearest name |
//! | [`keys`] | a row | what tells it from others, so that a file changes nothing the second time |
//! | [`run`] | a file, an author, a connection | what the file would do, or has done |
//! | [`listing`] | rows and what becomes of them | pages of that, kept with the job |
//! | [`job`] | an order | the same as a job: all or nothing, or the good rows, and how it ended |
//! | [`problem`] | – | the one form of a problem, with its place |

pub mod columns;
pub mod dates;
pub mod durations;
pub mod job;
pub mod keys;
pub mod listing;
pub mod problem;
pub mod profile;
pub mod report;
pub mod resolve;
pub mod run;
pub mod template;
