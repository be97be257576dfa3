//! The rotation saga against a small model of Databricks: every order of crashes, lost replies,
//! failed deletes and foreign secrets up to a number of faults, with the invariants of the design:
//! I1 some live secret always has a sealed package, I2 foreign secrets are never deleted, I3 never
//! more than five, I4 no orphan of ours when it is done, I5 it can always be finished.
//!
//! The tempting wrong ways are walked too, and must be caught: a model that cannot fail proves
//! nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use breakglass::domain::ids::{Digest, RotationId};
use breakglass::domain::rotation::{Cause, Event, InMemory, Next, Proof, Rotation, State};
use breakglass::domain::time::Timestamp;

/// Faults in one run, crashes and foreign secrets included.
const FAULTS: u8 = 7;
/// The predecessor's id.
const OLD: u8 = 0;
/// Live secrets Databricks allows.
const MOST: usize = 5;

/// Which saga is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Right,
    PostAgainAfterRestart,
    DeleteBeforeCreate,
    DeleteEveryUnknownId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Maker {
    Ours,
    Foreign,
}

/// Databricks, the store and the memory of the process.
#[derive(Debug, Clone)]
struct Model {
    saga: Rotation,
    live: BTreeMap<u8, Maker>,
    sealed: BTreeSet<u8>,
    current: u8,
    memory: InMemory,
    foreign_made: BTreeSet<u8>,
    faults_left: u8,
}

const NOTHING: InMemory = InMemory {
    predecessor: false,
    successor: false,
};

impl Model {
    fn start() -> Self {
        let id = RotationId::numbered(1);
        Self {
            saga: Rotation::begun(id, None, Cause::Close, 1, Timestamp(0)),
            live: BTreeMap::from([(OLD, Maker::Ours)]),
            sealed: BTreeSet::from([OLD]),
            current: OLD,
            memory: InMemory {
                predecessor: true,
                successor: false,
            },
            foreign_made: BTreeSet::new(),
            faults_left: FAULTS,
        }
    }

    /// What makes two states the same for the search.
    fn key(&self) -> String {
        let (s, m) = (&self.saga, &self.memory);
        format!(
            "{:?}{:?}{:?}{:?}{:?}{}{}{}{}",
            s.state,
            s.pre_ids,
            s.new_secret_id,
            self.live,
            self.sealed,
            self.current,
            m.predecessor,
            m.successor,
            self.faults_left
        )
    }

    fn tell(&mut self, event: &Event) {
        self.saga.apply(event).unwrap_or_else(|e| panic!("{e}"));
    }

    fn unused_id(&self) -> u8 {
        (1..)
            .find(|id| !self.live.contains_key(id))
            .expect("a free number below 256")
    }

    fn fault(&self) -> Option<Self> {
        let faults_left = self.faults_left.checked_sub(1)?;
        Some(Self {
            faults_left,
            ..self.clone()
        })
    }

    fn crashed(mut self) -> Self {
        self.memory = NOTHING;
        self
    }

    fn broken_invariant(&self) -> Option<String> {
        let live_and_sealed = self.sealed.iter().any(|id| self.live.contains_key(id));
        let current = self.live.contains_key(&self.current) && self.sealed.contains(&self.current);
        let foreign = self
            .foreign_made
            .iter()
            .all(|id| self.live.get(id) == Some(&Maker::Foreign));
        let ours = self.live.values().filter(|m| **m == Maker::Ours).count();
        let done = self.saga.state == State::Done;
        let rules = [
            (
                "I1: no live secret has a sealed package",
                live_and_sealed && current,
            ),
            ("I2: a foreign secret was deleted", foreign),
            ("I3: more than five secrets", self.live.len() <= MOST),
            (
                "I4: an orphan is left, or the old one lives",
                !done || ours == 1,
            ),
            (
                "I4: the old one lives",
                !done || !self.live.contains_key(&OLD),
            ),
        ];
        rules
            .iter()
            .find(|(_, holds)| !holds)
            .map(|(rule, _)| format!("{rule}: {self:?}"))
    }

