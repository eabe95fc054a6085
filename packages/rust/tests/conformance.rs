//! The cases that all packages share, and what is Rust's own: where the extension is looked for.
//! The extension is the one that NEARLITE_EXTENSION names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nearlite::Error;
use rusqlite::types::Value as Sql;
use rusqlite::{params_from_iter, Connection};
use serde_json::Value as Json;

const VARIABLE: &str = "NEARLITE_EXTENSION";

fn cases(kind: &str) -> Vec<Json> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/cases.json");
    let cases: Json = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    list(&cases[kind]).to_vec()
}

fn list(json: &Json) -> &[Json] {
    json.as_array().unwrap_or_else(|| panic!("not a list: {json}"))
}

fn vector(json: &Json) -> Vec<f32> {
    let float = |component: &Json| match component.as_str() {
        Some(text) => text.parse().unwrap(), // inf, -inf, nan
        None => component.as_f64().unwrap() as f32,
    };
    list(json).iter().map(float).collect()
}

fn bytes(hex: &Json) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    let digits = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
    digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect()
}

fn loaded() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    nearlite::load(&connection).unwrap_or_else(|error| panic!("{error}"));
    connection
}

#[test]
fn vectors_become_blobs_and_vectors_again() {
    for case in cases("encode") {
        let (vector, blob) = (vector(&case["vector"]), bytes(&case["hex"]));
        assert_eq!(nearlite::encode(&vector).unwrap(), blob, "{case}");
        assert_eq!(nearlite::decode(&blob).unwrap(), vector, "{case}");
    }
}

#[test]
fn what_is_no_vector_is_an_error() {
    for case in cases("encode_errors") {
        let vector = vector(&case["vector"]);
        match nearlite::encode(&vector) {
            Err(Error::Empty) => assert!(vector.is_empty(), "{case}"),
            Err(Error::NotFinite { index, value }) => {
                assert_eq!(value.to_bits(), vector[index].to_bits(), "{case}");
                assert!(!value.is_finite(), "{case}");
            }
            other => panic!("{case}: {other:?}"),
        }
    }
}

#[test]
fn a_blob_of_another_length_is_an_error() {
    for case in cases("decode_errors") {
        let blob = bytes(&case["hex"]);
        match nearlite::decode(&blob) {
            Err(Error::Length(length)) => assert_eq!(length, blob.len(), "{case}"),
            other => panic!("{case}: {other:?}"),
        }
    }
}

fn parameter(json: &Json) -> Sql {
    match json {
        Json::Null => Sql::Null,
        Json::String(text) => Sql::Text(text.clone()),
        Json::Object(object) => Sql::Blob(nearlite::encode(&vector(&object["vector"])).unwrap()),
        _ => match json.as_i64() {
            Some(integer) => Sql::Integer(integer),
            None => Sql::Real(json.as_f64().unwrap()),
        },
    }
}

fn run(connection: &Connection, step: &Json) -> rusqlite::Result<Vec<Vec<Sql>>> {
    let mut statement = connection.prepare(step["sql"].as_str().unwrap())?;
    let columns = statement.column_count();
    let parameters = step.get("parameters").map_or(&[][..], |given| list(given));
    let mut rows = statement.query(params_from_iter(parameters.iter().map(parameter)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((0..columns).map(|column| row.get(column)).collect::<Result<_, _>>()?);
    }
    Ok(found)
}

fn agrees(found: &Sql, expected: &Json) -> bool {
    match (found, expected) {
        (Sql::Null, Json::Null) => true,
        (Sql::Integer(number), Json::Number(_)) => {
            (*number as f64 - expected.as_f64().unwrap()).abs() <= 1e-6
        }
        (Sql::Real(number), Json::Number(_)) => {
            (number - expected.as_f64().unwrap()).abs() <= 1e-6
        }
        (Sql::Text(text), Json::String(expected)) => text == expected,
        (Sql::Text(text), Json::Object(object)) => {
            object.contains_key("version") && text == nearlite::version()
        }
        (Sql::Blob(blob), Json::Object(object)) => object
            .get("vector")
            .map_or(false, |expected| nearlite::decode(blob).unwrap() == vector(expected)),
        _ => false,
    }
}

fn check_rows(found: &[Vec<Sql>], expected: &[Json], context: &str) {
    let same_row = |(found, expected): (&Vec<Sql>, &Json)| {
        let expected = list(expected);
        found.len() == expected.len()
            && found.iter().zip(expected).all(|(found, expected)| agrees(found, expected))
    };
    let same = found.len() == expected.len() && found.iter().zip(expected).all(same_row);
    assert!(same, "{context}: found {found:?}");
}

#[test]
fn sql_does_what_the_cases_say() {
    let cases = cases("sql");
    assert!(!cases.is_empty());
    for case in &cases {
        let connection = loaded();
        for step in list(&case["steps"]) {
            let context = format!("{}: {step}", case["name"]);
            match (run(&connection, step), step["error"].as_str()) {
                (Ok(found), None) => {
                    if let Some(expected) = step.get("rows") {
                        check_rows(&found, list(expected), &context);
                    }
                }
                (Err(error), Some(text)) => {
                    assert!(error.to_string().contains(text), "{context}: {error}")
                }
                (outcome, _) => panic!("{context}: {outcome:?}"),
            }
        }
    }
}

fn refusal(connection: &Connection) -> String {
    let attempt = connection.query_row("SELECT load_extension('x')", [], |_| Ok(()));
    attempt.expect_err("load_extension() is on").to_string()
}

#[test]
fn extensions_are_off_after_loading_and_loading_again_does_no_harm() {
    let connection = loaded();
    assert_eq!(refusal(&connection), "not authorized");
    nearlite::load(&connection).unwrap();
    assert_eq!(refusal(&connection), "not authorized");
}

#[test]
fn several_threads_load_at_once() {
    let version = || -> String {
        loaded().query_row("SELECT nearlite_version()", [], |row| row.get(0)).unwrap()
    };
    let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(version)).collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), nearlite::version());
    }
}

