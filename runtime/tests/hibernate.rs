//! That hibernation frees memory: counted by the allocator of this program, whose one test runs alone.

mod common;

use common::check;
use crabtree::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Counts the bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all work is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const PROCESSES: usize = 100;
const OWNED: usize = 20_000;
const INLINE: usize = 4_000;
const MESSAGES: usize = 1_000;

/// A process that has seen a lot: it owns much, has a large future, and had a full mailbox and many links.
async fn busy(parent: Pid) {
    let owned = vec![1_u8; OWNED];
    let inline = [2_u8; INLINE];
    for n in 0..MESSAGES {
        send(me(), n);
    }
    for n in 0..MESSAGES {
        receive! { m: usize => assert_eq!(m, n) }
    }
    process::put("scratch", 1);
    process::delete("scratch");
    send(parent, "ready");
    receive! { "sleep" => () }
    process::hibernate(awake(parent)).await;
    drop((owned, inline));
}

async fn awake(parent: Pid) {
    receive! { text: &str => send(parent, text) }
}

#[test]
fn what_a_hibernating_process_had_is_freed_and_its_mailbox_is_not() {
    check(async {
        let parent = me();
        let before_all = IN_USE.load(Ordering::Relaxed);
        let pids: Vec<Pid> = (0..PROCESSES).map(|_| spawn(busy(parent))).collect();
        for _ in 0..PROCESSES {
            receive! { "ready" => () }
        }
        let info = process::info(pids[0]).unwrap();
        let before = IN_USE.load(Ordering::Relaxed);
        assert!(before - before_all > PROCESSES * (OWNED + INLINE));

        for pid in &pids {
            send(*pid, "sleep");
        }
        process::sleep(ms(1)).await;
        let asleep = process::info(pids[0]).unwrap();
        let freed = before - IN_USE.load(Ordering::Relaxed);
        assert!(freed > PROCESSES * (OWNED + INLINE), "{freed} bytes were freed");
        assert!(
            asleep.memory + INLINE < info.memory,
            "{} of {}",
            asleep.memory,
            info.memory
        );
        assert!(asleep.current_place.unwrap().file().ends_with("hibernate.rs"));
        // Memory of messages is kept for others until the node is quiet, and some of it by each thread.
        let patience = Instant::now() + secs(10);
        while IN_USE.load(Ordering::Relaxed) - before_all >= PROCESSES * (OWNED + INLINE) / 8 {
            let left = IN_USE.load(Ordering::Relaxed) - before_all;
            assert!(Instant::now() < patience, "{left} bytes are left");
            std::thread::yield_now();
        }

        for pid in &pids {
            send(*pid, "good morning");
            receive! { "good morning" => () }
            assert_eq!(common::end_of(*pid).await.to_string(), "noproc");
        }
    });
}
