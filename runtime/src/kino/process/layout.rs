//! Where the boxes of a tree go: a tidy tree in linear time.
//!
//! After Buchheim, Jünger and Leipert, *Improving Walker's Algorithm to Run in Linear Time* (2002), with boxes of
//! different sizes. A tidy tree keeps its levels aligned, centres parents over their children, draws equal
//! subtrees equally and leaves no more room than the gaps.
//!
//! The algorithm works along the *breadth* of the tree; levels follow each other along its *depth*. Top-down,
//! breadth is x and depth is y; left to right it is the other way round.

/// A box to be placed. Parents come before their children, siblings in their order.
pub(crate) struct Item {
    pub(crate) parent: Option<usize>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Which way the levels of a tree follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The root is at the top.
    TopDown,
    /// The root is at the left: better for many children, and for names that are long.
    LeftRight,
}

/// Space between boxes.
pub(crate) struct Gaps {
    /// Between two children of one parent.
    pub(crate) siblings: f64,
    /// Between neighbours of different parents.
    pub(crate) cousins: f64,
    /// Between a level and the next.
    pub(crate) levels: f64,
}

/// The place of a box: its upper left corner.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) x: f64,
    pub(crate) y: f64,
}

/// The places of all `items`, the outermost at 0.
pub(crate) fn places(items: &[Item], direction: Direction, gaps: &Gaps) -> Vec<Place> {
    let breadth = |item: &Item| match direction {
        Direction::TopDown => item.width,
        Direction::LeftRight => item.height,
    };
    let depth = |item: &Item| match direction {
        Direction::TopDown => item.height,
        Direction::LeftRight => item.width,
    };

    let breadths: Vec<f64> = items.iter().map(breadth).collect();
    let parents: Vec<Option<usize>> = items.iter().map(|item| item.parent).collect();
    let centres = Tidy::new(&parents, &breadths, gaps).centres();
    let start = centres
        .iter()
        .zip(&breadths)
        .map(|(c, b)| c - b / 2.0)
        .fold(f64::MAX, f64::min);

    let levels = levels(&parents);
    let mut extents = vec![0.0_f64; levels.iter().max().map_or(0, |deepest| deepest + 1)];
    for (item, &level) in items.iter().zip(&levels) {
        extents[level] = extents[level].max(depth(item));
    }
    let mut next = 0.0;
    let mut offsets = Vec::with_capacity(extents.len());
    for extent in extents {
        offsets.push(next);
        next += extent + gaps.levels;
    }

    centres
        .iter()
        .zip(&breadths)
        .zip(&levels)
        .map(|((centre, breadth), &level)| {
            let (along, across) = (centre - breadth / 2.0 - start, offsets[level]);
            match direction {
                Direction::TopDown => Place { x: along, y: across },
                Direction::LeftRight => Place { x: across, y: along },
            }
        })
        .collect()
}

fn levels(parents: &[Option<usize>]) -> Vec<usize> {
    let mut levels: Vec<usize> = Vec::with_capacity(parents.len());
    for parent in parents {
        levels.push(parent.map_or(0, |parent| levels[parent] + 1));
    }
    levels
}

/// The state of the paper's algorithm, its names kept; one entry per box.
struct Tidy<'a> {
    parents: &'a [Option<usize>],
    children: Vec<Vec<usize>>,
    /// The place among the siblings.
    number: Vec<usize>,
    breadths: &'a [f64],
    gaps: &'a Gaps,
    /// The centre of a box relative to its parent's subtree, before modifiers.
    prelim: Vec<f64>,
    /// What to add to the centres of all boxes below.
    modifier: Vec<f64>,
    shift: Vec<f64>,
    change: Vec<f64>,
    /// Where the contour of a subtree goes on below a leaf.
    thread: Vec<Option<usize>>,
    ancestor: Vec<usize>,
}

