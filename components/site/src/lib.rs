//! The built web shop, from the files that `spin.toml` mounts at `/`.

mod encoding;
mod files;
mod media;
mod route;
mod security;

use edge::{Answer, Code, Method, Problem, RequestContext, StatusCode, header, respond};
use files::Found;
use std::path::Path;

#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> Answer {
    edge::serve(request, async |ctx: &RequestContext, _body| {
        let realtime_url = edge::variables::get("realtime_url").await?;
        serve(ctx, Path::new("/"), &realtime_url)
    })
    .await
}

/// Answers with a file below `root`; addresses of pages get the shop's one page.
fn serve(ctx: &RequestContext, root: &Path, realtime_url: &str) -> Result<Answer, Problem> {
    ctx.allow(&[Method::GET])?;
    let route =
        route::of(&ctx.segments(), ctx.header("accept")).ok_or_else(|| Problem::new(Code::NotFound))?;
    let accepted = encoding::accepted(ctx.header("accept-encoding"));
    let found = files::find(root, &route, &accepted)?;
    let fresh = ctx
        .header("if-none-match")
        .is_some_and(|tags| matches_etag(tags, &found.etag));
    let answer = if fresh {
        respond::empty(StatusCode::NOT_MODIFIED)
    } else {
        respond::bytes(StatusCode::OK, found.media.content_type, found.body.clone())
    };
    headers(answer, &found, realtime_url)
}

fn headers(answer: Answer, found: &Found, realtime_url: &str) -> Result<Answer, Problem> {
    let mut answer = respond::with_header(answer, header::ETAG, &found.etag)?;
    answer = respond::with_header(answer, header::CACHE_CONTROL, found.caching)?;
    if found.media.compressible {
        answer = respond::with_header(answer, header::VARY, "accept-encoding")?;
    }
    if let Some(encoding) = found.encoding {
        answer = respond::with_header(answer, header::CONTENT_ENCODING, encoding.name())?;
    }
    for (name, value) in security::headers(realtime_url) {
        answer = respond::with_header(answer, name, &value)?;
    }
    Ok(answer)
}

/// RFC 9110, If-None-Match: a list of tags, weak ones included, or `*`.
fn matches_etag(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shop() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("index.html", "<html>");
        write("assets/app-B1x2.js", "script");
        write("assets/app-B1x2.js.br", "brotli");
        write("images/products/1001.svg", "<svg/>");
        root
    }

    fn get(root: &Path, path: &str, headers: &[(&'static str, &str)]) -> Result<Answer, Problem> {
        let mut ctx = RequestContext::for_test("GET", path);
        for (name, value) in headers {
            ctx = ctx.with_header(name, value);
        }
        serve(&ctx, root, "ws://127.0.0.1:3000/ws/orders")
    }

    #[test]
    fn pages_assets_and_pictures_get_their_type_and_caching() {
        let root = shop();
        let table = [
            ("/", "text/html; charset=utf-8", "no-cache"),
            ("/orders/K1/pay", "text/html; charset=utf-8", "no-cache"),
            (
                "/assets/app-B1x2.js",
                "text/javascript; charset=utf-8",
                "public, max-age=31536000, immutable",
            ),
            (
                "/images/products/1001.svg",
                "image/svg+xml",
                "public, max-age=86400",
            ),
        ];
        for (path, content_type, caching) in table {
            let answer = get(root.path(), path, &[("accept", "text/html,*/*")]).unwrap();
            assert_eq!(answer.headers()[header::CONTENT_TYPE], content_type, "{path}");
            assert_eq!(answer.headers()[header::CACHE_CONTROL], caching, "{path}");
            assert!(
                answer.headers().contains_key(header::CONTENT_SECURITY_POLICY),
                "{path}"
            );
        }
    }

    #[test]
    fn a_compressed_copy_is_sent_to_who_accepts_it() {
        let root = shop();
        let br = get(
            root.path(),
            "/assets/app-B1x2.js",
            &[("accept-encoding", "gzip, br")],
        )
        .unwrap();
        assert_eq!(br.headers()[header::CONTENT_ENCODING], "br");
        let plain = get(root.path(), "/assets/app-B1x2.js", &[("accept-encoding", "gzip")]).unwrap();
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
        assert_eq!(plain.headers()[header::VARY], "accept-encoding");
        assert_ne!(plain.headers()[header::ETAG], br.headers()[header::ETAG]);
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let root = shop();
        for path in ["/", "/assets/app-B1x2.js", "/images/products/1001.svg"] {
            let first = get(root.path(), path, &[("accept", "*/*, text/html")]).unwrap();
            let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
            let second = get(
                root.path(),
                path,
                &[("accept", "text/html"), ("if-none-match", &etag)],
            )
            .unwrap();
            assert_eq!(second.status(), StatusCode::NOT_MODIFIED, "{path}");
        }
    }

    #[test]
    fn a_changed_page_has_another_tag() {
        let root = shop();
        let tag =
            |root: &Path| get(root, "/", &[("accept", "text/html")]).unwrap().headers()[header::ETAG].clone();
        let before = tag(root.path());
        std::fs::write(root.path().join("index.html"), "<html>!").unwrap();
        assert_ne!(tag(root.path()), before);
    }

    #[test]
    fn missing_files_and_ways_out_of_the_folder_are_not_found() {
        let root = shop();
        std::fs::write(root.path().parent().unwrap().join("kessai-outside.txt"), "secret").unwrap();
        for path in [
            "/assets/missing.js",
            "/%2e%2e/kessai-outside.txt",
            "/images/..%2f..%2fkessai-outside.txt",
            "/.stamp",
            "/assets",
        ] {
            let problem = get(root.path(), path, &[("accept", "*/*")]).unwrap_err();
            assert_eq!(problem.code(), Code::NotFound, "{path}");
        }
        let posted = serve(&RequestContext::for_test("POST", "/"), root.path(), "ws://x").unwrap_err();
        assert_eq!(posted.code(), Code::MethodNotAllowed);
    }
}
