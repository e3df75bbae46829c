//! Several kernels of one user. Alone in its file: a lock that no other session may hold is taken.

mod common;

use std::fs::File;

use common::Kernel;

#[tokio::test(flavor = "multi_thread")]
async fn kernels_that_start_at_once_do_not_wait_for_each_other_and_all_wait_for_a_build() {
    let (mut one, mut two, mut three, mut four) =
        tokio::join!(Kernel::start(), Kernel::start(), Kernel::start(), Kernel::start());
    let values = tokio::join!(one.value("1"), two.value("2"), three.value("3"), four.value("4"));
    assert_eq!((&*values.0, &*values.1, &*values.2, &*values.3), ("1", "2", "3", "4"));
    let mut links = Vec::new();
    for kernel in [&mut one, &mut two, &mut three, &mut four] {
        links.push(kernel.value("std::env::var(\"CRABTREE_LINK\")?").await);
    }
    links.sort();
    links.dedup();
    assert_eq!(links.len(), 4, "each has a session of its own");
    for mut kernel in [one, two, three, four] {
        kernel.signal("-TERM");
        kernel.ended().await;
    }

    // Somebody builds.
    let builds = common::cache().join("builds");
    let used = |entry: &std::fs::DirEntry| {
        std::fs::metadata(entry.path().join("ready"))
            .and_then(|ready| ready.modified())
            .ok()
    };
    let mut found: Vec<_> = std::fs::read_dir(&builds)
        .unwrap()
        .flatten()
        .filter(|entry| used(entry).is_some())
        .collect();
    found.sort_by_key(used);
    let newest = found
        .pop()
        .expect("the runtime is built")
        .file_name()
        .into_string()
        .unwrap();
    let lock = File::options()
        .write(true)
        .open(builds.join(format!("{newest}.lock")))
        .unwrap();
    lock.lock().unwrap();
    let mut kernel = Kernel::start().await;
    let cell = kernel.send_code("6 * 7").await;
    let told = kernel
        .published("a word about the build", |message| message.is("stream"))
        .await;
    assert!(told.belongs_to(&cell), "{told:?}");
    assert_eq!(
        told.content["text"],
        "Waiting for another crabtree that builds the runtime for cells\n"
    );
    lock.unlock().unwrap();
    assert_eq!(kernel.finish(cell).await.value(), "42");
}
