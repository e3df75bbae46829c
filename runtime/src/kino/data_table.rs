//! Rows of data.

use std::borrow::Cow;
use std::fmt;

use serde_core::Serialize;

use super::compose::escaped;
use super::data::Data;
use super::process::words::{columns as width_of, counted, one_line, shortened};
use super::{Bundle, Render, download};

/// A table of rows: of structs and of maps, whose fields are the columns; of tuples, whose columns have numbers or the
/// [names that are given](DataTable::columns); or of single values.
///
/// A row is whatever serde can serialise. The columns of maps are in the order of their names.
///
/// The first rows are shown at once, and the others can be opened, some at a time: without a script, and so also where
/// the notebook is only looked at. Numbers stand at the right, with as many decimals as the column needs, six figures at
/// most.
///
/// # Examples
///
/// ```
/// use crabtree::kino;
///
/// let planets = [("Mercury", 0.39, 0), ("Earth", 1.0, 1), ("Mars", 1.52, 2)];
/// let table = kino::data_table(planets).columns(["planet", "distance", "moons"]).sort_by_desc("moons");
/// assert_eq!(
///     table.to_string(),
///     "planet   distance  moons\n\
///      ───────  ────────  ─────\n\
///      Mars         1.52      2\n\
///      Earth        1.00      1\n\
///      Mercury      0.39      0"
/// );
/// assert!(table.to_csv().starts_with("planet,distance,moons\nMars,1.52,2\n"));
/// ```
pub fn data_table<I>(rows: I) -> DataTable
where
    I: IntoIterator<Item: Serialize>,
{
    DataTable {
        rows: rows.into_iter().map(|row| Data::of(&row)).collect(),
        name: None,
        columns: None,
        order: None,
        num_rows: 10,
        csv: None,
    }
}

/// What [`data_table`] returns.
#[derive(Clone)]
pub struct DataTable {
    rows: Vec<Data>,
    name: Option<String>,
    columns: Option<Vec<String>>,
    /// By which column, and whether the greatest comes first.
    order: Option<(String, bool)>,
    num_rows: usize,
    /// The name of the file.
    csv: Option<String>,
}

/// More rows than these nobody opens.
const MOST_ROWS: usize = 1000;

/// What is wider than this is cut; the CSV has all of it.
const WIDEST: usize = 80;

impl DataTable {
    /// A headline.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> DataTable {
        self.name = Some(one_line(&name.into()));
        self
    }

    /// Which columns are shown, in this order. Of tuples, it names the first, the second and so on.
    #[must_use]
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> DataTable {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// The row with the least value in that column comes first. Equal ones stay in their order.
    #[must_use]
    pub fn sort_by(mut self, column: impl Into<String>) -> DataTable {
        self.order = Some((column.into(), false));
        self
    }

    /// The row with the greatest value in that column comes first. Equal ones stay in their order.
    #[must_use]
    pub fn sort_by_desc(mut self, column: impl Into<String>) -> DataTable {
        self.order = Some((column.into(), true));
        self
    }

    /// How many rows are shown at a time: 10 unless told, and at least one.
    #[must_use]
    pub fn num_rows(mut self, rows: usize) -> DataTable {
        self.num_rows = rows.max(1);
        self
    }

    /// Adds a link that saves all rows as a file of that name.
    #[must_use]
    pub fn csv(mut self, file: impl Into<String>) -> DataTable {
        self.csv = Some(file.into());
        self
    }

    /// All rows as CSV, with a headline: values as they are, in quotes where they have commas, quotes or line breaks.
    pub fn to_csv(&self) -> String {
        let table = self.table();
        let titles = table.columns.iter().map(|title| Cow::Borrowed(title.as_str()));
        let mut csv = csv_line(titles);
        for row in &table.rows {
            csv.push_str(&csv_line(row.iter().map(|cell| Cow::Owned(cell.to_line()))));
        }
        csv
    }

    /// The cells in the order in which they are shown.
    fn table(&self) -> Table<'_> {
        let columns = self.titles();
        let mut rows: Vec<Vec<&Data>> = (self.rows.iter())
            .map(|row| {
                columns
                    .iter()
                    .enumerate()
                    .map(|(n, title)| cell(row, n, title))
                    .collect()
            })
            .collect();
        let mut remark = None;
        if let Some((by, greatest_first)) = &self.order {
            match columns.iter().position(|title| title == by) {
                Some(n) => rows.sort_by(|a, b| {
                    let order = a[n].order(b[n]);
                    if *greatest_first { order.reverse() } else { order }
                }),
                None => remark = Some(format!("not sorted: there is no column {by:?}")),
            }
        }
        Table { columns, rows, remark }
    }

    fn titles(&self) -> Vec<String> {
        if let Some(columns) = &self.columns {
            return columns.clone();
        }
        let mut titles: Vec<String> = Vec::new();
        // Most rows have the fields of the one before.
        let mut last: &[(String, Data)] = &[];
        let mut positions = 0;
        for row in &self.rows {
            match row {
                Data::Record(record) => {
                    if !record
                        .fields
                        .iter()
                        .map(|(key, _)| key)
                        .eq(last.iter().map(|(key, _)| key))
                    {
                        let new = record.fields.iter().map(|(key, _)| key);
                        let new: Vec<String> = new.filter(|key| !titles.contains(key)).cloned().collect();
                        titles.extend(new);
                    }
                    last = &record.fields;
                }
                Data::List(_, items) => positions = positions.max(items.len()),
                _ => positions = positions.max(1),
            }
        }
        let is_single = self.rows.iter().all(|row| !matches!(row, Data::List(..)));
        match positions {
            0 => titles,
            1 if is_single => titles.into_iter().chain(["value".to_owned()]).collect(),
            _ => (1..=positions).map(|n| n.to_string()).chain(titles).collect(),
        }
    }
}

