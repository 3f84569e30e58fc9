//! Coordinates: how people write them, and the datums of Chinese maps.
//!
//! GCJ-02 (maps sold in China) and BD-09 (one provider's shift on top of it) are offset from WGS-84 by up
//! to some hundred metres. The offsets' formulas were never published officially; these are the ones in
//! common use, GCJ-02's inverted by iteration. BD-09's own inverse is out by up to two decimetres. CGCS2000
//! differs from WGS-84 by centimetres and is taken over as it is.

use std::f64::consts::PI;

/// What coordinates were given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Datum {
    #[serde(rename = "WGS-84")]
    Wgs84,
    #[serde(rename = "GCJ-02")]
    Gcj02,
    #[serde(rename = "BD-09")]
    Bd09,
    #[serde(rename = "CGCS2000")]
    Cgcs2000,
}

/// Degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub latitude: f64,
    pub longitude: f64,
}

impl Datum {
    pub const ALL: [Self; 4] = [Self::Wgs84, Self::Gcj02, Self::Bd09, Self::Cgcs2000];

    pub fn name(self) -> &'static str {
        match self {
            Self::Wgs84 => "WGS-84",
            Self::Gcj02 => "GCJ-02",
            Self::Bd09 => "BD-09",
            Self::Cgcs2000 => "CGCS2000",
        }
    }

    /// As people write it in a column, or as the name of the map they took it from.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text.to_uppercase().chars().filter(|it| it.is_alphanumeric()).collect();
        match plain.as_str() {
            "WGS84" | "GPS" | "EPSG4326" | "4326" => Some(Self::Wgs84),
            "GCJ02" | "GCJ02LL" | "火星坐标" | "火星坐标系" | "国测局" | "高德" | "腾讯" => {
                Some(Self::Gcj02)
            }
            "BD09" | "BD09LL" | "百度" | "百度坐标" | "百度坐标系" => Some(Self::Bd09),
            "CGCS2000"
            | "国家2000"
            | "大地2000"
            | "2000坐标系"
            | "2000国家大地坐标系"
            | "EPSG4490"
            | "4490" => Some(Self::Cgcs2000),
            _ => None,
        }
    }

    /// A place given in this datum, in WGS-84.
    pub fn to_wgs84(self, place: Place) -> Place {
        match self {
            Self::Wgs84 | Self::Cgcs2000 => place,
            Self::Gcj02 => gcj02_to_wgs84(place),
            Self::Bd09 => gcj02_to_wgs84(bd09_to_gcj02(place)),
        }
    }
}

impl Place {
    pub fn is_on_earth(self) -> bool {
        self.latitude.abs() <= 90.0 && self.longitude.abs() <= 180.0
    }

    pub fn swapped(self) -> Self {
        Self { latitude: self.longitude, longitude: self.latitude }
    }

    /// Whether the two numbers make sense only the other way round: one is no latitude, or the place is
    /// in China as soon as they change places.
    pub fn seems_swapped(self) -> bool {
        let (here, there) = (self, self.swapped());
        there.is_on_earth() && (!here.is_on_earth() || (!here.is_in_china() && there.is_in_china()))
    }

    /// The rectangle within which the shifts are applied.
    fn is_in_china(self) -> bool {
        (0.8293..=55.8271).contains(&self.latitude) && (72.004..=137.8347).contains(&self.longitude)
    }
}

/// Decimal degrees, or degrees, minutes and seconds with their signs; N, S, E and W on either side.
pub fn parse_degrees(text: &str) -> Option<f64> {
    let text = text.trim().to_ascii_uppercase();
    let sides = ['N', 'S', 'E', 'W', '北', '南', '东', '西', '纬', '经', '°', '度', ' '];
    let south_or_west = text.contains(['S', 'W', '南', '西']);
    let bare = text.trim_matches(|it| sides.contains(&it) && it != '°' && it != '度');
    let degrees = match bare.parse::<f64>() {
        Ok(degrees) => degrees,
        Err(_) => sexagesimal(bare)?,
    };
    let degrees = if south_or_west { -degrees.abs() } else { degrees };
    degrees.is_finite().then_some(degrees)
}

fn sexagesimal(text: &str) -> Option<f64> {
    let marks = ['°', '度', '′', '\'', '’', '分', '″', '"', '”', '秒', ':', ' '];
    let parts: Vec<&str> = text.split(marks).filter(|part| !part.is_empty()).collect();
    let marked = text.contains(['°', '度', ':']);
    if !marked || parts.is_empty() || parts.len() > 3 {
        return None;
    }
    let mut degrees = 0.0;
    for (part, unit) in parts.iter().zip([1.0, 60.0, 3600.0]) {
        let part: f64 = part.parse().ok()?;
        if part < 0.0 || (unit > 1.0 && part >= 60.0) {
            return None;
        }
        degrees += part / unit;
    }
    Some(degrees)
}

/// Krasovsky 1940, which the shift is computed on.
const SEMI_MAJOR_M: f64 = 6_378_245.0;
const ECCENTRICITY_SQUARED: f64 = 0.006_693_421_622_965_943;
/// Each step divides the error by some thousand; three reach a millimetre.
const INVERSION_STEPS: usize = 5;

