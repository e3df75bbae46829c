//! What the end of an application means for the others. It concerns all applications of a program, so this is one test.

mod common;

use common::{check, end_of};
use crabtree::application::{Application, Spec, Type};
use crabtree::prelude::*;

/// A process that ends when it is told to.
struct Root(Pid);

impl Application for Root {
    async fn start(&self) -> Result<Pid, ExitReason> {
        let root = spawn_link(async {
            receive! { reason: ExitReason => exit(reason) }
        });
        send(self.0, root);
        Ok(root)
    }
}

// application: "permanent: if the application terminates, all other applications … are also terminated";
// "transient: … with reason normal … no other applications are terminated"
#[test]
fn the_type_of_an_application_says_what_its_end_means_for_the_others() {
    let normal = || ExitReason::Normal;
    let grid = [
        (Type::Permanent, normal(), false),
        (Type::Permanent, ExitReason::Shutdown, false),
        (Type::Permanent, "boom".into(), false),
        (Type::Transient, normal(), true),
        (Type::Transient, ExitReason::Shutdown, false),
        (Type::Transient, "boom".into(), false),
        (Type::Temporary, normal(), true),
        (Type::Temporary, ExitReason::Shutdown, true),
        (Type::Temporary, "boom".into(), true),
    ];
    for (kind, reason, others_live) in grid {
        check(async {
            for name in ["first", "second", "subject"] {
                application::load(Spec::new(name, Root(me()))).unwrap();
            }
            application::start("first", Type::Permanent).await.unwrap();
            application::start("subject", kind).await.unwrap();
            application::start("second", Type::Temporary).await.unwrap();
            let roots: Vec<Pid> = vec![next().await, next().await, next().await];
            let master = process::info(roots[1]).unwrap().group_leader;
            let watched = [0, 2].map(|place| (place, process::monitor(roots[place])));
            send(roots[1], reason.clone());
            end_of(master).await;
            let running = application::which_applications().len();
            assert_eq!(running, if others_live { 2 } else { 0 }, "{kind:?} {reason}");
            // The last started goes first.
            let mut ended = Vec::new();
            while ended.len() < 2 && !others_live {
                receive! { Down { monitor, .. } => ended.extend(watched.iter().find(|(_, other)| *other == monitor)) }
            }
            let places: Vec<usize> = ended.iter().map(|(place, _)| *place).collect();
            assert_eq!(
                places,
                if others_live { vec![] } else { vec![2, 0] },
                "{kind:?} {reason}"
            );
            for name in ["first", "second", "subject"] {
                drop(application::stop(name).await);
                application::unload(name).unwrap();
            }
        });
    }
}

async fn next() -> Pid {
    receive! { root: Pid => root }
}
