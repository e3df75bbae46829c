//! Controls, as a front end sees them and as processes do.

mod common;

use common::{check, end_of};
use crabtree::io::{Device, Stream};
use crabtree::kino::Render;
use crabtree::kino::comm::{Action, Comm, Event, Payload};
use crabtree::kino::control::{self, Click, Key};
use crabtree::kino::input::{self, Date};
use crabtree::kino::layout;
use crabtree::kino::process::{SortBy, observer, watch};
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

const VIEW: &str = "application/vnd.jupyter.widget-view+json";

fn view(bundle: &kino::Bundle) -> Option<String> {
    let view: Value = serde_json::from_str(bundle.get(VIEW)?).unwrap();
    Some(view["model_id"].as_str().unwrap().to_owned())
}

#[test]
fn controls_in_grids_and_tabs_work_and_elsewhere_are_pictures() {
    check(async {
        let page = Page::open();
        let button = control::button("Go");
        let text = kino::markdown("**beside**");
        let parts: [&dyn Render; 2] = [&button, &text];
        let grid = layout::grid(parts).columns(2).boxed();
        let tabs = layout::tabs([("Inner", grid.render()), ("Other", kino::text("plain").render())]);
        let bundle = tabs.render();
        let outer = page.model("TabModel");
        assert_eq!(view(&bundle).as_deref(), Some(outer.comm.id()));
        assert_eq!(outer.state["titles"], json!(["Inner", "Other"]));
        let inner = page.model("GridBoxModel");
        let is_child = |model: &Model, of: &Model| {
            let children = of.state["children"].as_array().unwrap();
            children.contains(&json!(format!("IPY_MODEL_{}", model.comm.id())))
        };
        assert!(is_child(&inner, &outer));
        // The first frame is around the button itself, and not around a picture of it.
        let frames: Vec<Model> = page.models();
        let of_button = frames
            .iter()
            .find(|model| is_vbox(model) && is_child(&page.model("ButtonModel"), model));
        assert!(is_child(of_button.unwrap(), &inner));
        let columns = frames
            .iter()
            .filter_map(|model| model.state["grid_template_columns"].as_str());
        assert_eq!(columns.collect::<Vec<_>>(), ["repeat(2, max-content)"]);
        assert!(
            page.model("HTMLModel").state["value"]
                .as_str()
                .unwrap()
                .contains("plain")
        );
        let html = bundle.get("text/html").unwrap();
        assert!(
            html.starts_with("<details open>") && html.contains("<img alt=\"[ Go ]\""),
            "{html}"
        );
        button.subscribe("go");
        page.model("ButtonModel").does("click");
        receive! { ("go", Click): (&str, Click) => () }
        let models = page.models().len();
        tabs.render();
        assert_eq!(page.models().len(), models, "shown twice, they are there once");
        assert_eq!(
            view(&layout::grid([text]).render()),
            None,
            "without controls it is as it was"
        );
    });
}

fn is_vbox(model: &Model) -> bool {
    model.state["_model_name"] == "VBoxModel"
}

/// The observer as a page shows it.
struct Table<'a> {
    page: &'a Page,
    live: kino::Live,
}