fn gcj02_to_wgs84(shifted: Place) -> Place {
    let mut place = shifted;
    for _ in 0..INVERSION_STEPS {
        let again = wgs84_to_gcj02(place);
        place.latitude -= again.latitude - shifted.latitude;
        place.longitude -= again.longitude - shifted.longitude;
    }
    place
}

fn wgs84_to_gcj02(place: Place) -> Place {
    if !place.is_in_china() {
        return place;
    }
    let (x, y) = (place.longitude - 105.0, place.latitude - 35.0);
    let (sin, cos) = (place.latitude.to_radians().sin(), place.latitude.to_radians().cos());
    let magic = 1.0 - ECCENTRICITY_SQUARED * sin * sin;
    let north_radius = SEMI_MAJOR_M * (1.0 - ECCENTRICITY_SQUARED) / (magic * magic.sqrt());
    let east_radius = SEMI_MAJOR_M / magic.sqrt() * cos;
    Place {
        latitude: place.latitude + (north_shift_m(x, y) / north_radius).to_degrees(),
        longitude: place.longitude + (east_shift_m(x, y) / east_radius).to_degrees(),
    }
}

fn north_shift_m(x: f64, y: f64) -> f64 {
    -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * x.abs().sqrt()
        + waves(&[(20.0, 6.0 * x), (20.0, 2.0 * x), (20.0, y), (40.0, y / 3.0)])
        + waves(&[(160.0, y / 12.0), (320.0, y / 30.0)])
}

fn east_shift_m(x: f64, y: f64) -> f64 {
    300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * x.abs().sqrt()
        + waves(&[(20.0, 6.0 * x), (20.0, 2.0 * x), (20.0, x), (40.0, x / 3.0)])
        + waves(&[(150.0, x / 12.0), (300.0, x / 30.0)])
}

fn waves(terms: &[(f64, f64)]) -> f64 {
    terms.iter().map(|(height, phase)| height * (phase * PI).sin()).sum::<f64>() * 2.0 / 3.0
}

fn bd09_to_gcj02(place: Place) -> Place {
    const TURN: f64 = PI * 3000.0 / 180.0;
    let (x, y) = (place.longitude - 0.0065, place.latitude - 0.006);
    let radius = (x * x + y * y).sqrt() - 0.000_02 * (y * TURN).sin();
    let angle = y.atan2(x) - 0.000_003 * (x * TURN).cos();
    Place { latitude: radius * angle.sin(), longitude: radius * angle.cos() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// About a metre.
    const METRE: f64 = 1e-5;

    fn near(place: Place, latitude: f64, longitude: f64) -> bool {
        (place.latitude - latitude).abs() < METRE && (place.longitude - longitude).abs() < METRE
    }

    /// The values that the libraries in common use (coordtransform, eviltransform) give.
    #[test]
    fn the_square_in_peking_comes_back_from_both_shifts() {
        let gcj = wgs84_to_gcj02(Place { latitude: 39.915, longitude: 116.404 });
        assert!(near(gcj, 39.916_404_28, 116.410_244_499), "{gcj:?}");
        let back = Datum::Gcj02.to_wgs84(gcj);
        let error = (back.latitude - 39.915).abs().max((back.longitude - 116.404).abs());
        assert!(error < METRE / 1_000.0, "{back:?}");
        let bd = Place { latitude: 39.915, longitude: 116.404 };
        assert!(near(bd09_to_gcj02(bd), 39.908_656_739_577_14, 116.397_622_896_698_57));
    }

    #[test]
    fn abroad_nothing_is_shifted() {
        let detroit = Place { latitude: 42.335_696, longitude: -83.048_647 };
        assert_eq!(Datum::Gcj02.to_wgs84(detroit), detroit);
        assert!(!detroit.seems_swapped());
    }

    #[test]
    fn swapped_numbers_show() {
        assert!(Place { latitude: 116.4, longitude: 39.9 }.seems_swapped());
        assert!(Place { latitude: 87.6, longitude: 43.8 }.seems_swapped(), "in the west both are latitudes");
        assert!(!Place { latitude: 39.9, longitude: 116.4 }.seems_swapped());
        assert!(!Place { latitude: 200.0, longitude: 39.9 }.seems_swapped());
    }

    #[test]
    fn degrees_are_read_as_people_write_them() {
        assert_eq!(parse_degrees("116.404"), Some(116.404));
        assert_eq!(parse_degrees("-83.048647"), Some(-83.048_647));
        assert_eq!(parse_degrees("东经116.5°"), Some(116.5));
        assert_eq!(parse_degrees("116°30′0″E"), Some(116.5));
        assert_eq!(parse_degrees("S 33°51'36\""), Some(-33.86));
        assert_eq!(parse_degrees("-33.86S"), Some(-33.86), "said twice is meant once");
        for none in ["", "暂无", "nan", "inf", "116.4,39.9", "116°75′", "1 2"] {
            assert_eq!(parse_degrees(none), None, "{none}");
        }
    }

    #[test]
    fn a_datum_is_known_by_its_names() {
        for datum in Datum::ALL {
            assert_eq!(Datum::parse(datum.name()), Some(datum));
        }
        assert_eq!(Datum::parse("gcj02"), Some(Datum::Gcj02));
        assert_eq!(Datum::parse("北京54"), None);
    }
}
