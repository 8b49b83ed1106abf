//! Addresses for the camera of a phone.

use qrcode::render::{svg, unicode};
use qrcode::types::QrResult;
use qrcode::{EcLevel, QrCode};

/// Side of a drawn code in pixels, at least.
const SIDE: u32 = 220;

/// An address as a picture: dark on light, whatever the page's colours are, as cameras want it.
pub(crate) fn svg(address: &str) -> QrResult<String> {
    Ok(code(address)?.render::<svg::Color<'_>>().min_dimensions(SIDE, SIDE).build())
}

/// An address in the characters of a terminal, two dots in each; drawn for dark terminals.
pub(crate) fn text(address: &str) -> QrResult<String> {
    let (dark, light) = (unicode::Dense1x2::Light, unicode::Dense1x2::Dark);
    Ok(code(address)?.render::<unicode::Dense1x2>().dark_color(dark).light_color(light).build())
}

fn code(address: &str) -> QrResult<QrCode> {
    QrCode::with_error_correction_level(address, EcLevel::M)
}
