//! Days have dates.

use baya_core::calendar::{date_of_day, day_of_date};

#[test]
fn days_have_dates() {
    for (day, date) in
        [(0, (1970, 1, 1)), (-1, (1969, 12, 31)), (19_782, (2024, 2, 29)), (20_819, (2027, 1, 1))]
    {
        assert_eq!(date_of_day(day), date);
        assert_eq!(day_of_date(date.0, date.1, date.2), Some(day));
    }
}

#[test]
fn what_is_no_day_has_no_number() {
    for (year, month, day) in
        [(2026, 2, 29), (2026, 13, 1), (2026, 0, 1), (2026, 4, 31), (0, 1, 1), (2026, 1, 0)]
    {
        assert_eq!(day_of_date(year, month, day), None, "{year}-{month}-{day}");
    }
    let mut days = -1_000;
    while days < 100_000 {
        let (year, month, day) = date_of_day(days);
        assert_eq!(day_of_date(year, month, day), Some(days));
        days += 1;
    }
}
