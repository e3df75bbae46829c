//! Controls: the models of a widget, and the process that keeps them.
//!
//! A control consists of models, each behind a comm of its own, as ipywidgets has them: what it is, its layout, its
//! style, and those of the parts that it is put together from. The process owns the comms, follows what the front end
//! changes, and tells its subscribers. Whoever opens a page asks any of these processes for the models of all.
//!
//! What is generic about controls, the types of their events, is in closures; nothing here is.

mod model;
mod sketch;

use parking_lot::Mutex;
use serde_json::{Value, json};
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::comm::{Action, Event, Payload};
use super::{Bundle, children};
use crate::message::Message;
use crate::node::node;
use crate::pid::Pid;
use crate::process::call::call;
use crate::process::{self, Builder, Down, current};
use crate::{destination, io, receive};
pub(crate) use model::{Child, Model, Models, State};
pub(crate) use sketch::date as date_of;

/// Makes of the models, and of what has just happened, what is told.
pub(crate) type Reader<E> = Arc<dyn Fn(&Models, &Value) -> E + Send + Sync>;

/// What shows a control.
const VIEW: &str = "application/vnd.jupyter.widget-view+json";

/// What a front end asks for the models of all widgets.
const CONTROL: &str = "jupyter.widget.control";

/// When subscribers are told something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tells {
    /// When the last part is clicked.
    Clicks,
    /// When the first part has another value.
    Changes,
    /// What is typed into the first part.
    Keys,
    /// When something is done with a part: its number.
    Parts,
}

/// A control as it is to be.
#[derive(Clone, Debug)]
pub(crate) struct Design {
    pub(crate) model: Model,
    pub(crate) tells: Tells,
    /// What its process is called; without, what is written in it.
    pub(crate) title: Option<&'static str>,
}

/// A control, which begins when it is needed first. It belongs to the cell that made it, and to the process.
pub(crate) struct Widget {
    pub(crate) design: Design,
    leader: Pid,
    /// None in a cell: what the evaluator makes outlives it.
    maker: Option<Pid>,
    running: OnceLock<Running>,
}

struct Running {
    pid: Pid,
    models: Shared,
    /// The model that is to be shown; none where there is no front end.
    view: Option<String>,
}

type Shared = Arc<Mutex<Models>>;

/// The controls of the node.
pub(crate) type Table = Mutex<Vec<(Pid, Arc<Mutex<Models>>)>>;

impl Widget {
    pub(crate) fn new(design: Design) -> Widget {
        Widget {
            design,
            leader: current::group_leader(),
            maker: current::task(),
            running: OnceLock::new(),
        }
    }

    /// The same control with another design. It belongs to whom this one belongs to.
    pub(crate) fn redesigned(&self, change: impl FnOnce(&mut Design)) -> Widget {
        let mut design = self.design.clone();
        change(&mut design);
        Widget {
            design,
            leader: self.leader,
            maker: self.maker,
            running: OnceLock::new(),
        }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.running().pid
    }

    /// What a control is shown as: itself where somebody can use it, and a picture of it elsewhere.
    pub(crate) fn render(&self) -> Bundle {
        let drawn = sketch::draw(&self.running().models.lock());
        self.render_over(drawn)
    }

    /// The control, where somebody can use it, and `otherwise` elsewhere.
    pub(crate) fn render_over(&self, otherwise: Bundle) -> Bundle {
        let running = self.running();
        match &running.view {
            Some(view) if process::is_alive(running.pid) => {
                let view = json!({"version_major": 2, "version_minor": 0, "model_id": view});
                Bundle::new()
                    .with(VIEW, view.to_string())
                    .with("text/html", otherwise.get("text/html").unwrap_or_default())
                    .with("text/plain", otherwise.text())
            }
            _ => otherwise,
        }
    }

    /// Whether there is a front end that may show it.
    pub(crate) fn is_shown(&self) -> bool {
        self.running().view.is_some()
    }

