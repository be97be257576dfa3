//! The order of a rotation, and what its entries read back as.

use super::*;

fn saga(state: State) -> Rotation {
    let id = RotationId::numbered(1);
    Rotation {
        state,
        ..Rotation::begun(id, None, Cause::Close, 1, Timestamp(0))
    }
}

const NOTHING: InMemory = InMemory {
    predecessor: false,
    successor: false,
};
const OLD: InMemory = InMemory {
    predecessor: true,
    successor: false,
};
const NEW: InMemory = InMemory {
    predecessor: false,
    successor: true,
};

#[test]
fn a_restart_after_the_post_never_posts_again() {
    for state in [State::CreateSent, State::Reconcile] {
        for memory in [NOTHING, OLD, NEW] {
            assert_ne!(saga(state).next(memory), Next::Create);
        }
        assert_eq!(saga(state).next(OLD), Next::Reconcile);
    }
}

#[test]
fn nothing_is_deleted_before_the_successor_is_current() {
    use State as S;
    for state in [
        S::Idle,
        S::Prepared,
        S::CreateSent,
        S::Sealed,
        S::Verified,
        S::Acked,
    ] {
        for memory in [NOTHING, OLD, NEW] {
            assert_ne!(saga(state).next(memory), Next::Delete, "{state:?}");
        }
    }
}

#[test]
fn a_sealed_successor_whose_value_is_lost_is_discarded_before_the_switch_only() {
    assert_eq!(saga(State::Verified).next(OLD), Next::Discard);
    assert_eq!(saga(State::Switched).next(NEW), Next::Delete);
    assert_eq!(saga(State::Switched).next(OLD), Next::NeedsQuorum);
}

#[test]
fn with_nothing_in_memory_only_custodians_can_go_on() {
    use State as S;
    for state in [
        S::Idle,
        S::Prepared,
        S::CreateSent,
        S::Sealed,
        S::Acked,
        S::Switched,
        S::Deleted,
    ] {
        assert_eq!(saga(state).next(NOTHING), Next::NeedsQuorum, "{state:?}");
    }
}

#[test]
fn a_saga_goes_on_from_where_its_entry_says_whatever_the_row_says() {
    let resumed = Event::Resumed {
        saga: Box::new(saga(State::Acked)),
    };
    let (kind, members) = resumed.to_entry(&RotationId::numbered(1)).unwrap();
    let back = Event::from_entry(&kind, &members).unwrap().unwrap();
    assert_eq!(back, (RotationId::numbered(1), resumed.clone()));
    for state in [State::Verified, State::Acked, State::Switched] {
        let mut row = saga(state);
        row.apply(&resumed).unwrap();
        assert_eq!(row, saga(State::Acked));
        row.apply(&Event::Switched { epoch: 2 }).unwrap();
    }
    let mut other = Rotation {
        id: RotationId::numbered(2),
        ..saga(State::Acked)
    };
    other.apply(&resumed).unwrap_err();
}

#[test]
fn an_entry_reads_back_as_the_event_it_was() {
    let event = Event::Prepared {
        old_secret_id: "a".to_owned(),
        pre_ids: vec!["a".to_owned()],
        lifetime_s: 62_990_000,
    };
    let (kind, members) = event.to_entry(&RotationId::numbered(2)).unwrap();
    let back = Event::from_entry(&kind, &members).unwrap().unwrap();
    assert_eq!(back, (RotationId::numbered(2), event));
}
