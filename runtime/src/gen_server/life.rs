//! The life of a server: `init`, then the loop of receive, decode and handle, until something ends it.
//!
//! Most servers wait, most of the time. So the loop is written as the future that it is: an `async` block keeps room for
//! whatever any of its steps needs, which is ten times as much. What servers seldom do is a future in a box, which owns the
//! server meanwhile. What is done for each message is compiled into one function, without calls in between.
//!
//! # Invariants
//! 1. While a callback is at work, nothing else touches the server and its room, and neither is moved: the callback refers
//!    to both. It is dropped before they are.

use super::callbacks::{AnyInit, Callback, Crash, caught, guard};
use super::request::Handled;
use super::returns::{Init, Initial, Then};
use super::server::{Begun, End, Heard, Serving, Task};
use super::system::{Ask, Debugging};
use crate::pid::Pid;
use crate::process;
use crate::process::call::Origin;
use crate::sys::DebugOption;
use crate::{ExitReason, exit, report};
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// What `init` says to the starter.
#[derive(Debug)]
pub(super) enum Started {
    Ok,
    Ignore,
    Failed(ExitReason),
}

/// What a server begins with.
pub(super) struct Birth {
    pub(super) init: AnyInit,
    pub(super) starter: Origin,
    /// The process that linked itself to it when it started it.
    pub(super) parent: Option<Pid>,
    pub(super) hibernate_after: Option<Duration>,
    pub(super) debug: Vec<DebugOption>,
}

/// See the module.
pub(super) struct Life {
    /// Stands before the server, and so is dropped before it.
    step: Step,
    /// `None` while a step owns it.
    serving: Option<Serving>,
    _pinned: PhantomPinned,
}

/// What the server is at.
enum Step {
    /// It waits for what is to be handled next.
    Wait(Option<Box<Then>>),
    /// It handles something. What the callback refers to lives as long as invariant 1 says.
    Callback(Callback<'static, Handled>),
    /// It does something that takes more room, or has done it.
    Aside(Aside),
}

/// Gives the server back, with what it waits for then; nothing when it does not serve.
type Aside = Pin<Box<dyn Future<Output = Option<(Serving, Option<Box<Then>>)>> + Send>>;

impl Life {
    pub(super) fn of(birth: Birth) -> Life {
        Life {
            step: Step::Aside(Box::pin(begin(birth))),
            serving: None,
            _pinned: PhantomPinned,
        }
    }

    fn serving(&mut self) -> &mut Serving {
        self.serving.as_mut().expect("no step owns the server")
    }

    /// Goes on after a callback. Gives what there is to do at once, if there is something.
    #[inline(always)]
    fn handled(&mut self, handled: Handled) -> Option<Task> {
        match self.serving().handled(handled) {
            Ok(then) => self.rest(then),
            Err(end) => self.terminate(end),
        }
    }

    /// Waits for what comes next, unless it is there: then it gives that.
    #[inline(always)]
    fn rest(&mut self, mut then: Option<Box<Then>>) -> Option<Task> {
        let task = self.serving().rest(&mut then);
        self.step = Step::Wait(then);
        task
    }

    /// Leaves nothing else to do.
    #[cold]
    fn terminate(&mut self, end: End) -> Option<Task> {
        self.aside(|serving| Box::pin(terminate(serving, end)))
    }

    /// Has the server do something that takes more room. Until then there is nothing else to do.
    fn aside(&mut self, aside: impl FnOnce(Serving) -> Aside) -> Option<Task> {
        let serving = self.serving.take().expect("no step owns the server");
        self.step = Step::Aside(aside(serving));
        None
    }
}

impl Future for Life {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out of it while a callback is at work.
        let life = unsafe { self.get_unchecked_mut() };
        loop {
            let mut task = match &mut life.step {
                Step::Wait(then) => {
                    let serving = life.serving.as_mut().expect("no step owns the server");
                    match ready!(serving.poll_next(context, then)) {
                        Heard::Task(task) => Some(task),
                        Heard::End(reason) => {
                            let end = serving.told_to_end(reason);
                            life.terminate(end)
                        }
                        Heard::System(origin, ask) => {
                            let then = then.take();
                            life.aside(|serving| Box::pin(system(serving, then, origin, ask)))
                        }
                    }
                }
                Step::Callback(callback) => {
                    let handled = match caught(|| Pin::new(callback).poll(context)) {
                        Ok(polled) => Ok(ready!(polled)),
                        Err(crash) => Err(End::of(crash.reason)),
                    };
                    // The callback is dropped here, before anything looks at the server.
                    life.step = Step::Wait(None);
                    match handled {
                        Ok(handled) => life.handled(handled),
                        Err(end) => life.terminate(end),
                    }
                }
                Step::Aside(aside) => match ready!(aside.as_mut().poll(context)) {
                    Some((serving, then)) => {
                        life.serving = Some(serving);
                        life.rest(then)
                    }
                    None => return Poll::Ready(()),
                },
            };
            while let Some(begins) = task {
                // SAFETY: invariant 1: while a callback waits, `poll` looks at nothing else, and fields are dropped in their order.
                task = match unsafe { life.serving().begin(begins, context) } {
                    Ok(Begun::Over(handled)) => life.handled(handled),
                    Ok(Begun::Waits(callback)) => {
                        life.step = Step::Callback(callback);
                        return Poll::Pending;
                    }
                    Err(end) => life.terminate(end),
                };
            }
        }
    }
}

