//! What a session keeps in files is its user's alone, and goes with it.

mod common;

use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use common::run::{Run, code, command, write};
use common::{Control, Kernel, patiently};
use serde_json::json;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The directory of a kernel's session.
async fn session(kernel: &mut Kernel) -> PathBuf {
    let link = kernel.value("std::env::var(\"CRABTREE_LINK\")?").await;
    PathBuf::from(link.trim_matches('"')).parent().unwrap().to_owned()
}

/// A process that may not be a child of this one.
struct Process(AsyncFd<OwnedFd>);

impl Process {
    /// The host of a kernel.
    async fn host(kernel: &mut Kernel) -> Process {
        let pid: libc::pid_t = kernel.value("std::process::id()").await.parse().unwrap();
        // SAFETY: the call takes no pointers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: the descriptor is new, and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(i32::try_from(fd).unwrap()) };
        // SAFETY: it is the same descriptor until it is dropped.
        Process(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.unwrap())
    }

    fn kill(&self) {
        // SAFETY: the descriptor is that of a process, and there is no information to point to.
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), libc::SIGKILL, 0, 0) };
        assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
    }

    async fn ended(&self) {
        // Linux says so when it has.
        let _ready = patiently("the host's end", self.0.readable()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_private_and_gone_after_shutdown_and_sigterm_with_its_subshells() {
    for shutdown in [true, false] {
        let mut kernel = Kernel::start().await;
        let directory = session(&mut kernel).await;
        let host = Process::host(&mut kernel).await;
        assert_eq!((mode(&directory), mode(directory.parent().unwrap())), (0o700, 0o700));
        let socket = directory.join("link");
        assert!(socket.exists(), "the socket is within");
        let subshells = std::fs::read_dir(directory.parent().unwrap()).unwrap().count();
        let subshell = kernel.ask(Control, "create_subshell_request", json!({})).await;
        let mut request = common::Message::request("execute_request", common::execute_content("1"));
        request.extra = json!({"subshell_id": subshell["subshell_id"]});
        let request = kernel.send_message(common::Shell, request).await;
        assert_eq!(kernel.finish(request).await.value(), "1");
        assert!(subshells > 0);
        if shutdown {
            kernel.ask(Control, "shutdown_request", json!({"restart": false})).await;
        } else {
            kernel.signal("-TERM");
        }
        assert!(kernel.ended().await.success());
        assert!(!directory.exists(), "{} is left", directory.display());
        assert!(!Path::new(kernel.iopub_path()).exists(), "the socket of IOPub is left");
        host.ended().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_kernel_leaves_is_removed_by_the_next_start() {
    let mut kernel = Kernel::start().await;
    let directory = session(&mut kernel).await;
    let host = Process::host(&mut kernel).await;
    kernel.signal("-KILL");
    kernel.ended().await;
    // It has nobody to serve.
    host.ended().await;
    assert!(directory.exists(), "nobody could remove it");
    let mut next = Kernel::start().await;
    assert_eq!(next.value("1").await, "1");
    assert!(!directory.exists(), "{} is left", directory.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_host_was_killed_goes_on_and_leaves_nothing() {
    let mut kernel = Kernel::start().await;
    let directory = session(&mut kernel).await;
    let host = Process::host(&mut kernel).await;
    host.kill();
    host.ended().await;
    // This cell may be the one that finds out.
    kernel.execute("1").await;
    assert_eq!(kernel.value("2").await, "2");
    assert_eq!(session(&mut kernel).await, directory);
    kernel.ask(Control, "shutdown_request", json!({"restart": false})).await;
    assert!(kernel.ended().await.success());
    assert!(!directory.exists(), "{} is left", directory.display());
}

#[test]
fn a_run_keeps_its_connection_file_private_and_leaves_nothing_after_ctrl_c() {
    let directory = tempfile::tempdir().unwrap();
    let temporary = directory.path().join("t");
    std::fs::create_dir(&temporary).unwrap();
    let cells = [
        code("a", "std::fs::write(\"session\", std::env::var(\"CRABTREE_LINK\")?)?;"),
        code("b", "std::future::pending::<()>().await;"),
    ];
    write(directory.path(), "n.ipynb", &cells);
    let mut run = Run::start(command(directory.path(), &["n.ipynb"]).env("TMPDIR", &temporary));
    run.says("cell 1/2");
    let private = std::fs::read_dir(&temporary)
        .unwrap()
        .flatten()
        .next()
        .expect("a directory")
        .path();
    assert_eq!((mode(&private), mode(&private.join("connection.json"))), (0o700, 0o600));
    let link = std::fs::read_to_string(directory.path().join("session")).unwrap();
    let session = Path::new(&link).parent().unwrap();
    assert!(session.exists());
    run.interrupt();
    assert_eq!(run.ended().code(), Some(130));
    assert!(!session.exists(), "{} is left", session.display());
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}
