//! Below which cell an output appears.
//!
//! An output belongs to the cell whose process made it, also long after that cell ended: it is
//! published with that cell's request as its parent. Two things bend this rule:
//!
//! - An update of a display, and what is said on a comm, goes out under the running cell. Front ends find these by
//!   their ids, and batch clients drop everything that has another parent.
//! - A batch client (nbclient, and so nbconvert and papermill) looks at the running cell only; what
//!   others publish is lost to it. For such a client late output appears below the running cell,
//!   and between cells it waits for the next one. Batch clients are those that say
//!   `allow_stdin: false`, unless they claim late output with `{"crabtree": {"late_output": true}}`
//!   in the metadata of their requests. Nobody uses a widget there: what else shows its value is shown.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::comms;
use super::message::{Content, Header, Message};
use crate::eval::{CellId, Event, MimeBundle, StreamName};

/// What shows a widget where somebody can use it.
pub(crate) const WIDGET: &str = "application/vnd.jupyter.widget-view+json";

/// What appears below a cell that is not the running one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LateOutput {
    /// Its own late output.
    Shown,
    /// Nothing: the client does not look there.
    Lost,
}

impl LateOutput {
    /// What the sender of an execute request does with late output.
    pub(super) fn of(request: &Message, allow_stdin: bool) -> LateOutput {
        let claimed = request.metadata["crabtree"]["late_output"] == true;
        if allow_stdin || claimed {
            LateOutput::Shown
        } else {
            LateOutput::Lost
        }
    }
}

/// An execution whose output is to be shown.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The header of its execute request.
    pub(super) parent: Header,
    /// Its number.
    pub(super) execution_count: u32,
    /// Whether its value is to be kept quiet.
    pub(super) silent: bool,
}

/// Something to publish, with its parent.
pub(super) type Publication = (Header, Content);

/// All executions so far, and which one runs.
#[derive(Debug)]
pub(super) struct Routing {
    origins: HashMap<CellId, Origin>,
    /// Those that run, one in each shell, in the order in which they started.
    running: Vec<CellId>,
    late: LateOutput,
    held: Vec<Event>,
}

impl Routing {
    /// Before the first execution.
    pub(super) fn new() -> Routing {
        Routing {
            origins: HashMap::new(),
            running: Vec::new(),
            late: LateOutput::Shown,
            held: Vec::new(),
        }
    }

    /// A cell starts. Returns what was held for it.
    pub(super) fn begin(&mut self, cell: CellId, origin: Origin, late: LateOutput) -> Vec<Publication> {
        self.origins.insert(cell, origin);
        self.running.push(cell);
        self.late = late;
        std::mem::take(&mut self.held)
            .into_iter()
            .filter_map(|event| self.route(event))
            .collect()
    }

    /// A running cell goes on under another name: what comes under it belongs to the same request.
    pub(super) fn rename(&mut self, old: CellId, new: CellId) {
        if let Some(origin) = self.origins.get(&old).cloned() {
            self.origins.insert(new, origin);
        }
        for running in self.running.iter_mut().filter(|running| **running == old) {
            *running = new;
        }
    }

    /// A running cell has ended.
    pub(super) fn end(&mut self, cell: CellId) {
        self.running.retain(|running| *running != cell);
    }

    /// What is to be published for `event`, if anything and if now.
    pub(super) fn route(&mut self, event: Event) -> Option<Publication> {
        let cell = cell_of(&event)?;
        let late = !self.running.contains(&cell);
        if late && self.late == LateOutput::Lost {
            if matches!(event, Event::ClearOutput { .. }) {
                // It would clear another cell's outputs.
                return None;
            }
            if self.running.is_empty() {
                self.held.push(event);
                return None;
            }
        }
        // Front ends find these by their ids.
        let update = matches!(event, Event::Display { update: true, .. } | Event::Comm { .. });
        let shown_below = match self.running.last() {
            Some(running) if late && (update || self.late == LateOutput::Lost) => *running,
            _ => cell,
        };
        let origin = self.origins.get(&cell)?;
        let mut content = content(event, origin)?;
        if self.late == LateOutput::Lost
            && let Some(data) = content.value.get_mut("data").and_then(Value::as_object_mut)
            && data.len() > 1
        {
            data.remove(WIDGET);
        }
        Some((self.origins.get(&shown_below)?.parent.clone(), content))
    }
}

