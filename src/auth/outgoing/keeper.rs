//! What must come to its end once it has begun: what a provider gives is void for whoever does not keep it.
//!
//! In: futures. Out: their results, for whoever still waits. They run on a thread of their own, so that neither a request that
//! is cut off nor a server that stops ends them: [`Keeper::settle`] waits for those that are under way.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

#[derive(Default)]
struct UnderWay {
    count: Mutex<usize>,
    fewer: Condvar,
}

impl UnderWay {
    fn count(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is under way, as long as it lives.
struct One(Arc<UnderWay>);

impl Drop for One {
    fn drop(&mut self) {
        *self.0.count() -= 1;
        self.0.fewer.notify_all();
    }
}

pub(super) struct Keeper {
    /// Taken by who drops it.
    runtime: Option<Runtime>,
    under_way: Arc<UnderWay>,
}

impl Keeper {
    pub fn new() -> std::io::Result<Keeper> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("outgoing").enable_all().build()?;
        Ok(Keeper { runtime: Some(runtime), under_way: Arc::default() })
    }

    /// Begins something; none where this is going already.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Option<JoinHandle<T>> {
        let runtime = self.runtime.as_ref()?;
        *self.under_way.count() += 1;
        let one = One(Arc::clone(&self.under_way));
        Some(runtime.spawn(async move {
            let _one = one;
            work.await
        }))
    }

    /// Waits until nothing is under way, or for so long. Blocks.
    pub fn settle(&self, at_most: Duration) {
        let idle = self.under_way.fewer.wait_timeout_while(self.under_way.count(), at_most, |count| *count > 0);
        if idle.is_ok_and(|(_, outcome)| outcome.timed_out()) {
            tracing::warn!("a credential is still being renewed; what its provider gives is lost");
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Also in the middle of a runtime, where waiting is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
