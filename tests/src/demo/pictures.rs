//! What the inspectors bring home: photos of made-up places, signatures and a spoken note. A file's
//! name says what it shows (`shelf-restaurant-1.jpg`), and the same name gives the same bytes.

use super::canvas::{Canvas, Colour};
use anyhow::{Context, Result};
use fastrand::Rng;
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

/// A phone's photo after the app scaled it down.
const PHOTO: (usize, usize) = (2048, 1536);
const SIGNATURE: (usize, usize) = (720, 300);
/// Drawing is the demo's slowest work.
const PAINTERS: usize = 2;

const STEEL: Colour = [150, 156, 162];
const WALL: Colour = [214, 210, 200];
const PAPER: Colour = [244, 242, 236];
const INK: Colour = [52, 54, 62];
const DARK: Colour = [58, 60, 66];
const GREEN: Colour = [22, 148, 84];
const RED: Colour = [190, 38, 34];
const CARDBOARD: Colour = [178, 136, 88];

/// Draws every file that is named, below `folder`.
pub fn draw_all(folder: &Path, names: &[String]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let done: Vec<Result<()>> = thread::scope(|scope| {
        let share = |painter: usize| names.iter().skip(painter).step_by(PAINTERS);
        let painters: Vec<_> = (0..PAINTERS)
            .map(|painter| scope.spawn(move || share(painter).try_for_each(|name| write(folder, name))))
            .collect();
        let joined = painters.into_iter().map(thread::ScopedJoinHandle::join);
        joined.map(|done| done.unwrap_or_else(|_| anyhow::bail!("a painter panicked"))).collect()
    });
    done.into_iter().collect()
}

/// Where a signer's signature is drawn to.
pub fn signature_name(signer: &str) -> String {
    format!("signature-{signer}.png")
}

fn write(folder: &Path, name: &str) -> Result<()> {
    let path: PathBuf = folder.join(name);
    let bytes = draw(name).with_context(|| name.to_owned())?;
    fs::write(&path, bytes).with_context(|| path.display().to_string())
}

/// The bytes of the file with this name.
pub fn draw(name: &str) -> Result<Vec<u8>> {
    let mut random = Rng::with_seed(seed(name));
    let kind = name.split('-').next().unwrap_or("");
    match kind {
        "voice" => return Ok(voice(&mut random)),
        "signature" => return signature(&mut random),
        _ => {}
    }
    let mut canvas = Canvas::new(PHOTO.0, PHOTO.1, WALL);
    let random = &mut random;
    match kind {
        "kitchen" => kitchen(&mut canvas, random),
        "shelf" => shelf(&mut canvas, random),
        "paper" => paper(&mut canvas, random),
        "cabinet" | "fridge" => cabinet(&mut canvas, random),
        "lift" => lift(&mut canvas, random),
        "extinguisher" => extinguisher(&mut canvas, random),
        "door" | "hall" | "exit" | "corridor" => corridor(&mut canvas, random, kind == "exit"),
        other => anyhow::bail!("nobody knows how to draw {other:?}"),
    }
    canvas.jpeg(random)
}

/// FNV-1a: the name alone decides.
fn seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn any_colour(random: &mut Rng) -> Colour {
    [random.u8(60..230), random.u8(50..210), random.u8(40..200)]
}

fn kitchen(canvas: &mut Canvas, random: &mut Rng) {
    canvas.shade([0.0, 0.0, 1.0, 0.62], [226, 228, 226], [196, 200, 198]);
    canvas.grid([0.0, 0.0, 1.0, 0.62], 16, 8, [168, 172, 170]);
    canvas.shade([0.08, 0.02, 0.92, 0.16], [120, 124, 128], [168, 172, 176]);
    canvas.shade([0.0, 0.58, 1.0, 0.66], [206, 210, 214], STEEL);
    canvas.shade([0.0, 0.66, 1.0, 1.0], [112, 116, 120], [72, 74, 78]);
    for at in 0..5 {
        let x = 0.05 + 0.19 * at as f32 + random.f32() * 0.03;
        let height = 0.08 + random.f32() * 0.14;
        canvas.round([x, 0.58 - height, x + 0.13, 0.60], [140, 144, 148]);
        canvas.disc([x, 0.56 - height, x + 0.13, 0.60 - height], [184, 188, 192]);
    }
    for at in 0..6 {
        let x = 0.06 + 0.15 * at as f32;
        canvas.disc([x, 0.72, x + 0.05, 0.79], DARK);
    }
    canvas.fill([0.72, 0.20, 0.90, 0.40], PAPER);
    canvas.writing([0.735, 0.22, 0.885, 0.385], 7, INK, random);
}

