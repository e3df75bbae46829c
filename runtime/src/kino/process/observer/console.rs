//! The observer while it is watched: a table with buttons.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use super::details::{self, name_of};
use super::{Observer, SortBy};
use crate::kino::control::button_model;
use crate::kino::thinned::Thinned;
use crate::kino::widget::{Child, Design, Model, Models, Tells, Widget};
use crate::kino::xml::push_escaped;
use crate::kino::{Live, Render, children, compose, live};
use crate::process::{self, Attached, Down};
use crate::reason::ExitReason;
use crate::{Pid, receive};

/// Shows the table, and shows it anew, until its process ends.
pub(in crate::kino::process) fn watch(observer: Observer) -> Live {
    let output = Thinned::unsettled();
    let mut console = Console::new(observer);
    console.fill();
    output.show(console.widget.render_over(console.observer.render()));
    let pressed = console.pressed();
    live::begin("observer", console.live(pressed, output))
}

/// The parts of the control, by their numbers.
const SORT: usize = 0;
const NOTE: usize = 1;
/// What stands above the buttons.
const HEAD: usize = 2;
const FIRST: usize = 3;

/// What is written on it when it is looked at from outside, and so on.
const ORDERS: [(&str, SortBy); 5] = [
    ("reductions", SortBy::Reductions),
    ("messages", SortBy::Messages),
    ("memory", SortBy::Memory),
    ("name or label", SortBy::Name),
    ("pid", SortBy::Pid),
];

struct Console {
    observer: Observer,
    widget: Widget,
    /// How many rows there can be.
    rows: usize,
    /// Who is in each row.
    shown: Vec<Pid>,
    /// Who is looked at closely.
    inspected: Option<Pid>,
}

impl Console {
    fn new(observer: Observer) -> Console {
        let rows = observer.top;
        let orders = ORDERS.map(|(title, _)| title);
        let order = ORDERS.iter().position(|(_, order)| *order == observer.sort_by);
        let sort = Model::new(
            "Dropdown",
            "DescriptionStyle",
            json!({"_options_labels": orders, "index": order, "description": "sorted by", "disabled": false}),
        );
        let own = |models: Vec<Model>| models.into_iter().map(Child::Own).collect();
        let hidden = |model: Model| model.with_layout(json!({"display": "none"}));
        let mut pids = vec![Model::html("<b>pid</b>")];
        let button = || button_model(String::new()).with_layout(json!({"width": "96px", "display": "none"}));
        pids.extend((0..rows).map(|_| button()));
        // However wide the table is, the buttons stay.
        let pids = Model::of("VBox", own(pids)).with_layout(json!({"flex": "0 0 100px"}));
        let wide = Model::html("").with_layout(json!({"min_width": "0", "overflow": "auto"}));
        let table = Model::of("HBox", own(vec![pids, wide]));
        let more = own(vec![
            hidden(button_model(String::new())),
            hidden(button_model("Close".into())),
        ]);
        let model = Model::of(
            "VBox",
            own(vec![
                Model::of("HBox", own(vec![sort, Model::html("")])),
                table,
                Model::of("HBox", more),
                hidden(Model::html("")),
            ]),
        );
        Console {
            observer,
            widget: Widget::new(Design {
                model,
                tells: Tells::Parts,
                title: Some("observer"),
            }),
            rows,
            shown: Vec::new(),
            inspected: None,
        }
    }

    fn table(&self) -> usize {
        FIRST + self.rows
    }

    fn kill_button(&self) -> usize {
        self.table() + 1
    }

    fn close_button(&self) -> usize {
        self.table() + 2
    }

    fn details(&self) -> usize {
        self.table() + 3
    }

    /// What readers do, by the number of the part that they do it with.
    fn pressed(&self) -> UnboundedReceiver<usize> {
        let (sender, receiver) = unbounded_channel();
        self.widget.subscribe(move |_, part: &Value| {
            let part = part.as_u64().and_then(|part| usize::try_from(part).ok());
            part.is_none_or(|part| sender.send(part).is_ok())
        });
        receiver
    }

    async fn live(mut self, mut pressed: UnboundedReceiver<usize>, output: Thinned) {
        let _ends_too = EndsToo(self.widget.pid());
        let mut has_control = self.widget.is_shown();
        let mut next = Instant::now() + self.observer.period();
        loop {
            let rest = next.saturating_duration_since(Instant::now());
            tokio::select! {
                part = pressed.recv(), if has_control => match part {
                    Some(part) => self.does(part).await,
                    // Nobody knows controls there, or somebody has ended it: the table goes on without.
                    None => has_control = false,
                },
                () = process::sleep(rest) => {
                    next = Instant::now() + self.observer.period();
                    self.observer.look();
                }
            }
            if has_control {
                self.fill();
            } else {
                output.show(self.observer.render());
            }
        }
    }

