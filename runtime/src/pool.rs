//! Memory for messages, which threads keep for the next message.
//!
//! Mostly one thread makes a message and another one drops it, at which allocators are slow. So a thread keeps the blocks of
//! the messages that it drops, up to two batches of each usual size, and makes its own messages of them. What is more goes to
//! the node's stock, a batch at a time, where threads that have none look first.
//!
//! # Invariants
//! 1. A block of a size was allocated by the [layout](Size::layout) of that size, and is nobody else's.
//! 2. The lock of a stock is innermost: nothing is done under it but to move a batch.

use crate::node::node;
use parking_lot::Mutex;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many blocks go from one thread to another together.
const BATCH: usize = 64;
/// How many batches of a size a stock has at most: 60 kilobytes.
const MOST_BATCHES: usize = 8;

/// A usual size of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Size {
    /// What is sent, asked and answered.
    Small,
    /// Signals with a reason, for the most part.
    Large,
}

impl Size {
    const ALL: [Size; 2] = [Size::Small, Size::Large];

    /// Eight bytes less than a power of two, which is what most allocators then take.
    const fn layout(self) -> Layout {
        let words = match self {
            Size::Small => Layout::array::<usize>(7),
            Size::Large => Layout::array::<usize>(15),
        };
        match words {
            Ok(layout) => layout,
            Err(_) => unreachable!(),
        }
    }

    /// The least size that has room for it.
    #[inline]
    fn of(wanted: Layout) -> Option<Size> {
        // What is kept hides mistakes from Miri, and is no matter for loom.
        if cfg!(any(miri, crabtree_loom)) {
            return None;
        }
        let fits = |size: Size| wanted.size() <= size.layout().size() && wanted.align() <= size.layout().align();
        Size::ALL.into_iter().find(|size| fits(*size))
    }
}

/// Memory for a value of this layout, whose size is not zero.
pub(crate) fn take(layout: Layout) -> NonNull<u8> {
    let Some(size) = Size::of(layout) else {
        return allocate(layout);
    };
    // A thread that is about to end keeps none.
    let kept = KEPT.try_with(|kept| kept[size as usize].borrow_mut().take(|| &node().blocks));
    match kept.ok().flatten() {
        Some(memory) => memory,
        None => allocate(size.layout()),
    }
}

/// Gives back what [`take`] gave.
///
/// # Safety
/// It was taken for this layout, and nobody uses it any more.
pub(crate) unsafe fn give(memory: NonNull<u8>, layout: Layout) {
    let Some(size) = Size::of(layout) else {
        // SAFETY: it was allocated by this layout, and the caller gives it up.
        return unsafe { dealloc(memory.as_ptr(), layout) };
    };
    let kept = KEPT.try_with(|kept| kept[size as usize].borrow_mut().give(memory, || &node().blocks));
    if !matches!(kept, Ok(Ok(()))) {
        // SAFETY: it was allocated by this layout, and the caller gives it up.
        unsafe { dealloc(memory.as_ptr(), size.layout()) };
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: neither the sizes here nor those that callers ask for are zero.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

thread_local! {
    static KEPT: [RefCell<Kept>; Size::ALL.len()] = const {
        [RefCell::new(Kept::none(Size::Small)), RefCell::new(Kept::none(Size::Large))]
    };
}

/// Blocks of one size: the owner's alone.
struct Batch {
    size: Size,
    blocks: Vec<NonNull<u8>>,
}

// SAFETY: the blocks are nobody else's (invariant 1).
unsafe impl Send for Batch {}

impl Batch {
    const fn none(size: Size) -> Batch {
        let blocks = Vec::new();
        Batch { size, blocks }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for block in &self.blocks {
            // SAFETY: invariant 1.
            unsafe { dealloc(block.as_ptr(), self.size.layout()) };
        }
    }
}

/// What one thread keeps of one size.
struct Kept {
    at_hand: Batch,
    /// Full, or empty: so that who takes and gives in turn does not go to the stock each time.
    beside: Batch,
}

impl Kept {
    const fn none(size: Size) -> Kept {
        Kept {
            at_hand: Batch::none(size),
            beside: Batch::none(size),
        }
    }

    #[inline]
    fn take<'a>(&mut self, stock: impl FnOnce() -> &'a Stock) -> Option<NonNull<u8>> {
        match self.at_hand.blocks.pop() {
            None => self.fetch(stock()),
            block => block,
        }
    }

    #[cold]
    fn fetch(&mut self, stock: &Stock) -> Option<NonNull<u8>> {
        std::mem::swap(&mut self.at_hand, &mut self.beside);
        if self.at_hand.blocks.is_empty() {
            self.at_hand = stock.take(self.at_hand.size)?;
        }
        self.at_hand.blocks.pop()
    }

    /// Keeps the block, or gives it back when there are enough of them everywhere.
    #[inline]
    fn give<'a>(&mut self, block: NonNull<u8>, stock: impl FnOnce() -> &'a Stock) -> Result<(), NonNull<u8>> {
        if self.at_hand.blocks.len() == BATCH && !self.make_room(stock()) {
            return Err(block);
        }
        self.at_hand.blocks.push(block);
        Ok(())
    }

    #[cold]
    fn make_room(&mut self, stock: &Stock) -> bool {
        if self.beside.blocks.is_empty() {
            std::mem::swap(&mut self.at_hand, &mut self.beside);
            return true;
        }
        stock.put(&mut self.beside) && {
            std::mem::swap(&mut self.at_hand, &mut self.beside);
            self.at_hand.blocks.reserve_exact(BATCH);
            true
        }
    }
}

