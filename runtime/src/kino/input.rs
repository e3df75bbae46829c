//! Inputs: what readers of a notebook type and choose.
//!
//! An input is a [control](super::control) that has a value, of a type of its own. It is [read](Input::read) at any time,
//! and tells each change.
//!
//! ```
//! # crabtree::run(async {
//! use crabtree::kino::input;
//!
//! let name = input::text("Name").default("Ada");
//! let count = input::range("Count", 1.0..=10.0).default(3.0);
//! assert_eq!((name.read().await, count.read().await), ("Ada".to_owned(), 3.0));
//! # });
//! ```

use std::fmt;
use std::ops::{Deref, RangeInclusive};
use std::sync::Arc;

use serde_json::{Value, json};

use super::control::Control;
use super::widget::{Design, Model, Models, Tells, Widget, date_of};
use super::{Bundle, Render};
use crate::message::Term;

/// A line of text.
pub fn text(label: impl Into<String>) -> Input<String> {
    let state = json!({"value": "", "placeholder": "", "continuous_update": true});
    Input::new("Text", "TextStyle", label.into(), state, string, Value::from)
}

/// Text of many lines.
pub fn textarea(label: impl Into<String>) -> Input<String> {
    let state = json!({"value": "", "placeholder": "", "continuous_update": true, "rows": null});
    Input::new("Textarea", "TextStyle", label.into(), state, string, Value::from)
}

/// A number that is typed; 0 at first.
pub fn number(label: impl Into<String>) -> Input<f64> {
    let state = json!({"value": 0.0, "step": null, "continuous_update": false});
    Input::new("FloatText", "DescriptionStyle", label.into(), state, float, Value::from)
}

/// A number within a range, which is chosen on a slider of a hundred steps; the least one at first.
///
/// # Panics
/// When the range is empty, or one of its ends is no finite number.
pub fn range(label: impl Into<String>, range: RangeInclusive<f64>) -> Input<f64> {
    let (min, max) = range.into_inner();
    let size = max - min;
    assert!(
        size.is_finite() && size >= 0.0,
        "input::range(_, {min}..={max}): the ends are finite numbers, the smaller one first"
    );
    let step = if size == 0.0 { 1.0 } else { size / 100.0 };
    let state = json!({
        "value": min, "min": min, "max": max, "step": step, "continuous_update": true, "readout": true,
        "orientation": "horizontal", "readout_format": ".6~g", "behavior": "drag-tap",
    });
    Input::new("FloatSlider", "SliderStyle", label.into(), state, float, Value::from)
}

/// One of several values, each with a label; the first one at first.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::kino::input;
///
/// let language = input::select("Language", [("en", "English"), ("fr", "Français")]);
/// assert_eq!(language.read().await, "en");
/// # });
/// ```
///
/// # Panics
/// Without any option.
pub fn select<T, L>(label: impl Into<String>, options: impl IntoIterator<Item = (T, L)>) -> Input<T>
where
    T: Term + Clone + PartialEq + Sync,
    L: Into<String>,
{
    let (values, labels): (Vec<T>, Vec<String>) =
        options.into_iter().map(|(value, label)| (value, label.into())).unzip();
    assert!(
        !values.is_empty(),
        "input::select(…, []): there must be something to choose"
    );
    let state = json!({"_options_labels": labels, "index": 0});
    let values = Arc::new(values);
    let options = values.clone();
    let read = move |models: &Models, part: usize| {
        let index = models.value(part)["index"].as_u64().unwrap_or(0) as usize;
        values[index.min(values.len() - 1)].clone()
    };
    let write = move |value: T| match options.iter().position(|option| *option == value) {
        Some(index) => json!(index),
        None => Value::Null,
    };
    Input::new("Dropdown", "DescriptionStyle", label.into(), state, read, write)
}

/// Yes or no; no at first.
pub fn checkbox(label: impl Into<String>) -> Input<bool> {
    let state = json!({"value": false, "indent": false});
    let read = |models: &Models, part: usize| models.value(part)["value"] == true;
    Input::new("Checkbox", "CheckboxStyle", label.into(), state, read, Value::from)
}

/// A day; none at first.
pub fn date(label: impl Into<String>) -> Input<Option<Date>> {
    let state = json!({"value": null, "min": null, "max": null, "step": 1});
    let read = |models: &Models, part: usize| {
        let (year, month, day) = date_of(&models.value(part)["value"])?;
        Some(Date { year, month, day })
    };
    let write = |date: Option<Date>| match date {
        Some(Date { year, month, day }) => json!({"year": year, "month": i64::from(month) - 1, "date": day}),
        None => Value::Null,
    };
    Input::new("DatePicker", "DescriptionStyle", label.into(), state, read, write)
}

