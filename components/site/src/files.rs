//! Reading files: the copy to send, its tag, and how long it may be kept.

use crate::encoding::Encoding;
use crate::media::{self, Media};
use crate::route::Route;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use edge::{Code, Problem};
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A file as it is sent.
#[derive(Debug)]
pub struct Found {
    pub body: Vec<u8>,
    pub media: Media,
    pub encoding: Option<Encoding>,
    /// Strong: another coding of the same file has another tag.
    pub etag: String,
    pub caching: &'static str,
}

/// Finds what the route means below `root`, in the best coding that the client takes and the build has made.
pub fn find(root: &Path, route: &Route, accepted: &[Encoding]) -> Result<Found, Problem> {
    let names = match route {
        Route::Page => vec!["index.html".to_owned()],
        Route::File(names) => names.clone(),
    };
    let path: PathBuf = std::iter::once(root.to_path_buf())
        .chain(names.iter().map(PathBuf::from))
        .collect();
    let media = media::of(names.last().map_or("", String::as_str));
    let (body, encoding) = read(&path, if media.compressible { accepted } else { &[] })?;
    let caching = match names.first().map(String::as_str) {
        // The build puts a hash of the content into these names.
        Some("assets") => "public, max-age=31536000, immutable",
        Some("images") => "public, max-age=86400",
        _ => "no-cache",
    };
    let etag = format!(
        "\"{}\"",
        BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..12])
    );
    Ok(Found {
        body,
        media,
        encoding,
        etag,
        caching,
    })
}

fn read(path: &Path, accepted: &[Encoding]) -> Result<(Vec<u8>, Option<Encoding>), Problem> {
    for encoding in accepted {
        let mut copy = path.as_os_str().to_owned();
        copy.push(encoding.extension());
        if let Ok(body) = std::fs::read(copy) {
            return Ok((body, Some(*encoding)));
        }
    }
    match std::fs::read(path) {
        Ok(body) => Ok((body, None)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory
            ) =>
        {
            Err(Problem::new(Code::NotFound))
        }
        Err(error) => {
            Err(Problem::new(Code::Internal)
                .with_detail(format!("a file of the shop cannot be read: {error}")))
        }
    }
}
