//! The assertion check: what holds, and each thing that must not.

mod passkey_support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use breakglass::sealed::passkey::{AssertionError, Origins, Passkey, challenge, mentions_prf};
use passkey_support::{HOST, ORIGIN, Said, SoftPasskey};
use serde_json::{Value, json};

const DOCUMENT: &[u8] = br#"{"act":"approve","max_minutes":60}"#;

fn check(passkey: &SoftPasskey, assertion: &str) -> Result<u32, AssertionError> {
    let origins = [ORIGIN.to_owned()];
    let key = Passkey::parse(&passkey.text()).unwrap();
    key.verify("approve", DOCUMENT, assertion, Origins::Exactly(&origins))
}

/// An assertion with nothing wrong.
fn honest(passkey: &SoftPasskey, word: &str, document: &[u8]) -> String {
    passkey.sign_as(word, document, &Said::default())
}

fn said(change: impl FnOnce(&mut Said)) -> Result<u32, AssertionError> {
    let mut said = Said::default();
    change(&mut said);
    let passkey = SoftPasskey::es256(7);
    check(&passkey, &passkey.sign_as("approve", DOCUMENT, &said))
}

fn changed(assertion: &str, name: &str, value: &Value) -> String {
    let mut fields: Value = serde_json::from_str(assertion).unwrap();
    fields[name] = value.clone();
    fields.to_string()
}

#[test]
fn both_algorithms_hold_and_give_their_counter() {
    for passkey in [SoftPasskey::es256(7), SoftPasskey::eddsa(7)] {
        assert_eq!(
            check(&passkey, &honest(&passkey, "approve", DOCUMENT)),
            Ok(0)
        );
        let counted = Said {
            counter: 41,
            ..Said::default()
        };
        let assertion = passkey.sign_as("approve", DOCUMENT, &counted);
        assert_eq!(check(&passkey, &assertion), Ok(41));
    }
}

#[test]
fn the_challenge_is_the_hash_of_prefix_and_document() {
    use sha2::{Digest as _, Sha256};
    let mut text = b"breakglass/approve/v1\n".to_vec();
    text.extend_from_slice(DOCUMENT);
    assert_eq!(
        challenge("approve", DOCUMENT)[..],
        Sha256::digest(&text)[..]
    );
}

#[test]
fn altered_terms_are_another_challenge() {
    let passkey = SoftPasskey::es256(7);
    let altered = br#"{"act":"approve","max_minutes":600}"#;
    let assertion = honest(&passkey, "approve", altered);
    assert_eq!(check(&passkey, &assertion), Err(AssertionError::Challenge));
    // The same bytes signed as another act are another act.
    let assertion = honest(&passkey, "prove", DOCUMENT);
    assert_eq!(check(&passkey, &assertion), Err(AssertionError::Challenge));
}

#[test]
fn a_foreign_page_is_refused_even_with_the_right_host_or_the_right_list() {
    for origin in [
        "http://vau1t.localhost:7070",
        "http://localhost:7071",
        "https://localhost.evil.example",
        "http://localhost:7070/",
        "null",
    ] {
        assert_eq!(
            said(|s| s.origin = origin),
            Err(AssertionError::Origin),
            "{origin}"
        );
    }
    // A list that names another host does not help either.
    let passkey = SoftPasskey::es256(7);
    let foreign = Said {
        origin: "https://other.example",
        ..Said::default()
    };
    let assertion = passkey.sign_as("approve", DOCUMENT, &foreign);
    let key = Passkey::parse(&passkey.text()).unwrap();
    let origins = ["https://other.example".to_owned()];
    let checked = key.verify("approve", DOCUMENT, &assertion, Origins::Exactly(&origins));
    assert_eq!(checked, Err(AssertionError::Origin));
}

#[test]
fn offline_any_page_of_its_own_host_will_do_and_no_other() {
    let passkey = SoftPasskey::es256(7);
    let key = Passkey::parse(&passkey.text()).unwrap();
    let offline = |origin| {
        let said = Said {
            origin,
            ..Said::default()
        };
        let assertion = passkey.sign_as("approve", DOCUMENT, &said);
        key.verify("approve", DOCUMENT, &assertion, Origins::OfItsHost)
    };
    assert_eq!(offline("http://localhost:9"), Ok(0));
    assert_eq!(offline("https://localhost"), Ok(0));
    assert_eq!(offline("http://example.org"), Err(AssertionError::Origin));
    assert_eq!(offline("ftp://localhost"), Err(AssertionError::Origin));
}

#[test]
fn a_person_must_be_present_and_verified() {
    assert_eq!(said(|s| s.flags = 0x04), Err(AssertionError::NotPresent));
    assert_eq!(said(|s| s.flags = 0x01), Err(AssertionError::NotVerified));
    // Backup flags are a matter of the passkey's keeper.
    assert_eq!(said(|s| s.flags = 0x1d), Ok(0));
}

