//! Questions to the user, one at a time: a front end shows one, and its answer does not say which it is to.

use std::collections::VecDeque;

use jupyter_protocol::ExecuteRequest;
use serde_json::json;

use super::message::Content;
use crate::eval::{Answer, CellId, Question};

/// What a console sends for the key that ends the input.
const END: &str = "\u{4}";

/// A question that waits or was asked.
#[derive(Debug)]
pub(super) struct Asked {
    /// Whose it is.
    pub(super) question: Question,
    /// The running cell below which the user is asked.
    pub(super) below: CellId,
    /// What to show before.
    pub(super) prompt: String,
    /// Whether what is typed is not to be seen.
    pub(super) hidden: bool,
}

/// The questions of the running cells, and of processes.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// The first one has been asked, if `asking`.
    waiting: VecDeque<Asked>,
    asking: bool,
}

impl Questions {
    /// Puts a question at the end of the queue; or says why nobody can be asked. `running` is the request of the cell
    /// below which the user is asked.
    pub(super) fn wait(&mut self, asked: Asked, running: Option<&ExecuteRequest>) -> Result<(), Answer> {
        let refused = match running {
            None => "no cell runs, and a front end asks its user below the cell that runs only",
            Some(request) if !request.allow_stdin => "this front end does not ask its user (allow_stdin is false)",
            Some(_) => {
                self.waiting.push_back(asked);
                return Ok(());
            }
        };
        Err(Answer::Refused(refused.to_owned()))
    }

    /// The next request for input, if there is one and none is out, and the cell below which it goes.
    pub(super) fn next(&mut self) -> Option<(CellId, Content)> {
        let asked = self.waiting.front().filter(|_| !self.asking)?;
        self.asking = true;
        let content = json!({"prompt": asked.prompt, "password": asked.hidden});
        Some((asked.below, Content::new("input_request", content)))
    }

    /// The user has answered: the question, and the answer to it.
    pub(super) fn answered(&mut self, value: &str) -> Option<(Question, Answer)> {
        if !std::mem::take(&mut self.asking) {
            return None;
        }
        let answer = match value {
            END => Answer::End,
            line => Answer::Line(line.trim_end_matches(['\r', '\n']).to_owned()),
        };
        self.waiting.pop_front().map(|asked| (asked.question, answer))
    }

    /// A cell has ended, and with it all that was asked below it.
    pub(super) fn end(&mut self, cell: CellId) -> Vec<(Question, Answer)> {
        self.asking &= self.waiting.front().is_some_and(|asked| asked.below != cell);
        let (ended, waiting): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|asked| asked.below == cell);
        self.waiting = waiting;
        let answer = || Answer::Refused("the cell below which the question was asked has ended".to_owned());
        ended.into_iter().map(|asked| (asked.question, answer())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(number: u64) -> Asked {
        Asked {
            question: Question {
                link: 1,
                host: 1,
                number,
            },
            below: CellId(7),
            prompt: format!("{number}?"),
            hidden: number == 2,
        }
    }

    fn request(allow_stdin: bool) -> ExecuteRequest {
        let content = json!({"code": "", "silent": false, "store_history": true, "allow_stdin": allow_stdin});
        serde_json::from_value(content).unwrap()
    }

    #[test]
    fn questions_are_asked_one_after_the_other() {
        let mut questions = Questions::default();
        for number in [1, 2] {
            questions.wait(asked(number), Some(&request(true))).unwrap();
        }
        assert_eq!(
            questions.next().unwrap().1.value,
            json!({"prompt": "1?", "password": false})
        );
        assert_eq!(questions.next(), None);
        let (question, answer) = questions.answered("one\n").unwrap();
        assert_eq!((question.number, answer), (1, Answer::Line("one".to_owned())));
        assert_eq!(
            questions.next().unwrap().1.value,
            json!({"prompt": "2?", "password": true})
        );
        assert_eq!(questions.answered(END).unwrap().1, Answer::End);
        assert_eq!(questions.answered("nobody asked"), None);
    }

    #[test]
    fn without_a_cell_or_a_user_the_answer_says_so() {
        let mut questions = Questions::default();
        for (running, reason) in [(None, "no cell"), (Some(request(false)), "allow_stdin")] {
            let Err(Answer::Refused(text)) = questions.wait(asked(1), running.as_ref()) else {
                panic!("it is refused");
            };
            assert!(text.contains(reason), "{text}");
        }
        assert_eq!(questions.next(), None);
    }

    #[test]
    fn the_end_of_a_cell_ends_its_questions() {
        let mut questions = Questions::default();
        questions.wait(asked(1), Some(&request(true))).unwrap();
        questions.next();
        assert_eq!(questions.end(CellId(7)).len(), 1);
        assert_eq!(questions.answered("late"), None);
    }
}
