//! A tiny SQL engine with fixed answers: literals, `range(N)`, one sample table, SHOW, DESCRIBE,
//! and the two errors people meet most.
//!
//! Must not know: REST or Thrift.

/// A column type, as SQL names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// 32-bit.
    Int,
    /// 64-bit.
    BigInt,
    /// Floating point.
    Double,
    /// Text.
    Text,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// An instant.
    Timestamp,
    /// Precision and scale.
    Decimal(u8, u8),
    /// The type of NULL.
    Void,
}

impl Type {
    /// `type_name` of the REST API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::BigInt => "LONG",
            Self::Double => "DOUBLE",
            Self::Text => "STRING",
            Self::Boolean => "BOOLEAN",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Decimal(..) => "DECIMAL",
            Self::Void => "NULL",
        }
    }

    /// `type_text` of the REST API.
    pub fn text(self) -> String {
        match self {
            Self::BigInt => "BIGINT".to_owned(),
            Self::Decimal(precision, scale) => format!("DECIMAL({precision},{scale})"),
            Self::Void => "VOID".to_owned(),
            other => other.name().to_owned(),
        }
    }
}

/// Rows of text or NULL under named, typed columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names and types.
    pub columns: Vec<(String, Type)>,
    /// Cells as the REST API prints them.
    pub rows: Vec<Vec<Option<String>>>,
}

/// A SQL failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// The message with its class in brackets.
    pub message: String,
    /// Five characters.
    pub sql_state: &'static str,
}

fn table(columns: &[(&str, Type)], rows: &[&[Option<&str>]]) -> Table {
    Table {
        columns: columns
            .iter()
            .map(|(name, kind)| ((*name).to_owned(), *kind))
            .collect(),
        rows: rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.map(str::to_owned)).collect())
            .collect(),
    }
}

/// `samples.people`.
fn people() -> Table {
    let columns = [
        ("id", Type::BigInt),
        ("name", Type::Text),
        ("active", Type::Boolean),
        ("score", Type::Double),
        ("born", Type::Date),
        ("seen", Type::Timestamp),
        ("balance", Type::Decimal(10, 2)),
    ];
    table(
        &columns,
        &[
            &[
                Some("1"),
                Some("Ada"),
                Some("true"),
                Some("9.5"),
                Some("1815-12-10"),
                Some("2026-01-01T08:00:00.000Z"),
                Some("12.50"),
            ],
            &[
                Some("2"),
                Some("Ben"),
                Some("false"),
                Some("-0.25"),
                Some("1990-02-28"),
                Some("2026-01-02T09:30:00.000Z"),
                Some("-3.00"),
            ],
            &[Some("3"), None, None, None, None, None, None],
        ],
    )
}

/// Runs one statement.
pub fn run(statement: &str, current_user: &str) -> Result<Table, SqlError> {
    let text = statement.trim().trim_end_matches(';').trim();
    let verb = text
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase();
    match verb.as_str() {
        "SELECT" => select(text[6..].trim(), current_user),
        "SHOW" => Ok(show(text)),
        "DESCRIBE" | "DESC" => {
            let described = people();
            let rows = described
                .columns
                .iter()
                .map(|(name, kind)| {
                    vec![Some(name.clone()), Some(kind.text().to_lowercase()), None]
                })
                .collect();
            let columns = [
                ("col_name", Type::Text),
                ("data_type", Type::Text),
                ("comment", Type::Text),
            ];
            Ok(Table {
                rows,
                ..table(&columns, &[])
            })
        }
        "EXPLAIN" => Ok(table(
            &[("plan", Type::Text)],
            &[&[Some("== Physical Plan ==\n*(1) Scan")]],
        )),
        "USE" | "SET" | "GRANT" | "REVOKE" | "ALTER" | "CREATE" | "DROP" | "TRUNCATE" => {
            Ok(table(&[], &[]))
        }
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" => Ok(table(
            &[("num_affected_rows", Type::BigInt)],
            &[&[Some("1")]],
        )),
        _ => Err(SqlError {
            message: format!(
                "[PARSE_SYNTAX_ERROR] Syntax error at or near '{verb}'. SQLSTATE: 42601"
            ),
            sql_state: "42601",
        }),
    }
}

fn show(text: &str) -> Table {
    let what = text
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_ascii_uppercase();
    match what.as_str() {
        "CATALOGS" => table(
            &[("catalog", Type::Text)],
            &[&[Some("main")], &[Some("samples")]],
        ),
        "SCHEMAS" | "DATABASES" => table(&[("databaseName", Type::Text)], &[&[Some("default")]]),
        _ => table(
            &[
                ("database", Type::Text),
                ("tableName", Type::Text),
                ("isTemporary", Type::Boolean),
            ],
            &[&[Some("default"), Some("people"), Some("false")]],
        ),
    }
}