#[test]
fn errors_are_the_languages_own_kind() {
    fn sendable<T: std::error::Error + Send + Sync + 'static>(_: &T) {}
    let error = nearlite::encode(&[1.0, f32::NAN]).unwrap_err();
    sendable(&error);
    assert_eq!(error.to_string(), "component 1 is NaN, not finite as a float32");
    let error = nearlite::decode(&[0; 5]).unwrap_err();
    assert_eq!(error.to_string(), "a blob of 5 bytes is not a vector of float32");
    assert!(std::error::Error::source(&error).is_none());
    let error = Error::Io(std::io::Error::new(std::io::ErrorKind::Other, "lost"));
    assert!(error.to_string().contains("lost"), "{error}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "lost");
}

/// What a process with an environment of its own says: the tests here are threads of one process,
/// which cannot change theirs. The process is this program again, from `folder`, and runs the one
/// "test" below.
fn ask(folder: &Path, variable: Option<&Path>) -> String {
    let program = folder.join("program");
    let mut command = Command::new(&program);
    command.args(["--exact", "asked", "--ignored", "--nocapture"]).current_dir(folder);
    match variable {
        Some(file) => command.env(VARIABLE, file),
        None => command.env_remove(VARIABLE),
    };
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answer = text.split("<<").nth(1).and_then(|rest| rest.split(">>").next());
    answer.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
#[ignore = "the other tests start it in a process of its own"]
fn asked() {
    let connection = Connection::open_in_memory().unwrap();
    let answer = match nearlite::load(&connection) {
        Ok(()) => format!("loaded {}", nearlite::path().unwrap().display()),
        Err(error) => {
            let kind = format!("{error:?}");
            let kind = kind.split('(').next().unwrap();
            let source = std::error::Error::source(&error).map_or("none", |_| "one");
            format!("{kind}: {error}; source: {source}")
        }
    };
    println!("<<{answer}; then {}>>", refusal(&connection));
}

/// An empty folder with this program in it. A link, not a copy: a file just written cannot be run
/// while another test starts a process.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::hard_link(std::env::current_exe().unwrap(), folder.join("program")).unwrap();
    folder.canonicalize().unwrap()
}

#[test]
fn the_variable_names_the_file() {
    let folder = folder("variable");
    fs::copy(nearlite::path().unwrap(), folder.join("another name.so")).unwrap();
    fs::write(folder.join("nearlite.so"), "not this one").unwrap();
    let expected = format!("loaded {}/another name.so; then not authorized", folder.display());
    assert_eq!(ask(&folder, Some(&folder.join("another name.so"))), expected);
    assert_eq!(ask(&folder, Some(Path::new("another name.so"))), expected);
}

#[test]
fn a_variable_that_names_no_file_is_an_error_whatever_else_is_there() {
    let folder = folder("missing");
    fs::copy(nearlite::path().unwrap(), folder.join("nearlite.so")).unwrap();
    for named in [folder.join("none.so"), folder.clone()] {
        let expected = format!(
            "NotAFile: {VARIABLE} names {}, which is not a file; source: none; \
             then not authorized",
            named.display()
        );
        assert_eq!(ask(&folder, Some(&named)), expected);
    }
}

#[test]
fn without_the_variable_the_file_is_beside_the_executable() {
    let folder = folder("beside");
    fs::copy(nearlite::path().unwrap(), folder.join("nearlite.so")).unwrap();
    let expected = format!("loaded {}/nearlite.so; then not authorized", folder.display());
    assert_eq!(ask(&folder, None), expected);
    assert_eq!(ask(&folder, Some(Path::new(""))), expected, "an empty variable is none");
}

#[test]
fn without_both_the_error_says_both() {
    let folder = folder("neither");
    let expected = format!(
        "NotFound: no nearlite.so beside the executable, in {}, and {VARIABLE} is not set; \
         source: none; then not authorized",
        folder.display()
    );
    assert_eq!(ask(&folder, None), expected);
}

#[test]
fn a_file_that_is_no_extension_is_sqlites_error() {
    let folder = folder("text");
    fs::write(folder.join("nearlite.so"), "text").unwrap();
    let answer = ask(&folder, None);
    let start = "Sqlite: SQLite does not load the extension: ";
    assert!(answer.starts_with(start), "{answer}");
    assert!(answer.contains("nearlite.so"), "{answer}"); // SQLite's message names the file
    assert!(answer.ends_with("; source: one; then not authorized"), "{answer}");
}
