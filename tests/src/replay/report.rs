//! What a replay says in the end.

use serde::Serialize;

/// One JSON object. Counts of what must be there come from what was typed; the rest is measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    pub visits: u64,
    pub responses: u64,
    pub findings: u64,
    pub evidence: u64,
    pub missing: u64,
    pub duplicated: u64,
    pub differing: u64,
    /// Disagreements typed.
    pub conflicts: u64,
    /// Those the supervisor sees with all their values.
    pub conflicts_listed: u64,
    pub cuts: u64,
    pub kills: u64,
    pub exchanges: u64,
    /// On the wire, counted by the proxy between phones and server.
    pub bytes_up: u64,
    pub bytes_down: u64,
    pub upload_bytes_resent: u64,
    pub seconds: f64,
    pub server_cpu_seconds: f64,
    pub server_peak_rss_bytes: u64,
    pub ledger_leaves: u64,
    /// Leaves a restore lost in the middle of the replay, of which the phones knew some.
    pub leaves_lost: u64,
    pub ledger_verified: bool,
}

impl Report {
    /// Nothing missing, doubled or different, every disagreement listed, the ledger verified.
    pub fn is_clean(&self) -> bool {
        self.missing + self.duplicated + self.differing == 0
            && self.conflicts == self.conflicts_listed
            && self.ledger_verified
    }

    /// A line a figure, for people.
    pub fn table(&self) -> String {
        let json = serde_json::to_value(self).unwrap_or_default();
        let lines = Self::ORDER.iter().map(|name| format!("{name:>22}  {}", json[*name]));
        lines.collect::<Vec<_>>().join("\n")
    }

    const ORDER: [&str; 21] = [
        "visits",
        "responses",
        "findings",
        "evidence",
        "missing",
        "duplicated",
        "differing",
        "conflicts",
        "conflicts_listed",
        "cuts",
        "kills",
        "exchanges",
        "bytes_up",
        "bytes_down",
        "upload_bytes_resent",
        "seconds",
        "server_cpu_seconds",
        "server_peak_rss_bytes",
        "ledger_leaves",
        "leaves_lost",
        "ledger_verified",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_being_wrong_makes_a_report_unclean() {
        let clean = Report { conflicts: 2, conflicts_listed: 2, ledger_verified: true, ..Report::default() };
        assert!(clean.is_clean());
        let wrong = [
            Report { missing: 1, ..clean.clone() },
            Report { duplicated: 1, ..clean.clone() },
            Report { differing: 1, ..clean.clone() },
            Report { conflicts_listed: 1, ..clean.clone() },
            Report { ledger_verified: false, ..clean.clone() },
        ];
        assert!(wrong.iter().all(|report| !report.is_clean()));
    }

    #[test]
    fn the_table_and_the_json_have_the_same_figures() {
        let json = serde_json::to_value(Report::default()).unwrap();
        let mut keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        let mut listed = Report::ORDER.map(str::to_owned).to_vec();
        keys.sort();
        listed.sort();
        assert_eq!(keys, listed);
    }
}
