//! Which alerts are asked for.

use super::problem::Problem;
use crate::{
    rules,
    store::{Filter, Status},
};

const DEFAULT_SIZE: u32 = 20;
const LARGEST_SIZE: u32 = 100;

/// Reads the query as it came. Names that are not known are passed over; of one that comes twice the first counts.
pub(super) fn read(query: &str) -> Result<Filter, Problem> {
    let mut filter = Filter {
        size: DEFAULT_SIZE,
        ..Filter::default()
    };
    let mut seen = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.contains(&name) {
            continue;
        }
        let text = |longest: usize| {
            let fits = (1..=longest).contains(&value.chars().count());
            fits.then(|| value.clone().into_owned())
                .ok_or_else(|| format!("must have 1 to {longest} characters"))
        };
        let instant = || {
            rules::instant(&value).map_err(|_| "must be an instant, such as 2026-11-22T01:00:00Z".to_owned())
        };
        let (field, outcome) = match name.as_ref() {
            "status" => {
                let status = value.parse::<Status>().map(|status| filter.status = Some(status));
                (
                    "status",
                    status.map_err(|_| "must be NEW, ACKNOWLEDGED or RESOLVED".to_owned()),
                )
            }
            "rule" => ("rule", text(16).map(|rule| filter.rule = Some(rule))),
            "orderNo" => (
                "orderNo",
                text(64).map(|order_no| filter.order_no = Some(order_no)),
            ),
            "from" => ("from", instant().map(|from| filter.from = Some(from))),
            "to" => ("to", instant().map(|to| filter.to = Some(to))),
            "cursor" => {
                let cursor = Filter::read_cursor(&value).map(|cursor| filter.cursor = Some(cursor));
                (
                    "cursor",
                    cursor.ok_or_else(|| "is not the `nextCursor` of a page".to_owned()),
                )
            }
            "size" => {
                let size = value
                    .parse()
                    .ok()
                    .filter(|size| (1..=LARGEST_SIZE).contains(size));
                let size = size.map(|size| filter.size = size);
                (
                    "size",
                    size.ok_or_else(|| format!("must be from 1 to {LARGEST_SIZE}")),
                )
            }
            _ => continue,
        };
        outcome.map_err(|message| Problem::field(field, message))?;
        seen.push(name);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use domain::Instant;

    #[test]
    fn a_query_is_read_and_what_makes_no_sense_is_refused_by_name() {
        let filter = read(
            "status=NEW&rule=A&orderNo=K1&from=2026-11-22T01%3A00%3A00Z&cursor=5.A-1.b&size=7&x=1&size=9",
        )
        .unwrap();
        assert_eq!(
            filter,
            Filter {
                status: Some(Status::New),
                rule: Some("A".into()),
                order_no: Some("K1".into()),
                from: Some(Instant::from_millis(1_795_309_200_000)),
                to: None,
                cursor: Some((Instant::from_millis(5), "A-1.b".into())),
                size: 7,
            }
        );
        assert_eq!(read("").unwrap().size, 20);
        for query in [
            "status=new",
            "rule=",
            "from=today",
            "to=1",
            "cursor=x",
            "size=0",
            "size=101",
            "orderNo=",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }
}
