//! `open --resource job:123`: the scope patterns that let a session repair one thing and no other.

/// Patterns for one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patterns(pub Vec<String>);

/// Kind, the path family of its calls, the body member that names it, and the calls by name.
const KINDS: [(&str, &str, &str, &[&str]); 3] = [
    (
        "job",
        "jobs",
        "job_id",
        &["run-now", "runs/cancel-all", "update", "reset"],
    ),
    ("run", "jobs/runs", "run_id", &["cancel", "repair"]),
    (
        "cluster",
        "clusters",
        "cluster_id",
        &["start", "restart", "resize", "delete"],
    ),
];

/// Reads `KIND:ID`.
///
/// # Errors
/// A sentence with the kinds there are.
pub(super) fn patterns(text: &str) -> Result<Patterns, String> {
    let kinds: Vec<&str> = KINDS
        .iter()
        .map(|kind| kind.0)
        .chain(["warehouse"])
        .collect();
    let wrong = || format!("write KIND:ID with one of the kinds {}", kinds.join(", "));
    let (kind, id) = text.split_once(':').ok_or_else(wrong)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if id.is_empty() || !id.bytes().all(plain) {
        return Err(wrong());
    }
    if kind == "warehouse" {
        let calls =
            ["start", "stop"].map(|call| format!("ws:POST /api/*/sql/warehouses/{id}/{call}"));
        return Ok(Patterns(calls.to_vec()));
    }
    let found = KINDS.iter().find(|known| known.0 == kind);
    let (_, family, member, calls) = found.ok_or_else(wrong)?;
    let calls = calls
        .iter()
        .map(|call| format!("ws:POST /api/*/{family}/{call}{{{member}={id}}}"));
    Ok(Patterns(calls.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scope::Scope;

    #[test]
    fn a_resource_becomes_patterns_that_name_it_and_parse() {
        let Patterns(job) = patterns("job:123").unwrap();
        assert_eq!(job[0], "ws:POST /api/*/jobs/run-now{job_id=123}");
        for text in ["job:1", "run:2", "cluster:0101-abc", "warehouse:ab12"] {
            let Patterns(found) = patterns(text).unwrap();
            assert_eq!(Scope::parse(&found).unwrap().patterns().len(), found.len());
        }
        for odd in ["job", "job:", "table:x", "job:1/../2"] {
            assert!(patterns(odd).unwrap_err().contains("cluster"), "{odd}");
        }
    }
}