    /// Changes the models, or looks at them.
    pub(crate) fn models<T>(&self, change: impl FnOnce(&mut Models) -> T) -> T {
        change(&mut self.running().models.lock())
    }

    /// Has `subscriber` called whenever something happens, until it says that it is gone.
    pub(crate) fn subscribe(&self, subscriber: impl FnMut(&Models, &Value) -> bool + Send + 'static) {
        destination::send(self.pid(), Subscribe(Box::new(subscriber)));
    }

    /// Reads the models after all that has been said so far.
    pub(crate) async fn read<T: Send + fmt::Debug + 'static>(&self, read: Reader<T>) -> T {
        let running = self.running();
        let reader = read.clone();
        let asked = call(running.pid, None, |origin| {
            Message::new(Look(Box::new(move |models| origin.reply(reader(models, &Value::Null)))))
        });
        let answer = asked.await.ok().and_then(|answer| answer.downcast().ok());
        // What has ended is as it was.
        answer.unwrap_or_else(|| read(&running.models.lock(), &Value::Null))
    }

    fn running(&self) -> &Running {
        self.running.get_or_init(|| self.begin())
    }

    fn begin(&self) -> Running {
        let (models, view) = Models::of(&self.design.model, self.leader);
        let models = Arc::new(Mutex::new(models));
        let mut keeper = Keeper {
            models: models.clone(),
            tells: self.design.tells,
            subscribers: Vec::new(),
        };
        let maker = self.maker;
        let title = self.design.title.map(str::to_owned);
        let title = title.unwrap_or_else(|| sketch::draw(&models.lock()).text().replace('\n', " "));
        let label = format!("control {title}");
        let begun = Builder::new()
            .label(label)
            .group_leader(self.leader)
            .spawn(async move { keeper.live(maker).await });
        let pid = begun.expect("a process without a name can be spawned");
        node().widgets.lock().push((pid, models.clone()));
        let is_shown = models.lock().open(pid) && take(self.leader, pid);
        if !process::is_alive(pid) {
            forget(&models);
        }
        Running {
            pid,
            models,
            view: is_shown.then_some(view),
        }
    }
}

/// The control that a bundle shows, if it shows one.
pub(crate) fn shown_in(bundle: &Bundle) -> Option<String> {
    let view: Value = serde_json::from_str(bundle.get(VIEW)?).ok()?;
    view["model_id"].as_str().map(str::to_owned)
}

/// Has a process answer those who ask for all models.
fn take(leader: Pid, owner: Pid) -> bool {
    let target = CONTROL.to_owned();
    io::comm(leader, Action::Take { target, owner }).is_ok()
}

/// The control has ended: the front end forgets its models, and another one answers for all.
fn forget(models: &Shared) {
    let mut table = node().widgets.lock();
    table.retain(|(_, other)| !Arc::ptr_eq(other, models));
    let leader = models.lock().leader;
    if let Some((next, _)) = table.last() {
        take(leader, *next);
    }
    drop(table);
    models.lock().close();
}

/// Told to a control: somebody wants to hear what happens.
struct Subscribe(Subscriber);

type Subscriber = Box<dyn FnMut(&Models, &Value) -> bool + Send>;

/// Told to a control: somebody wants to see its models.
struct Look(Box<dyn FnOnce(&Models) + Send>);

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscribe")
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// What the process of a control keeps.
struct Keeper {
    models: Shared,
    tells: Tells,
    subscribers: Vec<Subscribe>,
}

impl Keeper {
    async fn live(&mut self, maker: Option<Pid>) {
        let maker = maker.map(process::monitor);
        children::belong_to_cell().await;
        loop {
            receive! {
                Subscribe(subscriber) => self.subscribers.push(Subscribe(subscriber)),
                Look(look) => look(&self.models.lock()),
                Event::Message { comm, payload } => self.heard(&comm, payload),
                Event::Closed { comm, .. } => {
                    if self.models.lock().index_of(&comm).is_some() {
                        return;
                    }
                }
                Down { monitor, .. } if Some(monitor) == maker => return,
                // A mailbox that nobody reads would only grow.
                _ => (),
            }
        }
    }

