//! Memory for messages, which threads keep for the next message.
//!
//! Mostly one thread makes a message and another one drops it, at which allocators are slow. So a thread keeps the blocks of
//! the messages that it drops, up to two batches of each usual size, and makes its own messages of them. What is more goes to
//! the node's stock, a batch at a time, where threads that have none look first. It grows while there is much to do, as when
//! thousands of processes end together, and is [trimmed](Stock::trim) when that is over.
//!
//! Blocks are allocated many at a time, as a [`Slab`], which goes when the last of its blocks does.
//!
//! # Invariants
//! 1. A block of a size is one of a slab of that size, is not [retired](retire), and is nobody else's.
//! 2. The lock of a stock is innermost: nothing is done under it but to move a batch.

use crate::node::node;
use crate::process::rescue;
use parking_lot::Mutex;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// How many blocks go together from one thread to another.
const BATCH: usize = 64;
/// How many batches are allocated together. To allocate more at a time takes less time for each, and holds more memory when
/// some of the blocks stay.
const SLAB: usize = 2;
/// How many batches of a size are too few for somebody to wake up and see to them.
const FEW: usize = 1;
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

    /// How many bytes such a block has. With the [`Link`] before it, a small one is a line of the cache.
    const fn bytes(self) -> usize {
        match self {
            Size::Tiny => 40,
            Size::Small => 56,
            Size::Medium => 120,
            Size::Large => 184,
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
            if wanted.size() <= size.bytes() && wanted.align() <= align_of::<Link>() {
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
        match kept {
            Ok(memory) => memory,
            Err(_) => Slab::make(size, 1).next().expect("it has one"),
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
            // SAFETY: it is one of this size, and the caller gives it up.
            unsafe { retire(memory) };
        }
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: neither a slab nor a block is empty.
    let memory = unsafe { alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Blocks of one size that were allocated together, and lie behind this.
///
/// # Invariants
/// 1. Before each block is a [`Link`] to the slab, which is there until all have been retired.
#[repr(C, align(64))]
struct Slab {
    /// How many of its blocks have not been retired.
    left: AtomicUsize,
    size: Size,
    layout: Layout,
}

/// What precedes a block.
type Link = NonNull<Slab>;

impl Slab {
    /// One with so many blocks, which are the caller's.
    fn make(size: Size, count: usize) -> Blocks {
        let bytes = size_of::<Slab>() + count * (size_of::<Link>() + size.bytes());
        let layout = Layout::from_size_align(bytes, align_of::<Slab>()).expect("it is some kilobytes");
        let slab = allocate(layout).cast::<Slab>();
        let left = AtomicUsize::new(count);
        // SAFETY: the memory is ours, and larger than a slab.
        unsafe { slab.write(Slab { left, size, layout }) };
        Blocks {
            slab,
            size,
            left: 0..count,
        }
    }
}

/// The blocks of a new slab that nobody has taken yet, and nobody has touched.
struct Blocks {
    slab: NonNull<Slab>,
    size: Size,
    left: Range<usize>,
}

impl Iterator for Blocks {
    type Item = NonNull<u8>;

    fn next(&mut self) -> Option<NonNull<u8>> {
        let number = self.left.next()?;
        let stride = size_of::<Link>() + self.size.bytes();
        // SAFETY: the slab has a block of that number, with a link before it, and both are ours.
        unsafe {
            let link = self.slab.cast::<u8>().add(size_of::<Slab>() + number * stride);
            link.cast::<Link>().write(self.slab);
            Some(link.add(size_of::<Link>()))
        }
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        for block in self {
            // SAFETY: it is one of the slab, and nobody has it.
            unsafe { retire(block) };
        }
    }
}

/// Gives up a block for good, and its slab if that was the last one.
///
/// # Safety
/// It is one of a slab (invariant 1 of the module), and nobody uses it any more.
unsafe fn retire(block: NonNull<u8>) {
    // SAFETY: the slab is there until the last of its blocks was retired, and then nobody else knows of it.
    unsafe {
        let slab = block.cast::<Link>().sub(1).read();
        if slab.as_ref().left.fetch_sub(1, Ordering::Release) == 1 {
            fence(Ordering::Acquire);
            let layout = slab.as_ref().layout;
            dealloc(slab.cast().as_ptr(), layout);
        }
    }
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
            unsafe { retire(*block) };
        }
    }
}

/// What one thread keeps of one size.
struct Kept {
    at_hand: Batch,
    /// Full, or empty: so that who takes and gives in turn does not go to the stock each time.
    beside: Batch,
    /// Of the last slab that this thread had allocated.
    fresh: Option<Blocks>,
}

impl Kept {
    const fn none(size: Size) -> Kept {
        Kept {
            at_hand: Batch::none(size),
            beside: Batch::none(size),
            fresh: None,
        }
    }

    #[inline]
    fn take<'a>(&mut self, stock: impl FnOnce() -> &'a Stock) -> NonNull<u8> {
        match self.at_hand.blocks.pop() {
            None => self.fetch(stock()),
            Some(block) => block,
        }
    }

    #[cold]
    fn fetch(&mut self, stock: &Stock) -> NonNull<u8> {
        std::mem::swap(&mut self.at_hand, &mut self.beside);
        let at_hand = &mut self.at_hand;
        if at_hand.blocks.is_empty() {
            match stock.take(at_hand.size) {
                Some(batch) => *at_hand = batch,
                None => {
                    let fresh = match &mut self.fresh {
                        Some(fresh) if !fresh.left.is_empty() => fresh,
                        spent => spent.insert(Slab::make(at_hand.size, SLAB * BATCH)),
                    };
                    at_hand.blocks.extend(fresh.take(BATCH));
                    // The first one is taken first.
                    at_hand.blocks.reverse();
                }
            }
        }
        at_hand.blocks.pop().expect("no batch is empty")
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
        if count == FEW + 1 {
            rescue::stay_awake();
        }
    }

    /// Gives some of it back to the allocator, for when the node is quiet. Says whether there was something to give.
    ///
    /// In the end that is all: blocks that stay hold the slabs of many others.
    pub(crate) fn trim(&self) -> bool {
        let trimmed = self.0.each_ref().map(Shelf::trim);
        trimmed.contains(&true)
    }
}

impl Shelf {
    fn trim(&self) -> bool {
        if self.count.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut batches = self.batches.lock();
        let left = batches.len().saturating_sub(TRIM);
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
        let blocks = Slab::make(kept.at_hand.size, count);
        blocks.inspect(|block| kept.give(*block, || stock)).collect()
    }

    fn take(kept: &mut Kept, stock: &Stock, count: usize) -> HashSet<NonNull<u8>> {
        let mut batch = Batch::none(kept.at_hand.size);
        batch.blocks.extend((0..count).map(|_| kept.take(|| stock)));
        batch.blocks.iter().copied().collect()
    }

    #[test]
    fn what_one_thread_gives_another_one_takes_in_whole_batches() {
        let stock = Stock::default();
        let (mut giver, mut taker) = (Kept::none(Size::Small), Kept::none(Size::Small));
        let given = give(&mut giver, &stock, 3 * BATCH + 1);
        let taken: Vec<NonNull<u8>> = (0..2 * BATCH + 1).map(|_| taker.take(|| &stock)).collect();
        let (of_the_giver, made) = taken.split_at(2 * BATCH);
        assert!(of_the_giver.iter().all(|block| given.contains(block)));
        assert!(!given.contains(&made[0]), "the giver keeps the rest");
        taken.into_iter().for_each(|block| taker.give(block, || &stock));
    }

    #[test]
    fn a_block_serves_one_size_only() {
        let stock = Stock::default();
        let given = give(&mut Kept::none(Size::Large), &stock, 4 * BATCH);
        let taken = take(&mut Kept::none(Size::Small), &stock, BATCH);
        assert!(given.is_disjoint(&taken));
    }

    #[test]
    fn blocks_of_a_slab_lie_apart() {
        for size in Size::ALL {
            let taken = take(&mut Kept::none(size), &Stock::default(), BATCH);
            let mut places: Vec<usize> = taken.iter().map(|block| block.addr().get()).collect();
            places.sort_unstable();
            let apart = |pair: &[usize]| pair[1] - pair[0] >= size.bytes() + size_of::<Link>();
            assert!(places.len() == BATCH && places.windows(2).all(apart));
        }
    }

    #[test]
    fn a_stock_is_trimmed_to_nothing() {
        let stock = Stock::default();
        drop(give(&mut Kept::none(Size::Small), &stock, (TRIM + 3) * BATCH));
        assert_eq!(stock.0[Size::Small as usize].batches.lock().len(), TRIM + 1);
        assert_eq!([stock.trim(), stock.trim(), stock.trim()], [true, true, false]);
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
