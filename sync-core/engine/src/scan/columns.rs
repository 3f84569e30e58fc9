//! The columns of a change: runs of equal values, runs of values told one by one, runs of nothing.

use super::reader::Reader;
use crate::limits;
use liuhen_trace::Refusal;

/// How much a change holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub ops: u64,
    pub predecessors: u64,
}

const OBJECT_ACTOR: u64 = 0x01;
const OBJECT_COUNTER: u64 = 0x02;
const KEY_ACTOR: u64 = 0x11;
const KEY_COUNTER: u64 = 0x13;
const KEY_TEXT: u64 = 0x15;
const INSERT: u64 = 0x34;
const ACTION: u64 = 0x42;
const VALUE_META: u64 = 0x56;
const VALUE: u64 = 0x57;
const PREDECESSOR_GROUP: u64 = 0x70;
const PREDECESSOR_ACTOR: u64 = 0x71;
const PREDECESSOR_COUNTER: u64 = 0x73;
const EXPAND: u64 = 0x94;
const MARK_NAME: u64 = 0xa5;
/// Set in a column's number when its bytes are deflated.
const DEFLATED: u64 = 0x08;
/// There are as many columns as are named above.
const COLUMNS_MAX: u64 = 14;

/// Greatest counter an operation can have.
const COUNTER_MAX: i64 = (limits::START_OP_MAX + limits::CHANGE_OPS_MAX) as i64;

/// Walks the column list and every column; leaves `body` behind the last one.
pub(super) fn walk(body: &mut Reader, actors: u64) -> Result<Counts, Refusal> {
    let count = body.unsigned()?;
    if count > COLUMNS_MAX {
        return Err(Refusal::new("change.unknown_column", format!("{count} columns")));
    }
    let mut list = *body;
    let mut before = None;
    for _ in 0..count {
        let column = body.unsigned()?;
        body.unsigned()?;
        if before.is_some_and(|before| before >= column) {
            return Err(Refusal::new("change.columns_unordered", "columns must ascend"));
        }
        before = Some(column);
    }
    let (mut counts, mut value_bytes, mut told_value_bytes) = (Counts::default(), 0u64, 0u64);
    for _ in 0..count {
        let column = list.unsigned()?;
        let length = usize::try_from(list.unsigned()?).unwrap_or(usize::MAX);
        let bytes = Reader::new(body.take(length)?);
        match column {
            OBJECT_ACTOR => actor_indices(bytes, actors, limits::CHANGE_OPS_MAX)?,
            OBJECT_COUNTER => object_counters(bytes)?,
            KEY_TEXT => keys(bytes)?,
            INSERT => inserts(bytes)?,
            ACTION => counts.ops = actions(bytes)?,
            VALUE_META => told_value_bytes = value_sizes(bytes)?,
            VALUE => value_bytes = length as u64,
            PREDECESSOR_GROUP => counts.predecessors = predecessor_count(bytes)?,
            PREDECESSOR_ACTOR => actor_indices(bytes, actors, limits::CHANGE_PREDS_MAX)?,
            PREDECESSOR_COUNTER => predecessor_counters(bytes)?,
            KEY_ACTOR | KEY_COUNTER => return Err(not_allowed("an operation on a list")),
            EXPAND | MARK_NAME => return Err(not_allowed("a mark")),
            other if other & DEFLATED != 0 => {
                return Err(Refusal::new("change.deflated", format!("column {other:#x} is compressed")));
            }
            other => return Err(Refusal::new("change.unknown_column", format!("{other:#x}"))),
        }
    }
    if told_value_bytes != value_bytes {
        return Err(Refusal::new("change.malformed", "the values are not as long as told"));
    }
    if counts.ops == 0 {
        return Err(Refusal::new("change.no_operations", "a change must change something"));
    }
    Ok(counts)
}

fn not_allowed(what: &str) -> Refusal {
    Refusal::new("change.operation_not_allowed", what)
}

fn malformed(what: &str) -> Refusal {
    Refusal::new("change.malformed", what)
}

/// Walks a run-length encoded column: `visit` gets each run's length and value, `None` for a run of
/// nothing. Values told one by one take at least a byte each, so the work is bounded by the bytes.
/// Returns the number of rows.
fn runs<'a, T>(
    mut bytes: Reader<'a>,
    rows_max: u64,
    read: impl Fn(&mut Reader<'a>) -> Result<T, Refusal>,
    mut visit: impl FnMut(u64, Option<T>) -> Result<(), Refusal>,
) -> Result<u64, Refusal> {
    let mut rows = 0u64;
    while !bytes.is_empty() {
        let length = bytes.signed()?;
        let is_null = length == 0;
        let in_run = if is_null { bytes.unsigned()? } else { length.unsigned_abs() };
        rows = rows.saturating_add(in_run);
        if rows > rows_max {
            return Err(too_many(rows_max));
        }
        match length {
            0 => visit(in_run, None)?,
            1.. => visit(in_run, Some(read(&mut bytes)?))?,
            ..0 => {
                for _ in 0..in_run {
                    visit(1, Some(read(&mut bytes)?))?;
                }
            }
        }
    }
    Ok(rows)
}

fn too_many(rows_max: u64) -> Refusal {
    if rows_max == limits::CHANGE_OPS_MAX {
        Refusal::new("change.too_many_operations", format!("more than {rows_max}"))
    } else {
        Refusal::new("change.too_many_predecessors", format!("more than {rows_max}"))
    }
}

