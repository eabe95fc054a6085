'use strict';

// Nearlite for Node: finds the SQLite extension, loads it, and turns vectors into blobs and back.
// What each function does is said in index.d.ts. This is CommonJS because `import` reads it too, by
// its names, while `require` reads nothing else in Node 18.

const fs = require('node:fs');
const { join, resolve } = require('node:path');
const { types } = require('node:util');

const VARIABLE = 'NEARLITE_EXTENSION';
const ENTRY = 'sqlite3_nearlite_init';
const FLOAT_BYTES = 4;

function isFile(file) {
  try {
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function path() {
  const named = process.env[VARIABLE];
  // Absolute, since the system's loader looks elsewhere for a bare name.
  const file = named ? resolve(named) : join(__dirname, 'nearlite.so');
  if (isFile(file)) return file;
  const message = named
    ? `${VARIABLE} names ${named}, which is not a file`
    : `no nearlite.so in ${__dirname}, and ${VARIABLE} is not set`;
  throw Object.assign(new Error(message), { code: 'ENOENT', path: file });
}

function has(db, ...methods) {
  return methods.every((method) => typeof db?.[method] === 'function');
}

// The entry point is given where the driver takes one, so that the file may have any name.

function loadNodeSqlite(db) {
  if (!has(db, 'enableLoadExtension')) {
    throw new Error('node:sqlite loads extensions from Node 22.13 on');
  }
  const file = path();
  db.exec(''); // throws when closed, where enableLoadExtension() of Node 22 ends the process
  try {
    db.enableLoadExtension(true);
  } catch (error) {
    if (error.code !== 'ERR_INVALID_STATE') throw error;
    throw new Error(
      `${error.message} Open it with new DatabaseSync(file, { allowExtension: true })`,
      { cause: error },
    );
  }
  try {
    db.loadExtension(file, ENTRY);
  } finally {
    db.enableLoadExtension(false);
  }
}

function loadSqlite3(db) {
  // Whatever is thrown in here rejects the promise.
  return new Promise((done, fail) => {
    db.loadExtension(path(), (error) => (error ? fail(error) : done()));
  });
}

function load(db) {
  // By what they can do: a wrapped or a forked driver has a class of its own. better-sqlite3 and
  // sqlite3 themselves leave load_extension() of SQL off.
  if (has(db, 'enableLoadExtension') || db?.constructor?.name === 'DatabaseSync') {
    return loadNodeSqlite(db);
  }
  if (has(db, 'loadExtension', 'parallelize')) return loadSqlite3(db);
  if (has(db, 'loadExtension', 'transaction')) {
    db.loadExtension(path(), ENTRY);
    return undefined;
  }
  throw new TypeError('expected a connection of better-sqlite3, node:sqlite or sqlite3');
}

function kind(value) {
  return value === null ? 'null' : typeof value;
}

function encode(vector) {
  if (typeof vector === 'string' || !has(vector, Symbol.iterator)) {
    throw new TypeError(`expected an array of numbers, got ${kind(vector)}`);
  }
  const numbers = Array.isArray(vector) || ArrayBuffer.isView(vector) ? vector : [...vector];
  if (numbers.length === 0) throw new RangeError('a vector has at least one component');
  const blob = Buffer.alloc(numbers.length * FLOAT_BYTES);
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i];
    if (typeof number !== 'number') {
      throw new TypeError(`component ${i} is of type ${typeof number}, not a number`);
    }
    if (!Number.isFinite(Math.fround(number))) {
      throw new RangeError(`component ${i} is ${number}, not finite as a float32`);
    }
    view.setFloat32(i * FLOAT_BYTES, number, true);
  }
  return blob;
}

function viewOf(blob) {
  // Not instanceof: test runners and node:vm have several classes of the same name.
  if (types.isUint8Array(blob)) return new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  if (types.isAnyArrayBuffer(blob)) return new DataView(blob);
  throw new TypeError(`expected a Buffer, a Uint8Array or an ArrayBuffer, got ${kind(blob)}`);
}

function decode(blob) {
  // A DataView, because a Float32Array over the bytes wants an offset that is a multiple of 4.
  const view = viewOf(blob);
  if (view.byteLength === 0 || view.byteLength % FLOAT_BYTES !== 0) {
    throw new RangeError(`a blob of ${view.byteLength} bytes is not a vector of float32`);
  }
  const vector = new Float32Array(view.byteLength / FLOAT_BYTES);
  for (let i = 0; i < vector.length; i++) vector[i] = view.getFloat32(i * FLOAT_BYTES, true);
  return vector;
}

function version() {
  return require('./package.json').version;
}

module.exports = { decode, encode, load, path, version };