fn shelf(canvas: &mut Canvas, random: &mut Rng) {
    canvas.shade([0.0, 0.0, 1.0, 1.0], [120, 112, 100], [88, 82, 74]);
    for row in 0..4 {
        let floor = 0.26 + 0.235 * row as f32;
        let mut x = 0.03;
        while x < 0.92 {
            let (width, height) = (0.045 + random.f32() * 0.05, 0.10 + random.f32() * 0.10);
            let colour = any_colour(random);
            canvas.round([x, floor - height, x + width, floor], colour);
            canvas.fill([x, floor - height * 0.65, x + width, floor - height * 0.25], PAPER);
            let label = [x + 0.004, floor - height * 0.6, x + width - 0.002, floor - height * 0.3];
            canvas.writing(label, 3, INK, random);
            if random.bool() {
                let cap = [x + width * 0.3, floor - height - 0.03, x + width * 0.7, floor - height];
                canvas.round(cap, any_colour(random));
            }
            x += width + 0.008 + random.f32() * 0.012;
        }
        canvas.shade([0.0, floor, 1.0, floor + 0.022], [182, 186, 190], [116, 120, 124]);
    }
}

fn paper(canvas: &mut Canvas, random: &mut Rng) {
    canvas.shade([0.0, 0.0, 1.0, 1.0], [126, 92, 62], [104, 74, 48]);
    canvas.fill([0.17, 0.07, 0.87, 0.97], [70, 52, 36]);
    canvas.shade([0.15, 0.05, 0.85, 0.95], PAPER, [226, 224, 216]);
    canvas.writing([0.34, 0.09, 0.66, 0.14], 1, INK, random);
    canvas.grid([0.20, 0.20, 0.80, 0.78], 5, 11, [120, 120, 124]);
    for row in 0..11 {
        for column in 0..5 {
            let (x, y) = (0.207 + 0.12 * column as f32, 0.212 + 0.0527 * row as f32);
            if random.u8(0..8) > 0 {
                canvas.writing([x, y, x + 0.10, y + 0.034], 1, [40, 56, 120], random);
            }
        }
    }
    canvas.disc([0.60, 0.70, 0.78, 0.94], [204, 84, 78]);
    canvas.disc([0.608, 0.711, 0.772, 0.929], [236, 224, 216]);
    canvas.writing([0.63, 0.78, 0.75, 0.86], 2, [204, 84, 78], random);
}

fn cabinet(canvas: &mut Canvas, random: &mut Rng) {
    canvas.shade([0.0, 0.0, 1.0, 0.8], [220, 218, 210], [190, 188, 182]);
    canvas.grid([0.0, 0.0, 1.0, 0.8], 12, 7, [176, 174, 168]);
    canvas.shade([0.0, 0.8, 1.0, 1.0], [110, 104, 98], [84, 80, 76]);
    canvas.shade([0.22, 0.08, 0.80, 0.92], [206, 210, 214], [150, 154, 160]);
    canvas.shade([0.25, 0.22, 0.77, 0.88], [84, 96, 104], [44, 52, 58]);
    for row in 0..4 {
        let y = 0.36 + 0.155 * row as f32;
        canvas.fill([0.26, y, 0.76, y + 0.006], STEEL);
        for at in 0..7 {
            let x = 0.275 + 0.068 * at as f32;
            canvas.disc([x, y - 0.07 - random.f32() * 0.02, x + 0.058, y], [228, 228, 224]);
        }
    }
    canvas.fill([0.27, 0.115, 0.47, 0.19], [20, 24, 26]);
    canvas.writing([0.29, 0.13, 0.45, 0.175], 1, [230, 60, 40], random);
    canvas.disc([0.66, 0.13, 0.69, 0.17], [90, 20, 18]);
    canvas.disc([0.71, 0.13, 0.74, 0.17], [24, 80, 40]);
}