/// The batches that no thread keeps.
#[derive(Default)]
pub(crate) struct Stock([Shelf; Size::ALL.len()]);

#[derive(Default)]
struct Shelf {
    /// How many there are, for who looks without the lock.
    count: AtomicUsize,
    batches: Mutex<Vec<Batch>>,
}

impl Stock {
    fn take(&self, size: Size) -> Option<Batch> {
        let shelf = &self.0[size as usize];
        if shelf.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut batches = shelf.batches.lock();
        let batch = batches.pop();
        shelf.count.store(batches.len(), Ordering::Relaxed);
        batch
    }

    /// Takes over the blocks of a batch; `false` when there are enough.
    fn put(&self, batch: &mut Batch) -> bool {
        let shelf = &self.0[batch.size as usize];
        if shelf.count.load(Ordering::Relaxed) >= MOST_BATCHES {
            return false;
        }
        let none = Batch::none(batch.size);
        let mut batches = shelf.batches.lock();
        batches.push(std::mem::replace(batch, none));
        shelf.count.store(batches.len(), Ordering::Relaxed);
        true
    }
}

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn give(kept: &mut Kept, stock: &Stock, count: usize) -> HashSet<NonNull<u8>> {
        let blocks: HashSet<_> = (0..count).map(|_| allocate(kept.at_hand.size.layout())).collect();
        let given = blocks.iter().all(|block| kept.give(*block, || stock).is_ok());
        assert!(given);
        blocks
    }

    #[test]
    fn what_one_thread_gives_another_one_takes_in_whole_batches() {
        let stock = Stock::default();
        let (mut giver, mut taker) = (Kept::none(Size::Small), Kept::none(Size::Small));
        let given = give(&mut giver, &stock, 3 * BATCH + 1);
        let mut taken = Batch::none(Size::Small);
        taken.blocks.extend(std::iter::from_fn(|| taker.take(|| &stock)));
        assert_eq!(taken.blocks.len(), 2 * BATCH);
        taken.blocks.extend(std::iter::from_fn(|| giver.take(|| &stock)));
        assert_eq!(taken.blocks.iter().copied().collect::<HashSet<_>>(), given);
    }

    #[test]
    fn a_block_serves_one_size_only() {
        let stock = Stock::default();
        drop(give(&mut Kept::none(Size::Large), &stock, 4 * BATCH));
        assert_eq!(Kept::none(Size::Small).take(|| &stock), None);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let stock = Stock::default();
        let mut kept = Kept::none(Size::Small);
        give(&mut kept, &stock, (MOST_BATCHES + 2) * BATCH);
        let mut more = Batch::none(Size::Small);
        more.blocks.push(allocate(Size::Small.layout()));
        assert_eq!(kept.give(more.blocks[0], || &stock), Err(more.blocks[0]));
    }

    #[test]
    fn sizes_are_found_for_what_fits_them() {
        let of = |bytes, align| Size::of(Layout::from_size_align(bytes, align).unwrap());
        if !cfg!(miri) {
            assert_eq!([of(40, 8), of(56, 8)], [Some(Size::Small); 2]);
            assert_eq!([of(57, 1), of(120, 8)], [Some(Size::Large); 2]);
        }
        assert_eq!([of(121, 1), of(48, 16)], [None; 2]);
    }
}
