//! Numbers as people write them, and as we tell them.

use baya::quantity::{bytes, count, dollars, duration_ms, positive};
use baya::views::words;

#[test]
fn numbers_have_suffixes_and_bad_ones_are_refused() {
    let counts =
        [("500k", 500_000), ("1.5M", 1_500_000), ("20_000", 20_000), ("0", 0), ("2G", 2_000_000_000)];
    for (text, number) in counts {
        assert_eq!(count(text), Ok(number), "{text}");
    }
    for text in ["", "k", "-1", "1e3", "5 apples", "500kk", "1.2.3", "NaN", "inf", "99999999999G", "٣"] {
        let refusal = count(text).expect_err(text);
        assert!(refusal.contains("is not a number"), "{refusal}");
    }
    assert_eq!((positive("8"), positive("1k")), (Ok(8), Ok(1_000)));
    assert!(positive("0").is_err() && positive("5G").is_err());
    assert_eq!((bytes("256M"), bytes("1GiB"), bytes("512")), (Ok(268_435_456), Ok(1_073_741_824), Ok(512)));
    assert!(bytes("0").is_err() && bytes("many").is_err());
    let times = [("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("1.5", 1_500), ("1h", 3_600_000)];
    for (text, ms) in times {
        assert_eq!(duration_ms(text), Ok(ms), "{text}");
    }
    assert!(duration_ms("soon").is_err());
    let sums = [("5", "$5.00"), ("$0.50", "$0.50"), ("1200.5", "$1200.50"), ("0.0425", "$0.0425")];
    for (text, shown) in sums {
        assert_eq!(dollars(text).map(|cost| cost.to_string()), Ok(shown.to_owned()), "{text}");
    }
    for text in ["", "0", "-1", "five", "1e3", "1,5", "inf"] {
        assert!(dollars(text).is_err(), "{text}");
    }
}

#[test]
fn numbers_are_told_in_words() {
    let durations =
        [(0, "0ms"), (1_250, "1.2s"), (59_999, "59s"), (184_000, "3m 04s"), (7_500_000, "2h 05m")];
    for (ms, text) in durations {
        assert_eq!(words::duration(ms), text);
    }
    for (number, text) in [(999, "999"), (1_000, "1.0k"), (12_345, "12.3k"), (4_560_000, "4.5M")] {
        assert_eq!(words::count(number), text);
    }
    let moments =
        [(0, "1970-01-01 00:00:00"), (951_782_400_000, "2000-02-29 00:00:00"), (-1, "1969-12-31 23:59:59")];
    for (ms, text) in moments {
        assert_eq!(words::moment(ms), text);
    }
}

#[test]
fn texts_are_cut_by_columns_not_by_characters() {
    let table = [
        ("hello", 5, "hello"),
        ("hello", 4, "hel…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("x", 0, ""),
    ];
    for (text, columns, cut) in table {
        assert_eq!(words::fit(text, columns), cut);
        assert!(words::width(&words::fit(text, columns)) <= columns);
    }
    assert_eq!(words::wrap("one two three", 8), ["one two", "three"]);
}
