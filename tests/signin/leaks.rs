//! Attack 11, its second half: handshakes leave nothing behind. 600 in the suite, 10,000 with `TIMELEDGER_TEST_PROOF=1`.

use super::wire::{Wire, negotiate};
use super::{ADA, METADATA, site};
use crate::backend::for_each_backend;
use crate::support::server::Server;

/// Resident memory of the server, in KiB.
fn resident(server: &Server) -> u64 {
    let listen = server.address.to_string();
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let ours = processes.map(|entry| entry.path()).find(|path| {
        let command = std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        let mut words = command.split('\0');
        words.next().is_some_and(|program| program.ends_with("timeledger")) && words.any(|word| word == listen)
    });
    let status = std::fs::read_to_string(ours.expect("the server's process").join("status")).expect("its status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Right, wrong, and begun and left, in turn.
fn handshakes(server: &Server, count: usize) {
    std::thread::scope(|scope| {
        for worker in 0..8 {
            scope.spawn(move || {
                for n in (worker..count).step_by(8) {
                    let mut wire = Wire::open(server.address);
                    match n % 3 {
                        0 => assert_eq!(wire.sign_in(METADATA, "NTLM", ADA).status, 200),
                        1 => assert!(wire.sign_in(METADATA, "NTLM", ("CORP", "ada", "wrong")).is_list()),
                        _ => drop(wire.leg(METADATA, "NTLM", &negotiate()).token()),
                    }
                }
            });
        }
    });
}

#[test]
fn handshakes_leave_nothing_behind() {
    for_each_backend(|backend| {
        let (warm, count) =
            if std::env::var_os("TIMELEDGER_TEST_PROOF").is_some() { (2_000, 10_000) } else { (600, 600) };
        let limits = [
            ("TIMELEDGER_AUTH__PAIR_FAILURES", "1000000"),
            ("TIMELEDGER_AUTH__ADDRESS_FAILURES", "1000000"),
            ("TIMELEDGER_AUTH__ACCOUNT_FAILURES", "1000000"),
        ];
        let server = site(backend, &limits);
        handshakes(&server, warm);
        let before = resident(&server);
        handshakes(&server, count);
        let after = resident(&server);
        println!("{backend:?} {count} handshakes: {before} KiB before, {after} KiB after");
        assert!(after <= before + 5 * 1024, "{before} KiB before, {after} KiB after");
    });
}
