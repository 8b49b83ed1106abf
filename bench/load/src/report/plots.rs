//! Which figures are drawn.

use super::bars::{Bar, bars};
use super::lines::{Line, lines};
use crate::load::Scenario;
use crate::plan::{Cell, Contestant};
use crate::results::Results;
use crate::sample::Sample;
use std::collections::BTreeMap;

/// Where the contestants are compared.
const CONNECTIONS: usize = 64;

/// A plot, and where it goes.
pub(super) struct Plot {
    /// The file's name.
    pub(super) file: &'static str,
    /// What it shows.
    pub(super) title: &'static str,
    /// The drawing.
    pub(super) svg: String,
}

/// Those for which the run has figures.
pub(super) fn all(results: &Results) -> Vec<Plot> {
    let mut plots = Vec::new();
    let mut add = |file, title, svg: Option<String>| plots.extend(svg.map(|svg| Plot { file, title, svg }));
    let title = "First payments a second at 64 connections (more is better)";
    add("first.svg", title, bars_of(results, title, Scenario::First, 0, |sample| sample.throughput));
    let title = "First payments at 64 connections: p99 in ms (less is better)";
    add("first-p99.svg", title, bars_of(results, title, Scenario::First, 1, |sample| sample.latency.p99));
    let title = "First payments at 64 connections: processor time in ms a payment (less is better)";
    add("first-cpu.svg", title, bars_of(results, title, Scenario::First, 2, |sample| sample.cpu.total()));
    let title = "Duplicates a second at 64 connections (more is better)";
    add(
        "duplicates.svg",
        title,
        bars_of(results, title, Scenario::Duplicates, 0, |sample| sample.throughput),
    );
    let title = "First payments a second by connections";
    add("first-connections.svg", title, lines_of(results, title, Scenario::First));
    let title = "Duplicates a second by connections";
    add("duplicates-connections.svg", title, lines_of(results, title, Scenario::Duplicates));
    plots
}

fn bars_of(
    results: &Results,
    title: &str,
    scenario: Scenario,
    decimals: usize,
    figure: fn(&Sample) -> f64,
) -> Option<String> {
    let cells = results.samples.keys().filter(|cell| cell.scenario == scenario);
    let cells =
        cells.filter(|cell| cell.connections == CONNECTIONS || cell.contestant == Contestant::SqliteLoop);
    let mut all: Vec<Bar> = cells
        .filter_map(|cell| {
            let value = results.median(*cell, figure)?;
            Some(Bar { label: cell.contestant.name().to_owned(), value, ours: cell.contestant.is_sekali() })
        })
        .collect();
    all.sort_by(|one, other| other.value.total_cmp(&one.value));
    (all.len() > 1).then(|| bars(title, &all, decimals))
}

fn lines_of(results: &Results, title: &str, scenario: Scenario) -> Option<String> {
    let mut points: BTreeMap<Contestant, Vec<(usize, f64)>> = BTreeMap::new();
    for cell in results.samples.keys().filter(|cell| cell.scenario == scenario) {
        let Cell { contestant, connections, .. } = *cell;
        let value = results.median(*cell, |sample| sample.throughput);
        points.entry(contestant).or_default().extend(value.map(|value| (connections, value)));
    }
    // A line needs two points.
    points.retain(|_, points| points.len() > 1);
    let line =
        |(who, points): (Contestant, _)| Line { label: who.name().to_owned(), points, ours: who.is_sekali() };
    let all: Vec<Line> = points.into_iter().map(line).collect();
    (!all.is_empty()).then(|| lines(title, &all))
}
