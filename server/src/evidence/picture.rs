//! A small picture of a file of evidence, for screens. Pure: bytes in, JPEG out.
//!
//! The bytes come from anybody's phone. What decoding may cost is known from the header before a pixel is
//! read, and a decoder that panics has found no picture.

use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageReader, Limits, Rgb, RgbImage,
    codecs::jpeg::JpegEncoder,
};
use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// An original that a picture is made from: three times the largest photo of a phone.
pub const SOURCE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Decoded pixels in memory: 64 megapixels of three bytes.
const DECODED_BYTES_MAX: u64 = 192 * 1024 * 1024;
/// A panorama is long; beyond this a header lies.
const EDGE_PIXELS_MAX: u32 = 30_000;
/// Bytes around the decoded pixels that a decoder may use.
const WORKING_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Text on a photographed document stays readable.
const JPEG_QUALITY: u8 = 82;
/// What shines through a transparent picture.
const PAPER: u8 = 255;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PictureSize {
    /// For lists: at most 320 pixels an edge.
    Thumbnail,
    /// For a screen: at most 1600 pixels an edge.
    Preview,
}

impl PictureSize {
    pub fn edge_pixels_max(self) -> u32 {
        match self {
            PictureSize::Thumbnail => 320,
            PictureSize::Preview => 1600,
        }
    }
}

/// Why there is no picture of a file. It stays so: the file never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPicture {
    /// Not JPEG, PNG or WebP.
    NotAnImage,
    /// More pixels or bytes than are decoded here.
    TooLarge,
    /// Says that it is an image and cannot be decoded.
    Damaged,
}

impl NoPicture {
    pub const ALL: [Self; 3] = [Self::NotAnImage, Self::TooLarge, Self::Damaged];

    pub fn code(self) -> &'static str {
        match self {
            NoPicture::NotAnImage => "evidence.no_picture",
            NoPicture::TooLarge => "evidence.picture_too_large",
            NoPicture::Damaged => "evidence.picture_damaged",
        }
    }
}

/// The picture as JPEG, upright, without the original's metadata. One that is smaller than asked for
/// keeps its size.
pub fn draw(source: &[u8], size: PictureSize) -> Result<Vec<u8>, NoPicture> {
    let drawn = catch_unwind(AssertUnwindSafe(|| {
        let picture = decode(source, size.edge_pixels_max())?;
        let mut jpeg = Vec::new();
        JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY)
            .encode_image(&on_paper(picture))
            .map_err(|_| NoPicture::Damaged)?;
        Ok(jpeg)
    }));
    drawn.unwrap_or(Err(NoPicture::Damaged))
}

fn decode(source: &[u8], edge: u32) -> Result<DynamicImage, NoPicture> {
    let mut reader =
        ImageReader::new(Cursor::new(source)).with_guessed_format().map_err(|_| NoPicture::NotAnImage)?;
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(EDGE_PIXELS_MAX);
    limits.max_image_height = Some(EDGE_PIXELS_MAX);
    limits.max_alloc = Some(DECODED_BYTES_MAX + WORKING_BYTES_MAX);
    reader.limits(limits);
    if reader.format().is_none() {
        return Err(NoPicture::NotAnImage);
    }
    let mut decoder = reader.into_decoder().map_err(|error| reason(&error))?;
    if decoder.total_bytes() > DECODED_BYTES_MAX {
        return Err(NoPicture::TooLarge);
    }
    let orientation = decoder.orientation().ok();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| reason(&error))?;
    if picture.width() > edge || picture.height() > edge {
        picture = picture.thumbnail(edge, edge);
    }
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(picture)
}

fn reason(error: &ImageError) -> NoPicture {
    match error {
        ImageError::Unsupported(_) => NoPicture::NotAnImage,
        ImageError::Limits(_) => NoPicture::TooLarge,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::IoError(_) => NoPicture::Damaged,
    }
}

