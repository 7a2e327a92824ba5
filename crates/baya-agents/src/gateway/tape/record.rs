//! Exchanges become files.

use super::kept::{FORM, Kept, Question, Said, pieces_without_secrets, without_secrets};
use crate::gateway::asked::Asked;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use baya_core::limits::ANSWER_BYTES_MAX;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Headers of an answer that mean something to a client.
const HEADERS: [&str; 5] = ["content-type", "retry-after", "retry-after-ms", "x-should-retry", "request-id"];

/// Writes into one folder.
pub(in crate::gateway) struct Recorder {
    folder: PathBuf,
    /// The last number given out, by key.
    numbers: Mutex<BTreeMap<String, u32>>,
}

/// One exchange under way.
pub(in crate::gateway) struct Recording {
    path: PathBuf,
    request: Question,
    secrets: Vec<String>,
    status: u16,
    headers: BTreeMap<String, String>,
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Recorder {
    /// Makes the folder, or goes on in one that has recordings.
    pub fn open(folder: PathBuf) -> io::Result<Recorder> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|error| {
            io::Error::new(error.kind(), format!("cannot make the folder `{}`: {error}", folder.display()))
        })?;
        let mut numbers = BTreeMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let name = entry?.file_name();
            let Some((key, number)) = name.to_str().and_then(numbered) else { continue };
            let last = numbers.entry(key.to_owned()).or_insert(0);
            *last = number.max(*last);
        }
        Ok(Recorder { folder, numbers: Mutex::new(numbers) })
    }

    pub fn begin(&self, asked: &Asked, secrets: &[String]) -> Recording {
        let request = Question::of(asked, secrets);
        let key = request.key();
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let number = numbers.entry(key.clone()).or_insert(0);
        *number += 1;
        let path = self.folder.join(format!("{key}-{number:04}.json"));
        Recording {
            path,
            request,
            secrets: secrets.to_vec(),
            status: 0,
            headers: BTreeMap::new(),
            pieces: Vec::new(),
            bytes: 0,
        }
    }
}

impl Recording {
    pub fn answers(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.status = status.as_u16();
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        self.headers = HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect();
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        if self.bytes <= ANSWER_BYTES_MAX {
            self.pieces.push(Bytes::copy_from_slice(bytes));
        }
    }

    /// Writes the file; what cannot be written must not change what the client sees.
    pub fn write(self, is_whole: bool) {
        let is_json = self.headers.get("content-type").is_some_and(|kind| kind.contains("json"));
        let answer = match Said::of(&self.pieces, is_json) {
            Said::Json(value) => Said::Json(without_secrets(value, &self.secrets)),
            Said::Pieces(texts) => Said::Pieces(pieces_without_secrets(texts, &self.secrets)),
            Said::Hex(text) => Said::Hex(text),
        };
        let cut = !is_whole || self.bytes > ANSWER_BYTES_MAX;
        let (request, status, headers) = (self.request, self.status, self.headers);
        let kept = Kept { baya_gateway: FORM, request, status, headers, answer, cut };
        let Ok(text) = serde_json::to_string_pretty(&kept) else { return };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
        if let Ok(mut file) = file {
            let _ = file.write_all(format!("{text}\n").as_bytes());
        }
    }
}

fn numbered(name: &str) -> Option<(&str, u32)> {
    let (key, number) = name.strip_suffix(".json")?.rsplit_once('-')?;
    Some((key, number.parse().ok()?))
}
