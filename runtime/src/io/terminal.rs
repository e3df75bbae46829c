//! A terminal that does not show what is typed.

use std::mem::MaybeUninit;

/// While it lives, the terminal at standard input does not show what is typed, but for the newline. If there is no
/// terminal, nothing changes.
pub(super) struct Silent(Option<libc::termios>);

impl Silent {
    pub(super) fn begin() -> Silent {
        let mut settings = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the pointer is to memory for such settings; they are read only if the call says that it filled them.
        let before = unsafe {
            match libc::tcgetattr(libc::STDIN_FILENO, settings.as_mut_ptr()) {
                0 => Some(settings.assume_init()),
                _ => None,
            }
        };
        if let Some(mut settings) = before {
            settings.c_lflag &= !libc::ECHO;
            settings.c_lflag |= libc::ECHONL;
            set(&settings);
        }
        Silent(before)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            set(before);
        }
    }
}

fn set(settings: &libc::termios) {
    // SAFETY: the pointer is to live settings. A terminal that is gone shows nothing either.
    let _ = unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSAFLUSH, settings) };
}
