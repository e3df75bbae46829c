//! What stands for a process, as the last value of a cell.

use crate::agent::Agent;
use crate::kino::{Bundle, Render};
use crate::message::Term;
use crate::pid::Pid;
use crate::process;
use crate::task::Task;
use crate::type_name::short_type_name;

/// A task shows its process, what it computes and how far it is; its result only an await takes.
impl<T> Render for Task<T> {
    fn render(&self) -> Bundle {
        let output = short_type_name::<T>();
        let text = match self.pid() {
            Some(pid) if process::is_alive(pid) => {
                format!("Task {pid} is at work; `.await?` waits for its value: {output}")
            }
            Some(pid) => format!("Task {pid} has ended; `.await?` gives its value: {output}"),
            None => format!("Task completed from the start; `.await?` gives its value: {output}"),
        };
        Bundle::new().with("text/plain", text)
    }
}

/// An agent shows its process, its name and the type of its state.
impl<S: Term> Render for Agent<S> {
    fn render(&self) -> Bundle {
        let pid = Pid::from(self);
        let state = short_type_name::<S>();
        let text = match process::info(pid) {
            Some(info) => {
                let name = info.registered_name.or(info.label);
                let name = name.map(|name| format!(" {name}")).unwrap_or_default();
                format!("Agent{name} {pid} keeps a value of type {state}; `agent::get(…)` shows it")
            }
            None => format!("Agent {pid} has ended; it kept a value of type {state}"),
        };
        Bundle::new().with("text/plain", text)
    }
}

#[cfg(test)]
mod tests {
    use crate::kino::Render;
    use crate::prelude::*;

    #[test]
    fn tasks_and_agents_say_what_they_are_and_how_to_go_on() {
        crate::run(async {
            let task = task::async_(async {
                receive! { n: i32 => n }
            });
            let pid = task.pid().unwrap();
            assert_eq!(
                task.render().text(),
                format!("Task {pid} is at work; `.await?` waits for its value: i32")
            );
            let agent = agent::start_link(|| vec![7]).name("shown agent").await.unwrap();
            assert_eq!(
                agent.render().text(),
                format!("Agent shown agent {agent} keeps a value of type Vec<i32>; `agent::get(…)` shows it")
            );
            agent::stop(agent).await.unwrap();
            assert!(agent.render().text().contains("has ended"));
        });
    }

    #[test]
    fn children_of_a_cell_outlive_the_process_that_started_them() {
        crate::run(async {
            let parent = me();
            let (starter, _) = spawn_monitor(async move {
                let spec = |id| agent::child_spec(id, || 7);
                let first = kino::start_child(spec("first")).await.unwrap();
                let second = kino::start_child(spec("second")).await.unwrap();
                send(parent, [first, second]);
            });
            let children: [Pid; 2] = receive! { children: [Pid; 2] => children };
            receive! { Down { pid, .. } if pid == starter => () }
            assert!(children.iter().all(|child| process::is_alive(*child)));
            let again = kino::start_child(ChildSpec::new("refused", || async {
                Err::<Pid, _>(ExitReason::from("no"))
            }));
            assert!(again.await.is_err());
        });
    }
}
