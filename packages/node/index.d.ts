/// <reference types="node" />

/** A connection of `better-sqlite3`, or of a driver with its interface. */
export interface BetterSqlite3Connection {
  loadExtension(path: string, entryPoint?: string): unknown;
  transaction(body: (...args: any[]) => unknown): unknown;
}

/** A connection of `node:sqlite`, opened with `{ allowExtension: true }`. */
export interface NodeSqliteConnection {
  exec(sql: string): void;
  enableLoadExtension(allow: boolean): void;
  loadExtension(path: string, entryPoint?: string): void;
}

/** A connection of `sqlite3`. */
export interface Sqlite3Connection {
  loadExtension(path: string, callback?: (error: Error | null) => void): unknown;
  parallelize(callback?: () => void): void;
}

/**
 * Returns the extension's file, as an absolute path: what the environment variable
 * NEARLITE_EXTENSION names, else nearlite.so in this package.
 *
 * Throws an Error with the code ENOENT when it is not there.
 */
export function path(): string;

/**
 * Loads the extension into a connection of `sqlite3`; `load_extension()` of SQL is off afterwards.
 *
 * The promise is rejected with the error of `path()`, or the driver's own when SQLite refuses the
 * file. A connection that could not be opened never answers, and so the promise is never settled:
 * look at the error of `new Database()` first.
 */
export function load(db: Sqlite3Connection): Promise<void>;

/**
 * Loads the extension into a connection of `better-sqlite3` or `node:sqlite`; `load_extension()` of
 * SQL is off afterwards.
 *
 * Throws the error of `path()`, the driver's own when SQLite refuses the file, an Error that says
 * what to do when `node:sqlite` allows no extensions, and a TypeError for what is no connection.
 */
export function load(db: BetterSqlite3Connection | NodeSqliteConnection): void;

/**
 * Returns numbers (an array, a Float32Array, any other iterable) as a blob of float32,
 * little-endian on every machine.
 *
 * Throws a RangeError for an empty vector and for what is not finite as a float32, a TypeError for
 * what is not a number. Takes time in proportion to the length.
 */
export function encode(vector: Iterable<number>): Buffer;

/**
 * Returns the numbers of a blob of float32, in memory of their own.
 *
 * Throws a RangeError when the length is 0 or not a whole number of float32, a TypeError for what
 * is no blob, such as the `null` of SQL.
 */
export function decode(blob: Uint8Array | ArrayBuffer | SharedArrayBuffer): Float32Array;

/** Returns this package's version, that of the extension it was made with. */
export function version(): string;
