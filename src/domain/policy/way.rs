//! The answers that lead to a use case: how a rehearsal finds its way through the decision tree.

use std::collections::BTreeMap;

use super::{Next, Policy, Question, UseCase};

impl Policy {
    /// The use case that a rehearsal takes where nobody names one: the first that waits for
    /// nothing and asks nobody besides the custodians, else the first.
    #[must_use]
    pub fn for_a_drill(&self) -> Option<&UseCase> {
        let plain = |case: &&UseCase| case.delay_minutes == 0 && case.co_approver.is_none();
        let mut cases = self.use_cases.iter();
        cases.clone().find(plain).or_else(|| cases.next())
    }

    /// Answers with which [`Policy::walk`] ends at this use case; `None` where no way leads there.
    #[must_use]
    pub fn way_to(&self, use_case: &str) -> Option<BTreeMap<String, bool>> {
        let first = self.tree.first()?;
        let mut ways: Vec<(&Question, BTreeMap<String, bool>)> = vec![(first, BTreeMap::new())];
        while let Some((question, answers)) = ways.pop() {
            for (yes, next) in [(true, &question.yes), (false, &question.no)] {
                let mut answers = answers.clone();
                // A tree that comes back to a question it has asked leads nowhere.
                if answers.insert(question.id.clone(), yes).is_some() {
                    continue;
                }
                match next {
                    Next::UseCase(id) if id == use_case => return Some(answers),
                    Next::Question(id) => ways.extend(self.question(id).map(|q| (q, answers))),
                    Next::UseCase(_) | Next::Door(_) => {}
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::policy::Leaf;
    use crate::domain::policy::tests::policy;

    #[test]
    fn every_use_case_of_the_built_in_tree_is_found() {
        let policy = policy();
        for case in &policy.use_cases {
            let answers = policy.way_to(&case.id).expect("the tree leads there");
            let Some(Leaf::UseCase(found)) = policy.walk(&answers) else {
                panic!("{}: {answers:?}", case.id);
            };
            assert_eq!(found.id, case.id);
        }
        assert_eq!(policy.way_to("no-such"), None);
    }

    #[test]
    fn a_drill_takes_the_use_case_that_waits_for_nobody() {
        let mut policy = policy();
        policy.use_cases.reverse();
        assert_eq!(policy.for_a_drill().unwrap().id, "catastrophic-outage");
        policy.use_cases.retain(|case| case.delay_minutes > 0);
        let first = policy.use_cases[0].id.clone();
        assert_eq!(policy.for_a_drill().unwrap().id, first);
    }
}
