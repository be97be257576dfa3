//! Tests of the splitting, by property where a property says it better.

use proptest::prelude::*;

use super::*;

fn refs(shares: &[Share]) -> Vec<&Share> {
    shares.iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_k_shares_in_any_order_give_the_secret_back(
        (k, n) in (2u8..=15).prop_flat_map(|n| (2..=n, Just(n))),
        seed in any::<u64>(),
    ) {
        let secret = Secret32::random().unwrap();
        let shares = deal(&secret, k, n).unwrap();
        let mut order: Vec<&Share> = refs(&shares);
        // A shuffle that the seed decides.
        let mut state = seed;
        for i in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(i, (state >> 33) as usize % (i + 1));
        }
        let picked = &order[..usize::from(k)];
        prop_assert!(bool::from(combine(picked, k, n).unwrap().ct_eq(&secret)));
    }

    #[test]
    fn one_share_fewer_gives_an_error_and_by_force_another_secret(n in 2u8..=15) {
        let k = n;
        let secret = Secret32::random().unwrap();
        let shares = deal(&secret, k, n).unwrap();
        let fewer = &refs(&shares)[1..];
        prop_assert_eq!(
            combine(fewer, k, n).unwrap_err(),
            ShamirError::TooFew { given: usize::from(k) - 1, k }
        );
        prop_assert!(!bool::from(join(fewer).unwrap().ct_eq(&secret)));
    }
}

#[test]
fn thresholds_outside_two_to_fifteen_are_refused() {
    let secret = Secret32::random().unwrap();
    for (k, n) in [(0, 0), (0, 5), (1, 5), (6, 5), (2, 16), (2, 1)] {
        assert_eq!(
            deal(&secret, k, n).unwrap_err(),
            ShamirError::Threshold { k, n }
        );
    }
}

#[test]
fn a_forged_share_with_index_zero_is_refused_in_any_position() {
    let secret = Secret32::random().unwrap();
    let shares = deal(&secret, 3, 5).unwrap();
    let forged = Share::new(0, Secret32::copied_from(&[9; 32]).unwrap());
    for position in 0..3 {
        let mut picked = vec![&shares[0], &shares[1]];
        picked.insert(position, &forged);
        assert_eq!(
            combine(&picked, 3, 5).unwrap_err(),
            ShamirError::Index { index: 0, n: 5 }
        );
    }
}

#[test]
fn an_index_above_n_and_a_duplicate_are_refused_by_name() {
    let secret = Secret32::random().unwrap();
    let shares = deal(&secret, 2, 3).unwrap();
    let high = Share::new(4, Secret32::random().unwrap());
    assert_eq!(
        combine(&[&shares[0], &high], 2, 3).unwrap_err(),
        ShamirError::Index { index: 4, n: 3 }
    );
    assert_eq!(
        combine(&[&shares[0], &shares[1], &shares[0]], 2, 3).unwrap_err(),
        ShamirError::Duplicate { index: 1 }
    );
}

#[test]
fn more_shares_than_needed_still_give_the_secret() {
    let secret = Secret32::random().unwrap();
    let shares = deal(&secret, 3, 5).unwrap();
    assert!(bool::from(
        combine(&refs(&shares), 3, 5).unwrap().ct_eq(&secret)
    ));
}

#[test]
fn the_dealer_check_finds_a_share_that_is_wrong() {
    let secret = Secret32::random().unwrap();
    for (k, n, bad) in [(3, 5, 4), (8, 15, 14)] {
        let mut shares = deal(&secret, k, n).unwrap();
        shares[bad] = Share::new(shares[bad].index(), Secret32::random().unwrap());
        assert_eq!(
            check_dealt(&secret, &shares, k, n).unwrap_err(),
            ShamirError::DealerCheck
        );
    }
}

#[test]
fn subsets_are_all_and_each_once() {
    let all: Vec<_> = Subsets::of(5, 3).collect();
    assert_eq!(all.len(), 10);
    assert_eq!(all[0], [0, 1, 2]);
    assert_eq!(all[9], [2, 3, 4]);
    assert_eq!(Subsets::of(4, 4).count(), 1);
}
