//! Tables that a phone can show: wide ones as they are, on narrow screens each row as a card in which
//! every value has its column's name. Folding takes the elements' own roles away in some browsers,
//! so every part says its role.

use maud::{Markup, html};

/// A column: its name, and how its cells look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column<'a> {
    name: &'a str,
    /// Set right; on a phone two of them share a line.
    number: bool,
    /// Names its row; on a phone it stands above the others.
    head: bool,
}

/// A column of texts.
pub(super) const fn text(name: &str) -> Column<'_> {
    Column {
        name,
        number: false,
        head: false,
    }
}

/// A column of numbers.
pub(super) const fn number(name: &str) -> Column<'_> {
    Column {
        number: true,
        ..text(name)
    }
}

impl Column<'_> {
    /// The same, naming its row.
    pub(super) const fn head(self) -> Self {
        Self { head: true, ..self }
    }

    fn class(self) -> Option<&'static str> {
        self.number.then_some("number")
    }
}

/// A table in a box of its own, which scrolls where the table is wider. `name` is what a screen
/// reader says of the box; a row has one value for each column.
pub(super) fn table(
    name: &str,
    caption: Option<&str>,
    columns: &[Column<'_>],
    rows: impl IntoIterator<Item = Vec<Markup>>,
) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label=(name) {
            table .fold role="table" {
                @if let Some(caption) = caption { caption { (caption) } }
                thead role="rowgroup" { tr role="row" { @for column in columns {
                    th scope="col" role="columnheader" class=[column.class()] { (column.name) }
                } } }
                tbody role="rowgroup" { @for row in rows {
                    tr role="row" { @for (column, value) in columns.iter().zip(row) { (cell(*column, &value)) } }
                } }
            }
        }
    }
}

fn cell(column: Column<'_>, value: &Markup) -> Markup {
    let class = column.class();
    html! {
        @if column.head {
            th scope="row" role="rowheader" class=[class] data-label=(column.name) { div { (value) } }
        } @else {
            td role="cell" class=[class] data-label=(column.name) { div { (value) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_says_its_role_and_every_value_its_column() {
        let columns = [text("Who").head(), number("Calls")];
        let row = |who: &str, calls: u8| vec![html! { (who) }, html! { (calls) }];
        let page = table(
            "people",
            Some("All"),
            &columns,
            [row("<ada>", 1), row("ben", 2)],
        );
        let page = page.into_string();
        let count = |part: &str| page.matches(part).count();
        for (tag, role) in [
            ("<table", "table"),
            ("<thead", "rowgroup"),
            ("<tbody", "rowgroup"),
        ] {
            assert_eq!(count(tag), 1, "{page}");
            assert!(page.contains(&format!("role=\"{role}\"")), "{role}: {page}");
        }
        assert_eq!((count("<tr "), count("role=\"row\"")), (3, 3), "{page}");
        assert_eq!((count("<td "), count("role=\"cell\"")), (2, 2), "{page}");
        assert_eq!(
            (count("role=\"columnheader\""), count("role=\"rowheader\"")),
            (2, 2)
        );
        assert_eq!(
            (count("data-label=\"Who\""), count("data-label=\"Calls\"")),
            (2, 2)
        );
        assert!(page.contains("<div>&lt;ada&gt;</div>"), "{page}");
    }
}
