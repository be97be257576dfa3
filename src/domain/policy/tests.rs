//! The policy's rules, the built-in policy and its tree.

use super::*;

/// Two ways to people.
pub(in crate::domain) fn channels() -> Vec<ChannelRule> {
    ["mail", "hook"]
        .map(|name| ChannelRule {
            name: name.to_owned(),
            kind: "smtp".to_owned(),
            destination: "relay.example.org".to_owned(),
        })
        .to_vec()
}

/// The built-in policy of the example vault.
pub(in crate::domain) fn policy() -> Policy {
    Policy::built_in("prod-eu".parse().unwrap(), channels())
}

/// The walk that ends in *catastrophic outage*.
pub(in crate::domain) fn outage_answers() -> BTreeMap<String, bool> {
    answers(&[
        ("harm_within_hour", true),
        ("admin_can_sign_in", false),
        ("rollback_elsewhere", false),
        ("platform_down", true),
    ])
}

fn answers(list: &[(&str, bool)]) -> BTreeMap<String, bool> {
    list.iter()
        .map(|(id, answer)| ((*id).to_owned(), *answer))
        .collect()
}

#[test]
fn the_built_in_policy_keeps_every_rule_and_holds_the_three_use_cases() {
    let policy = policy();
    policy.check().unwrap();
    let ids: Vec<_> = policy.use_cases.iter().map(|u| u.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "catastrophic-outage",
            "blocked-recovery-path",
            "compliance-mandate"
        ]
    );
    assert_eq!(policy.review_due_hours, 72);
    let outage = policy.use_case("catastrophic-outage").unwrap();
    assert_eq!((outage.delay_minutes, outage.co_approver), (0, None));
    let mandate = policy.use_case("compliance-mandate").unwrap();
    assert_eq!(
        (mandate.delay_minutes, mandate.co_approver),
        (1440, Some(Role::Auditor))
    );
}

#[test]
fn no_built_in_scope_names_privilege_or_code() {
    for use_case in policy().use_cases {
        let scope = Scope::parse(&use_case.scope).unwrap();
        assert!(
            !scope.names_privilege() && !scope.names_code(),
            "{}",
            use_case.id
        );
    }
}

#[test]
fn every_walk_of_the_built_in_tree_ends_in_a_use_case_or_a_door_and_both_occur() {
    let policy = policy();
    let (mut cases, mut doors) = (BTreeSet::new(), BTreeSet::new());
    let ids: Vec<_> = policy.tree.iter().map(|q| q.id.clone()).collect();
    for bits in 0..1_u32 << ids.len() {
        let answers = ids
            .iter()
            .enumerate()
            .map(|(i, id)| (id.clone(), bits >> i & 1 == 1));
        match policy.walk(&answers.collect()).unwrap() {
            Leaf::UseCase(found) => cases.insert(found.id.clone()),
            Leaf::Door(sentence) => doors.insert(sentence.to_owned()),
            Leaf::Unanswered(question) => panic!("{} was answered", question.id),
        };
    }
    assert_eq!(cases.len(), 3);
    assert_eq!(doors.len(), 4);
}

