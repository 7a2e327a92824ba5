//! What depends on a locale, against values recorded from V8 with ICU (Node 20, `TZ=UTC`, en-US).

use crate::fixture::check;
use serde_json::json;

#[test]
fn c10_numbers_are_written_as_en_us() {
    for (expression, expected) in [
        (r#"(0).toLocaleString('en-US')"#, "0"),
        (r#"(1).toLocaleString('en-US')"#, "1"),
        (r#"(-1).toLocaleString('en-US')"#, "-1"),
        (r#"(999).toLocaleString('en-US')"#, "999"),
        (r#"(1000).toLocaleString('en-US')"#, "1,000"),
        (r#"(1234567.891).toLocaleString('en-US')"#, "1,234,567.891"),
        (r#"(0.5).toLocaleString('en-US')"#, "0.5"),
        (r#"(1.0005).toLocaleString('en-US')"#, "1.001"),
        (r#"(1.00049).toLocaleString('en-US')"#, "1"),
        (r#"(-0).toLocaleString('en-US')"#, "-0"),
        (r#"(1e+21).toLocaleString('en-US')"#, "1,000,000,000,000,000,000,000"),
        (r#"(1e-7).toLocaleString('en-US')"#, "0"),
        (r#"(123456789012345680000).toLocaleString('en-US')"#, "123,456,789,012,345,680,000"),
        (r#"(0.30000000000000004).toLocaleString('en-US')"#, "0.3"),
        (r#"(2.5).toLocaleString('en-US', {"maximumFractionDigits":0})"#, "3"),
        (r#"(3.5).toLocaleString('en-US', {"maximumFractionDigits":0})"#, "4"),
        (r#"(-2.5).toLocaleString('en-US', {"maximumFractionDigits":0})"#, "-3"),
        (r#"(1234.5).toLocaleString('en-US', {"minimumFractionDigits":2})"#, "1,234.50"),
        (
            r#"(1234.5678).toLocaleString('en-US', {"minimumFractionDigits":1,"maximumFractionDigits":2})"#,
            "1,234.57",
        ),
        (r#"(12).toLocaleString('en-US', {"minimumFractionDigits":2,"maximumFractionDigits":2})"#, "12.00"),
        (r#"(0.256).toLocaleString('en-US', {"style":"percent"})"#, "26%"),
        (r#"(0.2567).toLocaleString('en-US', {"style":"percent","maximumFractionDigits":1})"#, "25.7%"),
        (r#"(1234.5).toLocaleString('en-US', {"style":"currency","currency":"USD"})"#, "$1,234.50"),
        (r#"(-0.004).toLocaleString('en-US', {"style":"currency","currency":"USD"})"#, "-$0.00"),
        (r#"(1234.5).toLocaleString('en-US', {"useGrouping":false})"#, "1234.5"),
        (r#"(123456).toLocaleString('en-US', {"maximumSignificantDigits":2})"#, "120,000"),
        (r#"(0.0012345).toLocaleString('en-US', {"maximumSignificantDigits":3})"#, "0.00123"),
        (r#"(999.9996).toLocaleString('en-US')"#, "1,000"),
        (r#"(0.9999).toLocaleString('en-US')"#, "1"),
        (r#"(9.995).toLocaleString('en-US', {"maximumFractionDigits":2})"#, "10"),
        (r#"(1.005).toLocaleString('en-US', {"maximumFractionDigits":2})"#, "1.01"),
        (r#"(NaN).toLocaleString('en-US')"#, "NaN"),
        (r#"(Infinity).toLocaleString('en-US')"#, "∞"),
        (r#"(-Infinity).toLocaleString('en-US')"#, "-∞"),
        (r#"(5).toLocaleString('en-US', {"maximumFractionDigits":0})"#, "5"),
        (r#"(0.00001).toLocaleString('en-US')"#, "0"),
        (
            r#"(1e+100).toLocaleString('en-US')"#,
            "10,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,000,\
                000,000,000,000,000,000,000,000,000,000,000,000",
        ),
        (r#"(-1234.5).toLocaleString('en-US')"#, "-1,234.5"),
        ("(12345678901234567890n).toLocaleString('en-US')", "12,345,678,901,234,567,890"),
        ("(-1234n).toLocaleString()", "-1,234"),
        ("[1234.5, new Date(0), 'x', null].toLocaleString()", "1,234.5,1/1/1970, 12:00:00 AM,x,"),
    ] {
        check(&format!("return {expression}"), json!(expected));
    }
}

#[test]
fn c10_options_that_are_not_there_are_refused() {
    for options in ["{notation: 'compact'}", "{style: 'unit'}", "{maximumFractionDigits: 101}"] {
        check(
            &format!("try {{ (1).toLocaleString('en-US', {options}) }} catch (e) {{ return e.name }}"),
            json!("RangeError"),
        );
    }
}

#[test]
fn c10_dates_are_written_as_en_us_in_utc() {
    for (ms, all, date, time) in [
        ("0", "1/1/1970, 12:00:00 AM", "1/1/1970", "12:00:00 AM"),
        ("1767323045678", "1/2/2026, 3:04:05 AM", "1/2/2026", "3:04:05 AM"),
        ("1767366245678", "1/2/2026, 3:04:05 PM", "1/2/2026", "3:04:05 PM"),
        ("951827696000", "2/29/2000, 12:34:56 PM", "2/29/2000", "12:34:56 PM"),
        ("NaN", "Invalid Date", "Invalid Date", "Invalid Date"),
    ] {
        check(
            &format!(
                "const d = new Date({ms}); return [d.toLocaleString(), d.toLocaleDateString('en-US'), \
                    d.toLocaleTimeString()]"
            ),
            json!([all, date, time]),
        );
    }
}

const WORDS: &str = "['zebra','Apple','apple','Äpfel','äpfel','_x','-y','item 10','item 2',\
    'éclair','eclair','Eclair',\
    'straße','strasse','Straße','10','9','ñandú','nandu','$1','a b','ab','a-b','你好','日本','Ж','ж','😀','',\
    'résumé','resume','Resume','co-op','coop','CO-OP','Ångström','Ørsted','Zürich','Łódź']";

#[test]
fn c10_words_are_sorted_as_the_root_collation_does() {
    let by_letters = "|_x|-y|😀|$1|10|9|a b|a-b|ab|Ångström|äpfel|Äpfel|apple|Apple|co-op|CO-OP|coop|eclair|\
        Eclair|éclair|item 10|item 2|Łódź|nandu|ñandú|Ørsted|resume|Resume|résumé|strasse|straße|\
        Straße|zebra|Zürich|ж|Ж|你好|日本";
    let by_numbers = "|_x|-y|😀|$1|9|10|a b|a-b|ab|Ångström|äpfel|Äpfel|apple|Apple|co-op|CO-OP|coop|eclair|\
        Eclair|éclair|item 2|item 10|Łódź|nandu|ñandú|Ørsted|resume|Resume|résumé|strasse|straße|\
        Straße|zebra|Zürich|ж|Ж|你好|日本";
    for (mode, expected) in [("{}", by_letters), ("{numeric: true}", by_numbers)] {
        let sorted =
            format!("return {WORDS}.sort((a, b) => a.localeCompare(b, undefined, {mode})).join('|')");
        check(&sorted, json!(expected));
    }
}

#[test]
fn c10_locale_compare_knows_its_options() {
    const MODES: &str = "[undefined, {sensitivity: 'base'}, {sensitivity: 'accent'}, {sensitivity: 'case'}, \
        {sensitivity: 'variant'}, {numeric: true}, {caseFirst: 'upper'}]";
    for (a, b, expected) in [
        (r#""a""#, r#""B""#, [-1, -1, -1, -1, -1, -1, -1]),
        (r#""a""#, r#""A""#, [-1, 0, 0, -1, -1, -1, 1]),
        (r#""A""#, r#""a""#, [1, 0, 0, 1, 1, 1, -1]),
        (r#""a""#, r#""á""#, [-1, 0, -1, 0, -1, -1, -1]),
        (r#""résumé""#, r#""resume""#, [1, 0, 1, 0, 1, 1, 1]),
        (r#""item 10""#, r#""item 2""#, [-1, -1, -1, -1, -1, 1, -1]),
        (r#""co-op""#, r#""coop""#, [-1, -1, -1, -1, -1, -1, -1]),
        (r#""""#, r#""a""#, [-1, -1, -1, -1, -1, -1, -1]),
        (r#""a""#, r#""a""#, [0, 0, 0, 0, 0, 0, 0]),
        (r#""a""#, r#""b""#, [-1, -1, -1, -1, -1, -1, -1]),
    ] {
        check(&format!("return {MODES}.map((mode) => {a}.localeCompare({b}, 'en', mode))"), json!(expected));
    }
    check(
        "try { 'a'.localeCompare('b', 'en', {sensitivity: 'x'}) } catch (e) { return e.name }",
        json!("RangeError"),
    );
    check(
        "return ['\\ud800'.localeCompare('\\ufffd'), 'İ'.toLocaleLowerCase().length, 'ß'.toLocaleUpperCase()]",
        json!([0, 2, "SS"]),
    );
}