fn select(rest: &str, current_user: &str) -> Result<Table, SqlError> {
    let upper = rest.to_ascii_uppercase();
    let Some(from) = upper.find(" FROM ").filter(|at| !inside_quotes(rest, *at)) else {
        return literals(rest, current_user);
    };
    let source = rest[from + 6..].trim();
    let name = source.split_whitespace().next().unwrap_or_default();
    let mut found = match range_bound(source) {
        Some(bound) => Table {
            columns: vec![("id".to_owned(), Type::BigInt)],
            rows: (0..bound).map(|id| vec![Some(id.to_string())]).collect(),
        },
        None if name.eq_ignore_ascii_case("samples.people") => people(),
        None => {
            return Err(SqlError {
                message: format!(
                    "[TABLE_OR_VIEW_NOT_FOUND] The table or view `{name}` cannot be found. \
                     SQLSTATE: 42P01"
                ),
                sql_state: "42P01",
            });
        }
    };
    if let Some((_, limit)) = source.to_ascii_uppercase().split_once("LIMIT ")
        && let Ok(limit) = limit.trim().parse()
    {
        found.rows.truncate(limit);
    }
    Ok(found)
}

fn inside_quotes(text: &str, at: usize) -> bool {
    text[..at].matches('\'').count() % 2 == 1
}

fn range_bound(source: &str) -> Option<u64> {
    let inner = source.strip_prefix("range(")?.split(')').next()?;
    inner
        .trim()
        .parse()
        .ok()
        .filter(|bound| *bound <= 1_000_000)
}

fn literals(list: &str, current_user: &str) -> Result<Table, SqlError> {
    let mut columns = Vec::new();
    let mut row = Vec::new();
    for item in split_commas(list) {
        let upper = item.to_ascii_uppercase();
        let (expression, alias) = match upper.rfind(" AS ").filter(|at| !inside_quotes(item, *at)) {
            Some(at) => (item[..at].trim(), Some(item[at + 4..].trim())),
            None => (item, None),
        };
        let (kind, cell) = literal(expression, current_user)?;
        columns.push((
            alias.unwrap_or(expression).trim_matches('`').to_owned(),
            kind,
        ));
        row.push(cell);
    }
    Ok(Table {
        columns,
        rows: vec![row],
    })
}

fn split_commas(list: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut depth) = (Vec::new(), 0, false, 0_i32);
    for (at, letter) in list.char_indices() {
        match letter {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts
}

fn literal(text: &str, current_user: &str) -> Result<(Type, Option<String>), SqlError> {
    let upper = text.to_ascii_uppercase();
    let quoted = |text: &str| {
        let inner = text.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inner.replace("''", "'"))
    };
    if let Some(inner) = quoted(text) {
        return Ok((Type::Text, Some(inner)));
    }
    for (word, kind) in [("DATE", Type::Date), ("TIMESTAMP", Type::Timestamp)] {
        if upper.starts_with(word)
            && let Some(inner) = quoted(&text[word.len()..])
        {
            return Ok((kind, Some(inner)));
        }
    }
    if text.parse::<i32>().is_ok() {
        return Ok((Type::Int, Some(text.to_owned())));
    }
    if text.parse::<i64>().is_ok() {
        return Ok((Type::BigInt, Some(text.to_owned())));
    }
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if let Some((_, fraction)) = text.split_once('.')
        && text.parse::<f64>().is_ok()
        && digits <= 38
    {
        let kind = Type::Decimal(
            u8::try_from(digits).unwrap_or(38),
            u8::try_from(fraction.len()).unwrap_or(38),
        );
        return Ok((kind, Some(text.to_owned())));
    }
    match upper.as_str() {
        "NULL" => Ok((Type::Void, None)),
        "TRUE" | "FALSE" => Ok((Type::Boolean, Some(upper.to_ascii_lowercase()))),
        "CURRENT_USER()" => Ok((Type::Text, Some(current_user.to_owned()))),
        _ => Err(SqlError {
            message: format!(
                "[UNRESOLVED_COLUMN.WITHOUT_SUGGESTION] A column with name `{text}` cannot be \
                 resolved. SQLSTATE: 42703"
            ),
            sql_state: "42703",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_types_and_names() {
        let got = run(
            "SELECT 1, 'a, b' AS t, NULL, true, 1.50 AS d, DATE '2026-01-01' AS day",
            "me",
        )
        .unwrap();
        let kinds: Vec<String> = got.columns.iter().map(|(_, kind)| kind.text()).collect();
        assert_eq!(
            kinds,
            ["INT", "STRING", "VOID", "BOOLEAN", "DECIMAL(3,2)", "DATE"]
        );
        assert_eq!(got.columns[0].0, "1");
        assert_eq!(got.rows[0][1].as_deref(), Some("a, b"));
        assert_eq!(got.rows[0][2], None);
    }

    #[test]
    fn range_and_limit_and_missing_tables() {
        assert_eq!(
            run("select * from range(250)", "me").unwrap().rows.len(),
            250
        );
        assert_eq!(
            run("select * from range(250) limit 3;", "me")
                .unwrap()
                .rows
                .len(),
            3
        );
        assert_eq!(
            run("SELECT * FROM nowhere", "me").unwrap_err().sql_state,
            "42P01"
        );
        assert_eq!(run("SELEKT 1", "me").unwrap_err().sql_state, "42601");
    }
}