/// Runs `init`, and says to the starter how that went.
async fn begin(birth: Birth) -> Option<(Serving, Option<Box<Then>>)> {
    let Birth {
        init,
        starter,
        parent,
        hibernate_after,
        debug,
    } = birth;
    let debugging = Debugging::with(debug);
    let (server, then) = match guard(init).await {
        Ok(Init {
            initial: Initial::Ok(server),
            then,
        }) => (server, then),
        Ok(Init {
            initial: Initial::Ignore,
            ..
        }) => {
            free_name();
            starter.reply(Started::Ignore);
            return None;
        }
        Ok(Init {
            initial: Initial::Stop(reason),
            ..
        }) => fail(starter, reason),
        Err(Crash { reason, panicked }) => {
            if panicked {
                report::error(&format!("{} could not start", report::who()), &reason, &[]);
            }
            fail(starter, reason)
        }
    };
    starter.reply(Started::Ok);
    // What the starter watched it with.
    process::shrink();
    Some((Serving::new(server, parent, hibernate_after, debugging), then))
}

/// The name is free before the starter learns of the failure, or a second try would meet `AlreadyStarted`.
fn fail(starter: Origin, reason: ExitReason) -> ! {
    free_name();
    starter.reply(Started::Failed(reason.clone()));
    exit(reason)
}

fn free_name() {
    if let Some(name) = report::name_of_current() {
        // Nobody else takes the name of a living process away, and if so it is free as well.
        drop(process::unregister(name));
    }
}

/// Does what a system message asks for, and waits for what it waited for before.
async fn system(
    mut serving: Serving,
    then: Option<Box<Then>>,
    origin: Origin,
    ask: Ask,
) -> Option<(Serving, Option<Box<Then>>)> {
    serving.system(origin, ask).await;
    Some((serving, then))
}

async fn terminate(serving: Serving, end: End) -> Option<(Serving, Option<Box<Then>>)> {
    serving.terminate(end).await
}

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;
    use crate::gen_server::{self, GenServer, Next};
    use crate::{Message, send, spawn, sys};
    use std::sync::mpsc;
    use tokio::runtime::Builder;
    use tokio::task::yield_now;

    #[test]
    fn a_server_that_waits_takes_little_room() {
        let words = size_of::<Life>() / size_of::<usize>();
        assert!(words <= 13, "{words} words");
    }

    #[derive(Clone, Debug)]
    struct Counts(Vec<i32>);

    impl GenServer for Counts {
        type Args = ();

        async fn init((): ()) -> Init<Counts> {
            Init::ok(Counts(vec![0]))
        }

        async fn handle_info(&mut self, _: Message) -> Next {
            let last = &mut self.0[0];
            yield_now().await;
            *last += 1;
            Next::noreply().timeout(Duration::from_secs(3600))
        }
    }

    // What breaks this shows under Miri only.
    #[test]
    fn a_callback_refers_to_its_server_while_it_waits() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let (tell, told) = mpsc::channel();
        runtime.block_on(async {
            spawn(async move {
                let counts = gen_server::start::<Counts>(()).await.unwrap();
                for _ in 0..3 {
                    send(counts, ());
                }
                let Counts(state) = sys::get_state(counts).await.unwrap();
                gen_server::stop(counts).await.unwrap();
                tell.send(state).unwrap();
            });
            let state = loop {
                match told.try_recv() {
                    Ok(state) => break state,
                    Err(_) => yield_now().await,
                }
            };
            assert_eq!(state, [3]);
        });
    }
}
