//! What becomes of an execute request: its number, the expressions that are evaluated after its code, and its reply.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;

use jupyter_protocol::ExecuteRequest;
use serde_json::{Map, Value, json};

use super::message::{Content, Message};
use super::server::Channel;
use crate::eval::{CellError, CellId, MimeBundle, Outcome};

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
    /// Resolves when it has ended, or the expression that is evaluated.
    pub(super) outcome: Pin<Box<dyn Future<Output = Outcome> + Send>>,
    /// What is to be evaluated after it.
    pub(super) expressions: Expressions,
}

/// The expressions of a request, which are evaluated one after the other when its code has succeeded.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    left: VecDeque<(String, String)>,
    /// The one that is evaluated, and its value.
    running: Option<(String, Option<MimeBundle>)>,
    done: Map<String, Value>,
}

/// What comes when something of a request has ended.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Evaluate this.
    Evaluate(String),
    /// Reply.
    Reply(Outcome),
}

impl Expressions {
    /// Those of a request.
    pub(super) fn of(request: &ExecuteRequest) -> Expressions {
        let expressions = request.user_expressions.iter().flatten();
        // By name: the request has no order.
        let expressions: BTreeMap<_, _> = expressions.map(|(name, code)| (name.clone(), code.clone())).collect();
        Expressions {
            left: expressions.into_iter().collect(),
            ..Expressions::default()
        }
    }

    /// The request's code, or the expression that was evaluated, has ended.
    pub(super) fn next(&mut self, outcome: Outcome) -> Step {
        match self.running.take() {
            Some((name, value)) => {
                self.done.insert(name, evaluated(value, &outcome));
            }
            None if outcome != Outcome::Ok => return Step::Reply(outcome),
            None => {}
        }
        match self.left.pop_front() {
            Some((name, code)) => {
                self.running = Some((name, None));
                Step::Evaluate(code)
            }
            None => Step::Reply(Outcome::Ok),
        }
    }

    /// Takes a value that is that of an expression, and not the cell's.
    pub(super) fn take(&mut self, data: &MimeBundle) -> bool {
        match &mut self.running {
            Some((_, value)) => {
                *value = Some(data.clone());
                true
            }
            None => false,
        }
    }
}

fn evaluated(value: Option<MimeBundle>, outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Ok => {
            let nothing = || MimeBundle::from_iter([("text/plain".to_owned(), json!("()"))]);
            json!({"status": "ok", "data": value.unwrap_or_else(nothing), "metadata": {}})
        }
        Outcome::Error(error) => {
            let mut content = error_content(error);
            content["status"] = json!("error");
            content
        }
        Outcome::Aborted => {
            json!({"status": "error", "ename": "Aborted", "evalue": "the session has ended", "traceback": []})
        }
    }
}

/// The numbers given so far, in all shells together.
#[derive(Debug, Default)]
pub(super) struct Executions {
    last_count: u32,
    last_cell: u64,
}

impl Executions {
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
pub(super) fn reply(expressions: Expressions, execution_count: u32, outcome: &Outcome) -> Content {
    let content = match outcome {
        Outcome::Ok => json!({
            "status": "ok", "execution_count": execution_count, "payload": [],
            "user_expressions": expressions.done,
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
            let request = request(json!({"code": "1", "user_expressions": null}));
            let reply = reply(Expressions::of(&request), 1, &outcome);
            assert!(!reply.value.to_string().contains("null"), "{}", reply.value);
        }
    }

    #[test]
    fn expressions_are_evaluated_one_by_one_after_code_that_succeeds() {
        let asked = request(json!({"code": "1", "user_expressions": {"a": "x", "b": "y"}}));
        let mut expressions = Expressions::of(&asked);
        assert!(!expressions.take(&MimeBundle::new()), "the cell's own value");
        let Step::Evaluate(first) = expressions.next(Outcome::Ok) else {
            panic!("there are expressions")
        };
        assert!(expressions.take(&MimeBundle::from_iter([("text/plain".to_owned(), json!(first))])));
        assert!(matches!(expressions.next(Outcome::Ok), Step::Evaluate(_)));
        assert_eq!(expressions.next(Outcome::Aborted), Step::Reply(Outcome::Ok));
        let done: Vec<&str> = expressions
            .done
            .values()
            .map(|value| value["status"].as_str().unwrap())
            .collect();
        assert_eq!(done, ["ok", "error"]);

        let mut expressions = Expressions::of(&asked);
        assert_eq!(expressions.next(Outcome::Aborted), Step::Reply(Outcome::Aborted));
    }

    #[test]
    fn a_failed_reply_says_what_failed() {
        let error = CellError {
            ename: "Panic".to_owned(),
            evalue: "BOOM".to_owned(),
            traceback: vec!["at".to_owned()],
        };
        let reply = reply(Expressions::default(), 7, &Outcome::Error(error));
        assert_eq!(
            reply.value,
            json!({"status": "error", "ename": "Panic", "evalue": "BOOM", "traceback": ["at"], "execution_count": 7})
        );
    }
}
