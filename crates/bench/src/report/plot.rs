//! Percentile curves as a picture.
//!
//! The x axis is the percentile by its number of nines: the step from 90 % to 99 % is as wide as the step from 99 % to
//! 99.9 %, so that the rare slow round trips get as much room as the usual ones. The y axis is the time on a
//! logarithmic scale.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use plotters::prelude::*;

use crate::error::Error;
use crate::report::histogram::Samples;

/// A curve and its name.
#[derive(Debug, Clone)]
pub struct Curve {
    /// The name in the legend.
    pub name: String,
    /// The times.
    pub samples: Samples,
}

/// The width and height of the picture in pixels.
const SIZE: (u32, u32) = (960, 560);
/// Colours that differ with every kind of colour vision (Okabe and Ito, "Color Universal Design").
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(60, 60, 60),
];
const FONT: &str = "sans-serif";

/// Draws `curves` into the SVG file at `path`. An existing file is replaced only after the picture is complete.
///
/// # Errors
///
/// [`Error::Plot`] if there is nothing to draw, or the file cannot be written.
pub fn draw(path: &Path, title: &str, curves: &[Curve]) -> Result<(), Error> {
    let plot = |cause: String| Error::Plot {
        path: path.to_owned(),
        cause,
    };
    let mut text = String::new();
    render(&mut text, title, curves).map_err(plot)?;
    write_whole(path, text.as_bytes()).map_err(|error| plot(error.to_string()))
}

/// Writes a complete file or none: to a file beside `path` first, which is then renamed. An existing file stays if that
/// fails. A device or a pipe is written directly.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    let Some(name) = path.file_name().filter(|_| !is_special) else {
        return fs::write(path, bytes);
    };
    let mut beside = name.to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = File::create_new(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        // Some file systems report a full disk only here.
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // If this fails, too, the first error is the one to report.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Checks that a picture can be written to `path`. To be called before a long measurement.
///
/// # Errors
///
/// [`Error::Plot`] if `path` is a folder, if its folder does not exist, or if it does not end in `.svg`.
pub fn check(path: &Path) -> Result<(), Error> {
    let plot = |cause: &str| {
        Err(Error::Plot {
            path: path.to_owned(),
            cause: cause.to_owned(),
        })
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder.is_none_or(Path::is_dir) {
        _ if path.is_dir() => plot("it is a folder"),
        false => plot("its folder does not exist"),
        true if path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("svg")) =>
        {
            Ok(())
        }
        true => plot("pictures are SVG, and its name does not end in .svg"),
    }
}

/// The place of a fraction on the x axis: its number of nines.
fn nines(fraction: f64) -> f64 {
    -(1.0 - fraction).log10()
}

/// The percentile at `x`: 0, 90, 99, 99.9 and so on at the whole numbers.
fn percentile(x: f64) -> String {
    match x.round() as usize {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        2 => "99 %".to_owned(),
        nines => format!("99.{} %", "9".repeat(nines - 2)),
    }
}

/// A time in the largest unit that fits, for the powers of ten on the y axis.
fn time(ns: f64) -> String {
    match ns {
        ns if ns >= 1e9 => format!("{} s", ns / 1e9),
        ns if ns >= 1e6 => format!("{} ms", ns / 1e6),
        ns if ns >= 1e3 => format!("{} µs", ns / 1e3),
        ns => format!("{ns} ns"),
    }
}

/// Steps that are both narrower (in nines) and lower (as a ratio) than this are left out, because they are smaller than
/// a pixel.
const SEEN: (f64, f64) = (0.004, 1.01);

/// The points of a curve. At each step the curve goes right and then up, because the time of a step holds for all
/// percentiles from the step before to its own. The slowest time is at 100 %, which this axis does not have: a vertical
/// line to it ends the curve.
fn points(samples: &Samples) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut from = 0.0;
    for (ns, fraction) in samples.steps() {
        let (ns, last) = (ns.max(1) as f64, fraction >= 1.0);
        let to = nines(fraction);
        let seen = |(x, y)| to - x >= SEEN.0 || ns / y >= SEEN.1;
        if last || points.last().is_none_or(|point| seen(*point)) {
            points.push((from, ns));
            if last {
                break;
            }
            points.push((to, ns));
        }
        from = to;
    }
    points
}

/// The range of both axes.
struct Range {
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
}

fn range(all: &[Vec<(f64, f64)>]) -> Option<Range> {
    let points = || all.iter().flatten();
    let right = points().map(|point| point.0).fold(1.0, f64::max);
    let low = points().map(|point| point.1).reduce(f64::min)?;
    let high = points().map(|point| point.1).reduce(f64::max)?;
    let bottom = 10_f64.powf(low.log10().floor());
    let top = 10_f64.powf(high.log10().ceil()).max(bottom * 10.0);
    Some(Range {
        x: 0.0..right,
        y: bottom..top,
    })
}

