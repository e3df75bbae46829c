//! Controls, as a front end sees them and as processes do.

mod common;

use common::{check, end_of};
use crabtree::io::{Device, Stream};
use crabtree::kino::Render;
use crabtree::kino::comm::{Action, Comm, Event, Payload};
use crabtree::kino::control::{self, Click, Key};
use crabtree::kino::input::{self, Date};
use crabtree::prelude::*;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// A front end that notes what it is told.
#[derive(Default)]
struct Page {
    told: Mutex<Vec<Action>>,
}

impl Device for Page {
    fn write(&self, _: Stream, _: &str) {}

    fn comm(&self, action: Action) -> std::io::Result<()> {
        self.told.lock().unwrap().push(action);
        Ok(())
    }
}

/// A model as the page knows it.
#[derive(Clone)]
struct Model {
    comm: Comm,
    state: Value,
    owner: Pid,
}

impl Page {
    fn open() -> Arc<Page> {
        let page = Arc::new(Page::default());
        process::set_group_leader(me(), io::device(page.clone()));
        page
    }

    fn models(&self) -> Vec<Model> {
        let told = self.told.lock().unwrap();
        let opened = told.iter().filter_map(|action| match action {
            Action::Open {
                comm,
                target,
                payload,
                owner,
            } => {
                assert_eq!(
                    (target.as_str(), payload.metadata.as_str()),
                    ("jupyter.widget", r#"{"version":"2.1.0"}"#)
                );
                let data: Value = serde_json::from_str(&payload.data).unwrap();
                Some(Model {
                    comm: comm.clone(),
                    state: data["state"].clone(),
                    owner: *owner,
                })
            }
            _ => None,
        });
        opened.collect()
    }

    /// The last model of that name.
    fn model(&self, name: &str) -> Model {
        let models = self.models();
        let found = models.iter().rfind(|model| model.state["_model_name"] == name);
        found.unwrap_or_else(|| panic!("no {name}")).clone()
    }

    /// What was said on a comm, in turn.
    fn said(&self, comm: &Comm) -> Vec<Value> {
        let told = self.told.lock().unwrap();
        let said = told.iter().filter_map(|action| match action {
            Action::Send(to, payload) if to == comm => Some(serde_json::from_str(&payload.data).unwrap()),
            _ => None,
        });
        said.collect()
    }

    fn closed(&self) -> Vec<Comm> {
        let told = self.told.lock().unwrap();
        let closed = told.iter().filter_map(|action| match action {
            Action::Close(comm, _) => Some(comm.clone()),
            _ => None,
        });
        closed.collect()
    }

    /// Who answers for all controls.
    fn answers_for_all(&self) -> Pid {
        let told = self.told.lock().unwrap();
        let taken = told.iter().rev().find_map(|action| match action {
            Action::Take { target, owner } => Some((target.clone(), *owner)),
            _ => None,
        });
        let (target, owner) = taken.expect("somebody does");
        assert_eq!(target, "jupyter.widget.control");
        owner
    }
}

impl Model {
    fn hears(&self, data: Value, buffers: Vec<Vec<u8>>) {
        let payload = Payload {
            data: data.to_string(),
            buffers,
            ..Payload::default()
        };
        let comm = self.comm.clone();
        send(self.owner, Event::Message { comm, payload });
    }

    fn changes(&self, state: Value) {
        self.hears(
            json!({"method": "update", "state": state, "buffer_paths": []}),
            Vec::new(),
        );
    }