fn lift(canvas: &mut Canvas, random: &mut Rng) {
    for stripe in 0..20 {
        let x = stripe as f32 / 20.0;
        let light = random.u8(130..190);
        canvas.shade(
            [x, 0.0, x + 0.05, 1.0],
            [light, light, light + 4],
            [light - 30, light - 30, light - 24],
        );
    }
    canvas.shade([0.56, 0.10, 0.86, 0.96], [196, 198, 202], [160, 162, 168]);
    canvas.fill([0.60, 0.14, 0.82, 0.26], [16, 18, 20]);
    canvas.writing([0.66, 0.16, 0.76, 0.24], 1, [240, 120, 30], random);
    for row in 0..6 {
        for column in 0..2 {
            let (x, y) = (0.62 + 0.11 * column as f32, 0.32 + 0.095 * row as f32);
            canvas.disc([x, y, x + 0.06, y + 0.08], [230, 230, 226]);
            canvas.writing([x + 0.02, y + 0.024, x + 0.045, y + 0.056], 1, INK, random);
        }
    }
    canvas.disc([0.68, 0.89, 0.74, 0.95], [236, 176, 24]);
    canvas.shade([0.12, 0.18, 0.44, 0.62], [236, 222, 120], [226, 208, 96]);
    canvas.fill([0.12, 0.18, 0.44, 0.26], GREEN);
    canvas.writing([0.15, 0.195, 0.41, 0.245], 1, PAPER, random);
    canvas.writing([0.15, 0.30, 0.41, 0.58], 6, INK, random);
}

fn extinguisher(canvas: &mut Canvas, random: &mut Rng) {
    canvas.shade([0.0, 0.0, 1.0, 0.84], [224, 220, 208], [198, 194, 184]);
    canvas.shade([0.0, 0.84, 1.0, 1.0], [128, 120, 110], [96, 90, 84]);
    for at in 0..2 {
        let x = 0.30 + 0.22 * at as f32;
        canvas.disc([x - 0.02, 0.86, x + 0.17, 0.93], [80, 76, 70]);
        canvas.round([x, 0.36, x + 0.14, 0.90], RED);
        canvas.disc([x, 0.31, x + 0.14, 0.41], [206, 52, 46]);
        canvas.round([x + 0.045, 0.24, x + 0.095, 0.34], DARK);
        canvas.disc([x + 0.10, 0.25, x + 0.145, 0.31], PAPER);
        canvas.disc([x + 0.108, 0.26, x + 0.137, 0.30], if at == 0 { GREEN } else { RED });
        canvas.fill([x + 0.02, 0.52, x + 0.12, 0.74], [246, 232, 180]);
        canvas.writing([x + 0.03, 0.54, x + 0.115, 0.72], 6, INK, random);
    }
    canvas.fill([0.70, 0.20, 0.90, 0.42], RED);
    canvas.writing([0.72, 0.24, 0.88, 0.38], 2, PAPER, random);
}

fn corridor(canvas: &mut Canvas, random: &mut Rng, blocked: bool) {
    const SLICES: usize = 40;
    for slice in 0..SLICES {
        let part = slice as f32 / SLICES as f32;
        let inset = 0.32 * part;
        let light = 232.0 - 70.0 * part;
        let wall = [light as u8, (light * 0.97) as u8, (light * 0.9) as u8];
        canvas.fill([inset, inset * 0.8, 1.0 - inset, 1.0 - inset * 0.9], wall);
        let floor = [(130.0 - 50.0 * part) as u8, (118.0 - 46.0 * part) as u8, (104.0 - 40.0 * part) as u8];
        canvas.fill([inset, 0.72, 1.0 - inset, 1.0 - inset * 0.9], floor);
    }
    canvas.shade([0.34, 0.27, 0.66, 0.73], [150, 120, 86], [122, 96, 68]);
    canvas.fill([0.495, 0.27, 0.505, 0.73], DARK);
    canvas.disc([0.515, 0.49, 0.535, 0.52], STEEL);
    canvas.fill([0.40, 0.16, 0.60, 0.235], GREEN);
    canvas.writing([0.43, 0.175, 0.58, 0.222], 1, PAPER, random);
    let boxes = if blocked { 7 } else { 1 };
    for _ in 0..boxes {
        let (x, y) = (0.24 + random.f32() * 0.4, 0.58 + random.f32() * 0.24);
        let (width, height) = (0.12 + random.f32() * 0.08, 0.12 + random.f32() * 0.06);
        canvas.shade([x, y, x + width, y + height], CARDBOARD, [140, 104, 64]);
        canvas.fill([x + width * 0.45, y, x + width * 0.55, y + height], [206, 176, 128]);
        canvas.writing([x + 0.01, y + height * 0.5, x + width * 0.4, y + height * 0.85], 2, INK, random);
    }
}