fn render(text: &mut String, title: &str, curves: &[Curve]) -> Result<(), String> {
    let all: Vec<_> = curves.iter().map(|curve| points(&curve.samples)).collect();
    let range = range(&all).ok_or("there are no samples")?;
    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    render_on(&area, title, curves, all, range).map_err(|error| error.to_string())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Failed<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn render_on<'a>(
    area: &Area<'a>,
    title: &str,
    curves: &[Curve],
    all: Vec<Vec<(f64, f64)>>,
    Range { x, y }: Range,
) -> Result<(), Failed<'a>> {
    area.fill(&WHITE)?;
    let marks = x.end.floor() as usize + 1;
    let mut chart = ChartBuilder::on(area)
        .caption(title, (FONT, 20))
        .margin(16)
        .margin_right(48)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(x, y.log_scale())?;
    chart
        .configure_mesh()
        .x_labels(marks)
        .x_label_formatter(&|x| percentile(*x))
        .x_desc("percentile of round trips")
        .y_label_formatter(&|ns| time(*ns))
        .y_desc("round trip takes at most")
        .label_style((FONT, 14))
        .axis_desc_style((FONT, 15))
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(225, 225, 225))
        .draw()?;
    for (at, (curve, points)) in curves.iter().zip(all).enumerate() {
        let style = COLOURS[at % COLOURS.len()].stroke_width(2);
        chart
            .draw_series(LineSeries::new(points, style))?
            .label(curve.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .legend_area_size(32)
        .margin(12)
        .label_font((FONT, 14))
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    area.present()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(name: &str, times: impl Iterator<Item = u64>) -> Curve {
        let mut samples = Samples::new();
        times.for_each(|ns| samples.record(ns));
        Curve {
            name: name.to_owned(),
            samples,
        }
    }

    #[test]
    fn nines_are_evenly_apart() {
        for (fraction, x) in [(0.0, 0.0), (0.9, 1.0), (0.99, 2.0), (0.999, 3.0)] {
            assert!((nines(fraction) - x).abs() < 1e-9);
        }
        let labels: Vec<_> = (0..5).map(|x| percentile(f64::from(x))).collect();
        assert_eq!(labels, ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"]);
        assert_eq!(
            [time(100.0), time(1e4), time(1e6)],
            ["100 ns", "10 µs", "1 ms"]
        );
    }

    #[test]
    fn a_curve_rises_in_steps_and_leaves_100_percent_out() {
        let points = points(&curve("", 1..=10).samples);
        assert_eq!(points.first(), Some(&(0.0, 1.0)));
        assert!(
            points.is_sorted_by(|one, next| one.0 <= next.0 && one.1 <= next.1),
            "{points:?}"
        );
        let (x, ns) = points[points.len() - 1];
        assert!((x - 1.0).abs() < 1e-9 && ns == 10.0, "{points:?}");
        let one = super::points(&curve("", [5].into_iter()).samples);
        assert_eq!(one, [(0.0, 5.0)]);
    }

    #[test]
    fn a_picture_has_a_line_for_each_curve() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        let curves = [curve("slow <&>", 2000..9000), curve("fast", 200..900)];
        draw(&path, "Two", &curves).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("<svg") && text.trim_end().ends_with("</svg>"),
            "{text}"
        );
        assert!(
            text.contains("slow &lt;&amp;&gt;") && text.contains("99 %"),
            "{text}"
        );
        for colour in &COLOURS[..2] {
            let RGBColor(r, g, b) = colour;
            let stroke = format!("stroke=\"#{r:02X}{g:02X}{b:02X}\"");
            let lines = text.lines().filter(|line| line.starts_with("<polyline"));
            let long = lines
                .filter(|line| line.contains(&stroke) && line.len() > 1000)
                .count();
            assert_eq!(long, 1, "{stroke}");
        }
    }

    #[test]
    fn nothing_to_draw_and_nowhere_to_write_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plot.svg");
        let error = draw(&path, "", &[]).unwrap_err().to_string();
        assert!(error.contains("no samples") && !path.exists(), "{error}");
        assert!(check(folder.path()).is_err() && check(&path.join("x.svg")).is_err());
        assert!(check(&path).is_ok() && check(Path::new("x.SVG")).is_ok());
        for name in ["x.png", "x", "svg", "x.svg.gz"] {
            let error = check(&folder.path().join(name)).unwrap_err().to_string();
            assert!(error.contains(".svg"), "{error}");
        }
        let error = draw(folder.path(), "", &[curve("a", 1..9)]).unwrap_err();
        assert!(error.to_string().contains("--plot"), "{error}");
    }
}