impl<'a> Tidy<'a> {
    fn new(parents: &'a [Option<usize>], breadths: &'a [f64], gaps: &'a Gaps) -> Tidy<'a> {
        let count = parents.len();
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut number = vec![0; count];
        for (v, parent) in parents.iter().enumerate() {
            if let Some(parent) = *parent {
                number[v] = children[parent].len();
                children[parent].push(v);
            }
        }
        Tidy {
            parents,
            children,
            number,
            breadths,
            gaps,
            prelim: vec![0.0; count],
            modifier: vec![0.0; count],
            shift: vec![0.0; count],
            change: vec![0.0; count],
            thread: vec![None; count],
            ancestor: (0..count).collect(),
        }
    }

    fn centres(mut self) -> Vec<f64> {
        let mut default_ancestor: Vec<usize> = self.children.iter().map(|c| c.first().copied().unwrap_or(0)).collect();
        for v in self.postorder() {
            self.place_over_children(v);
            if let Some(parent) = self.parents[v] {
                default_ancestor[parent] = self.apportion(v, default_ancestor[parent]);
            }
        }
        let mut below = vec![0.0; self.parents.len()];
        (0..self.parents.len())
            .map(|v| {
                let above = self.parents[v].map_or(0.0, |parent| below[parent]);
                below[v] = above + self.modifier[v];
                above + self.prelim[v]
            })
            .collect()
    }

    /// Children before parents, siblings from first to last.
    fn postorder(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.parents.len());
        let mut pending: Vec<usize> = (0..self.parents.len().min(1)).collect();
        while let Some(v) = pending.pop() {
            order.push(v);
            pending.extend(&self.children[v]);
        }
        order.reverse();
        order
    }

    fn place_over_children(&mut self, v: usize) {
        self.execute_shifts(v);
        let middle = match self.children[v][..] {
            [] => 0.0,
            [only] => self.prelim[only],
            [first, .., last] => (self.prelim[first] + self.prelim[last]) / 2.0,
        };
        match self.left_sibling(v) {
            Some(left) => {
                self.prelim[v] = self.prelim[left] + self.distance(left, v);
                self.modifier[v] = self.prelim[v] - middle;
            }
            None => self.prelim[v] = middle,
        }
    }

    /// Moves the subtree of `v` away from those of its left siblings, and spreads what it moved among the
    /// smaller ones in between.
    fn apportion(&mut self, v: usize, mut default_ancestor: usize) -> usize {
        let Some(left) = self.left_sibling(v) else {
            return default_ancestor;
        };
        let first = self.children[self.parents[v].expect("a sibling has a parent")][0];
        // The contours, inner and outer, of what is left of `v` and of `v` itself.
        let (mut inner_left, mut inner_right) = (left, v);
        let (mut outer_left, mut outer_right) = (first, v);
        let mut sum_inner_left = self.modifier[inner_left];
        let mut sum_inner_right = self.modifier[inner_right];
        let mut sum_outer_left = self.modifier[outer_left];
        let mut sum_outer_right = self.modifier[outer_right];
        while let (Some(next_left), Some(next_right)) = (self.next_right(inner_left), self.next_left(inner_right)) {
            (inner_left, inner_right) = (next_left, next_right);
            // The outer contours reach at least as deep as the inner ones.
            outer_left = self.next_left(outer_left).unwrap_or(outer_left);
            outer_right = self.next_right(outer_right).unwrap_or(outer_right);
            self.ancestor[outer_right] = v;
            let shift = (self.prelim[inner_left] + sum_inner_left) - (self.prelim[inner_right] + sum_inner_right)
                + self.distance(inner_left, inner_right);
            if shift > 0.0 {
                let ancestor = self.ancestor[inner_left];
                let ancestor = match self.parents[ancestor] == self.parents[v] {
                    true => ancestor,
                    false => default_ancestor,
                };
                self.move_subtree(ancestor, v, shift);
                sum_inner_right += shift;
                sum_outer_right += shift;
            }
            sum_inner_left += self.modifier[inner_left];
            sum_inner_right += self.modifier[inner_right];
            sum_outer_left += self.modifier[outer_left];
            sum_outer_right += self.modifier[outer_right];
        }
        if let Some(next) = self.next_right(inner_left)
            && self.next_right(outer_right).is_none()
        {
            self.thread[outer_right] = Some(next);
            self.modifier[outer_right] += sum_inner_left - sum_outer_right;
        }
        if let Some(next) = self.next_left(inner_right)
            && self.next_left(outer_left).is_none()
        {
            self.thread[outer_left] = Some(next);
            self.modifier[outer_left] += sum_inner_right - sum_outer_left;
            default_ancestor = v;
        }
        default_ancestor
    }

    fn move_subtree(&mut self, from: usize, to: usize, shift: f64) {
        let subtrees = (self.number[to] - self.number[from]) as f64;
        self.change[to] -= shift / subtrees;
        self.shift[to] += shift;
        self.change[from] += shift / subtrees;
        self.prelim[to] += shift;
        self.modifier[to] += shift;
    }