    /// Writes the table as it is now.
    fn fill(&mut self) {
        let rows = self.observer.rows();
        self.shown = rows.iter().map(|row| row.listed.pid).collect();
        let html = table(&self.observer.head(), rows.iter().map(|row| row.cells()));
        let mut note = String::new();
        push_escaped(&mut note, &self.observer.note(rows.len()));
        let note = format!(r#"<span style="white-space: nowrap">&emsp;{note}</span>"#);
        self.widget.models(|models| {
            models.set_part(NOTE, "value", note);
            models.set_part(HEAD, "value", pid_head(self.observer.sort_by));
            for row in 0..self.rows {
                let pid = self.shown.get(row);
                if let Some(pid) = pid {
                    models.set_part(FIRST + row, "description", pid.to_string());
                }
                models.show_part(FIRST + row, pid.is_some());
            }
            models.set_part(self.table(), "value", html);
        });
    }

    async fn does(&mut self, part: usize) {
        if part == SORT {
            let order = self.widget.models(|models| models.value(SORT)["index"].as_u64());
            let order = order.and_then(|order| ORDERS.get(usize::try_from(order).ok()?));
            if let Some((_, order)) = order {
                self.observer.sort_again(*order);
            }
        } else if let Some(pid) = part.checked_sub(FIRST).and_then(|row| self.shown.get(row)) {
            self.inspect(*pid).await;
        } else if part == self.close_button() {
            self.close("");
        } else if part == self.kill_button()
            && let Some(pid) = self.inspected
        {
            let said = self.kill(pid).await;
            self.close(&said);
            self.observer.look();
        }
    }

    async fn inspect(&mut self, pid: Pid) {
        let Some(details) = details::of(pid).await else {
            return self.close(&format!("{pid} has ended."));
        };
        self.inspected = Some(pid);
        let kill = format!("Kill {pid}");
        self.lower(|models, [button, close, place]| {
            models.set_part(button, "description", kill);
            models.set_part(place, "value", details);
            for part in [button, close, place] {
                models.show_part(part, true);
            }
        });
    }

    /// Nobody is looked at closely any more; something may be said about it.
    fn close(&mut self, said: &str) {
        self.inspected = None;
        let markup = compose::escaped(said);
        self.lower(|models, [button, close, place]| {
            models.set_part(place, "value", markup);
            models.show_part(button, false);
            models.show_part(close, false);
            models.show_part(place, !said.is_empty());
        });
    }

    fn lower(&self, change: impl FnOnce(&mut Models, [usize; 3])) {
        let parts = [self.kill_button(), self.close_button(), self.details()];
        self.widget.models(|models| change(models, parts));
    }

    /// Kills a process, and says what came of it.
    async fn kill(&self, pid: Pid) -> String {
        if let Some(why) = self.spared(pid) {
            return format!("{pid} was not killed: {why}.");
        }
        let name = process::info(pid).and_then(|info| info.registered_name);
        let called = name_of(pid);
        let watched = process::monitor(pid);
        process::exit(pid, ExitReason::Kill);
        receive! {
            Down { monitor, reason, .. } if monitor == watched && reason == ExitReason::NoProc => {
                return format!("{called} had ended before.");
            }
            Down { monitor, .. } if monitor == watched => {}
            after PATIENCE => {
                process::demonitor(watched);
                return format!("{called} was told to end, and will when it next awaits.");
            }
        }
        // Whoever starts it again does so at once.
        process::sleep(RESTART).await;
        match name.and_then(|name| Some((process::whereis(name.clone())?, name))) {
            Some((new, name)) => format!("{called} was killed. {name} is {new} now."),
            None => format!("{called} was killed."),
        }
    }

    /// Why a process is not killed here, if it is one that the notebook itself needs.
    fn spared(&self, pid: Pid) -> Option<&'static str> {
        let info = process::info(pid)?;
        if pid == process::me() || pid == self.widget.pid() {
            Some("it shows this table. Stop it with Live::stop, or run its cell again")
        } else if info.initial_call == std::any::type_name::<Attached>() {
            Some("it is the process that cells run in")
        } else if crate::io::is_device(pid) {
            Some("outputs go through it")
        } else if children::is_keeper(pid) {
            Some("it keeps what belongs to a cell. Run that cell again to end all of it")
        } else {
            None
        }
    }
}

/// So long is waited for the end of a process.
const PATIENCE: Duration = Duration::from_millis(500);

/// So long is waited for one that takes its place.
const RESTART: Duration = Duration::from_millis(20);

/// Ends the control with whoever keeps it.
struct EndsToo(Pid);

impl Drop for EndsToo {
    fn drop(&mut self) {
        process::exit(self.0, ExitReason::Shutdown);
    }
}

/// The head of the column of buttons.
fn pid_head(sort_by: SortBy) -> &'static str {
    match sort_by {
        SortBy::Pid => "<b>pid ▲</b>",
        _ => "<b>pid</b>",
    }
}

/// All columns but the first one, which is that of the buttons. Each line is as high as a button.
fn table<const COLUMNS: usize>(head: &[&str; COLUMNS], rows: impl Iterator<Item = [String; COLUMNS]>) -> String {
    let mut html = String::from(r#"<table style="border-collapse: collapse; white-space: nowrap">"#);
    push_line(&mut html, "th", head.iter().copied());
    for row in rows {
        push_line(&mut html, "td", row.iter().map(String::as_str));
    }
    html.push_str("</table>");
    html
}

fn push_line<'a>(html: &mut String, tag: &str, cells: impl Iterator<Item = &'a str>) {
    html.push_str(r#"<tr style="height: 32px">"#);
    for (column, cell) in cells.enumerate().skip(1) {
        let align = if super::NUMBERS.contains(&column) {
            "right"
        } else {
            "left"
        };
        html.push_str(&format!(r#"<{tag} style="padding: 0 10px; text-align: {align}">"#));
        push_escaped(html, cell);
        html.push_str(&format!("</{tag}>"));
    }
    html.push_str("</tr>");
}
