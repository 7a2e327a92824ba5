//! Where things are kept: XDG folders, the project and its repository.

use crate::failure::{Failure, in_words};
use etcetera::base_strategy::{BaseStrategy, Xdg};
use std::path::{Path, PathBuf};

/// The folders of this user and of the place we were called from.
#[derive(Debug, Clone)]
pub struct Folders {
    pub working: PathBuf,
    /// The root of the git repository around it.
    pub repository: Option<PathBuf>,
    pub home: PathBuf,
    /// `$XDG_CONFIG_HOME/baya`
    pub config: PathBuf,
    /// `$XDG_STATE_HOME/baya`
    pub state: PathBuf,
    /// `$XDG_DATA_HOME/baya`
    pub data: PathBuf,
}

impl Folders {
    /// The same user elsewhere.
    pub fn at(self, working: PathBuf) -> Folders {
        Folders { repository: repository(&working), working, ..self }
    }

    pub fn find() -> Result<Folders, Failure> {
        let working = std::env::current_dir().map_err(|error| {
            Failure::usage(format!("cannot find the working folder: {}", in_words(&error)))
                .hint("it may have been deleted: change into a folder that is there")
        })?;
        let xdg = Xdg::new().map_err(|_| {
            Failure::usage("cannot find the home folder: `HOME` is not set")
                .hint("export HOME=/path/to/your/home")
        })?;
        let repository = repository(&working);
        let state = xdg.state_dir().unwrap_or_else(|| xdg.home_dir().join(".local/state"));
        Ok(Folders {
            working,
            repository,
            home: xdg.home_dir().to_owned(),
            config: xdg.config_dir().join("baya"),
            state: state.join("baya"),
            data: xdg.data_dir().join("baya"),
        })
    }

    /// The same folders of the user, seen from another working folder.
    #[must_use]
    pub fn of(self, working: PathBuf) -> Folders {
        Folders { repository: repository(&working), working, ..self }
    }

    /// The working folder and its parents up to the repository root; without a repository, only itself.
    pub fn project(&self) -> Vec<PathBuf> {
        let Some(root) = &self.repository else { return vec![self.working.clone()] };
        self.working.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_owned).collect()
    }

    /// `~/x` as a path; everything else from `base`.
    pub fn expand(&self, path: &str, base: &Path) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => base.join(path),
        }
    }
}

fn repository(working: &Path) -> Option<PathBuf> {
    working.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}