    fn execute_shifts(&mut self, v: usize) {
        let (mut shift, mut change) = (0.0, 0.0);
        for &w in self.children[v].iter().rev() {
            self.prelim[w] += shift;
            self.modifier[w] += shift;
            change += self.change[w];
            shift += self.shift[w] + change;
        }
    }

    fn next_left(&self, v: usize) -> Option<usize> {
        self.children[v].first().copied().or(self.thread[v])
    }

    fn next_right(&self, v: usize) -> Option<usize> {
        self.children[v].last().copied().or(self.thread[v])
    }

    fn left_sibling(&self, v: usize) -> Option<usize> {
        let siblings = &self.children[self.parents[v]?];
        self.number[v].checked_sub(1).map(|left| siblings[left])
    }

    fn distance(&self, left: usize, right: usize) -> f64 {
        let gap = match self.parents[left] == self.parents[right] {
            true => self.gaps.siblings,
            false => self.gaps.cousins,
        };
        (self.breadths[left] + self.breadths[right]) / 2.0 + gap
    }
}

#[cfg(test)]
mod tests {
    use super::{Direction, Gaps, Item, Place, places};

    const GAPS: Gaps = Gaps {
        siblings: 10.0,
        cousins: 20.0,
        levels: 30.0,
    };

    /// Numbers that look random and are the same in every run.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (self.0 >> 33) as usize % sides
        }
    }

    /// A tree of `count` boxes in the order of a walk, of random form and sizes.
    fn random_tree(dice: &mut Dice, count: usize) -> Vec<Item> {
        let mut path: Vec<usize> = Vec::new();
        (0..count)
            .map(|n| {
                if n > 1 {
                    // Deep, wide or ragged, by how often the path is cut.
                    let keep = 1 + dice.roll(path.len());
                    path.truncate(if dice.roll(3) == 0 {
                        keep
                    } else {
                        path.len() - (path.len() > 1) as usize
                    });
                }
                let parent = path.last().copied();
                path.push(n);
                Item {
                    parent,
                    width: 20.0 + dice.roll(200) as f64,
                    height: 10.0 + dice.roll(60) as f64,
                }
            })
            .collect()
    }

    fn overlap((a, at): (&Item, Place), (b, bt): (&Item, Place)) -> bool {
        let apart = |from: f64, size: f64, other: f64, other_size: f64| {
            from + size <= other + 1e-6 || other + other_size <= from + 1e-6
        };
        !(apart(at.x, a.width, bt.x, b.width) || apart(at.y, a.height, bt.y, b.height))
    }

    #[test]
    fn no_two_boxes_overlap_and_none_lies_outside() {
        let mut dice = Dice(7);
        for round in 0..600 {
            let count = 1 + dice.roll(60);
            let items = random_tree(&mut dice, count);
            for direction in [Direction::TopDown, Direction::LeftRight] {
                let places = places(&items, direction, &GAPS);
                for (n, (item, place)) in items.iter().zip(&places).enumerate() {
                    assert!(
                        place.x >= -1e-6 && place.y >= -1e-6,
                        "round {round}: box {n} at {place:?}"
                    );
                    for m in 0..n {
                        assert!(
                            !overlap((item, *place), (&items[m], places[m])),
                            "round {round}, {direction:?}: boxes {m} and {n} overlap"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn siblings_keep_their_order_and_a_parent_stands_between_its_outer_children() {
        let mut dice = Dice(11);
        for _ in 0..300 {
            let items = random_tree(&mut dice, 40);
            let places = places(&items, Direction::TopDown, &GAPS);
            let centre = |n: usize| places[n].x + items[n].width / 2.0;
            for parent in 0..items.len() {
                let children: Vec<usize> = (0..items.len()).filter(|&n| items[n].parent == Some(parent)).collect();
                assert!(children.is_sorted_by(|&a, &b| centre(a) < centre(b)));
                if let [first, .., last] = children[..] {
                    let middle = (centre(first) + centre(last)) / 2.0;
                    assert!((centre(parent) - middle).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn a_tree_of_one_box_begins_at_the_corner() {
        let items = [Item {
            parent: None,
            width: 50.0,
            height: 20.0,
        }];
        let places = places(&items, Direction::TopDown, &GAPS);
        assert_eq!((places[0].x, places[0].y), (0.0, 0.0));
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let items: Vec<Item> = (0..100_000_usize)
            .map(|n| Item {
                parent: n.checked_sub(1),
                width: 50.0,
                height: 20.0,
            })
            .collect();
        assert_eq!(places(&items, Direction::LeftRight, &GAPS).len(), items.len());
    }
}