    fn does(&self, event: &str) {
        self.hears(json!({"method": "custom", "content": {"event": event}}), Vec::new());
    }
}

#[test]
fn a_button_is_a_model_with_layout_and_style_and_tells_who_subscribed() {
    check(async {
        let page = Page::open();
        let button = control::button("Go <on>");
        let bundle = button.render();
        let model = page.model("ButtonModel");
        let view: Value =
            serde_json::from_str(bundle.get("application/vnd.jupyter.widget-view+json").unwrap()).unwrap();
        assert_eq!(view["model_id"], model.comm.id());
        assert_eq!(model.state["description"], "Go <on>");
        let ids: Vec<String> = page
            .models()
            .iter()
            .map(|model| format!("IPY_MODEL_{}", model.comm.id()))
            .collect();
        assert_eq!(
            (&model.state["style"], &model.state["layout"]),
            (&json!(ids[0]), &json!(ids[1]))
        );
        assert!(
            bundle.get("image/svg+xml").is_none(),
            "a widget hides pictures in its bundle"
        );

        button.subscribe("one");
        let mut stream = button.stream();
        model.does("click");
        receive! { ("one", Click): (&str, Click) => () }
        assert_eq!(stream.next().await, Some(Click));
        button.render();
        assert_eq!(page.models().len(), 3, "shown twice, it is there once");
    });
}

#[test]
fn inputs_are_read_after_all_that_was_said_and_tell_changes() {
    check(async {
        let page = Page::open();
        let name = input::text("Name").default("Ada");
        name.subscribe("name");
        assert_eq!(name.read().await, "Ada");
        let model = page.model("TextModel");
        model.changes(json!({"value": "Bob"}));
        assert_eq!(name.read().await, "Bob");
        receive! { ("name", new): (&str, String) => assert_eq!(new, "Bob") }
        model.changes(json!({"value": "Bob"}));
        model.changes(json!({"value": "Cy", "_model_name": "Other"}));
        receive! { ("name", new): (&str, String) => assert_eq!(new, "Cy", "what is the same is not told") }
        assert_eq!(name.render().text(), "Name: Cy");
    });
}

#[test]
fn each_input_has_values_of_its_type() {
    check(async {
        let page = Page::open();
        macro_rules! becomes {
            ($input:expr, $model:literal, $first:expr, $state:tt, $then:expr) => {
                let input = $input;
                assert_eq!(input.read().await, $first, $model);
                page.model($model).changes(json!($state));
                assert_eq!(input.read().await, $then, $model);
            };
        }
        becomes!(input::textarea("T"), "TextareaModel", "", {"value": "a\nb"}, "a\nb");
        becomes!(input::number("N"), "FloatTextModel", 0.0, {"value": 2.5}, 2.5);
        becomes!(input::range("R", 1.0..=9.0).default(3.0), "FloatSliderModel", 3.0, {"value": 4}, 4.0);
        becomes!(input::select("S", [(1, "one"), (2, "two")]).default(2), "DropdownModel", 2, {"index": 0}, 1);
        becomes!(input::checkbox("C"), "CheckboxModel", false, {"value": true}, true);
        let day = Date {
            year: 2024,
            month: 2,
            day: 29,
        };
        becomes!(input::date("D"), "DatePickerModel", None, {"value": {"year": 2024, "month": 1, "date": 29}}, Some(day));
        assert_eq!(day.to_string(), "2024-02-29");
        becomes!(input::color("K"), "ColorPickerModel", "#000000", {"value": "red"}, "red");
        assert_eq!(input::date("D").default(day).read().await, Some(day));
    });
}

#[test]
fn a_file_arrives_with_its_bytes() {
    check(async {
        let page = Page::open();
        let input = input::file("Data", ".csv");
        assert_eq!(input.read().await, None);
        let model = page.model("FileUploadModel");
        let state = json!({"value": [{"name": "a.csv", "type": "text/csv", "size": 3, "content": null}]});
        let update = json!({"method": "update", "state": state, "buffer_paths": [["value", 0, "content"]]});
        model.hears(update, vec![vec![0, 255, 7]]);
        let file = input.read().await.unwrap();
        assert_eq!(
            (&*file.name, &*file.media_type, &*file.bytes),
            ("a.csv", "text/csv", &[0, 255, 7][..])
        );
        assert_eq!(input.render().text(), "Data: a.csv");
    });
}

#[test]
fn a_form_tells_all_values_when_it_is_sent() {
    check(async {
        let page = Page::open();
        let form = control::form((input::text("Name"), input::checkbox("Subscribe")), "Send");
        form.subscribe("form");
        let children = page.model("VBoxModel").state["children"].as_array().unwrap().len();
        assert_eq!(children, 3);
        page.model("TextModel").changes(json!({"value": "Ada"}));
        page.model("CheckboxModel").changes(json!({"value": true}));
        page.model("ButtonModel").does("click");
        type Values = (String, bool);
        receive! { ("form", values): (&str, Values) => assert_eq!(values, ("Ada".to_owned(), true)) }
    });
}

#[test]
fn a_keyboard_tells_letters_backspace_and_enter() {
    check(async {
        let page = Page::open();
        let keyboard = control::keyboard();
        let mut keys = keyboard.stream();
        let model = page.model("TextModel");
        model.changes(json!({"value": "ab"}));
        model.changes(json!({"value": "a"}));
        model.does("submit");
        for key in ["a", "b", "Backspace", "Enter"] {
            assert_eq!(keys.next().await, Some(Key(key.to_owned())));
        }
        assert_eq!(page.said(&model.comm)[0]["state"], json!({"value": ""}));
    });
}

#[test]
fn a_page_that_is_loaded_again_learns_of_all_models_as_they_are() {
    check(async {
        let page = Page::open();
        let (name, button) = (input::text("Name"), control::button("Go"));
        name.render();
        button.render();
        let model = page.model("TextModel");
        model.changes(json!({"value": "Ada"}));
        name.read().await;

        let asked = Model {
            comm: Comm::from_parts("control", process::group_leader()),
            state: Value::Null,
            owner: page.answers_for_all(),
        };
        asked.hears(json!({"method": "request_states"}), Vec::new());
        model.hears(json!({"method": "request_state"}), Vec::new());
        name.read().await;
        while page.said(&asked.comm).is_empty() {
            process::sleep(ms(1)).await;
        }
        let all = page.said(&asked.comm).remove(0);
        assert_eq!(all["method"], "update_states");
        let state = &all["states"][model.comm.id()];
        assert_eq!(
            (&state["model_name"], &state["state"]["value"]),
            (&json!("TextModel"), &json!("Ada"))
        );
        assert_eq!(page.said(&model.comm)[0]["state"]["value"], "Ada");
    });
}

#[test]
fn a_control_that_ends_leaves_nothing_in_the_page() {
    check(async {
        let page = Page::open();
        let (first, second) = (control::button("A"), control::button("B"));
        let mut stream = second.stream();
        first.render();
        second.render();
        process::exit(second.pid(), ExitReason::Kill);
        end_of(second.pid()).await;
        let closed = page.closed();
        assert_eq!(closed.len(), 3);
        assert!(
            page.models()[..6]
                .iter()
                .filter(|model| closed.contains(&model.comm))
                .all(|model| model.owner == second.pid())
        );
        assert_eq!(stream.next().await, None);
        assert_ne!(page.answers_for_all(), second.pid(), "somebody else answers for all");
        assert!(
            second
                .render()
                .get("application/vnd.jupyter.widget-view+json")
                .is_none()
        );
    });
}

#[test]
fn a_control_ends_with_the_process_that_made_it() {
    check(async {
        let page = Page::open();
        let parent = me();
        let maker = spawn(async move {
            send(parent, control::button("A").pid());
            receive! { "end" => () }
        });
        let control = receive! { control: Pid => control };
        let watched = process::monitor(control);
        send(maker, "end");
        receive! { Down { monitor, .. } if monitor == watched => () }
        assert_eq!(page.closed().len(), 3);
    });
}

#[test]
fn without_a_front_end_a_control_is_a_picture() {
    check(async {
        let form = control::form(
            (input::text("<script>").default("&"), input::checkbox("B").default(true)),
            "Send",
        );
        let bundle = form.render();
        assert_eq!(bundle.text(), "<script>: &\n[x] B\n[ Send ]");
        let svg = roxmltree::Document::parse(bundle.get("image/svg+xml").unwrap()).unwrap();
        let texts: Vec<_> = svg
            .descendants()
            .filter(|node| node.has_tag_name("text"))
            .map(|node| node.text().unwrap())
            .collect();
        assert_eq!(texts, ["<script>", "&", "✓", "B", "Send"]);
        assert!(bundle.get("text/html").unwrap().starts_with("<img alt="));
    });
}
