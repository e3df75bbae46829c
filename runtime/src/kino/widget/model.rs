//! The models of a control, in the words of ipywidgets 8.

use serde_json::{Map, Value, json};

use crate::io;
use crate::kino::comm::{Action, Comm, Payload};
use crate::kino::display::new_id;
use crate::pid::Pid;

/// The attributes of a model.
pub(crate) type State = Map<String, Value>;

const TARGET: &str = "jupyter.widget";
const PROTOCOL: &str = r#"{"version":"2.1.0"}"#;
const BASE: &str = "@jupyter-widgets/base";
const CONTROLS: &str = "@jupyter-widgets/controls";
const VERSION: &str = "2.0.0";

/// What is to be seen: a model without what all models have.
#[derive(Clone, Debug)]
pub struct Model {
    /// `Text` is for `TextModel` and `TextView`.
    pub(crate) kind: &'static str,
    pub(crate) style: &'static str,
    pub(crate) state: State,
    /// What is said of its layout.
    pub(crate) layout: State,
    /// What it is put together from. It has no value of its own then.
    pub(crate) children: Vec<Child>,
}

/// A part of a model.
#[derive(Clone, Debug)]
pub(crate) enum Child {
    /// One that belongs to it.
    Own(Model),
    /// A control of its own, by the name of what it shows.
    Other(String),
}

impl Model {
    pub(crate) fn new(kind: &'static str, style: &'static str, state: Value) -> Model {
        Model {
            kind,
            style,
            state: object(state),
            layout: State::new(),
            children: Vec::new(),
        }
    }

    /// Others beside or below one another, as `kind` says.
    pub(crate) fn of(kind: &'static str, children: Vec<Child>) -> Model {
        Model {
            children,
            ..Model::new(kind, "", json!({"box_style": ""}))
        }
    }

    /// Markup.
    pub(crate) fn html(value: &str) -> Model {
        Model::new(
            "HTML",
            "HTMLStyle",
            json!({"value": value, "description": "", "placeholder": ""}),
        )
    }

    pub(crate) fn with_layout(mut self, layout: Value) -> Model {
        self.layout = object(layout);
        self
    }
}

/// All models of one control; those that others mention come first.
pub struct Models {
    pub(super) leader: Pid,
    all: Vec<Kept>,
    /// Which of them are seen and have values.
    pub(super) parts: Vec<usize>,
}

struct Kept {
    comm: Comm,
    kind: &'static str,
    state: State,
    /// What the state has `null` for, by the way to it.
    buffers: Vec<(Vec<Value>, Vec<u8>)>,
}

impl Models {
    /// Those of a control that is shown through `leader`, and the name of the one to show.
    pub(super) fn of(model: &Model, leader: Pid) -> (Models, String) {
        let mut models = Models {
            leader,
            all: Vec::new(),
            parts: Vec::new(),
        };
        let view = models.add(model);
        (models, view)
    }

    fn add(&mut self, model: &Model) -> String {
        let mut state = model.state.clone();
        if model.children.is_empty() {
            let style = json!({"description_width": "initial"});
            let style = self.keep(model.style, names(CONTROLS, model.style, (BASE, "Style")), style);
            state.insert("style".into(), reference(&style));
        } else {
            let children = model.children.iter().map(|child| match child {
                Child::Own(model) => reference(&self.add(model)),
                Child::Other(view) => reference(view),
            });
            let children: Vec<Value> = children.collect();
            state.insert("children".into(), children.into());
        }
        let layout = Value::Object(model.layout.clone());
        let layout = self.keep("Layout", names(BASE, "Layout", (BASE, "Layout")), layout);
        state.insert("layout".into(), reference(&layout));
        state.insert("_dom_classes".into(), json!([]));
        if model.children.is_empty() {
            self.parts.push(self.all.len());
        }
        let names = names(CONTROLS, model.kind, (CONTROLS, model.kind));
        self.keep(model.kind, names, Value::Object(state))
    }

    fn keep(&mut self, kind: &'static str, mut names: State, state: Value) -> String {
        if let Value::Object(state) = state {
            names.extend(state);
        }
        let id = new_id();
        self.all.push(Kept {
            comm: Comm::from_parts(id.as_str(), self.leader),
            kind,
            state: names,
            buffers: Vec::new(),
        });
        id
    }

    /// Tells the front end of all models; whether there is one.
    pub(super) fn open(&self, owner: Pid) -> bool {
        self.all.iter().all(|model| {
            let payload = Payload {
                data: json!({"state": model.state, "buffer_paths": []}).to_string(),
                metadata: PROTOCOL.to_owned(),
                buffers: Vec::new(),
            };
            let open = Action::Open {
                comm: model.comm.clone(),
                target: TARGET.to_owned(),
                payload,
                owner,
            };
            io::comm(self.leader, open).is_ok()
        })
    }

