//! What a file is, by its name.

/// A media type, and whether its files shrink when compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    pub content_type: &'static str,
    pub compressible: bool,
}

/// The media type of a file name; bytes of no known kind otherwise.
pub fn of(name: &str) -> Media {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let (content_type, compressible) = match extension {
        "html" => ("text/html; charset=utf-8", true),
        "js" | "mjs" => ("text/javascript; charset=utf-8", true),
        "css" => ("text/css; charset=utf-8", true),
        "json" | "map" => ("application/json", true),
        "webmanifest" => ("application/manifest+json", true),
        "svg" => ("image/svg+xml", true),
        "txt" => ("text/plain; charset=utf-8", true),
        "png" => ("image/png", false),
        "jpg" | "jpeg" => ("image/jpeg", false),
        "webp" => ("image/webp", false),
        "avif" => ("image/avif", false),
        "ico" => ("image/x-icon", false),
        "woff2" => ("font/woff2", false),
        _ => ("application/octet-stream", false),
    };
    Media {
        content_type,
        compressible,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_type() {
        for (name, content_type, compressible) in [
            ("index.html", "text/html; charset=utf-8", true),
            ("app-x.js", "text/javascript; charset=utf-8", true),
            ("1001.svg", "image/svg+xml", true),
            ("a.png", "image/png", false),
            ("unknown.xyz", "application/octet-stream", false),
            ("none", "application/octet-stream", false),
        ] {
            assert_eq!(
                of(name),
                Media {
                    content_type,
                    compressible
                },
                "{name}"
            );
        }
    }
}
