//! Questions to the user: lines that processes read from the cell's device, and from standard input.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crabtree_link::{Answer, ToKernel};
use tokio::sync::oneshot;

use super::Host;

/// The questions that wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Questions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
}

impl Questions {
    /// Asks for a line. The answer comes in any case, as long as there is a kernel.
    pub(super) fn ask(&self, host: &Host, cell: u64, prompt: String, hidden: bool) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let question = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.last += 1;
            let question = state.last;
            state.waiting.insert(question, answer);
            question
        };
        host.send(&ToKernel::Ask {
            cell,
            question,
            prompt,
            hidden,
        });
        answered
    }

    /// The answer has come.
    pub(super) fn answered(&self, question: u64, answer: Answer) {
        let asked = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.waiting.remove(&question)
        };
        if let Some(asked) = asked {
            // Whoever asked may have gone.
            let _ = asked.send(answer);
        }
    }
}
