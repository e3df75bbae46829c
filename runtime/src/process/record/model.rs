//! Records under loom: what must hold in whatever order threads run.

use super::*;
use crate::process::backtrace::Asked;
use crate::process::task::next_step;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;
use std::future::poll_fn;
use std::task::{Context, Poll};

const ME: Pid = Pid::local(0, 0);
const SUCCESSOR: Pid = Pid::local(0, 1);

fn alive() -> Arc<Record> {
    let record = Record::new(0);
    drop(record.begin(None, ME, Origin::of::<()>()));
    Arc::new(record)
}

/// Does what a process does that holds a pid and sends.
fn send(record: &Record, to: Pid, value: impl crate::Term) -> Result<(), Message> {
    push(record, to, Message::new(value))
}

fn push(record: &Record, to: Pid, mut message: Message) -> Result<(), Message> {
    message.header_mut().serial = to.serial();
    record.push(message, || record.wake_who_polls())
}

fn end(record: &Record) {
    let remains = record.close(ME, &ExitReason::Normal);
    record.wind_up(ME, ExitReason::Normal, remains);
}

fn kill(record: &Record) {
    let (from, reason) = (SUCCESSOR, ExitReason::Kill);
    push(record, ME, Signal::ExitRequest { from, reason }.into_message()).unwrap();
}

/// What whoever polls the process `ME` does first.
fn step(record: &Record, context: &Context<'_>) -> Result<Asked, ExitReason> {
    record.register(context.waker());
    next_step(ME, record)
}

/// Runs the process `ME` until it has so many messages.
async fn receive(record: &Record, count: usize) {
    poll_fn(|context| {
        assert!(step(record, context).is_ok());
        match record.update(ME, |state| state.inbox.len()) {
            Some(len) if len == count => Poll::Ready(()),
            _ => Poll::Pending,
        }
    })
    .await;
}

#[test]
fn every_message_wakes_who_waits_for_it() {
    loom::model(|| {
        let record = alive();
        let sender = record.clone();
        thread::spawn(move || {
            for number in 0..2 {
                send(&sender, ME, number).unwrap();
            }
        });
        block_on(receive(&record, 2));
    });
}

#[test]
fn somebody_who_looks_on_takes_no_wake_away() {
    loom::model(|| {
        let record = alive();
        let sender = record.clone();
        thread::spawn(move || send(&sender, ME, 1).unwrap());
        let onlooker = record.clone();
        thread::spawn(move || onlooker.update(ME, |state| state.inbox.len()));
        block_on(receive(&record, 1));
    });
}

#[test]
fn a_kill_ends_a_process_that_waits() {
    loom::model(|| {
        let record = alive();
        let killer = record.clone();
        thread::spawn(move || {
            kill(&killer);
        });
        let ended = block_on(poll_fn(|context| match step(&record, context) {
            Err(reason) => Poll::Ready(reason),
            Ok(_) => Poll::Pending,
        }));
        assert_eq!(ended, ExitReason::Killed);
    });
}

#[test]
fn code_that_loops_sees_a_kill() {
    loom::model(|| {
        let record = alive();
        let killer = record.clone();
        thread::spawn(move || {
            kill(&killer);
        });
        // Somebody else may let the signal take effect; the process sees it all the same.
        let onlooker = record.clone();
        thread::spawn(move || onlooker.update(ME, |_| ()));
        loop {
            if record.has_news() && record.try_update(ME, |state| state.ends()) == Some(true) {
                break;
            }
            thread::yield_now();
        }
    });
}

#[test]
fn who_has_sent_a_kill_sees_nobody_alive() {
    loom::model(|| {
        let record = alive();
        let killer = {
            let record = record.clone();
            thread::spawn(move || {
                assert!(record.is_alive(ME));
                kill(&record);
                thread::yield_now();
                assert!(!record.is_alive(ME));
            })
        };
        // Somebody else may just be letting the signal take effect.
        let onlooker = thread::spawn(move || {
            record.update(ME, |_| ());
        });
        [killer, onlooker].into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn who_learns_of_an_end_sees_nobody_alive() {
    loom::model(|| {
        let record = alive();
        let told = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let learner = {
            let (record, told) = (record.clone(), told.clone());
            thread::spawn(move || assert!(!told.load(Ordering::Acquire) || !record.is_alive(ME)))
        };
        let process = thread::spawn(move || {
            drop(record.close(ME, &ExitReason::Normal));
            told.store(true, Ordering::Release);
            record.serial.fetch_add(1, Ordering::Release);
            drop(record.begin(None, ME, Origin::of::<()>()));
        });
        [learner, process].into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_message_for_a_process_never_reaches_its_successor_and_is_dropped_once() {
    loom::model(|| {
        let value = std::sync::Arc::new(());
        let record = alive();
        let sender = {
            let (record, value) = (record.clone(), value.clone());
            thread::spawn(move || drop(send(&record, ME, value)))
        };
        end(&record);
        assert_eq!(record.serial(), SUCCESSOR.serial());
        drop(record.begin(None, ME, Origin::of::<()>()));
        sender.join().unwrap();
        let seen = record.update(SUCCESSOR, |state| state.inbox.len());
        assert_eq!(seen, Some(0));
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    });
}

#[test]
fn who_looks_at_a_process_that_ends_sees_it_whole_or_not_at_all() {
    loom::model(|| {
        let record = alive();
        let onlooker = record.clone();
        let seen = thread::spawn(move || onlooker.update(ME, |state| (state.alive, state.exit().cloned())));
        end(&record);
        drop(record.begin(None, ME, Origin::of::<()>()));
        let seen = seen.join().unwrap();
        assert!(matches!(seen, None | Some((true, None))), "{seen:?}");
    });
}
