//! Which file an address means.

/// A file to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// The shop's one page, which knows its own addresses.
    Page,
    /// A file, by its path's segments: each a plain name.
    File(Vec<String>),
}

/// The file that the decoded segments of a path mean; `None` if no file can have this address.
pub fn of(segments: &[&str], accept: Option<&str>) -> Option<Route> {
    let segments: Vec<&str> = segments
        .iter()
        .copied()
        .filter(|segment| !segment.is_empty())
        .collect();
    // Dot files are nobody's business, and a segment must not lead elsewhere.
    if segments
        .iter()
        .any(|segment| segment.starts_with('.') || segment.contains(['/', '\\', '\0']))
    {
        return None;
    }
    match segments.last() {
        None => Some(Route::Page),
        Some(name) if name.contains('.') => Some(Route::File(
            segments.iter().map(|&segment| segment.to_owned()).collect(),
        )),
        // A browser that goes to a page says that it wants HTML; a script that misses a file does not.
        Some(_) => accept
            .is_some_and(|accept| accept.contains("text/html"))
            .then_some(Route::Page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_the_page_or_a_file_or_nowhere() {
        let html = Some("text/html,application/xhtml+xml,*/*;q=0.8");
        let file = |path: &str| Some(Route::File(path.split('/').map(str::to_owned).collect()));
        let table = [
            (vec![""], None, Some(Route::Page)),
            (vec!["orders", "K1", "pay"], html, Some(Route::Page)),
            (vec!["orders", "K1", "pay"], Some("application/json"), None),
            (vec!["assets", "a.js"], Some("*/*"), file("assets/a.js")),
            (vec!["index.html"], html, file("index.html")),
            (vec![".env"], html, None),
            (vec!["..", "a.js"], html, None),
            (vec!["a/../../b.js"], html, None),
        ];
        for (segments, accept, route) in table {
            assert_eq!(of(&segments, accept), route, "{segments:?} {accept:?}");
        }
    }
}