impl<'a> Table<'a> {
    fn of(page: &'a Page, processes: Vec<Pid>) -> Table<'a> {
        let shown = observer()
            .top(4)
            .sort_by(SortBy::Pid)
            .only(move |listed| processes.contains(&listed.pid));
        Table {
            page,
            live: watch(shown),
        }
    }

    /// What a model has become, with all that was said of it.
    fn now(&self, model: &Model) -> Value {
        let mut state = model.state.clone();
        for said in self.page.said(&model.comm) {
            state
                .as_object_mut()
                .unwrap()
                .extend(said["state"].as_object().unwrap().clone());
        }
        state
    }

    fn is_seen(&self, model: &Model) -> bool {
        let layout = model.state["layout"].as_str().unwrap().trim_start_matches("IPY_MODEL_");
        let models = self.page.models();
        let layout = models.iter().find(|model| model.comm.id() == layout).unwrap();
        self.now(layout)["display"].is_null()
    }

    /// What is written on the buttons that are seen.
    fn buttons(&self) -> Vec<String> {
        let models = self.page.models();
        let buttons = models
            .iter()
            .filter(|model| model.state["_model_name"] == "ButtonModel");
        let seen = buttons.filter(|model| self.is_seen(model));
        seen.map(|model| self.now(model)["description"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The markup that is seen.
    fn markup(&self) -> String {
        let models = self.page.models();
        let seen = models
            .iter()
            .filter(|model| model.state["_model_name"] == "HTMLModel" && self.is_seen(model));
        seen.map(|model| self.now(model)["value"].as_str().unwrap().to_owned())
            .collect()
    }

    async fn press(&self, button: &str) {
        let models = self.page.models();
        let mut buttons = models
            .iter()
            .filter(|model| model.state["_model_name"] == "ButtonModel");
        let found = buttons.find(|model| self.is_seen(model) && self.now(model)["description"] == button);
        found
            .unwrap_or_else(|| panic!("no {button}: {:?}", self.buttons()))
            .does("click");
        process::sleep(secs(2)).await;
    }
}

#[test]
fn a_watched_observer_shows_who_is_pressed_and_kills_on_request() {
    check(async {
        let page = Page::open();
        let server = agent::start(|| vec!["<kept>", "& shown"])
            .name("observed <server>")
            .await
            .unwrap();
        let reader = process::Builder::new()
            .label("reader")
            .spawn(process::sleep(secs(3600)))
            .unwrap();
        send(reader, "a letter");
        let table = Table::of(&page, vec![server.pid(), reader]);
        process::sleep(ms(10)).await;
        let pids = [server.pid().to_string(), reader.to_string()];
        assert_eq!(table.buttons(), pids);
        assert!(table.markup().contains("observed &lt;server&gt;"), "{}", table.markup());

        table.press(&pids[0]).await;
        let details = table.markup();
        for part in [
            "[&quot;&lt;kept&gt;&quot;, &quot;&amp; shown&quot;]",
            "agent::State",
            "backtrace",
            "gen_server",
        ] {
            assert!(details.contains(part), "{part} in {details}");
        }
        table.press(&pids[1]).await;
        let details = table.markup();
        for part in ["reader", "a letter", "backtrace", "waits"] {
            assert!(details.contains(part), "{part} in {details}");
        }
        let kill = format!("Kill {reader}");
        assert_eq!(table.buttons()[2..], [kill.clone(), "Close".to_owned()]);

        let watched = process::monitor(reader);
        table.press(&kill).await;
        receive! { Down { monitor, reason, .. } if monitor == watched => assert_eq!(reason, ExitReason::Killed) }
        assert!(table.markup().contains(&format!(
            "reader &lt;{}&gt; was killed.",
            pids[1].trim_matches(['<', '>'])
        )));
        assert_eq!(table.buttons(), pids[..1], "who is gone is gone from the table");

        table.live.stop();
        end_of(table.live.pid()).await;
        process::sleep(ms(10)).await;
        assert_eq!(page.closed().len(), page.models().len(), "nothing is left in the page");
        agent::stop(server).await.unwrap();
    });
}

#[test]
fn an_observer_says_what_replaced_a_process_and_spares_what_the_notebook_needs() {
    check(async {
        let page = Page::open();
        let named =
            ChildSpec::new("named", || async { Ok(spawn_link(std::future::pending::<()>())) }).name("observed child");
        let sup = Supervisor::new(Strategy::OneForOne)
            .child(named)
            .start_link()
            .await
            .unwrap();
        let child = process::whereis("observed child").unwrap();
        let table = Table::of(&page, vec![me(), child, process::group_leader()]);
        process::sleep(ms(10)).await;
        for (pid, why) in [
            (me(), "cells run in"),
            (process::group_leader(), "outputs go through it"),
        ] {
            table.press(&pid.to_string()).await;
            table.press(&format!("Kill {pid}")).await;
            let markup = table.markup();
            assert!(markup.contains("was not killed: ") && markup.contains(why), "{markup}");
            assert!(process::is_alive(pid));
        }
        table.press(&child.to_string()).await;
        table.press(&format!("Kill {child}")).await;
        let new = process::whereis("observed child").unwrap();
        assert_ne!(new, child);
        let says = format!(
            "observed child is &lt;{}&gt; now.",
            new.to_string().trim_matches(['<', '>'])
        );
        assert!(table.markup().contains(&says), "{}", table.markup());
        table.live.stop();
        supervisor::stop(sup).await.unwrap();
    });
}

#[test]
fn an_observer_is_sorted_by_its_reader_and_goes_on_where_nobody_knows_controls() {
    check(async {
        let page = Page::open();
        let (few, many) = (spawn(std::future::pending::<()>()), spawn(std::future::pending::<()>()));
        (0..3).for_each(|n| send(many, n));
        let table = Table::of(&page, vec![few, many]);
        process::sleep(ms(10)).await;
        assert_eq!(table.buttons(), [few.to_string(), many.to_string()]);
        page.model("DropdownModel").changes(json!({"index": 1}));
        process::sleep(ms(10)).await;
        assert_eq!(table.buttons(), [many.to_string(), few.to_string()]);
        assert!(table.markup().contains("messages ▼"));

        let comm = page.model("DropdownModel").comm;
        let closed = Event::Closed {
            comm,
            payload: Payload::default(),
        };
        send(page.model("DropdownModel").owner, closed);
        process::sleep(secs(3)).await;
        assert!(process::is_alive(table.live.pid()));
        table.live.stop();
    });
}
