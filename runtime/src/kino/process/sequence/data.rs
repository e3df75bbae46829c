//! The sequence as data.

use std::time::Duration;

use crate::kino::json::Json;
use crate::trace::{Event, Fate, Handling, Lane, Trace};

/// `left_out` says how many events of relations are not in the trace.
pub(super) fn json(trace: &Trace, left_out: usize, caption: Option<&str>) -> Json {
    Json::Object(vec![
        ("kind", "sequence".into()),
        ("caption", Json::or_null(caption)),
        ("elapsed_ns", nanoseconds(trace.elapsed)),
        ("lanes", Json::list(trace.lanes.iter().map(lane))),
        ("events", Json::list(trace.events.iter().map(event))),
        (
            "cut",
            Json::Object(vec![
                ("events", trace.cut.events.into()),
                ("payloads", trace.cut.payloads.into()),
                ("relations", (left_out as u64).into()),
            ]),
        ),
    ])
}

fn lane(lane: &Lane) -> Json {
    Json::Object(vec![
        ("pid", Json::shown(lane.pid)),
        ("name", Json::or_null(lane.name.as_ref().map(|name| name.as_str()))),
        ("label", Json::or_null(lane.label.as_ref().map(|label| label.as_str()))),
        ("caller", lane.caller.into()),
    ])
}

fn event(event: &Event) -> Json {
    let (fate, received) = match event.fate {
        None => (None, None),
        Some(Fate::Sent) => (Some("sent"), None),
        Some(Fate::Received(at)) => (Some("received"), Some(at)),
        Some(Fate::DeadLetter) => (Some("dead letter"), None),
        Some(Fate::Unread) => (Some("unread"), None),
    };
    Json::Object(vec![
        ("number", event.number.into()),
        ("at_ns", nanoseconds(event.at)),
        ("kind", Json::shown(event.kind)),
        ("from", event.from.map_or(Json::Null, Json::shown)),
        ("to", event.to.map_or(Json::Null, Json::shown)),
        ("payload", event.payload.as_str().into()),
        ("type", event.type_name.as_str().into()),
        ("pair", Json::or_null(event.pair)),
        ("latency_ns", event.latency.map_or(Json::Null, nanoseconds)),
        ("fate", Json::or_null(fate)),
        ("received_ns", received.map_or(Json::Null, nanoseconds)),
        ("handling_ns", event.handling.map_or(Json::Null, handling)),
        ("crash", event.crash.into()),
    ])
}

fn handling(handling: Handling) -> Json {
    let until = handling.until.map_or(Json::Null, nanoseconds);
    Json::list([nanoseconds(handling.from), until])
}

fn nanoseconds(time: Duration) -> Json {
    Json::Number(time.as_nanos() as u64)
}