const NOTHING: &Data = &Data::Nothing;

fn cell<'a>(row: &'a Data, position: usize, title: &str) -> &'a Data {
    match row {
        Data::Record(record) => {
            let field = record.fields.get(position).filter(|(key, _)| key == title);
            let field = field.or_else(|| record.fields.iter().find(|(key, _)| key == title));
            field.map_or(NOTHING, |(_, value)| value)
        }
        Data::List(_, items) => items.get(position).unwrap_or(NOTHING),
        single if position == 0 => single,
        _ => NOTHING,
    }
}

struct Table<'a> {
    columns: Vec<String>,
    rows: Vec<Vec<&'a Data>>,
    /// What could not be done.
    remark: Option<String>,
}

/// How a column is written.
#[derive(Clone, Copy)]
struct Style {
    is_number: bool,
    decimals: usize,
}

impl Table<'_> {
    /// Told by the rows that are shown.
    fn styles(&self, rows: &[Vec<&Data>]) -> Vec<Style> {
        let style = |n: usize| {
            let mut cells = rows
                .iter()
                .map(|row| row[n])
                .filter(|cell| **cell != Data::Nothing)
                .peekable();
            Style {
                is_number: cells.peek().is_some() && cells.clone().all(|cell| cell.number().is_some()),
                decimals: cells.map(decimals).max().unwrap_or_default(),
            }
        };
        (0..self.columns.len()).map(style).collect()
    }
}

/// Numbers of a size that is written without an exponent.
fn is_plain(number: f64) -> bool {
    number == 0.0 || (1e-4..1e15).contains(&number.abs())
}

/// The decimals that a number needs, with six figures.
fn decimals(cell: &Data) -> usize {
    match cell {
        Data::Float(number) if is_plain(*number) => {
            let whole = number.abs().log10().floor().max(0.0) as usize + 1;
            let text = format!("{number:.*}", 6_usize.saturating_sub(whole));
            let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
            fraction.trim_end_matches('0').len()
        }
        _ => 0,
    }
}

fn written(cell: &Data, style: Style) -> String {
    match cell {
        Data::Float(number) if is_plain(*number) => format!("{number:.*}", style.decimals),
        Data::Float(number) if number.is_finite() => format!("{number:e}"),
        other => shortened(&one_line(&other.to_line()), WIDEST).into_owned(),
    }
}

