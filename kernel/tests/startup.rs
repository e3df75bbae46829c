//! How soon an installed kernel is there. Alone in its file: tests of one file run at once.

mod common;

use std::time::{Duration, Instant};

use common::{Control, Kernel};
use serde_json::json;

/// Starts are measured this often, and the best one counts: the machine may do other things.
const STARTS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn kernel_info_comes_within_a_second_and_the_first_result_within_three() {
    let (mut info, mut result) = (Duration::MAX, Duration::MAX);
    for _ in 0..STARTS {
        common::prepare();
        let started = Instant::now();
        let mut kernel = Kernel::start().await;
        let cell = kernel.send_code("6 * 7").await;
        kernel.ask(Control, "kernel_info_request", json!({})).await;
        info = info.min(started.elapsed());
        assert_eq!(kernel.finish(cell).await.value(), "42");
        result = result.min(started.elapsed());
    }
    assert!(info < Duration::from_secs(1), "kernel info after {info:?}");
    assert!(result < Duration::from_secs(3), "the first result after {result:?}");
}
