//! What a capture is about. Plain decisions, without a lock.

use super::event::Kind;
use super::recorder::What;
use crate::name::Name;
use crate::pid::Pid;
use std::collections::HashSet;

/// What a capture is about.
pub(super) enum Scope {
    /// Everything.
    Node,
    Chosen(Chosen),
}

/// Some processes, and what they do and undergo.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    pub(super) members: HashSet<Pid>,
    /// Whoever gets such a name is a member.
    pub(super) names: Vec<Name>,
    /// Whether a process that a member spawns is a member.
    pub(super) descendants: bool,
    /// Set when the capture goes on wherever messages of members lead.
    pub(super) effects: Option<Effects>,
}

/// Processes that are no members, and act because of a member.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// Those whose last message was captured.
    carriers: HashSet<Pid>,
    /// Those whom a captured exit signal went to.
    signalled: HashSet<Pid>,
}

impl Scope {
    /// Whether all that this process does is wanted.
    pub(super) fn is_about(&self, pid: Pid) -> bool {
        match self {
            Scope::Node => true,
            Scope::Chosen(chosen) => chosen.members.contains(&pid),
        }
    }

    pub(super) fn wants(&self, what: &What) -> bool {
        match self {
            Scope::Node => true,
            Scope::Chosen(chosen) => chosen.wants(what),
        }
    }

    /// Takes notice of a captured event.
    pub(super) fn happened(&mut self, what: &What) {
        if let Scope::Chosen(chosen) = self {
            chosen.happened(what);
        }
    }

    /// Takes notice of a message that `pid` received: a captured one, or another.
    pub(super) fn received(&mut self, pid: Pid, captured: bool) {
        if let Scope::Chosen(Chosen {
            effects: Some(effects), ..
        }) = self
        {
            match captured {
                true => effects.carriers.insert(pid),
                false => effects.carriers.remove(&pid),
            };
        }
    }

    /// Takes notice of a name that `pid` gets.
    pub(super) fn named(&mut self, pid: Pid, name: &Name) {
        if let Scope::Chosen(chosen) = self
            && chosen.names.contains(name)
        {
            chosen.members.insert(pid);
        }
    }
}

impl Chosen {
    fn wants(&self, what: &What) -> bool {
        let is_member = |pid: Option<Pid>| pid.is_some_and(|pid| self.members.contains(&pid));
        is_member(what.from) || is_member(what.to) || self.is_effect(what)
    }

    fn is_effect(&self, what: &What) -> bool {
        let (Some(effects), Some(from)) = (&self.effects, what.from) else {
            return false;
        };
        effects.carriers.contains(&from) || (what.kind == Kind::Exited && effects.signalled.contains(&from))
    }

    fn happened(&mut self, what: &What) {
        match (what.kind, what.from, what.to) {
            (Kind::Spawn, Some(parent), Some(child)) if self.descendants => self.born(parent, child),
            (Kind::Exit, _, Some(to)) => {
                if let Some(effects) = &mut self.effects {
                    effects.signalled.insert(to);
                }
            }
            // What its end does to others is an effect, too.
            (Kind::Exited, Some(who), _) => {
                if let Some(effects) = &mut self.effects {
                    effects.carriers.insert(who);
                }
            }
            _ => {}
        }
    }

    /// A child of a member is one; a child of somebody who acts for a member does so as well.
    fn born(&mut self, parent: Pid, child: Pid) {
        if self.members.contains(&parent) {
            self.members.insert(child);
        } else if let Some(effects) = &mut self.effects
            && effects.carriers.contains(&parent)
        {
            effects.carriers.insert(child);
        }
    }
}
