//! The text of a paper: what is written is read, and what is mistyped is located.

use super::*;

fn sheet(secret: &Secret32) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests look at texts of their own making"
    )]
    let text = String::from_utf8(write("prod-eu", secret).unwrap().expose_secret().to_vec());
    text.unwrap()
}

fn counting() -> Secret32 {
    let bytes: Vec<u8> = (0..32).collect();
    Secret32::copied_from(&bytes).unwrap()
}

/// The text with the characters at these places (from 1) replaced by others of the alphabet.
fn mistyped(text: &str, places: &[usize]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for place in places {
        let letter = &mut letters[place - 1];
        *letter = if *letter == 'q' { 'p' } else { 'q' };
    }
    letters.into_iter().collect()
}

fn fault(typed: &str) -> TextError {
    match read(typed) {
        Ok(_) => panic!("the text was taken"),
        Err(error) => error,
    }
}

#[test]
fn the_code_is_that_of_bip_93_but_for_start_and_target() {
    // BIP-93, test vector 1, with its own start and target.
    let text = "0testsxxxxxxxxxxxxxxxxxxxxxxxxxx4nzvca9cmczlw";
    let values: Vec<u8> = text.bytes().map(|l| value_of(l).unwrap()).collect();
    assert_eq!(
        checksum::residue_from(0x0231_81b3, &values),
        0x1_0ce0_795c_2fd1_e62a
    );
    // Such a seed in our spelling is not ours.
    assert_ne!(checksum::syndrome(&values), 0);
}

#[test]
fn a_known_secret_has_this_text_for_ever() {
    // The vector that other readers of the text are tested with.
    let vector = include_str!("../../../tests/vectors/sealed/share_text.json");
    let vector: serde_json::Value = serde_json::from_str(vector).unwrap();
    let text = sheet(&counting());
    assert_eq!(vector["text"], text.as_str());
    assert_eq!(text.len(), TEXT_CHARS);
    let paper = super::super::paper::Paper::read(&text, "prod-eu").unwrap();
    assert_eq!(vector["recipient"], paper.recipient());
    assert_eq!(vector["vault"], "prod-eu");
    assert_eq!(vector["secret"], hex::encode((0..32).collect::<Vec<u8>>()));
}

#[test]
fn any_secret_is_read_back_in_any_spelling() {
    for _ in 0..20 {
        let secret = Secret32::random().unwrap();
        let text = sheet(&secret);
        let groups: Vec<String> = text
            .to_uppercase()
            .as_bytes()
            .chunks(GROUP_CHARS)
            .map(|group| String::from_utf8(group.to_vec()).unwrap())
            .collect();
        let wide: String = text
            .chars()
            .map(|l| char::from_u32(u32::from(l) + 0xfee0).unwrap())
            .collect();
        let spellings = [
            text.clone(),
            groups.join(" "),
            groups.join("\u{a0}\u{2013}\u{200b}-\n> "),
            wide,
        ];
        for spelling in spellings {
            let found = read(&spelling).unwrap();
            assert!(bool::from(subtle::ConstantTimeEq::ct_eq(
                &found.secret,
                &secret
            )));
            assert_eq!(found.vault, vault_mark("prod-eu"));
        }
    }
}

#[test]
fn one_two_and_three_wrong_characters_are_named_by_their_places() {
    let text = sheet(&counting());
    for place in 5..=TEXT_CHARS {
        let wrong = TextError::Wrong {
            places: vec![place],
        };
        assert_eq!(fault(&mistyped(&text, &[place])), wrong);
    }
    for places in [[13, 41], [5, 78], [77, 78], [30, 31]] {
        let wrong = TextError::Wrong {
            places: places.to_vec(),
        };
        assert_eq!(fault(&mistyped(&text, &places)), wrong);
    }
    let three = TextError::Wrong {
        places: vec![9, 40, 66],
    };
    assert_eq!(fault(&mistyped(&text, &[9, 40, 66])), three);
    let said = fault(&mistyped(&text, &[13, 41])).to_string();
    assert!(said.contains("characters 13 and 41 look wrong"), "{said}");
}

#[test]
fn letters_that_no_sheet_has_are_named_like_other_wrong_ones() {
    let text = sheet(&counting());
    let mut letters: Vec<char> = text.chars().collect();
    letters[12] = 'o';
    let typed: String = letters.into_iter().collect();
    assert_eq!(fault(&typed), TextError::Wrong { places: vec![13] });
    let both = mistyped(&typed, &[41]);
    assert_eq!(
        fault(&both),
        TextError::Wrong {
            places: vec![13, 41]
        }
    );
}

#[test]
fn what_nobody_can_read_is_filled_in_and_said_so() {
    let text = sheet(&counting());
    let mut letters: Vec<char> = text.chars().collect();
    for place in [13, 41, 60] {
        letters[place - 1] = '?';
    }
    let typed: String = letters.into_iter().collect();
    let found = read(&typed).unwrap();
    assert_eq!(found.filled, [13, 41, 60]);
    // Beside a wrong one nothing is guessed.
    let wrong = fault(&mistyped(&typed.replacen('?', "q", 1), &[70]));
    assert!(matches!(wrong, TextError::Wrong { .. } | TextError::Many));
}

#[test]
fn a_character_too_few_or_too_many_is_found_and_many_wrong_ones_are_refused() {
    let text = sheet(&counting());
    for place in [5, 20, 40, 77] {
        let mut short = text.clone();
        short.remove(place - 1);
        let TextError::Missing { place: said } = fault(&short) else {
            panic!("not found missing: {place}");
        };
        // Within a run of equal characters any of them may be the missing one.
        assert!(said.abs_diff(place) <= 1, "{said} for {place}");
        let mut long = text.clone();
        long.insert(place - 1, 'w');
        assert!(matches!(fault(&long), TextError::Extra { .. }), "{place}");
    }
    assert!(matches!(
        fault(&text[..60]),
        TextError::Length { found: 60 }
    ));
    assert_eq!(fault("ms10tests"), TextError::Prefix);
    assert_eq!(fault(""), TextError::Prefix);
    let many = mistyped(&text, &[6, 16, 26, 36, 46, 56, 66, 76]);
    assert!(matches!(
        fault(&many),
        TextError::Many | TextError::Wrong { .. }
    ));
}

#[test]
fn errors_hold_nothing_of_what_was_typed() {
    let text = sheet(&counting());
    for typed in [
        mistyped(&text, &[20]),
        text[..70].to_owned(),
        format!("{text}q"),
    ] {
        let error = fault(&typed);
        let said = format!("{error} {error:?}");
        assert!(!said.contains(&text[10..18]), "{said}");
    }
}
