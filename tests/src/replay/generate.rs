//! A small set with the same columns and the same troubles as a real one, drawn from a seed: two
//! date formats, quoted fields, missing coordinates, repeated rows, codes nobody lists, rows that
//! refer to nothing, and Chinese text.

use super::{
    plan::{Choices, Plan},
    set::{COUNTS, CitySet},
};
use anyhow::{Context, Result};
use fastrand::Rng;
use std::{fs, path::Path};
use time::{Date, Duration};

/// An item every plan for such a set has, answered with a number.
pub const ITEM: &str = COUNTS[0];

/// What is written.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub establishments: usize,
    pub inspections: usize,
    pub inspectors: usize,
    pub days: i64,
}

impl Default for Size {
    fn default() -> Self {
        Self { establishments: 20, inspections: 40, inspectors: 4, days: 3 }
    }
}

const NAMES: &[&str] = &["Coney Island", "老北京面馆", "Pizza, \"Deep\" & Sons", "Café Noir", "清真拉面"];
const PLACES: &[&str] = &["KITCHEN", "后厨", "WALK-IN COOLER", "BAR", ""];
const ITEMS: &[&str] =
    &["Cold food item(s)", "Nonfood contact surface(s)", "冷藏食品", "Hand sink, left", ""];
const PROBLEMS: &[&str] =
    &["Soiled", "Stored above 41 degrees F", "未标注日期", "In poor repair", "Not provided"];
const CORRECTIONS: &[&str] = &["Repair/replace.", "Discard, then \"clean\"", "立即整改\n并复查", ""];
/// The last is in no row of the codes' file, and two have characters no item code may have.
const CODES: &[&str] = &["3-501.16", "4-501.11(B)", "6-501.12", "5-205.11 (A)", "9-999.99"];

/// The plan for a set that is written below `folder`.
pub fn planned(folder: &Path, size: Size, choices: &Choices) -> Result<Plan> {
    write(folder, size, choices.seed)?;
    Ok(Plan::draw(&CitySet::read(folder)?, choices))
}

pub fn write(folder: &Path, size: Size, seed: u64) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut random = Rng::with_seed(seed);
    write_establishments(folder, size, &mut random)?;
    write_codes(folder)?;
    write_visits(folder, size, &mut random)
}

fn write_establishments(folder: &Path, size: Size, random: &mut Rng) -> Result<()> {
    let mut file = csv::Writer::from_path(folder.join("establishments.csv"))?;
    file.write_record([
        "establishmentid",
        "name",
        "address",
        "zipcode",
        "license_number",
        "license_type",
        "most_recent_license_date",
        "establishment_type",
        "establishment_status",
        "risk_category",
        "review_frequency_days",
        "latitude",
        "longitude",
    ])?;
    for number in 0..size.establishments {
        let (latitude, longitude) = match number % 10 {
            3 => (String::new(), String::new()),
            _ => (
                format!("42.{:06}", random.u32(0..1_000_000)),
                format!("-83.{:06}", random.u32(0..1_000_000)),
            ),
        };
        let risk = *random.choice(["High", "Medium", "Low", ""].iter()).unwrap_or(&"");
        file.write_record([
            &format!("{}", 1000 + number),
            &format!("{} {number}", pick(random, NAMES)),
            &format!("{} Livernois, Unit {}", random.u16(1..9999), random.u8(1..9)),
            "48221",
            &format!("{:06}", random.u32(0..1_000_000)),
            "Fixed Establishment",
            "4/30/2018",
            "Food Service Establishment",
            "Open",
            risk,
            "180.0",
            &latitude,
            &longitude,
        ])?;
    }
    Ok(file.flush()?)
}

fn write_codes(folder: &Path) -> Result<()> {
    let mut file = csv::Writer::from_path(folder.join("violation_codes.csv"))?;
    file.write_record([
        "violation_code",
        "violation_type",
        "critical_violation_type",
        "violation_description",
    ])?;
    file.write_record(["", "", "", ""])?;
    for code in &CODES[..CODES.len() - 1] {
        let text = format!("A PERSON IN CHARGE shall see to {code}, \"always\". 《食品安全法》第五十五条");
        file.write_record([*code, "Core", "No", &text])?;
    }
    Ok(file.flush()?)
}

