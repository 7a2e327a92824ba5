//! Where a measurement happens: a folder of its own, an emptied environment, the release binary.

use super::Size;
use super::process::Measured;
use crate::shell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The folder and the binary; the folder goes when dropped.
pub struct World {
    pub size: Size,
    folder: PathBuf,
    binary: PathBuf,
}

impl World {
    pub fn new(size: Size) -> Result<World, String> {
        let folder = std::env::temp_dir().join(format!("baya-bench-{}", std::process::id()));
        let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let binary = target.unwrap_or_else(|| shell::root().join("target")).join("release/baya");
        make_folder(&folder)?;
        Ok(World { size, folder, binary })
    }

    /// A fresh folder with a home of its own.
    pub fn room(&self, name: &str) -> Result<Room<'_>, String> {
        let folder = self.folder.join(name.replace(' ', "-"));
        let _ = std::fs::remove_dir_all(&folder);
        make_folder(&folder.join("home"))?;
        Ok(Room { world: self, folder })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn make_folder(path: &Path) -> Result<(), String> {
    std::fs::create_dir_all(path).map_err(|error| format!("`{}` cannot be made: {error}", path.display()))
}

/// One measurement's folder.
pub struct Room<'w> {
    world: &'w World,
    pub folder: PathBuf,
}

impl Room<'_> {
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.folder.join(name);
        std::fs::write(&path, text)
            .map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
        Ok(path)
    }

    /// The user's own settings of this room.
    pub fn write_settings(&self, text: &str) -> Result<(), String> {
        make_folder(&self.folder.join("config/baya"))?;
        self.write("config/baya/config.toml", text).map(drop)
    }

    /// The binary with nothing of our environment but the search path.
    pub fn baya(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.world.binary);
        command.args(words).env_clear().current_dir(&self.folder).stdin(Stdio::null()).stderr(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.join("home")).env("NO_COLOR", "1");
        for name in ["STATE", "CONFIG", "DATA", "CACHE"] {
            command.env(format!("XDG_{name}_HOME"), self.folder.join(name.to_lowercase()));
        }
        command
    }

    /// Starts it with its stdout in a file, and measures it.
    pub fn measure(&self, mut command: Command, stdout: &str) -> Result<Measured, String> {
        let path = self.folder.join(stdout);
        let file = std::fs::File::create(&path).map_err(|error| format!("`{}`: {error}", path.display()))?;
        command.stdout(file);
        let began = Instant::now();
        let child = command.spawn().map_err(|error| format!("`{}`: {error}", shell::show(&command)))?;
        Ok(Measured::new(child, began))
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// Bytes and files of the runs on disk.
    pub fn disk(&self) -> Disk {
        let mut disk = Disk::default();
        disk.add(&self.folder.join("state"));
        disk
    }
}

/// What a folder holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disk {
    pub bytes: u64,
    pub files: u64,
}

impl Disk {
    fn add(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(about) if about.is_dir() => self.add(&entry.path()),
                Ok(about) => {
                    self.bytes += about.len();
                    self.files += 1;
                }
                Err(_) => {}
            }
        }
    }
}