fn actor_indices(bytes: Reader, actors: u64, rows_max: u64) -> Result<(), Refusal> {
    let known = |_, actor: Option<u64>| match actor {
        Some(index) if index >= actors => Err(malformed("an actor that is not listed")),
        Some(_) | None => Ok(()),
    };
    runs(bytes, rows_max, Reader::unsigned, known).map(|_| ())
}

fn object_counters(bytes: Reader) -> Result<(), Refusal> {
    let in_range = |_, counter: Option<u64>| match counter {
        Some(counter) if counter == 0 || counter > COUNTER_MAX as u64 => {
            Err(Refusal::new("change.counter_out_of_range", counter.to_string()))
        }
        Some(_) | None => Ok(()),
    };
    runs(bytes, limits::CHANGE_OPS_MAX, Reader::unsigned, in_range).map(|_| ())
}

fn keys(bytes: Reader) -> Result<(), Refusal> {
    let read = |bytes: &mut Reader| {
        let length = bytes.unsigned()?;
        if length > limits::KEY_BYTES_MAX {
            return Err(Refusal::new("change.key_too_long", format!("{length} bytes")));
        }
        bytes.take(length as usize).map(|_| ())
    };
    let present = |_, key: Option<()>| key.ok_or_else(|| not_allowed("an operation without a key"));
    runs(bytes, limits::CHANGE_OPS_MAX, read, present).map(|_| ())
}

/// Booleans are run lengths alone, of false first: more than one run says that something is true.
fn inserts(mut bytes: Reader) -> Result<(), Refusal> {
    if bytes.unsigned()? > limits::CHANGE_OPS_MAX {
        return Err(too_many(limits::CHANGE_OPS_MAX));
    }
    if bytes.is_empty() { Ok(()) } else { Err(not_allowed("an insertion into a list")) }
}

fn actions(bytes: Reader) -> Result<u64, Refusal> {
    let allowed = |_, action: Option<u64>| match action {
        Some(0 | 1) => Ok(()),
        Some(2) => Err(not_allowed("making a list")),
        Some(3) => Err(not_allowed("a deletion")),
        Some(4) => Err(not_allowed("making a text")),
        Some(5) => Err(not_allowed("an increment")),
        Some(6) => Err(not_allowed("making a table")),
        Some(7) => Err(not_allowed("a mark")),
        Some(other) => Err(not_allowed(&format!("action {other}"))),
        None => Err(malformed("an operation without an action")),
    };
    runs(bytes, limits::CHANGE_OPS_MAX, Reader::unsigned, allowed)
}

/// Checks types and sizes of the values; returns their bytes altogether.
fn value_sizes(bytes: Reader) -> Result<u64, Refusal> {
    /// A 64-bit number as LEB128.
    const INT_BYTES_MAX: u64 = 10;
    let mut total = 0u64;
    let add = |rows: u64, meta: Option<u64>| {
        let meta = meta.ok_or_else(|| malformed("an operation without a value"))?;
        let size = meta >> 4;
        let size_max = match meta & 0x0f {
            0..=2 => 0,
            4 => INT_BYTES_MAX,
            6 => limits::TEXT_BYTES_MAX as u64,
            other => return Err(Refusal::new("change.value_not_allowed", type_name(other))),
        };
        if size > size_max {
            return Err(Refusal::new("change.value_too_large", format!("{size} bytes")));
        }
        total = total.saturating_add(size.saturating_mul(rows));
        Ok(())
    };
    runs(bytes, limits::CHANGE_OPS_MAX, Reader::unsigned, add)?;
    Ok(total)
}

fn type_name(code: u64) -> String {
    match code {
        3 => "an unsigned number".to_owned(),
        5 => "a floating-point number".to_owned(),
        7 => "bytes".to_owned(),
        8 => "a counter".to_owned(),
        9 => "a timestamp".to_owned(),
        other => format!("type {other}"),
    }
}

fn predecessor_count(bytes: Reader) -> Result<u64, Refusal> {
    let mut total = 0u64;
    let add = |rows: u64, count: Option<u64>| {
        let count = count.ok_or_else(|| malformed("an operation without predecessors"))?;
        total = total.saturating_add(count.saturating_mul(rows));
        if total > limits::CHANGE_PREDS_MAX { Err(too_many(limits::CHANGE_PREDS_MAX)) } else { Ok(()) }
    };
    runs(bytes, limits::CHANGE_OPS_MAX, Reader::unsigned, add)?;
    Ok(total)
}

/// Counters are told as differences. Within a run they go one way, so its end is its extreme.
fn predecessor_counters(bytes: Reader) -> Result<(), Refusal> {
    let mut counter = 0i64;
    let in_range = |rows: u64, step: Option<i64>| {
        let step = step.ok_or_else(|| malformed("a predecessor without a counter"))?;
        let first = counter.saturating_add(step);
        counter = counter.saturating_add(step.saturating_mul(i64::try_from(rows).unwrap_or(i64::MAX)));
        match (1..=COUNTER_MAX).contains(&first) && (1..=COUNTER_MAX).contains(&counter) {
            true => Ok(()),
            false => Err(Refusal::new("change.counter_out_of_range", counter.to_string())),
        }
    };
    runs(bytes, limits::CHANGE_PREDS_MAX, Reader::signed, in_range).map(|_| ())
}
