//! The queue under loom: what must hold in whatever order threads run.

use super::*;
use loom::sync::Arc;
use loom::thread;

fn open() -> Arc<Queue> {
    let queue = Queue::closed();
    queue.open();
    Arc::new(queue)
}

fn numbers(batch: Batch) -> Vec<i32> {
    batch.map(|message| message.downcast().unwrap()).collect()
}

#[test]
fn nothing_is_lost_or_turned_round_between_two_senders_and_a_receiver() {
    loom::model(|| {
        let queue = open();
        let sender = |first: i32| {
            let queue = queue.clone();
            thread::spawn(move || {
                for number in [first, first + 1] {
                    let _ = queue.push(Message::new(number));
                }
            })
        };
        let senders = [sender(10), sender(20)];
        let mut seen = numbers(queue.take());
        for sender in senders {
            sender.join().unwrap();
        }
        seen.extend(numbers(queue.take()));
        for first in [10, 20] {
            let of_one: Vec<_> = seen.iter().filter(|number| **number / first == 1).collect();
            assert_eq!(of_one, [&first, &(first + 1)], "of {seen:?}");
        }
        assert_eq!(seen.len(), 4);
    });
}

#[test]
fn a_message_is_in_the_queue_that_closes_or_comes_back() {
    loom::model(|| {
        let queue = open();
        let sender = {
            let queue = queue.clone();
            thread::spawn(move || match queue.push(Message::new(1)) {
                Push::Closed(message) => Some(message.downcast::<i32>().unwrap()),
                Push::First | Push::Behind => None,
            })
        };
        let taken = numbers(queue.close());
        let back = sender.join().unwrap();
        assert_eq!(taken.into_iter().chain(back).collect::<Vec<_>>(), [1]);
        assert_eq!(numbers(queue.close()), [] as [i32; 0]);
    });
}

#[test]
fn one_of_those_who_find_the_queue_empty_says_so() {
    loom::model(|| {
        let queue = open();
        let pushes = |queue: Arc<Queue>| move || matches!(queue.push(Message::new(1)), Push::First);
        let other = thread::spawn(pushes(queue.clone()));
        let first = pushes(queue.clone())();
        assert!(first ^ other.join().unwrap());
        assert_eq!(numbers(queue.take()).len(), 2);
    });
}