fn write_visits(folder: &Path, size: Size, random: &mut Rng) -> Result<()> {
    let mut inspections = csv::Writer::from_path(folder.join("inspections.csv"))?;
    let head =
        ["inspectionid", "establishmentid", "name", "inspection_date", "inspection_type", "inspectorid"];
    inspections.write_record(head.iter().chain(&COUNTS).chain(&["in_compliance"]))?;
    let mut violations = csv::Writer::from_path(folder.join("violations.csv"))?;
    violations.write_record([
        "inspectionid",
        "inspection_date",
        "inspection_type",
        "establishmentid",
        "name",
        "violation_code",
        "violation_type",
        "critical_violation_type",
        "item_description",
        "sub_item",
        "problem_description",
        "sub_problem",
        "location",
        "sub_location",
        "corrected",
        "days_to_correct",
        "corrected_date",
        "correction_description",
    ])?;
    let first = Date::from_calendar_date(2018, time::Month::June, 4)?;
    for number in 0..size.inspections {
        let id = (40_000 + number).to_string();
        let establishment = (1000 + random.usize(0..size.establishments.max(1))).to_string();
        let day = first + Duration::days(number as i64 * size.days / size.inspections.max(1) as i64);
        let inspector = (80 + random.usize(0..size.inspectors.max(1))).to_string();
        let found = random.usize(0..5);
        let long = format!("{} 00:00:00", super::dates::iso(day));
        let compliant = if found < 3 { "Yes" } else { "No" };
        let mut row = vec![id.clone(), establishment.clone(), String::new(), long];
        row.extend(["Routine Inspection".to_owned(), inspector]);
        row.extend((0..COUNTS.len()).map(|_| random.usize(0..=found).to_string()));
        row.push(compliant.to_owned());
        inspections.write_record(&row)?;
        if number == 0 {
            inspections.write_record(&row)?;
        }
        let rows = (0..found).map(|_| violation(&id, &establishment, day, random)).collect::<Vec<_>>();
        let repeated = rows.first().filter(|_| random.u8(0..8) == 0);
        for row in rows.iter().chain(repeated) {
            violations.write_record(row)?;
        }
    }
    violations.write_record(violation("999999", "1000", first, random))?;
    inspections.flush()?;
    Ok(violations.flush()?)
}

fn violation(inspection: &str, establishment: &str, day: Date, random: &mut Rng) -> Vec<String> {
    let short = format!("{}/{}/{}", u8::from(day.month()), day.day(), day.year());
    let (corrected, on) = match random.u8(0..3) {
        0 => ("Yes", format!("{} 00:00:00", super::dates::iso(day + Duration::days(random.i64(0..9))))),
        1 => ("No", String::new()),
        _ => ("Not required", String::new()),
    };
    let days = pick(random, &["10.0", "30.0", ""]);
    [
        inspection,
        &short,
        "Routine Inspection",
        establishment,
        "",
        pick(random, CODES),
        "Core",
        "No",
        pick(random, ITEMS),
        "",
        pick(random, PROBLEMS),
        "",
        pick(random, PLACES),
        "",
        corrected,
        days,
        &on,
        pick(random, CORRECTIONS),
    ]
    .map(str::to_owned)
    .to_vec()
}

fn pick<'a>(random: &mut Rng, from: &[&'a str]) -> &'a str {
    from[random.usize(0..from.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::set::CitySet;

    #[test]
    fn a_generated_set_reads_back_and_names_what_it_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), Size::default(), 7).unwrap();
        let set = CitySet::read(folder.path()).unwrap();
        assert_eq!((set.establishments.len(), set.inspections.len(), set.codes.len()), (20, 40, 4));
        assert!(set.establishments.iter().any(|row| row.place_e7.is_none()));
        let passed_over = set.notices.join("\n");
        assert!(passed_over.contains("inspections.csv, line 3"), "{passed_over}");
        assert!(passed_over.contains("inspection 999999"), "{passed_over}");
    }

    #[test]
    fn one_seed_gives_one_set_and_another_seed_another() {
        let folder = tempfile::tempdir().unwrap();
        let sets = [("a", 1), ("b", 1), ("c", 2)].map(|(name, seed)| {
            write(&folder.path().join(name), Size::default(), seed).unwrap();
            CitySet { notices: Vec::new(), ..CitySet::read(&folder.path().join(name)).unwrap() }
        });
        assert_eq!(sets[0], sets[1]);
        assert_ne!(sets[0], sets[2]);
    }

    #[test]
    fn the_days_asked_for_are_the_days_that_stay() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), Size::default(), 7).unwrap();
        let set = CitySet::read(folder.path()).unwrap();
        let day = set.inspections[20].date;
        let there = set.inspections.iter().filter(|row| row.date == day).count();
        let slice = set.between(Some(day), Some(day));
        assert_eq!(slice.inspections.len(), there);
        assert!(slice.violations.keys().all(|id| slice.inspections.iter().any(|row| row.id == *id)));
    }
}
