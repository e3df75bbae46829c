//! Controls: what readers of a notebook press, and processes hear of.
//!
//! A control is made by a function of this module or of [`input`](super::input), and shown like any value. What is done
//! with it, in any page that shows it, comes as messages to those who [subscribe](Control::subscribe), and out of its
//! [streams](Control::stream).
//!
//! ```no_run
//! # crabtree::run(async {
//! use crabtree::kino::control::{self, Click};
//! use crabtree::prelude::*;
//!
//! let more = control::button("More");
//! kino::display(&more);
//! more.subscribe("more");
//! receive! { ("more", Click): (&str, Click) => println!("pressed") }
//!
//! // Or, while the cell goes on:
//! kino::listen(more.stream(), |Click| async { println!("pressed again") });
//! # });
//! ```
//!
//! # How long a control lives
//! Behind a control is a process, which begins when the control is shown, read or subscribed to first. It ends when the
//! cell that made the control is run again, with the process that made it if that was not a cell itself, and by any exit
//! signal; then the control disappears from pages, and its streams end.
//!
//! # Where controls work
//! In front ends that have the widgets of ipywidgets 8: VS Code, and JupyterLab with the package `jupyterlab_widgets`.
//! There they also survive that a page is loaded again. Everywhere else, in exported pages and in a notebook that nobody
//! trusts, a picture shows what the control was when it was shown. Outside of a notebook it is shown in letters, and
//! nobody presses it.
//!
//! For something that happens every so often, there is [`interval`](super::interval).

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::input::Input;
use super::widget::{Child, Design, Model, Models, Reader, Tells, Widget};
use super::{Bundle, Render};
use crate::destination::send;
use crate::message::Term;
use crate::pid::Pid;
use crate::process;

/// Somebody has pressed a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Click;

/// Somebody has pressed a key: a letter, or the name of a key as browsers have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub String);

/// A button.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::kino::{Render, control};
///
/// assert_eq!(control::button("Go").render().text(), "[ Go ]");
/// # });
/// ```
pub fn button(label: impl Into<String>) -> Control<Click> {
    let design = Design {
        model: button_model(label.into()),
        tells: Tells::Clicks,
        title: None,
    };
    Control::new(design, Arc::new(|_, _| Click))
}

/// A place to type, which tells each key.
///
/// Front ends keep the keyboard to themselves, and no widget of theirs hears of keys as such. So this is a box for text:
/// it tells the letters that are typed, `Backspace` and `Enter`, which empties it. Other keys, and that one is released,
/// are not told.
pub fn keyboard() -> Control<Key> {
    let state = json!({
        "value": "", "description": "", "placeholder": "type here", "continuous_update": true, "disabled": false,
    });
    let design = Design {
        model: Model::new("Text", "TextStyle", state),
        tells: Tells::Keys,
        title: None,
    };
    Control::new(
        design,
        Arc::new(|_, key| Key(key.as_str().unwrap_or_default().to_owned())),
    )
}

/// Inputs below one another, and a button that tells the values of all of them.
///
/// The inputs of a form are its own: what is done with them is not told by the [`Input`]s that it was made of.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::kino::{Render, control, input};
///
/// let form = control::form((input::text("Name"), input::checkbox("Subscribe")), "Send");
/// assert_eq!(form.render().text(), "Name: \n[ ] Subscribe\n[ Send ]");
/// let _tells = form.stream(); // a stream of (String, bool)
/// # });
/// ```
pub fn form<I: Inputs>(inputs: I, submit: impl Into<String>) -> Control<I::Values> {
    let mut parts = Vec::new();
    let read = inputs.add_to(&mut parts);
    parts.push(button_model(submit.into()));
    let design = Design {
        model: Model::of("VBox", parts.into_iter().map(Child::Own).collect()),
        tells: Tells::Clicks,
        title: None,
    };
    Control::new(design, Arc::new(move |models, _| read(models)))
}

