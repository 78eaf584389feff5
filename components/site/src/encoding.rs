//! Content codings: the build makes compressed copies beside the files, and the client says which it takes (RFC 9110, Accept-Encoding).

/// A coding in which a copy of a file may exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
        }
    }

    /// What the copy's name ends in.
    pub fn extension(self) -> &'static str {
        match self {
            Encoding::Brotli => ".br",
            Encoding::Gzip => ".gz",
        }
    }
}

/// The codings that the client takes, the one it likes best first; of equals, the smaller.
pub fn accepted(header: Option<&str>) -> Vec<Encoding> {
    let Some(header) = header else { return Vec::new() };
    let quality = |wanted: &str| {
        let entries = || {
            header
                .split(',')
                .map(|entry| entry.split_once(';').unwrap_or((entry, "")))
        };
        let named = |name: &str| entries().find(|(coding, _)| coding.trim().eq_ignore_ascii_case(name));
        named(wanted)
            .or_else(|| named("*"))
            .map_or(0.0, |(_, parameters)| parse_quality(parameters))
    };
    let mut codings: Vec<(f32, Encoding)> = [Encoding::Brotli, Encoding::Gzip]
        .into_iter()
        .map(|coding| (quality(coding.name()), coding))
        .collect();
    codings.retain(|(quality, _)| *quality > 0.0);
    // Stable, so that Brotli stays before gzip where both are liked as much.
    codings.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    codings.into_iter().map(|(_, coding)| coding).collect()
}

fn parse_quality(parameters: &str) -> f32 {
    match parameters.trim().strip_prefix("q=") {
        None => 1.0,
        Some(quality) => quality
            .trim()
            .parse::<f32>()
            .map_or(0.0, |quality| quality.clamp(0.0, 1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Encoding::{Brotli, Gzip};

    #[test]
    fn codings_are_taken_as_the_client_likes_them() {
        let table: [(Option<&str>, &[Encoding]); 9] = [
            (None, &[]),
            (Some(""), &[]),
            (Some("gzip, deflate, br"), &[Brotli, Gzip]),
            (Some("gzip"), &[Gzip]),
            (Some("br;q=0.2, gzip;q=0.8"), &[Gzip, Brotli]),
            (Some("br;q=0, gzip"), &[Gzip]),
            (Some("*"), &[Brotli, Gzip]),
            (Some("*;q=0.5, br;q=0"), &[Gzip]),
            (Some("GZIP ; q=1.0"), &[Gzip]),
        ];
        for (header, codings) in table {
            assert_eq!(accepted(header), codings, "{header:?}");
        }
    }
}