impl Render for DataTable {
    fn render(&self) -> Bundle {
        let table = self.table();
        let total = table.rows.len();
        let shown = &table.rows[..total.min(MOST_ROWS)];
        let styles = table.styles(shown);
        let mut html = String::new();
        if let Some(name) = &self.name {
            html.push_str(&format!("<p><b>{}</b></p>", escaped(name)));
        }
        let pages = shown.chunks(self.num_rows);
        if shown.is_empty() {
            push_page(&mut html, &table, &styles, &[]);
        }
        for (n, page) in pages.enumerate() {
            let first = n * self.num_rows + 1;
            if n > 0 {
                let last = first + page.len() - 1;
                html.push_str(&format!("<details><summary>{first} to {last} of {total}</summary>"));
            }
            push_page(&mut html, &table, &styles, page);
            if n > 0 {
                html.push_str("</details>\n");
            }
        }
        let mut remarks: Vec<String> = table.remark.iter().map(|remark| escaped(remark)).collect();
        if total > shown.len() {
            remarks.push(format!("{} more", counted(total - shown.len(), "row")));
        }
        if let Some(file) = &self.csv {
            remarks.push(download(file, self.to_csv()).to_html());
        }
        if !remarks.is_empty() {
            html.push_str(&format!("<p>{}</p>", remarks.join("<br>")));
        }
        Bundle::new()
            .with("text/html", html)
            .with("text/plain", self.to_string())
    }
}

