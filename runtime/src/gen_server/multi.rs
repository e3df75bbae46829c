//! Many servers at once.

use super::address::Address;
use super::client::{answered, cast, to};
use super::error::{CallError, CallFailure};
use super::request::{self, Handler};
use super::{HandleCall, HandleCast};
use crate::message::{Message, Term};
use crate::pid::Pid;
use crate::process::call;
use crate::type_name::without_paths;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

/// Tells many servers the same, as one [`cast`] to each.
///
/// ```
/// # crabtree::run(async {
/// use crabtree::prelude::*;
/// # #[derive(Debug)]
/// # struct Counter(i64);
/// # impl GenServer for Counter {
/// #     type Args = i64;
/// #     async fn init(n: i64) -> Init<Self> { Init::ok(Counter(n)) }
/// # }
/// # #[derive(Debug, Clone)]
/// # struct Add(i64);
/// # impl HandleCast<Add> for Counter {
/// #     async fn handle_cast(&mut self, Add(n): Add) -> Next { self.0 += n; Next::noreply() }
/// # }
/// # #[derive(Debug, Clone)]
/// # struct Get;
/// # impl HandleCall<Get> for Counter {
/// #     type Reply = i64;
/// #     async fn handle_call(&mut self, _: Get, _: Caller<i64>) -> Reply<i64> { Reply::reply(self.0) }
/// # }
/// let one = gen_server::start_link::<Counter>(1).await?;
/// let two = gen_server::start_link::<Counter>(2).await?;
/// gen_server::abcast([one, two], Add(10));
///
/// gen_server::stop(two).await?;
/// let (replies, failures) = gen_server::multi_call([one, two], Get).await;
/// assert_eq!(replies, [(one, 11)]);
/// assert_eq!(failures[0].0, two);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub fn abcast<A, M>(servers: impl IntoIterator<Item = A>, message: M)
where
    A: Address,
    A::Server: HandleCast<M>,
    M: Term + Clone,
{
    for server in servers {
        cast(server, message.clone());
    }
}

/// Asks many servers the same, and waits for all of them. All requests go out before the first answer is awaited.
///
/// It gives the answers, and the servers that did not answer with what happened there, both in the order of
/// `servers`. It waits for ever, as in OTP, unless [`timeout`](MultiCall::timeout) says otherwise; [`abcast`] has an
/// example.
///
/// # Cancel safety
/// As for [`call`](super::call).
pub fn multi_call<A, M>(servers: impl IntoIterator<Item = A>, message: M) -> MultiCall<A, M>
where
    A: Address,
    A::Server: HandleCall<M>,
    M: Term + Clone,
{
    MultiCall {
        servers: servers.into_iter().collect(),
        message,
        timeout: None,
    }
}

/// A call to many that is about to be made: `.await` it.
#[must_use = "nothing is asked before it is awaited"]
pub struct MultiCall<A, M> {
    servers: Vec<A>,
    message: M,
    timeout: Option<Duration>,
}

impl<A, M> MultiCall<A, M> {
    /// Waits so long at most, for all together; with `None` for ever.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> MultiCall<A, M> {
        self.timeout = timeout.into();
        self
    }
}

/// The answers of those who answered, and why the others did not.
type Answers<A, R> = (Vec<(A, R)>, Vec<(A, CallError)>);

impl<A, M> IntoFuture for MultiCall<A, M>
where
    A: Address + Send + 'static,
    A::Server: HandleCall<M>,
    M: Term + Clone,
{
    type Output = Answers<A, <A::Server as HandleCall<M>>::Reply>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let request = |server: &A| (to(server), request::call::<A::Server, M>(self.message.clone()));
        let asked = self.servers.iter().map(request).collect();
        let calls = call_all(asked, self.timeout);
        Box::pin(async move {
            let mut replies = Vec::new();
            let mut failures = Vec::new();
            for (server, answer) in self.servers.into_iter().zip(calls.await) {
                match answer {
                    Ok(answer) => {
                        let answer = answer.downcast().expect("a server answers with the type of its reply");
                        replies.push((server, answer));
                    }
                    Err(error) => failures.push((server, error)),
                }
            }
            (replies, failures)
        })
    }
}

async fn call_all(asked: Vec<(Result<Pid, String>, Message)>, timeout: Option<Duration>) -> Vec<Answer> {
    let mut described = Vec::with_capacity(asked.len());
    let mut requests = Vec::with_capacity(asked.len());
    for (to, request) in asked {
        described.push((to.clone(), request.handler()));
        if let Ok(pid) = to {
            requests.push((pid, move |_| request));
        }
    }
    let mut answers = call::call_all(requests, timeout).await.into_iter();
    let mut outcome = |(to, handler): (Result<Pid, String>, Option<&Handler>)| {
        let (to, answer) = match to {
            Ok(pid) => {
                let answer = answers.next().expect("each request has one answer");
                (pid.to_string(), answered(answer, timeout))
            }
            Err(nobody) => (nobody, Err(CallFailure::NoSuchName)),
        };
        let request = || {
            format!(
                "gen_server::multi_call({to}, {})",
                without_paths(handler.map_or("", Handler::name))
            )
        };
        answer.map_err(|cause| CallError {
            request: request(),
            cause,
        })
    };
    described.into_iter().map(&mut outcome).collect()
}

type Answer = Result<Message, CallError>;
