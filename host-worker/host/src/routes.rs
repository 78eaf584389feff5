//! Which component answers a path, by Spin's rules: the more specific route wins, segment by segment, an exact segment before
//! `:param` before the trailing `/...`; a slash at the end of a path makes no difference.

use crate::{
    error::LoadError,
    manifest::{Manifest, RouteDeclaration},
};
use std::collections::BTreeMap;

/// The public routes of an application.
#[derive(Clone, Debug)]
pub struct Routes {
    /// Most specific first.
    routes: Vec<Route>,
}

/// One route of the manifest.
#[derive(Clone, Debug)]
pub struct Route {
    pub component: String,
    /// As the manifest writes it.
    pub pattern: String,
    segments: Vec<Segment>,
}

/// Ordered by precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Exact(String),
    Param(String),
    End,
    Wildcard,
}

/// A route that fits a path.
#[derive(Debug)]
pub struct Match<'r, 'p> {
    pub route: &'r Route,
    /// What `/...` stands for, with its slash; empty without a wildcard.
    pub rest: &'p str,
    /// Values of `:param` segments.
    pub params: Vec<(&'r str, &'p str)>,
}

impl Routes {
    /// # Errors
    ///
    /// [`LoadError::Invalid`] for a malformed or repeated route.
    pub fn of(manifest: &Manifest) -> Result<Self, LoadError> {
        let mut routes: Vec<Route> = Vec::new();
        let mut seen: BTreeMap<Vec<Segment>, String> = BTreeMap::new();
        for (index, trigger) in manifest.trigger.http.iter().enumerate() {
            let RouteDeclaration::Public(pattern) = &trigger.route else {
                continue;
            };
            let key = format!("trigger.http[{index}].route");
            let segments = parse(&key, pattern)?;
            // Two routes that differ in the names of parameters only match the same paths.
            let shape = segments.iter().map(|segment| match segment {
                Segment::Param(_) => Segment::Param(String::new()),
                other => other.clone(),
            });
            if let Some(earlier) = seen.insert(shape.collect(), pattern.clone()) {
                return Err(LoadError::invalid(
                    key,
                    format!("`{pattern}` repeats `{earlier}`"),
                ));
            }
            routes.push(Route {
                component: trigger.component.clone(),
                pattern: pattern.clone(),
                segments,
            });
        }
        routes.sort_by(|a, b| ranks(a).cmp(ranks(b)));
        Ok(Self { routes })
    }

    /// The route for a path (without a query).
    pub fn find<'r, 'p>(&'r self, path: &'p str) -> Option<Match<'r, 'p>> {
        self.routes.iter().find_map(|route| route.fit(path))
    }
}

impl Route {
    /// The pattern without its `/...`.
    pub fn prefix(&self) -> &str {
        self.pattern.strip_suffix("/...").unwrap_or(&self.pattern)
    }

    fn fit<'r, 'p>(&'r self, path: &'p str) -> Option<Match<'r, 'p>> {
        let mut params = Vec::new();
        // `left` is empty, or starts with the slash before the next segment.
        let mut left = path;
        for segment in &self.segments {
            if let Segment::Wildcard = segment {
                return Some(Match {
                    route: self,
                    rest: left,
                    params,
                });
            }
            let next = left.strip_prefix('/').unwrap_or(left);
            if let Segment::End = segment {
                return next.is_empty().then_some(Match {
                    route: self,
                    rest: "",
                    params,
                });
            }
            let (name, after) = next.split_at(next.find('/').unwrap_or(next.len()));
            match segment {
                Segment::Exact(exact) if exact == name => {}
                Segment::Param(param) if !name.is_empty() => params.push((param.as_str(), name)),
                _ => return None,
            }
            left = after;
        }
        None
    }
}

/// Precedence of a route's segments; exact names do not outrank each other.
fn ranks(route: &Route) -> impl Iterator<Item = u8> + '_ {
    route.segments.iter().map(|segment| match segment {
        Segment::Exact(_) => 0,
        Segment::Param(_) => 1,
        Segment::End => 2,
        Segment::Wildcard => 3,
    })
}