/// A pen that swings over a line, several times.
fn signature(random: &mut Rng) -> Result<Vec<u8>> {
    const STEPS: usize = 900;
    let mut canvas = Canvas::new(SIGNATURE.0, SIGNATURE.1, [255, 255, 255]);
    let (swing, lean) = (7.0 + random.f32() * 6.0, random.f32() * 2.0);
    let depth = 0.16 + random.f32() * 0.12;
    for step in 0..STEPS {
        let part = step as f32 / STEPS as f32;
        let x = 0.12 + 0.74 * part + 0.035 * (part * swing * 2.3 + lean).sin();
        let up = (part * swing * std::f32::consts::PI + lean).sin() * (1.0 - part * 0.5);
        let y = 0.52 + depth * up + 0.05 * (part * 31.0).cos();
        let pen = 0.007 + 0.004 * (part * 19.0).sin().abs();
        canvas.disc([x - pen * 0.5, y - pen * 1.2, x + pen * 0.5, y + pen * 1.2], [24, 28, 60]);
    }
    canvas.png()
}

/// Four seconds of something like a voice, as a recorder writes it: WAV, 8 kHz, 16 bits.
fn voice(random: &mut Rng) -> Vec<u8> {
    const RATE: u32 = 8_000;
    const SECONDS: u32 = 4;
    const BYTES_A_SAMPLE: u32 = 2;
    let size = RATE * SECONDS * BYTES_A_SAMPLE;
    let mut bytes = Vec::with_capacity(44 + size as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([1, 0, 1, 0]);
    bytes.extend(RATE.to_le_bytes());
    bytes.extend((RATE * BYTES_A_SAMPLE).to_le_bytes());
    bytes.extend([BYTES_A_SAMPLE as u8, 0, 16, 0]);
    bytes.extend(b"data");
    bytes.extend(size.to_le_bytes());
    let mut pitch = 140.0;
    let mut phase = 0.0_f32;
    for sample in 0..RATE * SECONDS {
        let time = sample as f32 / RATE as f32;
        if sample % (RATE / 5) == 0 {
            pitch = 110.0 + random.f32() * 90.0;
        }
        phase += pitch / RATE as f32 * std::f32::consts::TAU;
        let syllable = (time * 5.0 * std::f32::consts::PI).sin().abs();
        let tone = phase.sin() + 0.5 * (2.0 * phase).sin() + 0.25 * (3.0 * phase).sin();
        let value = tone * syllable * 6_000.0 + (random.f32() - 0.5) * 300.0;
        bytes.extend((value as i16).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEGABYTE: usize = 1_000_000;

    #[test]
    fn a_photo_is_as_large_as_a_phones_and_decodes_and_is_the_same_each_time() {
        let bytes = draw("shelf-test-1.jpg").unwrap();
        assert!((MEGABYTE..4 * MEGABYTE).contains(&bytes.len()), "{} bytes", bytes.len());
        let picture = image::load_from_memory(&bytes).unwrap();
        assert_eq!((picture.width() as usize, picture.height() as usize), PHOTO);
        assert_eq!(bytes, draw("shelf-test-1.jpg").unwrap());
        assert_ne!(bytes, draw("shelf-test-2.jpg").unwrap());
    }

    #[test]
    fn a_signature_and_a_voice_are_what_their_names_say() {
        let signature = draw(&signature_name("王芳")).unwrap();
        assert_eq!(image::guess_format(&signature).unwrap(), image::ImageFormat::Png);
        let voice = draw("voice-1.wav").unwrap();
        assert!(voice.starts_with(b"RIFF") && voice.len() == 44 + 64_000);
    }
}