fn push_page(html: &mut String, table: &Table<'_>, styles: &[Style], rows: &[Vec<&Data>]) {
    let align = |style: &Style| if style.is_number { "right" } else { "left" };
    html.push_str("<table><thead><tr>");
    for (title, style) in table.columns.iter().zip(styles) {
        html.push_str(&format!("<th align=\"{}\">{}</th>", align(style), escaped(title)));
    }
    html.push_str("</tr></thead><tbody>");
    for row in rows {
        html.push_str("<tr>");
        for (cell, style) in row.iter().zip(styles) {
            let text = escaped(&written(cell, *style));
            html.push_str(&format!("<td align=\"{}\">{text}</td>", align(style)));
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table>\n");
}

impl fmt::Display for DataTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table();
        let total = table.rows.len();
        let shown = &table.rows[..total.min(self.num_rows)];
        let styles = table.styles(shown);
        let cells: Vec<Vec<String>> = (shown.iter())
            .map(|row| {
                row.iter()
                    .zip(&styles)
                    .map(|(cell, style)| written(cell, *style))
                    .collect()
            })
            .collect();
        let titles: Vec<String> = table.columns.iter().map(|title| one_line(title)).collect();
        let widths: Vec<usize> = (0..titles.len())
            .map(|n| {
                cells
                    .iter()
                    .chain([&titles])
                    .map(|row| width_of(&row[n]))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut lines: Vec<String> = self.name.iter().cloned().collect();
        lines.push(text_line(&titles, &widths, &styles));
        lines.push(
            widths
                .iter()
                .map(|width| "─".repeat(*width))
                .collect::<Vec<_>>()
                .join("  "),
        );
        lines.extend(cells.iter().map(|row| text_line(row, &widths, &styles)));
        if total > shown.len() {
            lines.push(format!("… and {} more", counted(total - shown.len(), "row")));
        }
        lines.extend(table.remark);
        f.write_str(&lines.join("\n"))
    }
}

impl fmt::Debug for DataTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn text_line(cells: &[String], widths: &[usize], styles: &[Style]) -> String {
    let cells = cells.iter().zip(widths).zip(styles).map(|((cell, width), style)| {
        let gap = " ".repeat(width.saturating_sub(width_of(cell)));
        if style.is_number {
            gap + cell
        } else {
            cell.clone() + &gap
        }
    });
    let line = cells.collect::<Vec<_>>().join("  ");
    line.trim_end().to_owned()
}

fn csv_line<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> String {
    let cells = cells.map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => Cow::Owned(format!("\"{}\"", cell.replace('"', "\"\""))),
        false => cell,
    });
    cells.collect::<Vec<_>>().join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap};

    #[test]
    fn rows_of_any_shape_have_columns() {
        let maps = [HashMap::from([("b", 1), ("a", 2)]), HashMap::from([("c", 3)])];
        assert_eq!(data_table(maps).to_csv(), "a,b,c\n2,1,\n,,3\n");
        assert_eq!(data_table([Some("x"), None]).to_csv(), "value\nx\n\n");
        assert_eq!(data_table([vec![1], vec![2, 3]]).to_csv(), "1,2\n1,\n2,3\n");
        assert_eq!(
            data_table([("a", (1, true))]).columns(["k", "v"]).to_csv(),
            "k,v\na,\"[1, true]\"\n"
        );
        let nested = [BTreeMap::from([("x", BTreeMap::from([("y", 1.5f32)]))])];
        assert_eq!(data_table(nested).to_csv(), "x\n{y: 1.5}\n");
        assert_eq!(data_table(Vec::<i32>::new()).to_csv(), "\n");
    }

    #[test]
    fn rows_are_sorted_by_value_and_equal_ones_stay() {
        let rows = [("b", 10.0), ("a", 9.0), ("c", 9.0)];
        let table = data_table(rows).columns(["name", "n"]);
        assert_eq!(table.clone().sort_by("n").to_csv(), "name,n\na,9\nc,9\nb,10\n");
        assert_eq!(table.clone().sort_by_desc("name").to_csv(), "name,n\nc,9\nb,10\na,9\n");
        let unsorted = table.sort_by("<i>").render();
        assert!(unsorted.text().ends_with("not sorted: there is no column \"<i>\""));
        assert!(unsorted.get("text/html").unwrap().contains("no column &quot;&lt;i&gt;"));
        let mixed = [Data::Text("a".into()), Data::Int(2), Data::Float(1.5), Data::Nothing];
        let mut sorted = mixed.to_vec();
        sorted.sort_by(Data::order);
        assert_eq!(format!("{sorted:?}"), "[none, 1.5, 2, \"a\"]");
        let mut numbers = [Data::Float(f64::NAN), Data::Int(1)];
        numbers.sort_by(Data::order);
        assert_eq!(numbers[0], Data::Int(1));
    }

    #[test]
    fn numbers_are_written_alike_in_a_column() {
        let lines = |numbers: &[f64]| {
            data_table(numbers)
                .to_string()
                .lines()
                .skip(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&[1.0, 2.25, 100.5]), ["  1.00", "  2.25", "100.50"]);
        assert_eq!(lines(&[1.0 / 3.0, 1e20]), ["0.33333", "   1e20"]);
        assert_eq!(lines(&[f64::NAN, 0.0]), ["  NaN", "    0"]);
        assert_eq!(
            data_table([10u64.pow(15)]).to_string().lines().last(),
            Some("1000000000000000")
        );
        assert_eq!(data_table([f64::INFINITY]).to_string().lines().last(), Some("  inf"));
    }

    #[test]
    fn a_long_table_is_folded_and_says_what_it_leaves_out() {
        let table = data_table(1..=2500).num_rows(500).csv("all.csv").name("Numbers");
        let bundle = table.render();
        let html = bundle.get("text/html").unwrap();
        assert!(html.starts_with("<p><b>Numbers</b></p><table>"), "{html:.100}");
        assert_eq!(html.matches("<details>").count(), 1);
        assert!(html.contains("<summary>501 to 1000 of 2500</summary>"));
        assert!(html.contains("1500 rows more<br><a download=\"all.csv\" href=\"data:text/csv;base64,"));
        assert!(
            bundle.text().ends_with("\n  500\n… and 2000 rows more"),
            "{}",
            bundle.text()
        );
        assert_eq!(table.to_csv().lines().count(), 2501);
    }

    #[test]
    fn cells_are_shown_as_text_whatever_is_in_them() {
        let evil = "<script>alert(1)</script>";
        let rows = [BTreeMap::from([(evil, evil)])];
        let bundle = data_table(rows).name(evil).csv(evil).render();
        assert!(!bundle.get("text/html").unwrap().contains("<script"));
        assert!(bundle.text().contains(evil));
        let quoted = data_table([("a,\"b\"", "c\nd")]).columns(["x", "y"]);
        assert_eq!(quoted.to_csv(), "x,y\n\"a,\"\"b\"\"\",\"c\nd\"\n");
        assert!(quoted.to_string().contains("c\\nd"));
    }
}