    /// Every state one step away: the step done, and each way it may go wrong.
    fn steps(&self, way: Way) -> Vec<Self> {
        let mut all = vec![];
        all.extend(self.fault().map(Self::crashed));
        if self.foreign_made.len() < 2
            && let Some(mut next) = self.fault()
        {
            let id = next.unused_id();
            next.live.insert(id, Maker::Foreign);
            next.foreign_made.insert(id);
            all.push(next);
        }
        let mut next = self.saga.next(self.memory);
        let sent = matches!(self.saga.state, State::CreateSent | State::Reconcile);
        if way == Way::PostAgainAfterRestart && sent && next == Next::Reconcile {
            next = Next::Create;
        }
        match next {
            Next::Prepare => all.push(self.prepare()),
            Next::Create => all.extend(self.create(way)),
            Next::Reconcile => all.extend(self.reconcile(way)),
            Next::Verify => all.push(self.told(&Event::Verified {})),
            Next::Acknowledge => {
                all.push(self.told(&Event::Acked {
                    acked: "unlockers".into(),
                    indexes: vec![],
                }));
            }
            Next::Switch => {
                let mut next = self.told(&Event::Switched { epoch: 2 });
                next.current = next.new_id().expect("a sealed successor has an id");
                all.push(next);
            }
            Next::Delete => all.extend(self.delete()),
            Next::Prove => all.push(self.prove()),
            Next::Discard => all.extend(self.discard()),
            Next::Finished => {}
            Next::NeedsQuorum => all.push(self.unsealed()),
        }
        all
    }

    fn told(&self, event: &Event) -> Self {
        let mut next = self.clone();
        next.tell(event);
        next
    }

    fn new_id(&self) -> Option<u8> {
        self.saga
            .new_secret_id
            .as_ref()
            .map(|id| id.parse().expect("an example is well formed"))
    }

    fn prepare(&self) -> Self {
        let pre_ids = self.live.keys().map(u8::to_string).collect();
        self.told(&Event::Prepared {
            old_secret_id: OLD.to_string(),
            pre_ids,
            lifetime_s: 1,
        })
    }

    fn create(&self, way: Way) -> Vec<Self> {
        let mut sent = self.clone();
        if way == Way::DeleteBeforeCreate {
            sent.live.remove(&OLD);
        }
        // Only the wrong way comes here from a state other than PREPARED.
        sent.saga.state = State::Prepared;
        sent.tell(&Event::CreateSent {});
        let mut made = sent.clone();
        let id = made.unused_id();
        made.live.insert(id, Maker::Ours);
        let mut sealed = made.told(&Event::Sealed {
            new_secret_id: id.to_string(),
            epoch: 2,
            manifest_sha256: Digest::of(b"m"),
        });
        sealed.sealed.insert(id);
        sealed.memory.successor = true;
        let lost = Event::Reconcile {
            why: "reset".into(),
        };
        let no = Event::CreateRefused {
            status: 429,
            code: "X".into(),
        };
        let mut all = vec![sealed];
        // Crash before the POST, crash after it, reply lost after and before, a definite no.
        all.extend(sent.fault().map(Self::crashed));
        all.extend(made.fault().map(Self::crashed));
        all.extend(made.fault().map(|m| m.told(&lost)));
        all.extend(sent.fault().map(|m| m.told(&lost)));
        all.extend(sent.fault().map(|m| m.told(&no)));
        all
    }