#[test]
fn the_statement_must_be_of_a_get_for_this_host_outside_any_frame() {
    assert_eq!(
        said(|s| s.kind = "webauthn.create"),
        Err(AssertionError::Type)
    );
    assert_eq!(
        said(|s| s.host = "vault.example"),
        Err(AssertionError::RelyingParty)
    );
    let framed = |more: Value| said(|s| s.more = more);
    assert_eq!(
        framed(json!({"crossOrigin": true})),
        Err(AssertionError::Framed)
    );
    assert_eq!(
        framed(json!({"topOrigin": "https://evil.example"})),
        Err(AssertionError::Framed)
    );
    // Browsers add members on purpose, so that nobody compares with a template.
    assert_eq!(framed(json!({"other_keys_can_be_added_here": "x"})), Ok(0));
}

#[test]
fn doubled_members_and_odd_json_are_damaged() {
    let passkey = SoftPasskey::es256(7);
    let right = BASE64URL.encode(challenge("approve", DOCUMENT));
    for client_data in [
        format!(
            r#"{{"type":"webauthn.get","challenge":"AAAA","challenge":"{right}","origin":"{ORIGIN}"}}"#
        ),
        format!(r#"{{"type":"webauthn.get","challenge":"{right}","origin":"{ORIGIN}"}} x"#),
        "[]".to_owned(),
        "\u{feff}{}".to_owned(),
    ] {
        let assertion = passkey.seal(&client_data, &Said::default());
        assert_eq!(check(&passkey, &assertion), Err(AssertionError::Damaged));
    }
}

#[test]
fn authenticator_data_is_exactly_as_long_as_its_flags_say() {
    let with = |flags, extensions: &[u8]| {
        said(|s| {
            s.flags = flags;
            s.extensions = extensions.to_vec();
        })
    };
    assert_eq!(with(0x05, b"\xa0"), Err(AssertionError::Damaged));
    assert_eq!(with(0x85, b""), Err(AssertionError::Damaged));
    assert_eq!(with(0x45, b"\xa0"), Err(AssertionError::Damaged));
    assert_eq!(with(0x85, b"\xa1\x6bhmac-secret\x41\x00"), Ok(0));
    assert_eq!(with(0x85, b"\xa1\x63prf\x41\x00"), Err(AssertionError::Prf));
}

#[test]
fn another_passkey_or_a_changed_byte_does_not_hold() {
    let (passkey, other) = (SoftPasskey::es256(7), SoftPasskey::es256(8));
    let assertion = honest(&passkey, "approve", DOCUMENT);
    assert_eq!(check(&other, &assertion), Err(AssertionError::OtherKey));
    let borrowed = changed(&assertion, "id", &other.id_text().into());
    assert_eq!(check(&other, &borrowed), Err(AssertionError::Wrong));
    let signature = changed(&assertion, "signature", &"AAAA".into());
    assert_eq!(check(&passkey, &signature), Err(AssertionError::Wrong));
    let padded = changed(&assertion, "signature", &"AAAA====".into());
    assert_eq!(check(&passkey, &padded), Err(AssertionError::Damaged));
}

#[test]
fn four_fields_and_no_more() {
    let passkey = SoftPasskey::es256(7);
    let assertion = honest(&passkey, "approve", DOCUMENT);
    let more = changed(&assertion, "type", &"public-key".into());
    assert_eq!(check(&passkey, &more), Err(AssertionError::Damaged));
    let results = json!({"prf": {"results": {"first": "c2VjcmV0"}}});
    let leaking = changed(&assertion, "clientExtensionResults", &results);
    assert_eq!(check(&passkey, &leaking), Err(AssertionError::Prf));
    let mut fewer: Value = serde_json::from_str(&assertion).unwrap();
    fewer.as_object_mut().unwrap().remove("id");
    assert_eq!(
        check(&passkey, &fewer.to_string()),
        Err(AssertionError::Damaged)
    );
}

#[test]
fn no_error_carries_a_byte_of_the_assertion() {
    let passkey = SoftPasskey::es256(7);
    let leaking = r#"{"prf":"canary"}"#;
    let error = check(&passkey, leaking).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn a_prf_member_is_seen_wherever_it_hides() {
    let inside = json!({"act": {"signature": r#"{"clientExtensionResults":{"prf":{}}}"#}});
    assert!(mentions_prf(&inside.to_string()));
    assert!(mentions_prf(r#"{"a":[{"p\u0072f":1, "prf":2}]}"#));
    assert!(mentions_prf(r#"[{"prf":1}]"#));
    for harmless in [
        r#"{"reason":"the prf of our IdP"}"#,
        r#"{"reason":"{\"no json prf"}"#,
        r#"{"reason":"prf"}"#,
        "prf",
    ] {
        assert!(!mentions_prf(harmless), "{harmless}");
    }
}

#[test]
fn odd_key_texts_are_no_passkeys() {
    let good = SoftPasskey::es256(7).text();
    assert_eq!(Passkey::parse(&good).unwrap().relying_party(), HOST);
    for bad in [
        good.replace("passkey ", "passkey"),
        good.replace("localhost/", "LocalHost/"),
        good.replace("localhost/", "localhost:7070/"),
        good.replace("localhost/", "/"),
        format!("{good}/x"),
        format!("{good}A"),
        good[..good.len() - 4].to_owned(),
        "passkey a/b/c".to_owned(),
        "ssh-ed25519 AAAA".to_owned(),
    ] {
        assert!(Passkey::parse(&bad).is_err(), "{bad}");
    }
}
