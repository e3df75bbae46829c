//! Locks that go by keys.

use super::{Key, Registry};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

/// The keys that are locked or waited for.
pub(super) type Locks<K> = Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>;

/// Does the work while nobody else does work under the same key of the same registry.
///
/// Those who wait get their turn in the order in which they came. The lock is free again when the work is done, fails or
/// is dropped, and when its process ends. Locks have nothing to do with who is registered under a key, or whether the
/// registry runs. Most often a process under a key serves as well; a lock is for work that must not move to another
/// process.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
///
/// let accounts = registry::unique::<&str, ()>("accounts").start_link().await?;
/// let parent = me();
/// let working_in = registry::lock(&accounts, "ann", async { me() }).await;
/// assert_eq!(working_in, parent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// Work that locks the key that it holds waits for itself, for ever.
///
/// # Cancel safety
/// When the future is dropped, the lock is free, or the place in the queue is lost.
pub async fn lock<K: Key, V, F: Future>(registry: &Registry<K, V>, key: K, work: F) -> F::Output {
    let claim = Claim::new(&registry.0.locks, key);
    let _held = claim.lock.lock().await;
    work.await
}

/// Somebody who holds a lock, or waits for it.
struct Claim<'a, K: Key> {
    locks: &'a Locks<K>,
    key: K,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl<'a, K: Key> Claim<'a, K> {
    fn new(locks: &'a Locks<K>, key: K) -> Claim<'a, K> {
        let lock = locks.lock().entry(key.clone()).or_default().clone();
        Claim { locks, key, lock }
    }
}

/// The last one who has to do with a lock takes it away.
impl<K: Key> Drop for Claim<'_, K> {
    fn drop(&mut self) {
        let mut locks = self.locks.lock();
        // One is in the table and one is here. Nobody takes another while the table is locked.
        if Arc::strong_count(&self.lock) == 2 {
            locks.remove(&self.key);
        }
    }
}
