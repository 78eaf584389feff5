//! Addresses as QR codes.

use edge::{Code, Problem};
use qrcode::render::svg;
use qrcode::{Color, EcLevel, QrCode};

/// Side of a PNG's module in pixels: a code with its quiet zone comes to about 300 pixels.
const MODULE: usize = 8;
/// Modules of white around the code, without which readers do not find it (ISO 18004).
const QUIET: usize = 4;

/// How a code is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Svg,
    Png,
}

impl Format {
    /// What `Accept` prefers; SVG when it has no preference, or accepts neither.
    pub fn preferred(accept: &str) -> Self {
        if quality(accept, "image/png") > quality(accept, "image/svg+xml") {
            Format::Png
        } else {
            Format::Svg
        }
    }
}

/// How much `Accept` wants a media type, in thousandths; its most specific range decides (RFC 9110, 12.5.1).
fn quality(accept: &str, media_type: &str) -> u32 {
    let mut best = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let specificity = match name.as_str() {
            "*/*" => 1,
            "image/*" => 2,
            name if name == media_type => 3,
            _ => continue,
        };
        let weight = parts
            .find_map(|parameter| parameter.strip_prefix("q="))
            .map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
        // Clamped, so the cast is exact enough.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let thousandths = (weight.clamp(0.0, 1.0) * 1000.0) as u32;
        if specificity > best.0 {
            best = (specificity, thousandths);
        }
    }
    best.1
}

pub fn svg(address: &str) -> Result<Vec<u8>, Problem> {
    let drawing = encode(address)?
        .render::<svg::Color<'_>>()
        .quiet_zone(true)
        .min_dimensions(264, 264)
        .build();
    Ok(drawing.into_bytes())
}

pub fn png(address: &str) -> Result<Vec<u8>, Problem> {
    let code = encode(address)?;
    let modules = code.width() + 2 * QUIET;
    let side = modules * MODULE;
    let mut pixels = Vec::with_capacity(side * side);
    for y in 0..side {
        for x in 0..side {
            pixels.push(if is_dark(&code, x / MODULE, y / MODULE) {
                0
            } else {
                255
            });
        }
    }
    let mut file = Vec::new();
    let side = u32::try_from(side).map_err(|error| failed(&error))?;
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| failed(&error))?;
    writer.write_image_data(&pixels).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(file)
}

/// Whether the module at this place of the picture, its quiet zone included, is dark.
fn is_dark(code: &QrCode, x: usize, y: usize) -> bool {
    let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < code.width());
    matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
}

fn encode(address: &str) -> Result<QrCode, Problem> {
    QrCode::with_error_correction_level(address, EcLevel::M).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Code::Internal).with_detail(format!("the payment's address cannot be drawn: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ADDRESS: &str = "http://127.0.0.1:3000/sandbox/pay/04-0123456789abcdef";

    #[test]
    fn accept_chooses_the_format() {
        for (accept, format) in [
            ("", Format::Svg),
            ("*/*", Format::Svg),
            ("image/*", Format::Svg),
            ("image/png", Format::Png),
            (
                "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
                Format::Svg,
            ),
            ("image/png;q=0.9, image/svg+xml;q=0.8", Format::Png),
            ("image/svg+xml;q=0, image/*", Format::Png),
            ("IMAGE/PNG, */*;q=0.1", Format::Png),
            ("text/html", Format::Svg),
            ("image/png;q=oops, image/svg+xml;q=0.1", Format::Svg),
        ] {
            assert_eq!(Format::preferred(accept), format, "{accept}");
        }
    }

    #[test]
    fn the_svg_is_a_picture_of_the_address_and_of_no_other() {
        let drawing = String::from_utf8(svg(ADDRESS).unwrap()).unwrap();
        assert!(
            drawing.contains("<svg") && drawing.contains("viewBox"),
            "{drawing}"
        );
        assert_ne!(
            svg(ADDRESS).unwrap(),
            svg("http://127.0.0.1:3000/sandbox/pay/other").unwrap()
        );
    }

    #[test]
    fn the_png_holds_the_code_module_for_module_in_a_white_frame() {
        let code = encode(ADDRESS).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png(ADDRESS).unwrap()))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        let side = frame.width as usize;
        assert_eq!(
            (side, frame.height as usize),
            ((code.width() + 2 * QUIET) * MODULE, side)
        );
        for y in 0..side / MODULE {
            for x in 0..side / MODULE {
                let middle = pixels[(y * MODULE + MODULE / 2) * side + x * MODULE + MODULE / 2];
                assert_eq!(middle == 0, is_dark(&code, x, y), "module {x},{y}");
            }
        }
        // The finder pattern in the corner proves that the code is where it should be.
        assert!(is_dark(&code, QUIET, QUIET) && !is_dark(&code, QUIET - 1, QUIET));
    }

    #[test]
    fn an_address_too_long_for_a_code_is_an_error() {
        assert_eq!(svg(&"x".repeat(5000)).unwrap_err().code(), Code::Internal);
    }
}