    fn reconcile(&self, way: Way) -> Vec<Self> {
        let pre: BTreeSet<u8> = self
            .saga
            .pre_ids
            .iter()
            .map(|id| id.parse().expect("an example is well formed"))
            .collect();
        let new: Vec<(u8, Maker)> = self
            .live
            .iter()
            .filter(|(id, _)| !pre.contains(id))
            .map(|(i, m)| (*i, *m))
            .collect();
        let doomed = |maker: Maker| maker == Maker::Ours || way == Way::DeleteEveryUnknownId;
        let mut next = self.clone();
        let foreign: Vec<String> = new
            .iter()
            .filter(|(_, m)| *m == Maker::Foreign)
            .map(|(i, _)| i.to_string())
            .collect();
        if !foreign.is_empty() {
            next.tell(&Event::Foreign { ids: foreign });
        }
        let mut all = Vec::new();
        for (id, _) in new.iter().filter(|(_, maker)| doomed(*maker)) {
            // A failed delete leaves the state as it is; so does a crash after one that worked.
            all.extend(next.fault());
            next.live.remove(id);
            all.extend(next.fault().map(Self::crashed));
        }
        all.push(next.told(&Event::Reconciled { orphans: vec![] }));
        all
    }

    fn delete(&self) -> Vec<Self> {
        let mut gone = self.clone();
        gone.live.remove(&OLD);
        let mut all = vec![gone.told(&Event::Deleted {
            secret_id: OLD.to_string(),
        })];
        // It failed; it worked but nobody heard; it worked and the process died.
        all.extend(self.fault());
        all.extend(gone.fault());
        all.extend(gone.fault().map(Self::crashed));
        all
    }

    fn prove(&self) -> Self {
        let proof = if self.memory.predecessor {
            Proof::ListAndRefused
        } else {
            Proof::List
        };
        let mut next = self.told(&Event::Done {
            proof,
            tokens_dead_at_ms: Timestamp(0),
        });
        next.sealed.remove(&OLD);
        next
    }

    fn discard(&self) -> Vec<Self> {
        let id = self.new_id().expect("a successor to discard has an id");
        let mut begun = self.clone();
        if begun.saga.state != State::Discard {
            begun.tell(&Event::Discard {
                secret_id: id.to_string(),
            });
        }
        let mut gone = begun.clone();
        gone.live.remove(&id);
        let mut all = Vec::new();
        all.extend(begun.fault());
        all.extend(gone.fault().map(Self::crashed));
        let mut done = gone.told(&Event::Discarded {
            secret_id: id.to_string(),
        });
        done.sealed.remove(&id);
        all.push(done);
        all
    }

    /// k custodians came: the current package is opened, and nothing else can be.
    fn unsealed(&self) -> Self {
        let mut next = self.clone();
        if self.saga.has_switched() {
            next.memory.successor = true;
        } else {
            next.memory.predecessor = true;
        }
        next
    }

    /// Without further faults the saga ends within a few steps.
    fn finishes(&self) -> bool {
        let mut state = Self {
            faults_left: 0,
            ..self.clone()
        };
        for _ in 0..40 {
            if state.saga.state == State::Done {
                return true;
            }
            let Some(next) = state.steps(Way::Right).pop() else {
                return false;
            };
            state = next;
        }
        false
    }
}