    fn heard(&mut self, comm: &super::comm::Comm, payload: Payload) {
        let Ok(said) = serde_json::from_str::<Value>(&payload.data) else {
            return;
        };
        let index = self.models.lock().index_of(comm);
        // Whoever closes a comm at this moment hears no answer.
        match (said["method"].as_str(), index) {
            (Some("request_states"), None) => drop(comm.send(all_states())),
            (Some("request_state"), Some(index)) => {
                let state = self.models.lock().update_of(index);
                drop(comm.send(state));
            }
            (Some("update"), Some(index)) => {
                let old = self.models.lock().change(index, &said, payload.buffers);
                if let Some(old) = old {
                    self.changed(index, &old);
                }
            }
            (Some("custom"), Some(index)) => self.done(index, &said["content"]),
            _ => {}
        }
    }

    /// A model has another value.
    fn changed(&mut self, index: usize, old: &State) {
        let models = self.models.lock();
        let Some(part) = models.parts.iter().position(|part| *part == index) else {
            return;
        };
        let told = match self.tells {
            Tells::Parts => vec![json!(part)],
            _ if part > 0 => return,
            Tells::Clicks => Vec::new(),
            Tells::Changes => vec![Value::Null],
            Tells::Keys => keys(
                old.get("value").and_then(Value::as_str).unwrap_or_default(),
                models.value(0)["value"].as_str().unwrap_or_default(),
            ),
        };
        drop(models);
        self.tell(&told);
    }

    /// Somebody did something with a model that is no change of it.
    fn done(&mut self, index: usize, what: &Value) {
        let mut models = self.models.lock();
        let part = models.parts.iter().position(|part| *part == index);
        let told = match (self.tells, what["event"].as_str()) {
            (Tells::Parts, Some("click")) => json!(part),
            (Tells::Clicks, Some("click")) if models.parts.last() == Some(&index) => Value::Null,
            (Tells::Keys, Some("submit")) => {
                models.set(index, "value", json!(""));
                json!("Enter")
            }
            _ => return,
        };
        drop(models);
        self.tell(&[told]);
    }

    fn tell(&mut self, happened: &[Value]) {
        let models = self.models.lock();
        self.subscribers
            .retain_mut(|subscriber| happened.iter().all(|told| (subscriber.0)(&models, told)));
    }
}

/// However the process ends.
impl Drop for Keeper {
    fn drop(&mut self) {
        forget(&self.models);
    }
}

/// The models of all controls of the node.
fn all_states() -> Payload {
    let mut states = State::new();
    let (mut paths, mut buffers) = (Vec::new(), Vec::new());
    for (_, models) in node().widgets.lock().iter() {
        models.lock().add_to(&mut states, &mut paths, &mut buffers);
    }
    Payload {
        data: json!({"method": "update_states", "states": states, "buffer_paths": paths}).to_string(),
        metadata: String::new(),
        buffers,
    }
}

/// The keys by which `old` has become `new`: what was removed from its end, and then what was added there.
fn keys(old: &str, new: &str) -> Vec<Value> {
    let same = old.chars().zip(new.chars()).take_while(|(old, new)| old == new).count();
    let removed = old.chars().skip(same).map(|_| json!("Backspace"));
    let added = new.chars().skip(same).map(|key| json!(key.to_string()));
    removed.chain(added).collect()
}

#[cfg(test)]
mod tests {
    use super::keys;

    #[test]
    fn keys_are_what_makes_the_old_text_the_new_one() {
        assert_eq!(keys("", "ab"), ["a", "b"]);
        assert_eq!(keys("ab", "a"), ["Backspace"]);
        assert_eq!(keys("ab", "ax"), ["Backspace", "x"]);
        assert!(keys("ab", "ab").is_empty());
    }
}
