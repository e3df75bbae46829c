//! Memory for messages, which threads keep for the next message.
//!
//! Mostly one thread makes a message and another one drops it, at which allocators are slow. So a thread keeps the blocks of
//! the messages that it drops, up to two batches of each usual size, and makes its own messages of them. What is more goes to
//! the node's stock, a batch at a time, where threads that have none look first. It grows while there is much to do, as when
//! thousands of processes end together, and is [trimmed](Stock::trim) when that is over.
//!
//! # Invariants
//! 1. A block of a size was allocated by the [layout](Size::layout) of that size, and is nobody else's.
//! 2. The lock of a stock is innermost: nothing is done under it but to move a batch.

use crate::node::node;
use crate::process::rescue;
use parking_lot::Mutex;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many blocks go from one thread to another together.
const BATCH: usize = 64;
/// How many batches of a size a stock keeps: of all sizes 220 kilobytes.
const KEEPS: usize = 8;
/// How many are given back to the allocator together.
const TRIM: usize = 32;

/// A usual size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Size {
    /// Messages without a value, or almost.
    Tiny,
    /// What is sent, asked and answered, for the most part.
    Small,
    /// Signals with a reason.
    Medium,
    /// What a process has to do with others.
    Large,
}

impl Size {
    const ALL: [Size; 4] = [Size::Tiny, Size::Small, Size::Medium, Size::Large];

    /// Eight bytes less than a multiple of sixteen, which is what most allocators then take.
    const fn layout(self) -> Layout {
        let words = match self {
            Size::Tiny => Layout::array::<usize>(5),
            Size::Small => Layout::array::<usize>(7),
            Size::Medium => Layout::array::<usize>(15),
            Size::Large => Layout::array::<usize>(23),
        };
        match words {
            Ok(layout) => layout,
            Err(_) => unreachable!(),
        }
    }

    /// The least size that has room for it.
    const fn of(wanted: Layout) -> Option<Size> {
        // What is kept hides mistakes from Miri, and is no matter for loom.
        if cfg!(any(miri, crabtree_loom)) {
            return None;
        }
        let mut sizes = Size::ALL.as_slice();
        while let [size, larger @ ..] = sizes {
            if wanted.size() <= size.layout().size() && wanted.align() <= size.layout().align() {
                return Some(*size);
            }
            sizes = larger;
        }
        None
    }
}

/// Memory as it is taken and given: found out where the type is compiled.
#[derive(Clone, Copy)]
pub(crate) struct Block {
    layout: Layout,
    /// What is kept for others, if it is as usual.
    size: Option<Size>,
}

impl Block {
    /// One for a value of a type that is not empty.
    pub(crate) const fn of<T>() -> Block {
        let layout = Layout::new::<T>();
        assert!(layout.size() > 0);
        let size = Size::of(layout);
        Block { layout, size }
    }

    /// How many bytes were asked for.
    pub(crate) const fn size(self) -> usize {
        self.layout.size()
    }

    /// Memory for a value.
    pub(crate) fn take(self) -> NonNull<u8> {
        let Some(size) = self.size else {
            return allocate(self.layout);
        };
        // A thread that is about to end keeps none.
        let kept = KEPT.try_with(|kept| kept[size as usize].borrow_mut().take(|| &node().blocks));
        match kept.ok().flatten() {
            Some(memory) => memory,
            None => allocate(size.layout()),
        }
    }

    /// Gives back what [`take`](Block::take) gave.
    ///
    /// # Safety
    /// It was taken as such a block, and nobody uses it any more.
    pub(crate) unsafe fn give(self, memory: NonNull<u8>) {
        let Some(size) = self.size else {
            // SAFETY: it was allocated by this layout, and the caller gives it up.
            return unsafe { dealloc(memory.as_ptr(), self.layout) };
        };
        let kept = KEPT.try_with(|kept| kept[size as usize].borrow_mut().give(memory, || &node().blocks));
        if kept.is_err() {
            // SAFETY: it was allocated by this layout, and the caller gives it up.
            unsafe { dealloc(memory.as_ptr(), size.layout()) };
        }
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: neither the sizes here nor those of blocks are zero.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// A value in a block.
pub(crate) struct Pooled<T> {
    place: NonNull<T>,
}

// SAFETY: it owns the value, as a box does.
unsafe impl<T: Send> Send for Pooled<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Pooled<T> {}

impl<T> Pooled<T> {
    const BLOCK: Block = Block::of::<T>();

    pub(crate) fn new(value: T) -> Pooled<T> {
        let place = Self::BLOCK.take().cast::<T>();
        // SAFETY: the block is for a `T`, and ours.
        unsafe { place.write(value) };
        Pooled { place }
    }
}

impl<T: Default> Default for Pooled<T> {
    fn default() -> Pooled<T> {
        Pooled::new(T::default())
    }
}

impl<T> Deref for Pooled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: it is there until the drop.
        unsafe { self.place.as_ref() }
    }
}