/// Joins neighbouring texts of one stream of one cell: one message instead of one per line.
pub(super) fn join_streams(events: impl IntoIterator<Item = Event>) -> Vec<Event> {
    let mut joined: Vec<Event> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (
                Some(Event::Stream {
                    cell: last_cell,
                    name: last_name,
                    text: last_text,
                }),
                Event::Stream { cell, name, text },
            ) if *last_cell == cell && *last_name == name => last_text.push_str(&text),
            (_, event) => joined.push(event),
        }
    }
    joined
}

/// The cell that an event belongs to. Questions are not published.
fn cell_of(event: &Event) -> Option<CellId> {
    match event {
        Event::Stream { cell, .. }
        | Event::Display { cell, .. }
        | Event::ClearOutput { cell, .. }
        | Event::Comm { cell, .. }
        | Event::Result { cell, .. } => Some(*cell),
        Event::Question { .. } | Event::Until(_) | Event::HostGone => None,
    }
}

/// Not `jupyter_protocol`'s types: those write an absent `transient` as null, and drop or refuse
/// mime types that they hold to a form.
fn content(event: Event, origin: &Origin) -> Option<Content> {
    Some(match event {
        Event::Stream { name, text, .. } => {
            let name = match name {
                StreamName::Stdout => "stdout",
                StreamName::Stderr => "stderr",
            };
            Content::new("stream", json!({"name": name, "text": text}))
        }
        Event::Display {
            data,
            metadata,
            display_id,
            update,
            ..
        } => {
            let msg_type = if update { "update_display_data" } else { "display_data" };
            Content::new(msg_type, display(data, metadata, display_id))
        }
        Event::ClearOutput { wait, .. } => Content::new("clear_output", json!({"wait": wait})),
        Event::Comm { comm, .. } => comms::message(comm),
        Event::Question { .. } | Event::Until(_) | Event::HostGone => return None,
        Event::Result { .. } if origin.silent => return None,
        Event::Result { data, .. } => {
            let execution_count = origin.execution_count;
            Content::new(
                "execute_result",
                json!({"execution_count": execution_count, "data": data, "metadata": {}}),
            )
        }
    })
}