pub(crate) fn button_model(label: String) -> Model {
    let state = json!({
        "description": label, "disabled": false, "icon": "", "button_style": "", "tooltip": null,
    });
    Model::new("Button", "ButtonStyle", state)
}

/// A control that tells values of the type `E`. Clones mean the same one.
pub struct Control<E> {
    pub(super) widget: Arc<Widget>,
    pub(super) event: Reader<E>,
}

impl<E: Term> Control<E> {
    pub(super) fn new(design: Design, event: Reader<E>) -> Control<E> {
        Control {
            widget: Arc::new(Widget::new(design)),
            event,
        }
    }

    /// Has the calling process be sent what happens, as `(tag, event)`, until it or the control ends.
    ///
    /// # Panics
    /// Outside of a process.
    pub fn subscribe<T: Term + Clone>(&self, tag: T) {
        let (pid, event) = (process::me(), self.event.clone());
        self.widget.subscribe(move |models, told| {
            let is_there = process::is_alive(pid);
            if is_there {
                send(pid, (tag.clone(), event(models, told)));
            }
            is_there
        });
    }

    /// What happens from now on. The stream ends with the control.
    pub fn stream(&self) -> Events<E> {
        let event = self.event.clone();
        let (sender, receiver) = unbounded_channel();
        self.widget
            .subscribe(move |models, told| sender.send(event(models, told)).is_ok());
        Events { receiver }
    }

    /// The process of the control. An exit signal to it ends the control.
    pub fn pid(&self) -> Pid {
        self.widget.pid()
    }
}

impl<E> Clone for Control<E> {
    fn clone(&self) -> Control<E> {
        Control {
            widget: self.widget.clone(),
            event: self.event.clone(),
        }
    }
}

impl<E> Render for Control<E> {
    fn render(&self) -> Bundle {
        self.widget.render()
    }
}

impl<E> fmt::Debug for Control<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render().text())
    }
}

/// The stream that [`Control::stream`] makes.
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct Events<E> {
    receiver: UnboundedReceiver<E>,
}

impl<E> Events<E> {
    /// The next event; `None` when the control has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> Option<E> {
        self.receiver.recv().await
    }
}

impl<E> Stream for Events<E> {
    type Item = E;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<E>> {
        self.receiver.poll_recv(context)
    }
}

/// Reads the values of a form's inputs.
#[doc(hidden)]
pub type Values<V> = Box<dyn Fn(&Models) -> V + Send + Sync>;

/// What a [`form`] is made of: an [`Input`], or a tuple of up to eight.
pub trait Inputs {
    /// The values of all of them.
    type Values: Term;

    #[doc(hidden)]
    fn add_to(self, models: &mut Vec<Model>) -> Values<Self::Values>;
}

impl<T: Term> Inputs for Input<T> {
    type Values = T;

    fn add_to(self, models: &mut Vec<Model>) -> Values<T> {
        let part = models.len();
        models.push(self.model());
        Box::new(move |models| self.value_of(models, part))
    }
}

macro_rules! inputs_of_tuples {
    ($($input:ident)*) => {
        impl<$($input: Inputs<Values: Term> + 'static),*> Inputs for ($($input,)*) {
            type Values = ($($input::Values,)*);

            #[allow(non_snake_case)]
            fn add_to(self, models: &mut Vec<Model>) -> Values<Self::Values> {
                let ($($input,)*) = self;
                $(let $input = $input.add_to(models);)*
                Box::new(move |models| ($($input(models),)*))
            }
        }
    };
}

inputs_of_tuples!(A);
inputs_of_tuples!(A B);
inputs_of_tuples!(A B C);
inputs_of_tuples!(A B C D);
inputs_of_tuples!(A B C D F);
inputs_of_tuples!(A B C D F G);
inputs_of_tuples!(A B C D F G H);
inputs_of_tuples!(A B C D F G H I);
