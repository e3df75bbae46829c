//! Crabtree beside the BEAM, other actor libraries and plain tokio: `cargo bench -p crabtree --bench beside`.
//!
//! Each figure of each contender is a program of its own. They run in turn, several rounds of it, so that what disturbs the
//! machine disturbs all of them; what is printed, as Markdown, is the median. BENCHMARKS.md says more.
//!
//! The programs are a workspace of their own, in `contenders`, and those of the BEAM in `beam`: nothing that Crabtree is
//! compared with is ever among its dependencies.

mod contenders;
mod figures;
mod table;

use contenders::{Contender, Contenders};
use figures::{FIGURES, Figure};
use std::process::exit;
use std::time::Instant;
use table::{Sample, Samples};

const USAGE: &str = "\
usage: cargo bench -p crabtree --bench beside -- [options]
  --quick               one round, a tenth of the size
  --rounds <n>          how many rounds there are (3)
  --only <figure,…>     these figures only
  --contenders <name,…> these contenders only; `<name>+mimalloc` is one with mimalloc as its allocator
  --allocator mimalloc  the same as `+mimalloc` behind every contender but the BEAM
  --no-linear           without the runs at ten times the size
  --no-trace            without the comparison with a build that has no hooks for traces";

/// What the command line asks for.
struct Options {
    quick: bool,
    rounds: usize,
    only: Vec<String>,
    contenders: Vec<String>,
    mimalloc: bool,
    linear: bool,
    trace: bool,
}

fn main() {
    let options = options(std::env::args().skip(1)).unwrap_or_else(|mistake| {
        eprintln!("{mistake}\n{USAGE}");
        exit(2);
    });
    let began = Instant::now();
    let contenders = Contenders::prepare(&options.contenders, options.mimalloc);
    let figures: Vec<&Figure> = (FIGURES.iter())
        .filter(|figure| options.only.is_empty() || options.only.iter().any(|only| only == figure.id))
        .collect();
    let rounds = if options.quick { 1 } else { options.rounds };
    let size = |figure: &Figure| if options.quick { figure.size / 10 } else { figure.size };

    table::heading(&contenders, rounds, options.quick);
    let mut all: Vec<(&Figure, Vec<(&Contender, Samples)>)> = Vec::new();
    for figure in &figures {
        eprintln!("{}", figure.id);
        all.push((figure, measure(contenders.all(), figure, size(figure), rounds)));
    }
    table::beside_the_beam(&all);
    table::beside_libraries(&all);
    let crabtree: Vec<&Contender> = contenders
        .all()
        .iter()
        .filter(|one| one.is_crabtree())
        .take(1)
        .collect();
    if options.linear {
        for one in &crabtree {
            let rows = figures.iter().filter(|figure| figure.linear).map(|figure| {
                eprintln!("{} at ten times the size", figure.id);
                let [small, large] = [size(figure), 10 * size(figure)]
                    .map(|size| measure(&[(*one).clone()], figure, size, rounds.min(3)).remove(0).1);
                (*figure, small, large)
            });
            table::linearity(one, &rows.collect::<Vec<_>>());
        }
    }
    if options.trace && !crabtree.is_empty() {
        let untraced = contenders.untraced(&crabtree);
        let both: Vec<Contender> = crabtree.iter().map(|one| (*one).clone()).chain(untraced).collect();
        let measured = match contenders::can_count_instructions() {
            true => Measured::Instructions,
            false => Measured::Time,
        };
        // A stop takes too long under valgrind, and bytes are no matter of hooks.
        let figures = (figures.iter()).filter(|figure| figure.id != "stop_children" && !figure.is_about_bytes());
        let rows = figures.map(|figure| {
            eprintln!("{} without hooks", figure.id);
            let all = match measured {
                Measured::Instructions => in_turn(&both, rounds, |one| {
                    one.instructions(figure, figure.size / INSTRUCTIONS_OF)
                }),
                Measured::Time => measure(&both, figure, size(figure), rounds),
            };
            (*figure, all)
        });
        table::hooks(measured, &rows.collect::<Vec<_>>());
    }
    println!("It took {:.0?}.", began.elapsed());
}

/// What of a program is measured.
#[derive(Clone, Copy)]
enum Measured {
    Time,
    Instructions,
}

/// Instructions are counted in programs of this part of the size.
const INSTRUCTIONS_OF: usize = 50;

/// Runs one figure of all contenders in turn.
fn measure<'a>(
    contenders: impl IntoIterator<Item = &'a Contender>,
    figure: &Figure,
    size: usize,
    rounds: usize,
) -> Vec<(&'a Contender, Samples)> {
    in_turn(contenders, rounds, |contender| contender.run(figure, size))
}

fn in_turn<'a>(
    contenders: impl IntoIterator<Item = &'a Contender>,
    rounds: usize,
    run: impl Fn(&Contender) -> Sample,
) -> Vec<(&'a Contender, Samples)> {
    let mut all: Vec<(&Contender, Samples)> = contenders
        .into_iter()
        .map(|contender| (contender, Samples::default()))
        .collect();
    for round in 0..rounds {
        for (contender, samples) in &mut all {
            // What a contender does not have, or not in time, it does not have in the next round either.
            if round == 0 || !samples.is_empty() {
                samples.add(run(contender));
            }
        }
    }
    all
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        quick: false,
        rounds: 3,
        only: Vec::new(),
        contenders: Vec::new(),
        mimalloc: false,
        linear: true,
        trace: true,
    };
    let list = |text: String| text.split(',').map(str::to_owned).collect();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} has no value"));
        match &*argument {
            // Cargo says so to every bench.
            "--bench" => {}
            "--quick" => options.quick = true,
            "--rounds" => options.rounds = value()?.parse().map_err(|_| "--rounds takes a number".to_owned())?,
            "--only" => options.only = list(value()?),
            "--contenders" => options.contenders = list(value()?),
            "--allocator" => match &*value()? {
                "system" => options.mimalloc = false,
                "mimalloc" => options.mimalloc = true,
                other => return Err(format!("--allocator takes `system` or `mimalloc`, not {other:?}")),
            },
            "--no-linear" => options.linear = false,
            "--no-trace" => options.trace = false,
            other => return Err(format!("there is no option {other:?}")),
        }
    }
    let known = |id: &String| FIGURES.iter().any(|figure| figure.id == *id);
    match options.only.iter().find(|id| !known(id)) {
        Some(unknown) => {
            let ids: Vec<&str> = FIGURES.iter().map(|figure| figure.id).collect();
            Err(format!("there is no figure {unknown:?}; there are {}", ids.join(", ")))
        }
        None => Ok(options),
    }
}
