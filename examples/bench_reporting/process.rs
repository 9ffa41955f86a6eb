//! Child processes: started, measured, and stopped when their handle goes.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::client::Client;

/// A server that is a child of this process.
pub struct Server {
    child: Child,
    pub authority: String,
    /// From the start of the process to its first 200.
    pub ready: Duration,
}

impl Server {
    /// Starts a program that listens where it is told, and waits until `path` answers 200.
    pub fn start(program: &Path, args: &[&str], path: &str) -> io::Result<Server> {
        let authority = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let began = Instant::now();
        let child = Command::new(program).args(args).args(["--listen", &authority]).stderr(Stdio::null()).spawn()?;
        let mut server = Server { child, authority, ready: Duration::ZERO };
        while !server.answers(path) {
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!("{} ended: {status}", program.display())));
            }
            if began.elapsed() > Duration::from_secs(30) {
                return Err(io::Error::other(format!("{} does not answer", program.display())));
            }
            sleep(Duration::from_millis(1));
        }
        server.ready = began.elapsed();
        Ok(server)
    }

    fn answers(&self, path: &str) -> bool {
        Client::connect(&self.authority, "").and_then(|mut c| c.get(path, &mut Vec::new())).is_ok()
    }

    /// Anonymous memory in kB: memory maps of the database file are the page cache's.
    pub fn anonymous(&self) -> u64 {
        anonymous(self.child.id())
    }

    /// What its threads have computed so far, in steps of the kernel's clock of 10 ms.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // Behind the name, which may hold anything: state, and utime and stime as the 12th and 13th.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_ascii_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// Watches the anonymous memory until the watch is dropped or read.
    pub fn watch(&self) -> io::Result<Watch> {
        let (peak, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (id, top, end) = (self.child.id(), Arc::clone(&peak), Arc::clone(&over));
        let thread = Builder::new().name("memory".into()).spawn(move || {
            while !end.load(Ordering::Relaxed) {
                top.fetch_max(anonymous(id), Ordering::Relaxed);
                sleep(Duration::from_millis(20));
            }
        })?;
        Ok(Watch { peak, over, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The highest anonymous memory so far.
pub struct Watch {
    peak: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// The peak since the last call, in kB.
    pub fn take(&self) -> u64 {
        self.peak.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn anonymous(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}

/// The program of this package, which cargo puts beside the folder of examples.
pub fn timeledger() -> io::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let path = here.parent().and_then(Path::parent).map(|p| p.join("timeledger")).filter(|p| p.exists());
    path.ok_or_else(|| io::Error::other("build the program first: cargo build --release"))
}

/// Runs the program to its end; its standard output.
pub fn run(args: &[&str]) -> io::Result<String> {
    let output = Command::new(timeledger()?).args(args).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("timeledger {} failed: {}", args.join(" "), output.status)));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}
