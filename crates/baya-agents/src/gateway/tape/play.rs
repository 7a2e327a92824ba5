//! Answers from files.

use super::differ;
use super::kept::{FORM, Kept, Question};
use crate::gateway::asked::Asked;
use crate::gateway::forward::Answer;
use crate::gateway::route::Errand;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use futures_util::{StreamExt, stream};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Plays what one folder holds.
pub(in crate::gateway) struct Player {
    folder: PathBuf,
    by_key: BTreeMap<String, Vec<Track>>,
    played: Mutex<BTreeMap<String, usize>>,
}

/// One file.
struct Track {
    name: String,
    kept: Kept,
    pieces: Vec<Bytes>,
}

impl Player {
    /// Reads all of it; a file that is no recording is an error.
    pub fn open(folder: PathBuf) -> io::Result<Player> {
        if !folder.is_dir() {
            return Err(io::Error::other(format!("`{}` is no folder", folder.display())));
        }
        let mut names: Vec<PathBuf> =
            std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        names.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        names.sort();
        let mut by_key: BTreeMap<String, Vec<Track>> = BTreeMap::new();
        for path in &names {
            let track = Track::read(path)?;
            by_key.entry(track.kept.request.key()).or_default().push(track);
        }
        if by_key.is_empty() {
            let message = format!("`{}` holds no recording", folder.display());
            return Err(io::Error::other(message));
        }
        Ok(Player { folder, by_key, played: Mutex::default() })
    }

    pub fn folder(&self) -> String {
        self.folder.display().to_string()
    }

    /// The next answer to an equal request, or why there is none.
    pub fn answer(&self, asked: &Asked, secrets: &[String]) -> Result<Answer, String> {
        let question = Question::of(asked, secrets);
        let key = question.key();
        let tracks = self.by_key.get(&key).ok_or_else(|| self.unknown(&question))?;
        let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let next = played.entry(key).or_insert(0);
        // How long a prompt is, or which models there are, may be asked as often as one likes.
        let last = tracks.len() - 1;
        let at = if asked.route.errand == Errand::Aside { (*next).min(last) } else { *next };
        let Some(track) = tracks.get(at) else {
            let name = tracks.last().map_or("", |track| &track.name);
            return Err(format!(
                "this request was recorded {} times (the last is `{name}`) and came once more",
                tracks.len()
            ));
        };
        *next += 1;
        Ok(track.answer())
    }

    fn unknown(&self, question: &Question) -> String {
        let Question { method, path, .. } = question;
        let alike = self.by_key.values().flatten().filter(|track| {
            let recorded = &track.kept.request;
            recorded.method == *method && recorded.path == *path
        });
        let asked = question.compared();
        let nearest = alike
            .map(|track| (differ::differences(&track.kept.request.compared(), &asked), track))
            .min_by_key(|(differences, _)| differences.count);
        match nearest {
            None => format!("nothing is recorded for `{method} {path}` in `{}`", self.folder.display()),
            Some((differences, track)) => format!(
                "no recorded request equals this one; the nearest, `{}`, differs in {}: {}",
                track.name,
                differences.places(),
                differences.first
            ),
        }
    }
}

impl Track {
    fn read(path: &Path) -> io::Result<Track> {
        let wrong = |why: String| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{}` is no recording: {why}", path.display()),
            )
        };
        let text = std::fs::read_to_string(path)?;
        let kept: Kept = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if kept.baya_gateway != FORM {
            return Err(wrong(format!("its form is {}, this version reads {FORM}", kept.baya_gateway)));
        }
        let pieces = kept.answer.pieces().map_err(wrong)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Track { name, kept, pieces })
    }

    fn answer(&self) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.kept.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
        let mut pieces: Vec<Result<Bytes, String>> = self.pieces.iter().cloned().map(Ok).collect();
        if self.kept.cut {
            pieces.push(Err("the recorded answer was cut".to_owned()));
        }
        Answer {
            status: StatusCode::from_u16(self.kept.status).unwrap_or(StatusCode::BAD_GATEWAY),
            headers,
            body: stream::iter(pieces).boxed(),
            failure: None,
        }
    }
}