impl<T> DerefMut for Pooled<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { self.place.as_mut() }
    }
}

impl<T> Drop for Pooled<T> {
    fn drop(&mut self) {
        /// Given back also when the value panics.
        struct Give<T>(NonNull<T>);

        impl<T> Drop for Give<T> {
            fn drop(&mut self) {
                // SAFETY: it was taken as such, and the value is gone.
                unsafe { Pooled::<T>::BLOCK.give(self.0.cast()) };
            }
        }

        let give = Give(self.place);
        // SAFETY: the value is not used again.
        unsafe { give.0.drop_in_place() };
    }
}

thread_local! {
    static KEPT: [RefCell<Kept>; Size::ALL.len()] = const {
        [
            RefCell::new(Kept::none(Size::Tiny)),
            RefCell::new(Kept::none(Size::Small)),
            RefCell::new(Kept::none(Size::Medium)),
            RefCell::new(Kept::none(Size::Large)),
        ]
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

    #[inline]
    fn give<'a>(&mut self, block: NonNull<u8>, stock: impl FnOnce() -> &'a Stock) {
        if self.at_hand.blocks.len() == BATCH {
            self.make_room(stock());
        }
        self.at_hand.blocks.push(block);
    }

    #[cold]
    fn make_room(&mut self, stock: &Stock) {
        if !self.beside.blocks.is_empty() {
            stock.put(&mut self.beside);
            self.beside.blocks.reserve_exact(BATCH);
        }
        std::mem::swap(&mut self.at_hand, &mut self.beside);
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

    /// Takes over the blocks of a batch.
    fn put(&self, batch: &mut Batch) {
        let shelf = &self.0[batch.size as usize];
        let none = Batch::none(batch.size);
        let mut batches = shelf.batches.lock();
        batches.push(std::mem::replace(batch, none));
        let count = batches.len();
        shelf.count.store(count, Ordering::Relaxed);
        drop(batches);
        if count == KEEPS + 1 {
            rescue::stay_awake();
        }
    }

    /// Gives some of what is more than usual back to the allocator. Says whether there was something to give.
    pub(crate) fn trim(&self) -> bool {
        let trimmed = self.0.each_ref().map(Shelf::trim);
        trimmed.contains(&true)
    }
}

impl Shelf {
    fn trim(&self) -> bool {
        if self.count.load(Ordering::Relaxed) <= KEEPS {
            return false;
        }
        let mut batches = self.batches.lock();
        let left = batches.len().saturating_sub(TRIM).max(KEEPS).min(batches.len());
        let given: Vec<Batch> = batches.drain(left..).collect();
        self.count.store(batches.len(), Ordering::Relaxed);
        drop(batches);
        !given.is_empty()
    }
}

#[cfg(all(test, not(crabtree_loom)))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn give(kept: &mut Kept, stock: &Stock, count: usize) -> HashSet<NonNull<u8>> {
        let blocks: HashSet<_> = (0..count).map(|_| allocate(kept.at_hand.size.layout())).collect();
        blocks.iter().for_each(|block| kept.give(*block, || stock));
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
    fn a_stock_that_has_grown_is_trimmed() {
        let stock = Stock::default();
        drop(give(&mut Kept::none(Size::Small), &stock, (KEEPS + TRIM + 3) * BATCH));
        let count = || stock.0[Size::Small as usize].batches.lock().len();
        assert_eq!(count(), KEEPS + TRIM + 1);
        assert_eq!([stock.trim(), stock.trim(), stock.trim()], [true, true, false]);
        assert_eq!(count(), KEEPS);
    }

    #[test]
    fn sizes_are_found_for_what_fits_them() {
        let of = |bytes, align| Size::of(Layout::from_size_align(bytes, align).unwrap());
        if !cfg!(miri) {
            assert_eq!([of(1, 8), of(40, 8)], [Some(Size::Tiny); 2]);
            assert_eq!([of(41, 8), of(56, 8)], [Some(Size::Small); 2]);
            assert_eq!([of(57, 1), of(120, 8)], [Some(Size::Medium); 2]);
            assert_eq!([of(121, 1), of(184, 8)], [Some(Size::Large); 2]);
        }
        assert_eq!([of(185, 1), of(48, 16)], [None; 2]);
    }

    #[test]
    fn a_value_in_a_block_is_dropped_once() {
        let value = std::sync::Arc::new(7);
        let mut pooled = Pooled::new((value.clone(), 0));
        pooled.1 += *pooled.0;
        assert_eq!(pooled.1, 7);
        drop(pooled);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    }
}
