//! `edit`: where the old text is found, and what becomes of the file.

use super::Place;
use serde_json::json;

/// One edit of a file: the answer, and the file after it.
async fn check(before: &str, old: &str, new: &str, answer: &str, after: &str) {
    let place = Place::new();
    place.put("file", before);
    place.check("edit", json!({"path": "file", "old": old, "new": new}), answer).await;
    assert_eq!(place.text("file"), after, "{old:?} → {new:?} in {before:?}");
}

#[tokio::test]
async fn an_exact_text_is_replaced() {
    let diff = "edited `file`\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c";
    check("a\nb\nc\n", "b", "B", diff, "a\nB\nc\n").await;
    check("a\nb\nc\n", "b\n", "", "edited `file`\n@@ -1,3 +1,2 @@\n a\n-b\n c", "a\nc\n").await;
    let end = "edited `file`\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ No newline at end of file";
    check("a\nb", "b", "c", end, "a\nc").await;
}

#[tokio::test]
async fn a_text_that_is_not_unique_is_refused_with_its_lines() {
    let many = "! `old` occurs 3 times in `file`, on lines 1, 3, 3\n\
                hint: give more of the lines around it in `old`, or set `all`";
    check("x\ny\nx x\n", "x", "z", many, "x\ny\nx x\n").await;
    let place = Place::new();
    place.put("file", "x\ny\nx x\n");
    let all = json!({"path": "file", "old": "x", "new": "xx", "all": true});
    place.check("edit", all, "edited `file` in 3 places\n@@ …").await;
    assert_eq!(place.text("file"), "xx\ny\nxx xx\n");
}

#[tokio::test]
async fn other_white_space_at_the_ends_of_lines_will_do() {
    let answer = "edited `file`; white space was not as in `old`\n@@ …";
    // Indentation: the new lines get the one that is there.
    check("  if a:\n      b()\n", "if a:\n    b()", "if a:\n    c()", answer, "  if a:\n      c()\n").await;
    check("\tf(\n\t\ta)\n", "    f(\n", "    g(\n", answer, "\tg(\n\t\ta)\n").await;
    // Blanks behind a line.
    check("one  \ntwo\n", "one\ntwo\n", "three\n", answer, "three\n").await;
    // Twice is twice here too.
    let many = "! `old` occurs 2 times in `file`, on lines 1, 3\nhint: …";
    check("  a \n  b\n\ta \n  b\n", " a\n b", "c", many, "  a \n  b\n\ta \n  b\n").await;
}

#[tokio::test]
async fn line_ends_stay_as_they_are() {
    check("a\r\nb\r\nc\r\n", "a\nb", "x\ny\nz", "edited `file`\n@@ …", "x\r\ny\r\nz\r\nc\r\n").await;
    check("a\r\nb\r\n", "b", "b\nc", "edited `file`\n@@ …", "a\r\nb\r\nc\r\n").await;
    let tolerant = "edited `file`; white space was not as in `old`\n@@ …";
    check("a\r\n  b\r\nc\r\n", "b\n", "d\n", "edited `file`\n@@ …", "a\r\n  d\r\nc\r\n").await;
    check("  a\r\n  b\r\n", "a\nb", "c\nd", tolerant, "  c\r\n  d\r\n").await;
}

#[tokio::test]
async fn what_is_not_there_is_refused_with_a_hint() {
    let text = "fn a() {\n    b();\n}\n";
    let near =
        "! `old` does not occur in `file`\nhint: its first line is also on line 1, but what follows differs";
    check(text, "fn a() {\n    c();\n}", "x", near, text).await;
    check(text, "zzz", "x", "! `old` does not occur in `file`\nhint: read the file again", text).await;
    let numbered =
        "! `old` does not occur in `file`\nhint: `old` begins with line numbers, which are not in the file";
    check(text, "    1\tfn a() {", "x", numbered, text).await;
    check(text, "", "x", "! `old` is empty\nhint: `write` makes new files", text).await;
    check(text, "b", "b", "! `old` and `new` are the same", text).await;
}

#[tokio::test]
async fn a_file_is_edited_only_as_it_was_read() {
    let place = Place::new();
    place.put("file", "a\n");
    place.check("read", json!({"path": "file"}), "    1\ta").await;
    place.put("file", "a\nb\n");
    let edit = json!({"path": "file", "old": "a", "new": "c"});
    place
        .check(
            "edit",
            edit.clone(),
            "! `file` changed since you read it; nothing was written\nhint: read it again",
        )
        .await;
    place.check("read", json!({"path": "file"}), "    1\ta\n    2\tb").await;
    place.check("edit", edit, "edited `file`\n@@ …").await;
    // Its own edit is no change by others.
    place.check("edit", json!({"path": "file", "old": "b", "new": "d"}), "edited `file`\n@@ …").await;
    assert_eq!(place.text("file"), "c\nd\n");
    place
        .check(
            "edit",
            json!({"path": "fil", "old": "b", "new": "d"}),
            "! there is no file `fil`\nhint: there is `file`",
        )
        .await;
}

#[tokio::test]
async fn bytes_that_are_no_text_stay_and_long_diffs_are_cut() {
    let place = Place::new();
    place.put("latin", b"caf\xe9\nold\n");
    place.check("edit", json!({"path": "latin", "old": "old", "new": "new"}), "edited `latin`\n@@ …").await;
    assert_eq!(std::fs::read(place.path("latin")).unwrap(), b"caf\xe9\nnew\n");
    place.put("many", "x\n".repeat(100));
    let all = json!({"path": "many", "old": "x", "new": "y", "all": true});
    place.check("edit", all, "edited `many` in 100 places\n@@ …\n-x\n(101 more lines of the diff)").await;
    place.put("binary", b"old\0");
    place
        .check(
            "edit",
            json!({"path": "binary", "old": "old", "new": "x"}),
            "! `binary` is binary (4 bytes), …",
        )
        .await;
}