#[test]
fn a_walk_stops_at_the_first_question_without_an_answer() {
    let policy = policy();
    let asked = |list: &[(&str, bool)]| match policy.walk(&answers(list)).unwrap() {
        Leaf::Unanswered(question) => question.id.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(asked(&[]), "harm_within_hour");
    assert_eq!(asked(&[("harm_within_hour", true)]), "admin_can_sign_in");
    assert_eq!(asked(&[("platform_down", true)]), "harm_within_hour");
    assert!(matches!(
        policy.walk(&outage_answers()),
        Some(Leaf::UseCase(_))
    ));
}

#[test]
fn every_rule_of_the_policy_is_refused_with_its_own_sentence() {
    type Change = fn(&mut Policy);
    let cases: &[(Change, &str)] = &[
        (|p| p.v = "breakglass/2".into(), "policy version"),
        (|p| p.tree.clear(), "1 to 30 questions"),
        (
            |p| p.tree[1].id = p.tree[0].id.clone(),
            "question harm_within_hour appears twice",
        ),
        (
            |p| p.use_cases[1].id = p.use_cases[0].id.clone(),
            "use case catastrophic-outage appears",
        ),
        (
            |p| p.channels[1].name = "mail".into(),
            "channel mail appears twice",
        ),
        (|p| p.channels.truncate(1), "at least two channels"),
        (
            |p| p.review_questions[1].id = "emergency_real".into(),
            "review question emergency_real",
        ),
        (
            |p| p.use_cases[0].max_minutes = 241,
            "max_minutes is 241, the limit is 240",
        ),
        (|p| p.use_cases[0].max_minutes = 0, "max_minutes is 0"),
        (
            |p| p.use_cases[2].delay_minutes = 4_321,
            "delay_minutes is 4321, the limit is 4320",
        ),
        (|p| p.review_due_hours = 337, "review_due_hours is 337"),
        (
            |p| p.access_details = Some("x".repeat(401)),
            "access_details must be 1 to 400",
        ),
        (
            |p| p.access_details = Some("a\u{1b}[2Jb".into()),
            "access_details must be",
        ),
        (|p| p.access_details = Some(String::new()), "access_details"),
        (
            |p| p.tree[0].yes = Next::Question("gone".into()),
            "leads to gone",
        ),
        (
            |p| p.tree[0].yes = Next::UseCase("gone".into()),
            "leads to gone",
        ),
        (|p| p.tree[0].no = Next::Door(" ".into()), "does not exist"),
        (
            |p| p.tree[5].no = Next::Question("platform_down".into()),
            "circle at platform_down",
        ),
        (
            |p| p.tree[5].id = "written-order".into(),
            "question id \"written-order\"",
        ),
        (
            |p| p.review_questions[0].id = "A".into(),
            "review question id \"A\"",
        ),
        (
            |p| p.use_cases[0].id = "No Blank".into(),
            "use case id \"No Blank\"",
        ),
        (
            |p| p.use_cases[0].scope = vec!["read".into()],
            "use case catastrophic-outage: scope",
        ),
        (|p| p.office_hours.to_hour = 25, "office_hours"),
        (|p| p.office_hours.days = vec![0], "office_hours"),
    ];
    for (change, sentence) in cases {
        let mut policy = policy();
        change(&mut policy);
        let said = policy.check().unwrap_err().to_string();
        assert!(
            said.contains(sentence),
            "{said:?} does not say {sentence:?}"
        );
    }
}

#[test]
fn a_policy_file_may_begin_from_the_built_in_one_and_change_a_little() {
    let text = "use = \"built_in\"\nreview_due_hours = 48\n\
                [office_hours]\nfrom_hour = 8\nto_hour = 20\ndays = [1]\n\
                [change.catastrophic-outage]\nmax_minutes = 30\nscope = [\"ws:read\"]\n";
    let vault: VaultId = "prod-eu".parse().unwrap();
    let file = PolicyFile::parse(text).unwrap();
    let policy = file.into_policy(vault, channels()).unwrap();
    let outage = policy.use_case("catastrophic-outage").unwrap();
    assert_eq!(
        (outage.max_minutes, outage.scope.as_slice()),
        (30, &["ws:read".to_owned()][..])
    );
    assert_eq!(
        (policy.review_due_hours, policy.office_hours.from_hour),
        (48, 8)
    );
    assert_eq!(policy.tree, super::tests::policy().tree);
}

#[test]
fn a_policy_file_is_refused_for_unknown_keys_missing_parts_and_broken_rules() {
    let vault = || "prod-eu".parse().unwrap();
    let made = |text: &str| PolicyFile::parse(text)?.into_policy(vault(), channels());
    assert!(matches!(
        made("colour = 1"),
        Err(PolicyFileError::Syntax(_))
    ));
    assert!(matches!(
        made(""),
        Err(PolicyFileError::Missing("use_cases"))
    ));
    let gone = "use = \"built_in\"\n[change.gone]\nmax_minutes = 1";
    assert_eq!(
        made(gone),
        Err(PolicyFileError::NoUseCase("gone".to_owned()))
    );
    let long = "use = \"built_in\"\n[change.catastrophic-outage]\nmax_minutes = 999";
    assert!(matches!(
        made(long),
        Err(PolicyFileError::Rule(PolicyError::Limit { .. }))
    ));
}

#[test]
fn access_details_are_part_of_the_signed_document_and_of_nothing_else() {
    let text =
        "use = \"built_in\"\naccess_details = \"begin at the runbook of the platform team\"\n";
    let vault: VaultId = "prod-eu".parse().unwrap();
    let file = PolicyFile::parse(text).unwrap();
    let with = file.into_policy(vault.clone(), policy().channels).unwrap();
    let without = Policy {
        access_details: None,
        ..with.clone()
    };
    assert_ne!(with.sha256().unwrap(), without.sha256().unwrap());
    let bytes = crate::domain::canonical::to_bytes(&without).unwrap();
    assert!(!String::from_utf8(bytes).unwrap().contains("access_details"));
    assert_eq!(
        super::change::loosened(&without, &with),
        ["access_details differs"],
        "k custodians sign what a responder is told"
    );
}
