//! What was measured, as Markdown.

use crate::Measured;
use crate::contenders::{Contender, Contenders};
use crate::figures::{Bar, Figure};
use std::time::Duration;

/// What one run of a program gave.
pub(crate) enum Sample {
    /// Nanoseconds for each operation, or bytes for each process.
    Each(f64),
    Nothing,
    TooLong(Duration),
    Failed,
}

/// What all runs gave.
#[derive(Default)]
pub(crate) struct Samples {
    /// In order.
    each: Vec<f64>,
    /// Why there are none.
    none: Option<String>,
}

impl Samples {
    pub(crate) fn add(&mut self, sample: Sample) {
        match sample {
            Sample::Each(each) => {
                let place = self.each.partition_point(|other| *other < each);
                self.each.insert(place, each);
            }
            Sample::Nothing => self.none = None,
            Sample::TooLong(limit) => self.none = Some(format!("> {limit:.0?}")),
            Sample::Failed => self.none = Some("failed".to_owned()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    pub(crate) fn median(&self) -> Option<f64> {
        let middle = self.each.len() / 2;
        match self.each.len() % 2 {
            1 => Some(self.each[middle]),
            _ if self.is_empty() => None,
            _ => Some((self.each[middle - 1] + self.each[middle]) / 2.0),
        }
    }

    /// Half the distance between the least and the greatest, in hundredths of the median.
    fn spread(&self) -> Option<f64> {
        Some((self.each.last()? - self.each.first()?) / 2.0 / self.median()? * 100.0)
    }

    /// The median and the spread.
    fn shown(&self) -> String {
        match (self.median(), self.spread()) {
            (Some(median), Some(spread)) => format!("{median:.0} ± {spread:.0} %"),
            _ => self.none.clone().unwrap_or_else(|| "–".to_owned()),
        }
    }
}

type Row<'a> = (&'a Figure, Vec<(&'a Contender, Samples)>);

/// How many times as long `other` takes.
fn ratio(of: &Samples, other: &Samples) -> Option<f64> {
    Some(other.median()? / of.median()?)
}

fn shown(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"))
}

fn holds(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "yes",
        Some(false) => "**no**",
        None => "–",
    }
}

fn rule(columns: usize) -> String {
    format!("|---{}|", "|--:".repeat(columns))
}

pub(crate) fn heading(contenders: &Contenders, rounds: usize, quick: bool) {
    let text = |path| std::fs::read_to_string(path).unwrap_or_default();
    let processor = text("/proc/cpuinfo");
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    println!(
        "{} cores of {}; BEAM: {}; medians of {rounds} rounds{}; {} runnable tasks at the start.\n",
        contenders.workers,
        processor.map_or("an unknown processor", |(_, name)| name),
        contenders.beam.as_deref().unwrap_or("none"),
        if quick { ", a tenth of the size" } else { "" },
        text("/proc/loadavg").split(' ').next().unwrap_or("?"),
    );
    contenders.missing.iter().for_each(|missing| println!("{missing}\n"));
}

/// Nanoseconds and bytes, and the bars that are ratios to the BEAM.
pub(crate) fn beside_the_beam(rows: &[Row<'_>]) {
    let Some((_, first)) = rows.first() else { return };
    let crabtrees: Vec<&Contender> = first
        .iter()
        .map(|(one, _)| *one)
        .filter(|one| one.is_crabtree())
        .collect();
    println!("## Beside the BEAM\n");
    println!("Nanoseconds for an operation, bytes for a process; how many times as much it is on the BEAM; the bar.\n");
    let columns = |one: &&Contender| format!(" {} | ratio | holds |", one.name);
    println!("| | BEAM | bar |{}", crabtrees.iter().map(columns).collect::<String>());
    println!("{}", rule(2 + 3 * crabtrees.len()));
    for (figure, all) in rows {
        let none = Samples::default();
        let beam = all
            .iter()
            .find(|(one, _)| one.is_beam())
            .map_or(&none, |(_, samples)| samples);
        let bar = match figure.bar {
            Bar::Times(times) => format!("≥ {times} ×"),
            Bar::Bytes(bytes) => format!("≤ {bytes}"),
        };
        print!("| {}: {} | {} | {bar} |", figure.id, figure.what, beam.shown());
        for (_, samples) in all.iter().filter(|(one, _)| one.is_crabtree()) {
            let ratio = ratio(samples, beam);
            let fits = match figure.bar {
                Bar::Times(times) => ratio.map(|ratio| ratio >= times),
                Bar::Bytes(bytes) => samples.median().map(|median| median <= bytes as f64),
            };
            print!(" {} | {} | {} |", samples.shown(), shown(ratio), holds(fits));
        }
        println!();
    }
    println!();
}

/// The bar: ahead of each library in every figure that it has.
pub(crate) fn beside_libraries(rows: &[Row<'_>]) {
    let Some((_, first)) = rows.first() else { return };
    let is_other = |one: &Contender| !one.is_beam() && !one.is_crabtree();
    let others: Vec<&Contender> = first.iter().map(|(one, _)| *one).filter(|one| is_other(one)).collect();
    let Some(crabtree) = first.iter().map(|(one, _)| *one).find(|one| one.is_crabtree()) else {
        return;
    };
    if others.is_empty() {
        return;
    }
    println!("## Beside libraries\n");
    println!(
        "How many times as much it is there as with {}: above 1, Crabtree is ahead.\n",
        crabtree.name
    );
    let names: Vec<&str> = others.iter().map(|one| &*one.name).collect();
    println!(
        "| | {} | ahead of all but raw |\n{}",
        names.join(" | "),
        rule(1 + names.len())
    );
    for (figure, all) in rows {
        let Some((_, own)) = all.iter().find(|(one, _)| one.name == crabtree.name) else {
            continue;
        };
        print!("| {} |", figure.id);
        let mut ahead = Vec::new();
        for (one, samples) in all.iter().filter(|(one, _)| is_other(one)) {
            let ratio = ratio(own, samples);
            match ratio {
                Some(ratio) => print!(" {ratio:.2} |"),
                None => print!(" {} |", samples.shown()),
            }
            if !one.name.starts_with("raw") {
                ahead.extend(ratio.map(|ratio| ratio > 1.0));
            }
        }
        let ahead = (!ahead.is_empty()).then(|| ahead.iter().all(|is| *is));
        println!(" {} |", holds(ahead));
    }
    println!();
}

/// The bar: ten times the size takes at most twelve times as long.
pub(crate) fn linearity(contender: &Contender, rows: &[(&Figure, Samples, Samples)]) {
    if rows.is_empty() {
        return;
    }
    println!("## Growth of {}\n", contender.name);
    println!(
        "Nanoseconds for an operation, and how many times as long all of it takes at ten times the size: 12 at most.\n"
    );
    println!(
        "| | at the size above | at ten times that | ratio | holds |\n{}",
        rule(4)
    );
    for (figure, small, large) in rows {
        let growth = ratio(small, large).map(|growth| 10.0 * growth);
        let fits = growth.map(|growth| growth <= 12.0);
        println!(
            "| {} | {} | {} | {} | {} |",
            figure.id,
            small.shown(),
            large.shown(),
            shown(growth),
            holds(fits)
        );
    }
    println!();
}

/// The bar: hooks that nobody uses cost two hundredths at most.
pub(crate) fn hooks(measured: Measured, rows: &[Row<'_>]) {
    println!("## Hooks for traces, while nobody traces\n");
    match measured {
        Measured::Instructions => println!(
            "Instructions for an operation, on one thread, as valgrind counts them; and what hooks cost, in hundredths of \
             what the figure takes without them: 2 at most.\n"
        ),
        Measured::Time => println!(
            "Nanoseconds for an operation, for there is no valgrind here; and what hooks cost, in hundredths of what the \
             figure takes without them: 2 at most, within the spread. Two builds can differ by more than hooks cost.\n"
        ),
    }
    println!("| | with hooks | without | cost |\n{}", rule(3));
    for (figure, all) in rows {
        let (with, without) = all.split_at(all.len() / 2);
        for ((one, with), (_, without)) in with.iter().zip(without) {
            let cost = ratio(without, with).map(|ratio| 100.0 * (ratio - 1.0));
            let cost = cost.map_or_else(|| "–".to_owned(), |cost| format!("{cost:+.1} %"));
            println!(
                "| {}, {} | {} | {} | {cost} |",
                figure.id,
                one.name,
                with.shown(),
                without.shown()
            );
        }
    }
    println!();
}