/// A colour, such as `#6366f1`; black at first. Front ends also take the names that CSS has for colours.
pub fn color(label: impl Into<String>) -> Input<String> {
    let state = json!({"value": "#000000", "concise": false});
    Input::new(
        "ColorPicker",
        "DescriptionStyle",
        label.into(),
        state,
        string,
        Value::from,
    )
}

/// A file of the reader's; none at first. `accept` says which are offered, as HTML does: `.csv,image/*`, or nothing for
/// all.
pub fn file(label: impl Into<String>, accept: impl Into<String>) -> Input<Option<File>> {
    let state = json!({
        "value": [], "accept": accept.into(), "multiple": false, "icon": "upload", "button_style": "", "error": "",
    });
    let read = |models: &Models, part: usize| {
        let file = &models.value(part)["value"][0];
        Some(File {
            name: file["name"].as_str()?.to_owned(),
            media_type: file["type"].as_str().unwrap_or_default().to_owned(),
            bytes: models.bytes(part)?.to_vec(),
        })
    };
    let write = |_: Option<File>| json!([]);
    Input::new("FileUpload", "ButtonStyle", label.into(), state, read, write)
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

/// As ISO 8601 has it: `2024-02-29`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// A file that somebody chose.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without directories.
    pub name: String,
    /// Its MIME type as far as the browser knows it; else empty.
    pub media_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "File({:?}, {:?}, {} bytes)",
            self.name,
            self.media_type,
            self.bytes.len()
        )
    }
}

type Read<T> = Arc<dyn Fn(&Models, usize) -> T + Send + Sync>;

/// An input with values of the type `T`. It is a [`Control`] that tells each new value.
pub struct Input<T> {
    control: Control<T>,
    read: Read<T>,
    write: Arc<dyn Fn(T) -> Value + Send + Sync>,
}

impl<T: Term> Input<T> {
    fn new(
        kind: &'static str,
        style: &'static str,
        label: String,
        mut state: Value,
        read: impl Fn(&Models, usize) -> T + Send + Sync + 'static,
        write: impl Fn(T) -> Value + Send + Sync + 'static,
    ) -> Input<T> {
        state["description"] = label.into();
        state["disabled"] = false.into();
        let design = Design {
            model: Model::new(kind, style, state),
            tells: Tells::Changes,
            title: None,
        };
        let read: Read<T> = Arc::new(read);
        let event = read.clone();
        Input {
            control: Control::new(design, Arc::new(move |models, _| event(models, 0))),
            read,
            write: Arc::new(write),
        }
    }

    /// An input that has this value at first. It is another one than this. A file has none.
    ///
    /// # Panics
    /// When a value to be selected is none of the options.
    #[must_use = "it is another input"]
    pub fn default(&self, value: impl Into<T>) -> Input<T> {
        let value = (self.write)(value.into());
        let model = &self.control.widget.design.model;
        let attribute = if model.kind == "Dropdown" { "index" } else { "value" };
        assert!(
            attribute == "value" || !value.is_null(),
            "Input::default: the value is none of the options"
        );
        self.with(attribute, value)
    }

    /// An input that tells a text when it is complete, with Enter or when another place is clicked, and not with every
    /// key. It is another one than this.
    #[must_use = "it is another input"]
    pub fn on_blur(&self) -> Input<T> {
        self.with("continuous_update", false.into())
    }

    /// The value, after all that front ends have said so far. An input that has ended keeps its last one.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub async fn read(&self) -> T {
        self.control.widget.read(self.control.event.clone()).await
    }

    pub(super) fn model(&self) -> Model {
        self.control.widget.design.model.clone()
    }

    pub(super) fn value_of(&self, models: &Models, part: usize) -> T {
        (self.read)(models, part)
    }

    fn with(&self, attribute: &str, value: Value) -> Input<T> {
        let widget: Widget = self.control.widget.redesigned(|design| {
            design.model.state.insert(attribute.to_owned(), value);
        });
        Input {
            control: Control {
                widget: Arc::new(widget),
                event: self.control.event.clone(),
            },
            read: self.read.clone(),
            write: self.write.clone(),
        }
    }
}

impl<T> Clone for Input<T> {
    fn clone(&self) -> Input<T> {
        Input {
            control: self.control.clone(),
            read: self.read.clone(),
            write: self.write.clone(),
        }
    }
}

impl<T> Deref for Input<T> {
    type Target = Control<T>;

    fn deref(&self) -> &Control<T> {
        &self.control
    }
}

impl<T> Render for Input<T> {
    fn render(&self) -> Bundle {
        self.control.render()
    }
}

impl<T> fmt::Debug for Input<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.control.fmt(f)
    }
}

fn string(models: &Models, part: usize) -> String {
    models.value(part)["value"].as_str().unwrap_or_default().to_owned()
}

fn float(models: &Models, part: usize) -> f64 {
    models.value(part)["value"].as_f64().unwrap_or(0.0)
}
