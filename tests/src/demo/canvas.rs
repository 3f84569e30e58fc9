//! A drawing surface for made-up photos: rectangles, discs, lines of something like writing, and the
//! grain of a small sensor. Places are fractions of width and height, so that a scene fits any size.

use anyhow::Result;
use fastrand::Rng;
use image::{ExtendedColorType, ImageEncoder as _, codecs::jpeg::JpegEncoder, codecs::png::PngEncoder};

pub type Colour = [u8; 3];

/// Left, top, right, bottom.
pub type Area = [f32; 4];

const CHANNELS: usize = 3;
/// What phones write; with the grain it makes some 0.7 bytes a pixel.
const JPEG_QUALITY: u8 = 88;
/// How far the grain moves a channel, up or down.
const GRAIN: u8 = 12;
/// How much darker a photo's first and last line are.
const SHADE: u8 = 22;

pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, pixels: colour.repeat(width * height) }
    }

    /// Shaded from top to bottom.
    pub fn shade(&mut self, area: Area, top: Colour, bottom: Colour) {
        let [left, upper, right, lower] = self.scaled(area);
        for y in upper..lower {
            let part = (y - upper) as f32 / (lower - upper).max(1) as f32;
            let colour: Vec<u8> = top.iter().zip(bottom).map(|(a, b)| mix(*a, b, part)).collect();
            self.stroke(y, left, right, &colour);
        }
    }

    /// A line one pixel high.
    fn stroke(&mut self, y: usize, left: usize, right: usize, colour: &[u8]) {
        let row = (y * self.width + left) * CHANNELS..(y * self.width + right) * CHANNELS;
        self.pixels[row].copy_from_slice(&colour.repeat(right - left));
    }

    pub fn fill(&mut self, area: Area, colour: Colour) {
        self.shade(area, colour, colour);
    }

    /// Fills the area up to its middle line with light and the rest with shadow: something round.
    pub fn round(&mut self, area: Area, colour: Colour) {
        const STRIPES: usize = 24;
        let [left, top, right, bottom] = area;
        let step = (right - left) / STRIPES as f32;
        for stripe in 0..STRIPES {
            let part = (stripe as f32 + 0.5) / STRIPES as f32;
            let light = 1.15 - 1.3 * (part - 0.38).abs();
            let shaded = colour.map(|channel| (f32::from(channel) * light).clamp(0.0, 255.0) as u8);
            let x = left + step * stripe as f32;
            self.fill([x, top, x + step, bottom], shaded);
        }
    }

    /// The ellipse that touches the area's sides.
    pub fn disc(&mut self, area: Area, colour: Colour) {
        let [left, top, right, bottom] = self.scaled(area);
        let half = ((right - left) as f32 / 2.0, (bottom - top) as f32 / 2.0);
        for y in top..bottom {
            let up = ((y - top) as f32 + 0.5) / half.1 - 1.0;
            let reach = (1.0 - up * up).max(0.0).sqrt() * half.0;
            let middle = left as f32 + half.0;
            let (from, to) = ((middle - reach) as usize, (middle + reach) as usize);
            self.stroke(y, from, to.min(self.width), &colour);
        }
    }

    /// Rows of dark strokes, as writing looks from a distance.
    pub fn writing(&mut self, area: Area, rows: usize, colour: Colour, random: &mut Rng) {
        let [left, top, right, bottom] = area;
        let row = (bottom - top) / rows as f32;
        for at in 0..rows {
            let y = top + row * at as f32;
            let mut x = left;
            while x < right - row {
                let width = row * (0.3 + random.f32() * 0.5);
                if random.u8(0..6) > 0 {
                    self.fill([x, y + row * 0.2, x + width, y + row * 0.75], colour);
                }
                x += width + row * 0.12;
            }
        }
    }

    /// Lines at equal distances, as between tiles.
    pub fn grid(&mut self, area: Area, columns: usize, rows: usize, colour: Colour) {
        const LINE: f32 = 0.0016;
        let [left, top, right, bottom] = area;
        for at in 0..=columns {
            let x = left + (right - left) * at as f32 / columns as f32;
            self.fill([x, top, x + LINE, bottom], colour);
        }
        for at in 0..=rows {
            let y = top + (bottom - top) * at as f32 / rows as f32;
            self.fill([left, y, right, y + LINE * 1.3], colour);
        }
    }

    /// Grain, darker towards top and bottom, then the file a camera would write.
    pub fn jpeg(mut self, random: &mut Rng) -> Result<Vec<u8>> {
        let line = self.width * CHANNELS;
        // A few lines of grain, from which every line of the picture takes a piece.
        let grain: Vec<u8> = (0..3 * line).map(|_| random.u8(0..2 * GRAIN)).collect();
        let middle = self.height / 2;
        for (y, row) in self.pixels.chunks_exact_mut(line).enumerate() {
            let at = random.usize(0..2 * line);
            let darker = GRAIN + (y.abs_diff(middle) * usize::from(SHADE) / middle.max(1)) as u8;
            for (channel, grain) in row.iter_mut().zip(&grain[at..at + line]) {
                *channel = channel.saturating_add(*grain).saturating_sub(darker);
            }
        }
        let mut bytes = Vec::new();
        let (width, height) = self.size()?;
        JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY).encode(
            &self.pixels,
            width,
            height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(bytes)
    }

    pub fn png(self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let (width, height) = self.size()?;
        PngEncoder::new(&mut bytes).write_image(&self.pixels, width, height, ExtendedColorType::Rgb8)?;
        Ok(bytes)
    }

    fn size(&self) -> Result<(u32, u32)> {
        Ok((u32::try_from(self.width)?, u32::try_from(self.height)?))
    }

    /// In pixels, within the picture.
    fn scaled(&self, [left, top, right, bottom]: Area) -> [usize; 4] {
        let x = |part: f32| ((part * self.width as f32).max(0.0) as usize).min(self.width);
        let y = |part: f32| ((part * self.height as f32).max(0.0) as usize).min(self.height);
        let (left, top) = (x(left), y(top));
        [left, top, x(right).max(left), y(bottom).max(top)]
    }
}

fn mix(a: u8, b: u8, part: f32) -> u8 {
    (f32::from(a) * (1.0 - part) + f32::from(b) * part) as u8
}