fn parse(key: &str, pattern: &str) -> Result<Vec<Segment>, LoadError> {
    let Some(path) = pattern.strip_prefix('/') else {
        return Err(LoadError::invalid(
            key,
            format!("`{pattern}` must start with `/`"),
        ));
    };
    let (path, end) = match path.strip_suffix("...") {
        Some(path) if path.is_empty() || path.ends_with('/') => (path, Segment::Wildcard),
        _ => (path, Segment::End),
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = Vec::new();
    for name in path.split('/').filter(|_| !path.is_empty()) {
        segments.push(match name.strip_prefix(':') {
            Some("") => return Err(LoadError::invalid(key, "`:` without a name")),
            Some(param) => Segment::Param(param.to_owned()),
            None if name.is_empty() => return Err(LoadError::invalid(key, "an empty segment")),
            None if name.contains(['*', '?', '#']) || name == "..." => {
                return Err(LoadError::unsupported(
                    key,
                    "only `/...` at the end stands for the rest",
                ));
            }
            None => Segment::Exact(name.to_owned()),
        });
    }
    segments.push(end);
    Ok(segments)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Routes whose component is named as the pattern.
    fn routes(patterns: &[&str]) -> Result<Routes, LoadError> {
        let mut text = "spin_manifest_version = 2\n[application]\nname = \"a\"\n".to_owned();
        for pattern in patterns {
            text += &format!("[[trigger.http]]\nroute = \"{pattern}\"\ncomponent = \"c\"\n");
        }
        text += "[[trigger.http]]\nroute = { private = true }\ncomponent = \"c\"\n[component.c]\nsource = \"c.wasm\"\n";
        Routes::of(&Manifest::parse(&text).unwrap())
    }

    #[test]
    fn the_more_specific_route_wins_whatever_the_order() {
        let patterns = [
            "/...",
            "/api/...",
            "/api/orders/:id",
            "/api/orders/last",
            "/api/orders/:id/lines/...",
            "/health",
            "/",
        ];
        let table = [
            ("/", "/", ""),
            ("/index.html", "/...", "/index.html"),
            ("/health", "/health", ""),
            ("/health/", "/health", ""),
            ("/health/x", "/...", "/health/x"),
            ("/healthy", "/...", "/healthy"),
            ("/api", "/api/...", ""),
            ("/api/", "/api/...", "/"),
            ("/api/products/1/", "/api/...", "/products/1/"),
            ("/api/orders/last", "/api/orders/last", ""),
            ("/api/orders/7", "/api/orders/:id", ""),
            ("/api/orders/7/lines", "/api/orders/:id/lines/...", ""),
            ("/api/orders/7/lines/2", "/api/orders/:id/lines/...", "/2"),
            ("/api/orders/", "/api/...", "/orders/"),
            ("/API/orders", "/...", "/API/orders"),
            ("//api", "/...", "//api"),
        ];
        let mut reversed = patterns;
        reversed.reverse();
        for order in [patterns, reversed] {
            let routes = routes(&order).unwrap();
            for (path, pattern, rest) in table {
                let found = routes.find(path).unwrap();
                assert_eq!(
                    (found.route.pattern.as_str(), found.rest),
                    (pattern, rest),
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn parameters_are_captured() {
        let routes = routes(&["/:shop/orders/:id"]).unwrap();
        let found = routes.find("/kyoto/orders/K-1").unwrap();
        assert_eq!(found.params, [("shop", "kyoto"), ("id", "K-1")]);
        assert!(routes.find("/kyoto/orders").is_none());
        assert!(routes.find("/").is_none());
    }

    #[test]
    fn repeated_and_malformed_routes_are_refused() {
        for patterns in [
            &["/a", "/a"][..],
            &["/a", "/a/"],
            &["/a/:x", "/a/:y"],
            &["/a//b"],
            &["/a/:"],
            &["/a/*"],
            &["/a/.../b"],
            &["a"],
        ] {
            assert!(routes(patterns).is_err(), "{patterns:?}");
        }
    }

    #[test]
    fn private_components_have_no_path() {
        assert!(routes(&["/only"]).unwrap().find("/c").is_none());
    }
}