/// Walks every reachable state; the number of states, or the first invariant that broke.
fn explore(way: Way) -> Result<usize, String> {
    let start = Model::start();
    let mut seen = BTreeSet::from([start.key()]);
    let mut waiting = VecDeque::from([start]);
    while let Some(state) = waiting.pop_front() {
        if let Some(broken) = state.broken_invariant() {
            return Err(broken);
        }
        if way == Way::Right && !state.finishes() {
            return Err(format!("I5: cannot be finished: {state:?}"));
        }
        for next in state.steps(way) {
            if seen.insert(next.key()) {
                waiting.push_back(next);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn no_order_of_faults_breaks_an_invariant_of_the_saga() {
    let states = explore(Way::Right).unwrap();
    assert!(
        states > 1_000,
        "only {states} states: the model does not reach far"
    );
}

#[test]
fn the_model_catches_a_second_post_after_a_restart() {
    let broken = explore(Way::PostAgainAfterRestart).unwrap_err();
    assert!(
        broken.starts_with("I4") || broken.starts_with("I3"),
        "{broken}"
    );
}

#[test]
fn the_model_catches_a_delete_before_the_create() {
    let broken = explore(Way::DeleteBeforeCreate).unwrap_err();
    assert!(broken.starts_with("I1"), "{broken}");
}

#[test]
fn the_model_catches_the_deletion_of_every_unknown_id() {
    let broken = explore(Way::DeleteEveryUnknownId).unwrap_err();
    assert!(broken.starts_with("I2"), "{broken}");
}

#[test]
fn a_saga_folded_from_its_entries_is_the_same_saga() {
    let id = RotationId::numbered(1);
    let (mut live, mut folded) = (Model::start().saga, Model::start().saga);
    let events = [
        Event::Prepared {
            old_secret_id: "0".into(),
            pre_ids: vec!["0".into()],
            lifetime_s: 9,
        },
        Event::CreateSent {},
        Event::CreateRefused {
            status: 429,
            code: "LIMIT".into(),
        },
        Event::CreateSent {},
        Event::Reconcile {
            why: "reset".into(),
        },
        Event::Foreign {
            ids: vec!["7".into()],
        },
        Event::Reconciled {
            orphans: vec!["1".into()],
        },
        Event::Prepared {
            old_secret_id: "0".into(),
            pre_ids: vec!["0".into()],
            lifetime_s: 8,
        },
        Event::CreateSent {},
        Event::Sealed {
            new_secret_id: "2".into(),
            epoch: 2,
            manifest_sha256: Digest::of(b"m"),
        },
        Event::Discard {
            secret_id: "2".into(),
        },
        Event::Discarded {
            secret_id: "2".into(),
        },
        Event::Prepared {
            old_secret_id: "0".into(),
            pre_ids: vec!["0".into()],
            lifetime_s: 7,
        },
        Event::CreateSent {},
        Event::Sealed {
            new_secret_id: "3".into(),
            epoch: 3,
            manifest_sha256: Digest::of(b"n"),
        },
        Event::Verified {},
        Event::Acked {
            acked: "unlockers".into(),
            indexes: vec![1, 2, 3],
        },
        Event::Switched { epoch: 3 },
        Event::Deleted {
            secret_id: "0".into(),
        },
        Event::Done {
            proof: Proof::ListAndRefused,
            tokens_dead_at_ms: Timestamp(5),
        },
    ];
    for event in events {
        let (kind, members) = event.to_entry(&id).unwrap();
        assert_eq!(kind, event.kind());
        let (named, read) = Event::from_entry(&kind, &members).unwrap().unwrap();
        assert_eq!((&named, &read), (&id, &event));
        live.apply(&event).unwrap();
        folded.apply(&read).unwrap();
        assert_eq!(live, folded);
    }
    assert_eq!(folded.state, State::Done);
}

#[test]
fn every_event_that_cannot_follow_is_refused() {
    let done = Event::Done {
        proof: Proof::List,
        tokens_dead_at_ms: Timestamp(0),
    };
    let wrong = [
        (State::Idle, Event::CreateSent {}),
        (State::CreateSent, Event::CreateSent {}),
        (State::Reconcile, Event::CreateSent {}),
        (
            State::Prepared,
            Event::Deleted {
                secret_id: "0".into(),
            },
        ),
        (
            State::Sealed,
            Event::Deleted {
                secret_id: "0".into(),
            },
        ),
        (State::Sealed, Event::Switched { epoch: 2 }),
        (State::Verified, Event::Switched { epoch: 2 }),
        (State::Switched, done.clone()),
        (
            State::Switched,
            Event::Discard {
                secret_id: "1".into(),
            },
        ),
        (State::Done, done),
    ];
    for (state, event) in wrong {
        let mut saga = Rotation {
            state,
            ..Model::start().saga
        };
        let said = saga.apply(&event).unwrap_err().to_string();
        assert!(said.contains("cannot follow"), "{said}");
        assert_eq!(saga.state, state);
    }
}