fn on_paper(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let pixels = picture.into_rgba8();
    RgbImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [red, green, blue, alpha] = pixels.get_pixel(x, y).0.map(u32::from);
        let over = |ink: u32| ((ink * alpha + u32::from(PAPER) * (255 - alpha)) / 255) as u8;
        Rgb([over(red), over(green), over(blue)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgba, RgbaImage};

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).expect("an image");
        bytes.into_inner()
    }

    fn size_of(jpeg: &[u8]) -> (u32, u32) {
        let read = ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg);
        read.into_dimensions().expect("a JPEG")
    }

    /// A JPEG with an EXIF block that says which way is up.
    fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
        let tiff = [
            &b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..],
            &[orientation, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let length = (tiff.len() as u16 + 2).to_be_bytes();
        [&jpeg[..2], &[0xff, 0xe1], &length, &tiff, &jpeg[2..]].concat()
    }

    #[test]
    fn pictures_keep_their_shape_and_stay_within_their_edges() {
        let wide = DynamicImage::ImageRgb8(RgbImage::from_pixel(2000, 500, Rgb([9, 90, 200])));
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let bytes = encoded(&wide, format);
            let thumbnail = draw(&bytes, PictureSize::Thumbnail).expect("a picture");
            assert_eq!(size_of(&thumbnail), (320, 80), "{format:?}");
            assert_eq!(size_of(&draw(&bytes, PictureSize::Preview).expect("a picture")), (1600, 400));
        }
        let small = encoded(&wide.thumbnail(40, 40), ImageFormat::Png);
        assert_eq!(
            size_of(&draw(&small, PictureSize::Thumbnail).expect("a picture")),
            (40, 10),
            "not enlarged"
        );
    }

    #[test]
    fn a_photo_taken_upright_is_shown_upright() {
        let lying = DynamicImage::ImageRgb8(RgbImage::from_pixel(640, 320, Rgb([1, 2, 3])));
        let jpeg = with_orientation(&encoded(&lying, ImageFormat::Jpeg), 6);
        assert_eq!(size_of(&draw(&jpeg, PictureSize::Thumbnail).expect("a picture")), (160, 320));
    }

    #[test]
    fn what_is_transparent_is_shown_on_white() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0])));
        let jpeg = draw(&encoded(&clear, ImageFormat::Png), PictureSize::Thumbnail).expect("a picture");
        let shown = image::load_from_memory(&jpeg).expect("a JPEG").into_rgb8();
        assert_eq!(shown.get_pixel(4, 4).0, [255; 3]);
    }

    #[test]
    fn what_is_no_image_or_broken_gives_a_reason_and_no_panic() {
        let reasons = |bytes: &[u8]| draw(bytes, PictureSize::Thumbnail).expect_err("no picture");
        for garbage in [&b""[..], b"picture", b"%PDF-1.7", b"<svg xmlns='x'/>", b"GIF89a\x01\0\x01\0\0\0\0;"]
        {
            assert_eq!(reasons(garbage), NoPicture::NotAnImage, "{garbage:?}");
        }
        let whole = DynamicImage::ImageRgb8(RgbImage::from_pixel(64, 64, Rgb([1, 2, 3])));
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            let bytes = encoded(&whole, format);
            for at in (0..bytes.len()).step_by(7) {
                // Cut or flipped anywhere: an answer of either kind, and none that ends the process.
                let _ = draw(&bytes[..at], PictureSize::Thumbnail);
                let mut flipped = bytes.clone();
                flipped[at] ^= 0x55;
                let _ = draw(&flipped, PictureSize::Thumbnail);
            }
            assert!(draw(&bytes[..24.min(bytes.len() / 2)], PictureSize::Thumbnail).is_err(), "{format:?}");
        }
    }

    #[test]
    fn a_bomb_is_known_by_its_header() {
        // 25,000 × 25,000 pixels claimed in 57 bytes; the checksum of the header fits.
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        let header = [&25_000_u32.to_be_bytes()[..], &25_000_u32.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
        png.extend(&header);
        png.extend(crc(&[b"IHDR", &header[..]].concat()).to_be_bytes());
        png.extend(b"\0\0\0\0IDAT");
        png.extend(crc(b"IDAT").to_be_bytes());
        assert_eq!(draw(&png, PictureSize::Thumbnail), Err(NoPicture::TooLarge));
    }

    /// CRC-32 of PNG chunks.
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8)
                .fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
        })
    }
}
