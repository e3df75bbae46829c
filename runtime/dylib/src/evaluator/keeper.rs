//! Who has the evaluator: a cell that runs, or the task that keeps it between cells.

use std::sync::{Mutex, PoisonError};

use crabtree_link::Replaced;
use runtime::process::{self, Attached};
use runtime::{ExitReason, Pid};
use tokio::sync::{mpsc, oneshot};

/// The way to the evaluator.
#[derive(Debug)]
pub(crate) struct Evaluator {
    requests: mpsc::UnboundedSender<Request>,
    /// The evaluator that is lent to a cell.
    lent: Mutex<Option<(Pid, GiveBack)>>,
}

type GiveBack = mpsc::UnboundedSender<Attached>;

enum Request {
    /// A cell begins: here is its device. The answer names the evaluator that died since the last one.
    Begin(Pid, oneshot::Sender<Option<Replaced>>),
    /// A cell wants to run in the evaluator.
    Borrow(oneshot::Sender<Loan>),
    /// There will be no more cells.
    End,
}

impl Evaluator {
    /// Starts an evaluator and the task that keeps it.
    pub(crate) fn start() -> Evaluator {
        let (requests, received) = mpsc::unbounded_channel();
        runtime::block_on(async { drop(tokio::spawn(keep(received))) });
        Evaluator {
            requests,
            lent: Mutex::default(),
        }
    }

    /// Makes `device` the evaluator's group leader.
    pub(crate) fn begin(&self, device: Pid) -> Option<Replaced> {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Begin(device, answer)).ok()?;
        answered.blocking_recv().ok().flatten()
    }

    /// Ends the evaluator, once no cell has it.
    pub(crate) fn end(&self) {
        // It may have ended before.
        let _ = self.requests.send(Request::End);
    }

    /// Lends the evaluator to the cell that runs.
    pub(super) async fn borrow(&self) -> Loan {
        let (answer, answered) = oneshot::channel();
        let sent = self.requests.send(Request::Borrow(answer));
        assert!(sent.is_ok(), "the keeper runs as long as the host");
        let loan = answered.await.expect("the keeper answers every request");
        *self.lent.lock().unwrap_or_else(PoisonError::into_inner) = loan.reclaim();
        loan
    }

    /// Takes the evaluator from the cell that has it, whose thread is frozen.
    pub(super) fn take_back(&self) {
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((pid, give_back)) = lent else { return };
        // SAFETY: the other handle of the process is on the stack of a thread that runs nothing any more.
        let attached = unsafe { Attached::take_over(pid) };
        // Nobody waits for it only when the host is ending.
        let _ = give_back.send(attached);
    }
}

/// The evaluator in the hands of a cell; given back when dropped.
pub(super) struct Loan {
    attached: Option<Attached>,
    give_back: GiveBack,
    group_leader: Pid,
}

impl Loan {
    fn reclaim(&self) -> Option<(Pid, GiveBack)> {
        Some((self.attached.as_ref()?.pid(), self.give_back.clone()))
    }

    pub(super) fn attached(&mut self) -> &mut Attached {
        self.attached.as_mut().expect("it is taken in drop only")
    }

    /// Lets a new evaluator take over from one that died of `reason`.
    pub(super) fn replace(&mut self, reason: &ExitReason) -> Replaced {
        let group_leader = self.group_leader;
        let (successor, replaced) = succeed(self.attached(), reason, group_leader);
        self.attached = Some(successor);
        replaced
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(attached) = self.attached.take() {
            // Nobody waits for it only when the host is ending.
            let _ = self.give_back.send(attached);
        }
    }
}

fn succeed(dead: &Attached, reason: &ExitReason, group_leader: Pid) -> (Attached, Replaced) {
    let successor = Attached::new();
    process::set_group_leader(successor.pid(), group_leader);
    let replaced = Replaced {
        evaluator: dead.pid().to_string(),
        reason: reason.to_string(),
        successor: successor.pid().to_string(),
    };
    (successor, replaced)
}

/// Keeps the evaluator between cells.
async fn keep(mut requests: mpsc::UnboundedReceiver<Request>) {
    let mut attached = Attached::new();
    let mut group_leader = process::group_leader();
    let mut replaced = None;
    loop {
        let request = tokio::select! {
            biased;
            reason = attached.idle() => {
                let (successor, news) = succeed(&attached, &reason, group_leader);
                attached = successor;
                replaced = Some(news);
                continue;
            }
            request = requests.recv() => request,
        };
        match request {
            None | Some(Request::End) => return,
            Some(Request::Begin(device, answer)) => {
                group_leader = device;
                process::set_group_leader(attached.pid(), device);
                let _ = answer.send(replaced.take());
            }
            Some(Request::Borrow(answer)) => {
                let (give_back, mut given_back) = mpsc::unbounded_channel();
                let loan = Loan {
                    attached: Some(attached),
                    give_back,
                    group_leader,
                };
                // A borrower that is gone gives the evaluator back by dropping the loan.
                let _ = answer.send(loan);
                attached = given_back.recv().await.expect("a loan gives back when it is dropped");
            }
        }
    }
}
