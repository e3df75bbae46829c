//! Freezing a thread for ever in the system call that it waits in.
//!
//! A thread that was frozen keeps what it has: its stack, its locks, what it borrows. So it must be caught where it can
//! hold nothing that the rest of the process cannot do without, and where nobody else uses what lives on its stack:
//!
//! 1. It waits in one of the calls in [`waits`]. Waiting for a lock is none of them, nor is writing: within these, a
//!    thread may hold what is the process's own.
//! 2. It is in that very call when it is frozen. Whether it is, its own signal handler looks, by the stack pointer and
//!    the place of the call. Anywhere else it might hold the lock of the allocator.
//! 3. The process has no threads that the runtime does not know ([`OwnThread`]): a scoped thread of the cell would go on
//!    using what the frozen one was to keep alive.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) use linux::{Place, ThreadId};
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(super) use other::{Place, ThreadId};

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux {
    use std::ffi::{c_int, c_void};
    use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
    use std::sync::{Mutex, Once, PoisonError};
    use std::time::{Duration, Instant};

    use crate::host::OwnThread;

    /// A thread of this process.
    #[derive(Debug)]
    pub(crate) struct ThreadId(libc::pid_t);

    /// Where a thread waits: which system call, and where it was made.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Place {
        call: libc::c_long,
        stack: usize,
        instruction: usize,
    }

    /// How long a thread may take to look at a signal.
    const PATIENCE: Duration = Duration::from_millis(100);

    /// Held by whoever asks: shells run cells at the same time.
    static ASKING: Mutex<()> = Mutex::new(());

    /// What is asked of the thread that gets the signal. One is asked at a time.
    static STACK: AtomicUsize = AtomicUsize::new(0);
    static INSTRUCTION: AtomicUsize = AtomicUsize::new(0);
    static STATE: AtomicU8 = AtomicU8::new(IDLE);

    const IDLE: u8 = 0;
    const ASKED: u8 = 1;
    const FROZEN: u8 = 2;
    const REFUSED: u8 = 3;

    impl ThreadId {
        pub(crate) fn current() -> ThreadId {
            // SAFETY: the call takes no pointers.
            ThreadId(unsafe { libc::gettid() })
        }

        /// Whether this is its number.
        pub(crate) fn is(&self, thread: libc::pid_t) -> bool {
            self.0 == thread
        }

        /// Where the thread waits, if it does, in a call that it can be frozen in.
        pub(crate) fn place(&self) -> Option<Place> {
            let text = std::fs::read_to_string(format!("/proc/self/task/{}/syscall", self.0)).ok()?;
            let mut words = text.split_ascii_whitespace();
            let call = words.next()?.parse().ok().filter(|call| waits(*call))?;
            let mut numbers = words.map(|word| usize::from_str_radix(word.trim_start_matches("0x"), 16));
            let instruction = numbers.next_back()?.ok()?;
            let stack = numbers.next_back()?.ok()?;
            Some(Place {
                call,
                stack,
                instruction,
            })
        }

        /// Freezes the thread if it waits at `place` and the process has only threads that are known. A thread that is
        /// not frozen does not notice.
        pub(crate) fn freeze(&self, place: Place) -> bool {
            if !OwnThread::are_all() {
                return false;
            }
            let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
            let signal = install();
            STACK.store(place.stack, Ordering::Relaxed);
            INSTRUCTION.store(place.instruction, Ordering::Relaxed);
            STATE.store(ASKED, Ordering::Release);
            // SAFETY: the call takes no pointers, and the handler of the signal is installed.
            let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), self.0, signal) };
            let deadline = Instant::now() + PATIENCE;
            while sent == 0 && STATE.load(Ordering::Acquire) == ASKED && Instant::now() < deadline {
                std::thread::yield_now();
            }
            // From here on the thread does not freeze, however late it gets the signal.
            STATE.swap(IDLE, Ordering::AcqRel) == FROZEN
        }
    }

    /// Calls that wait for time to pass or for something from outside of the process. A thread holds nothing of the
    /// process's own while it makes them.
    fn waits(call: libc::c_long) -> bool {
        #[cfg(target_arch = "x86_64")]
        let older = [libc::SYS_poll, libc::SYS_select];
        #[cfg(not(target_arch = "x86_64"))]
        let older = [];
        let calls = [
            libc::SYS_nanosleep,
            libc::SYS_clock_nanosleep,
            libc::SYS_read,
            libc::SYS_readv,
            libc::SYS_pread64,
            libc::SYS_ppoll,
            libc::SYS_pselect6,
            libc::SYS_recvfrom,
            libc::SYS_recvmsg,
            libc::SYS_accept,
            libc::SYS_accept4,
            libc::SYS_connect,
            libc::SYS_wait4,
            libc::SYS_waitid,
            libc::SYS_flock,
        ];
        calls.contains(&call) || older.contains(&call)
    }

    /// The signal that freezes.
    fn install() -> c_int {
        static INSTALLED: Once = Once::new();
        let signal = libc::SIGRTMAX() - 3;
        INSTALLED.call_once(|| {
            // SAFETY: an all-zero `sigaction` is a valid one, and `handler` has the signature that SA_SIGINFO asks for. With
            // all other signals blocked in it, nothing else runs on a thread that it froze.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = handler;
                action.sa_sigaction = handler as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
                libc::sigfillset(&raw mut action.sa_mask);
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
        });
        signal
    }

    /// Runs on the thread, between two of its instructions: it uses atomics and `pause` only.
    extern "C" fn handler(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
        // SAFETY: with SA_SIGINFO the third argument is the context of the thread, for as long as the handler runs.
        let context = unsafe { &*context.cast::<libc::ucontext_t>() };
        #[cfg(target_arch = "x86_64")]
        let (stack, instruction, length) = {
            let registers = &context.uc_mcontext.gregs;
            let register = |index: c_int| registers[index as usize] as usize;
            (register(libc::REG_RSP), register(libc::REG_RIP), 2)
        };
        #[cfg(target_arch = "aarch64")]
        let (stack, instruction, length) = {
            let context = &context.uc_mcontext;
            (context.sp as usize, context.pc as usize, 4)
        };
        // A call that goes on after the signal is made again: then the place is that of the instruction that makes it.
        let asked = INSTRUCTION.load(Ordering::Relaxed);
        let is_there =
            stack == STACK.load(Ordering::Relaxed) && (instruction == asked || instruction + length == asked);
        let answer = if is_there { FROZEN } else { REFUSED };
        let answered = STATE.compare_exchange(ASKED, answer, Ordering::AcqRel, Ordering::Relaxed);
        while is_there && answered.is_ok() {
            // SAFETY: the call takes no pointers.
            unsafe { libc::pause() };
        }
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod other {
    /// A thread of this process. It cannot be looked at from outside here.
    #[derive(Debug)]
    pub(crate) struct ThreadId;

    /// Where a thread waits: it is never known.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Place {}

    impl ThreadId {
        pub(crate) fn current() -> ThreadId {
            ThreadId
        }

        #[cfg(target_os = "linux")]
        pub(crate) fn is(&self, _: libc::pid_t) -> bool {
            false
        }

        pub(crate) fn place(&self) -> Option<Place> {
            None
        }

        pub(crate) fn freeze(&self, place: Place) -> bool {
            match place {}
        }
    }
}
