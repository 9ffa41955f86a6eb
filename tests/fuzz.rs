//! OD-152, OD-165: a short run of every fuzz target, always over the same inputs. Longer: `cargo run --release --example
//! fuzz`.

#[path = "../fuzz/mod.rs"]
mod engine;

use std::time::Duration;

use engine::Run;
use engine::targets::TARGETS;

/// Made inputs of each target beyond its seeds; a debug build takes some seconds for all.
const INPUTS: u64 = 700;
/// The time is far beyond what any input needs: it catches what does not end, not a slow machine.
const RUN: Run = Run { seed: 1, from: 0, size: 4 * 1024, time: Duration::from_secs(60) };

#[test]
fn nothing_that_is_sent_breaks_a_parser() {
    std::thread::scope(|scope| {
        let runs: Vec<_> = TARGETS
            .iter()
            .map(|target| (*target, scope.spawn(move || engine::run(target, RUN, |done| done >= INPUTS))))
            .collect();
        let mut findings = Vec::new();
        for (target, run) in runs {
            match run.join().expect("a run ends") {
                Ok(report) => {
                    assert_eq!(report.inputs, INPUTS, "{}", target.name);
                    // Refusals alone would test little. No token that is made here can be a true one.
                    assert!(report.accepted > 0 || target.name == "skiptoken", "{}: {report:?}", target.name);
                }
                Err(finding) => findings.push(finding),
            }
        }
        assert!(findings.is_empty(), "{}", findings.join("\n\n"));
    });
}