    /// Has the front end forget all models.
    pub(super) fn close(&self) {
        for model in self.all.iter().rev() {
            // A front end that is gone has forgotten them.
            let _ = model.comm.close();
        }
    }

    /// Which model is behind a comm.
    pub(super) fn index_of(&self, comm: &Comm) -> Option<usize> {
        self.all.iter().position(|model| model.comm.id() == comm.id())
    }

    /// What the part of that number is.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'static str, &State)> {
        let parts = self.parts.iter().map(|&index| &self.all[index]);
        parts.map(|model| (model.kind, &model.state))
    }

    /// The attributes of the part of that number.
    pub(crate) fn value(&self, part: usize) -> &State {
        &self.all[self.parts[part]].state
    }

    /// The bytes that belong to an attribute of a part.
    pub(crate) fn bytes(&self, part: usize) -> Option<&[u8]> {
        let (_, bytes) = self.all[self.parts[part]].buffers.first()?;
        Some(bytes)
    }

    /// Takes what the front end has changed. What was there before, if it was anything else.
    pub(super) fn change(&mut self, index: usize, said: &Value, mut buffers: Vec<Vec<u8>>) -> Option<State> {
        let model = &mut self.all[index];
        let new = said["state"].as_object()?;
        let old = model.state.clone();
        for (attribute, value) in new {
            // What a model is does not change.
            if !attribute.starts_with('_') && model.state.contains_key(attribute) {
                model.state.insert(attribute.clone(), value.clone());
                model
                    .buffers
                    .retain(|(path, _)| path.first() != Some(&Value::String(attribute.clone())));
            }
        }
        let paths = said["buffer_paths"].as_array().cloned().unwrap_or_default();
        let has_bytes = !paths.is_empty();
        for (path, bytes) in paths.into_iter().zip(buffers.drain(..)) {
            if let Value::Array(path) = path {
                model.buffers.push((path, bytes));
            }
        }
        (has_bytes || model.state != old).then_some(old)
    }

    /// Gives an attribute of a part another value, and shows it.
    pub(crate) fn set_part(&mut self, part: usize, attribute: &str, value: impl Into<Value>) {
        self.set(self.parts[part], attribute, value.into());
    }

    /// Has a part seen or not.
    pub(crate) fn show_part(&mut self, part: usize, is_seen: bool) {
        let display = if is_seen { Value::Null } else { "none".into() };
        // A model comes right after its layout.
        self.set(self.parts[part] - 1, "display", display);
    }

    /// Gives a model another value, and shows it.
    pub(super) fn set(&mut self, index: usize, attribute: &str, value: Value) {
        let model = &mut self.all[index];
        if model.state.get(attribute) == Some(&value) {
            return;
        }
        let mut state = State::new();
        state.insert(attribute.to_owned(), value.clone());
        model.state.insert(attribute.to_owned(), value);
        let update = json!({"method": "update", "state": state, "buffer_paths": []});
        // Who is gone does not see it.
        let _ = model.comm.send(update.to_string());
    }

    /// All of a model, for one who knows nothing of it.
    pub(super) fn update_of(&self, index: usize) -> Payload {
        let Kept { state, buffers, .. } = &self.all[index];
        let paths: Vec<&Vec<Value>> = buffers.iter().map(|(path, _)| path).collect();
        Payload {
            data: json!({"method": "update", "state": state, "buffer_paths": paths}).to_string(),
            metadata: String::new(),
            buffers: buffers.iter().map(|(_, bytes)| bytes.clone()).collect(),
        }
    }

    /// Adds all models to those of others.
    pub(super) fn add_to(&self, states: &mut State, paths: &mut Vec<Value>, bytes: &mut Vec<Vec<u8>>) {
        for Kept {
            comm, state, buffers, ..
        } in &self.all
        {
            let shown = json!({
                "model_name": state["_model_name"], "model_module": state["_model_module"],
                "model_module_version": state["_model_module_version"], "state": state,
            });
            states.insert(comm.id().to_owned(), shown);
            for (path, buffer) in buffers {
                let path: Vec<Value> = std::iter::once(json!(comm.id())).chain(path.iter().cloned()).collect();
                paths.push(path.into());
                bytes.push(buffer.clone());
            }
        }
    }
}

/// Attributes and their values.
fn object(attributes: Value) -> State {
    match attributes {
        Value::Object(attributes) => attributes,
        other => unreachable!("{other} is no object"),
    }
}

/// Who makes a model and its view in the front end.
fn names(module: &str, kind: &str, (view_module, view): (&str, &str)) -> State {
    object(json!({
        "_model_module": module, "_model_module_version": VERSION, "_model_name": format!("{kind}Model"),
        "_view_module": view_module, "_view_module_version": VERSION, "_view_name": format!("{view}View"),
        "_view_count": null,
    }))
}

/// How models mention one another.
fn reference(id: &str) -> Value {
    Value::String(format!("IPY_MODEL_{id}"))
}
