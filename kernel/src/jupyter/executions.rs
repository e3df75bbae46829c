//! The queue of execute requests: one runs, the others wait in the order in which they came.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use jupyter_protocol::ExecuteRequest;
use serde_json::{Value, json};

use super::message::{Content, Message};
use super::server::Channel;
use crate::eval::{CellError, CellId, Outcome};

/// A request, and where its reply goes.
#[derive(Debug)]
pub(super) struct Asked {
    /// The socket that it came from.
    pub(super) channel: Channel,
    /// The request.
    pub(super) message: Message,
}

/// The cell that runs.
pub(super) struct Running {
    /// Its request.
    pub(super) asked: Asked,
    /// The request's content.
    pub(super) request: ExecuteRequest,
    /// What the engine knows it by.
    pub(super) cell: CellId,
    /// Its number.
    pub(super) execution_count: u32,
    /// Resolves when it has ended.
    pub(super) outcome: Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

/// The requests that wait, and the numbers given so far.
#[derive(Debug, Default)]
pub(super) struct Executions {
    waiting: VecDeque<Asked>,
    last_count: u32,
    last_cell: u64,
}

impl Executions {
    /// Puts a request at the end of the queue.
    pub(super) fn wait(&mut self, asked: Asked) {
        self.waiting.push_back(asked);
    }

    /// The request whose turn it is.
    pub(super) fn next(&mut self) -> Option<Asked> {
        self.waiting.pop_front()
    }

    /// Takes all requests that wait.
    pub(super) fn take_waiting(&mut self) -> VecDeque<Asked> {
        std::mem::take(&mut self.waiting)
    }

    /// A name for the engine, and the number that the front end shows. The number moves on only
    /// for requests that are `counted`; others borrow the next one.
    pub(super) fn number(&mut self, counted: bool) -> (CellId, u32) {
        self.last_cell += 1;
        let execution_count = self.last_count + 1;
        if counted {
            self.last_count = execution_count;
        }
        (CellId(self.last_cell), execution_count)
    }

    /// The number of the last counted execution; 0 before the first.
    pub(super) fn last_count(&self) -> u32 {
        self.last_count
    }
}

/// Whether an execution is given a number of its own and a place in the history.
pub(super) fn is_counted(request: &ExecuteRequest) -> bool {
    request.store_history && !request.silent
}

/// The content of an execute request, with the defaults of the specification.
///
/// # Errors
///
/// There is no code.
pub(super) fn read(message: &Message) -> serde_json::Result<ExecuteRequest> {
    let silent = message.content["silent"] == true;
    message.read_with_defaults(json!({"silent": silent, "store_history": !silent, "allow_stdin": true}))
}

/// The reply to an execution that came to its end.
///
/// Not `jupyter_protocol`'s type, which writes absent `user_expressions` as null.
pub(super) fn reply(request: &ExecuteRequest, execution_count: u32, outcome: &Outcome) -> Content {
    let content = match outcome {
        Outcome::Ok => json!({
            "status": "ok", "execution_count": execution_count, "payload": [],
            "user_expressions": user_expressions(request),
        }),
        Outcome::Error(error) => {
            let mut content = error_content(error);
            content["status"] = json!("error");
            content["execution_count"] = json!(execution_count);
            content
        }
        Outcome::Aborted => json!({"status": "aborted", "execution_count": execution_count}),
    };
    Content::new("execute_reply", content)
}

/// The `error` output of a failed cell.
pub(super) fn error_output(error: &CellError) -> Content {
    Content::new("error", error_content(error))
}

fn error_content(error: &CellError) -> Value {
    json!({"ename": error.ename, "evalue": error.evalue, "traceback": error.traceback})
}

/// The cells' expressions are statements of a session: they are not evaluated beside it.
fn user_expressions(request: &ExecuteRequest) -> Value {
    let refusal = json!({
        "status": "error", "ename": "NotSupported", "evalue": "user_expressions are not evaluated", "traceback": [],
    });
    request
        .user_expressions
        .iter()
        .flatten()
        .map(|(name, _)| (name.clone(), refusal.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(content: Value) -> ExecuteRequest {
        read(&Message::new("s", None, Content::new("execute_request", content))).unwrap()
    }

    #[test]
    fn numbers_start_at_one_and_move_on_for_counted_executions_only() {
        let mut executions = Executions::default();
        let counts: Vec<u32> = [true, false, false, true, true]
            .map(|counted| executions.number(counted).1)
            .into_iter()
            .collect();
        assert_eq!(counts, [1, 2, 2, 2, 3]);
        assert_eq!(executions.last_count(), 3);
    }

    #[test]
    fn silent_and_unstored_executions_are_not_counted() {
        assert!(is_counted(&request(json!({"code": ""}))));
        assert!(!is_counted(&request(json!({"code": "", "silent": true}))));
        assert!(!is_counted(&request(
            json!({"code": "", "silent": true, "store_history": true})
        )));
        assert!(!is_counted(&request(json!({"code": "", "store_history": false}))));
    }

    #[test]
    fn a_reply_holds_no_null() {
        let error = CellError {
            ename: "Panic".to_owned(),
            evalue: "BOOM".to_owned(),
            traceback: vec!["BOOM".to_owned()],
        };
        for outcome in [Outcome::Ok, Outcome::Error(error), Outcome::Aborted] {
            let reply = reply(&request(json!({"code": "1", "user_expressions": null})), 1, &outcome);
            assert!(!reply.value.to_string().contains("null"), "{}", reply.value);
        }
    }

    #[test]
    fn a_failed_reply_says_what_failed() {
        let error = CellError {
            ename: "Panic".to_owned(),
            evalue: "BOOM".to_owned(),
            traceback: vec!["at".to_owned()],
        };
        let reply = reply(&request(json!({"code": "1"})), 7, &Outcome::Error(error));
        assert_eq!(
            reply.value,
            json!({"status": "error", "ename": "Panic", "evalue": "BOOM", "traceback": ["at"], "execution_count": 7})
        );
    }
}
