//! Days have dates.

use baya_core::calendar::date_of_day;

#[test]
fn days_have_dates() {
    for (day, date) in
        [(0, (1970, 1, 1)), (-1, (1969, 12, 31)), (19_782, (2024, 2, 29)), (20_819, (2027, 1, 1))]
    {
        assert_eq!(date_of_day(day), date);
    }
}
