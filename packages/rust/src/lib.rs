#![doc = include_str!("../README.md")]
#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

use std::path::{Path, PathBuf};
use std::{env, fmt, io};

use rusqlite::{Connection, LoadExtensionGuard};

const VARIABLE: &str = "NEARLITE_EXTENSION";
const FILE: &str = "nearlite.so";
const ENTRY: &str = "sqlite3_nearlite_init";
const FLOAT: usize = std::mem::size_of::<f32>();

/// What can go wrong, with a message that says what to do about it. It may be sent to and shared
/// with other threads.
///
/// ```
/// use std::error::Error;
///
/// let error = nearlite::encode(&[]).unwrap_err();
/// assert!(matches!(error, nearlite::Error::Empty));
/// assert_eq!(error.to_string(), "a vector has at least one component");
/// assert!(error.source().is_none()); // only `Io` and `Sqlite` have one
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The environment variable `NEARLITE_EXTENSION` names this, which is not a file.
    NotAFile(PathBuf),
    /// There is no `nearlite.so` in this folder, the executable's, and no `NEARLITE_EXTENSION`.
    NotFound(PathBuf),
    /// The system does not say where the executable or the current folder is.
    Io(io::Error),
    /// SQLite refuses to load the extension.
    Sqlite(rusqlite::Error),
    /// A vector without components.
    Empty,
    /// A component that is infinite or not a number.
    NotFinite {
        /// Its place in the vector, from 0.
        index: usize,
        /// What it is.
        value: f32,
    },
    /// A blob of so many bytes: none, or not a whole number of float32.
    Length(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotAFile(path) => {
                write!(to, "{VARIABLE} names {}, which is not a file", path.display())
            }
            Error::NotFound(folder) => write!(
                to,
                "no {FILE} beside the executable, in {}, and {VARIABLE} is not set",
                folder.display()
            ),
            Error::Io(error) => write!(to, "no folder to look for {FILE} in: {error}"),
            Error::Sqlite(error) => write!(to, "SQLite does not load the extension: {error}"),
            Error::Empty => write!(to, "a vector has at least one component"),
            Error::NotFinite { index, value } => {
                write!(to, "component {index} is {value}, not finite as a float32")
            }
            Error::Length(bytes) => {
                write!(to, "a blob of {bytes} bytes is not a vector of float32")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io(error) => Some(error),
            Error::Sqlite(error) => Some(error),
            _ => None,
        }
    }
}

/// Returns the extension's file, as an absolute path: what the environment variable
/// `NEARLITE_EXTENSION` names, else `nearlite.so` beside the running executable. A crate is
/// compiled into the program, so there is no folder of the package to look into.
///
/// # Errors
///
/// [`Error::NotAFile`] and [`Error::NotFound`] when it is not there, [`Error::Io`] when the system
/// does not say where to look.
///
/// # Threads
///
/// May be called by several at once, while none changes the environment.
///
/// ```no_run
/// println!("{}", nearlite::path()?.display());
/// # Ok::<(), nearlite::Error>(())
/// ```
pub fn path() -> Result<PathBuf, Error> {
    if let Some(named) = env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        let named = PathBuf::from(named);
        if !named.is_file() {
            return Err(Error::NotAFile(named));
        }
        return Ok(env::current_dir().map_err(Error::Io)?.join(named));
    }
    let executable = env::current_exe().map_err(Error::Io)?;
    let folder = executable.parent().unwrap_or_else(|| Path::new("/"));
    let file = folder.join(FILE);
    if !file.is_file() {
        return Err(Error::NotFound(folder.to_owned()));
    }
    Ok(file)
}

/// Loads the extension that [`path`] finds into a connection. Afterwards, and after an error, the
/// connection may not load extensions, as SQLite starts with. Loading a second time does no harm.
///
/// # Errors
///
/// Those of [`path`], and [`Error::Sqlite`] when SQLite refuses the file.
///
/// # Threads
///
/// May be called by several at once, each with a connection of its own, as `rusqlite` has it.
///
/// ```no_run
/// let connection = rusqlite::Connection::open("app.db").unwrap();
/// nearlite::load(&connection)?;
/// # Ok::<(), nearlite::Error>(())
/// ```
pub fn load(connection: &Connection) -> Result<(), Error> {
    let file = path()?;
    // SAFETY: while extensions are on, which ends with the guard, this connection runs no SQL but
    // the extension's own: a Connection is not Sync, so no other thread has it. The file is
    // Nearlite's; who can put another there, or set the variable, chose what this program runs.
    unsafe {
        let _guard = LoadExtensionGuard::new(connection).map_err(Error::Sqlite)?;
        connection.load_extension(file, Some(ENTRY)).map_err(Error::Sqlite)
    }
}

/// Returns a vector as a blob of float32, little-endian, as a vector column and `MATCH` take it.
/// Takes time in proportion to the length, and may be called by several threads at once.
///
/// # Errors
///
/// [`Error::Empty`] for a vector without components, [`Error::NotFinite`] for an infinity or NaN.
/// A larger number of another type has become infinite where it was cast to `f32`.
///
/// ```
/// assert_eq!(nearlite::encode(&[1.0])?, [0, 0, 0x80, 0x3f]);
/// # Ok::<(), nearlite::Error>(())
/// ```
pub fn encode(vector: &[f32]) -> Result<Vec<u8>, Error> {
    if vector.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(index) = vector.iter().position(|component| !component.is_finite()) {
        return Err(Error::NotFinite { index, value: vector[index] });
    }
    Ok(vector.iter().flat_map(|component| component.to_le_bytes()).collect())
}

/// Returns the numbers of a blob of float32, the reverse of [`encode`]. What is not finite
/// in the blob stays so. Takes time in proportion to the length, and may be called by several
/// threads at once.
///
/// # Errors
///
/// [`Error::Length`] when the blob is empty or not a whole number of float32.
///
/// ```
/// assert_eq!(nearlite::decode(&[0, 0, 0x80, 0x3f])?, [1.0]);
/// # Ok::<(), nearlite::Error>(())
/// ```
pub fn decode(blob: &[u8]) -> Result<Vec<f32>, Error> {
    if blob.is_empty() || blob.len() % FLOAT != 0 {
        return Err(Error::Length(blob.len()));
    }
    let bytes = blob.chunks_exact(FLOAT);
    Ok(bytes.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
}

/// Returns the version of this crate, which is that of the extension it was made with
/// (`SELECT nearlite_version()`). Never fails; may be called by several threads at once.
///
/// ```
/// assert_eq!(nearlite::version().split('.').count(), 3);
/// ```
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