fn display(data: MimeBundle, metadata: Map<String, Value>, display_id: Option<String>) -> Value {
    let transient = match display_id {
        Some(display_id) => json!({"display_id": display_id}),
        None => json!({}),
    };
    json!({"data": data, "metadata": metadata, "transient": transient})
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: CellId = CellId(1);
    const NEW: CellId = CellId(2);

    fn origin(execution_count: u32) -> Origin {
        let parent = Header::new("execute_request", "client");
        Origin {
            parent,
            execution_count,
            silent: false,
        }
    }

    fn stream(cell: CellId, text: &str) -> Event {
        Event::Stream {
            cell,
            name: StreamName::Stdout,
            text: text.to_owned(),
        }
    }

    fn display(cell: CellId, update: bool) -> Event {
        let display_id = Some("d".to_owned());
        Event::Display {
            cell,
            data: Map::new(),
            metadata: Map::new(),
            display_id,
            update,
        }
    }

    /// The cells below which each event appears, `old` having ended.
    fn parents(late: LateOutput, running: bool, events: Vec<Event>) -> Vec<&'static str> {
        let mut routing = Routing::new();
        let (old, new) = (origin(1), origin(2));
        routing.begin(OLD, old.clone(), late);
        routing.end(OLD);
        if running {
            routing.begin(NEW, new.clone(), late);
        }
        let name = |parent: Header| if parent == old.parent { "old" } else { "new" };
        events
            .into_iter()
            .map(|event| routing.route(event).map_or("nowhere", |(parent, _)| name(parent)))
            .collect()
    }

    #[test]
    fn output_appears_below_the_cell_that_made_it_also_when_that_ended() {
        let events = || vec![stream(OLD, "a"), display(OLD, false)];
        assert_eq!(parents(LateOutput::Shown, false, events()), ["old", "old"]);
        assert_eq!(parents(LateOutput::Shown, true, events()), ["old", "old"]);
    }

    #[test]
    fn an_update_appears_below_the_running_cell() {
        assert_eq!(parents(LateOutput::Shown, true, vec![display(OLD, true)]), ["new"]);
        assert_eq!(parents(LateOutput::Shown, false, vec![display(OLD, true)]), ["old"]);
    }

    #[test]
    fn for_a_batch_client_late_output_appears_below_the_running_cell() {
        let clear = Event::ClearOutput { cell: OLD, wait: false };
        let events = vec![stream(OLD, "a"), display(OLD, true), clear, stream(NEW, "b")];
        assert_eq!(
            parents(LateOutput::Lost, true, events),
            ["new", "new", "nowhere", "new"]
        );
    }

    #[test]
    fn for_a_batch_client_output_between_cells_waits_for_the_next_one() {
        let mut routing = Routing::new();
        routing.begin(OLD, origin(1), LateOutput::Lost);
        routing.end(OLD);
        assert!(routing.route(stream(OLD, "late")).is_none());
        let new = origin(2);
        let held = routing.begin(NEW, new.clone(), LateOutput::Lost);
        assert_eq!(
            held,
            [(
                new.parent,
                Content::new("stream", json!({"name": "stdout", "text": "late"}))
            )]
        );
    }

    #[test]
    fn a_batch_client_is_one_without_stdin_that_claims_nothing() {
        let mut request = Message::new("s", None, Content::new("execute_request", json!({})));
        assert_eq!(LateOutput::of(&request, false), LateOutput::Lost);
        assert_eq!(LateOutput::of(&request, true), LateOutput::Shown);
        request.metadata = json!({"crabtree": {"late_output": true}});
        assert_eq!(LateOutput::of(&request, false), LateOutput::Shown);
    }

    #[test]
    fn a_silent_cell_does_not_show_its_value() {
        let mut routing = Routing::new();
        routing.begin(
            OLD,
            Origin {
                silent: true,
                ..origin(0)
            },
            LateOutput::Shown,
        );
        assert!(
            routing
                .route(Event::Result {
                    cell: OLD,
                    data: Map::new()
                })
                .is_none()
        );
    }

    #[test]
    fn neighbouring_texts_of_one_stream_are_one_message() {
        let error = Event::Stream {
            cell: OLD,
            name: StreamName::Stderr,
            text: "e".to_owned(),
        };
        let events = vec![
            stream(OLD, "a"),
            stream(OLD, "b"),
            error.clone(),
            stream(OLD, "c"),
            stream(NEW, "d"),
        ];
        assert_eq!(
            join_streams(events),
            [stream(OLD, "ab"), error, stream(OLD, "c"), stream(NEW, "d")]
        );
    }

    #[test]
    fn a_display_names_its_id_in_transient_and_never_says_null() {
        let Event::Display { data, metadata, .. } = display(OLD, false) else {
            unreachable!()
        };
        assert_eq!(super::display(data, metadata, None)["transient"], json!({}));
        let mut routing = Routing::new();
        routing.begin(OLD, origin(1), LateOutput::Shown);
        let (_, content) = routing.route(display(OLD, true)).unwrap();
        assert_eq!(
            (content.msg_type.as_str(), &content.value["transient"]),
            ("update_display_data", &json!({"display_id": "d"}))
        );
    }
}
